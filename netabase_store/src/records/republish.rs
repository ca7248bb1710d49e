//! Announcing own records and provider records again and again, in place of Kademlia's own jobs.
//!
//! Nothing here reads a clock, waits or sends: a [`Republisher`] is polled with the time, reads
//! what is due from a [`Schedule`], and starts queries through [`Publish`].

use std::time::{Duration, Instant};

use libp2p_identity::PeerId;
use xxhash_rust::xxh3::xxh3_64;

use flights::{Flights, Task};
use pace::{Bucket, Jitter};
use replication::Replication;

pub use config::RepublishConfig;
pub use publish::{Outcome, Publish};
pub use schedule::{Announcement, AnnouncementKind, ReplicaPage, Schedule};

mod announce;
mod config;
mod event;
mod flights;
mod pace;
mod publish;
mod replication;
mod schedule;

/// How long to wait before looking again: at the schedule while all that is due is being
/// announced, and at the routing table while it is empty.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// How many overdue announcements are counted.
const BEHIND_MAX: usize = 10_000;

/// Announces what a [`Schedule`] says is due, no faster than a [`RepublishConfig`] allows.
///
/// It replaces the jobs of libp2p's Kademlia, which [`recommended`](super::recommended) turns off.
/// Poll it in the task of the swarm: after every event (handed to
/// [`on_event`](Republisher::on_event) first), after adding to the store, and when the time that
/// `poll` returned has come.
///
/// - Nothing of it needs saving. All due times are in the schedule: what came due while the node
///   was off goes out at the first polls after a start, at the configured pace, earliest first.
///   What was in flight at the end is announced again.
/// - An entry is in flight at most once. It is due again one interval after its announcement
///   ended, give or take the jitter, or after a wait that doubles with each failure.
/// - While no peer is known, nothing is started and nothing counts as failed.
/// - Only records whose publisher is the local node are published; those of other nodes keep their
///   publisher and their expiry when they are replicated.
/// - The outcome of an entry that was removed meanwhile is ignored. So is that of a record whose
///   value has changed since: the new value stays due as the schedule says.
///
/// A call of `poll` costs in proportion to the limits of the configuration, never to the number
/// of entries.
#[derive(Debug)]
pub struct Republisher<P: Publish> {
    local: PeerId,
    config: RepublishConfig,
    bucket: Bucket,
    jitter: Jitter,
    flights: Flights<P::Id>,
    replication: Replication,
    /// While all that is due is in flight, the schedule is not asked before this time.
    look_at: Option<Instant>,
    /// While no peer is known, nothing starts before this time.
    ready_at: Option<Instant>,
    counts: RepublishMetrics,
}

/// What a [`Republisher`] has done since it was made, and what it is at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RepublishMetrics {
    /// Announcements begun.
    pub started: u64,
    /// Announcements that reached enough peers.
    pub succeeded: u64,
    /// Announcements that did not, or were refused by the store, or were given up.
    pub failed: u64,
    /// Announcements whose entry was gone, expired, changed or no longer ours.
    pub skipped: u64,
    /// Records of other nodes that reached at least one peer.
    pub replicated: u64,
    /// Queries that run.
    pub in_flight: usize,
    /// Announcements that are overdue and not in flight, counted up to 10,000.
    pub behind: usize,
}

impl<P: Publish> Republisher<P> {
    /// Makes a republisher for the node `local`.
    ///
    /// The jitter comes from a generator seeded with `local`: nodes differ, and a test repeats.
    #[must_use]
    pub fn new(local: PeerId, config: RepublishConfig) -> Self {
        Self {
            local,
            bucket: Bucket::new(config.new_per_second, config.new_per_poll),
            jitter: Jitter::new(xxh3_64(&local.to_bytes()), config.jitter_percent),
            flights: Flights::new(),
            replication: Replication::new(config.replication_interval),
            look_at: None,
            ready_at: None,
            counts: RepublishMetrics::default(),
            config,
        }
    }

    /// Returns the configuration.
    #[must_use]
    pub fn config(&self) -> &RepublishConfig {
        &self.config
    }

