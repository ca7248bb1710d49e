//! When the next query may start, and by how much an interval is off.

use std::time::{Duration, Instant};

/// What one query costs, in billionths of itself: a rate of one a second earns one a nanosecond.
const QUERY: u64 = 1_000_000_000;

/// Stands for any time too far away to be told.
const NEVER: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

const JITTER_PERCENT_MAX: u32 = 50;

/// A token bucket: `per_second` queries on average, `burst` at once.
#[derive(Debug)]
pub(super) struct Bucket {
    per_second: u64,
    full: u64,
    credit: u64,
    refilled: Option<Instant>,
}

impl Bucket {
    pub(super) fn new(per_second: u32, burst: u32) -> Self {
        let full = u64::from(burst) * QUERY;
        Self {
            per_second: per_second.into(),
            full,
            credit: full,
            refilled: None,
        }
    }

    /// Adds what has been earned since the last call.
    pub(super) fn refill(&mut self, now: Instant) {
        let since = self
            .refilled
            .map_or(Duration::ZERO, |last| now.saturating_duration_since(last));
        let nanos = u64::try_from(since.as_nanos()).unwrap_or(u64::MAX);
        let earned = nanos.saturating_mul(self.per_second);
        self.credit = self.credit.saturating_add(earned).min(self.full);
        // A clock that stood still or went back earns nothing, and nothing twice.
        self.refilled = self.refilled.max(Some(now));
    }

    /// Returns how many queries may start now.
    pub(super) fn available(&self) -> usize {
        if self.per_second == 0 {
            return 0;
        }
        usize::try_from(self.credit / QUERY).unwrap_or(usize::MAX)
    }

    /// Pays for one query.
    pub(super) fn take(&mut self) {
        self.credit = self.credit.saturating_sub(QUERY);
    }

    /// Returns when a query may start, `None` if never.
    pub(super) fn next(&self, now: Instant) -> Option<Instant> {
        if self.per_second == 0 || self.full == 0 {
            return None;
        }
        let missing = QUERY.saturating_sub(self.credit);
        Some(now + Duration::from_nanos(missing.div_ceil(self.per_second)))
    }
}

/// Spreads intervals: a generator (SplitMix64) that needs no source of randomness, as nobody gains
/// by guessing it.
#[derive(Debug)]
pub(super) struct Jitter {
    state: u64,
    percent: u32,
}

impl Jitter {
    pub(super) fn new(seed: u64, percent: u32) -> Self {
        Self {
            state: seed,
            percent: percent.min(JITTER_PERCENT_MAX),
        }
    }

    /// Returns `interval`, give or take the configured part of it.
    pub(super) fn spread(&mut self, interval: Duration) -> Duration {
        let span = interval / 100 * self.percent;
        let width = u64::try_from(span.as_nanos().saturating_mul(2)).unwrap_or(u64::MAX);
        let scaled = (u128::from(self.next()) * u128::from(width)) >> 64;
        let offset = Duration::from_nanos(u64::try_from(scaled).unwrap_or(width));
        interval.saturating_sub(span).saturating_add(offset)
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// Returns the wait after `failures` in a row: `min`, doubled with each after the first.
pub(super) fn backoff(min: Duration, max: Duration, failures: u16) -> Duration {
    let doublings = u32::from(failures.saturating_sub(1)).min(31);
    min.saturating_mul(1 << doublings).min(max)
}

/// Returns the time `wait` after `now`.
pub(super) fn after(now: Instant, wait: Duration) -> Instant {
    now.checked_add(wait).unwrap_or_else(|| now + NEVER)
}
