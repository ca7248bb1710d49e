//! The plan: which rows and index entries a write changes. Pure, and the only place that knows.

use crate::{
    backends::TableId,
    checksum::ENTRY_CHECKSUM_BYTES,
    key::{KeyReader, NetabaseKey},
    query::Split,
    tables::{IndexTable, ModelTables},
};

/// The index entries of one record: for each index, the encoded values, sorted and distinct.
#[derive(Debug, Default, Clone)]
pub struct Entries {
    bytes: Vec<u8>,
    marks: Vec<Mark>,
}

/// One entry: its index and where its value stands in the bytes.
#[derive(Debug, Clone, Copy)]
struct Mark {
    index: usize,
    start: usize,
    end: usize,
}

impl Entries {
    /// Adds the entry of an index over one value.
    #[inline]
    pub fn one<K: NetabaseKey>(&mut self, index: usize, key: &K) {
        self.parts(index, |out| key.encode_key(out));
    }

    /// Adds the entry of an index over an optional value, if there is one.
    #[inline]
    pub fn sparse<K: NetabaseKey>(&mut self, index: usize, key: &Option<K>) {
        if let Some(key) = key {
            self.one(index, key);
        }
    }

    /// Adds an entry for each distinct element.
    pub fn each<'a, K: NetabaseKey>(
        &mut self,
        index: usize,
        keys: impl IntoIterator<Item = &'a K>,
    ) {
        let first = self.marks.len();
        for key in keys {
            self.one(index, key);
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

    /// Yields the encoded values of an index, ascending.
    pub fn of(&self, index: usize) -> impl Iterator<Item = &[u8]> {
        self.marks
            .iter()
            .filter(move |mark| mark.index == index)
            .map(|mark| self.slice(*mark))
    }

    fn slice(&self, mark: Mark) -> &[u8] {
        self.bytes.get(mark.start..mark.end).unwrap_or_default()
    }

    fn sort_distinct(&mut self, first: usize) {
        let bytes = &self.bytes;
        let value = |mark: &Mark| bytes.get(mark.start..mark.end).unwrap_or_default();
        let Some(tail) = self.marks.get_mut(first..) else {
            return;
        };
        tail.sort_unstable_by(|a, b| value(a).cmp(value(b)));
        let mut kept = first;
        for at in first..self.marks.len() {
            let Some(mark) = self.marks.get(at).copied() else {
                break;
            };
            let repeats = kept > first
                && self
                    .marks
                    .get(kept - 1)
                    .is_some_and(|last| self.slice(*last) == self.slice(mark));
            if !repeats {
                if let Some(slot) = self.marks.get_mut(kept) {
                    *slot = mark;
                }
                kept += 1;
            }
        }
        self.marks.truncate(kept);
    }
}

/// A change of one row or entry.
pub(crate) struct Edit {
    pub(crate) table: TableId,
    pub(crate) key: Vec<u8>,
    pub(crate) value: Option<Vec<u8>>,
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
    let unique = model
        .indexes
        .iter()
        .enumerate()
        .filter(|(_, index)| index.unique);
    unique.flat_map(|(position, index)| {
        added(position, old, new).map(move |value| Claim { index, value })
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
    for (position, index) in model.indexes.iter().enumerate() {
        for value in added(position, new, old) {
            edit(Edit {
                table: index.id,
                key: entry_key(index, value, primary),
                value: None,
            });
        }
        for value in added(position, old, new) {
            let key = entry_key(index, value, primary);
            let value = Some(entry_value(index, &key, primary));
            edit(Edit {
                table: index.id,
                key,
                value,
            });
        }
    }
}

/// Yields the values of an index that `to` has and `from` has not.
fn added<'a>(
    position: usize,
    from: &'a Entries,
    to: &'a Entries,
) -> impl Iterator<Item = &'a [u8]> {
    let mut from = from.of(position).peekable();
    to.of(position).filter(move |value| {
        while from.next_if(|known| known < value).is_some() {}
        from.peek() != Some(value)
    })
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
pub(crate) fn entry_value(index: &IndexTable, key: &[u8], primary: &[u8]) -> Vec<u8> {
    if !index.unique {
        return index.seed.entry(key, &[]).to_vec();
    }
    let mut value = Vec::with_capacity(primary.len() + ENTRY_CHECKSUM_BYTES);
    value.extend_from_slice(primary);
    value.extend_from_slice(&index.seed.entry(key, primary));
    value
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
