//! A record store's calls, beside those of libp2p's `MemoryStore`.

pub mod calls;
pub mod durable;
pub mod memory;
pub mod pair;
pub mod stalls;

use std::time::Duration;

use libp2p_identity::PeerId;
use libp2p_kad::{ProviderRecord, Record, RecordKey, store};
use netabase_store::{
    RedbStore, StoreOptions,
    backends::redb::RedbBackend,
    netabase_definition_module,
    records::{KadStore, RecordDurability, RecordStoreConfig},
};

use crate::Random;

const VALUE_BYTES: usize = 1024;

#[netabase_definition_module(NothingDefinition, NothingKeys)]
mod nothing {
    use netabase_store::NetabaseModel;

    #[derive(NetabaseModel, Clone, Debug)]
    #[netabase(NothingDefinition)]
    pub struct Nothing {
        #[primary_key]
        pub id: u64,
    }
}
pub use nothing::NothingDefinition;

/// A store on redb, and its record store.
pub type Ours = KadStore<RedbBackend>;

/// Opens a record store in a file.
#[must_use]
pub fn ours(folder: &std::path::Path, local: PeerId, config: RecordStoreConfig) -> Ours {
    ours_with(folder, local, config, &StoreOptions::new())
}

/// Opens a record store in a file with options of the engine.
#[must_use]
pub fn ours_with(
    folder: &std::path::Path,
    local: PeerId,
    config: RecordStoreConfig,
    options: &StoreOptions,
) -> Ours {
    let file = folder.join("records.redb");
    let store = RedbStore::<NothingDefinition>::new_with(file, options).unwrap();
    store.record_store(local, config).unwrap()
}

/// Limits that nothing here reaches.
#[must_use]
pub fn wide() -> RecordStoreConfig {
    let mut config = RecordStoreConfig::default();
    config.max_records = usize::MAX;
    config.max_record_bytes = u64::MAX;
    config.max_records_per_publisher = usize::MAX;
    config.max_provided_keys = usize::MAX;
    config.max_provider_bytes = u64::MAX;
    config.max_keys_per_provider = usize::MAX;
    config.durability = RecordDurability::Batched(Duration::from_millis(50));
    config
}

/// libp2p's store with the same limits.
#[must_use]
pub fn theirs(local: PeerId) -> store::MemoryStore {
    let config = store::MemoryStoreConfig {
        max_records: usize::MAX,
        max_provided_keys: usize::MAX,
        ..Default::default()
    };
    store::MemoryStore::with_config(local, config)
}

/// Returns keys as multihashes are: 34 bytes.
#[must_use]
pub fn keys(seed: u64, count: usize) -> Vec<RecordKey> {
    let mut random = Random::new(seed);
    let key = |_| {
        let mut bytes = vec![0x12, 0x20];
        bytes.extend((0..4).flat_map(|_| random.number().to_be_bytes()));
        RecordKey::from(bytes)
    };
    (0..count).map(key).collect()
}

/// Returns a record of 1 KiB for each key, of a publisher that is another node.
#[must_use]
pub fn records(keys: &[RecordKey], publisher: PeerId) -> Vec<Record> {
    let mut random = Random::new(7);
    let record = |key: &RecordKey| {
        let words = (0..VALUE_BYTES / 8).flat_map(|_| random.number().to_be_bytes());
        let mut record = Record::new(key.clone(), words.collect());
        record.publisher = Some(publisher);
        record.expires = Some(std::time::Instant::now() + Duration::from_secs(24 * 60 * 60));
        record
    };
    keys.iter().map(record).collect()
}

/// Returns the provider record of a node with two addresses.
#[must_use]
pub fn provider(key: &RecordKey, peer: PeerId) -> ProviderRecord {
    let addresses = ["/ip4/192.0.2.7/tcp/4001", "/ip4/192.0.2.7/udp/4001/quic-v1"];
    let addresses = addresses.map(|text| text.parse().unwrap());
    let mut record = ProviderRecord::new(key.clone(), peer, addresses.to_vec());
    record.expires = Some(std::time::Instant::now() + Duration::from_secs(24 * 60 * 60));
    record
}
