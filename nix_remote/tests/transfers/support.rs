//! Blobs to begin with.

use nix_remote::peers::transfer::{Blob, BlobHasher, GroupRange};

pub(crate) const GROUP: usize = 64 * 1024;

/// A blob with its bytes and its outboard.
pub(crate) struct Held {
    pub(crate) blob: Blob,
    pub(crate) bytes: Vec<u8>,
    pub(crate) outboard: Vec<u8>,
}

/// Returns bytes no two groups of which are the same.
pub(crate) fn bytes(size: usize) -> Vec<u8> {
    let mut dice = Dice::new(size as u64);
    let pattern: Vec<u8> = (0..GROUP / 8)
        .flat_map(|_| dice.roll().to_le_bytes())
        .collect();
    let mut bytes = Vec::with_capacity(size + GROUP);
    for group in 0..size.div_ceil(GROUP) as u64 {
        bytes.extend_from_slice(&(group + 1).to_le_bytes());
        bytes.extend_from_slice(&pattern[8..]);
    }
    bytes.truncate(size);
    bytes
}

pub(crate) fn held(size: usize) -> Held {
    let bytes = bytes(size);
    let mut hasher = BlobHasher::new(Vec::new());
    hasher.update(&bytes).unwrap();
    let (blob, outboard) = hasher.finish().unwrap();
    Held {
        blob,
        bytes,
        outboard,
    }
}

pub(crate) fn range(first: u32, count: u8) -> GroupRange {
    GroupRange::new(first, count).unwrap()
}

/// Sizes on both sides of where trees change their form.
pub(crate) fn sizes() -> Vec<usize> {
    let groups = [1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 20, 31, 33];
    let around = |groups: usize| [groups * GROUP - 1, groups * GROUP, groups * GROUP + 1];
    let small = [1, 1023, 1024, 1025, GROUP / 2 + 7];
    small
        .into_iter()
        .chain(groups.into_iter().flat_map(around))
        .collect()
}

pub(crate) use crate::dice::Dice;

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self::salted(seed, 0x5bf0_3635)
    }
}
