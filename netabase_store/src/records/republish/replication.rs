//! Passes over the records of other nodes, a page at a time.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use libp2p_identity::PeerId;
use libp2p_kad::{K_VALUE, Record, RecordKey};

use super::Republisher;
use super::flights::Task;
use super::pace::{Jitter, after};
use super::publish::Publish;
use super::schedule::Schedule;

/// How many records one page looks at.
const PAGE: usize = 64;

/// Pause between two pages, so that a pass with nothing to do does not take the whole thread.
const PAGE_PAUSE: Duration = Duration::from_millis(100);

/// The state of the current pass, and when the next one begins.
#[derive(Debug)]
pub(super) struct Replication {
    interval: Option<Duration>,
    /// When the next page may be read; the first one of a pass if `after` is `None`.
    page_at: Option<Instant>,
    /// When the pass that follows the current one begins.
    next_pass: Option<Instant>,
    after: Option<RecordKey>,
    keys: VecDeque<RecordKey>,
    /// Records whose closest peers have been found.
    found: VecDeque<(RecordKey, Vec<PeerId>)>,
}

impl Replication {
    pub(super) fn new(interval: Option<Duration>) -> Self {
        Self {
            interval,
            page_at: None,
            next_pass: None,
            after: None,
            keys: VecDeque::new(),
            found: VecDeque::new(),
        }
    }

    /// Returns the next record whose closest peers are to be looked for. Reads at most one page.
    pub(super) fn next_key(
        &mut self,
        now: Instant,
        schedule: &impl Schedule,
        jitter: &mut Jitter,
    ) -> Option<RecordKey> {
        let interval = self.interval?;
        if self.keys.is_empty() && self.page_at.is_none_or(|at| at <= now) {
            self.read_page(now, interval, schedule, jitter);
        }
        self.keys.pop_front()
    }

    fn read_page(
        &mut self,
        now: Instant,
        interval: Duration,
        schedule: &impl Schedule,
        jitter: &mut Jitter,
    ) {
        if self.after.is_none() {
            self.next_pass = Some(after(now, jitter.spread(interval)));
        }
        let page = schedule.to_replicate(now, interval, self.after.as_ref(), PAGE);
        self.keys.extend(page.keys.into_iter().take(PAGE));
        self.after = page.next;
        let pause = now + PAGE_PAUSE;
        let pass_is_over = self.after.is_none();
        self.page_at = Some(if pass_is_over {
            self.next_pass.unwrap_or(pause).max(pause)
        } else {
            pause
        });
    }

    /// Returns when there will be something to start, `None` if never.
    pub(super) fn next(&self, now: Instant) -> Option<Instant> {
        self.interval?;
        if self.keys.is_empty() {
            Some(self.page_at.map_or(now, |at| at.max(now)))
        } else {
            Some(now)
        }
    }

    /// Keeps the peers a record is to be sent to.
    pub(super) fn found(&mut self, key: RecordKey, mut peers: Vec<PeerId>) {
        peers.truncate(K_VALUE.get());
        self.found.push_back((key, peers));
    }

    /// Returns how many records wait to be sent.
    pub(super) fn waiting(&self) -> usize {
        self.found.len()
    }

    pub(super) fn next_found(&mut self) -> Option<(RecordKey, Vec<PeerId>)> {
        self.found.pop_front()
    }
}

impl<P: Publish> Republisher<P> {
    pub(super) fn replicate(&mut self, now: Instant, schedule: &impl Schedule, kad: &mut P) {
        while self.room() > 0 {
            let Some(key) = self.replication.next_key(now, schedule, &mut self.jitter) else {
                return;
            };
            self.bucket.take();
            let id = kad.get_closest_peers(&key);
            self.flights
                .insert(id, Task::Seek(key), after(now, self.config.query_deadline));
        }
    }

    /// Sends the records whose closest peers are known; they keep their place among the queries.
    pub(super) fn send_replicas(&mut self, now: Instant, schedule: &impl Schedule, kad: &mut P) {
        while let Some((key, peers)) = self.replication.next_found() {
            // One without an expiry would get a new life with each pass.
            let foreign = |record: &Record| {
                record.publisher != Some(self.local)
                    && record.expires.is_some()
                    && !record.is_expired(now)
            };
            if let Some(record) = schedule.record(&key).filter(foreign) {
                let id = kad.put_record_to(record, peers);
                self.flights
                    .insert(id, Task::Replicate, after(now, self.config.query_deadline));
            }
        }
    }
}
