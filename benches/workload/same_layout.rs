//! The typed store's own layout on a raw engine: byte keys, sorted batches, tables opened once a
//! transaction, the same checksums (or none).

mod redb;
mod sled;

pub use self::{redb::RedbTables, sled::SledTables};

use std::path::Path;

use super::{
    Layer, Record,
    layout::{DERIVER, Edits, Layout, REFERENCE, ROWS, TIME, read_text, text, text_key, text_span},
};

/// A raw engine that holds the tables of the layout.
pub trait Tables {
    /// The tables, open for reading.
    type Held: Reads;

    fn open(folder: &Path) -> Self;
    fn hold(&self) -> Self::Held;
    /// Applies the edits in one durable transaction.
    fn apply(&self, edits: &Edits);
    /// Reads a row in a transaction of its own.
    fn get_once<R>(&self, key: &[u8], read: impl FnOnce(&[u8]) -> R) -> R;
}

/// The tables of a raw engine, open for reading.
pub trait Reads {
    fn get<R>(&self, table: usize, key: &[u8], read: impl FnOnce(&[u8]) -> R) -> Option<R>;
    /// Sums up what `read` returns for the entries of a span.
    fn sum(
        &self,
        table: usize,
        span: Option<(&[u8], &[u8])>,
        read: impl FnMut(&[u8], &[u8]) -> u64,
    ) -> u64;
}

/// Hand-written on a raw engine; `CHECKED` says whether rows and entries carry checksums.
pub struct SameLayout<T, const CHECKED: bool> {
    tables: T,
    layout: Layout<CHECKED>,
}

impl<T: Tables, const CHECKED: bool> SameLayout<T, CHECKED> {
    /// Works on tables that are open already.
    pub fn over(tables: T) -> Self {
        let layout = Layout::default();
        Self { tables, layout }
    }

    fn read(&self, held: &T::Held, key: &[u8]) -> Record {
        let read = held.get(ROWS, key, |row| self.layout.open(key, row));
        read.unwrap()
    }

    fn change(&self, paths: &[&str], change: impl Fn(&mut Record)) {
        let held = self.tables.hold();
        let mut edits = Edits::default();
        for path in paths {
            let key = text_key(path);
            let old = self.read(&held, &key);
            let mut new = old.clone();
            change(&mut new);
            self.layout.edit(&mut edits, &key, Some(&old), Some(&new));
        }
        drop(held);
        self.tables.apply(&edits);
    }

    fn put(&self, records: &[Record]) {
        let held = self.tables.hold();
        let mut edits = Edits::default();
        for record in records {
            let key = text_key(&record.path);
            let old = held.get(ROWS, &key, |row| self.layout.open(&key, row));
            self.layout
                .edit(&mut edits, &key, old.as_ref(), Some(record));
        }
        drop(held);
        self.tables.apply(&edits);
    }
}

impl<T: Tables, const CHECKED: bool> Layer for SameLayout<T, CHECKED> {
    type Input = Vec<Record>;
    type Held = T::Held;

    fn create(folder: &Path) -> Self {
        Self::over(T::open(folder))
    }

    fn prepare(records: &[Record]) -> Vec<Record> {
        records.to_vec()
    }

    fn put_batch(&self, records: Vec<Record>) {
        self.put(&records);
    }

    fn put_each(&self, records: Vec<Record>) {
        for record in records {
            self.put(&[record]);
        }
    }

    fn update_batch(&self, paths: &[&str], add_time: u64) {
        self.change(paths, |record| record.registration_time += add_time);
    }

    fn update_unindexed(&self, paths: &[&str], add_size: u64) {
        self.change(paths, |record| record.nar_size += add_size);
    }

    fn delete_batch(&self, paths: &[&str]) {
        let held = self.tables.hold();
        let mut edits = Edits::default();
        for path in paths {
            let key = text_key(path);
            let old = self.read(&held, &key);
            self.layout.edit(&mut edits, &key, Some(&old), None);
        }
        drop(held);
        self.tables.apply(&edits);
    }

    fn hold(&self) -> T::Held {
        self.tables.hold()
    }

    fn gets(&self, held: &T::Held, paths: &[&str]) -> u64 {
        let mut key = Vec::new();
        let get = |path: &&str| {
            key.clear();
            text(path, &mut key);
            self.read(held, &key).sum()
        };
        paths.iter().map(get).sum()
    }

    fn get_own_txn(&self, path: &str) -> u64 {
        let key = text_key(path);
        self.tables
            .get_once(&key, |row| self.layout.open(&key, row).sum())
    }

    fn by_deriver(&self, held: &T::Held, deriver: &str) -> u64 {
        let (from, to) = text_span(deriver);
        held.sum(DERIVER, Some((&from, &to)), |key, sum| {
            self.layout.check(DERIVER, key, sum);
            self.read(held, &key[from.len()..]).sum()
        })
    }

    fn referrers(&self, held: &T::Held, path: &str) -> u64 {
        let (from, to) = text_span(path);
        held.sum(REFERENCE, Some((&from, &to)), |key, sum| {
            self.layout.check(REFERENCE, key, sum);
            read_text(&key[from.len()..]).len() as u64
        })
    }

    fn time_range(&self, held: &T::Held, from: u64, to: u64) -> u64 {
        let (from, to) = (from.to_be_bytes(), to.to_be_bytes());
        held.sum(TIME, Some((&from, &to)), |key, sum| {
            self.layout.check(TIME, key, sum);
            self.read(held, &key[from.len()..]).sum()
        })
    }

    fn time_range_keys(&self, held: &T::Held, from: u64, to: u64) -> u64 {
        let (from, to) = (from.to_be_bytes(), to.to_be_bytes());
        held.sum(TIME, Some((&from, &to)), |key, sum| {
            self.layout.check(TIME, key, sum);
            read_text(&key[from.len()..]).len() as u64
        })
    }

    fn iterate(&self, held: &T::Held) -> u64 {
        held.sum(ROWS, None, |key, row| self.layout.open(key, row).sum())
    }
}
