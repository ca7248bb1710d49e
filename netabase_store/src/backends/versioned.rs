//! Snapshots for engines that have none, made once for all of them.
//!
//! A commit that happens while a snapshot is open first leaves, for each key that it changes, the
//! value from before. A snapshot reads a key from the earliest value left since it was taken, and
//! from the engine where there is none. The values go as soon as no open snapshot can read them.

mod history;
mod live;
mod rows;
#[cfg(test)]
pub(in crate::backends) mod tests;

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    sync::{Arc, PoisonError},
};

use self::{
    history::{Pin, Timeline},
    rows::{VersionedRows, Walk},
};
use super::{Backend, End, Engine, Snapshot, Span, TableId, TableSet, WriteSet};
use crate::{
    error::Result,
    threads::{RwLock, RwLockReadGuard, RwLockWriteGuard},
};

pub(super) use self::live::{Change, Edited, Live, Observer, Row};

/// A backend over an engine without snapshots.
pub struct Versioned<L: Live> {
    shared: Arc<Shared<L>>,
}

struct Shared<L: Live> {
    state: RwLock<State<L>>,
    live: L,
}

struct State<L: Live> {
    timeline: Timeline<L::Bytes>,
    tables: Vec<L::Table>,
    places: BTreeMap<String, usize>,
    resolved: Resolved,
}

/// The places of the tables of the last set that a snapshot was asked for.
#[derive(Clone, Default)]
struct Resolved {
    set: Arc<TableSet>,
    places: Arc<[usize]>,
}

impl<L: Live> Versioned<L> {
    pub(super) fn over(live: L) -> Self {
        let state = State {
            timeline: Timeline::default(),
            tables: Vec::new(),
            places: BTreeMap::new(),
            resolved: Resolved::default(),
        };
        Self {
            shared: Arc::new(Shared {
                state: RwLock::new(state),
                live,
            }),
        }
    }

    #[cfg(feature = "sled")]
    pub(super) fn live(&self) -> &L {
        &self.shared.live
    }

    #[cfg(test)]
    pub(crate) fn images(&self) -> usize {
        self.shared.read().timeline.images()
    }
}

impl<L: Live> fmt::Debug for Versioned<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Versioned")
            .field("engine", &L::ENGINE)
            .finish_non_exhaustive()
    }
}

impl<L: Live> Shared<L> {
    // A panic of the engine never passes through here, so a poisoned lock guards whole state.
    fn read(&self) -> RwLockReadGuard<'_, State<L>> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State<L>> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn resolve(&self, set: &Arc<TableSet>) -> Result<()> {
        let mut state = self.write();
        let ids = 0..u16::try_from(set.len()).unwrap_or(u16::MAX);
        let places = ids.map(|id| state.place(&self.live, set.name(TableId(id))));
        let places = places.collect::<Result<_>>()?;
        state.resolved = Resolved {
            set: Arc::clone(set),
            places,
        };
        Ok(())
    }

    fn apply(&self, set: &TableSet, edits: &WriteSet) -> Result<()> {
        let mut state = self.write();
        let mut changes = Vec::with_capacity(edits.tables.len());
        for (table, edits) in &edits.tables {
            let name = set.name(*table);
            changes.push(Change {
                place: state.place(&self.live, name)?,
                name,
                edits,
            });
        }
        let State {
            timeline, tables, ..
        } = &mut *state;
        let mut commit = timeline.begin();
        let observed = L::COUNTS || timeline.is_observed(&commit);
        let mut observe = |edited: Edited<'_, L::Bytes>| timeline.observe(&mut commit, edited);
        let applied = self.live.apply(
            tables,
            &changes,
            observed.then_some(&mut observe as Observer<'_, _>),
        );
        match applied {
            Ok(()) => timeline.finish(commit),
            Err(_) => timeline.abandon(),
        }
        applied
    }
}

impl<L: Live> State<L> {
    fn place(&mut self, live: &L, name: &str) -> Result<usize> {
        if let Some(place) = self.places.get(name) {
            return Ok(*place);
        }
        let place = self.tables.len();
        self.tables.push(live.table(name)?);
        self.timeline.add_table(L::COUNTS);
        self.places.insert(name.to_owned(), place);
        Ok(place)
    }

