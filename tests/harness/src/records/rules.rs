//! The rules of a record store, stated anew over maps: what it answers, and what it then holds.

use std::{collections::BTreeMap, time::Instant};

use libp2p_core::{Multiaddr, multiaddr::Protocol};
use libp2p_identity::PeerId;
use libp2p_kad::{ProviderRecord, Record, RecordKey};
use record_store_tests::{OK, Whole, all_of, distance, local};

use super::world::World;

/// What is said of a record that is not taken.
pub(crate) const FULL: &str = "max records";

/// What is said of a provider that is not taken.
pub(crate) const FULL_KEYS: &str = "max provided keys";

/// What is said of a value that is too large.
const LARGE: &str = "value too large";

/// What changes a record store.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    /// A record, and the peer that sent it.
    Put(Option<PeerId>, Record),
    /// A record goes.
    Remove(RecordKey),
    /// A provider of a key.
    Provide(ProviderRecord),
    /// A provider of a key goes.
    Withdraw(RecordKey, PeerId),
}

impl Change {
    /// Returns the key that it is about.
    pub(crate) fn key(&self) -> &RecordKey {
        match self {
            Self::Put(_, record) => &record.key,
            Self::Remove(key) | Self::Withdraw(key, _) => key,
            Self::Provide(record) => &record.key,
        }
    }
}

/// What can be read of a record store.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Contents {
    pub(crate) records: BTreeMap<Vec<u8>, Record>,
    pub(crate) providers: BTreeMap<Vec<u8>, Vec<Whole>>,
}

/// Returns providers in an order of their own: who is announced again takes the place that it had, or
/// a new one where it was taken out in between, and nobody is promised either.
pub(crate) fn in_order(found: &[ProviderRecord]) -> Vec<Whole> {
    let mut found = all_of(found);
    sort(&mut found);
    found
}

fn sort(providers: &mut [Whole]) {
    providers.sort_by_key(|(_, peer, ..)| peer.to_bytes());
}

impl Contents {
    /// Says how these contents differ from others, in few words.
    pub(crate) fn difference(&self, right: &Self) -> String {
        let short = |found: Option<&Record>| {
            found.map(|record| {
                let text: Vec<_> = record.value.iter().take(16).copied().collect();
                let text = String::from_utf8_lossy(&text).into_owned();
                (text, record.value.len(), record.publisher, record.expires)
            })
        };
        for key in self.records.keys().chain(right.records.keys()) {
            let (found, right) = (self.records.get(key), right.records.get(key));
            if found != right {
                let key = String::from_utf8_lossy(key);
                let (found, right) = (short(found), short(right));
                return format!("the record of {key} is {found:?}, and should be {right:?}");
            }
        }
        for key in self.providers.keys().chain(right.providers.keys()) {
            let (found, right) = (self.providers.get(key), right.providers.get(key));
            if found != right {
                let key = String::from_utf8_lossy(key);
                return format!("the providers of {key} are {found:?}, and should be {right:?}");
            }
        }
        "nothing differs".to_owned()
    }
}

/// How many entries there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) records: usize,
    pub(crate) own_records: usize,
    pub(crate) provided_keys: usize,
    pub(crate) own_provided_keys: usize,
    pub(crate) announcements: usize,
}

/// What of a quota a peer has used: records published, records sent, keys provided.
pub(crate) type Used = [usize; 3];

#[derive(Debug, Clone, PartialEq)]
struct Held {
    record: Record,
    source: Option<PeerId>,
}

impl Held {
    fn is_own(&self) -> bool {
        self.record.publisher == Some(local())
    }

    /// Returns the bytes of its row, as the layout of rows says.
    fn bytes(&self) -> u64 {
        const PEER_BYTES: usize = 4 + 34;
        let expires = if self.record.expires.is_some() { 9 } else { 1 };
        let peer = |peer: Option<PeerId>| 1 + if peer.is_some() { PEER_BYTES } else { 0 };
        let peers = peer(self.record.publisher) + peer(self.source);
        let texts = 8 + self.record.key.as_ref().len() + self.record.value.len();
        u64::try_from(1 + 8 + expires + peers + texts + 8).unwrap_or(u64::MAX)
    }
}

/// What a record store should hold.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rules {
    world: World,
    records: BTreeMap<Vec<u8>, Held>,
    providers: BTreeMap<Vec<u8>, Vec<Whole>>,
}

impl Rules {
    /// Returns the rules of an empty store.
    pub(crate) fn new(world: World) -> Self {
        Self {
            world,
            records: BTreeMap::new(),
            providers: BTreeMap::new(),
        }
    }

