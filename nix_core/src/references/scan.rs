//! Finding hash parts in bytes as they come.

use alloc::{vec, vec::Vec};

use super::{
    candidates::Candidates,
    window::{self, LEN},
};

/// How many bytes may begin a window that the next chunk completes.
const TAIL: usize = LEN - 1;

/// Finds which of some hash parts stand in bytes as they come.
///
/// Needs no more memory for more bytes. Of bytes without long runs of base 32, about one in 28 is
/// read, whatever the number of candidates.
///
/// # Examples
/// ```
/// use nix_core::references::ReferenceScanner;
///
/// let (a, b) = (*b"g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q", [b'0'; 32]);
/// let mut scanner = ReferenceScanner::new([a, b]);
/// scanner.update(b"/nix/store/g1w7hy3qg1w7h");
/// scanner.update(b"y3qg1w7hy3qg1w7hy3q-hello/bin/hello");
/// assert_eq!(scanner.found().collect::<Vec<_>>(), [a]);
/// ```
#[derive(Debug, Clone)]
pub struct ReferenceScanner {
    candidates: Candidates,
    found: Vec<bool>,
    /// How many candidates have not been found.
    missing: usize,
    /// The last bytes that have come.
    tail: Vec<u8>,
}

impl ReferenceScanner {
    /// Takes the hash parts to look for; what is not base 32 is never found.
    #[must_use]
    pub fn new(candidates: impl IntoIterator<Item = [u8; LEN]>) -> Self {
        let candidates = Candidates::new(candidates);
        let missing = candidates.len();
        let found = vec![false; missing];
        let tail = Vec::with_capacity(2 * TAIL);
        Self {
            candidates,
            found,
            missing,
            tail,
        }
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        if self.missing == 0 {
            return;
        }
        let mut border = core::mem::take(&mut self.tail);
        border.extend_from_slice(bytes.get(..TAIL).unwrap_or(bytes));
        self.search(&border);
        self.search(bytes);
        match bytes.last_chunk::<TAIL>() {
            Some(tail) => {
                border.clear();
                border.extend_from_slice(tail);
            }
            None => {
                border.drain(..border.len().saturating_sub(TAIL));
            }
        }
        self.tail = border;
    }

    /// Returns what has been found so far, sorted.
    pub fn found(&self) -> impl Iterator<Item = [u8; LEN]> + '_ {
        let parts = self.candidates.parts().iter().zip(&self.found);
        parts.filter_map(|(part, found)| found.then_some(*part))
    }

    /// Returns whether every candidate has been found, so that more bytes change nothing.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.missing == 0
    }

    fn search(&mut self, bytes: &[u8]) {
        window::search(bytes, |_, window| {
            let place = self.candidates.place(window);
            if let Some(found) = place.and_then(|place| self.found.get_mut(place)) {
                self.missing -= usize::from(!*found);
                *found = true;
            }
            false
        });
    }
}
