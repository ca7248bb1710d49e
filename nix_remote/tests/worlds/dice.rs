//! Numbers that look random, and are the same for the same seed.

use std::time::Duration;

pub(crate) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// How many bytes are the same but for the first eight.
const BLOCK: usize = 1024;

#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x3c6e_f372)
    }

    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// Returns a number below the limit.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.roll() % limit
    }

    /// Whether something happens that does in so many of 100 cases.
    pub(crate) fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    /// Returns bytes of which no two blocks are the same, for less than it costs to roll them all.
    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        let words = (0..BLOCK / 8).flat_map(|_| self.roll().to_le_bytes());
        let block: Vec<u8> = words.collect();
        let mut bytes = Vec::with_capacity(count + BLOCK);
        while bytes.len() < count {
            bytes.extend_from_slice(&self.roll().to_le_bytes());
            bytes.extend_from_slice(&block[8..]);
        }
        bytes.truncate(count);
        bytes
    }
}
