//! The record store as libp2p's trait wants it.

use std::borrow::Cow;

use libp2p_identity::PeerId;
use libp2p_kad::{ProviderRecord, Record, RecordKey, store};

use super::{
    handle::KadStore,
    iter::{Owned, Provided, Records},
};
use crate::backends::Backend;

/// What the trait cannot say is said otherwise: a record that the engine cannot read is absent, and
/// counted in [`health`](KadStore::health); a write that cannot be taken now is refused as if the
/// store were full.
impl<B: Backend> store::RecordStore for KadStore<B> {
    type RecordsIter<'a> = Owned<'a, Records<B>>;
    type ProvidedIter<'a> = Owned<'a, Provided<B>>;

    fn get(&self, key: &RecordKey) -> Option<Cow<'_, Record>> {
        self.record(key).map(Cow::Owned)
    }

    fn put(&mut self, record: Record) -> store::Result<()> {
        self.put_from(None, record)
    }

    fn remove(&mut self, key: &RecordKey) {
        self.remove_record(key);
    }

    fn records(&self) -> Self::RecordsIter<'_> {
        Owned::new(self.iter_records())
    }

    fn add_provider(&mut self, record: ProviderRecord) -> store::Result<()> {
        self.add_provider_record(record)
    }

    fn providers(&self, key: &RecordKey) -> Vec<ProviderRecord> {
        self.providers_of(key)
    }

    fn provided(&self) -> Self::ProvidedIter<'_> {
        Owned::new(self.iter_provided())
    }

    fn remove_provider(&mut self, key: &RecordKey, provider: &PeerId) {
        self.remove_provider_record(key, provider);
    }
}
