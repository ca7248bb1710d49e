//! What the handles of a record store and its thread share.

use std::sync::{Arc, PoisonError, Weak};

use libp2p_identity::PeerId;
use libp2p_kad::{Record, RecordKey, store};

use super::{
    clock::{Anchor, Clock},
    config::{RecordDurability, RecordStoreConfig},
    load,
    row::{Place, RecordRow, RowKey},
    state::{Busy, Disk, Found, Gathered, State},
    writer::{self, Control},
};
#[cfg(test)]
use crate::schedules::{Bug, planted};
use crate::{
    backends::{Backend, Snapshot},
    error::{Result, StoreError},
    inner::Inner,
    threads::{Condvar, JoinHandle, Mutex, MutexGuard},
    writer::locked,
};

/// What the handles share; the last of them ends the thread.
pub(crate) struct Shared<B: Backend> {
    pub(super) core: Arc<Core<B>>,
    thread: Option<JoinHandle<()>>,
}

/// The record store of a store that is open, or was the last one.
pub(crate) struct OpenRecords<B: Backend> {
    pub(super) handle: Weak<Shared<B>>,
    pub(super) core: Weak<Core<B>>,
}

impl<B: Backend> Default for OpenRecords<B> {
    fn default() -> Self {
        Self {
            handle: Weak::new(),
            core: Weak::new(),
        }
    }
}

/// What the handles and the writing thread share.
pub(super) struct Core<B: Backend> {
    pub(super) inner: Arc<Inner<B>>,
    pub(super) local: PeerId,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) durability: RecordDurability,
    pub(super) is_strict: bool,
    origin: Place,
    pub(super) anchor: Anchor,
    guarded: Mutex<Guarded>,
    /// Work for the thread.
    pub(super) work: Condvar,
    /// A commit has ended.
    pub(super) done: Condvar,
}

pub(super) struct Guarded {
    pub(super) state: State,
    pub(super) control: Control,
}

impl<B: Backend> Shared<B> {
    pub(super) fn open(
        inner: &Arc<Inner<B>>,
        local: PeerId,
        config: RecordStoreConfig,
    ) -> Result<Self> {
        let (clock, durability) = (Arc::clone(&config.clock), config.durability);
        let is_strict = config.strict;
        let state = load::load(inner, local, config)?;
        let core = Arc::new(Core {
            inner: Arc::clone(inner),
            local,
            clock,
            durability,
            is_strict,
            origin: state.origin,
            anchor: state.anchor,
            guarded: Mutex::new(Guarded {
                state,
                control: Control::default(),
            }),
            work: Condvar::new(),
            done: Condvar::new(),
        });
        let thread = writer::start(&core).map_err(|source| StoreError::Io {
            action: "start the thread that writes records to",
            path: inner.path.clone(),
            source,
        })?;
        Ok(Self {
            core,
            thread: Some(thread),
        })
    }
}

impl<B: Backend> Drop for Shared<B> {
    fn drop(&mut self) {
        self.core.lock().control.is_ending = true;
        self.core.work.notify_one();
        // A thread that has begun a write transaction of the store must not wait for what waits for
        // that: it is written down after the transaction.
        let can_wait = self.core.inner.writer.check_holder().is_ok();
        if let Some(thread) = self.thread.take().filter(|_| can_wait) {
            // The thread does not panic: the seam catches what an engine does.
            drop(thread.join());
        }
    }
}

