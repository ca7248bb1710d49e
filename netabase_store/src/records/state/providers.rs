//! Providers: one row for each key, in the order in which they came, this node first.

use libp2p_core::{Multiaddr, multiaddr::Protocol};
use libp2p_identity::PeerId;
use libp2p_kad::{ProviderRecord, RecordKey, store};

use super::{Disk, State};
use crate::records::{
    clock::Unix,
    index::{Index, Meta, Owner, Who},
    row::{Place, Provider, ProvidersRow, Tag},
};

/// The most rows that go to make room for one.
const EVICTIONS_MAX: usize = 64;

impl State {
    /// Takes a provider of a key, or says why not.
    pub(in crate::records) fn add_provider(
        &mut self,
        record: ProviderRecord,
        disk: &dyn Disk,
    ) -> store::Result<()> {
        if self.check_accepting().is_err() {
            return Err(store::Error::MaxProvidedKeys);
        }
        self.take_provider(record, disk)
    }

    /// Takes a provider of a key however much waits for the disk: what peers send is bounded, and not
    /// what this node had.
    pub(in crate::records) fn take_provider(
        &mut self,
        record: ProviderRecord,
        disk: &dyn Disk,
    ) -> store::Result<()> {
        let at = self.distance(record.key.as_ref());
        let is_known = self.providers.contains(at);
        let mut providers = if is_known {
            let read = self.read_providers(at, &record.key, disk);
            read.map_err(|_| store::Error::MaxProvidedKeys)?
        } else {
            Vec::new()
        };
        let is_this = record.provider == self.local;
        let Some(new) = self.provider(record.provider, record.expires, record.addresses) else {
            return Ok(());
        };
        if !self.config.strict {
            // One that has expired comes as a new one.
            let now = self.now();
            providers.retain(|old| old.peer != new.peer || !old.is_expired(now));
        }
        let place = providers.iter().position(|old| old.peer == new.peer);
        match place.and_then(|place| providers.get_mut(place)) {
            Some(old) if *old == new => return Ok(()),
            Some(old) => {
                let more = new.row_bytes().saturating_sub(old.row_bytes());
                *old = new;
                if more > 0 && !is_this {
                    self.make_room_for_provider(at, is_known, more, disk)?;
                }
            }
            None => {
                if !self.has_room_for(&new, &mut providers) {
                    return Ok(());
                }
                if !is_known || !is_this {
                    self.admit_provider(at, is_known, &new, disk)?;
                }
                if is_this && !self.config.strict {
                    providers.insert(0, new);
                } else {
                    providers.push(new);
                }
            }
        }
        self.write_providers(at, &record.key, &providers);
        if is_this {
            self.announce(Tag::Providers, at, record.key.as_ref());
        }
        Ok(())
    }

    /// Returns a provider as it is kept; none where it has expired.
    fn provider(
        &self,
        peer: PeerId,
        expires: Option<std::time::Instant>,
        mut addresses: Vec<Multiaddr>,
    ) -> Option<Provider> {
        let mut expires = expires.map(|at| self.anchor.unix(at));
        if !self.config.strict {
            let now = self.now();
            if expires.is_some_and(|at| at <= now) {
                return None;
            }
            if peer != self.local {
                let latest = self.latest_expiry(now);
                expires = Some(expires.unwrap_or(Unix::MAX).min(latest));
            }
            self.cap_addresses(&peer, &mut addresses);
        }
        Some(Provider {
            expires,
            peer,
            addresses,
        })
    }

    /// Keeps the first addresses, as many as may be, without the peer's name at their end.
    fn cap_addresses(&self, peer: &PeerId, addresses: &mut Vec<Multiaddr>) {
        for address in &mut *addresses {
            if address.iter().last() == Some(Protocol::P2p(*peer)) {
                address.pop();
            }
        }
        addresses.truncate(self.config.max_addresses);
        let mut bytes = 0;
        addresses.retain(|address| {
            let size = address.as_ref().len();
            let fits = size > 0 && bytes + size <= self.config.max_address_bytes;
            bytes += if fits { size } else { 0 };
            fits
        });
    }

