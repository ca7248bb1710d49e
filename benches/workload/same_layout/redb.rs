//! The layout's tables on redb.

use std::path::Path;

use redb::{
    Database, ReadOnlyTable, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition,
};

use super::{Reads, Tables};
use crate::{
    CACHE_BYTES,
    layout::{Edits, NAMES, ROWS},
};

type Bytes = &'static [u8];

const fn table(number: usize) -> TableDefinition<'static, Bytes, Bytes> {
    TableDefinition::new(NAMES[number])
}

/// A redb file.
pub struct RedbTables(Database);

/// The tables of a read transaction.
pub struct Held {
    tables: [ReadOnlyTable<Bytes, Bytes>; NAMES.len()],
    _txn: ReadTransaction,
}

impl RedbTables {
    /// Takes a database, and makes the tables in an empty one.
    #[must_use]
    pub fn over(database: Database) -> Self {
        let is_empty = database
            .begin_read()
            .unwrap()
            .list_tables()
            .unwrap()
            .count()
            == 0;
        if is_empty {
            let txn = database.begin_write().unwrap();
            for number in 0..NAMES.len() {
                drop(txn.open_table(table(number)).unwrap());
            }
            txn.commit().unwrap();
        }
        Self(database)
    }
}

impl Tables for RedbTables {
    type Held = Held;

    fn open(folder: &Path) -> Self {
        let mut builder = Database::builder();
        builder.set_cache_size(CACHE_BYTES);
        Self::over(builder.create(folder.join("same.redb")).unwrap())
    }

    fn hold(&self) -> Held {
        let txn = self.0.begin_read().unwrap();
        let tables = std::array::from_fn(|number| txn.open_table(table(number)).unwrap());
        Held { tables, _txn: txn }
    }

    fn apply(&self, edits: &Edits) {
        let txn = self.0.begin_write().unwrap();
        for (number, edits) in edits.iter().enumerate().filter(|(_, it)| !it.is_empty()) {
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

    fn get_once<R>(&self, key: &[u8], read: impl FnOnce(&[u8]) -> R) -> R {
        let txn = self.0.begin_read().unwrap();
        let rows = txn.open_table(table(ROWS)).unwrap();
        read(rows.get(key).unwrap().unwrap().value())
    }
}

impl Reads for Held {
    fn get<R>(&self, table: usize, key: &[u8], read: impl FnOnce(&[u8]) -> R) -> Option<R> {
        let found = self.tables[table].get(key).unwrap();
        found.map(|value| read(value.value()))
    }

    fn sum(
        &self,
        table: usize,
        span: Option<(&[u8], &[u8])>,
        mut read: impl FnMut(&[u8], &[u8]) -> u64,
    ) -> u64 {
        let table = &self.tables[table];
        let found = match span {
            Some((from, to)) => table.range::<&[u8]>(from..to).unwrap(),
            None => table.iter().unwrap(),
        };
        found
            .map(|entry| {
                let (key, value) = entry.unwrap();
                read(key.value(), value.value())
            })
            .sum()
    }
}
