//! A schedule and a network that exist in memory and virtual time alone.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::rc::Rc;
use std::time::{Duration, Instant};

use libp2p_identity::PeerId;
use libp2p_kad::{Record, RecordKey, store};

use super::*;

type Entry = (AnnouncementKind, Vec<u8>);

pub(super) fn key(number: u32) -> RecordKey {
    RecordKey::from(number.to_be_bytes().to_vec())
}

pub(super) fn peer(number: u8) -> PeerId {
    let hash = libp2p_core::multihash::Multihash::wrap(0, &[number; 8]).unwrap();
    PeerId::from_multihash(hash).unwrap()
}

/// The local node.
pub(super) fn local() -> PeerId {
    peer(1)
}

#[derive(Default)]
struct Tables {
    entries: BTreeMap<Entry, (Instant, u16)>,
    by_due: BTreeSet<(Instant, Entry)>,
    records: BTreeMap<Vec<u8>, (Record, Instant)>,
}

/// A schedule that counts what it is asked for.
#[derive(Default)]
pub(super) struct Model {
    tables: RefCell<Tables>,
    pub(super) calls: Cell<usize>,
    pub(super) rows: Cell<usize>,
}

impl Model {
    fn called(&self, rows: usize) {
        self.calls.set(self.calls.get() + 1);
        self.rows.set(self.rows.get() + rows);
    }

    fn set(&self, entry: Entry, due: Instant, failures: u16) {
        let mut tables = self.tables.borrow_mut();
        if let Some((old, _)) = tables.entries.insert(entry.clone(), (due, failures)) {
            tables.by_due.remove(&(old, entry.clone()));
        }
        tables.by_due.insert((due, entry));
    }

    pub(super) fn provide(&self, key: &RecordKey, due: Instant) {
        self.set((AnnouncementKind::Provider, key.to_vec()), due, 0);
    }

    pub(super) fn publish(&self, key: &RecordKey, value: &[u8], due: Instant) {
        let mut record = Record::new(key.clone(), value.to_vec());
        record.publisher = Some(local());
        self.store(record, due);
        self.set((AnnouncementKind::Record, key.to_vec()), due, 0);
    }

    /// Stores a record without a due time.
    pub(super) fn store(&self, record: Record, received: Instant) {
        let key = record.key.to_vec();
        self.tables
            .borrow_mut()
            .records
            .insert(key, (record, received));
    }

    pub(super) fn remove(&self, kind: AnnouncementKind, key: &RecordKey) {
        let mut tables = self.tables.borrow_mut();
        let entry = (kind, key.to_vec());
        if let Some((due, _)) = tables.entries.remove(&entry) {
            tables.by_due.remove(&(due, entry));
        }
        if kind == AnnouncementKind::Record {
            tables.records.remove(&key.to_vec());
        }
    }

    /// When the entry is due, and how often it failed.
    pub(super) fn state(&self, kind: AnnouncementKind, key: &RecordKey) -> Option<(Instant, u16)> {
        self.tables
            .borrow()
            .entries
            .get(&(kind, key.to_vec()))
            .copied()
    }
}

impl Schedule for Model {
    fn due(&self, now: Instant, limit: usize) -> Vec<Announcement> {
        let tables = self.tables.borrow();
        let due = tables
            .by_due
            .iter()
            .take_while(|(due, _)| *due <= now)
            .take(limit);
        let due: Vec<_> = due
            .map(|(_, entry)| Announcement {
                kind: entry.0,
                key: entry.1.clone().into(),
                failures: tables.entries[entry].1,
            })
            .collect();
        self.called(due.len());
        due
    }

    fn next_due(&self) -> Option<Instant> {
        self.called(1);
        self.tables.borrow().by_due.first().map(|(due, _)| *due)
    }

    fn overdue(&self, now: Instant, limit: usize) -> usize {
        let tables = self.tables.borrow();
        tables
            .by_due
            .iter()
            .take_while(|(due, _)| *due <= now)
            .take(limit)
            .count()
    }

    fn reschedule(&self, kind: AnnouncementKind, key: &RecordKey, next: Instant, published: bool) {
        self.called(1);
        if let Some((_, failures)) = self.state(kind, key) {
            let failures = if published {
                0
            } else {
                failures.saturating_add(1)
            };
            self.set((kind, key.to_vec()), next, failures);
        }
    }

    fn record(&self, key: &RecordKey) -> Option<Record> {
        self.called(1);
        self.tables
            .borrow()
            .records
            .get(&key.to_vec())
            .map(|(record, _)| record.clone())
    }

