//! Engines: ordered bytes in named tables, with snapshots and atomic commits.
//!
//! An engine knows no model. It reads a table of a snapshot by key or by span, and applies a sorted
//! set of edits at once. Transactions, indexes and queries are built above it, the same for all.

mod edits;
pub mod memory;
#[cfg(feature = "redb")]
pub mod redb;
mod salvage;
#[cfg(feature = "sled")]
pub mod sled;
mod versioned;

use std::{collections::BTreeMap, fmt, ops::Bound, path::Path, sync::Arc};

use crate::{
    error::Result,
    options::{CACHE_BYTES_DEFAULT, Verify},
};

pub use edits::{EditKey, EditValue};
pub(crate) use edits::{Keyed, Probe};
pub use salvage::{FoundRow, Losses, Proof, TableLosses, Take, Wanted, Wreck};

/// The engines that a store can stand on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Engine {
    /// redb: one file, copy on write.
    Redb,
    /// sled: a folder, log structured.
    Sled,
    /// Memory of this process.
    Memory,
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Redb => "redb",
            Self::Sled => "sled",
            Self::Memory => "memory",
        })
    }
}

/// A table by its place in the store's [`TableSet`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableId(pub u16);

/// The names of the tables of a store, fixed while it is open.
#[derive(Debug, Default)]
pub struct TableSet {
    names: Vec<String>,
}

impl TableSet {
    /// Numbers the names by position.
    #[must_use]
    pub fn new(names: Vec<String>) -> Self {
        Self { names }
    }

    /// Returns the name of a table.
    #[must_use]
    pub fn name(&self, table: TableId) -> &str {
        self.names
            .get(usize::from(table.0))
            .map_or("", String::as_str)
    }

    /// Returns how many tables there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Returns whether there is no table.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}

/// A range of keys, by their bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Where it starts.
    pub lower: Bound<Vec<u8>>,
    /// Where it ends.
    pub upper: Bound<Vec<u8>>,
}

impl Span {
    /// Every key.
    pub const ALL: Self = Self {
        lower: Bound::Unbounded,
        upper: Bound::Unbounded,
    };

    /// Every key that begins with `prefix`.
    #[must_use]
    pub fn prefix(prefix: Vec<u8>) -> Self {
        let upper = successor(&prefix).map_or(Bound::Unbounded, Bound::Excluded);
        Self {
            lower: Bound::Included(prefix),
            upper,
        }
    }

    /// Returns whether no key can lie in the span. Engines need this: some panic on such a range.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match (&self.lower, &self.upper) {
            (Bound::Included(lower), Bound::Included(upper)) => lower > upper,
            (Bound::Included(lower) | Bound::Excluded(lower), Bound::Excluded(upper))
            | (Bound::Excluded(lower), Bound::Included(upper)) => lower >= upper,
            _ => false,
        }
    }

    /// Leaves out the keys up to and including `last`, or down to it.
    pub(crate) fn resume_after(&mut self, last: &[u8], reversed: bool) {
        let bound = if reversed {
            &mut self.upper
        } else {
            &mut self.lower
        };
        let narrower = match bound {
            Bound::Unbounded => false,
            Bound::Included(key) | Bound::Excluded(key) if reversed => key.as_slice() < last,
            Bound::Included(key) | Bound::Excluded(key) => key.as_slice() > last,
        };
        if !narrower {
            *bound = Bound::Excluded(last.to_vec());
        }
    }

    /// Returns the bounds as slices.
    #[must_use]
    pub fn as_slices(&self) -> (Bound<&[u8]>, Bound<&[u8]>) {
        fn slice(bound: &Bound<Vec<u8>>) -> Bound<&[u8]> {
            match bound {
                Bound::Included(key) => Bound::Included(key),
                Bound::Excluded(key) => Bound::Excluded(key),
                Bound::Unbounded => Bound::Unbounded,
            }
        }
        (slice(&self.lower), slice(&self.upper))
    }
}

/// Returns bytes as lowercase hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or_default();
            text.push(digit(byte >> 4));
            text.push(digit(byte & 0xF));
            text
        })
}

/// Returns the first byte string after all that begin with `prefix`; none when it is all 0xFF.
#[must_use]
pub fn successor(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut next = prefix.get(..=last)?.to_vec();
    let byte = next.last_mut()?;
    *byte += 1;
    Some(next)
}

/// The end of a span that a cursor moves from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Ascending.
    Front,
    /// Descending.
    Back,
}

