//! Pages of a query, and the cursors between them.

use std::{fmt, str::FromStr};

use xxhash_rust::xxh3::xxh3_64;

use crate::{
    backends::hex,
    error::{Result, StoreError},
};

/// The version of a cursor's bytes.
const VERSION: u8 = 1;

/// Some records of a query, from [`Query::page`](crate::Query::page).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page<K, M> {
    /// The records, in the order of the query.
    pub items: Vec<(K, M)>,
    /// Where the next page starts; none where no record follows.
    pub next: Option<Cursor>,
}

/// Where a page ended: bytes that can be stored, sent, or printed and parsed as hexadecimal.
///
/// Layout: version 1, direction (0 ascending, 1 descending), the low 4 bytes of the XXH3 of the
/// table's name, the last key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Cursor(Vec<u8>);

impl Cursor {
    pub(crate) fn new(table: &str, reversed: bool, last: &[u8]) -> Self {
        let mut bytes = head(table, reversed).to_vec();
        bytes.extend_from_slice(last);
        Self(bytes)
    }

    /// Returns the last key of the page, if the cursor is one of this table and direction.
    pub(crate) fn last(&self, table: &str, reversed: bool) -> Result<&[u8]> {
        let refuse = |what| StoreError::Cursor { what }.into();
        let expected = head(table, reversed);
        let Some((found, last)) = self.0.split_first_chunk::<{ HEAD_BYTES }>() else {
            return Err(refuse("it is too short"));
        };
        let ([version, direction, ..], [_, wanted, ..]) = (*found, expected);
        if version != VERSION {
            return Err(refuse("it was made by another version"));
        }
        if direction != wanted {
            return Err(refuse("it walks the other way"));
        }
        if *found != expected {
            return Err(refuse("it comes from another tree or index"));
        }
        Ok(last)
    }

    /// Returns the bytes, to be stored.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Takes bytes that [`as_bytes`](Self::as_bytes) gave; the query they are used with checks them.
    #[must_use]
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }
}

const HEAD_BYTES: usize = 6;

fn head(table: &str, reversed: bool) -> [u8; HEAD_BYTES] {
    let [a, b, c, d, ..] = xxh3_64(table.as_bytes()).to_le_bytes();
    [VERSION, u8::from(reversed), a, b, c, d]
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl FromStr for Cursor {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        let refuse = || StoreError::Cursor {
            what: "it is not hexadecimal",
        };
        let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_hex || !text.len().is_multiple_of(2) {
            return Err(refuse());
        }
        let byte = |at: usize| {
            text.get(at..at + 2)
                .and_then(|pair| u8::from_str_radix(pair, 16).ok())
        };
        let bytes: Option<Vec<u8>> = (0..text.len()).step_by(2).map(byte).collect();
        bytes.map(Self).ok_or_else(refuse)
    }
}
