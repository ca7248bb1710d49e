//! Announcing own entries: what is started, and what their outcomes mean for the schedule.

use std::time::Instant;

use libp2p_kad::{Record, RecordKey, store};
use xxhash_rust::xxh3::xxh3_64;

use super::flights::Task;
use super::pace::{after, backoff};
use super::publish::{Outcome, Publish};
use super::schedule::{Announcement, AnnouncementKind, Schedule};
use super::{LOOK_AGAIN, Republisher};

/// A query that was started, and of a record the digest of its value.
type Begun<I> = (I, Option<u64>);

impl<P: Publish> Republisher<P> {
    pub(super) fn announce(&mut self, now: Instant, schedule: &impl Schedule, kad: &mut P) {
        if self.look_at.is_some_and(|at| at > now) {
            return;
        }
        let room = self.room();
        // What is in flight is still due, and comes first.
        let due = schedule.due(now, self.flights.announcements().saturating_add(room));
        let mut started = 0;
        for announcement in due {
            if started == room {
                break;
            }
            if !self
                .flights
                .is_announcing(announcement.kind, &announcement.key)
            {
                self.start(now, schedule, kad, announcement);
                started += 1;
            }
        }
        self.look_at = (started < room).then(|| now + LOOK_AGAIN);
    }

    fn start(
        &mut self,
        now: Instant,
        schedule: &impl Schedule,
        kad: &mut P,
        announcement: Announcement,
    ) {
        self.bucket.take();
        match self.query(now, schedule, kad, &announcement) {
            Some(Ok((id, digest))) => {
                self.counts.started += 1;
                let task = Task::Announce(announcement, digest);
                self.flights
                    .insert(id, task, after(now, self.config.query_deadline));
            }
            Some(Err(_refused)) => {
                self.counts.failed += 1;
                self.put_off_failed(now, schedule, &announcement);
            }
            // A schedule should not have named it. It must not stay in front of all others.
            None => {
                self.counts.skipped += 1;
                self.put_off_failed(now, schedule, &announcement);
            }
        }
    }

    /// Starts the query for an announcement; `None` if there is no such record of ours.
    fn query(
        &self,
        now: Instant,
        schedule: &impl Schedule,
        kad: &mut P,
        announcement: &Announcement,
    ) -> Option<Result<Begun<P::Id>, store::Error>> {
        let key = &announcement.key;
        match announcement.kind {
            AnnouncementKind::Provider => {
                Some(kad.start_providing(key.clone()).map(|id| (id, None)))
            }
            AnnouncementKind::Record => {
                let record = self.own_record(now, schedule, key)?;
                let digest = xxh3_64(&record.value);
                Some(kad.put_record(record).map(|id| (id, Some(digest))))
            }
        }
    }

    /// Returns the digest of the own record that an announcement is about, as it is now.
    fn digest(
        &self,
        now: Instant,
        schedule: &impl Schedule,
        announcement: &Announcement,
    ) -> Option<u64> {
        match announcement.kind {
            AnnouncementKind::Provider => None,
            AnnouncementKind::Record => {
                let record = self.own_record(now, schedule, &announcement.key)?;
                Some(xxh3_64(&record.value))
            }
        }
    }

    /// Returns the record under `key` if it may be published, as that makes this node its
    /// publisher.
    fn own_record(
        &self,
        now: Instant,
        schedule: &impl Schedule,
        key: &RecordKey,
    ) -> Option<Record> {
        let ours =
            |record: &Record| record.publisher == Some(self.local) && !record.is_expired(now);
        schedule.record(key).filter(ours)
    }

    pub(super) fn announced(
        &mut self,
        now: Instant,
        schedule: &impl Schedule,
        announcement: &Announcement,
        digest: Option<u64>,
        outcome: &Outcome,
    ) {
        if digest != self.digest(now, schedule, announcement) {
            self.counts.skipped += 1;
            return;
        }
        if self.is_enough(announcement.kind, outcome) {
            self.counts.succeeded += 1;
            self.put_off_published(now, schedule, announcement);
        } else {
            self.counts.failed += 1;
            self.put_off_failed(now, schedule, announcement);
        }
    }

    /// Takes in an announcement of an own entry that was not started here.
    pub(super) fn adopt(
        &mut self,
        now: Instant,
        schedule: &impl Schedule,
        kind: AnnouncementKind,
        key: &RecordKey,
        outcome: &Outcome,
    ) {
        if self.flights.is_announcing(kind, key) {
            return;
        }
        let announcement = Announcement {
            kind,
            key: key.clone(),
            failures: 0,
        };
        if self.is_enough(kind, outcome) {
            self.put_off_published(now, schedule, &announcement);
        } else {
            self.put_off_failed(now, schedule, &announcement);
        }
    }

    fn is_enough(&self, kind: AnnouncementKind, outcome: &Outcome) -> bool {
        let needed = match kind {
            AnnouncementKind::Provider => 1,
            AnnouncementKind::Record => self.config.record_peers_min.max(1),
        };
        matches!(outcome, Outcome::Reached(peers) if *peers >= needed)
    }

    fn put_off_published(&mut self, now: Instant, schedule: &impl Schedule, what: &Announcement) {
        let interval = match what.kind {
            AnnouncementKind::Provider => self.config.provider_interval,
            AnnouncementKind::Record => self.config.record_interval,
        };
        let next = after(now, self.jitter.spread(interval));
        schedule.reschedule(what.kind, &what.key, next, true);
    }

    fn put_off_failed(&mut self, now: Instant, schedule: &impl Schedule, what: &Announcement) {
        let failures = what.failures.saturating_add(1);
        let wait = backoff(self.config.retry_min, self.config.retry_max, failures);
        let next = after(now, self.jitter.spread(wait));
        schedule.reschedule(what.kind, &what.key, next, false);
    }
}