    /// Makes a change at some time, and returns what is to be said of it.
    pub(crate) fn apply(&mut self, change: &Change, now: Instant) -> &'static str {
        self.expire(now);
        match change {
            Change::Put(source, record) => self.put(*source, record, now),
            Change::Remove(key) => {
                self.records.remove(key.as_ref());
                OK
            }
            Change::Provide(record) => self.provide(record, now),
            Change::Withdraw(key, peer) => {
                if let Some(providers) = self.providers.get_mut(key.as_ref()) {
                    providers.retain(|(_, of, ..)| of != peer);
                }
                self.providers.retain(|_, providers| !providers.is_empty());
                OK
            }
        }
    }

    /// Takes out what has expired, which nobody is shown any more; libp2p's own store shows it.
    fn expire(&mut self, now: Instant) {
        if self.world.is_strict {
            return;
        }
        let lives = |expires: Option<Instant>| expires.is_none_or(|at| now < at);
        self.records.retain(|_, held| lives(held.record.expires));
        for providers in self.providers.values_mut() {
            providers.retain(|(_, _, expires, _)| lives(*expires));
        }
        self.providers.retain(|_, providers| !providers.is_empty());
    }

    fn put(&mut self, source: Option<PeerId>, record: &Record, now: Instant) -> &'static str {
        let (world, key) = (self.world, record.key.to_vec());
        let mut new = Held {
            record: record.clone(),
            source,
        };
        if record.value.len() >= world.max_value_bytes {
            return LARGE;
        }
        if new.is_own() && source.is_some_and(|source| source != local()) {
            return FULL;
        }
        let before = self.records.get(&key);
        if world.is_strict {
            if before.is_none() && self.records.len() >= world.max_records {
                return FULL;
            }
        } else if record.expires.is_some_and(|at| at <= now) {
            return OK;
        } else if !new.is_own() {
            let latest = now + world.max_ttl;
            new.record.expires = Some(record.expires.map_or(latest, |at| at.min(latest)));
            let is_over_quota = self.is_over_quota(before, &new);
            if before.is_some_and(Held::is_own) || is_over_quota || !self.make_room(&new) {
                return FULL;
            }
        }
        self.records.insert(key, new);
        OK
    }

    fn is_over_quota(&self, before: Option<&Held>, new: &Held) -> bool {
        let is_over = |of: fn(&Held) -> Option<PeerId>, max: usize| {
            let peer = of(new).filter(|peer| *peer != local());
            let others = self.records.values().filter(|held| of(held) == peer);
            let is_more = before.and_then(of) != peer;
            peer.is_some() && is_more && others.count() >= max
        };
        is_over(
            |held| held.record.publisher,
            self.world.max_records_per_publisher,
        ) || is_over(|held| held.source, self.world.max_records_per_source)
    }

    /// Takes out records of others that are farther than a new one, the farthest first, or none where
    /// that makes no room.
    fn make_room(&mut self, new: &Held) -> bool {
        let at = &new.record.key;
        let others = self.records.values();
        let others = others.filter(|held| !held.is_own() && held.record.key != *at);
        let mut others: Vec<_> = others
            .map(|held| (distance(&held.record.key, &local()), held))
            .collect();
        others.sort_by_key(|(far, _)| *far);
        let mut bytes = others.iter().map(|(_, held)| held.bytes()).sum::<u64>() + new.bytes();
        let mut gone = Vec::new();
        while others.len() + 1 > self.world.max_records || bytes > self.world.max_record_bytes {
            match others.pop() {
                Some((far, held)) if far > distance(at, &local()) => {
                    bytes -= held.bytes();
                    gone.push(held.record.key.to_vec());
                }
                _ => return false,
            }
        }
        self.records.retain(|key, _| !gone.contains(key));
        true
    }

    fn provide(&mut self, record: &ProviderRecord, now: Instant) -> &'static str {
        let (world, is_own) = (self.world, record.provider == local());
        let key = record.key.to_vec();
        let mut new = (
            key.clone(),
            record.provider,
            record.expires,
            record.addresses.clone(),
        );
        if !world.is_strict {
            if record.expires.is_some_and(|at| at <= now) {
                return OK;
            }
            if !is_own {
                let latest = now + world.max_ttl;
                new.2 = Some(record.expires.map_or(latest, |at| at.min(latest)));
            }
            new.3 = short(&record.addresses, record.provider, world.max_addresses);
        }
        let mut providers = self.providers.get(&key).cloned().unwrap_or_default();
        let place = providers.iter_mut().find(|(_, peer, ..)| *peer == new.1);
        if let Some(old) = place {
            let is_more = bytes(&new.3) > bytes(&old.3);
            *old = new;
            if is_more && !is_own && !world.is_strict && !self.make_room_for_key(&record.key) {
                return FULL_KEYS;
            }
            self.providers.insert(key, providers);
            return OK;
        }
        if world.is_strict {
            if providers.len() == world.max_providers_per_key {
                return OK;
            }
            if providers.is_empty() && self.providers.len() == world.max_provided_keys {
                return FULL_KEYS;
            }
            providers.push(new);
        } else if is_own {
            providers.insert(0, new);
        } else {
            let others = providers.iter().filter(|(_, peer, ..)| *peer != local());
            if others.count() >= world.max_providers_per_key {
                return OK;
            }
            let [_, _, keys] = self.used(&record.provider);
            if keys >= world.max_keys_per_provider || !self.make_room_for_key(&record.key) {
                return FULL_KEYS;
            }
            providers.push(new);
        }
        self.providers.insert(key, providers);
        OK
    }

    /// Takes out keys that this node does not provide and that are farther than one, the farthest
    /// first, or none where that makes no room.
    fn make_room_for_key(&mut self, at: &RecordKey) -> bool {
        let is_own = |providers: &[Whole]| providers.iter().any(|(_, peer, ..)| *peer == local());
        let held = self.providers.iter();
        let others = held.filter(|(_, providers)| !is_own(providers));
        let others = others.map(|(key, _)| RecordKey::new(key));
        let mut others: Vec<_> = others.map(|key| (distance(&key, &local()), key)).collect();
        others.sort_by_key(|(far, _)| *far);
        let is_new = !self.providers.contains_key(at.as_ref());
        let mut gone = Vec::new();
        while others.len() + usize::from(is_new) > self.world.max_provided_keys {
            match others.pop() {
                Some((far, key)) if far > distance(at, &local()) => gone.push(key.to_vec()),
                _ => return false,
            }
        }
        self.providers.retain(|key, _| !gone.contains(key));
        true
    }

    /// Returns what is to be read at some time.
    pub(crate) fn contents(&self, now: Instant) -> Contents {
        let mut now_left = self.clone();
        now_left.expire(now);
        now_left.providers.values_mut().for_each(|of| sort(of));
        let records = now_left.records.into_iter();
        Contents {
            records: records.map(|(key, held)| (key, held.record)).collect(),
            providers: now_left.providers,
        }
    }

    /// Returns how many entries there are when all that has expired is taken out.
    pub(crate) fn counts(&self, now: Instant) -> Counts {
        let mut left = self.clone();
        left.expire(now);
        let own_records = left.records.values().filter(|held| held.is_own()).count();
        let is_own = |(_, peer, ..): &Whole| *peer == local();
        let keys = left.providers.values();
        let own_provided_keys = keys.filter(|of| of.iter().any(is_own)).count();
        Counts {
            records: left.records.len(),
            own_records,
            provided_keys: left.providers.len(),
            own_provided_keys,
            announcements: own_records + own_provided_keys,
        }
    }

    /// Returns how many rows will expire, of those that have not by some time.
    pub(crate) fn expiring(&self, now: Instant) -> usize {
        let left = self.contents(now);
        let records = left.records.values();
        let keys = left.providers.values();
        let is_mortal = |(_, _, expires, _): &Whole| expires.is_some();
        records.filter(|record| record.expires.is_some()).count()
            + keys.filter(|of| of.iter().any(is_mortal)).count()
    }

    /// Returns what a peer that is not this node has used of its quotas.
    pub(crate) fn used(&self, peer: &PeerId) -> Used {
        let records = || self.records.values();
        let published = records().filter(|held| held.record.publisher == Some(*peer));
        let sent = records().filter(|held| held.source == Some(*peer));
        let keys = self.providers.values();
        let provided = keys.filter(|of| of.iter().any(|(_, it, ..)| it == peer));
        [published.count(), sent.count(), provided.count()]
    }

    /// Returns the rules as of some time, in another world from then on.
    pub(crate) fn within(&self, world: World, now: Instant) -> Self {
        let mut left = self.clone();
        left.expire(now);
        left.world = world;
        left
    }
}

/// Returns the addresses that are kept of a peer.
fn short(addresses: &[Multiaddr], peer: PeerId, max: usize) -> Vec<Multiaddr> {
    let kept = addresses.iter().take(max).cloned();
    let kept = kept.map(|mut address| {
        if address.iter().last() == Some(Protocol::P2p(peer)) {
            address.pop();
        }
        address
    });
    kept.collect()
}

fn bytes(addresses: &[Multiaddr]) -> usize {
    let addresses = addresses.iter();
    addresses.map(|address| 4 + address.as_ref().len()).sum()
}