    /// Returns whether a key can have one more provider, after taking out one that has expired where
    /// it has the most already.
    fn has_room_for(&mut self, new: &Provider, providers: &mut Vec<Provider>) -> bool {
        let max = self.config.max_providers_per_key;
        if self.config.strict {
            return providers.len() != max;
        }
        let now = self.now();
        let others = |providers: &[Provider]| {
            let others = providers.iter().filter(|old| old.peer != self.local);
            others.count()
        };
        if new.peer == self.local || others(providers) < max {
            return true;
        }
        // This node's own takes nobody's place.
        let is_gone = |old: &Provider| old.peer != self.local && old.is_expired(now);
        match providers.iter().position(is_gone) {
            Some(expired) => {
                drop(providers.remove(expired));
                self.metrics.collected += 1;
                true
            }
            None => {
                self.metrics.refused_full += 1;
                false
            }
        }
    }

    /// Makes room for a provider, or refuses it.
    fn admit_provider(
        &mut self,
        at: Place,
        is_known: bool,
        new: &Provider,
        disk: &dyn Disk,
    ) -> store::Result<()> {
        if self.config.strict {
            if !is_known && self.providers.len() == self.config.max_provided_keys {
                return Err(store::Error::MaxProvidedKeys);
            }
            return Ok(());
        }
        if new.peer == self.local {
            return Ok(());
        }
        if self
            .provider_peers
            .find(&new.peer)
            .is_some_and(|(_, keys)| keys >= self.config.max_keys_per_provider)
        {
            return self.refuse_provider();
        }
        self.make_room_for_provider(at, is_known, new.row_bytes(), disk)
    }

    /// Takes out what has expired, and then what is far, until a key can have so many bytes more, or
    /// refuses that.
    fn make_room_for_provider(
        &mut self,
        at: Place,
        is_known: bool,
        more: usize,
        disk: &dyn Disk,
    ) -> store::Result<()> {
        if self.config.strict {
            return Ok(());
        }
        let more = u64::try_from(more).unwrap_or(u64::MAX);
        let is_new = usize::from(!is_known);
        let max_keys = self.config.max_provided_keys;
        let max_bytes = self.config.max_provider_bytes;
        let fits = |keys: &Index, gone: usize, bytes: u64| {
            let count = keys.others_len() + is_new - gone;
            let bytes = (keys.others_bytes() - bytes).saturating_add(more);
            count <= max_keys && bytes <= max_bytes
        };
        for _ in 0..EVICTIONS_MAX {
            match self.providers.first_expired_of_others(self.now(), at) {
                Some(expired) if !fits(&self.providers, 0, 0) => {
                    self.collect_providers(expired, disk);
                }
                _ => break,
            }
        }
        let is_enough = |gone, bytes| fits(&self.providers, gone, bytes);
        // Nothing goes for a provider that is refused.
        let Some(farthest) = self.providers.farthest(at, EVICTIONS_MAX, is_enough) else {
            return self.refuse_provider();
        };
        for at in farthest {
            self.metrics.evicted += 1;
            self.drop_providers(at);
        }
        Ok(())
    }

    fn refuse_provider(&mut self) -> store::Result<()> {
        self.metrics.refused_full += 1;
        Err(store::Error::MaxProvidedKeys)
    }

