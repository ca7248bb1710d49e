//! The memory engine: ordered maps that live as long as their last handle.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use super::{
    End, Engine, Span,
    versioned::{Change, Edited, Live, Observer, Row, Versioned},
};
use crate::error::Result;

type Bytes = Arc<[u8]>;

/// A store in the memory of this process; nothing of it outlives the last handle.
pub type MemoryBackend = Versioned<MemoryEngine>;

impl MemoryBackend {
    /// Returns an empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::over(MemoryEngine(()))
    }
}

impl Default for MemoryBackend {
    fn default() -> Self {
        Self::new()
    }
}

/// The engine of a [`MemoryBackend`]. Its tables are all that it has.
#[derive(Debug)]
pub struct MemoryEngine(());

impl Live for MemoryEngine {
    type Bytes = Bytes;
    type Table = BTreeMap<Bytes, Bytes>;
    type Cursor = ();

    const ENGINE: Engine = Engine::Memory;
    const COUNTS: bool = true;

    fn was_unclean(&self) -> bool {
        false
    }

    fn table(&self, _name: &str) -> Result<Self::Table> {
        Ok(BTreeMap::new())
    }

    #[inline]
    fn get(&self, table: &Self::Table, key: &[u8]) -> Result<Option<Bytes>> {
        Ok(table.get(key).cloned())
    }

    fn chunk(
        &self,
        table: &Self::Table,
        span: &Span,
        (end, limit): (End, usize),
        _cursor: &mut (),
        rows: &mut VecDeque<Row<Bytes>>,
    ) -> Result<()> {
        let found = table.range::<[u8], _>(span.as_slices());
        let found = found.map(|(key, value)| (Arc::clone(key), Arc::clone(value)));
        match end {
            End::Front => rows.extend(found.take(limit)),
            End::Back => rows.extend(found.rev().take(limit)),
        }
        Ok(())
    }

    fn apply(
        &self,
        tables: &mut [Self::Table],
        changes: &[Change<'_>],
        mut observe: Option<Observer<'_, Bytes>>,
    ) -> Result<()> {
        for Change { place, edits, .. } in changes {
            let table = tables
                .get_mut(*place)
                .expect("a change names a table that there is");
            for (key, value) in *edits {
                let before = match value {
                    Some(value) => table.insert(key.as_slice().into(), value.as_slice().into()),
                    None => table.remove(key.as_slice()),
                };
                if let Some(observe) = &mut observe {
                    observe(Edited {
                        place: *place,
                        key,
                        before,
                        stored: value.is_some(),
                    });
                }
            }
        }
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        Ok(())
    }

    fn table_names<'a>(
        &self,
        opened: impl Iterator<Item = (&'a str, &'a Self::Table)>,
    ) -> Result<Vec<String>> {
        let filled = opened.filter(|(_, table)| !table.is_empty());
        Ok(filled.map(|(name, _)| name.to_owned()).collect())
    }
}
