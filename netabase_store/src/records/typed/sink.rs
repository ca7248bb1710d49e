//! Where accepted records go when some of them are models.

use std::{cmp::Ordering, fmt, sync::Arc, time::Instant};

use libp2p_identity::PeerId;
use libp2p_kad::{ProviderRecord, Record, RecordKey, store};

use super::{Filed, RecordError, TypedValidator};
use crate::{
    backends::Backend,
    definition::NetabaseDefinitionTrait,
    records::{inbound::Sink, validate::Validator},
    store::Store,
};

type ErrorHook = dyn Fn(&RecordKey, &RecordError) + Send + Sync;

/// Files accepted typed records in the typed trees, and keeps all others as plain records.
///
/// A filed record is also kept as a plain one, because kad answers other nodes from those; see
/// [`without_copies`](Self::without_copies). Of the two the tree's is the one that newcomers are
/// compared with, inside the transaction that files them, so that an application's own write is
/// never undone by an older record.
pub struct TypedSink<D, B: Backend, S> {
    store: Store<D, B>,
    validator: TypedValidator<D>,
    plain: S,
    has_copies: bool,
    on_error: Option<Arc<ErrorHook>>,
}

impl<D: NetabaseDefinitionTrait, B: Backend, S: Sink> TypedSink<D, B, S> {
    /// Makes a sink over the typed trees of `store` and the plain records of `plain`; `validator`
    /// says which of two records is the newer.
    #[must_use]
    pub fn new(store: Store<D, B>, validator: TypedValidator<D>, plain: S) -> Self {
        Self {
            store,
            validator,
            plain,
            has_copies: true,
            on_error: None,
        }
    }

    /// Keeps no plain copies of filed records: this node then serves them to nobody.
    #[must_use]
    pub fn without_copies(mut self) -> Self {
        self.has_copies = false;
        self
    }

    /// Sets who hears why a record could not be filed or read, which the interface of kad's stores
    /// has no room for.
    #[must_use]
    pub fn on_error(
        mut self,
        hook: impl Fn(&RecordKey, &RecordError) + Send + Sync + 'static,
    ) -> Self {
        self.on_error = Some(Arc::new(hook));
        self
    }

    fn report(&self, key: &RecordKey, error: &RecordError) {
        if let Some(hook) = &self.on_error {
            hook(key, error);
        }
    }

    /// Whether `record` takes the place of `row`.
    fn replaces(&self, record: &Record, row: &[u8]) -> bool {
        let order = self.validator.compare(&record.key, &record.value, row);
        order.then_with(|| record.value.as_slice().cmp(row)) == Ordering::Greater
    }
}

impl<D, B, S> Sink for TypedSink<D, B, S>
where
    D: NetabaseDefinitionTrait,
    B: Backend,
    S: Sink,
{
    fn record(&self, key: &RecordKey) -> Option<Record> {
        let plain = self.plain.record(key);
        let row = self.store.filed_row(key).unwrap_or_else(|error| {
            self.report(key, &error);
            None
        });
        match (row, plain) {
            (Some(row), Some(plain)) if plain.value == row => Some(plain),
            (Some(value), _) => Some(Record {
                key: key.clone(),
                value,
                publisher: None,
                // A copy that is wanted and missing has lapsed, and is stored when it comes again.
                expires: self.has_copies.then(Instant::now),
            }),
            (None, plain) => plain,
        }
    }

    /// A record that the tree refuses is `MaxRecords`: the interface knows no other word.
    fn put_from(&self, source: Option<PeerId>, record: Record) -> store::Result<()> {
        let replaces = |row: &[u8]| self.replaces(&record, row);
        match self.store.file_if(&record, &replaces) {
            Ok(Filed::Foreign) => self.plain.put_from(source, record),
            Ok(Filed::New | Filed::Replaced | Filed::Same) if self.has_copies => {
                self.plain.put_from(source, record)
            }
            Ok(_) => Ok(()),
            Err(error) => {
                self.report(&record.key, &error);
                Err(store::Error::MaxRecords)
            }
        }
    }

    fn add_provider(&self, record: ProviderRecord) -> store::Result<()> {
        self.plain.add_provider(record)
    }
}

impl<D, B: Backend, S: Clone> Clone for TypedSink<D, B, S> {
    fn clone(&self) -> Self {
        Self {
            store: self.store.clone(),
            validator: self.validator.clone(),
            plain: self.plain.clone(),
            has_copies: self.has_copies,
            on_error: self.on_error.clone(),
        }
    }
}

impl<D, B: Backend, S> fmt::Debug for TypedSink<D, B, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TypedSink")
            .field("store", &self.store)
            .field("has_copies", &self.has_copies)
            .finish_non_exhaustive()
    }
}
