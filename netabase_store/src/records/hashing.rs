//! Hash tables whose keys are hashes themselves, or names of peers, which are.

use std::hash::{BuildHasher, Hasher, RandomState};

/// Makes hashers with a secret of their own: places and peers are hashes of what others choose, who
/// can try many until some fall together, but not without the secret.
#[derive(Clone, Debug)]
pub(super) struct Places(u64);

impl Default for Places {
    fn default() -> Self {
        Self(RandomState::new().hash_one(0) | 1)
    }
}

impl BuildHasher for Places {
    type Hasher = PlaceHasher;

    fn build_hasher(&self) -> PlaceHasher {
        PlaceHasher {
            secret: self.0,
            state: 0,
        }
    }
}

/// A multiplication a word.
pub(super) struct PlaceHasher {
    secret: u64,
    state: u64,
}

impl Hasher for PlaceHasher {
    fn write(&mut self, bytes: &[u8]) {
        let mut chunks = bytes.chunks_exact(8);
        for chunk in &mut chunks {
            self.write_u64(chunk.try_into().map_or(0, u64::from_ne_bytes));
        }
        let rest = chunks.remainder().iter();
        self.write_u64(rest.fold(0, |word, byte| (word << 8) | u64::from(*byte)));
    }

    fn write_u64(&mut self, word: u64) {
        let product = u128::from(self.state ^ word) * u128::from(self.secret);
        let half = |bits: u128| u64::try_from(bits & u128::from(u64::MAX)).unwrap_or_default();
        self.state = half(product) ^ half(product >> 64);
    }

    fn write_isize(&mut self, number: isize) {
        self.write_u64(u64::try_from(number).unwrap_or(u64::MAX));
    }

    fn finish(&self) -> u64 {
        self.state
    }
}
