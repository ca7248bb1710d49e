//! What most people would write on redb first: text keys, multimaps, arrival order.

use std::path::Path;

use redb::{
    Database, MultimapTableDefinition, ReadOnlyMultimapTable, ReadOnlyTable, ReadTransaction,
    ReadableDatabase, ReadableTable, TableDefinition,
};

use super::{CACHE_BYTES, Layer, Record, decode, encode};

const ROWS: TableDefinition<&str, &[u8]> = TableDefinition::new("rows");
const HASH: MultimapTableDefinition<&str, &str> = MultimapTableDefinition::new("hash");
const TIME: MultimapTableDefinition<u64, &str> = MultimapTableDefinition::new("time");
const DERIVER: MultimapTableDefinition<&str, &str> = MultimapTableDefinition::new("deriver");
const REFERENCE: MultimapTableDefinition<&str, &str> = MultimapTableDefinition::new("reference");

pub struct Naive(pub Database);

impl Naive {
    fn remove_entries(txn: &redb::WriteTransaction, old: &Record) {
        let path = old.path.as_str();
        txn.open_multimap_table(HASH)
            .unwrap()
            .remove(&*old.nar_hash, path)
            .unwrap();
        txn.open_multimap_table(TIME)
            .unwrap()
            .remove(old.registration_time, path)
            .unwrap();
        if let Some(deriver) = &old.deriver {
            txn.open_multimap_table(DERIVER)
                .unwrap()
                .remove(&**deriver, path)
                .unwrap();
        }
        let mut table = txn.open_multimap_table(REFERENCE).unwrap();
        for reference in &old.references {
            table.remove(&**reference, path).unwrap();
        }
    }
}

/// The tables of a read transaction.
pub struct Held {
    rows: ReadOnlyTable<&'static str, &'static [u8]>,
    time: ReadOnlyMultimapTable<u64, &'static str>,
    deriver: ReadOnlyMultimapTable<&'static str, &'static str>,
    reference: ReadOnlyMultimapTable<&'static str, &'static str>,
    _txn: ReadTransaction,
}

impl Held {
    fn read(&self, path: &str) -> u64 {
        decode(self.rows.get(path).unwrap().unwrap().value()).sum()
    }
}

impl Layer for Naive {
    type Input = Vec<Record>;
    type Held = Held;

    fn create(folder: &Path) -> Self {
        let mut builder = Database::builder();
        builder.set_cache_size(CACHE_BYTES);
        Self(builder.create(folder.join("naive.redb")).unwrap())
    }

    fn prepare(records: &[Record]) -> Vec<Record> {
        records.to_vec()
    }

    fn put_batch(&self, records: Vec<Record>) {
        let txn = self.0.begin_write().unwrap();
        {
            let mut rows = txn.open_table(ROWS).unwrap();
            let mut hash = txn.open_multimap_table(HASH).unwrap();
            let mut time = txn.open_multimap_table(TIME).unwrap();
            let mut deriver = txn.open_multimap_table(DERIVER).unwrap();
            let mut reference = txn.open_multimap_table(REFERENCE).unwrap();
            let mut buffer = Vec::new();
            for record in &records {
                let path = record.path.as_str();
                encode(record, &mut buffer);
                let old = rows
                    .insert(path, &*buffer)
                    .unwrap()
                    .map(|old| decode(old.value()));
                if let Some(old) = old {
                    hash.remove(&*old.nar_hash, path).unwrap();
                    time.remove(old.registration_time, path).unwrap();
                    if let Some(old) = &old.deriver {
                        deriver.remove(&**old, path).unwrap();
                    }
                    for old in &old.references {
                        reference.remove(&**old, path).unwrap();
                    }
                }
                hash.insert(&*record.nar_hash, path).unwrap();
                time.insert(record.registration_time, path).unwrap();
                if let Some(value) = &record.deriver {
                    deriver.insert(&**value, path).unwrap();
                }
                for value in &record.references {
                    reference.insert(&**value, path).unwrap();
                }
            }
        }
        txn.commit().unwrap();
    }

