//! What the tests of the record store share: homes for stores on every engine, peers, keys, records.

use std::{
    borrow::Cow,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use libp2p_core::Multiaddr;
use libp2p_identity::PeerId;
use libp2p_kad::{
    ProviderRecord, Record, RecordKey,
    store::{self, RecordStore},
};
use netabase_store::{
    Backend, MemoryStore, RedbStore, Result, SledStore, Store,
    backends::{memory::MemoryBackend, redb::RedbBackend, sled::SledBackend},
    netabase_definition_module,
    records::{KadStore, ManualClock, RecordDurability, RecordStoreConfig},
};
pub use netabase_tests::Random;
use tempfile::TempDir;

#[netabase_definition_module(NotesDefinition, NotesKeys)]
/// The typed models beside the records.
pub mod notes {
    use netabase_store::NetabaseModel;

    /// A text with an index.
    #[derive(NetabaseModel, Clone, Debug, PartialEq)]
    #[netabase(NotesDefinition)]
    pub struct Note {
        /// The number.
        #[primary_key]
        pub id: u64,
        /// What it is about.
        #[secondary_key]
        pub topic: String,
    }
}

pub use notes::*;

/// A store of notes.
pub type Notes<B> = Store<NotesDefinition, B>;

/// An engine that the tests run on.
pub trait Engine: Backend {
    /// Whether a store outlives its handles.
    const IS_ON_DISK: bool;

    /// Opens the store at a path, or makes one.
    ///
    /// # Errors
    /// Fails when the engine does.
    fn open_notes(path: &Path) -> Result<Notes<Self>>;
}

impl Engine for MemoryBackend {
    const IS_ON_DISK: bool = false;

    fn open_notes(_: &Path) -> Result<Notes<Self>> {
        Ok(MemoryStore::new())
    }
}

impl Engine for RedbBackend {
    const IS_ON_DISK: bool = true;

    fn open_notes(path: &Path) -> Result<Notes<Self>> {
        RedbStore::new(path)
    }
}

impl Engine for SledBackend {
    const IS_ON_DISK: bool = true;

    fn open_notes(path: &Path) -> Result<Notes<Self>> {
        SledStore::new(path)
    }
}

/// A folder with one store, which can be closed and opened again.
pub struct Home<B: Engine> {
    folder: TempDir,
    store: Option<Notes<B>>,
}

impl<B: Engine> Home<B> {
    /// Makes a store.
    #[must_use]
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = Some(B::open_notes(&folder.path().join("store")).expect("it can be made"));
        Self { folder, store }
    }

    /// Returns the path of the store.
    #[must_use]
    pub fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("store")
    }

    /// Returns the store.
    #[must_use]
    pub fn store(&self) -> &Notes<B> {
        self.store.as_ref().expect("it is open")
    }

    /// Opens the record store.
    #[must_use]
    pub fn records(&self, local: PeerId, config: &RecordStoreConfig) -> KadStore<B> {
        let opened = self.store().record_store(local, config.clone());
        opened.expect("it opens")
    }

    /// Closes the store, as the end of the process does; what is in memory alone stays open.
    pub fn close(&mut self) {
        if B::IS_ON_DISK {
            self.store = None;
        }
    }

    /// Opens the store again after it was closed.
    pub fn open(&mut self) {
        if self.store.is_none() {
            self.store = Some(B::open_notes(&self.path()).expect("it opens again"));
        }
    }

    /// Closes and opens the store; its handles have to be gone.
    pub fn reopen(&mut self) {
        self.close();
        self.open();
    }
}

impl<B: Engine> Default for Home<B> {
    fn default() -> Self {
        Self::new()
    }
}

/// Returns the default configuration with a clock that stands.
#[must_use]
pub fn timed() -> (RecordStoreConfig, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new());
    let mut config = RecordStoreConfig::default();
    config.clock = clock.clone();
    (config, clock)
}

