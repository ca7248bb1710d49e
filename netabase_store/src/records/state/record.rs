//! Records: what is taken, what it takes the place of, and what goes.

use libp2p_identity::PeerId;
use libp2p_kad::{Record, RecordKey, store};

use super::{Busy, Disk, Found, State};
use crate::records::{
    clock::Unix,
    index::{Index, Meta, Owner, Peers, Who},
    overlay::Edit,
    row::{Place, RecordRow, RowKey, Tag},
};

/// The most rows that go to make room for one.
const EVICTIONS_MAX: usize = 64;

impl From<Busy> for store::Error {
    /// The trait has no word for a store that cannot take anything now.
    fn from(Busy: Busy) -> Self {
        Self::MaxRecords
    }
}

impl State {
    /// Takes a record, or says why not.
    pub(in crate::records) fn put(
        &mut self,
        record: Record,
        source: Option<PeerId>,
        disk: &dyn Disk,
    ) -> store::Result<()> {
        if record.value.len() >= self.config.max_value_bytes {
            self.metrics.refused_large += 1;
            return Err(store::Error::ValueTooLarge);
        }
        let is_from_this = source.is_none_or(|source| source == self.local);
        if record.publisher == Some(self.local) && !is_from_this {
            // Whoever sends it made it up, or is late: this node knows what it publishes.
            return self.refuse_record();
        }
        self.check_accepting()?;
        let at = self.distance(record.key.as_ref());
        let owner = if record.publisher == Some(self.local) {
            Owner::This
        } else {
            Owner::Other
        };
        let now = self.now();
        let Some(expires) = self.record_expiry(&record, owner, now) else {
            return Ok(());
        };
        let Some(next_number) = self.next_number.next() else {
            return self.refuse_record();
        };
        let before = self.records.get(at);
        let number = before.map_or(self.next_number, |(before, _)| before.number);
        let row = number.row();
        let new = RecordRow {
            stored: now,
            expires,
            publisher: record.publisher,
            source,
            key: record.key.as_ref(),
            value: &record.value,
        };
        if matches!(before, Some((_, Owner::This)))
            && owner == Owner::This
            && self.is_stored(row, &new, disk)
        {
            return Ok(());
        }
        let bytes = new.encoded_len();
        let mut meta = Meta::new(bytes, expires);
        self.admit(at, &meta, owner, &new)?;
        if before.is_some() {
            self.forget_record(at);
        } else {
            self.next_number = next_number;
        }
        meta.number = number;
        if owner == Owner::Other {
            meta.publisher = self.publishers.add(new.publisher.as_ref());
        }
        meta.source = self.sources.add(source.as_ref());
        self.records.insert(at, meta, owner);
        if owner == Owner::This {
            self.announce(Tag::Record, at, new.key);
        } else {
            self.withdraw(Tag::Record, at);
        }
        self.overlay.set_record(row, &new, bytes);
        Ok(())
    }

    /// Returns when a record is to expire; `None` where it has.
    fn record_expiry(&self, record: &Record, owner: Owner, now: Unix) -> Option<Option<Unix>> {
        let expires = record.expires.map(|at| self.anchor.unix(at));
        if self.config.strict {
            return Some(expires);
        }
        if expires.is_some_and(|at| at <= now) {
            return None;
        }
        Some(match owner {
            Owner::This => expires,
            Owner::Other => Some(expires.unwrap_or(Unix::MAX).min(self.latest_expiry(now))),
        })
    }

    /// Returns whether a record of this node is there already: what is only announced again is not
    /// written again.
    fn is_stored(&self, row: RowKey, new: &RecordRow<'_>, disk: &dyn Disk) -> bool {
        let Ok(Some(bytes)) = self.row(row, disk) else {
            return false;
        };
        RecordRow::decode(row, &bytes).is_ok_and(|old| {
            let same = (old.key, old.value, old.expires) == (new.key, new.value, new.expires);
            same && old.source == new.source
        })
    }

