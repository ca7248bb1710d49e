//! The handle of a record store.

use std::{fmt, sync::Arc};

use libp2p_identity::PeerId;
use libp2p_kad::{ProviderRecord, Record, RecordKey, store};

use super::{
    clock::Clock,
    config::RecordStoreConfig,
    core::{Core, OpenRecords, Shared},
    health::Health,
    iter::{Provided, Records},
};
use crate::{
    backends::Backend,
    definition::NetabaseDefinitionTrait,
    error::{Result, StoreError},
    store::Store,
    writer::locked,
};

/// A persistent record store for libp2p's Kademlia, in the tables of a [`Store`].
///
/// A cheap handle: clones share one record store, one of them belongs to the behaviour, the others
/// read and write beside it, from any thread. It is closed, and everything on disk, when the last one
/// is dropped.
///
/// No method but [`flush`](Self::flush) waits for the disk to write, unless the durability is
/// [`Sync`](super::RecordDurability::Sync): writes gather in memory, a thread commits them together. When
/// too much gathers, writes are refused.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use libp2p_identity::PeerId;
/// use libp2p_kad::{Record, RecordKey, store::RecordStore as _};
/// use netabase_store::{MemoryStore, netabase_definition_module, records::RecordStoreConfig};
///
/// # #[netabase_definition_module(BlogDefinition, BlogKeys)]
/// # mod blog {
/// #     use netabase_store::NetabaseModel;
/// #     #[derive(NetabaseModel, Clone, Debug, PartialEq)]
/// #     #[netabase(BlogDefinition)]
/// #     pub struct User {
/// #         #[primary_key]
/// #         pub id: u64,
/// #     }
/// # }
/// let store = MemoryStore::<blog::BlogDefinition>::new();
/// let mut records = store.record_store(PeerId::random(), RecordStoreConfig::default())?;
/// let key = RecordKey::new(b"a key");
/// records.put(Record::new(key.clone(), b"a value".to_vec()))?;
/// assert_eq!(records.record(&key).map(|record| record.value), Some(b"a value".to_vec()));
/// # Ok(())
/// # }
/// ```
pub struct KadStore<B: Backend> {
    shared: Arc<Shared<B>>,
}

impl<D: NetabaseDefinitionTrait, B: Backend> Store<D, B> {
    /// Opens the record store of the node `local`, beside the typed trees.
    ///
    /// It lies in a table of its own, `__libp2p_records__`. A second call returns another handle of
    /// the same record store, whose configuration stays. When the node has another name than last
    /// time, what it published itself becomes the record of somebody else, and is no longer announced.
    ///
    /// Cost: reads every row once, about 1 us each.
    ///
    /// # Errors
    /// Fails when the store can only be read, when its record store is open for another node, when
    /// the rows are of a newer format or their description is damaged, or when the engine fails.
    pub fn record_store(&self, local: PeerId, config: RecordStoreConfig) -> Result<KadStore<B>> {
        let inner = &self.inner;
        inner.check_writable()?;
        let mut open = locked(&inner.records);
        if let Some(shared) = open.handle.upgrade() {
            if shared.core.local != local {
                return Err(StoreError::Locked {
                    path: inner.path.clone(),
                }
                .into());
            }
            return Ok(KadStore { shared });
        }
        if let Some(closing) = open.core.upgrade() {
            closing.wait_for_end()?;
        }
        let shared = Arc::new(Shared::open(inner, local, config)?);
        *open = OpenRecords {
            handle: Arc::downgrade(&shared),
            core: Arc::downgrade(&shared.core),
        };
        Ok(KadStore { shared })
    }
}

impl<B: Backend> KadStore<B> {
    /// Returns the name of the node.
    #[must_use]
    pub fn local_id(&self) -> &PeerId {
        &self.shared.core.local
    }

