//! What a record store knows, under its lock: indexes in memory, rows that wait for the disk.

mod collect;
mod providers;
mod record;
mod rows;

use std::collections::HashMap;

use libp2p_identity::PeerId;
use libp2p_kad::Record;

use super::{
    cache::Cache,
    clock::{Anchor, Unix},
    config::RecordStoreConfig,
    health::Metrics,
    index::{Index, Peers, Who},
    overlay::Overlay,
    row::{DESCRIPTION, Description, Number, Place, RowKey},
    schedule::Timetable,
};
use crate::error::Result;
#[cfg(test)]
use crate::schedules::{Bug, planted};

/// The rows on disk.
pub(super) trait Disk {
    /// Returns a row.
    ///
    /// # Errors
    /// Fails when the engine does.
    fn row(&self, row: RowKey) -> Result<Option<Vec<u8>>>;
}

/// How old the time on disk may be on close, in nanoseconds.
const BEHIND: Unix = 1_000_000_000;

/// How old it may be while the store is open, though nothing else is written.
const BEHIND_OPEN: Unix = 600 * BEHIND;

/// How many commits wait for the disk at most: one is written while the next ones gather.
const COMMITS_WAITING: usize = 4;

/// How much has gathered for the next commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Gathered {
    Nothing,
    /// Something that waits for more.
    Some,
    /// As much as is worth a commit.
    Enough,
}

/// Everything under the lock of a record store.
#[derive(Debug)]
pub(super) struct State {
    pub(super) config: RecordStoreConfig,
    pub(super) local: PeerId,
    /// This node's place: indexes hold distances to it.
    pub(super) origin: Place,
    pub(super) anchor: Anchor,
    pub(super) records: Index,
    pub(super) publishers: Peers,
    pub(super) sources: Peers,
    pub(super) providers: Index,
    /// The peers that provide a key, without this node.
    pub(super) provider_peers: Peers,
    /// Those beside the first, of keys that have several.
    pub(super) further_providers: HashMap<Place, Box<[Who]>>,
    pub(super) timetable: Timetable,
    pub(super) overlay: Overlay,
    pub(super) cache: Cache,
    /// The number of the next record.
    pub(super) next_number: Number,
    /// Counts the changes of records, so that what was read before one is not kept as if after it.
    pub(super) changes: u64,
    pub(super) metrics: Metrics,
    /// Whether the disk has failed: nothing more is accepted.
    pub(super) failed: bool,
    /// The time that the description says.
    pub(super) described: Unix,
}

/// Why nothing is accepted at the moment.
pub(super) struct Busy;

impl State {
    pub(super) fn new(config: RecordStoreConfig, local: PeerId, anchor: Anchor) -> Self {
        Self {
            origin: Place::of(&local.to_bytes()),
            anchor,
            records: Index::default(),
            publishers: Peers::default(),
            sources: Peers::default(),
            providers: Index::default(),
            provider_peers: Peers::default(),
            further_providers: HashMap::new(),
            timetable: Timetable::default(),
            overlay: Overlay::default(),
            cache: Cache::new(config.cache_bytes),
            next_number: Number::default(),
            changes: 0,
            metrics: Metrics::default(),
            failed: false,
            described: 0,
            config,
            local,
        }
    }

    pub(super) fn now(&self) -> Unix {
        self.anchor.unix(self.config.clock.now())
    }

    /// Returns the distance of a key from this node.
    pub(super) fn distance(&self, key: &[u8]) -> Place {
        Place::of(key).xor(self.origin)
    }

    /// Returns the last moment at which something of others that comes now may expire.
    pub(super) fn latest_expiry(&self, now: Unix) -> Unix {
        let nanos = u64::try_from(self.config.max_ttl.as_nanos()).unwrap_or(u64::MAX);
        now.saturating_add(nanos)
    }

    /// Returns how much has gathered for the next commit: a part of what may wait is enough, so
    /// that more can gather while it is written.
    pub(super) fn gathered(&self) -> Gathered {
        let (rows, bytes) = self.overlay.gathered();
        let is_enough = rows >= self.config.max_pending_rows / COMMITS_WAITING
            || bytes >= self.config.max_pending_bytes / COMMITS_WAITING;
        match rows {
            0 => Gathered::Nothing,
            _ if is_enough => Gathered::Enough,
            _ => Gathered::Some,
        }
    }

    /// Refuses to take more than the disk keeps up with.
    fn check_accepting(&mut self) -> Result<(), Busy> {
        let (rows, bytes) = self.overlay.load();
        let is_full =
            rows >= self.config.max_pending_rows || bytes >= self.config.max_pending_bytes;
        if is_full {
            self.metrics.refused_busy += 1;
        }
        #[cfg(test)]
        let is_full = is_full && !planted(Bug::BoundIgnored);
        if is_full || self.failed {
            return Err(Busy);
        }
        Ok(())
    }

    /// Returns a row as it will be on disk.
    pub(super) fn row(&self, row: RowKey, disk: &dyn Disk) -> Result<Option<Vec<u8>>> {
        match self.overlay.get(row) {
            Some(edit) => Ok(edit.to_bytes()),
            None => disk.row(row),
        }
    }

    /// Returns whether lives would grow if the clock were set back while the process is away: the
    /// time on disk is old, and something expires.
    pub(super) fn is_time_behind(&self) -> bool {
        self.is_behind(BEHIND)
    }

    fn is_behind(&self, by: Unix) -> bool {
        let has_expiring = self.records.has_expiring() || self.providers.has_expiring();
        has_expiring && self.now() > self.described.saturating_add(by)
    }

    /// Has the time written down if that on disk is old, so that a crash makes lives grow by no more
    /// than its age.
    pub(super) fn keep_time(&mut self) {
        if !self.failed && self.is_behind(BEHIND_OPEN) {
            self.describe();
        }
    }

    /// Has the description written with the next commit.
    pub(super) fn describe(&mut self) {
        let description = Description {
            local: self.local,
            last_seen: self.now(),
        };
        self.described = description.last_seen;
        let row = description.encode();
        self.overlay.set(DESCRIPTION, Some(&row));
    }
}

/// Where a record was found.
pub(super) enum Found {
    /// Nowhere.
    Absent,
    /// In memory.
    Record(Record),
    /// Among the rows that wait for the disk.
    Row(RowKey, Vec<u8>),
    /// On disk, unless it changes: the count of changes was this.
    OnDisk(RowKey, u64),
}

#[cfg(test)]
mod tests;
