//! What a transaction has written: sorted, but for many edits of tables that it does not read.

use std::{collections::BTreeMap, mem, sync::Arc};

use crate::backends::{EditKey, EditValue, Keyed, Probe, TableEdits, TableId, WriteSet};

/// After so many edits of a table since it was read, those that follow wait unsorted: sorting many
/// at once takes a fraction of the time that it takes to find a place for each.
const SORTED_MIN: usize = 1024;

/// Where fewer wait than one for so many that are sorted, each is put into its place.
const FEW_FRACTION: usize = 8;

/// Edits of a table that wait to be sorted in.
#[derive(Clone)]
struct Late {
    /// Edits wait while so many are sorted.
    from: usize,
    /// In the order in which they were made.
    edits: Vec<(EditKey, Option<EditValue>)>,
}

impl Late {
    /// Sorts the edits in; of those of one key the last holds.
    fn settle(&mut self, set: &mut WriteSet, table: TableId) {
        if self.edits.is_empty() {
            return;
        }
        let rows = Arc::make_mut(set.tables.entry(table).or_default());
        let edits = mem::take(&mut self.edits);
        if edits.len() < rows.len() / FEW_FRACTION {
            rows.extend(edits);
        } else {
            rows.append(&mut TableEdits::from_iter(edits));
        }
        self.from = rows.len() + SORTED_MIN;
    }
}

impl Default for Late {
    fn default() -> Self {
        Self {
            from: SORTED_MIN,
            edits: Vec::new(),
        }
    }
}

/// What the transaction wrote, and how to take back what an open batch wrote.
#[derive(Default)]
pub(super) struct Edits {
    set: WriteSet,
    /// What came after the edits of the set; whoever reads a table sorts these in before.
    late: BTreeMap<TableId, Late>,
    undo: Option<Vec<Undo>>,
}

/// A key that a batch wrote, and the edit that stood there before.
struct Undo {
    table: TableId,
    key: EditKey,
    before: Option<Option<EditValue>>,
}

impl Edits {
    /// Returns the edit of a key; `None` inside it deletes the key.
    #[inline]
    pub(super) fn get(&self, table: TableId, key: &[u8]) -> Option<&Option<EditValue>> {
        let sorted = || {
            let edits = self.set.tables.get(&table)?;
            edits.get::<dyn Keyed>(&Probe::new(key))
        };
        let Some(late) = self.late.get(&table) else {
            return sorted();
        };
        let newest = late.edits.iter().rev().find(|(late, _)| **late == *key);
        newest.map_or_else(sorted, |(_, edit)| Some(edit))
    }

    /// Stores a value, or deletes the key.
    pub(super) fn push(&mut self, table: TableId, key: EditKey, value: Option<EditValue>) {
        if self.undo.is_some() {
            self.settle(table);
        }
        let tables = &mut self.set.tables;
        let rows = match tables.get_mut(&table) {
            Some(rows) => rows,
            None => tables.entry(table).or_default(),
        };
        match &mut self.undo {
            None => {
                if rows.len() >= SORTED_MIN {
                    let late = self.late.entry(table).or_default();
                    if rows.len() >= late.from {
                        return late.edits.push((key, value));
                    }
                }
                Arc::make_mut(rows).insert(key, value);
            }
            Some(undo) => {
                let before = Arc::make_mut(rows).insert(key.clone(), value);
                undo.push(Undo { table, key, before });
            }
        }
    }

    /// Returns whether edits of a table wait to be sorted in.
    #[inline]
    pub(super) fn is_late(&self, table: TableId) -> bool {
        let late = self.late.get(&table);
        late.is_some_and(|late| !late.edits.is_empty())
    }

    /// Sorts in what waits of a table.
    pub(super) fn settle(&mut self, table: TableId) {
        if let Some(late) = self.late.get_mut(&table) {
            late.settle(&mut self.set, table);
        }
    }

    /// Sorts in all that waits.
    pub(super) fn settle_all(&mut self) {
        for (table, late) in &mut self.late {
            late.settle(&mut self.set, *table);
        }
    }

    /// Returns all edits as they are now; what is written later does not reach them.
    pub(super) fn set(&self) -> WriteSet {
        let mut set = self.set.clone();
        for (table, late) in &self.late {
            late.clone().settle(&mut set, *table);
        }
        set
    }

