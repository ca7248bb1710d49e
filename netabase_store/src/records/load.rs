//! Opening: every row is read once, and what it says of itself is kept in memory.

use std::sync::Arc;

use libp2p_identity::PeerId;

use super::{
    clock::{Anchor, Unix},
    config::{OnCorrupt, RecordStoreConfig},
    index::Meta,
    row::{
        AnnouncementRow, DESCRIPTION, Description, FORMAT, MISPLACED, Number, Place, Provider,
        ProvidersRow, ROW_KEY_BYTES, RecordRow, RowError, RowKey, Tag,
    },
    schedule::Entry,
    state::{Disk, State},
};
use crate::{
    backends::{Backend, End, Rows, Snapshot, Span},
    error::{EncodingDecodingError, NetabaseError, Result, StoreError},
    inner::Inner,
    tables::RECORDS_TABLE,
};

/// Reads the rows of a store.
///
/// # Errors
/// Fails when the description is damaged or of a newer format and nothing else is asked for, and when
/// the engine does.
pub(super) fn load<B: Backend>(
    inner: &Arc<Inner<B>>,
    local: PeerId,
    config: RecordStoreConfig,
) -> Result<State> {
    let snapshot = inner.snapshot()?;
    let on_corrupt = config.on_corrupt;
    let description = match read_description::<B>(&snapshot, inner) {
        Err(error) if on_corrupt == OnCorrupt::Refuse => return Err(error),
        Err(_) => None,
        Ok(description) => description,
    };
    let last_seen = description.map_or(0, |known| known.last_seen);
    let anchor = Anchor::new(&*config.clock, last_seen);
    let mut state = State::new(config, local, anchor);
    state.described = last_seen;
    let mut load = Load {
        state,
        before: description.map(|known| known.local),
        own: Vec::new(),
        others: Vec::new(),
        own_keys: Vec::new(),
        announced: Vec::new(),
        aside: Vec::new(),
    };
    let mut rows = snapshot.rows(inner.layout.records(), &Span::ALL)?;
    while rows
        .step(End::Front, |key, row| load.row(key, row))?
        .is_some()
    {}
    drop(rows);
    Ok(load.finish(&SnapshotRows::<B>(&snapshot, inner)))
}

/// Returns what the rows say of themselves; none where there are no rows.
fn read_description<B: Backend>(
    snapshot: &Arc<B::Snapshot>,
    inner: &Arc<Inner<B>>,
) -> Result<Option<Description>> {
    let table = inner.layout.records();
    let key = DESCRIPTION.bytes();
    let damaged = || -> NetabaseError {
        let (table, key) = (RECORDS_TABLE.to_owned(), "description".to_owned());
        EncodingDecodingError::Checksum { table, key }.into()
    };
    let Some(read) = snapshot.get(table, &key, Description::decode)? else {
        let mut rows = snapshot.rows(table, &Span::ALL)?;
        let is_empty = rows.step(End::Front, |_, _| ())?.is_none();
        return if is_empty { Ok(None) } else { Err(damaged()) };
    };
    match read {
        Ok(description) => Ok(Some(description)),
        Err(RowError::Format(found)) if found > FORMAT => Err(StoreError::NewerFormat {
            found: found.into(),
            supported: FORMAT.into(),
        }
        .into()),
        Err(_) => Err(damaged()),
    }
}

/// Rows of a snapshot.
struct SnapshotRows<'a, B: Backend>(&'a Arc<B::Snapshot>, &'a Arc<Inner<B>>);

impl<B: Backend> Disk for SnapshotRows<'_, B> {
    fn row(&self, row: RowKey) -> Result<Option<Vec<u8>>> {
        self.0
            .get(self.1.layout.records(), &row.bytes(), <[u8]>::to_vec)
    }
}

struct Load {
    state: State,
    /// The node of last time; none where the rows begin anew.
    before: Option<PeerId>,
    own: Vec<(Place, Meta)>,
    others: Vec<(Place, Meta)>,
    /// What this node published or provides.
    own_keys: Vec<(Tag, Place, Vec<u8>)>,
    announced: Vec<(Tag, Place, Vec<u8>, Entry)>,
    aside: Vec<(RowKey, RowError)>,
}

