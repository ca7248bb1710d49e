//! How a record store is, and what it has done.

/// What a record store has done since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metrics {
    /// Records that were asked for.
    pub gets: u64,
    /// Records that were found in the cache.
    pub cached: u64,
    /// Writes that were refused because too much waited for the disk.
    pub refused_busy: u64,
    /// Records and providers that were refused because a limit was reached.
    pub refused_full: u64,
    /// Records that were refused because of their size.
    pub refused_large: u64,
    /// Entries that had expired and were taken out.
    pub collected: u64,
    /// Entries that were taken out to make room for nearer ones.
    pub evicted: u64,
    /// Damaged rows that were set aside.
    pub set_aside: u64,
    /// Reads that the engine failed.
    pub read_errors: u64,
    /// Commits to the engine.
    pub commits: u64,
    /// Rows in those commits.
    pub committed_rows: u64,
}

/// How a record store is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// Why it takes nothing any more: what the engine said when a commit failed.
    pub failure: Option<String>,
    /// How many records there are, this node's among them.
    pub records: usize,
    /// How many of them are this node's.
    pub own_records: usize,
    /// How many keys have providers.
    pub provided_keys: usize,
    /// How many of them this node provides.
    pub own_provided_keys: usize,
    /// How many announcements there are.
    pub announcements: usize,
    /// How many of them are due by now.
    pub overdue_announcements: usize,
    /// How many rows wait for the disk.
    pub pending_rows: usize,
    /// What it has done.
    pub metrics: Metrics,
}

impl Health {
    /// Returns whether the disk has not failed.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.failure.is_none()
    }
}
