//! One writer at a time, and writers that share one sync.

use std::sync::{Arc, PoisonError};

#[cfg(test)]
use crate::schedules::{Bug, planted};
use crate::{
    error::{Result, StoreError},
    threads::{Condvar, Mutex, MutexGuard, ThreadId, current},
};

/// The lock of the one writer; it knows its holder, so that a thread is refused what it would
/// wait for in vain.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    state: Mutex<WriterState>,
    free: Condvar,
}

#[derive(Debug, Default)]
struct WriterState {
    holder: Option<ThreadId>,
    waiting: usize,
}

/// The right to write, until dropped.
#[derive(Debug)]
pub(crate) struct WriterGuard {
    writer: Arc<Writer>,
}

impl Writer {
    /// Waits until no other thread writes.
    ///
    /// # Errors
    /// Fails when this thread itself holds the lock.
    pub(crate) fn lock(self: &Arc<Self>) -> Result<WriterGuard> {
        self.check_holder()?;
        let mut state = locked(&self.state);
        state.waiting += 1;
        while state.holder.is_some() {
            #[cfg(test)]
            if planted(Bug::TwoWriters) {
                break;
            }
            state = self
                .free
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.waiting -= 1;
        state.holder = Some(current().id());
        drop(state);
        Ok(WriterGuard {
            writer: Arc::clone(self),
        })
    }

    /// Refuses a thread that holds the lock: it would wait for itself.
    ///
    /// # Errors
    /// Fails when this thread itself holds the lock.
    pub(crate) fn check_holder(&self) -> Result<()> {
        if locked(&self.state).holder == Some(current().id()) {
            return Err(StoreError::WouldDeadlock.into());
        }
        Ok(())
    }
}

impl WriterGuard {
    /// Returns whether another thread waits to write.
    pub(crate) fn is_awaited(&self) -> bool {
        locked(&self.writer.state).waiting > 0
    }
}

impl Drop for WriterGuard {
    fn drop(&mut self) {
        locked(&self.writer.state).holder = None;
        #[cfg(test)]
        if planted(Bug::TurnNotPassedOn) {
            return;
        }
        self.writer.free.notify_one();
    }
}

/// How far commits have come, and how far they are on disk.
///
/// A writer that others wait for commits without a sync and joins the next one here: whoever comes
/// first syncs for all whose commits are visible by then.
#[derive(Debug, Default)]
pub(crate) struct SyncGroup {
    state: Mutex<SyncState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct SyncState {
    applied: u64,
    synced: u64,
    syncing: bool,
    failed: bool,
}

impl SyncGroup {
    /// Counts a visible commit that is not on disk yet, and returns its number.
    pub(crate) fn applied(&self) -> u64 {
        let mut state = locked(&self.state);
        state.applied += 1;
        state.applied
    }

    /// Notes that every visible commit is on disk: the caller, the one writer, has just synced.
    pub(crate) fn all_synced(&self) {
        let mut state = locked(&self.state);
        state.synced = state.applied;
        self.changed.notify_all();
    }

    /// Returns the number of the last visible commit.
    pub(crate) fn last(&self) -> u64 {
        locked(&self.state).applied
    }

    /// Waits until commit `number` is on disk; calls `sync` if nobody else does.
    ///
    /// # Errors
    /// Fails when the sync that covers the commit failed; `failed` then says so to those who only
    /// waited.
    pub(crate) fn wait_for(
        &self,
        number: u64,
        sync: impl Fn() -> Result<()>,
        failed: impl Fn() -> StoreError,
    ) -> Result<()> {
        let mut state = locked(&self.state);
        loop {
            if state.synced >= number {
                return Ok(());
            }
            if state.failed {
                return Err(failed().into());
            }
            if state.syncing {
                state = self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            state.syncing = true;
            let covered = state.applied;
            drop(state);
            let done = sync();
            state = locked(&self.state);
            state.syncing = false;
            #[cfg(test)]
            let covered = match planted(Bug::SyncCoversLater) {
                true => state.applied,
                false => covered,
            };
            match done {
                Ok(()) => state.synced = state.synced.max(covered),
                #[cfg(test)]
                Err(_) if planted(Bug::SyncRetried) => {}
                Err(_) => state.failed = true,
            }
            #[cfg(test)]
            if planted(Bug::OneSyncerWoken) {
                self.changed.notify_one();
                return done;
            }
            self.changed.notify_all();
            done?;
        }
    }
}

/// Locks a mutex whose data no panic can leave half-changed.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    #[cfg(test)]
    if planted(Bug::PoisonObeyed) {
        return mutex.lock().expect("nobody dies with the lock");
    }
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
