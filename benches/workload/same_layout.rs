//! The typed store's own tables, rows and entries, written by hand on redb for this one record:
//! byte keys, sorted batches, tables opened once a transaction, the same checksums (or none).

use std::{collections::BTreeMap, path::Path};

use redb::{
    Database, ReadOnlyTable, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition,
};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::{Layer, Record};

type Bytes = &'static [u8];

const NAMES: [&str; 5] = ["rows", "hash", "time", "deriver", "reference"];
const ROWS: usize = 0;
const TIME: usize = 2;
const DERIVER: usize = 3;
const REFERENCE: usize = 4;

const fn table(number: usize) -> TableDefinition<'static, Bytes, Bytes> {
    TableDefinition::new(NAMES[number])
}

/// Hand-written; `CHECKED` says whether rows and entries carry checksums.
pub struct SameLayout<const CHECKED: bool> {
    database: Database,
    seeds: [u64; 5],
}

/// The tables of a read transaction.
pub struct Held {
    tables: [ReadOnlyTable<Bytes, Bytes>; 5],
    _txn: ReadTransaction,
}

type Edits = [BTreeMap<Vec<u8>, Option<Vec<u8>>>; 5];

/// The workload has no byte that needs an escape.
fn text(value: &str, out: &mut Vec<u8>) {
    debug_assert!(value.bytes().all(|byte| byte > 1));
    out.extend_from_slice(value.as_bytes());
    out.push(0);
}

fn text_key(value: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len() + 1);
    text(value, &mut out);
    out
}

fn read_text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte <= 1).unwrap();
    assert_eq!(bytes[end], 0, "the workload has no escapes");
    std::str::from_utf8(&bytes[..end]).unwrap().to_owned()
}

impl<const CHECKED: bool> SameLayout<CHECKED> {
    fn row(&self, key: &[u8], record: &Record) -> Vec<u8> {
        let mut row = Vec::with_capacity(512);
        row.extend_from_slice(&[1, 0, 1]);
        bincode::encode_into_std_write(record, &mut row, bincode::config::standard()).unwrap();
        if CHECKED {
            let sum = xxh3_64(&row) ^ xxh3_64_with_seed(key, self.seeds[ROWS]);
            row.extend_from_slice(&sum.to_le_bytes());
        }
        row
    }

    fn open(&self, key: &[u8], row: &[u8]) -> Record {
        let mut body = row;
        if CHECKED {
            let (rest, sum) = row.split_last_chunk::<8>().unwrap();
            let wanted = xxh3_64(rest) ^ xxh3_64_with_seed(key, self.seeds[ROWS]);
            assert_eq!(wanted.to_le_bytes(), *sum);
            body = rest;
        }
        super::decode(&body[3..])
    }

    fn entries(record: &Record) -> Vec<(usize, Vec<u8>)> {
        let mut entries = vec![(1, text_key(&record.nar_hash))];
        entries.push((TIME, record.registration_time.to_be_bytes().to_vec()));
        entries.extend(
            record
                .deriver
                .as_deref()
                .map(|value| (DERIVER, text_key(value))),
        );
        entries.extend(
            record
                .references
                .iter()
                .map(|value| (REFERENCE, text_key(value))),
        );
        entries
    }

    fn entry(&self, number: usize, value: &[u8], primary: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let key = [value, primary].concat();
        let sum = if CHECKED {
            xxh3_64_with_seed(&key, self.seeds[number]).to_le_bytes()[..4].to_vec()
        } else {
            Vec::new()
        };
        (key, sum)
    }

    fn check(&self, number: usize, key: &[u8], sum: &[u8]) {
        if CHECKED {
            assert_eq!(
                xxh3_64_with_seed(key, self.seeds[number]).to_le_bytes()[..4],
                *sum
            );
        }
    }

    fn apply(&self, edits: &Edits) {
        let txn = self.database.begin_write().unwrap();
        for (number, edits) in edits
            .iter()
            .enumerate()
            .filter(|(_, edits)| !edits.is_empty())
        {
            let mut table = txn.open_table(table(number)).unwrap();
            for (key, value) in edits {
                match value {
                    Some(value) => drop(table.insert(&**key, &**value).unwrap()),
                    None => drop(table.remove(&**key).unwrap()),
                }
            }
        }
        txn.commit().unwrap();
    }

    fn edit(&self, edits: &mut Edits, key: &[u8], old: Option<&Record>, new: Option<&Record>) {
        let old_entries = old.map(Self::entries).unwrap_or_default();
        let new_entries = new.map(Self::entries).unwrap_or_default();
        for (number, value) in old_entries
            .iter()
            .filter(|entry| !new_entries.contains(entry))
        {
            edits[*number].insert(self.entry(*number, value, key).0, None);
        }
        for (number, value) in new_entries
            .iter()
            .filter(|entry| !old_entries.contains(entry))
        {
            let (key, sum) = self.entry(*number, value, key);
            edits[*number].insert(key, Some(sum));
        }
        edits[ROWS].insert(key.to_vec(), new.map(|record| self.row(key, record)));
    }

    fn change(&self, paths: &[&str], change: impl Fn(&mut Record)) {
        let held = self.hold();
        let mut edits = Edits::default();
        for path in paths {
            let key = text_key(path);
            let old = self.open(&key, held.tables[ROWS].get(&*key).unwrap().unwrap().value());
            let mut new = old.clone();
            change(&mut new);
            self.edit(&mut edits, &key, Some(&old), Some(&new));
        }
        drop(held);
        self.apply(&edits);
    }

