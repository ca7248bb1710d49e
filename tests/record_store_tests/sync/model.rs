//! Random operations: every answer of ours in strict mode is that of libp2p's `MemoryStore`, through
//! commits of any size and through reopens.

use std::{
    borrow::Cow,
    sync::Arc,
    time::{Duration, Instant},
};

use libp2p_identity::PeerId;
use libp2p_kad::{
    ProviderRecord, Record, RecordKey,
    store::{MemoryStore, MemoryStoreConfig, RecordStore},
};
use netabase_store::{
    backends::{memory::MemoryBackend, redb::RedbBackend, sled::SledBackend},
    records::{Clock, KadStore, ManualClock, RecordDurability, RecordStoreConfig},
};
use record_store_tests::{Engine, Home, Random, address, all_of, local, peer, provided, said};

use super::subject::strict;

/// How many different keys there are, more than fit.
const KEYS: u64 = 40;

/// How many peers there are, this node among them.
const PEERS: u64 = 6;

/// How often everything is compared, beside what an operation touches.
const COMPARE_EVERY: u64 = 500;

fn limits() -> MemoryStoreConfig {
    MemoryStoreConfig {
        max_records: 24,
        max_value_bytes: 64,
        max_providers_per_key: 4,
        max_provided_keys: 20,
    }
}

/// One of few keys, many of which begin alike.
fn pick_key(random: &mut Random) -> RecordKey {
    let number = random.below(KEYS);
    let mut bytes = vec![b'k'; usize::try_from(number / 3).expect("a small number")];
    bytes.extend(u8::try_from(number % 3));
    RecordKey::from(bytes)
}

struct Run<B: Engine> {
    random: Random,
    clock: Arc<ManualClock>,
    config: RecordStoreConfig,
    home: Home<B>,
    /// None while the store is closed.
    ours: Option<KadStore<B>>,
    oracle: MemoryStore,
}

impl<B: Engine> Run<B> {
    fn new(seed: u64, durability: RecordDurability) -> Self {
        let clock = Arc::new(ManualClock::new());
        let mut config = strict(&limits());
        config.clock = clock.clone();
        config.durability = durability;
        let home = Home::new();
        Self {
            random: Random::new(seed),
            ours: Some(home.records(local(), &config)),
            oracle: MemoryStore::with_config(local(), limits()),
            clock,
            config,
            home,
        }
    }

    fn ours(&mut self) -> &mut KadStore<B> {
        self.ours.as_mut().expect("it is open")
    }

    fn expires(&mut self) -> Option<Instant> {
        let nanos = Duration::from_nanos(self.random.below(60_000_000_000));
        match self.random.below(4) {
            0 => None,
            1 => self.clock.now().checked_sub(nanos),
            _ => Some(self.clock.now() + nanos),
        }
    }

    fn any_peer(&mut self) -> PeerId {
        peer(self.random.below(PEERS))
    }

    /// Does something to both, and compares what they say.
    fn step(&mut self) {
        let key = pick_key(&mut self.random);
        match self.random.below(100) {
            0..35 => self.put(key),
            35..45 => {
                self.ours().remove(&key);
                self.oracle.remove(&key);
            }
            45..75 => self.add_provider(key),
            75..88 => {
                let peer = self.any_peer();
                self.ours().remove_provider(&key, &peer);
                self.oracle.remove_provider(&key, &peer);
            }
            88..98 => self.compare_key(&key),
            98 => {
                let millis = self.random.below(2_000);
                self.clock.advance(Duration::from_millis(millis));
            }
            _ => self.rare(),
        }
    }

    fn put(&mut self, key: RecordKey) {
        let publisher = self.any_peer();
        let record = Record {
            value: vec![7; usize::try_from(self.random.below(66)).expect("a small number")],
            publisher: (self.random.below(4) > 0).then_some(publisher),
            expires: self.expires(),
            key,
        };
        let expected = said(self.oracle.put(record.clone()));
        let key = record.key.clone();
        assert_eq!(said(self.ours().put(record)), expected);
        self.compare_key(&key);
    }