    fn table(&self, place: usize) -> &L::Table {
        self.tables
            .get(place)
            .expect("a place is given out with its table, and none is removed")
    }
}

impl<L: Live> Backend for Versioned<L> {
    type Snapshot = VersionedSnapshot<L>;

    const ENGINE: Engine = L::ENGINE;

    fn snapshot(&self, tables: &Arc<TableSet>) -> Result<VersionedSnapshot<L>> {
        loop {
            let state = self.shared.read();
            if Arc::ptr_eq(&state.resolved.set, tables) {
                let places = Arc::clone(&state.resolved.places);
                let pin = state.timeline.pin();
                drop(state);
                return Ok(VersionedSnapshot {
                    pin,
                    places,
                    shared: Arc::clone(&self.shared),
                });
            }
            drop(state);
            self.shared.resolve(tables)?;
        }
    }

    fn apply(&self, tables: &TableSet, edits: WriteSet, sync: bool) -> Result<()> {
        self.shared.apply(tables, &edits)?;
        if sync {
            self.shared.live.sync()
        } else {
            Ok(())
        }
    }

    fn sync(&self) -> Result<()> {
        self.shared.live.sync()
    }

    fn table_names(&self) -> Result<Vec<String>> {
        let state = self.shared.read();
        let opened = state
            .places
            .iter()
            .map(|(name, place)| (&**name, state.table(*place)));
        self.shared.live.table_names(opened)
    }

    fn was_unclean(&self) -> bool {
        self.shared.live.was_unclean()
    }

    fn doubt(&self) {
        // Nothing reads or writes a table when the last handle goes.
    }
}

/// The state after one commit, for as long as it is held.
pub struct VersionedSnapshot<L: Live> {
    pin: Arc<Pin>,
    places: Arc<[usize]>,
    shared: Arc<Shared<L>>,
}

impl<L: Live> VersionedSnapshot<L> {
    fn place(&self, table: TableId) -> usize {
        let place = self.places.get(usize::from(table.0));
        *place.expect("a table of the set that the snapshot was asked for")
    }

    /// Counts the rows of a table by walking over them.
    fn count(&self, place: usize) -> Result<u64> {
        let mut walk = Walk::new(Span::ALL);
        let mut chunk = VecDeque::new();
        let mut rows = 0;
        while walk.fill(self, place, End::Front, &mut chunk)? {
            rows += chunk.drain(..).fold(0, |rows, _| rows + 1);
        }
        Ok(rows)
    }
}

impl<L: Live> fmt::Debug for VersionedSnapshot<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VersionedSnapshot")
            .field("engine", &L::ENGINE)
            .finish_non_exhaustive()
    }
}

impl<L: Live> Snapshot for VersionedSnapshot<L> {
    type Rows = VersionedRows<L>;

    #[inline]
    fn get<R>(
        &self,
        table: TableId,
        key: &[u8],
        read: impl FnOnce(&[u8]) -> R,
    ) -> Result<Option<R>> {
        let place = self.place(table);
        let state = self.shared.read();
        let image = state
            .timeline
            .history(place, &self.pin)
            .and_then(|it| it.at(key, &self.pin));
        let value = match image {
            Some(before) => before.cloned(),
            None => self.shared.live.get(state.table(place), key)?,
        };
        // `read` may run for long, or use the store.
        drop(state);
        Ok(value.map(|value| read(value.as_ref())))
    }

    fn rows(self: &Arc<Self>, table: TableId, span: &Span) -> Result<VersionedRows<L>> {
        Ok(VersionedRows::new(
            Arc::clone(self),
            self.place(table),
            span.clone(),
        ))
    }

    /// O(1), but for the first question about a table whose engine keeps no count: O(n).
    fn len(&self, table: TableId) -> Result<u64> {
        let place = self.place(table);
        if let Some(rows) = self.shared.read().timeline.rows(place, &self.pin) {
            return Ok(rows);
        }
        let rows = self.count(place)?;
        self.shared.write().timeline.counted(place, &self.pin, rows);
        Ok(rows)
    }
}

impl<L: Live> Drop for VersionedSnapshot<L> {
    fn drop(&mut self) {
        if self.pin.release() {
            let garbage = self.shared.write().timeline.release(&self.pin);
            drop(garbage);
        }
    }
}
