//! The typed store's own tables, rows and entries, written by hand for this one record.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::Record;

/// The tables: the rows, and one for each index.
pub const NAMES: [&str; 5] = ["rows", "hash", "time", "deriver", "reference"];
pub const ROWS: usize = 0;
pub const HASH: usize = 1;
pub const TIME: usize = 2;
pub const DERIVER: usize = 3;
pub const REFERENCE: usize = 4;

/// For each table, keys with their new value, or none to delete.
pub type Edits = [BTreeMap<Vec<u8>, Option<Vec<u8>>>; NAMES.len()];

/// The value of an index in front of a primary key.
type IndexValue = (usize, Vec<u8>);

/// Appends text as a key. The workload has no byte that needs an escape.
pub fn text(value: &str, out: &mut Vec<u8>) {
    debug_assert!(value.bytes().all(|byte| byte > 1));
    out.extend_from_slice(value.as_bytes());
    out.push(0);
}

#[must_use]
pub fn text_key(value: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len() + 1);
    text(value, &mut out);
    out
}

#[must_use]
pub fn read_text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte <= 1).unwrap();
    assert_eq!(bytes[end], 0, "the workload has no escapes");
    std::str::from_utf8(&bytes[..end]).unwrap().to_owned()
}

/// Returns where the entries of a text begin and end.
#[must_use]
pub fn text_span(value: &str) -> (Vec<u8>, Vec<u8>) {
    let from = text_key(value);
    let mut to = from.clone();
    *to.last_mut().unwrap() = 1;
    (from, to)
}

/// Builds and checks rows and entries; `CHECKED` says whether they carry checksums.
pub struct Layout<const CHECKED: bool> {
    seeds: [u64; NAMES.len()],
}

impl<const CHECKED: bool> Default for Layout<CHECKED> {
    fn default() -> Self {
        let seeds = NAMES.map(|name| xxh3_64(name.as_bytes()));
        Self { seeds }
    }
}

impl<const CHECKED: bool> Layout<CHECKED> {
    fn seal(&self, key: &[u8], record: &Record) -> Vec<u8> {
        let mut row = Vec::with_capacity(512);
        row.extend_from_slice(&[1, 0, 1]);
        bincode::encode_into_std_write(record, &mut row, bincode::config::standard()).unwrap();
        if CHECKED {
            let sum = xxh3_64(&row) ^ xxh3_64_with_seed(key, self.seeds[ROWS]);
            row.extend_from_slice(&sum.to_le_bytes());
        }
        row
    }

    /// Returns the record of a row.
    #[must_use]
    pub fn open(&self, key: &[u8], row: &[u8]) -> Record {
        let mut body = row;
        if CHECKED {
            let (rest, sum) = row.split_last_chunk::<8>().unwrap();
            let wanted = xxh3_64(rest) ^ xxh3_64_with_seed(key, self.seeds[ROWS]);
            assert_eq!(wanted.to_le_bytes(), *sum);
            body = rest;
        }
        super::decode(&body[3..])
    }

    fn index_values(record: &Record) -> Vec<IndexValue> {
        let mut values = vec![(HASH, text_key(&record.nar_hash))];
        values.push((TIME, record.registration_time.to_be_bytes().to_vec()));
        let deriver = record.deriver.as_deref();
        values.extend(deriver.map(|value| (DERIVER, text_key(value))));
        let references = record.references.iter();
        values.extend(references.map(|value| (REFERENCE, text_key(value))));
        values
    }

    fn entry(&self, table: usize, value: &[u8], primary: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let key = [value, primary].concat();
        let sum = if CHECKED {
            xxh3_64_with_seed(&key, self.seeds[table]).to_le_bytes()[..4].to_vec()
        } else {
            Vec::new()
        };
        (key, sum)
    }

    /// Stops at an entry that is not what was written.
    pub fn check(&self, table: usize, key: &[u8], sum: &[u8]) {
        if CHECKED {
            let wanted = xxh3_64_with_seed(key, self.seeds[table]).to_le_bytes();
            assert_eq!(wanted[..4], *sum);
        }
    }

    /// Adds what takes one record's rows from `old` to `new`: only what differs.
    pub fn edit(&self, edits: &mut Edits, key: &[u8], old: Option<&Record>, new: Option<&Record>) {
        let old_values = old.map(Self::index_values).unwrap_or_default();
        let new_values = new.map(Self::index_values).unwrap_or_default();
        for (table, value) in old_values.iter().filter(|it| !new_values.contains(it)) {
            edits[*table].insert(self.entry(*table, value, key).0, None);
        }
        for (table, value) in new_values.iter().filter(|it| !old_values.contains(it)) {
            let (key, sum) = self.entry(*table, value, key);
            edits[*table].insert(key, Some(sum));
        }
        edits[ROWS].insert(key.to_vec(), new.map(|record| self.seal(key, record)));
    }
}