    /// Says whether `id` is a query of this republisher that has not ended.
    #[must_use]
    pub fn is_in_flight(&self, id: P::Id) -> bool {
        self.flights.contains(id)
    }

    /// Returns the counters, and how much is overdue at `now`.
    #[must_use]
    pub fn metrics(&self, now: Instant, schedule: &impl Schedule) -> RepublishMetrics {
        let announcing = self.flights.announcements();
        let overdue = schedule.overdue(now, BEHIND_MAX.saturating_add(announcing));
        RepublishMetrics {
            in_flight: self.in_flight(),
            behind: overdue.saturating_sub(announcing).min(BEHIND_MAX),
            ..self.counts
        }
    }

    /// Starts what is due and allowed, gives up queries whose deadline has passed, and returns when
    /// to poll next at the latest; `None` if nothing is scheduled and nothing runs.
    ///
    /// `now` must not go back from call to call.
    pub fn poll(&mut self, now: Instant, schedule: &impl Schedule, kad: &mut P) -> Option<Instant> {
        self.give_up(now, schedule);
        self.bucket.refill(now);
        self.send_replicas(now, schedule, kad);
        if self.has_work(now, schedule) {
            if kad.is_ready() {
                self.ready_at = None;
                self.announce(now, schedule, kad);
                self.replicate(now, schedule, kad);
            } else {
                self.ready_at = Some(now + LOOK_AGAIN);
            }
        }
        self.next_poll(now, schedule)
    }

    /// Takes in how the query `id` ended. Queries of others, and those given up, are ignored.
    pub fn on_outcome(
        &mut self,
        now: Instant,
        schedule: &impl Schedule,
        id: P::Id,
        outcome: Outcome,
    ) {
        let Some(task) = self.flights.remove(id) else {
            return;
        };
        match (task, outcome) {
            (Task::Announce(announcement, digest), outcome) => {
                self.announced(now, schedule, &announcement, digest, &outcome);
            }
            (Task::Seek(key), Outcome::Closest(peers)) if !peers.is_empty() => {
                self.replication.found(key, peers);
            }
            (Task::Replicate, Outcome::Reached(peers)) if peers > 0 => self.counts.replicated += 1,
            // The next pass comes by again.
            (Task::Seek(_) | Task::Replicate, _) => {}
        }
    }

    fn give_up(&mut self, now: Instant, schedule: &impl Schedule) {
        for task in self.flights.expire(now) {
            if let Task::Announce(announcement, digest) = task {
                self.announced(now, schedule, &announcement, digest, &Outcome::Failed);
            }
        }
    }

    fn in_flight(&self) -> usize {
        self.flights.len() + self.replication.waiting()
    }

    /// Returns how many queries may start.
    fn room(&self) -> usize {
        self.config
            .in_flight_max
            .saturating_sub(self.in_flight())
            .min(self.bucket.available())
    }

    fn has_work(&self, now: Instant, schedule: &impl Schedule) -> bool {
        self.room() > 0 && self.next_start(now, schedule).is_some_and(|at| at <= now)
    }

    /// Returns when there will be something to start, limits aside.
    fn next_start(&self, now: Instant, schedule: &impl Schedule) -> Option<Instant> {
        let own = schedule.next_due().map(|due| {
            if due > now {
                due
            } else {
                self.look_at.unwrap_or(now)
            }
        });
        let start = own.into_iter().chain(self.replication.next(now)).min()?;
        Some(self.ready_at.map_or(start, |at| start.max(at)))
    }

    fn next_poll(&self, now: Instant, schedule: &impl Schedule) -> Option<Instant> {
        let deadline = self.flights.earliest();
        if self.in_flight() >= self.config.in_flight_max {
            return deadline;
        }
        let start = match self.bucket.next(now) {
            Some(allowed) => self.next_start(now, schedule).map(|at| at.max(allowed)),
            None => None,
        };
        start.into_iter().chain(deadline).min()
    }
}

#[cfg(test)]
mod event_tests;
#[cfg(test)]
mod model;
#[cfg(test)]
mod replica_tests;
#[cfg(test)]
mod simulation_tests;
#[cfg(test)]
mod tests;
