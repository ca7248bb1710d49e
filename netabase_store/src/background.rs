//! The background sync of commits that are to be durable soon.

use std::{
    io,
    sync::{Arc, PoisonError},
    time::Duration,
};

#[cfg(test)]
use crate::schedules::{Bug, planted};
use crate::{
    threads::{Condvar, JoinHandle, Mutex, spawn},
    writer::locked,
};

/// How long a commit may wait for its sync, less the time of a sync.
const DELAY: Duration = Duration::from_millis(250);

/// A thread that syncs a while after it is woken; dropping the handle ends and joins it.
#[derive(Debug)]
pub(crate) struct Background {
    signal: Arc<Signal>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Signal {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    woken: bool,
    ended: bool,
}

impl Background {
    /// Starts the thread, which calls `sync`.
    pub(crate) fn start(sync: impl Fn() + Send + 'static) -> io::Result<Self> {
        let signal = Arc::<Signal>::default();
        let shared = Arc::clone(&signal);
        let thread = spawn("netabase-sync", move || {
            while shared.wait() {
                sync();
            }
        })?;
        Ok(Self {
            signal,
            thread: Some(thread),
        })
    }

    /// Has a sync follow within the delay.
    pub(crate) fn wake(&self) {
        #[cfg(test)]
        if planted(Bug::WakeForgotten) {
            return self.signal.changed.notify_one();
        }
        locked(&self.signal.state).woken = true;
        self.signal.changed.notify_one();
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.signal.end();
        if let Some(thread) = self.thread.take() {
            // The thread does not panic: the seam catches what an engine does.
            drop(thread.join());
        }
    }
}

impl Signal {
    fn end(&self) {
        locked(&self.state).ended = true;
        #[cfg(test)]
        if planted(Bug::EndNotTold) {
            return;
        }
        self.changed.notify_one();
    }

    /// Waits to be woken and then for the delay; returns whether the thread should go on.
    fn wait(&self) -> bool {
        let state = locked(&self.state);
        let state = self
            .changed
            .wait_while(state, |state| !state.woken && !state.ended);
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        state.woken = false;
        let waited = self
            .changed
            .wait_timeout_while(state, DELAY, |state| !state.ended);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        !state.ended
    }
}
