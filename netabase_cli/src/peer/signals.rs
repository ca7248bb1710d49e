//! The signals that end a process.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::PeerError;

/// SIGINT and SIGTERM, which from now on end nothing by themselves.
#[derive(Debug)]
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Begins to listen, on a runtime.
    pub(super) fn new() -> Result<Self, PeerError> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).map_err(PeerError::Signals)?,
            terminate: signal(SignalKind::terminate()).map_err(PeerError::Signals)?,
        })
    }

    /// Waits for the next one.
    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
