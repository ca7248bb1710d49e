//! Replacing hash parts in bytes as they come.

use alloc::vec::Vec;

use super::window::{self, LEN};

/// How many bytes are copied and searched at once.
const PIECE_BYTES: usize = 64 * 1024;

/// Replaces hash parts by others in bytes as they come.
///
/// Where two of them overlap in the bytes, the first one from the left is replaced. Keeps at most
/// 64 KiB of the bytes, and eight bytes for each replacement.
///
/// # Examples
/// ```
/// use nix_core::references::Rewriter;
///
/// let (old, new) = (*b"g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q", [b'0'; 32]);
/// let mut rewriter = Rewriter::new([(old, new)]);
/// let mut written = Vec::new();
/// rewriter.update(b"to: g1w7hy3qg1w7hy3q", |bytes| written.extend_from_slice(bytes));
/// rewriter.update(b"g1w7hy3qg1w7hy3q.", |bytes| written.extend_from_slice(bytes));
/// let positions = rewriter.finish(|bytes| written.extend_from_slice(bytes));
/// assert_eq!(written, b"to: 00000000000000000000000000000000.");
/// assert_eq!(positions, [4]);
/// ```
#[derive(Debug, Clone)]
pub struct Rewriter {
    /// Invariant: sorted by what is replaced, each once.
    replacements: Vec<([u8; LEN], [u8; LEN])>,
    /// What has come and not been passed on: a match may begin in it.
    held: Vec<u8>,
    /// How many bytes have been passed on.
    passed: u64,
    positions: Vec<u64>,
}

impl Rewriter {
    /// Takes pairs of what is to be replaced and by what; of equal ones the last one counts.
    ///
    /// What is not base 32 is never found.
    #[must_use]
    pub fn new(replacements: impl IntoIterator<Item = ([u8; LEN], [u8; LEN])>) -> Self {
        let mut replacements: Vec<_> = replacements.into_iter().collect();
        replacements.reverse();
        replacements.sort_by_key(|(from, _)| *from);
        replacements.dedup_by_key(|(from, _)| *from);
        let (held, positions) = (Vec::new(), Vec::new());
        Self {
            replacements,
            held,
            passed: 0,
            positions,
        }
    }

    /// Takes the next bytes, and passes on what is certain.
    pub fn update(&mut self, bytes: &[u8], mut pass: impl FnMut(&[u8])) {
        for piece in bytes.chunks(PIECE_BYTES) {
            self.held.extend_from_slice(piece);
            let done = self.replace();
            if let Some(done @ [_, ..]) = self.held.get(..done) {
                pass(done);
            }
            self.held.drain(..done);
            self.passed += done as u64;
        }
    }

    /// Passes on the last bytes, and returns the positions of what was replaced, in order.
    pub fn finish(self, mut pass: impl FnMut(&[u8])) -> Vec<u64> {
        if !self.held.is_empty() {
            pass(&self.held);
        }
        self.positions
    }

    /// Returns the positions of what has been replaced so far, in order.
    #[must_use]
    pub fn positions(&self) -> &[u64] {
        &self.positions
    }

    /// Replaces in the held bytes, and returns how many of them can no longer change.
    fn replace(&mut self) -> usize {
        let mut matches = Vec::new();
        window::search(&self.held, |at, window| {
            let replaced = self
                .replacements
                .binary_search_by_key(&window, |(from, _)| from);
            if let Ok(which) = replaced {
                matches.push((at, which));
            }
            replaced.is_ok()
        });
        let mut done = self.held.len().saturating_sub(LEN - 1);
        for (at, which) in matches {
            let place = self.held.get_mut(at..at + LEN);
            if let (Some(place), Some((_, to))) = (place, self.replacements.get(which)) {
                place.copy_from_slice(to);
            }
            self.positions.push(self.passed + at as u64);
            done = done.max(at + LEN);
        }
        done
    }
}