    fn add_provider(&mut self, key: RecordKey) {
        let peer = self.any_peer();
        let ports = self.random.below(3);
        let record = ProviderRecord {
            addresses: (0..ports).map(|_| address(1, &peer)).collect(),
            provider: peer,
            expires: self.expires(),
            key: key.clone(),
        };
        let expected = said(self.oracle.add_provider(record.clone()));
        assert_eq!(said(self.ours().add_provider(record)), expected);
        self.compare_key(&key);
    }

    fn rare(&mut self) {
        match self.random.below(20) {
            0..8 => self.ours().flush().expect("the disk is sound"),
            8 => {
                self.ours()
                    .retain(|record| !record.value.len().is_multiple_of(5));
                let keep = |_: &_, record: &mut Record| !record.value.len().is_multiple_of(5);
                self.oracle.retain(keep);
            }
            9 => self.reopen(),
            _ => self.compare(),
        }
    }

    fn reopen(&mut self) {
        drop(self.ours.take());
        self.home.close();
        // Time goes on while nobody is there.
        let millis = self.random.below(2_000);
        self.clock.advance(Duration::from_millis(millis));
        self.home.open();
        self.ours = Some(self.home.records(local(), &self.config));
        self.compare();
    }

    fn compare_key(&mut self, key: &RecordKey) {
        let record = self.ours().get(key).map(Cow::into_owned);
        assert_eq!(record, self.oracle.get(key).map(Cow::into_owned));
        let providers = self.ours().providers(key);
        assert_eq!(all_of(&providers), all_of(&self.oracle.providers(key)));
    }

    fn compare(&mut self) {
        let (ours, oracle) = (self.ours.as_ref().expect("it is open"), &self.oracle);
        assert_eq!(sorted_records(ours), sorted_records(oracle));
        let whole = |records: &[ProviderRecord]| {
            let mut whole = all_of(records);
            whole.sort();
            whole
        };
        assert_eq!(whole(&provided(ours)), whole(&provided(oracle)));
        let health = ours.health();
        assert!(health.is_sound());
        assert_eq!(health.records, oracle.records().count());
        assert_eq!(health.own_provided_keys, oracle.provided().count());
    }
}

fn sorted_records(store: &impl RecordStore) -> Vec<Record> {
    let mut records: Vec<_> = store.records().map(Cow::into_owned).collect();
    records.sort_by(|a, b| a.key.as_ref().cmp(b.key.as_ref()));
    records
}

/// Says where a run was when it failed.
struct Place(u64, u64);

impl Drop for Place {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self(seed, step) = self;
            tell(&format!("seed {seed}, step {step}"));
        }
    }
}

#[expect(
    clippy::print_stderr,
    reason = "a failure that nobody can repeat is of no use"
)]
fn tell(place: &str) {
    eprintln!("failed at {place}");
}

fn agrees<B: Engine>(seed: u64, steps: u64, durability: RecordDurability) {
    let mut place = Place(seed, 0);
    let mut run = Run::<B>::new(seed, durability);
    for step in 0..steps {
        place.1 = step;
        run.step();
        if step % COMPARE_EVERY == 0 {
            run.compare();
        }
    }
    run.reopen();
}

const TINY: RecordDurability = RecordDurability::Batched(Duration::from_micros(200));

#[test]
fn a_hundred_thousand_operations_in_memory_agree_with_libp2p() {
    agrees::<MemoryBackend>(1, 70_000, RecordDurability::default());
    agrees::<MemoryBackend>(2, 30_000, TINY);
}

#[test]
fn operations_on_redb_agree_with_libp2p() {
    agrees::<RedbBackend>(3, 20_000, RecordDurability::default());
    agrees::<RedbBackend>(4, 5_000, TINY);
    agrees::<RedbBackend>(5, 5_000, RecordDurability::Volatile);
    agrees::<RedbBackend>(6, 300, RecordDurability::Sync);
}

#[test]
fn operations_on_sled_agree_with_libp2p() {
    agrees::<SledBackend>(7, 20_000, RecordDurability::default());
    agrees::<SledBackend>(8, 5_000, TINY);
    agrees::<SledBackend>(9, 5_000, RecordDurability::Volatile);
    agrees::<SledBackend>(10, 300, RecordDurability::Sync);
}