/// The edits of one commit: for each table, keys with their new value, or none to delete.
#[derive(Debug, Default, Clone)]
pub struct WriteSet {
    /// The edits of a table, sorted by key; each table behind an `Arc` so that a query inside the
    /// transaction keeps the state it was made in.
    pub tables: BTreeMap<TableId, Arc<TableEdits>>,
}

/// The edits of one table: a value to store, or `None` to delete the key.
pub type TableEdits = BTreeMap<EditKey, Option<EditValue>>;

/// An engine that holds the tables of one store.
pub trait Backend: Send + Sync + Sized + 'static {
    /// An unchanging view of all tables.
    type Snapshot: Snapshot;

    /// Which engine this is.
    const ENGINE: Engine;

    /// Returns a view of the last commit. It never moves and never blocks a writer.
    ///
    /// # Errors
    /// Fails when the engine does.
    fn snapshot(&self, tables: &Arc<TableSet>) -> Result<Self::Snapshot>;

    /// Makes all edits visible at once. The caller is the only writer.
    ///
    /// With `sync` they are on disk when this returns, together with every earlier commit; without,
    /// a crash may undo this commit and those after it, never a part of one.
    ///
    /// # Errors
    /// Fails when the engine does; then none of the edits is visible.
    fn apply(&self, tables: &TableSet, edits: WriteSet, sync: bool) -> Result<()>;

    /// Brings every visible commit to disk.
    ///
    /// # Errors
    /// Fails when the engine does.
    fn sync(&self) -> Result<()>;

    /// Returns the names of all tables that the engine holds.
    ///
    /// # Errors
    /// Fails when the engine does.
    fn table_names(&self) -> Result<Vec<String>>;

    /// Returns whether the store may not have been closed in order before it was opened.
    fn was_unclean(&self) -> bool;

    /// Takes note that the store is damaged: it is let go of in the end, and not closed in order,
    /// where that would read more of it. What was committed stays; the next to open it repairs it.
    fn doubt(&self);
}

/// An unchanging view of the tables, shared by all who read it.
pub trait Snapshot: Send + Sync + Sized + 'static {
    /// A position inside a span of a table, from both ends.
    type Rows: Rows;

    /// Calls `read` with the value under `key`, if there is one.
    ///
    /// # Errors
    /// Fails when the engine does.
    fn get<R>(
        &self,
        table: TableId,
        key: &[u8],
        read: impl FnOnce(&[u8]) -> R,
    ) -> Result<Option<R>>;

    /// Starts reading a span. The rows keep the snapshot alive. The span is not empty.
    ///
    /// # Errors
    /// Fails when the engine does.
    fn rows(self: &Arc<Self>, table: TableId, span: &Span) -> Result<Self::Rows>;

    /// Returns the number of rows of a table; O(1), or O(n) where the engine keeps no count.
    ///
    /// # Errors
    /// Fails when the engine does.
    fn len(&self, table: TableId) -> Result<u64>;
}

/// A walk over a span of a table, from both ends towards each other.
pub trait Rows: Send + 'static {
    /// Calls `read` with the next key and value from an end, or returns `None` when the ends have
    /// met.
    ///
    /// # Errors
    /// Fails when the engine does; the walk then ends.
    fn step<R>(&mut self, end: End, read: impl FnOnce(&[u8], &[u8]) -> R) -> Result<Option<R>>;
}

/// An engine that opens stores at a path.
pub trait OpenBackend: Backend {
    /// Opens the store at `path`.
    ///
    /// # Errors
    /// Says what to do when the path is missing, locked, read-only, or no store of this engine.
    fn open(path: &Path, options: &EngineOptions) -> Result<Self>;

    /// Finds what can be read of a damaged store, which is not written to, without opening it.
    ///
    /// # Errors
    /// Fails when nothing is at the path, when the store is open, or when the engine's files cannot
    /// be read without it.
    fn salvage(path: &Path) -> Result<Box<dyn Wreck>>;

    /// Gives back to the file system the room that the store does not need.
    ///
    /// # Errors
    /// Fails when the engine does, or when a snapshot is open.
    fn trim(&mut self) -> Result<()>;
}

/// How an engine opens its files.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct EngineOptions {
    /// Whether a store is created where there is none.
    pub create: bool,
    /// Whether the store is opened for reading only.
    pub read_only: bool,
    /// How many bytes of pages the engine may keep in memory.
    pub cache_bytes: usize,
    /// When every page is checked before the store is used.
    pub verify: Verify,
}

impl Default for EngineOptions {
    /// Creates what is missing, for reading and writing, without a check of the whole store.
    fn default() -> Self {
        Self {
            create: true,
            read_only: false,
            cache_bytes: CACHE_BYTES_DEFAULT,
            verify: Verify::None,
        }
    }
}
