//! What the laws of conformance are about: libp2p's `MemoryStore`, and ours on every engine.

use libp2p_identity::PeerId;
use libp2p_kad::{
    Record,
    store::{MemoryStore, MemoryStoreConfig, RecordStore},
};
use netabase_store::{
    Backend,
    records::{KadStore, RecordStoreConfig},
};
use record_store_tests::{Engine, Home, local, peer, provider, record};

/// A store that the laws are about.
pub(crate) trait Subject: RecordStore {
    fn keep(&mut self, keep: &mut dyn FnMut(&Record) -> bool);
}

impl Subject for MemoryStore {
    fn keep(&mut self, keep: &mut dyn FnMut(&Record) -> bool) {
        self.retain(|_, record| keep(record));
    }
}

impl<B: Backend> Subject for KadStore<B> {
    fn keep(&mut self, keep: &mut dyn FnMut(&Record) -> bool) {
        self.retain(keep);
    }
}

/// Makes a store of a node with limits.
pub(crate) type Make<'a, S> = &'a dyn Fn(PeerId, MemoryStoreConfig) -> S;

pub(crate) fn of_libp2p(local: PeerId, limits: MemoryStoreConfig) -> MemoryStore {
    MemoryStore::with_config(local, limits)
}

/// Returns a store with the limits of `MemoryStore`.
pub(crate) fn strict(limits: &MemoryStoreConfig) -> RecordStoreConfig {
    let mut config = RecordStoreConfig::strict();
    config.max_records = limits.max_records;
    config.max_value_bytes = limits.max_value_bytes;
    config.max_provided_keys = limits.max_provided_keys;
    config.max_providers_per_key = limits.max_providers_per_key;
    config
}

pub(crate) fn ours<B: Engine>(
    home: &Home<B>,
    local: PeerId,
    limits: &MemoryStoreConfig,
) -> KadStore<B> {
    home.records(local, &strict(limits))
}

pub(crate) fn small() -> MemoryStoreConfig {
    MemoryStoreConfig {
        max_records: 3,
        max_value_bytes: 100,
        max_providers_per_key: 3,
        max_provided_keys: 3,
    }
}

pub(crate) fn filled<S: Subject>(make: Make<'_, S>) -> S {
    let mut store = make(local(), small());
    for number in 0..3 {
        store
            .put(record(number, peer(1), 9))
            .expect("there is room");
        store
            .add_provider(provider(number, peer(1), 0))
            .expect("there is room");
    }
    store
}
