//! The plan: which rows and index entries a write changes. Pure, and the only place that knows.

#[cfg(test)]
mod tests;

use std::cmp::Ordering;

use crate::{
    backends::{EditValue, TableId},
    checksum::ENTRY_CHECKSUM_BYTES,
    key::KeyReader,
    query::Split,
    tables::{IndexTable, ModelTables},
};

/// The index entries of one record: for each index in order, the encoded values, sorted and
/// distinct. They are added in the order of the indexes.
#[derive(Debug, Default, Clone)]
pub struct Entries {
    bytes: Vec<u8>,
    marks: Vec<Mark>,
}

/// One entry: its index and where its value stands in the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    index: usize,
    start: usize,
    end: usize,
}

impl Entries {
    /// Adds the entry of an index over one value.
    #[inline]
    pub fn one<K>(&mut self, index: usize, key: &K, encode: impl FnOnce(&K, &mut Vec<u8>)) {
        self.parts(index, |out| encode(key, out));
    }

    /// Adds the entry of an index over an optional value, if there is one.
    #[inline]
    pub fn sparse<K>(
        &mut self,
        index: usize,
        key: &Option<K>,
        encode: impl FnOnce(&K, &mut Vec<u8>),
    ) {
        if let Some(key) = key {
            self.one(index, key, encode);
        }
    }

    /// Yields the elements of a collection, which are of type `K`.
    #[inline]
    pub fn elements<'a, K: 'a>(
        collection: impl IntoIterator<Item = &'a K>,
    ) -> impl Iterator<Item = &'a K> {
        collection.into_iter()
    }

    /// Adds an entry for each distinct element.
    pub fn each<'a, K: 'a>(
        &mut self,
        index: usize,
        keys: impl IntoIterator<Item = &'a K>,
        encode: impl Fn(&K, &mut Vec<u8>),
    ) {
        let first = self.marks.len();
        for key in keys {
            self.one(index, key, &encode);
        }
        self.sort_distinct(first);
    }

    /// Adds the entry of an index over several values, which `encode` writes one after another.
    #[inline]
    pub fn parts(&mut self, index: usize, encode: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        encode(&mut self.bytes);
        self.marks.push(Mark {
            index,
            start,
            end: self.bytes.len(),
        });
    }

    /// Forgets all entries and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.marks.clear();
    }

    /// Returns how long all values are together.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Yields the encoded values of an index, ascending.
    pub fn of(&self, index: usize) -> impl Iterator<Item = &[u8]> {
        self.all()
            .filter(move |(of, _)| *of == index)
            .map(|(_, value)| value)
    }

    /// Returns an entry by its place in the order of indexes and values.
    #[inline]
    fn entry(&self, at: usize) -> Option<(usize, &[u8])> {
        self.marks
            .get(at)
            .map(|mark| (mark.index, self.slice(*mark)))
    }

    /// Yields every entry: its index and its encoded value.
    pub fn all(&self) -> impl Iterator<Item = (usize, &[u8])> {
        self.marks
            .iter()
            .map(|mark| (mark.index, self.slice(*mark)))
    }

    fn slice(&self, mark: Mark) -> &[u8] {
        self.bytes.get(mark.start..mark.end).unwrap_or_default()
    }

    fn sort_distinct(&mut self, first: usize) {
        let Self { bytes, marks } = self;
        let value = |mark: &Mark| bytes.get(mark.start..mark.end).unwrap_or_default();
        let Some(tail @ [_, _, ..]) = marks.get_mut(first..) else {
            return;
        };
        // A set, or a list that its owner keeps sorted, costs one comparison an element.
        if tail.is_sorted_by(|a, b| value(a) < value(b)) {
            return;
        }
        tail.sort_unstable_by(|a, b| value(a).cmp(value(b)));
        let mut rest = marks.split_off(first);
        rest.dedup_by(|a, b| value(a) == value(b));
        marks.append(&mut rest);
    }
}

/// A change of one row or entry.
pub(crate) struct Edit {
    pub(crate) table: TableId,
    pub(crate) key: Vec<u8>,
    pub(crate) value: Option<EditValue>,
}

/// A value that a record would newly have in a unique index.
pub(crate) struct Claim<'a> {
    pub(crate) index: &'a IndexTable,
    pub(crate) value: &'a [u8],
}

/// Returns the unique values that `new` has and `old` has not: what must be free before the write.
pub(crate) fn claims<'a>(
    model: &'a ModelTables,
    old: &'a Entries,
    new: &'a Entries,
) -> impl Iterator<Item = Claim<'a>> {
    let changes = model
        .has_unique
        .then(|| Changes::new(old, new))
        .into_iter()
        .flatten();
    changes.filter_map(|change| match change {
        Change::Added(position, value) => {
            let index = model.indexes.get(position).filter(|index| index.unique)?;
            Some(Claim { index, value })
        }
        Change::Removed(..) => None,
    })
}

