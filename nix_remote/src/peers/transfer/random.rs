//! Numbers that look random, and are the same for the same seed.

use std::time::Duration;

/// SplitMix64; spreads what waits, and keeps nothing secret.
#[derive(Debug, Clone)]
pub(super) struct Random(u64);

impl Random {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns a time from `wait` up to half as much again.
    pub(super) fn spread(&mut self, wait: Duration) -> Duration {
        let share = u32::try_from(self.next() >> 33).expect("31 bits");
        wait + wait / 2 * (share / (1 << 15)) / (1 << 16)
    }

    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }
}