    fn to_replicate(
        &self,
        now: Instant,
        quiet: Duration,
        after: Option<&RecordKey>,
        limit: usize,
    ) -> ReplicaPage {
        let tables = self.tables.borrow();
        let from = after.map_or(Bound::Unbounded, |key| Bound::Excluded(key.to_vec()));
        let mut rows = tables.records.range((from, Bound::Unbounded));
        let mut page = ReplicaPage::default();
        let mut last = None;
        for (key, (record, received)) in rows.by_ref().take(limit) {
            if record.publisher != Some(local()) && now.duration_since(*received) >= quiet {
                page.keys.push(record.key.clone());
            }
            last = Some(RecordKey::from(key.clone()));
            self.rows.set(self.rows.get() + 1);
        }
        page.next = last.filter(|_| rows.next().is_some());
        self.called(0);
        page
    }
}

/// What a query was started for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Query {
    Provide(RecordKey),
    Put(Record),
    Closest(RecordKey),
    PutTo(Record, Vec<PeerId>),
}

/// A behaviour whose queries end when a test says so.
pub(super) struct Net {
    model: Rc<Model>,
    pub(super) ready: bool,
    /// Answers every announcement with an error, as a store that is full does.
    pub(super) full: bool,
    /// Started and not yet taken by the test, in order.
    pub(super) started: Vec<(u64, Query)>,
    ids: u64,
}

impl Net {
    pub(super) fn new(model: &Rc<Model>) -> Self {
        Self {
            model: Rc::clone(model),
            ready: true,
            full: false,
            started: Vec::new(),
            ids: 0,
        }
    }

    fn begin(&mut self, query: Query) -> u64 {
        self.ids += 1;
        self.started.push((self.ids, query));
        self.ids
    }
}

impl Publish for Net {
    type Id = u64;

    fn is_ready(&mut self) -> bool {
        self.ready
    }

    fn start_providing(&mut self, key: RecordKey) -> Result<u64, store::Error> {
        if self.full {
            return Err(store::Error::MaxProvidedKeys);
        }
        Ok(self.begin(Query::Provide(key)))
    }

    fn put_record(&mut self, mut record: Record) -> Result<u64, store::Error> {
        if self.full {
            return Err(store::Error::MaxRecords);
        }
        // Kademlia makes the local node the publisher and writes the record to the store again.
        record.publisher = Some(local());
        let received = self.model.tables.borrow().records[&record.key.to_vec()].1;
        self.model.store(record.clone(), received);
        Ok(self.begin(Query::Put(record)))
    }

    fn get_closest_peers(&mut self, key: &RecordKey) -> u64 {
        self.begin(Query::Closest(key.clone()))
    }

    fn put_record_to(&mut self, record: Record, peers: Vec<PeerId>) -> u64 {
        self.begin(Query::PutTo(record, peers))
    }
}

/// A node: a republisher with its schedule and its network, at a time.
pub(super) struct Node {
    pub(super) now: Instant,
    pub(super) model: Rc<Model>,
    pub(super) net: Net,
    pub(super) republisher: Republisher<Net>,
}

impl Node {
    pub(super) fn new(config: RepublishConfig) -> Self {
        let model = Rc::new(Model::default());
        Self {
            now: Instant::now(),
            net: Net::new(&model),
            republisher: Republisher::new(local(), config),
            model,
        }
    }

    /// Forgets all but the schedule, as a restart does.
    pub(super) fn restart(&mut self) {
        let config = self.republisher.config().clone();
        self.republisher = Republisher::new(local(), config);
        self.net = Net::new(&self.model);
    }

    /// Polls and returns what was started, and when to poll next.
    pub(super) fn poll(&mut self) -> (Vec<(u64, Query)>, Option<Instant>) {
        let next = self.republisher.poll(self.now, &*self.model, &mut self.net);
        (std::mem::take(&mut self.net.started), next)
    }

    /// Goes on by `wait` and polls.
    pub(super) fn poll_after(&mut self, wait: Duration) -> Vec<(u64, Query)> {
        self.now += wait;
        self.poll().0
    }

    pub(super) fn end(&mut self, id: u64, outcome: Outcome) {
        self.republisher
            .on_outcome(self.now, &*self.model, id, outcome);
    }

    pub(super) fn metrics(&self) -> RepublishMetrics {
        self.republisher.metrics(self.now, &*self.model)
    }
}
