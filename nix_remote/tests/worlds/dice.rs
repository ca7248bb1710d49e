//! Times, choices and bytes by the dice.

use std::time::Duration;

pub(crate) use crate::rolls::Dice;

pub(crate) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// How many bytes are the same but for the first eight.
const BLOCK: usize = 1024;

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self::salted(seed, 0x3c6e_f372)
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
