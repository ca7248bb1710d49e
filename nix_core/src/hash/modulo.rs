//! The hash of contents that name their own store path.

use crate::{
    hash::{Algorithm, Hash, Hasher},
    references::Rewriter,
};

/// What [`ModuloHasher`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashModulo {
    /// The hash of the bytes without the hash part, and of its positions.
    pub hash: Hash,
    /// How many bytes there were.
    pub size: u64,
    /// How often the hash part stood in them.
    pub occurrences: usize,
}

/// Hashes contents modulo the hash part of their own store path.
///
/// Each occurrence of the hash part counts as 32 zero bytes; after the last byte follow `|` and the
/// position of each, in decimal. So the hash does not depend on the path under which the contents
/// were made, and a path can be computed from it. Keeps eight bytes an occurrence.
///
/// # Examples
/// ```
/// use nix_core::hash::{Algorithm, Hash, ModuloHasher};
///
/// let own = b"g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q";
/// let mut hasher = ModuloHasher::new(Algorithm::Sha256, own);
/// hasher.update(b"at /nix/store/");
/// hasher.update(own);
/// let zeroed = [&b"at /nix/store/"[..], &[0; 32], b"|14"].concat();
/// assert_eq!(hasher.finish().hash, Hash::of(Algorithm::Sha256, &zeroed));
/// ```
#[derive(Debug, Clone)]
pub struct ModuloHasher {
    rewriter: Rewriter,
    hasher: Hasher,
    size: u64,
}

impl ModuloHasher {
    /// Begins with no bytes; `hash_part` is that of the path the contents were made under.
    #[must_use]
    pub fn new(algorithm: Algorithm, hash_part: &[u8; 32]) -> Self {
        Self {
            rewriter: Rewriter::new([(*hash_part, [0; 32])]),
            hasher: Hasher::new(algorithm),
            size: 0,
        }
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.size += bytes.len() as u64;
        let hasher = &mut self.hasher;
        self.rewriter
            .update(bytes, |rewritten| hasher.update(rewritten));
    }

    /// Returns the hash of all bytes.
    #[must_use]
    pub fn finish(self) -> HashModulo {
        let Self {
            rewriter,
            mut hasher,
            size,
        } = self;
        let positions = rewriter.finish(|rewritten| hasher.update(rewritten));
        for position in &positions {
            hasher.update(alloc::format!("|{position}").as_bytes());
        }
        let hash = hasher.finish();
        let occurrences = positions.len();
        HashModulo {
            hash,
            size,
            occurrences,
        }
    }
}
