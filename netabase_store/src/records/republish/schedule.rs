//! What is to be announced and when: the persistent side of republishing.

use std::time::{Duration, Instant};

use libp2p_kad::{Record, RecordKey};

/// What an announcement tells other nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum AnnouncementKind {
    /// That the local node provides the key.
    Provider,
    /// A record that the local node published.
    Record,
}

/// An own provider record or record whose time to be announced has come.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Announcement {
    /// What is announced.
    pub kind: AnnouncementKind,
    /// The key it is announced under.
    pub key: RecordKey,
    /// How often in a row announcing it has failed.
    pub failures: u16,
}

/// A part of the records of other nodes, in the order of their keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReplicaPage {
    /// The keys among those looked at whose records are to be replicated.
    pub keys: Vec<RecordKey>,
    /// The last key looked at, after which the next page begins; `None` at the end of the store.
    pub next: Option<RecordKey>,
}

/// Says when own records and provider records are due; a record store implements it.
///
/// It holds all state of a [`Republisher`](super::Republisher) that outlives a restart. A
/// republisher calls it from within `poll`, so no call may wait or take time in proportion to the
/// size of the store.
///
/// **Announcing is not changing.** Kademlia writes what it announces to the store once more
/// (`add_provider`, `put`), with the same provider, value and publisher. An implementation must
/// leave the due time and the failures of such an entry as they are.
pub trait Schedule {
    /// Returns up to `limit` announcements that are due at `now`, the earliest due first.
    ///
    /// Only own provider records and records whose publisher is the local node are announced.
    fn due(&self, now: Instant, limit: usize) -> Vec<Announcement>;

    /// Returns the earliest due time of all, which may have passed, or `None` if there is nothing
    /// to announce.
    fn next_due(&self) -> Option<Instant>;

    /// Counts what is due at `now`, up to `limit`.
    fn overdue(&self, now: Instant, limit: usize) -> usize;

    /// Sets when the entry is due next, durably. `published` says whether the last announcement
    /// reached the network: it ends a row of failures, otherwise the row is one longer.
    ///
    /// An entry that is not there (any more) is left absent.
    fn reschedule(&self, kind: AnnouncementKind, key: &RecordKey, next: Instant, published: bool);

    /// Returns the record under `key`, whoever published it.
    fn record(&self, key: &RecordKey) -> Option<Record>;

    /// Looks at up to `limit` records of other nodes whose keys are greater than `after`, and
    /// returns those that nobody sent within `quiet` before `now`.
    ///
    /// Whoever sent a record sent it to the other nodes that are close to its key too, so one
    /// that has just come needs no replication.
    fn to_replicate(
        &self,
        now: Instant,
        quiet: Duration,
        after: Option<&RecordKey>,
        limit: usize,
    ) -> ReplicaPage;
}