impl<B: Backend> Core<B> {
    pub(super) fn lock(&self) -> MutexGuard<'_, Guarded> {
        locked(&self.guarded)
    }

    pub(super) fn distance(&self, key: &RecordKey) -> Place {
        Place::of(key.as_ref()).xor(self.origin)
    }

    /// Returns up to `limit` records of others that are not nearer than the record of `after`, without
    /// that, and whether there are more.
    pub(super) fn page(
        &self,
        after: Option<&RecordKey>,
        limit: usize,
    ) -> (Vec<(Place, RowKey)>, bool) {
        let after = after.map(|key| self.distance(key).next());
        let mut from = after.unwrap_or(Some(Place::FIRST));
        let guarded = self.lock();
        let mut places = Vec::new();
        while let Some(at) = from.and_then(|from| guarded.state.records.others_at_or_after(from)) {
            if places.len() == limit {
                return (places, true);
            }
            places.extend(guarded.state.record_row(at).map(|row| (at, row)));
            from = at.next();
        }
        (places, false)
    }

    /// Changes something, lets the thread know, and waits for the disk where the durability asks for
    /// that.
    pub(super) fn write<R, E>(
        &self,
        change: impl FnOnce(&mut State) -> Result<R, E>,
    ) -> Result<R, E>
    where
        E: From<Busy>,
    {
        let mut guarded = self.lock();
        let before = guarded.state.gathered();
        let changed = change(&mut guarded.state);
        let after = guarded.state.gathered();
        if after == Gathered::Nothing {
            return changed;
        }
        if self.durability == RecordDurability::Sync && changed.is_ok() {
            return match self.wait(guarded) {
                Ok(()) => changed,
                Err(_) => Err(Busy.into()),
            };
        }
        drop(guarded);
        self.wake(before, after);
        changed
    }

    /// Looks something up, which may set damaged rows aside: they go to disk without being waited for.
    pub(super) fn look<R>(&self, look: impl FnOnce(&mut State) -> R) -> R {
        let mut guarded = self.lock();
        let before = guarded.state.gathered();
        let seen = look(&mut guarded.state);
        let after = guarded.state.gathered();
        drop(guarded);
        self.wake(before, after);
        seen
    }

    /// Wakes the thread when the first row gathers, and when as many have as are worth a commit.
    fn wake(&self, before: Gathered, after: Gathered) {
        #[cfg(test)]
        if planted(Bug::RowsNotTold) {
            return;
        }
        if before < after {
            self.work.notify_one();
        }
    }

    /// Changes what cannot be refused.
    pub(super) fn change(&self, change: impl FnOnce(&mut State)) {
        // The only error is that of the wait for the disk, which the store's health tells of.
        let _ = self.write(|state| {
            change(state);
            Ok::<_, store::Error>(())
        });
    }

    pub(super) fn read_record(&self, at: Place, key: &RecordKey) -> Option<Record> {
        let found = self.lock().state.find(at, key);
        let record = match found {
            Found::Absent => None,
            Found::Record(record) => Some(record),
            Found::Row(row, bytes) => self.decode(row, at, key, &bytes),
            Found::OnDisk(row, changes) => {
                let read = self.with_row(row, |bytes| self.decode(row, at, key, bytes));
                let Ok(read) = read else {
                    self.lock().state.read_failed();
                    return None;
                };
                let record = read.flatten();
                if let Some(record) = &record {
                    self.lock().state.keep(at, changes, record);
                }
                record
            }
        };
        record.filter(|record| {
            self.is_strict || record.expires.is_none_or(|at| self.clock.now() < at)
        })
    }

    /// Makes a record of a row; a damaged one is set aside.
    fn decode(&self, row: RowKey, at: Place, key: &RecordKey, bytes: &[u8]) -> Option<Record> {
        match RecordRow::decode(row, bytes) {
            Ok(decoded) if decoded.key == key.as_ref() => Some(decoded.to_record(&self.anchor)),
            Ok(_) => None,
            Err(why) => {
                self.look(|state| state.set_aside(row, Some(at), self, why));
                None
            }
        }
    }

    /// Returns a row as it will be on disk, without holding the lock meanwhile; none also where the
    /// engine fails, which is counted.
    pub(super) fn row_now(&self, row: RowKey) -> Option<Vec<u8>> {
        let waiting = self
            .lock()
            .state
            .overlay
            .get(row)
            .map(|edit| edit.to_bytes());
        let Ok(bytes) = waiting.map_or_else(|| self.row(row), Ok) else {
            self.lock().state.read_failed();
            return None;
        };
        bytes
    }

    pub(super) fn with_row<R>(
        &self,
        row: RowKey,
        read: impl FnOnce(&[u8]) -> R,
    ) -> Result<Option<R>> {
        let table = self.inner.layout.records();
        self.inner.snapshot()?.get(table, &row.bytes(), read)
    }
}

impl<B: Backend> Disk for Core<B> {
    fn row(&self, row: RowKey) -> Result<Option<Vec<u8>>> {
        self.with_row(row, <[u8]>::to_vec)
    }
}

impl<B: Backend> Core<B> {
    /// Waits until what has gathered by now is committed, and synced unless that is volatile.
    pub(super) fn wait(&self, mut guarded: MutexGuard<'_, Guarded>) -> Result<()> {
        self.inner.writer.check_holder()?;
        let number = guarded.control.number_of_last(&guarded.state);
        #[cfg(test)]
        let number = match planted(Bug::FlushTooEarly) {
            true => guarded.control.done,
            false => number,
        };
        guarded.control.wanted = guarded.control.wanted.max(number);
        self.work.notify_one();
        while guarded.control.done < number {
            if guarded.control.failure.is_some() {
                return Err(self.inner.poisoned().into());
            }
            guarded = self
                .done
                .wait(guarded)
                .unwrap_or_else(PoisonError::into_inner);
        }
        Ok(())
    }

    /// Waits until the thread has ended.
    pub(super) fn wait_for_end(&self) -> Result<()> {
        self.inner.writer.check_holder()?;
        let guarded = self.lock();
        let ended = self
            .done
            .wait_while(guarded, |guarded| !guarded.control.has_ended);
        drop(ended.unwrap_or_else(PoisonError::into_inner));
        Ok(())
    }
}
