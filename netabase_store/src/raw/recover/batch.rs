//! Rows on their way from the reader of a damaged store to the writer of the new one.

use crate::backends::FoundRow;

/// From how many bytes of rows on a batch is full.
const BATCH_BYTES: usize = 256 * 1024;

/// Some rows, in the order in which they were found.
#[derive(Debug, Default)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    rows: Vec<Held>,
}

/// A row whose key and value stand one behind the other.
#[derive(Debug, Clone, Copy)]
struct Held {
    table: usize,
    key: usize,
    value: usize,
    is_certain: bool,
    is_ambiguous: bool,
}

impl Batch {
    pub(super) fn push(&mut self, row: &FoundRow<'_>) {
        self.bytes.extend_from_slice(row.key);
        self.bytes.extend_from_slice(row.value);
        self.rows.push(Held {
            table: row.table,
            key: row.key.len(),
            value: row.value.len(),
            is_certain: row.is_certain,
            is_ambiguous: row.is_ambiguous,
        });
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() >= BATCH_BYTES
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = FoundRow<'_>> {
        let mut rest = self.bytes.as_slice();
        let mut next = move |length: usize| {
            let taken = rest.split_off(..length);
            taken.unwrap_or_default()
        };
        self.rows.iter().map(move |held| FoundRow {
            table: held.table,
            key: next(held.key),
            value: next(held.value),
            is_certain: held.is_certain,
            is_ambiguous: held.is_ambiguous,
        })
    }
}
