//! What became of inbound records, in numbers.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::records::validate::Reason;

/// How many kinds of refusal there are.
const REASONS: usize = Reason::ALL.len();

/// What became of inbound records since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct InboundMetrics {
    /// Records that were stored, or that stood in the store already.
    pub accepted: u64,
    /// Records that validators took and the store did not.
    pub not_stored: u64,
    /// Records and lookups for which the queue, or the sender's share of it, had no room.
    pub dropped: u64,
    /// Lookups that were answered.
    pub lookups: u64,
    /// Panics of the store or of a callback; those of validators are refusals.
    pub panics: u64,
    /// Records and lookups that wait now.
    pub queued: usize,
    refused: [u64; REASONS],
}

impl InboundMetrics {
    /// Returns how many records were refused for one reason.
    #[must_use]
    pub fn refused(&self, reason: Reason) -> u64 {
        self.refused.get(reason as usize).copied().unwrap_or(0)
    }

    /// Returns how many records were refused.
    #[must_use]
    pub fn refused_total(&self) -> u64 {
        self.refused.iter().sum()
    }
}

/// The counters behind [`InboundMetrics`].
#[derive(Debug, Default)]
pub(super) struct Counts {
    accepted: AtomicU64,
    not_stored: AtomicU64,
    dropped: AtomicU64,
    lookups: AtomicU64,
    panics: AtomicU64,
    refused: [AtomicU64; REASONS],
}

impl Counts {
    pub(super) fn accepted(&self) {
        add(&self.accepted);
    }

    pub(super) fn not_stored(&self) {
        add(&self.not_stored);
    }

    pub(super) fn dropped(&self) {
        add(&self.dropped);
    }

    pub(super) fn lookup(&self) {
        add(&self.lookups);
    }

    pub(super) fn panicked(&self) {
        add(&self.panics);
    }

    pub(super) fn refused(&self, reason: Reason) {
        if let Some(count) = self.refused.get(reason as usize) {
            add(count);
        }
    }

    pub(super) fn metrics(&self, queued: usize) -> InboundMetrics {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        InboundMetrics {
            accepted: read(&self.accepted),
            not_stored: read(&self.not_stored),
            dropped: read(&self.dropped),
            lookups: read(&self.lookups),
            panics: read(&self.panics),
            queued,
            refused: std::array::from_fn(|at| self.refused.get(at).map_or(0, read)),
        }
    }
}

fn add(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}