    fn fetch(&self, held: &Held, number: usize, split: usize, key: &[u8], sum: &[u8]) -> u64 {
        self.check(number, key, sum);
        let primary = &key[split..];
        self.open(
            primary,
            held.tables[ROWS].get(primary).unwrap().unwrap().value(),
        )
        .sum()
    }
}

impl<const CHECKED: bool> Layer for SameLayout<CHECKED> {
    type Input = Vec<Record>;
    type Held = Held;

    fn create(folder: &Path) -> Self {
        let database = Database::create(folder.join("same.redb")).unwrap();
        let txn = database.begin_write().unwrap();
        for number in 0..NAMES.len() {
            drop(txn.open_table(table(number)).unwrap());
        }
        txn.commit().unwrap();
        Self {
            database,
            seeds: NAMES.map(|name| xxh3_64(name.as_bytes())),
        }
    }

    fn prepare(records: &[Record]) -> Vec<Record> {
        records.to_vec()
    }

    fn put_batch(&self, records: Vec<Record>) {
        let held = self.hold();
        let mut edits = Edits::default();
        for record in &records {
            let key = text_key(&record.path);
            let old = held.tables[ROWS].get(&*key).unwrap();
            let old = old.map(|row| self.open(&key, row.value()));
            self.edit(&mut edits, &key, old.as_ref(), Some(record));
        }
        drop(held);
        self.apply(&edits);
    }

    fn update_batch(&self, paths: &[&str], add_time: u64) {
        self.change(paths, |record| record.registration_time += add_time);
    }

    fn update_unindexed(&self, paths: &[&str], add_size: u64) {
        self.change(paths, |record| record.nar_size += add_size);
    }

    fn delete_batch(&self, paths: &[&str]) {
        let held = self.hold();
        let mut edits = Edits::default();
        for path in paths {
            let key = text_key(path);
            let old = self.open(&key, held.tables[ROWS].get(&*key).unwrap().unwrap().value());
            self.edit(&mut edits, &key, Some(&old), None);
        }
        drop(held);
        self.apply(&edits);
    }

    fn hold(&self) -> Held {
        let txn = self.database.begin_read().unwrap();
        let tables = [0, 1, 2, 3, 4].map(|number| txn.open_table(table(number)).unwrap());
        Held { tables, _txn: txn }
    }

    fn gets(&self, held: &Held, paths: &[&str]) -> u64 {
        let mut key = Vec::new();
        let get = |path: &&str| {
            key.clear();
            text(path, &mut key);
            self.open(&key, held.tables[ROWS].get(&*key).unwrap().unwrap().value())
                .sum()
        };
        paths.iter().map(get).sum()
    }

    fn get_own_txn(&self, path: &str) -> u64 {
        let txn = self.database.begin_read().unwrap();
        let key = text_key(path);
        let rows = txn.open_table(table(ROWS)).unwrap();
        self.open(&key, rows.get(&*key).unwrap().unwrap().value())
            .sum()
    }

    fn by_deriver(&self, held: &Held, deriver: &str) -> u64 {
        let from = text_key(deriver);
        let mut to = from.clone();
        *to.last_mut().unwrap() = 1;
        let range = held.tables[DERIVER].range::<&[u8]>(&*from..&*to).unwrap();
        range
            .map(|entry| {
                let (key, sum) = entry.unwrap();
                self.fetch(held, DERIVER, from.len(), key.value(), sum.value())
            })
            .sum()
    }

    fn referrers(&self, held: &Held, path: &str) -> u64 {
        let from = text_key(path);
        let mut to = from.clone();
        *to.last_mut().unwrap() = 1;
        let range = held.tables[REFERENCE].range::<&[u8]>(&*from..&*to).unwrap();
        range
            .map(|entry| {
                let (key, sum) = entry.unwrap();
                self.check(REFERENCE, key.value(), sum.value());
                read_text(&key.value()[from.len()..]).len() as u64
            })
            .sum()
    }

    fn time_range(&self, held: &Held, from: u64, to: u64) -> u64 {
        let (from, to) = (from.to_be_bytes(), to.to_be_bytes());
        let range = held.tables[TIME]
            .range::<&[u8]>(&from[..]..&to[..])
            .unwrap();
        range
            .map(|entry| {
                let (key, sum) = entry.unwrap();
                self.fetch(held, TIME, 8, key.value(), sum.value())
            })
            .sum()
    }

    fn time_range_keys(&self, held: &Held, from: u64, to: u64) -> u64 {
        let (from, to) = (from.to_be_bytes(), to.to_be_bytes());
        let range = held.tables[TIME]
            .range::<&[u8]>(&from[..]..&to[..])
            .unwrap();
        range
            .map(|entry| {
                let (key, sum) = entry.unwrap();
                self.check(TIME, key.value(), sum.value());
                read_text(&key.value()[8..]).len() as u64
            })
            .sum()
    }

    fn iterate(&self, held: &Held) -> u64 {
        let rows = held.tables[ROWS].iter().unwrap();
        rows.map(|entry| {
            let (key, row) = entry.unwrap();
            self.open(key.value(), row.value()).sum()
        })
        .sum()
    }
}