    fn put_each(&self, records: Vec<Record>) {
        for record in records {
            self.put_batch(vec![record]);
        }
    }

    fn update_batch(&self, paths: &[&str], add_time: u64) {
        let txn = self.0.begin_write().unwrap();
        {
            let mut rows = txn.open_table(ROWS).unwrap();
            let mut time = txn.open_multimap_table(TIME).unwrap();
            let mut buffer = Vec::new();
            for path in paths {
                let mut record = decode(rows.get(*path).unwrap().unwrap().value());
                time.remove(record.registration_time, *path).unwrap();
                record.registration_time += add_time;
                time.insert(record.registration_time, *path).unwrap();
                encode(&record, &mut buffer);
                rows.insert(*path, &*buffer).unwrap();
            }
        }
        txn.commit().unwrap();
    }

    fn delete_batch(&self, paths: &[&str]) {
        let txn = self.0.begin_write().unwrap();
        for path in paths {
            let old = txn
                .open_table(ROWS)
                .unwrap()
                .remove(*path)
                .unwrap()
                .map(|old| decode(old.value()));
            Self::remove_entries(&txn, &old.unwrap());
        }
        txn.commit().unwrap();
    }

    fn update_unindexed(&self, paths: &[&str], add_size: u64) {
        let txn = self.0.begin_write().unwrap();
        {
            let mut rows = txn.open_table(ROWS).unwrap();
            let mut buffer = Vec::new();
            for path in paths {
                let mut record = decode(rows.get(*path).unwrap().unwrap().value());
                record.nar_size += add_size;
                encode(&record, &mut buffer);
                rows.insert(*path, &*buffer).unwrap();
            }
        }
        txn.commit().unwrap();
    }

    fn hold(&self) -> Held {
        let txn = self.0.begin_read().unwrap();
        Held {
            rows: txn.open_table(ROWS).unwrap(),
            time: txn.open_multimap_table(TIME).unwrap(),
            deriver: txn.open_multimap_table(DERIVER).unwrap(),
            reference: txn.open_multimap_table(REFERENCE).unwrap(),
            _txn: txn,
        }
    }

    fn gets(&self, held: &Held, paths: &[&str]) -> u64 {
        paths.iter().map(|path| held.read(path)).sum()
    }

    fn get_own_txn(&self, path: &str) -> u64 {
        let txn = self.0.begin_read().unwrap();
        decode(
            txn.open_table(ROWS)
                .unwrap()
                .get(path)
                .unwrap()
                .unwrap()
                .value(),
        )
        .sum()
    }

    fn by_deriver(&self, held: &Held, deriver: &str) -> u64 {
        let found = held.deriver.get(deriver).unwrap();
        found.map(|path| held.read(path.unwrap().value())).sum()
    }

    fn referrers(&self, held: &Held, path: &str) -> u64 {
        let found = held.reference.get(path).unwrap();
        found
            .map(|path| path.unwrap().value().to_owned().len() as u64)
            .sum()
    }

    fn time_range(&self, held: &Held, from: u64, to: u64) -> u64 {
        let found = held
            .time
            .range(from..to)
            .unwrap()
            .flat_map(|entry| entry.unwrap().1);
        found.map(|path| held.read(path.unwrap().value())).sum()
    }

    fn time_range_keys(&self, held: &Held, from: u64, to: u64) -> u64 {
        let found = held
            .time
            .range(from..to)
            .unwrap()
            .flat_map(|entry| entry.unwrap().1);
        found
            .map(|path| path.unwrap().value().to_owned().len() as u64)
            .sum()
    }

    fn iterate(&self, held: &Held) -> u64 {
        held.rows
            .iter()
            .unwrap()
            .map(|entry| decode(entry.unwrap().1.value()).sum())
            .sum()
    }
}
