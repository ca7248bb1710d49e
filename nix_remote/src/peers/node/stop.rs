//! The word that a node ends, for work on other threads.

use std::{
    io::{self, Read},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// Tells work on other threads that the node ends.
#[derive(Debug, Clone, Default)]
pub(super) struct Stop(Arc<AtomicBool>);

impl Stop {
    pub(super) fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Fails once the node ends.
    pub(super) fn check(&self) -> io::Result<()> {
        if self.0.load(Ordering::Relaxed) {
            return Err(io::Error::other("the node is shut down"));
        }
        Ok(())
    }

    /// Returns a reader that fails once the node ends.
    pub(super) fn reader<R: Read>(&self, inner: R) -> impl Read + use<R> {
        let stop = self.clone();
        Until { inner, stop }
    }
}

struct Until<R> {
    inner: R,
    stop: Stop,
}

impl<R: Read> Read for Until<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.stop.check()?;
        self.inner.read(into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_ends_when_the_node_does() {
        let stop = Stop::default();
        let mut reader = stop.reader(&b"foo"[..]);
        let mut byte = [0];
        reader.read_exact(&mut byte).unwrap();
        stop.clone().stop();
        assert!(reader.read(&mut byte).is_err());
        assert!(stop.check().is_err());
    }
}
