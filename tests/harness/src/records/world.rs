//! The conditions that a record store is used under: its limits, what its writes promise, the time.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use netabase_store::records::{Clock, RecordDurability, RecordStoreConfig};
use netabase_tests::Random;

/// When the wall clock starts: at a full second, so that lives of full seconds end on one.
const BEGIN: Duration = Duration::from_secs(1_800_000_000);

/// More than a history reaches.
const PLENTY: usize = 1000;

/// What is written when it is flushed and not before.
const ON_FLUSH: RecordDurability = RecordDurability::Batched(Duration::from_secs(24 * 60 * 60));

/// A few hours, of which a wait can be longer.
const LIFE_MAX: Duration = Duration::from_secs(6 * 60 * 60);

/// The limits of a record store, and what its writes promise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct World {
    /// Whether it does what libp2p's own does.
    pub(crate) is_strict: bool,
    /// Whether what has expired waits for the store to take it out. Then no quota counts it.
    pub(crate) is_lazy: bool,
    pub(crate) durability: RecordDurability,
    pub(crate) max_records: usize,
    pub(crate) max_record_bytes: u64,
    pub(crate) max_value_bytes: usize,
    pub(crate) max_records_per_publisher: usize,
    pub(crate) max_records_per_source: usize,
    pub(crate) max_provided_keys: usize,
    pub(crate) max_keys_per_provider: usize,
    pub(crate) max_providers_per_key: usize,
    pub(crate) max_addresses: usize,
    pub(crate) max_ttl: Duration,
    pub(crate) cache_bytes: usize,
}

impl World {
    /// Returns a world with limits that are met soon.
    pub(crate) fn random(random: &mut Random) -> Self {
        let kind = random.below(5);
        let small = |random: &mut Random, is_met: bool, least: usize| {
            if is_met {
                least + random.index(4)
            } else {
                PLENTY
            }
        };
        let has_quotas = kind > 1;
        Self {
            is_strict: kind == 0,
            is_lazy: kind == 1,
            durability: if random.one_in(4) {
                RecordDurability::Sync
            } else if random.one_in(3) {
                RecordDurability::Volatile
            } else {
                ON_FLUSH
            },
            max_records: 4 + random.index(5),
            max_record_bytes: 4000 + random.below(8000),
            max_value_bytes: 1500 + random.index(2500),
            max_records_per_publisher: small(random, has_quotas, 2),
            max_records_per_source: small(random, has_quotas, 2),
            max_provided_keys: 3 + random.index(4),
            max_keys_per_provider: small(random, has_quotas, 2),
            max_providers_per_key: 2 + random.index(3),
            max_addresses: 1 + random.index(3),
            max_ttl: LIFE_MAX,
            cache_bytes: if random.one_in(2) { 0 } else { 1 << 20 },
        }
    }

    /// Returns the world with quotas of that number and no other limits, but that of lives.
    pub(crate) fn wide(self, quota: usize) -> Self {
        Self {
            max_records: PLENTY,
            max_record_bytes: 1 << 30,
            max_records_per_publisher: quota,
            max_records_per_source: quota,
            max_provided_keys: PLENTY,
            max_keys_per_provider: quota,
            max_providers_per_key: PLENTY,
            ..self
        }
    }

    /// Returns the configuration of a record store in this world.
    pub(crate) fn config(&self, clock: &Arc<Time>) -> RecordStoreConfig {
        let mut config = RecordStoreConfig::default();
        config.strict = self.is_strict;
        config.durability = self.durability;
        config.max_records = self.max_records;
        config.max_record_bytes = self.max_record_bytes;
        config.max_value_bytes = self.max_value_bytes;
        config.max_records_per_publisher = self.max_records_per_publisher;
        config.max_records_per_source = self.max_records_per_source;
        config.max_provided_keys = self.max_provided_keys;
        config.max_keys_per_provider = self.max_keys_per_provider;
        config.max_providers_per_key = self.max_providers_per_key;
        config.max_addresses = self.max_addresses;
        config.max_ttl = self.max_ttl;
        config.cache_bytes = self.cache_bytes;
        config.clock = Arc::<Time>::clone(clock);
        config
    }
}

/// A clock that stands until it is told to go on, and whose wall clock starts at a full second.
#[derive(Debug)]
pub(crate) struct Time(Mutex<(Instant, SystemTime)>);

impl Time {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new((Instant::now(), UNIX_EPOCH + BEGIN))))
    }

    /// Returns a clock that goes on from the time of this one.
    pub(crate) fn fork(&self) -> Arc<Self> {
        Arc::new(Self(Mutex::new(self.times())))
    }

    pub(crate) fn advance(&self, by: Duration) {
        let mut times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *times = (times.0 + by, times.1 + by);
    }

    fn times(&self) -> (Instant, SystemTime) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for Time {
    fn now(&self) -> Instant {
        self.times().0
    }

    fn unix(&self) -> SystemTime {
        self.times().1
    }
}
