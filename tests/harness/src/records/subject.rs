//! A record store, with a bug planted or without.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use libp2p_identity::PeerId;
use libp2p_kad::{ProviderRecord, Record, RecordKey};
use netabase_store::{
    Backend, Result, Store,
    records::{Clock as _, Health, KadStore},
};
use record_store_tests::{OK, key, local, said};

use super::{
    life::KEYS,
    rules::Change,
    world::{Time, World},
};
use crate::{ledger::LedgerDefinition, plant::Plant};

/// One removal in so many is not made, where not all are.
const IGNORED_ONE_IN: u64 = 3;

/// A record store that is open, in the middle between a harness and the store.
pub(crate) struct Subject<B: Backend> {
    records: KadStore<B>,
    world: World,
    time: Arc<Time>,
    plant: Option<Plant>,
    count: AtomicU64,
    seen: Mutex<Seen>,
}

/// What was stored last under each key, for the bugs that bring it back.
#[derive(Default)]
struct Seen {
    records: BTreeMap<Vec<u8>, Record>,
    providers: BTreeMap<Vec<u8>, ProviderRecord>,
}

impl<B: Backend> Subject<B> {
    /// Opens the record store of a store.
    ///
    /// # Errors
    /// Fails as the record store does.
    pub(crate) fn open(
        store: &Store<LedgerDefinition, B>,
        world: World,
        time: &Arc<Time>,
        plant: Option<Plant>,
    ) -> Result<Self> {
        let mut config = world.config(time);
        match plant {
            Some(Plant::QuotaOffByOne) => config.max_records_per_publisher += 1,
            Some(Plant::LargeValueTaken) => config.max_value_bytes += 1,
            Some(Plant::LifeNotCut) => config.max_ttl *= 2,
            _ => {}
        }
        let subject = Self {
            records: store.record_store(local(), config)?,
            world,
            time: Arc::clone(time),
            plant,
            count: AtomicU64::default(),
            seen: Mutex::default(),
        };
        if subject.has(Plant::ProvidersForgottenOnOpening) {
            for key in (0..KEYS).map(key) {
                for of in subject.records.providers_of(&key) {
                    subject.records.remove_provider_record(&key, &of.provider);
                }
            }
        }
        Ok(subject)
    }

    fn has(&self, plant: Plant) -> bool {
        self.plant == Some(plant)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a change, and returns what was said of it.
    pub(crate) fn apply(&self, change: &Change) -> &'static str {
        match change {
            Change::Put(source, record) => self.put(*source, record),
            Change::Remove(key) => {
                self.seen().records.remove(key.as_ref());
                let number = self.count.fetch_add(1, Ordering::Relaxed) + 1;
                let is_turn = number.is_multiple_of(IGNORED_ONE_IN);
                if !self.has(Plant::RecordRemovalIgnored) || !is_turn {
                    self.records.remove_record(key);
                }
                OK
            }
            Change::Provide(record) => {
                let answer = said(self.records.add_provider_record(record.clone()));
                let mut seen = self.seen();
                seen.providers.insert(record.key.to_vec(), record.clone());
                answer
            }
            Change::Withdraw(key, peer) => {
                self.seen().providers.remove(key.as_ref());
                self.records.remove_provider_record(key, peer);
                if self.has(Plant::AllProvidersWithdrawn) {
                    for of in self.records.providers_of(key) {
                        self.records.remove_provider_record(key, &of.provider);
                    }
                }
                OK
            }
        }
    }

    fn put(&self, source: Option<PeerId>, record: &Record) -> &'static str {
        let is_of_others = record.publisher != Some(local());
        if self.has(Plant::OwnRecordOverwritten) && is_of_others {
            self.records.remove_record(&record.key);
        }
        if self.has(Plant::NearestEvicted) && is_of_others {
            let others = self.records.iter_records();
            let others = others.filter(|held| held.publisher != Some(local()));
            let others: Vec<_> = others.map(|held| held.key).collect();
            let is_full = others.len() >= self.world.max_records;
            if let Some(nearest) = others.first().filter(|_| is_full) {
                self.records.remove_record(nearest);
            }
        }
        let answer = said(self.records.put_from(source, record.clone()));
        if answer == OK {
            let mut seen = self.seen();
            seen.records.insert(record.key.to_vec(), record.clone());
        }
        if self.has(Plant::RefusalHidden) {
            return OK;
        }
        answer
    }

    /// Returns the record of a key.
    pub(crate) fn record(&self, key: &RecordKey) -> Option<Record> {
        let found = self.records.record(key);
        if found.is_some() {
            return found;
        }
        let is_damaged = || self.records.health().metrics.set_aside > 0;
        match self.plant {
            Some(Plant::ExpiredRecordGiven) => {
                let seen = self.seen().records.get(key.as_ref()).cloned();
                seen.filter(|record| record.is_expired(self.time.now()))
            }
            Some(Plant::DamagedRecordGiven) if is_damaged() => {
                Some(Record::new(key.clone(), b"from somewhere".to_vec()))
            }
            Some(Plant::PanicOnDamagedRow) if is_damaged() => panic!("planted: {key:?}"),
            _ => None,
        }
    }

    /// Returns every record.
    pub(crate) fn walk(&self) -> Vec<Record> {
        let mut records: Vec<_> = self.records.iter_records().collect();
        if self.has(Plant::LastRecordSkipped) {
            records.pop();
        }
        records
    }

    /// Returns the providers of a key.
    pub(crate) fn providers(&self, key: &RecordKey) -> Vec<ProviderRecord> {
        let mut found = self.records.providers_of(key);
        if self.has(Plant::ProvidersOfAnotherKey) && found.is_empty() {
            let others = (0..KEYS).map(record_store_tests::key);
            let mut others = others.map(|other| self.records.providers_of(&other));
            found = others.find(|of| !of.is_empty()).unwrap_or_default();
            for of in &mut found {
                of.key = key.clone();
            }
        }
        if self.has(Plant::ExpiredProviderGiven) {
            let seen = self.seen().providers.get(key.as_ref()).cloned();
            found.extend(seen.filter(|of| of.is_expired(self.time.now())));
        }
        found
    }

    /// Returns what this node provides.
    pub(crate) fn provided(&self) -> Vec<ProviderRecord> {
        self.records.iter_provided().collect()
    }

    /// Takes out what has expired, and returns how many rows that were.
    pub(crate) fn collect(&self) -> usize {
        self.records.collect_expired(usize::MAX)
    }

    /// Waits for the disk.
    ///
    /// # Errors
    /// Fails as the record store does.
    pub(crate) fn flush(&self) -> Result<()> {
        if self.has(Plant::RecordFlushNotAwaited) {
            return Ok(());
        }
        let flushed = self.records.flush();
        if self.has(Plant::RecordFlushErrorHidden) {
            return Ok(());
        }
        flushed
    }

    /// Returns how the record store is.
    pub(crate) fn health(&self) -> Health {
        let mut health = self.records.health();
        match self.plant {
            Some(Plant::RecordCountOffByOne) => health.records += 1,
            Some(Plant::ReadErrorUncounted) => health.metrics.read_errors = 0,
            Some(Plant::FailureUntold) => health.failure = None,
            Some(Plant::DamagedRowUncounted) => health.metrics.set_aside = 0,
            _ => {}
        }
        health
    }
}
