//! native_db, a typed layer over redb. It has no index over a list: the references are a model of
//! their own, kept up by hand.

use std::{
    path::Path,
    sync::{Arc, LazyLock},
};

use native_db::{
    Builder, Database, Models, ToKey, native_db,
    transaction::{RTransaction, RwTransaction},
};
use native_model::{Model, native_model};
use serde::{Deserialize, Serialize};

use crate::{CACHE_BYTES, Layer, Record, sum};

#[derive(Serialize, Deserialize, Clone)]
#[native_model(id = 1, version = 1)]
#[native_db]
pub struct Info {
    #[primary_key]
    pub path: String,
    #[secondary_key]
    pub nar_hash: String,
    pub nar_size: u64,
    #[secondary_key]
    pub registration_time: u64,
    #[secondary_key(optional)]
    pub deriver: Option<String>,
    pub references: Vec<String>,
    pub signatures: Vec<String>,
    pub content_address: Option<String>,
}

/// Says that one path refers to another: `to|from`.
#[derive(Serialize, Deserialize, Clone)]
#[native_model(id = 2, version = 1)]
#[native_db]
pub struct Edge {
    #[primary_key]
    pub ends: String,
}

static MODELS: LazyLock<Models> = LazyLock::new(|| {
    let mut models = Models::new();
    models.define::<Info>().unwrap();
    models.define::<Edge>().unwrap();
    models
});

/// A native_db file.
pub struct NativeDb(Arc<Database<'static>>);

impl From<&Record> for Info {
    fn from(record: &Record) -> Self {
        let record = record.clone();
        Self {
            path: record.path,
            nar_hash: record.nar_hash,
            nar_size: record.nar_size,
            registration_time: record.registration_time,
            deriver: record.deriver,
            references: record.references,
            signatures: record.signatures,
            content_address: record.content_address,
        }
    }
}

impl Info {
    fn sum(&self) -> u64 {
        sum(&self.path, self.nar_size, &self.references)
    }

    fn edges(&self) -> impl Iterator<Item = Edge> {
        self.references.iter().map(|to| Edge {
            ends: format!("{to}|{}", self.path),
        })
    }
}

impl NativeDb {
    fn write(&self, work: impl FnOnce(&RwTransaction<'_>)) {
        let txn = self.0.rw_transaction().unwrap();
        work(&txn);
        txn.commit().unwrap();
    }

    fn update(&self, paths: &[&str], change: impl Fn(&mut Info)) {
        self.write(|txn| {
            for path in paths {
                let old: Info = txn.get().primary(*path).unwrap().unwrap();
                let mut new = old.clone();
                change(&mut new);
                txn.update(old, new).unwrap();
            }
        });
    }
}

fn put(txn: &RwTransaction<'_>, info: Info) {
    let edges: Vec<Edge> = info.edges().collect();
    if let Some(old) = txn.upsert(info).unwrap() {
        for edge in old.edges() {
            txn.remove(edge).unwrap();
        }
    }
    for edge in edges {
        txn.insert(edge).unwrap();
    }
}

fn get(txn: &RTransaction<'_>, path: &str) -> u64 {
    let found: Option<Info> = txn.get().primary(path).unwrap();
    found.unwrap().sum()
}

/// What is held between reads is the file alone: a transaction borrows it. Each call of a reader
/// opens one, which costs little beside the table that native_db opens for each row.
impl Layer for NativeDb {
    type Input = Vec<Info>;
    type Held = Arc<Database<'static>>;

    fn create(folder: &Path) -> Self {
        let path = folder.join("native.db");
        let mut builder = Builder::new();
        builder.set_cache_size(CACHE_BYTES);
        let database = if path.exists() {
            builder.open(&MODELS, path)
        } else {
            builder.create(&MODELS, path)
        };
        Self(Arc::new(database.unwrap()))
    }

    fn prepare(records: &[Record]) -> Vec<Info> {
        records.iter().map(Info::from).collect()
    }

    fn put_batch(&self, records: Vec<Info>) {
        self.write(|txn| records.into_iter().for_each(|info| put(txn, info)));
    }

    fn put_each(&self, records: Vec<Info>) {
        for info in records {
            self.write(|txn| put(txn, info));
        }
    }

    fn update_batch(&self, paths: &[&str], add_time: u64) {
        self.update(paths, |info| info.registration_time += add_time);
    }

    fn update_unindexed(&self, paths: &[&str], add_size: u64) {
        self.update(paths, |info| info.nar_size += add_size);
    }

    fn delete_batch(&self, paths: &[&str]) {
        self.write(|txn| {
            for path in paths {
                let old: Info = txn.get().primary(*path).unwrap().unwrap();
                for edge in old.edges() {
                    txn.remove(edge).unwrap();
                }
                txn.remove(old).unwrap();
            }
        });
    }

    fn hold(&self) -> Self::Held {
        Arc::clone(&self.0)
    }

    fn gets(&self, held: &Self::Held, paths: &[&str]) -> u64 {
        let txn = held.r_transaction().unwrap();
        paths.iter().map(|path| get(&txn, path)).sum()
    }

    fn get_own_txn(&self, path: &str) -> u64 {
        get(&self.0.r_transaction().unwrap(), path)
    }

    fn by_deriver(&self, held: &Self::Held, deriver: &str) -> u64 {
        let txn = held.r_transaction().unwrap();
        let scan = txn.scan().secondary::<Info>(InfoKey::deriver).unwrap();
        let found = scan.start_with(Some(deriver)).unwrap();
        found.map(|info| info.unwrap().sum()).sum()
    }

    fn referrers(&self, held: &Self::Held, path: &str) -> u64 {
        let txn = held.r_transaction().unwrap();
        let prefix = format!("{path}|");
        let scan = txn.scan().primary::<Edge>().unwrap();
        let found = scan.start_with(&*prefix).unwrap();
        found
            .map(|edge| edge.unwrap().ends[prefix.len()..].to_owned().len() as u64)
            .sum()
    }

    fn time_range(&self, held: &Self::Held, from: u64, to: u64) -> u64 {
        let txn = held.r_transaction().unwrap();
        let scan = txn.scan().secondary(InfoKey::registration_time).unwrap();
        let found = scan.range(from..to).unwrap();
        found.map(|info: Result<Info, _>| info.unwrap().sum()).sum()
    }

    /// It has no walk over an index alone.
    fn time_range_keys(&self, held: &Self::Held, from: u64, to: u64) -> u64 {
        let txn = held.r_transaction().unwrap();
        let scan = txn.scan().secondary(InfoKey::registration_time).unwrap();
        let found = scan.range(from..to).unwrap();
        found
            .map(|info: Result<Info, _>| info.unwrap().path.len() as u64)
            .sum()
    }

    fn iterate(&self, held: &Self::Held) -> u64 {
        let txn = held.r_transaction().unwrap();
        let scan = txn.scan().primary::<Info>().unwrap();
        let found = scan.all().unwrap();
        found.map(|info| info.unwrap().sum()).sum()
    }
}
