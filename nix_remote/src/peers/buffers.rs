//! Memory for messages, used again.

use std::sync::{Arc, Mutex, PoisonError};

/// How many are kept.
#[cfg(any(test, feature = "peers"))]
const KEPT_MAX: usize = 16;

/// For how many bytes of a message memory is taken before any of them has come.
pub(crate) const FIRST_BYTES: usize = 4096;

/// Memory for messages: what is put back is taken again as it is, so that no zeros are written where
/// other bytes follow at once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Buffers(Arc<Mutex<Vec<Vec<u8>>>>);

impl Buffers {
    /// Returns so many bytes, whatever they are: the caller writes them all, or cuts off the rest.
    pub(crate) fn take(&self, length: usize) -> Vec<u8> {
        let mut buffer = self.with(Vec::pop).unwrap_or_default();
        buffer.resize(length, 0);
        buffer
    }

    /// Keeps memory that is not needed any more.
    #[cfg(any(test, feature = "peers"))]
    pub(crate) fn put(&self, buffer: Vec<u8>) {
        self.with(|kept| {
            if kept.len() < KEPT_MAX {
                kept.push(buffer);
            }
        });
    }

    /// Whoever panicked has left nothing half done.
    fn with<R>(&self, act: impl FnOnce(&mut Vec<Vec<u8>>) -> R) -> R {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_used_again_as_it_is_and_no_more_is_kept_than_may_be() {
        let buffers = Buffers::default();
        buffers.clone().put(vec![7; 100]);
        let taken = buffers.take(101);
        assert_eq!(taken, [vec![7; 100], vec![0]].concat());
        assert_eq!(buffers.take(3), [0; 3]);
        for _ in 0..=KEPT_MAX {
            buffers.put(vec![0; 3]);
        }
        assert_eq!(buffers.with(|kept| kept.len()), KEPT_MAX);
    }
}