/// Returns a configuration that writes down nothing by itself for as long as a test runs.
#[must_use]
pub fn unhurried() -> RecordStoreConfig {
    let mut config = RecordStoreConfig::default();
    config.durability = RecordDurability::Batched(Duration::from_secs(3600));
    config
}

/// Returns the peer of a number.
#[must_use]
pub fn peer(number: u64) -> PeerId {
    let mut bytes = [7; 34];
    // SHA-256, 32 bytes.
    bytes[..2].copy_from_slice(&[0x12, 0x20]);
    bytes[2..10].copy_from_slice(&number.to_be_bytes());
    PeerId::from_bytes(&bytes).expect("a hash of 32 bytes")
}

/// Returns the node of the tests.
#[must_use]
pub fn local() -> PeerId {
    peer(0)
}

/// Returns the key of a number.
#[must_use]
pub fn key(number: u64) -> RecordKey {
    RecordKey::new(&format!("key {number}"))
}

/// Returns a record of another peer.
#[must_use]
pub fn record(number: u64, publisher: PeerId, len: usize) -> Record {
    Record {
        key: key(number),
        value: vec![u8::try_from(number % 251).unwrap_or_default(); len],
        publisher: Some(publisher),
        expires: None,
    }
}

/// Returns a provider of a key.
#[must_use]
pub fn provider(number: u64, peer: PeerId, addresses: u16) -> ProviderRecord {
    let addresses = (0..addresses).map(|port| address(port, &peer));
    ProviderRecord::new(key(number), peer, addresses.collect())
}

/// Returns an address of a peer that ends in the peer's name, as nodes announce it.
#[must_use]
pub fn address(port: u16, peer: &PeerId) -> Multiaddr {
    let text = format!("/ip4/198.51.100.7/udp/{}/quic-v1/p2p/{peer}", 4001 + port);
    text.parse().expect("an address")
}

/// Returns the bits of a hash distance between a key and a node that decide which is nearer.
#[must_use]
pub fn distance(key: &RecordKey, node: &PeerId) -> libp2p_kad::KBucketDistance {
    let node = libp2p_kad::KBucketKey::from(*node);
    libp2p_kad::KBucketKey::new(key.clone()).distance(&node)
}

/// What [`said`] returns of a success.
pub const OK: &str = "ok";

/// Returns in words what a store answered, to be compared.
pub fn said(answer: store::Result<()>) -> &'static str {
    match answer {
        Ok(()) => OK,
        Err(store::Error::MaxRecords) => "max records",
        Err(store::Error::MaxProvidedKeys) => "max provided keys",
        Err(store::Error::ValueTooLarge) => "value too large",
    }
}

/// Everything of a provider record: those of libp2p are equal without expiry and addresses.
pub type Whole = (Vec<u8>, PeerId, Option<Instant>, Vec<Multiaddr>);

/// Returns everything of provider records.
#[must_use]
pub fn all_of(records: &[ProviderRecord]) -> Vec<Whole> {
    let whole = |of: &ProviderRecord| {
        let key = of.key.to_vec();
        (key, of.provider, of.expires, of.addresses.clone())
    };
    records.iter().map(whole).collect()
}

/// Returns what a node provides.
pub fn provided(store: &impl RecordStore) -> Vec<ProviderRecord> {
    store.provided().map(Cow::into_owned).collect()
}

/// Returns a record of any shape.
pub fn any_record(random: &mut Random) -> Record {
    let now = Instant::now();
    let nanos = Duration::from_nanos(random.below(10_000_000_000_000));
    let key = (0..random.below(80)).map(|_| u8::try_from(random.below(256)).unwrap_or_default());
    Record {
        key: RecordKey::from(key.collect::<Vec<_>>()),
        value: vec![1; usize::try_from(random.below(3000)).unwrap_or_default()],
        publisher: (random.below(2) == 0).then(|| peer(random.below(3))),
        expires: match random.below(3) {
            0 => None,
            1 => Some(now + nanos),
            _ => now.checked_sub(nanos / 10_000),
        },
    }
}

/// Waits until something holds, and fails where it does not within a minute.
#[track_caller]
pub fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < until, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}
