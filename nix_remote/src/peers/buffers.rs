//! Memory for messages, used again.

use std::sync::{Arc, Mutex, PoisonError};

/// How many are kept.
#[cfg(any(test, feature = "peers"))]
const KEPT_MAX: usize = 16;

/// For how many bytes of a message memory is taken before any of them has come.
const FIRST_BYTES: usize = 4096;

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

/// What has come of a message, and memory for what comes next: for [`FIRST_BYTES`], and for all that may
/// come once those have. So nobody takes memory by announcing a length.
#[derive(Debug)]
pub(crate) struct Growing {
    /// What has come, and behind it whatever is in the memory.
    bytes: Vec<u8>,
    length: usize,
    most: usize,
    buffers: Buffers,
}

impl Growing {
    /// Begins with a message of so many bytes at most.
    pub(crate) const fn new(most: usize, buffers: Buffers) -> Self {
        Self {
            bytes: Vec::new(),
            length: 0,
            most,
            buffers,
        }
    }

    /// Takes what has come as a whole.
    pub(crate) fn of(bytes: Vec<u8>) -> Self {
        Self {
            length: bytes.len(),
            most: bytes.len(),
            bytes,
            buffers: Buffers::default(),
        }
    }

    /// Returns where the next bytes are to be put: none once as many have come as may.
    pub(crate) fn space(&mut self) -> &mut [u8] {
        if self.length == self.bytes.len() && self.length < self.most {
            let mut bytes = match self.length {
                0 => vec![0; self.most.min(FIRST_BYTES)],
                _ => self.buffers.take(self.most),
            };
            if let Some(begin) = bytes.get_mut(..self.length) {
                begin.copy_from_slice(&self.bytes);
            }
            self.bytes = bytes;
        }
        self.bytes.get_mut(self.length..).unwrap_or_default()
    }

    /// Takes note that so many bytes were put to the begin of the space.
    pub(crate) fn arrived(&mut self, bytes: usize) {
        self.length = self.bytes.len().min(self.length + bytes);
    }

    /// Returns what has come.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// Ends with what has come.
    pub(crate) fn into_bytes(mut self) -> Vec<u8> {
        self.bytes.truncate(self.length);
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_for_all_is_taken_once_4_kib_have_come() {
        let mut growing = Growing::new(10_000, Buffers::default());
        assert_eq!(growing.space().len(), 4096);
        growing.space().fill(1);
        growing.arrived(4095);
        assert_eq!(growing.space().len(), 1);
        growing.arrived(1);
        assert_eq!(growing.space().len(), 10_000 - 4096);
        growing.space().fill(2);
        growing.arrived(10_000);
        assert!(growing.space().is_empty());
        assert_eq!(growing.bytes().len(), 10_000);
        let bytes = growing.into_bytes();
        assert_eq!(bytes, [vec![1; 4096], vec![2; 10_000 - 4096]].concat());

        let mut short = Growing::new(3, Buffers::default());
        assert_eq!(short.space().len(), 3);
        short.arrived(2);
        assert_eq!(short.into_bytes(), [0, 0]);
    }

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
