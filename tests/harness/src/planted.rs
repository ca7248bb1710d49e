//! An engine around an engine, with a bug planted or without.

mod rows;

use std::{
    ops::Bound,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use netabase_store::{
    Result,
    backends::{
        Backend, EditKey, EditValue, End, Engine, Rows, Snapshot, Span, TableEdits, TableId,
        TableSet, WriteSet,
    },
};

use crate::plant::Plant;

/// One look-up in so many misses, where not all do.
const MISS_ONE_IN: u64 = 11;

/// One edit in so many is wrong, where not all are.
const WRONG_ONE_IN: u64 = 5;

/// How many bytes of a key are kept where the rest is cut off.
const KEY_HEAD_BYTES: usize = 8;

/// An engine that does what the one inside does, but for the planted bug.
#[derive(Debug)]
pub struct Planted<B: Backend> {
    inner: Arc<B>,
    plant: Option<Plant>,
    count: Arc<AtomicU64>,
    /// The snapshot that was asked for last.
    last: Mutex<Option<Arc<B::Snapshot>>>,
}

impl<B: Backend> Planted<B> {
    /// Wraps an engine.
    #[must_use]
    pub fn new(inner: B, plant: Option<Plant>) -> Self {
        Self {
            inner: Arc::new(inner),
            plant,
            count: Arc::default(),
            last: Mutex::new(None),
        }
    }

    /// Returns the engine inside, which closes with the last who has it.
    #[must_use]
    pub fn engine(&self) -> Arc<B> {
        Arc::clone(&self.inner)
    }

    fn has(&self, plant: Plant) -> bool {
        self.plant == Some(plant)
    }

    /// Returns the edits as the bug leaves them.
    fn distort(&self, tables: &TableSet, mut edits: WriteSet) -> WriteSet {
        if self.has(Plant::TableMixedUp) {
            let mixed = edits.tables.into_iter().map(|(table, edits)| {
                let is_index = tables.name(table).contains('/');
                let next = TableId(table.0 + 1);
                let is_followed = tables.name(next).contains('/');
                (if is_index && is_followed { next } else { table }, edits)
            });
            edits.tables = mixed.collect();
        }
        for (table, edits) in &mut edits.tables {
            let name = tables.name(*table);
            if name == rows::TABLE {
                *edits = Arc::new(rows::distort(self.plant, edits, || self.is_turn()));
            } else if !name.starts_with("__") {
                *edits = Arc::new(self.distort_table(name.contains('/'), edits));
            }
        }
        edits
    }

    fn distort_table(&self, is_index: bool, edits: &TableEdits) -> TableEdits {
        let mut kept = TableEdits::new();
        for (at, (key, value)) in edits.iter().enumerate() {
            let is_last = at > 0 && at + 1 == edits.len();
            let is_lost = match self.plant {
                Some(Plant::IndexEntryForgotten) => is_index && value.is_some() && self.is_turn(),
                Some(Plant::IndexEntryKept) => is_index && value.is_none(),
                Some(Plant::RemovalForgotten) => !is_index && value.is_none(),
                Some(Plant::LastEditLost) => is_last,
                _ => false,
            };
            if !is_lost {
                kept.insert(self.distort_key(key), self.distort_value(is_index, value));
            }
        }
        if self.has(Plant::ValuesSwapped) && !is_index {
            swap(&mut kept);
        }
        kept
    }

    fn distort_key(&self, key: &EditKey) -> EditKey {
        match self.plant {
            Some(Plant::KeyCut) if key.len() > KEY_HEAD_BYTES => {
                let head = key.get(..KEY_HEAD_BYTES).unwrap_or_default();
                head.to_vec().into()
            }
            _ => key.clone(),
        }
    }

    fn distort_value(&self, is_index: bool, value: &Option<EditValue>) -> Option<EditValue> {
        let value = value.as_ref()?;
        if self.has(Plant::ValueCut) && !is_index && self.is_turn() {
            let shorter = value.get(..value.len().saturating_sub(1));
            return Some(EditValue::from(shorter.unwrap_or_default()));
        }
        Some(value.clone())
    }

    fn is_turn(&self) -> bool {
        (self.count.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(WRONG_ONE_IN)
    }

    fn apply_distorted(&self, tables: &TableSet, mut edits: WriteSet, sync: bool) -> Result<()> {
        let sync = sync && !self.has(Plant::AckBeforeSync);
        if self.has(Plant::CommitInTwo) && edits.tables.len() > 1 {
            let middle = edits.tables.keys().nth(edits.tables.len() / 2).copied();
            let later = edits.tables.split_off(&middle.unwrap_or(TableId(0)));
            self.inner.apply(tables, edits, sync)?;
            return self.inner.apply(tables, WriteSet { tables: later }, sync);
        }
        if self.has(Plant::BatchInTwo)
            && let Some(later) = rows::second_half(tables, &mut edits)
        {
            self.inner.apply(tables, edits, sync)?;
            return self.inner.apply(tables, later, sync);
        }
        self.inner.apply(tables, edits, sync)
    }
}

/// Swaps the first two values that are there.
fn swap(edits: &mut TableEdits) {
    let mut values = edits.values_mut().filter(|value| value.is_some());
    if let (Some(one), Some(other)) = (values.next(), values.next()) {
        std::mem::swap(one, other);
    }
}

impl<B: Backend> Backend for Planted<B> {
    type Snapshot = PlantedSnapshot<B>;

    const ENGINE: Engine = B::ENGINE;

    fn snapshot(&self, tables: &Arc<TableSet>) -> Result<PlantedSnapshot<B>> {
        let mut now = Arc::new(self.inner.snapshot(tables)?);
        // Opening asks for snapshots of other sets of tables, which are not to be mixed up.
        if self.has(Plant::StaleSnapshot) && tables.len() > 1 {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            now = last.replace(Arc::clone(&now)).unwrap_or(now);
        }
        Ok(PlantedSnapshot {
            inner: now,
            plant: self.plant,
            count: Arc::clone(&self.count),
            engine: Arc::clone(&self.inner),
            tables: Arc::clone(tables),
        })
    }

    fn apply(&self, tables: &TableSet, edits: WriteSet, sync: bool) -> Result<()> {
        let applied = if self.plant.is_none() {
            self.inner.apply(tables, edits, sync)
        } else {
            self.apply_distorted(tables, self.distort(tables, edits), sync)
        };
        match applied {
            Err(_) if self.has(Plant::FailedCommitHidden) => Ok(()),
            Err(error) if self.has(Plant::PanicOnFailure) => panic!("planted: {error}"),
            applied => applied,
        }
    }

    fn sync(&self) -> Result<()> {
        if self.has(Plant::FlushSkipped) {
            return Ok(());
        }
        self.inner.sync()
    }

    fn table_names(&self) -> Result<Vec<String>> {
        self.inner.table_names()
    }

    fn was_unclean(&self) -> bool {
        self.inner.was_unclean()
    }

    fn doubt(&self) {
        self.inner.doubt();
    }
}

/// A snapshot of the engine inside, but for the planted bug.
#[derive(Debug)]
pub struct PlantedSnapshot<B: Backend> {
    inner: Arc<B::Snapshot>,
    plant: Option<Plant>,
    count: Arc<AtomicU64>,
    engine: Arc<B>,
    tables: Arc<TableSet>,
}

impl<B: Backend> PlantedSnapshot<B> {
    fn has(&self, plant: Plant) -> bool {
        self.plant == Some(plant)
    }

    fn is_missed(&self, table: TableId) -> bool {
        match self.plant {
            Some(Plant::LookUpMisses) => {
                (self.count.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(MISS_ONE_IN)
            }
            // The unique index of the models that random use is made of.
            Some(Plant::UniqueUnchecked) => self.tables.name(table).ends_with("/email"),
            _ => false,
        }
    }

    /// Returns the snapshot that is read.
    fn view(&self) -> Result<Arc<B::Snapshot>> {
        if self.has(Plant::MovingSnapshot) {
            return self.engine.snapshot(&self.tables).map(Arc::new);
        }
        Ok(Arc::clone(&self.inner))
    }
}

impl<B: Backend> Snapshot for PlantedSnapshot<B> {
    type Rows = PlantedRows<<B::Snapshot as Snapshot>::Rows>;

    fn get<R>(
        &self,
        table: TableId,
        key: &[u8],
        read: impl FnOnce(&[u8]) -> R,
    ) -> Result<Option<R>> {
        if self.plant.is_none() {
            return self.inner.get(table, key, read);
        }
        if self.is_missed(table) {
            return Ok(None);
        }
        match self.view()?.get(table, key, read) {
            Err(_) if self.has(Plant::FailedReadIsAbsent) => Ok(None),
            found => found,
        }
    }

    fn rows(self: &Arc<Self>, table: TableId, span: &Span) -> Result<Self::Rows> {
        let mut span = span.clone();
        if self.has(Plant::EndIncluded)
            && let Bound::Excluded(end) = span.upper
        {
            span.upper = Bound::Included(end);
        }
        let mut rows = PlantedRows {
            inner: Some(self.view()?.rows(table, &span)?),
            plant: self.plant,
        };
        if self.has(Plant::FirstRowSkipped) {
            rows.step(End::Front, |_, _| ())?;
        }
        if self.has(Plant::LastRowSkipped) {
            rows.step(End::Back, |_, _| ())?;
        }
        Ok(rows)
    }

    fn len(&self, table: TableId) -> Result<u64> {
        Ok(self.view()?.len(table)? + u64::from(self.has(Plant::CountOffByOne)))
    }
}

/// A walk of the engine inside, but for the planted bug.
#[derive(Debug)]
pub struct PlantedRows<R> {
    inner: Option<R>,
    plant: Option<Plant>,
}

impl<R: Rows> Rows for PlantedRows<R> {
    fn step<T>(&mut self, end: End, read: impl FnOnce(&[u8], &[u8]) -> T) -> Result<Option<T>> {
        let Some(rows) = &mut self.inner else {
            return Ok(None);
        };
        let end = match self.plant {
            Some(Plant::BackIsFront) => End::Front,
            _ => end,
        };
        let stepped = rows.step(end, read);
        if stepped.is_err() && self.plant == Some(Plant::FailedWalkEnds) {
            self.inner = None;
            return Ok(None);
        }
        stepped
    }
}
