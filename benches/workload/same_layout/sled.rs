//! The layout's tables on sled, one tree each.

use std::path::Path;

use sled::{Batch, Transactional, Tree, transaction::ConflictableTransactionError};

use super::{Reads, Tables};
use crate::{
    layout::{Edits, NAMES, ROWS},
    sled_raw::SledLog,
};

/// A sled folder.
pub struct SledTables {
    held: Held,
    log: SledLog,
}

/// The trees; sled has no transaction that only reads.
#[derive(Clone)]
pub struct Held([Tree; NAMES.len()]);

impl Tables for SledTables {
    type Held = Held;

    fn open(folder: &Path) -> Self {
        let log = SledLog::open(&folder.join("same.sled"));
        let held = Held(NAMES.map(|name| log.db.open_tree(name).unwrap()));
        Self { held, log }
    }

    fn hold(&self) -> Held {
        self.held.clone()
    }

    fn apply(&self, edits: &Edits) {
        let changes = self.held.0.iter().zip(edits);
        let changed: Vec<_> = changes.filter(|(_, edits)| !edits.is_empty()).collect();
        if let [(tree, edits)] = &*changed {
            let mut batch = Batch::default();
            for (key, value) in *edits {
                match value {
                    Some(value) => batch.insert(&**key, &**value),
                    None => batch.remove(&**key),
                }
            }
            tree.apply_batch(batch).unwrap();
        } else {
            let trees: Vec<&Tree> = changed.iter().map(|(tree, _)| *tree).collect();
            let applied = trees.transaction(|views| {
                for (view, (_, edits)) in views.iter().zip(&changed) {
                    for (key, value) in *edits {
                        match value {
                            Some(value) => view.insert(&**key, &**value)?,
                            None => view.remove(&**key)?,
                        };
                    }
                }
                Ok::<_, ConflictableTransactionError<()>>(())
            });
            applied.unwrap();
        }
        self.log.sync();
    }

    fn get_once<R>(&self, key: &[u8], read: impl FnOnce(&[u8]) -> R) -> R {
        self.held.get(ROWS, key, read).unwrap()
    }
}

impl Reads for Held {
    fn get<R>(&self, table: usize, key: &[u8], read: impl FnOnce(&[u8]) -> R) -> Option<R> {
        let found = self.0[table].get(key).unwrap();
        found.map(|value| read(&value))
    }

    fn sum(
        &self,
        table: usize,
        span: Option<(&[u8], &[u8])>,
        mut read: impl FnMut(&[u8], &[u8]) -> u64,
    ) -> u64 {
        let tree = &self.0[table];
        let found = match span {
            Some((from, to)) => tree.range(from..to),
            None => tree.iter(),
        };
        found
            .map(|entry| {
                let (key, value) = entry.unwrap();
                read(&key, &value)
            })
            .sum()
    }
}
