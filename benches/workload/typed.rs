//! The same records as a model.

use std::path::Path;

use netabase_store::{
    Backend, ReadTransaction, RedbStore, SledStore, Store, backends::Engine,
    netabase_definition_module,
};

use super::{Layer, Record, sum};

#[netabase_definition_module(BenchDefinition, BenchKeys)]
pub mod model {
    use netabase_store::NetabaseModel;

    #[derive(NetabaseModel, Clone, Debug, PartialEq)]
    #[netabase(BenchDefinition)]
    pub struct Info {
        #[primary_key]
        pub path: String,
        #[secondary_key]
        pub nar_hash: String,
        pub nar_size: u64,
        #[secondary_key]
        pub registration_time: u64,
        #[secondary_key]
        pub deriver: Option<String>,
        #[secondary_key(each)]
        pub references: Vec<String>,
        pub signatures: Vec<String>,
        pub content_address: Option<String>,
    }
}
use model::{
    BenchDefinition, Info, InfoDeriverSecondaryKey, InfoReferencesSecondaryKey,
    InfoRegistrationTimeSecondaryKey,
};

/// The typed store on an engine.
pub struct Typed<B: Backend>(pub Store<BenchDefinition, B>);

/// Opens a typed store in a folder.
pub trait Create: Backend {
    fn create(folder: &Path) -> Store<BenchDefinition, Self>;
}

impl Create for netabase_store::backends::redb::RedbBackend {
    fn create(folder: &Path) -> Store<BenchDefinition, Self> {
        RedbStore::new(folder.join("typed.redb")).unwrap()
    }
}

impl Create for netabase_store::backends::sled::SledBackend {
    fn create(folder: &Path) -> Store<BenchDefinition, Self> {
        SledStore::new(folder.join("typed.sled")).unwrap()
    }
}

impl Create for netabase_store::backends::memory::MemoryBackend {
    fn create(_folder: &Path) -> Store<BenchDefinition, Self> {
        netabase_store::MemoryStore::new()
    }
}

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
}

impl<B: Create> Layer for Typed<B> {
    type Input = Vec<Info>;
    type Held = ReadTransaction<BenchDefinition, B>;

    const PERSISTS: bool = !matches!(B::ENGINE, Engine::Memory);

    fn create(folder: &Path) -> Self {
        Self(B::create(folder))
    }

    fn prepare(records: &[Record]) -> Vec<Info> {
        records.iter().map(Info::from).collect()
    }

    fn put_batch(&self, records: Vec<Info>) {
        self.0.open_tree::<Info>().put_many(records).unwrap();
    }

    fn put_each(&self, records: Vec<Info>) {
        let tree = self.0.open_tree::<Info>();
        for record in records {
            tree.put(record).unwrap();
        }
    }

    fn update_batch(&self, paths: &[&str], add_time: u64) {
        let txn = self.0.begin_write().unwrap();
        let tree = txn.open_tree::<Info>();
        for path in paths {
            tree.update(*path, |info| info.registration_time += add_time)
                .unwrap()
                .unwrap();
        }
        txn.commit().unwrap();
    }

    fn update_unindexed(&self, paths: &[&str], add_size: u64) {
        let txn = self.0.begin_write().unwrap();
        let tree = txn.open_tree::<Info>();
        for path in paths {
            tree.update(*path, |info| info.nar_size += add_size)
                .unwrap()
                .unwrap();
        }
        txn.commit().unwrap();
    }

    fn delete_batch(&self, paths: &[&str]) {
        self.0
            .open_tree::<Info>()
            .remove_many(paths.iter().copied())
            .unwrap();
    }

    fn hold(&self) -> Self::Held {
        self.0.begin_read().unwrap()
    }

    fn gets(&self, held: &Self::Held, paths: &[&str]) -> u64 {
        let tree = held.open_tree::<Info>();
        paths
            .iter()
            .map(|path| tree.get(*path).unwrap().unwrap().sum())
            .sum()
    }

    fn get_own_txn(&self, path: &str) -> u64 {
        self.0.open_tree::<Info>().get(path).unwrap().unwrap().sum()
    }

    fn by_deriver(&self, held: &Self::Held, deriver: &str) -> u64 {
        let tree = held.open_tree::<Info>();
        let found = tree.index::<InfoDeriverSecondaryKey>().get(deriver);
        found.values().map(|found| found.unwrap().sum()).sum()
    }

    fn referrers(&self, held: &Self::Held, path: &str) -> u64 {
        let tree = held.open_tree::<Info>();
        let found = tree.index::<InfoReferencesSecondaryKey>().get(path);
        found.keys().map(|key| key.unwrap().0.len() as u64).sum()
    }

    fn time_range(&self, held: &Self::Held, from: u64, to: u64) -> u64 {
        let tree = held.open_tree::<Info>();
        let found = tree
            .index::<InfoRegistrationTimeSecondaryKey>()
            .range(from..to);
        found.values().map(|found| found.unwrap().sum()).sum()
    }

    fn time_range_keys(&self, held: &Self::Held, from: u64, to: u64) -> u64 {
        let tree = held.open_tree::<Info>();
        let found = tree
            .index::<InfoRegistrationTimeSecondaryKey>()
            .range(from..to);
        found.keys().map(|key| key.unwrap().0.len() as u64).sum()
    }

    fn iterate(&self, held: &Self::Held) -> u64 {
        held.open_tree::<Info>()
            .iter()
            .values()
            .map(|found| found.unwrap().sum())
            .sum()
    }
}
