//! What can be read of a store that its engine may not be able to open.

use crate::error::Result;

/// Returns whether a key and its value prove themselves to be a row of a table, by its place.
pub type Proof<'a> = dyn Fn(usize, &[u8], &[u8]) -> bool + Sync + 'a;

/// Hears of a row.
pub type Take<'a> = dyn FnMut(FoundRow<'_>) -> Result<()> + 'a;

/// The tables that are looked for, and what a row of them is.
pub struct Wanted<'a> {
    /// The tables' names.
    pub tables: &'a [&'a str],
    /// What is a row of them, by the places of their names.
    pub proves: &'a Proof<'a>,
}

impl std::fmt::Debug for Wanted<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wanted")
            .field("tables", &self.tables)
            .finish_non_exhaustive()
    }
}

/// A row that proves itself.
#[derive(Debug, Clone, Copy)]
pub struct FoundRow<'a> {
    /// Which of the wanted tables it is of.
    pub table: usize,
    /// The key.
    pub key: &'a [u8],
    /// The value.
    pub value: &'a [u8],
    /// Whether the last commit has it. Otherwise it stood where that commit cannot be read, and may
    /// be older, or have been removed.
    pub is_certain: bool,
    /// Whether other versions of it were found that may be as new.
    pub is_ambiguous: bool,
}

/// What a table has lost.
#[derive(Debug, Clone, Default)]
pub struct TableLosses {
    /// How many rows the engine's description of the table says that it has.
    pub expected: Option<u64>,
    /// How many rows stand in their place and do not prove themselves.
    pub refused: u64,
}

/// What was lost, as far as it can be known.
#[derive(Debug, Clone, Default)]
pub struct Losses {
    /// The same of each wanted table.
    pub tables: Vec<TableLosses>,
    /// How many pages of these tables cannot be read.
    pub pages: u64,
    /// Whether the last commit cannot be found, and one before it took its place.
    pub is_older: bool,
    /// The tables with rows that were not looked for.
    pub others: Vec<String>,
}

/// A store of which rows can be read, though its engine may not be able to open it.
pub trait Wreck: Send {
    /// Hands every row of the tables that can be found to `take`: first those that are certain, then
    /// the others, each ascending by table and key. No key of a table comes twice.
    ///
    /// # Errors
    /// Fails when `take` does.
    fn rows(&mut self, wanted: &Wanted<'_>, take: &mut Take<'_>) -> Result<Losses>;
}
