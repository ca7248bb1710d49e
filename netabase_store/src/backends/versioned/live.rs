//! What an engine without snapshots has to offer, so that they can be made for it.

use std::{borrow::Borrow, collections::VecDeque};

use crate::{
    backends::{End, Engine, Span, TableEdits},
    error::Result,
};

/// A key and its value.
pub(in crate::backends) type Row<B> = (B, B);

/// Bytes that an engine hands out without copying them.
pub trait SharedBytes:
    AsRef<[u8]> + Borrow<[u8]> + for<'a> From<&'a [u8]> + Clone + Ord + Send + Sync + 'static
{
}

impl<T> SharedBytes for T where
    T: AsRef<[u8]> + Borrow<[u8]> + for<'a> From<&'a [u8]> + Clone + Ord + Send + Sync + 'static
{
}

/// An engine that knows its latest state only.
///
/// The layer calls [`apply`](Self::apply) alone, and never while it calls another method but
/// [`sync`](Self::sync).
pub trait Live: Send + Sync + Sized + 'static {
    /// The keys and values that it hands out.
    type Bytes: SharedBytes;
    /// A table, guarded by the layer's lock.
    type Table: Send + Sync + 'static;
    /// What a walk keeps so that its next chunk need not search again.
    type Cursor: Default + Send + 'static;

    /// Which engine this is.
    const ENGINE: Engine;

    /// Whether a commit learns the value before each edit at no cost, and all tables begin empty.
    /// Rows are then counted from the start, and otherwise from the first question on.
    const COUNTS: bool;

    /// Returns whether the store may not have been closed in order before it was opened.
    fn was_unclean(&self) -> bool;

    /// Returns the table of that name, without creating it in the engine.
    ///
    /// # Errors
    /// Fails when the engine does.
    fn table(&self, name: &str) -> Result<Self::Table>;

    /// Returns the value under `key`.
    ///
    /// # Errors
    /// Fails when the engine does.
    fn get(&self, table: &Self::Table, key: &[u8]) -> Result<Option<Self::Bytes>>;

    /// Appends rows of `span` from the end and up to the number that `reach` says, fewer only when
    /// there are no more.
    ///
    /// The cursor is fresh, or has moved over all chunks of the walk so far. It may then show rows
    /// as they were at any time since.
    ///
    /// # Errors
    /// Fails when the engine does.
    fn chunk(
        &self,
        table: &Self::Table,
        span: &Span,
        reach: (End, usize),
        cursor: &mut Self::Cursor,
        rows: &mut VecDeque<Row<Self::Bytes>>,
    ) -> Result<()>;

    /// Makes all edits at once, and tells `observe` of each of them once none can fail any more.
    ///
    /// # Errors
    /// Fails when the engine does; every later call then fails too.
    fn apply(
        &self,
        tables: &mut [Self::Table],
        changes: &[Change<'_>],
        observe: Option<Observer<'_, Self::Bytes>>,
    ) -> Result<()>;

    /// Brings everything applied to disk.
    ///
    /// # Errors
    /// Fails when the engine does; every later call then fails too.
    fn sync(&self) -> Result<()>;

    /// Returns the names of all tables that the engine holds; `opened` are those of the layer.
    ///
    /// # Errors
    /// Fails when the engine does.
    fn table_names<'a>(
        &self,
        opened: impl Iterator<Item = (&'a str, &'a Self::Table)>,
    ) -> Result<Vec<String>>;
}

/// The edits of a commit in one table.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    /// The table's place among all tables.
    pub place: usize,
    /// The table's name.
    pub name: &'a str,
    /// The edits.
    pub edits: &'a TableEdits,
}

/// One edit that was made.
#[derive(Debug)]
pub struct Edited<'a, B> {
    /// The table's place among all tables.
    pub place: usize,
    /// The key.
    pub key: &'a [u8],
    /// The value that it had.
    pub before: Option<B>,
    /// Whether it has a value now.
    pub stored: bool,
}

/// Who hears of the edits of a commit.
pub(in crate::backends) type Observer<'a, B> = &'a mut dyn FnMut(Edited<'_, B>);
