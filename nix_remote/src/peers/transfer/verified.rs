//! Groups that were verified, in the memory of the proof that they came with.

use std::ops::Range;

/// Groups that were verified, and the hashes that proved them; to be written.
///
/// Invariant: there is at least one group, and all together have at most 1 MiB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    pub(in crate::peers) proof: Vec<u8>,
    /// Each with its place in the blob and in the proof.
    pub(in crate::peers) groups: Vec<(u64, Range<usize>)>,
    pub(in crate::peers) pairs: Vec<(u64, [u8; 64])>,
}

impl Verified {
    /// Iterates over the groups, each with its place in the blob.
    pub fn groups(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let groups = self.groups.iter();
        groups.filter_map(|(offset, place)| Some((*offset, self.proof.get(place.clone())?)))
    }

    /// Returns the hashes, two of 32 bytes at a time, with their places in the outboard: what
    /// proves the groups to others.
    #[must_use]
    pub fn pairs(&self) -> &[(u64, [u8; 64])] {
        &self.pairs
    }

    /// Returns the memory, to be used again once all is written.
    #[must_use]
    pub fn into_memory(self) -> Vec<u8> {
        self.proof
    }
}
