//! The queries that run: what each is for, and when it is given up.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::time::Instant;

use libp2p_kad::RecordKey;

use super::schedule::{Announcement, AnnouncementKind};

/// What a query is for.
#[derive(Debug)]
pub(super) enum Task {
    /// An own entry is announced. Of a record the digest of the announced value is kept.
    Announce(Announcement, Option<u64>),
    /// The peers to replicate a record to are looked for.
    Seek(RecordKey),
    /// A record is replicated.
    Replicate,
}

#[derive(Debug)]
struct Flight {
    task: Task,
    deadline: Instant,
}

/// All queries in flight, by their ids.
#[derive(Debug)]
pub(super) struct Flights<I> {
    by_id: HashMap<I, Flight>,
    announced: HashSet<(AnnouncementKind, RecordKey)>,
    /// Invariant: no deadline is earlier; one that is over may still be named.
    earliest: Option<Instant>,
}

impl<I: Copy + Eq + Hash> Flights<I> {
    pub(super) fn new() -> Self {
        Self {
            by_id: HashMap::new(),
            announced: HashSet::new(),
            earliest: None,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Counts the announcements among the queries.
    pub(super) fn announcements(&self) -> usize {
        self.announced.len()
    }

    pub(super) fn is_announcing(&self, kind: AnnouncementKind, key: &RecordKey) -> bool {
        self.announced.contains(&(kind, key.clone()))
    }

    pub(super) fn contains(&self, id: I) -> bool {
        self.by_id.contains_key(&id)
    }

    pub(super) fn insert(&mut self, id: I, task: Task, deadline: Instant) {
        // An id that comes again means that its former query is long forgotten.
        self.remove(id);
        if let Task::Announce(announcement, _) = &task {
            self.announced
                .insert((announcement.kind, announcement.key.clone()));
        }
        self.by_id.insert(id, Flight { task, deadline });
        self.earliest = Some(self.earliest.map_or(deadline, |known| known.min(deadline)));
    }

    pub(super) fn remove(&mut self, id: I) -> Option<Task> {
        let flight = self.by_id.remove(&id)?;
        if let Task::Announce(announcement, _) = &flight.task {
            self.announced
                .remove(&(announcement.kind, announcement.key.clone()));
        }
        if self.by_id.is_empty() {
            self.earliest = None;
        }
        Some(flight.task)
    }

    /// Returns a time that is not later than the earliest deadline.
    pub(super) fn earliest(&self) -> Option<Instant> {
        self.earliest
    }

    /// Removes the queries whose deadlines have passed.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<Task> {
        if self.earliest.is_none_or(|at| at > now) {
            return Vec::new();
        }
        let over = |flight: &Flight| flight.deadline <= now;
        let ids: Vec<I> = self
            .by_id
            .iter()
            .filter(|(_, flight)| over(flight))
            .map(|(&id, _)| id)
            .collect();
        let tasks = ids.into_iter().filter_map(|id| self.remove(id)).collect();
        self.earliest = self.by_id.values().map(|flight| flight.deadline).min();
        tasks
    }
}
