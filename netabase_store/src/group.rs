//! Group commit: single writes that wait for one another become one commit of the engine.
//!
//! A writer that others wait for leaves its edits to the next one, which plans on top of them. The
//! last in line, or the one that fills the group, applies the edits of all as one commit, and each
//! write returns after it. A transaction of the user never holds the edits of others: it applies
//! them before it begins.

use std::{
    mem,
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use crate::{
    backends::{Backend, WriteSet},
    error::{Result, StoreError},
    inner::{Durability, Inner},
    txn::WriteCore,
    writer::{WriterGuard, locked},
};

/// How many writes share a commit at most.
const MEMBERS_MAX: u64 = 256;

/// The group that is being gathered, and how far groups have come.
#[derive(Debug, Default)]
pub(crate) struct Group {
    /// Touched by the holder of the writer's lock only.
    gathered: Mutex<Members>,
    finished: Mutex<Finished>,
    changed: Condvar,
    begun: AtomicU64,
    last_count: AtomicU64,
}

/// The writes of one group.
#[derive(Debug, Default)]
pub(crate) struct Members {
    set: WriteSet,
    number: u64,
    count: u64,
    sync: bool,
}

#[derive(Debug, Default)]
struct Finished {
    number: u64,
    failed: bool,
}

impl Group {
    /// Takes over the group that is being gathered, or starts one.
    fn take(&self) -> Members {
        let mut members = mem::take(&mut *locked(&self.gathered));
        if members.count == 0 {
            members.number = self.begun.fetch_add(1, Ordering::Relaxed) + 1;
        }
        members
    }

    fn finish(&self, number: u64, count: u64, is_applied: bool) {
        self.last_count.store(count, Ordering::Relaxed);
        let mut finished = locked(&self.finished);
        if is_applied {
            finished.number = number;
        } else {
            finished.failed = true;
        }
        self.changed.notify_all();
    }

    fn wait_for(&self, number: u64, failed: impl Fn() -> StoreError) -> Result<()> {
        let mut finished = locked(&self.finished);
        loop {
            if finished.number >= number {
                return Ok(());
            }
            if finished.failed {
                return Err(failed().into());
            }
            finished = self
                .changed
                .wait(finished)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Returns whether another writer will take the group over. The members of a group just
    /// applied are on their way back: they get a moment to arrive.
    fn is_awaited(&self, guard: &WriterGuard) -> bool {
        if !guard.is_awaited() && self.last_count.load(Ordering::Relaxed) > 1 {
            thread::yield_now();
        }
        guard.is_awaited()
    }
}

impl<B: Backend> Inner<B> {
    /// Makes one write, which shares its commit with others that come at the same time.
    pub(crate) fn write_one<R>(
        self: &Arc<Self>,
        work: impl FnOnce(&WriteCore<B>) -> Result<R>,
    ) -> Result<R> {
        self.check_writable()?;
        let guard = self.writer.lock()?;
        let members = self.group.take();
        let mut turn = Turn {
            inner: self,
            guard: Some(guard),
            members,
        };
        self.check_writable()?;
        let done = turn.work(work)?;
        let number = turn.join();
        turn.end()?;
        self.group.wait_for(number, || self.poisoned())?;
        if self.durability == Durability::Eventual {
            self.sync_soon()?;
        }
        Ok(done)
    }

    /// Applies the group that is being gathered: a transaction of the user may take its time.
    pub(crate) fn settle_group(&self) -> Result<()> {
        let members = self.group.take();
        if members.count == 0 {
            return Ok(());
        }
        self.apply_group(members)
    }

    fn apply_group(&self, members: Members) -> Result<()> {
        let Members {
            mut set,
            number,
            count,
            sync,
        } = members;
        set.tables.retain(|_, edits| !edits.is_empty());
        let applied = match self.check_writable() {
            Ok(()) if set.tables.is_empty() => {
                if sync {
                    self.flush()
                } else {
                    Ok(())
                }
            }
            Ok(()) => self.apply(set, sync).map(drop),
            Err(error) => Err(error),
        };
        self.group.finish(number, count, applied.is_ok());
        applied
    }
}

/// A writer's turn, with the writes that were left to it; it always passes them on.
struct Turn<'a, B: Backend> {
    inner: &'a Arc<Inner<B>>,
    guard: Option<WriterGuard>,
    members: Members,
}

impl<B: Backend> Turn<'_, B> {
    /// Runs `work` on top of the edits of the others; what it edits before it fails is taken back.
    fn work<R>(&mut self, work: impl FnOnce(&WriteCore<B>) -> Result<R>) -> Result<R> {
        let base = self.inner.snapshot()?;
        let set = mem::take(&mut self.members.set);
        let core = WriteCore::over(Arc::clone(self.inner), base, set);
        let lent = Lent {
            set: &mut self.members.set,
            core: Some(core),
        };
        let core = lent
            .core
            .as_ref()
            .expect("the core leaves only when the loan ends");
        core.all_or_nothing(|| work(core))
    }

    /// Counts this write in and returns the group's number.
    fn join(&mut self) -> u64 {
        self.members.count += 1;
        self.members.sync |= self.inner.durability == Durability::Immediate;
        self.members.number
    }

    /// Leaves the group to who waits, or applies it.
    fn end(&mut self) -> Result<()> {
        let Some(guard) = self.guard.take() else {
            return Ok(());
        };
        let members = mem::take(&mut self.members);
        let group = &self.inner.group;
        if members.count == 0 {
            return Ok(());
        }
        if members.count < MEMBERS_MAX && group.is_awaited(&guard) {
            *locked(&group.gathered) = members;
            return Ok(());
        }
        self.inner.apply_group(members)
    }
}

impl<B: Backend> Drop for Turn<'_, B> {
    fn drop(&mut self) {
        // A write that failed or panicked: the others hear of a failure to apply theirs.
        drop(self.end());
    }
}

/// The edits of a group while a write works on them; they come back however it ends.
struct Lent<'a, B: Backend> {
    set: &'a mut WriteSet,
    core: Option<WriteCore<B>>,
}

impl<B: Backend> Drop for Lent<'_, B> {
    fn drop(&mut self) {
        if let Some(core) = self.core.take() {
            *self.set = core.into_set();
        }
    }
}
