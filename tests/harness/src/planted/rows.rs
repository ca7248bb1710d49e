//! The planted bugs of what a record store has an engine write.

use std::sync::Arc;

use netabase_store::backends::{TableEdits, TableId, TableSet, WriteSet};

use crate::plant::Plant;

/// The table of record stores.
pub(crate) const TABLE: &str = "__libp2p_records__";

/// The tags that the keys of rows begin with.
const DESCRIPTION: u8 = 0;
const RECORD: u8 = 1;
const PROVIDERS: u8 = 2;
const ANNOUNCEMENT: u8 = 3;

/// Returns the edits of the table as the bug leaves them; `is_turn` tells of some edits that it is
/// theirs.
pub(crate) fn distort(
    plant: Option<Plant>,
    edits: &TableEdits,
    is_turn: impl Fn() -> bool,
) -> TableEdits {
    let mut kept = TableEdits::new();
    for (key, value) in edits {
        let tag = key.first().copied().unwrap_or_default();
        let is_lost = match plant {
            Some(Plant::RecordRowLost) => tag == RECORD && value.is_some() && is_turn(),
            Some(Plant::RecordRowKept) => tag == RECORD && value.is_none(),
            Some(Plant::ProviderRowLost) => tag == PROVIDERS && value.is_some() && is_turn(),
            Some(Plant::ProviderRowKept) => tag == PROVIDERS && value.is_none(),
            Some(Plant::AnnouncementRowKept) => tag == ANNOUNCEMENT && value.is_none(),
            Some(Plant::DescriptionRowLost) => tag == DESCRIPTION,
            _ => false,
        };
        if !is_lost {
            kept.insert(key.clone(), value.clone());
        }
    }
    if plant == Some(Plant::RecordRowsSwapped) {
        let records = kept
            .iter_mut()
            .filter(|(key, _)| key.first() == Some(&RECORD));
        let mut values = records
            .map(|(_, value)| value)
            .filter(|value| value.is_some());
        if let (Some(one), Some(other)) = (values.next(), values.next()) {
            std::mem::swap(one, other);
        }
    }
    kept
}

/// Splits off the second half of what a batch of a record store writes; none where it writes one row.
pub(crate) fn second_half(tables: &TableSet, edits: &mut WriteSet) -> Option<WriteSet> {
    let (table, rows) = edits
        .tables
        .iter_mut()
        .find(|(table, _)| tables.name(**table) == TABLE)?;
    let table: TableId = *table;
    let mut first = TableEdits::clone(rows);
    let middle = first
        .keys()
        .nth(first.len() / 2)
        .filter(|_| first.len() > 1)?;
    let middle = middle.clone();
    let second = first.split_off(&middle);
    *rows = Arc::new(first);
    Some(WriteSet {
        tables: [(table, Arc::new(second))].into(),
    })
}
