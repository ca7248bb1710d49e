//! fjall, a log-structured engine: the same layout by hand, a keyspace a table. Its blocks carry
//! checksums of their own.

use std::path::Path;

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode, Readable, Snapshot};

use crate::{
    CACHE_BYTES,
    layout::{Edits, NAMES, ROWS},
    same_layout::{Reads, SameLayout, Tables},
};

/// fjall by hand.
pub type Fjall = SameLayout<FjallTables, false>;

/// A fjall folder.
pub struct FjallTables {
    database: Database,
    keyspaces: [Keyspace; NAMES.len()],
}

/// A snapshot with its keyspaces.
pub struct Held {
    keyspaces: [Keyspace; NAMES.len()],
    snapshot: Snapshot,
}

impl Tables for FjallTables {
    type Held = Held;

    fn open(folder: &Path) -> Self {
        let builder = Database::builder(folder.join("fjall"));
        let database = builder.cache_size(CACHE_BYTES as u64).open().unwrap();
        let open = |name| database.keyspace(name, KeyspaceCreateOptions::default);
        let keyspaces = NAMES.map(|name| open(name).unwrap());
        Self {
            database,
            keyspaces,
        }
    }

    fn hold(&self) -> Held {
        Held {
            keyspaces: self.keyspaces.clone(),
            snapshot: self.database.snapshot(),
        }
    }

    fn apply(&self, edits: &Edits) {
        let mut batch = self.database.batch();
        batch = batch.durability(Some(PersistMode::SyncData));
        for (keyspace, edits) in self.keyspaces.iter().zip(edits) {
            for (key, value) in edits {
                match value {
                    Some(value) => batch.insert(keyspace, &**key, &**value),
                    None => batch.remove(keyspace, &**key),
                }
            }
        }
        batch.commit().unwrap();
    }

    fn get_once<R>(&self, key: &[u8], read: impl FnOnce(&[u8]) -> R) -> R {
        read(&self.keyspaces[ROWS].get(key).unwrap().unwrap())
    }
}

impl Reads for Held {
    fn get<R>(&self, table: usize, key: &[u8], read: impl FnOnce(&[u8]) -> R) -> Option<R> {
        let found = self.snapshot.get(&self.keyspaces[table], key).unwrap();
        found.map(|value| read(&value))
    }

    fn sum(
        &self,
        table: usize,
        span: Option<(&[u8], &[u8])>,
        mut read: impl FnMut(&[u8], &[u8]) -> u64,
    ) -> u64 {
        let keyspace = &self.keyspaces[table];
        let found = match span {
            Some((from, to)) => self.snapshot.range(keyspace, from..to),
            None => self.snapshot.iter(keyspace),
        };
        found
            .map(|entry| {
                let (key, value) = entry.into_inner().unwrap();
                read(&key, &value)
            })
            .sum()
    }
}