    /// Returns the providers of a key as their row has them.
    ///
    /// # Errors
    /// Fails when the disk does.
    pub(in crate::records) fn read_providers(
        &mut self,
        at: Place,
        key: &RecordKey,
        disk: &dyn Disk,
    ) -> crate::Result<Vec<Provider>> {
        let row = self.providers_row(at);
        let bytes = match self.row(row, disk) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(Vec::new()),
            Err(error) => {
                self.read_failed();
                return Err(error);
            }
        };
        match ProvidersRow::decode(row, &bytes) {
            Ok(row) if row.key == key.as_ref() => Ok(row.providers),
            Ok(_) => Ok(Vec::new()),
            Err(why) => {
                self.set_aside(row, None, disk, why);
                Ok(Vec::new())
            }
        }
    }

    /// Writes the providers of a key; without any the row goes.
    pub(in crate::records) fn write_providers(
        &mut self,
        at: Place,
        key: &RecordKey,
        providers: &[Provider],
    ) {
        if providers.is_empty() {
            self.drop_providers(at);
            return;
        }
        let row = self.providers_row(at);
        let bytes = ProvidersRow::encode(row, key.as_ref(), providers);
        self.forget_providers(at);
        let expires = providers.iter().filter_map(|provider| provider.expires);
        let meta = Meta::new(bytes.len(), expires.min());
        self.index_providers(at, meta, providers.iter().map(|provider| &provider.peer));
        self.overlay.set(row, Some(&bytes));
    }

    /// Puts a key with its providers into the indexes.
    pub(in crate::records) fn index_providers<'p>(
        &mut self,
        at: Place,
        mut meta: Meta,
        peers: impl Iterator<Item = &'p PeerId>,
    ) {
        let mut owner = Owner::Other;
        let mut more = Vec::new();
        for peer in peers {
            if *peer == self.local {
                owner = Owner::This;
                continue;
            }
            let who = self.provider_peers.add(Some(peer));
            if meta.publisher == Who::default() {
                meta.publisher = who;
            } else {
                more.push(who);
            }
        }
        if !more.is_empty() {
            self.further_providers.insert(at, more.into());
        }
        self.providers.insert(at, meta, owner);
    }

    /// Takes a key out of the indexes.
    pub(in crate::records) fn forget_providers(&mut self, at: Place) {
        let Some(meta) = self.providers.remove(at) else {
            return;
        };
        self.provider_peers.remove(meta.publisher);
        for who in self.further_providers.remove(&at).unwrap_or_default() {
            self.provider_peers.remove(who);
        }
    }

    pub(in crate::records) fn drop_providers(&mut self, at: Place) {
        let row = self.providers_row(at);
        self.overlay.set(row, None);
        self.forget_providers(at);
        self.withdraw(Tag::Providers, at);
    }

    /// Removes a provider of a key, if it is one.
    pub(in crate::records) fn remove_provider(
        &mut self,
        key: &RecordKey,
        peer: &PeerId,
        disk: &dyn Disk,
    ) {
        let at = self.distance(key.as_ref());
        if !self.providers.contains(at) {
            return;
        }
        let Ok(mut providers) = self.read_providers(at, key, disk) else {
            return;
        };
        let before = providers.len();
        providers.retain(|provider| provider.peer != *peer);
        if providers.len() == before {
            return;
        }
        if *peer == self.local {
            self.withdraw(Tag::Providers, at);
        }
        self.write_providers(at, key, &providers);
    }

    /// Returns the providers of a key as the DHT is told of them.
    pub(in crate::records) fn providers_of(
        &mut self,
        key: &RecordKey,
        disk: &dyn Disk,
    ) -> Vec<ProviderRecord> {
        let at = self.distance(key.as_ref());
        if !self.providers.contains(at) {
            return Vec::new();
        }
        let Ok(mut providers) = self.read_providers(at, key, disk) else {
            return Vec::new();
        };
        if !self.config.strict {
            let now = self.now();
            providers.retain(|provider| !provider.is_expired(now));
            fit(&mut providers, self.config.max_answer_bytes);
        }
        let records = providers.into_iter();
        records
            .map(|provider| provider.into_record(key, &self.anchor))
            .collect()
    }
}

/// The most bytes that a provider takes in an answer beside its addresses, and an address beside its
/// bytes.
const PROVIDER_BYTES: usize = 48;
const ADDRESS_BYTES: usize = 4;

/// Takes away addresses, of those first who have the most, until an answer with all providers has no
/// more than so many bytes.
fn fit(providers: &mut [Provider], max_bytes: usize) {
    let size = |provider: &Provider| {
        let addresses = provider.addresses.iter();
        addresses
            .map(|address| ADDRESS_BYTES + address.as_ref().len())
            .sum::<usize>()
    };
    let mut bytes = providers
        .iter()
        .map(|provider| PROVIDER_BYTES + size(provider))
        .sum::<usize>();
    while bytes > max_bytes {
        let Some(most) = providers
            .iter_mut()
            .max_by_key(|provider| provider.addresses.len())
        else {
            return;
        };
        let Some(last) = most.addresses.pop() else {
            return;
        };
        bytes -= ADDRESS_BYTES + last.as_ref().len();
    }
}
