//! An engine for reading that nobody works with: it stays open for a moment, in case somebody reads
//! again. One for writing is closed at once, so that its files are whole and others may read them.

use std::{
    ops::Deref,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use super::gate::{Gate, State, locked};

/// How long an engine stays open that nobody works with.
pub(super) const LINGER: Duration = Duration::from_millis(10);

/// A handle's way to an engine. While there is one, the engine may stay open when nobody works with
/// it; it is closed with the handle.
#[derive(Debug)]
pub(super) struct GateHandle(Arc<Gate>);

impl GateHandle {
    pub(super) fn new(gate: Arc<Gate>) -> Self {
        locked(&gate.state).handles += 1;
        Self(gate)
    }
}

impl Deref for GateHandle {
    type Target = Arc<Gate>;

    fn deref(&self) -> &Arc<Gate> {
        let Self(gate) = self;
        gate
    }
}

impl Drop for GateHandle {
    fn drop(&mut self) {
        let Self(gate) = self;
        let mut state = locked(&gate.state);
        state.handles -= 1;
        if state.is_idle() {
            gate.close(&mut state);
        }
    }
}

impl Gate {
    /// Lets an engine be that nobody works with any more: it is closed at once where it can write,
    /// somebody waits for that, or no handle is left, and otherwise when it has not been used for a
    /// moment.
    pub(super) fn rest(self: &Arc<Self>, state: &mut State) {
        if state.writable || state.handles == 0 || state.has_writers_waiting() || self.is_wanted() {
            return self.close(state);
        }
        state.idle_since = Some(Instant::now());
        if !state.has_closer {
            let gate = Arc::clone(self);
            let closer = thread::Builder::new().name("netabase-idle".to_owned());
            match closer.spawn(move || gate.close_after_rest()) {
                Ok(_) => state.has_closer = true,
                // Without it nobody would close the engine.
                Err(_) => self.close(state),
            }
        }
    }

    /// Closes an engine that nobody works with where it is of no use, or another process waits.
    pub(super) fn resume(&self, state: &mut State, writes: bool) {
        if state.is_idle() && (writes || self.is_wanted()) {
            self.close(state);
        }
    }

    /// Closes the files of an engine, and then lets others have their turn.
    pub(super) fn close(&self, state: &mut State) {
        // A database in memory ends with its gate.
        if self.files.is_none() {
            return;
        }
        state.idle_since = None;
        if state.engine.take().is_some()
            && let Some(lock) = &self.lock
        {
            // Where this failed, nobody else would come in: closing the file lets go too, and the
            // next to enter asks for the lock again.
            drop(lock.leave());
        }
    }

    fn close_after_rest(&self) {
        loop {
            let mut state = locked(&self.state);
            let rest = match state.idle_since {
                Some(since) => LINGER.saturating_sub(since.elapsed()),
                // It is in use, or closed.
                None => break state.has_closer = false,
            };
            if rest.is_zero() {
                state.has_closer = false;
                self.close(&mut state);
                break;
            }
            drop(state);
            thread::sleep(rest);
        }
        self.changed.notify_all();
    }

    /// Whether another process waits, or might: without a lock nobody could tell.
    fn is_wanted(&self) -> bool {
        self.lock.as_ref().is_none_or(|lock| lock.is_awaited())
    }
}

impl State {
    /// Whether an engine is open that nobody works with.
    fn is_idle(&self) -> bool {
        self.inside.is_empty() && self.engine.is_some()
    }
}