    /// Makes room for a record, or refuses it.
    fn admit(
        &mut self,
        at: Place,
        meta: &Meta,
        owner: Owner,
        new: &RecordRow<'_>,
    ) -> store::Result<()> {
        let before = self.records.get(at);
        if self.config.strict {
            if before.is_none() && self.records.len() >= self.config.max_records {
                return Err(store::Error::MaxRecords);
            }
            return Ok(());
        }
        if owner == Owner::This {
            return Ok(());
        }
        let before = match before {
            // What this node publishes under the key is right, whatever others say.
            Some((_, Owner::This)) => return self.refuse_record(),
            Some((before, Owner::Other)) => Some(before),
            None => None,
        };
        if self.is_over_quota(before, new) {
            return self.refuse_record();
        }
        let held = before.map_or(0, |before| u64::from(before.bytes));
        let is_new = usize::from(before.is_none());
        let (max_rows, max_bytes) = (self.config.max_records, self.config.max_record_bytes);
        let more = u64::from(meta.bytes);
        let fits = |records: &Index, rows: usize, bytes: u64| {
            let rows = records.others_len() + is_new - rows;
            let bytes = records.others_bytes() - held + more - bytes;
            rows <= max_rows && bytes <= max_bytes
        };
        for _ in 0..EVICTIONS_MAX {
            match self.records.first_expired_of_others(self.now(), at) {
                Some(expired) if !fits(&self.records, 0, 0) => {
                    self.metrics.collected += 1;
                    self.drop_record(expired);
                }
                _ => break,
            }
        }
        let is_enough = |rows, bytes| fits(&self.records, rows, bytes);
        // Nothing goes for a record that is refused.
        let Some(farthest) = self.records.farthest(at, EVICTIONS_MAX, is_enough) else {
            return self.refuse_record();
        };
        for at in farthest {
            self.metrics.evicted += 1;
            self.drop_record(at);
        }
        Ok(())
    }

    fn refuse_record(&mut self) -> store::Result<()> {
        self.metrics.refused_full += 1;
        Err(store::Error::MaxRecords)
    }

    /// Returns whether the publisher or the sender of a record has too many already. Whoever writes
    /// its own record anew has no more of them than before.
    fn is_over_quota(&self, before: Option<Meta>, new: &RecordRow<'_>) -> bool {
        let is_over = |peers: &Peers, peer: Option<PeerId>, before: Option<Who>, max: usize| {
            let Some(peer) = peer.filter(|peer| *peer != self.local) else {
                return false;
            };
            let found = peers.find(&peer);
            found.is_some_and(|(who, count)| before != Some(who) && count >= max)
        };
        let publisher = before.map(|before| before.publisher);
        let source = before.map(|before| before.source);
        let config = &self.config;
        is_over(
            &self.publishers,
            new.publisher,
            publisher,
            config.max_records_per_publisher,
        ) || is_over(
            &self.sources,
            new.source,
            source,
            config.max_records_per_source,
        )
    }

    /// Removes a record, if it is there.
    pub(in crate::records) fn remove_record(&mut self, key: &RecordKey) {
        let at = self.distance(key.as_ref());
        if self.records.contains(at) {
            self.drop_record(at);
        }
    }

    pub(in crate::records) fn drop_record(&mut self, at: Place) {
        if let Some(meta) = self.forget_record(at) {
            self.overlay.set(meta.number.row(), None);
        }
        self.withdraw(Tag::Record, at);
    }

    /// Takes a record out of the indexes and the cache.
    pub(in crate::records) fn forget_record(&mut self, at: Place) -> Option<Meta> {
        self.changes += 1;
        self.cache.remove(at);
        let meta = self.records.remove(at)?;
        self.publishers.remove(meta.publisher);
        self.sources.remove(meta.source);
        Some(meta)
    }

    /// Looks for a record without reading the disk.
    pub(in crate::records) fn find(&mut self, at: Place, key: &RecordKey) -> Found {
        self.metrics.gets += 1;
        let Some(row) = self.record_row(at) else {
            return Found::Absent;
        };
        match self.overlay.get(row) {
            Some(Edit::Bytes(bytes)) => return Found::Row(row, bytes.to_vec()),
            Some(Edit::Removed) => return Found::Absent,
            None => {}
        }
        match self.cache.get(at) {
            Some(record) if record.key == *key => {
                self.metrics.cached += 1;
                Found::Record(record.clone())
            }
            Some(_) => Found::Absent,
            None => Found::OnDisk(row, self.changes),
        }
    }

    /// Keeps a record that was read from disk, unless a record has changed meanwhile.
    pub(in crate::records) fn keep(&mut self, at: Place, changes: u64, record: &Record) {
        if self.changes == changes && self.cache.takes(record) {
            self.cache.insert(at, record.clone());
        }
    }

    /// Returns whether a record is to be shown.
    pub(in crate::records) fn is_shown(&self, expires: Option<Unix>) -> bool {
        self.config.strict || expires.is_none_or(|at| self.now() < at)
    }
}