/// Calls `edit` for every index entry that differs between the old and the new record under
/// `primary`, and touches no index whose values are the same.
pub(crate) fn plan_entries(
    model: &ModelTables,
    primary: &[u8],
    old: &Entries,
    new: &Entries,
    edit: &mut impl FnMut(Edit),
) {
    for change in Changes::new(old, new) {
        let (Change::Added(position, value) | Change::Removed(position, value)) = change;
        let Some(index) = model.indexes.get(position) else {
            continue;
        };
        let key = entry_key(index, value, primary);
        let value = match change {
            Change::Added(..) => Some(entry_value(index, &key, primary)),
            Change::Removed(..) => None,
        };
        edit(Edit {
            table: index.id,
            key,
            value,
        });
    }
}

/// An entry that only one of two records has: its index and its value.
#[derive(Clone, Copy)]
enum Change<'a> {
    Removed(usize, &'a [u8]),
    Added(usize, &'a [u8]),
}

/// The entries that differ between two records, in one pass over both.
struct Changes<'a> {
    old: &'a Entries,
    new: &'a Entries,
    old_at: usize,
    new_at: usize,
}

impl<'a> Changes<'a> {
    fn new(old: &'a Entries, new: &'a Entries) -> Self {
        Self {
            old,
            new,
            old_at: 0,
            new_at: 0,
        }
    }

    /// Returns whether no change is left, where one comparison shows it: most writes change one
    /// entry or none, and the rest stands where it stood.
    fn rest_is_same(&self) -> bool {
        let old = self.old.marks.get(self.old_at..).unwrap_or_default();
        let new = self.new.marks.get(self.new_at..).unwrap_or_default();
        if old != new {
            return false;
        }
        // Sorting moves the marks of a collection, not its bytes.
        let from = old.iter().map(|mark| mark.start).min().unwrap_or(0);
        self.old.bytes.get(from..) == self.new.bytes.get(from..)
    }
}

impl<'a> Iterator for Changes<'a> {
    type Item = Change<'a>;

    fn next(&mut self) -> Option<Change<'a>> {
        if self.rest_is_same() {
            return None;
        }
        loop {
            let old = self.old.entry(self.old_at);
            let new = self.new.entry(self.new_at);
            let order = match (old, new) {
                (Some(old), Some(new)) if old == new => Ordering::Equal,
                (None, None) => return None,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(old), Some(new)) => old.cmp(&new),
            };
            self.old_at += usize::from(order != Ordering::Greater);
            self.new_at += usize::from(order != Ordering::Less);
            match order {
                Ordering::Equal => {}
                Ordering::Less => return old.map(|(index, value)| Change::Removed(index, value)),
                Ordering::Greater => return new.map(|(index, value)| Change::Added(index, value)),
            }
        }
    }
}

/// The key of an entry: the value, and the primary key unless the value is unique.
pub(crate) fn entry_key(index: &IndexTable, value: &[u8], primary: &[u8]) -> Vec<u8> {
    if index.unique {
        return value.to_vec();
    }
    let mut key = Vec::with_capacity(value.len() + primary.len());
    key.extend_from_slice(value);
    key.extend_from_slice(primary);
    key
}

/// The value of an entry: its checksum, after the primary key that a unique entry names.
pub(crate) fn entry_value(index: &IndexTable, key: &[u8], primary: &[u8]) -> EditValue {
    if !index.unique {
        return EditValue::from(index.seed.entry(key, &[]).as_slice());
    }
    let mut value = Vec::with_capacity(primary.len() + ENTRY_CHECKSUM_BYTES);
    value.extend_from_slice(primary);
    value.extend_from_slice(&index.seed.entry(key, primary));
    value.into()
}

/// Returns the primary key that an entry names, or nothing when its checksum does not hold.
///
/// `split` tells where the value ends that the entry's key begins with.
#[inline]
pub(crate) fn entry_primary<'a>(
    index: &IndexTable,
    key: &'a [u8],
    value: &'a [u8],
    split: Split,
) -> Option<&'a [u8]> {
    let (named, sum) = value.split_last_chunk::<ENTRY_CHECKSUM_BYTES>()?;
    if index.seed.entry(key, named) != *sum {
        return None;
    }
    if index.unique {
        return Some(named);
    }
    let mut reader = KeyReader::new(key);
    split.pass(&mut reader).ok()?;
    key.get(reader.position()..)
}
