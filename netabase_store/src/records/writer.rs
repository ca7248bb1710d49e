//! The thread that brings rows to disk, many in one commit, and takes out what has expired.

use std::{
    io, mem,
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

use super::{
    config::RecordDurability,
    core::{Core, Guarded},
    overlay::Batch,
    state::{Gathered, State},
};
#[cfg(test)]
use crate::schedules::{Bug, planted};
use crate::{
    Durability,
    backends::{Backend, EditKey, TableEdits, WriteSet},
    error::{NetabaseError, Result},
    threads::{JoinHandle, now, spawn, yield_now},
};

/// How often expired entries are looked for.
const COLLECT_EVERY: Duration = Duration::from_secs(1);

/// How many expired entries are taken out before others get their turn, and how often in a row.
const COLLECT_SLICE: usize = 32;
const COLLECT_SLICES: usize = 32;

/// How long a row waits that no crash has to spare.
const VOLATILE_EVERY: Duration = Duration::from_millis(250);

/// How long the thread sleeps that has nothing to do.
const IDLE: Duration = Duration::from_secs(3600);

/// What the thread is to do, and what it has done. Commits are numbered from 1.
#[derive(Debug, Default)]
pub(super) struct Control {
    /// The number of the last commit that has begun.
    begun: u64,
    /// The number of the last commit that has ended.
    pub(super) done: u64,
    /// The number of the commit that somebody waits for.
    pub(super) wanted: u64,
    /// When the first of the rows that gather came.
    since: Option<Instant>,
    pub(super) failure: Option<NetabaseError>,
    /// When expired entries are looked for next.
    collect_at: Option<Instant>,
    pub(super) is_ending: bool,
    /// Whether the time of the end has been written down.
    has_described: bool,
    pub(super) has_ended: bool,
}

impl Control {
    /// Returns the number of the commit that the last row belongs to.
    pub(super) fn number_of_last(&self, state: &State) -> u64 {
        self.begun + u64::from(state.gathered() > Gathered::Nothing)
    }
}

/// Starts the thread.
pub(super) fn start<B: Backend>(core: &Arc<Core<B>>) -> io::Result<JoinHandle<()>> {
    let core = Arc::clone(core);
    spawn("netabase-records", move || {
        while core.turn() {}
        core.end();
    })
}

/// What comes next.
enum Next {
    Commit(Arc<Batch>),
    Collect,
    End,
}

impl<B: Backend> Core<B> {
    /// Waits for something to do and does it; returns whether there may be more.
    fn turn(&self) -> bool {
        match self.next() {
            Next::Commit(edits) => self.write_down(edits),
            Next::Collect => self.collect(),
            Next::End => return false,
        }
        true
    }

    fn next(&self) -> Next {
        let mut guarded = self.lock();
        loop {
            let Guarded { state, control } = &mut *guarded;
            let now = now();
            let gathered = state.gathered();
            let can_commit = gathered > Gathered::Nothing && control.failure.is_none();
            let commit_at = can_commit.then(|| self.commit_at(control, gathered, now));
            #[cfg(test)]
            if planted(Bug::EndLeavesRows) && control.is_ending {
                return Next::End;
            }
            if commit_at.is_some_and(|at| at <= now) {
                state.describe();
                control.begun += 1;
                control.since = None;
                #[cfg(test)]
                if planted(Bug::DoneBeforeCommit) {
                    control.done = control.begun;
                    self.done.notify_all();
                }
                return Next::Commit(state.overlay.begin());
            }
            if control.is_ending {
                let is_described = mem::replace(&mut control.has_described, true);
                if is_described || control.failure.is_some() || !state.is_time_behind() {
                    return Next::End;
                }
                state.describe();
                continue;
            }
            let has_expiring = state.records.has_expiring() || state.providers.has_expiring();
            let collect_at = has_expiring.then(|| {
                *control
                    .collect_at
                    .get_or_insert_with(|| now + COLLECT_EVERY)
            });
            if collect_at.is_some_and(|at| at <= now) {
                return Next::Collect;
            }
            let wake_at = commit_at.into_iter().chain(collect_at).min();
            let wait = wake_at.map_or(IDLE, |at| at.saturating_duration_since(now));
            let waited = self.work.wait_timeout(guarded, wait);
            guarded = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Returns when the rows that have gathered are to be committed.
    fn commit_at(&self, control: &mut Control, gathered: Gathered, now: Instant) -> Instant {
        let since = *control.since.get_or_insert(now);
        let is_wanted = control.wanted > control.begun || control.is_ending;
        match self.durability {
            _ if is_wanted || gathered == Gathered::Enough => now,
            RecordDurability::Sync => now,
            RecordDurability::Batched(interval) => since + interval,
            RecordDurability::Volatile => since + VOLATILE_EVERY,
        }
    }

    /// Takes out expired entries until none is left or enough waits for the disk.
    fn collect(&self) {
        for _ in 0..COLLECT_SLICES {
            let looked_at = self.lock().state.collect(COLLECT_SLICE, self);
            if looked_at < COLLECT_SLICE {
                let mut guarded = self.lock();
                guarded.state.keep_time();
                guarded.control.collect_at = Some(now() + COLLECT_EVERY);
                return;
            }
            yield_now();
        }
    }

    /// Tells who waits for the end.
    fn end(&self) {
        if self.durability == RecordDurability::Volatile {
            // Nobody is left to hear of a failure; `flush` is for those who want to.
            drop(self.inner.flush());
        }
        self.lock().control.has_ended = true;
        self.done.notify_all();
    }

    /// Commits rows, and tells those who wait.
    fn write_down(&self, edits: Arc<Batch>) {
        let committed = self.commit(&edits);
        let mut guarded = self.lock();
        let Guarded { state, control } = &mut *guarded;
        match committed {
            Ok(()) => {
                control.done = control.begun;
                state.metrics.commits += 1;
                let rows = u64::try_from(edits.len()).unwrap_or(u64::MAX);
                state.metrics.committed_rows += rows;
                state.overlay.end();
            }
            Err(error) => {
                // What could not be written can still be read until the end.
                state.failed = true;
                control.failure = Some(error);
                #[cfg(test)]
                if planted(Bug::FailureNotTold) {
                    return;
                }
            }
        }
        drop(guarded);
        #[cfg(test)]
        if planted(Bug::DoneNotTold) {
            return;
        }
        self.done.notify_all();
        // Freeing many rows takes time, which nobody waits for here.
        if let Some(batch) = Arc::into_inner(edits) {
            let batch = batch.empty();
            self.lock().state.overlay.reuse(batch);
        }
    }

    fn commit(&self, edits: &Batch) -> Result<()> {
        let edits = edits.sorted();
        let edits = edits.map(|(row, value)| (EditKey::from(row.bytes().to_vec()), value));
        let edits: TableEdits = edits.collect();
        let set = WriteSet {
            tables: [(self.inner.layout.records(), Arc::new(edits))].into(),
        };
        let durability = match self.durability {
            RecordDurability::Volatile => Durability::None,
            RecordDurability::Sync | RecordDurability::Batched(_) => Durability::Immediate,
        };
        let guard = self.inner.writer.lock()?;
        self.inner.check_writable()?;
        self.inner.commit(set, durability, guard)
    }
}

#[cfg(test)]
mod tests;