    /// Returns the clock that tells what has expired.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.shared.core.clock
    }

    /// Returns the record of a key, unless it has expired.
    #[must_use]
    pub fn record(&self, key: &RecordKey) -> Option<Record> {
        let core = &self.shared.core;
        core.read_record(core.distance(key), key)
    }

    /// Stores a record that the peer `source` sent, or that has no sender.
    ///
    /// # Errors
    /// Refuses values that are too large, and records of others when the limits of the configuration
    /// are reached: after what has expired went, and where what is farther from this node than the
    /// record would not make room. Of that nothing goes for a record that is refused.
    /// Refuses everything while too much waits for the disk, and after the disk has failed;
    /// `MaxRecords` says all of this.
    pub fn put_from(&self, source: Option<PeerId>, record: Record) -> store::Result<()> {
        let core = &*self.shared.core;
        core.write(|state| state.put(record, source, core))
    }

    /// Removes the record of a key.
    pub fn remove_record(&self, key: &RecordKey) {
        let core = &*self.shared.core;
        core.change(|state| state.remove_record(key));
    }

    /// Returns every record in the order of their distance from this node, reading one at a time.
    ///
    /// What is written meanwhile may be among them or not; damaged rows are left out and counted.
    #[must_use]
    pub fn iter_records(&self) -> Records<B> {
        Records::new(&self.shared)
    }

    /// Keeps the records that `keep` is true of, and removes the others.
    pub fn retain(&self, mut keep: impl FnMut(&Record) -> bool) {
        for record in self.iter_records() {
            if !keep(&record) {
                self.remove_record(&record.key);
            }
        }
    }

    /// Stores a provider of a key.
    ///
    /// A key that has the most providers already takes no other, and `Ok` is returned, as libp2p's
    /// `MemoryStore` does; but this node, and one in the place of an expired one, it takes.
    ///
    /// # Errors
    /// Refuses keys and providers over the limits of the configuration, and everything while too much
    /// waits for the disk or after it has failed, with `MaxProvidedKeys`.
    pub fn add_provider_record(&self, record: ProviderRecord) -> store::Result<()> {
        let core = &*self.shared.core;
        core.write(|state| state.add_provider(record, core))
    }

    /// Returns the providers of a key that have not expired, in the order in which they came, but
    /// this node first. Their addresses fit into an answer.
    #[must_use]
    pub fn providers_of(&self, key: &RecordKey) -> Vec<ProviderRecord> {
        let core = &*self.shared.core;
        core.look(|state| state.providers_of(key, core))
    }

    /// Removes a provider of a key.
    pub fn remove_provider_record(&self, key: &RecordKey, provider: &PeerId) {
        let core = &*self.shared.core;
        core.change(|state| state.remove_provider(key, provider, core));
    }

    /// Returns the provider records of this node that have not expired, reading one at a time.
    #[must_use]
    pub fn iter_provided(&self) -> Provided<B> {
        Provided::new(&self.shared)
    }

    /// Takes out up to `limit` entries that have expired, and returns how many it looked at. The
    /// store does this by itself, within two seconds and a little at a time.
    pub fn collect_expired(&self, limit: usize) -> usize {
        let core = &*self.shared.core;
        let mut looked_at = 0;
        core.change(|state| looked_at = state.collect(limit, core));
        looked_at
    }

    /// Waits until all that was written is on disk.
    ///
    /// # Errors
    /// Fails when the engine has, and for a thread that has begun a write transaction of the store.
    pub fn flush(&self) -> Result<()> {
        let core = &self.shared.core;
        core.wait(core.lock())?;
        core.inner.flush()
    }

    /// Returns how the record store is; O(what is overdue).
    #[must_use]
    pub fn health(&self) -> Health {
        let guarded = self.shared.core.lock();
        let (state, control) = (&guarded.state, &guarded.control);
        let failure = control.failure.as_ref();
        Health {
            failure: failure.map(crate::verify::describe),
            records: state.records.len(),
            own_records: state.records.own_len(),
            provided_keys: state.providers.len(),
            own_provided_keys: state.providers.own_len(),
            announcements: state.timetable.len(),
            overdue_announcements: state.timetable.overdue(state.now(), usize::MAX),
            pending_rows: state.overlay.load().0,
            metrics: state.metrics,
        }
    }
}

impl<B: Backend> KadStore<B> {
    pub(super) fn core(&self) -> &Arc<Core<B>> {
        &self.shared.core
    }
}

impl<B: Backend> Clone for KadStore<B> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<B: Backend> fmt::Debug for KadStore<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KadStore")
            .field("engine", &B::ENGINE)
            .field("local", &self.shared.core.local)
            .finish_non_exhaustive()
    }
}
