//! When this node's own records and provider records are announced next.
//!
//! Each has a row of its own beside the announced thing's, so that announcements outlive a record
//! store that begins anew.

use std::{
    collections::{BTreeSet, HashMap},
    time::{Duration, Instant},
};

use libp2p_kad::{ProviderRecord, RecordKey};

use super::{
    clock::Unix,
    hashing::Places,
    index::Owner,
    republish::{Announcement, AnnouncementKind},
    row::{AnnouncementRow, Place, RowKey, Tag},
    state::{Disk, State},
};

/// How long an announcement that kad has just begun itself may take before it is made again.
const GRACE: Duration = Duration::from_secs(120);

/// The announcements of this node, by what they announce and by time.
#[derive(Debug, Default)]
pub(super) struct Timetable {
    entries: HashMap<(Tag, Place), Entry, Places>,
    by_time: BTreeSet<(Unix, Tag, Place)>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) due: Unix,
    pub(super) published: Option<Unix>,
    pub(super) failures: u16,
}

impl Timetable {
    pub(super) fn get(&self, of: Tag, at: Place) -> Option<Entry> {
        self.entries.get(&(of, at)).copied()
    }

    pub(super) fn set(&mut self, of: Tag, at: Place, entry: Entry) {
        if let Some(before) = self.entries.insert((of, at), entry) {
            self.by_time.remove(&(before.due, of, at));
        }
        self.by_time.insert((entry.due, of, at));
    }

    pub(super) fn remove(&mut self, of: Tag, at: Place) -> bool {
        let Some(before) = self.entries.remove(&(of, at)) else {
            return false;
        };
        self.by_time.remove(&(before.due, of, at));
        true
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    fn first(&self) -> Option<Unix> {
        self.by_time.first().map(|(due, ..)| *due)
    }

    fn due(&self, now: Unix, limit: usize) -> Vec<(Tag, Place)> {
        let due = self.by_time.iter().take_while(|(due, ..)| *due <= now);
        due.take(limit).map(|(_, of, at)| (*of, *at)).collect()
    }

    pub(super) fn overdue(&self, now: Unix, limit: usize) -> usize {
        let due = self.by_time.iter().take_while(|(due, ..)| *due <= now);
        due.take(limit).count()
    }
}

impl State {
    /// Returns the place of the announcement of a row; those of records and of providers differ in
    /// their first bit, which no attack can make use of.
    fn announcement_row(&self, of: Tag, at: Place) -> RowKey {
        RowKey(
            Tag::Announcement,
            at.xor(self.origin).kind(of == Tag::Record),
        )
    }

    /// Adds something that kad announces at this moment; what is there stays as it is.
    pub(super) fn announce(&mut self, of: Tag, at: Place, key: &[u8]) {
        if self.timetable.get(of, at).is_some() {
            return;
        }
        let grace = u64::try_from(GRACE.as_nanos()).unwrap_or(u64::MAX);
        let entry = Entry {
            due: self.now().saturating_add(grace),
            published: None,
            failures: 0,
        };
        self.schedule(of, at, key, entry);
    }

    /// Takes an announcement up again that was written down before the store was opened.
    pub(super) fn resume(
        &mut self,
        of: Tag,
        at: Place,
        key: &[u8],
        entry: Entry,
        is_same_node: bool,
        disk: &dyn Disk,
    ) {
        let index = if of == Tag::Record {
            &self.records
        } else {
            &self.providers
        };
        let is_own = matches!(index.get(at), Some((_, Owner::This)));
        if !is_same_node || (!is_own && of == Tag::Record) {
            let row = self.announcement_row(of, at);
            self.overlay.set(row, None);
            return;
        }
        let mut entry = entry;
        if entry.published.is_none() && entry.failures == 0 {
            // Nobody knows whether the announcement that was under way has arrived.
            entry.due = entry.due.min(self.now());
        }
        self.timetable.set(of, at, entry);
        if !is_own {
            let own = ProviderRecord::new(RecordKey::new(&key), self.local, Vec::new());
            // Refused only where its row cannot be read, and the announcement itself adds it again.
            let _ = self.take_provider(own, disk);
        }
    }

    /// Has something announced at once that has no announcement.
    pub(super) fn announce_now(&mut self, of: Tag, at: Place, key: &[u8]) {
        if self.timetable.get(of, at).is_none() {
            let entry = Entry {
                due: self.now(),
                published: None,
                failures: 0,
            };
            self.schedule(of, at, key, entry);
        }
    }

    fn schedule(&mut self, of: Tag, at: Place, key: &[u8], entry: Entry) {
        let row = self.announcement_row(of, at);
        let encoded = AnnouncementRow {
            of,
            due: entry.due,
            published: entry.published,
            failures: entry.failures,
            key,
        };
        let bytes = encoded.encode(row);
        self.overlay.set(row, Some(&bytes));
        self.timetable.set(of, at, entry);
    }

    /// Forgets the announcement of something that is gone, or not this node's any more.
    pub(super) fn withdraw(&mut self, of: Tag, at: Place) {
        if self.timetable.remove(of, at) {
            let row = self.announcement_row(of, at);
            self.overlay.set(row, None);
        }
    }

    /// Returns what is due, the earliest first; O(limit).
    pub(super) fn due(&mut self, now: Instant, limit: usize, disk: &dyn Disk) -> Vec<Announcement> {
        let now = self.anchor.unix(now);
        let mut due = Vec::new();
        for (of, at) in self.timetable.due(now, limit) {
            let row = self.announcement_row(of, at);
            let read = self.row(row, disk);
            let Ok(Some(bytes)) = read else {
                self.read_failed();
                continue;
            };
            match AnnouncementRow::decode(row, &bytes) {
                Ok(decoded) => due.push(Announcement {
                    kind: kind(of),
                    key: RecordKey::new(&decoded.key),
                    failures: decoded.failures,
                }),
                Err(why) => {
                    self.timetable.remove(of, at);
                    self.set_aside(row, None, disk, why);
                }
            }
        }
        due
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        self.timetable.first().map(|due| self.anchor.instant(due))
    }

    /// Notes how an announcement went, and when the next one is due; of what is gone nothing.
    pub(super) fn reschedule(&mut self, of: Tag, key: &RecordKey, next: Instant, done: bool) {
        let at = self.distance(key.as_ref());
        let Some(before) = self.timetable.get(of, at) else {
            return;
        };
        let entry = Entry {
            due: self.anchor.unix(next),
            published: if done {
                Some(self.now())
            } else {
                before.published
            },
            failures: if done {
                0
            } else {
                before.failures.saturating_add(1)
            },
        };
        self.schedule(of, at, key.as_ref(), entry);
    }
}

/// Which row is announced.
pub(super) fn tag(kind: AnnouncementKind) -> Tag {
    match kind {
        AnnouncementKind::Provider => Tag::Providers,
        AnnouncementKind::Record => Tag::Record,
    }
}

fn kind(tag: Tag) -> AnnouncementKind {
    if tag == Tag::Record {
        AnnouncementKind::Record
    } else {
        AnnouncementKind::Provider
    }
}
