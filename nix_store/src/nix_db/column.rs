//! The values of a row, whatever somebody wrote into them.

use rusqlite::{Row, types::ValueRef};

use crate::field::{FieldError, FieldErrorKind, read};

use super::error::{NixDbError, NixDbResult, SqliteContext};

/// A row of a known table, whose first column is its number.
pub(super) struct Columns<'r> {
    row: &'r Row<'r>,
    table: &'static str,
    pub(super) id: i64,
}

impl<'r> Columns<'r> {
    pub(super) fn new(row: &'r Row<'r>, table: &'static str) -> NixDbResult<Self> {
        let mut columns = Self { row, table, id: 0 };
        columns.id = columns.integer(0, "rowid")?;
        Ok(columns)
    }

    fn value(&self, at: usize) -> NixDbResult<ValueRef<'r>> {
        self.row.get_ref(at).on("read", self.table)
    }

    pub(super) fn optional_integer(
        &self,
        at: usize,
        column: &'static str,
    ) -> NixDbResult<Option<i64>> {
        match self.value(at)? {
            ValueRef::Null => Ok(None),
            ValueRef::Integer(value) => Ok(Some(value)),
            other => Err(self.wrong_type(column, other)),
        }
    }

    pub(super) fn integer(&self, at: usize, column: &'static str) -> NixDbResult<i64> {
        let value = self.optional_integer(at, column)?;
        value.ok_or_else(|| self.wrong_type(column, ValueRef::Null))
    }

    /// Returns a number that is not negative; none is 0.
    pub(super) fn count(&self, at: usize, column: &'static str) -> NixDbResult<u64> {
        let value = self.optional_integer(at, column)?.unwrap_or_default();
        u64::try_from(value).map_err(|_| NixDbError::Type {
            table: self.table,
            row: self.id,
            column,
            found: "negative",
        })
    }

    pub(super) fn optional_text(
        &self,
        at: usize,
        column: &'static str,
    ) -> NixDbResult<Option<&'r str>> {
        match self.value(at)? {
            ValueRef::Null => Ok(None),
            ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => Ok(Some(text)),
                Err(_) => {
                    let shown = String::from_utf8_lossy(bytes);
                    Err(self.field(FieldError::new(column, &shown, FieldErrorKind::NotUtf8)))
                }
            },
            other => Err(self.wrong_type(column, other)),
        }
    }

    pub(super) fn text(&self, at: usize, column: &'static str) -> NixDbResult<&'r str> {
        let text = self.optional_text(at, column)?;
        text.ok_or_else(|| self.wrong_type(column, ValueRef::Null))
    }

    /// Reads a text that must be there.
    pub(super) fn parse<T, E: Into<FieldErrorKind>>(
        &self,
        at: usize,
        column: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> NixDbResult<T> {
        let text = self.text(at, column)?;
        read(column, text, parse).map_err(|error| self.field(error))
    }

    /// Reads a text that may be absent.
    pub(super) fn parse_optional<T, E: Into<FieldErrorKind>>(
        &self,
        at: usize,
        column: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> NixDbResult<Option<T>> {
        let text = self.optional_text(at, column)?;
        let value = text.map(|text| read(column, text, parse)).transpose();
        value.map_err(|error| self.field(error))
    }

    /// Reads the words of a text that may be absent.
    pub(super) fn words<T: Ord, E: Into<FieldErrorKind>>(
        &self,
        at: usize,
        column: &'static str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> NixDbResult<std::collections::BTreeSet<T>> {
        let text = self.optional_text(at, column)?.unwrap_or_default();
        let words = text.split_ascii_whitespace();
        let words = words.map(|word| read(column, word, &parse));
        words
            .collect::<Result<_, _>>()
            .map_err(|error| self.field(error))
    }

    /// Reads a text of a row that this one refers to: it is absent where that row is.
    pub(super) fn parse_joined<T, E: Into<FieldErrorKind>>(
        &self,
        at: usize,
        column: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> NixDbResult<T> {
        let value = self.parse_optional(at, column, parse)?;
        value.ok_or(NixDbError::Dangling {
            table: self.table,
            row: self.id,
            column,
        })
    }

    fn field(&self, source: FieldError) -> NixDbError {
        NixDbError::Field {
            table: self.table,
            row: self.id,
            source,
        }
    }

    fn wrong_type(&self, column: &'static str, found: ValueRef<'_>) -> NixDbError {
        NixDbError::Type {
            table: self.table,
            row: self.id,
            column,
            found: match found {
                ValueRef::Null => "null",
                ValueRef::Integer(_) => "an integer",
                ValueRef::Real(_) => "a real number",
                ValueRef::Text(_) => "a text",
                ValueRef::Blob(_) => "a blob",
            },
        }
    }
}

/// Checks that rows come in ascending order. In a damaged file the pages of an index may form a
/// circle, or contain each other many times; then the first row that comes again is seen.
pub(super) struct Ascending<K> {
    table: &'static str,
    last: Option<K>,
}

impl<K: Ord> Ascending<K> {
    pub(super) const fn new(table: &'static str) -> Self {
        Self { table, last: None }
    }

    pub(super) fn check(&mut self, row: i64, key: K) -> NixDbResult<()> {
        if self.last.as_ref().is_some_and(|last| *last >= key) {
            let table = self.table;
            return Err(NixDbError::Order { table, row });
        }
        self.last = Some(key);
        Ok(())
    }
}