impl Load {
    fn row(&mut self, key: &[u8], bytes: &[u8]) {
        let Some(row) = RowKey::parse(key).filter(|_| key.len() == ROW_KEY_BYTES) else {
            self.state.metrics.set_aside += 1;
            return;
        };
        if row.0 == Tag::Record {
            // A row that no number leads to is set aside below.
            let next = Number::of(row).and_then(Number::next);
            self.state.next_number = self.state.next_number.max(next.unwrap_or_default());
        }
        let is_new = self.before.is_none();
        let read = match row.0 {
            Tag::Description | Tag::Aside => Ok(()),
            Tag::Record | Tag::Providers if is_new => {
                self.state.overlay.set(row, None);
                Ok(())
            }
            Tag::Record => self.record(row, bytes),
            Tag::Providers => self.providers(row, bytes),
            Tag::Announcement => self.announcement(row, bytes),
        };
        if let Err(why) = read {
            self.aside.push((row, why));
        }
    }

    fn at(&self, row: RowKey, key: &[u8]) -> Result<Place, RowError> {
        let place = Place::of(key);
        if place != row.1 {
            return Err(MISPLACED);
        }
        Ok(place.xor(self.state.origin))
    }

    /// Returns the expiry that something of others has from now on: none that is longer than the
    /// limit, which may have been lowered.
    fn cut(&self, expires: Option<Unix>) -> Option<Unix> {
        if self.state.config.strict {
            return expires;
        }
        Some(
            expires
                .unwrap_or(Unix::MAX)
                .min(self.state.latest_expiry(self.state.now())),
        )
    }

    fn record(&mut self, row: RowKey, bytes: &[u8]) -> Result<(), RowError> {
        let mut decoded = RecordRow::decode(row, bytes)?;
        let number = Number::of(row).filter(|number| number.next().is_some());
        let number = number.ok_or(MISPLACED)?;
        let at = self.state.distance(decoded.key);
        if decoded.publisher == Some(self.state.local) {
            let mut meta = Meta::new(bytes.len(), decoded.expires);
            meta.number = number;
            meta.source = self.state.sources.add(decoded.source.as_ref());
            self.own.push((at, meta));
            self.own_keys.push((Tag::Record, at, decoded.key.to_vec()));
            return Ok(());
        }
        let expires = self.cut(decoded.expires);
        if expires != decoded.expires {
            decoded.expires = expires;
            self.state.overlay.set(row, Some(&decoded.encode(row)));
        }
        let mut meta = Meta::new(bytes.len(), expires);
        meta.number = number;
        meta.publisher = self.state.publishers.add(decoded.publisher.as_ref());
        meta.source = self.state.sources.add(decoded.source.as_ref());
        self.others.push((at, meta));
        Ok(())
    }

    fn providers(&mut self, row: RowKey, bytes: &[u8]) -> Result<(), RowError> {
        let decoded = ProvidersRow::decode(row, bytes)?;
        let at = self.at(row, decoded.key)?;
        let local = self.state.local;
        let cut = decoded.providers.iter().map(|provider| Provider {
            expires: if provider.peer == local {
                provider.expires
            } else {
                self.cut(provider.expires)
            },
            ..provider.clone()
        });
        let cut: Vec<Provider> = cut.collect();
        if cut.iter().any(|provider| provider.peer == local) {
            self.own_keys
                .push((Tag::Providers, at, decoded.key.to_vec()));
        }
        if cut != decoded.providers {
            let bytes = ProvidersRow::encode(row, decoded.key, &cut);
            self.state.overlay.set(row, Some(&bytes));
        }
        let expires = cut.iter().filter_map(|provider| provider.expires).min();
        let meta = Meta::new(bytes.len(), expires);
        let peers = cut.iter().map(|provider| &provider.peer);
        self.state.index_providers(at, meta, peers);
        Ok(())
    }

    fn announcement(&mut self, row: RowKey, bytes: &[u8]) -> Result<(), RowError> {
        let decoded = AnnouncementRow::decode(row, bytes)?;
        let at = Place::of(decoded.key).xor(self.state.origin);
        let entry = Entry {
            due: decoded.due,
            published: decoded.published,
            failures: decoded.failures,
        };
        self.announced
            .push((decoded.of, at, decoded.key.to_vec(), entry));
        Ok(())
    }

    /// Fills the indexes, and makes the timetable agree with what this node has.
    fn finish(self, disk: &dyn Disk) -> State {
        let mut state = self.state;
        for meta in state.records.fill(self.own, self.others) {
            state.publishers.remove(meta.publisher);
            state.sources.remove(meta.source);
            state.set_aside(meta.number.row(), None, disk, MISPLACED);
        }
        for (row, why) in self.aside {
            state.set_aside(row, None, disk, why);
        }
        let is_same_node = self.before.is_none_or(|before| before == state.local);
        for (of, at, key, entry) in self.announced {
            state.resume(of, at, &key, entry, is_same_node, disk);
        }
        for (of, at, key) in self.own_keys {
            state.announce_now(of, at, &key);
        }
        if self.before != Some(state.local) {
            state.describe();
        }
        state
    }
}