    /// Returns all edits, of tables that have some.
    pub(super) fn into_set(mut self) -> WriteSet {
        self.settle_all();
        self.set.tables.retain(|_, edits| !edits.is_empty());
        self.set
    }

    /// Begins to note what edits replace; returns how many of the batch around it are noted, or
    /// nothing where there is none.
    pub(super) fn begin_undo(&mut self) -> Option<usize> {
        let outer = self.undo.as_ref().map(Vec::len);
        self.undo.get_or_insert_default();
        outer
    }

    /// Takes back all edits but those noted first.
    pub(super) fn undo_to(&mut self, kept: usize) {
        let Self { set, undo, .. } = self;
        let noted = undo.as_mut().map(|undo| undo.drain(kept..));
        for Undo { table, key, before } in noted.into_iter().flatten().rev() {
            let rows = Arc::make_mut(set.tables.entry(table).or_default());
            match before {
                Some(before) => drop(rows.insert(key, before)),
                None => drop(rows.remove(key.as_slice())),
            }
        }
    }

    /// Ends the noting.
    pub(super) fn end_undo(&mut self) {
        self.undo = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: TableId = TableId(3);

    /// Writes keys in an order that is not theirs, some of them several times.
    fn filled(count: u32) -> (Edits, TableEdits) {
        let (mut edits, mut model) = (Edits::default(), TableEdits::new());
        for turn in 0..count {
            let key = turn.wrapping_mul(2_654_435_761) % (count / 2);
            let key = key.to_be_bytes().to_vec();
            let value = (turn % 7 != 0).then(|| turn.to_be_bytes().to_vec().into());
            edits.push(TABLE, key.clone().into(), value.clone());
            model.insert(key.into(), value);
        }
        (edits, model)
    }

    fn spelt(edits: &TableEdits) -> Vec<(&[u8], Option<&[u8]>)> {
        let edits = edits.iter();
        edits
            .map(|(key, value)| (key.as_slice(), value.as_deref()))
            .collect()
    }

    #[test]
    fn late_edits_are_read_as_early_ones_are() {
        for count in [10, 5_000] {
            let (mut edits, model) = filled(count);
            assert_eq!(edits.is_late(TABLE), count > 2048);
            for turn in 0..2 {
                for (key, value) in &model {
                    let found = edits.get(TABLE, key).expect("an edit");
                    assert_eq!(found.as_deref(), value.as_deref(), "{turn}");
                }
                assert!(edits.get(TABLE, &count.to_be_bytes()).is_none());
                edits.settle(TABLE);
                assert!(!edits.is_late(TABLE));
            }
        }
    }

    #[test]
    fn the_last_edit_of_a_key_is_applied() {
        for count in [10, 5_000] {
            let (edits, model) = filled(count);
            assert_eq!(spelt(&edits.set().tables[&TABLE]), spelt(&model));
            assert_eq!(spelt(&edits.into_set().tables[&TABLE]), spelt(&model));
        }
    }

    #[test]
    fn what_a_batch_took_back_leaves_late_edits_as_they_were() {
        let (mut edits, model) = filled(5_000);
        assert_eq!(edits.begin_undo(), None);
        for key in model.keys().take(100) {
            edits.push(TABLE, key.clone(), None);
        }
        edits.push(TABLE, vec![9; 20].into(), Some(vec![1].into()));
        assert_eq!(edits.begin_undo(), Some(101));
        edits.undo_to(0);
        edits.end_undo();
        assert_eq!(spelt(&edits.into_set().tables[&TABLE]), spelt(&model));
    }

    #[test]
    fn what_a_batch_wrote_is_newer_than_late_edits() {
        let (mut edits, mut model) = filled(5_000);
        edits.begin_undo();
        for (key, value) in model.iter_mut().take(2_000) {
            *value = Some(vec![1; 20].into());
            edits.push(TABLE, key.clone(), value.clone());
        }
        edits.end_undo();
        assert_eq!(spelt(&edits.into_set().tables[&TABLE]), spelt(&model));
    }

    #[test]
    fn a_table_whose_edits_were_all_taken_back_has_none() {
        let mut edits = Edits::default();
        edits.begin_undo();
        edits.push(TABLE, vec![1].into(), None);
        edits.undo_to(0);
        assert!(edits.into_set().tables.is_empty());
    }
}
