//! What is known of every row without reading it: its distance, its size, its expiry, and whose it is.

use std::collections::{BTreeSet, HashMap};

use libp2p_identity::PeerId;

use super::{
    clock::Unix,
    hashing::Places,
    order::Order,
    row::{Number, Place},
};

const NANOS: u64 = 1_000_000_000;

/// What is known of a row. An expiry in whole seconds, rounded up, and 0 for none: a row may be
/// looked at a second late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Meta {
    pub(super) bytes: u32,
    expires: u32,
    /// Its slot among those that expire.
    slot: u32,
    pub(super) publisher: Who,
    pub(super) source: Who,
    /// Of a record, the number of its row.
    pub(super) number: Number,
}

impl Meta {
    pub(super) fn new(bytes: usize, expires: Option<Unix>) -> Self {
        let expires = expires.map_or(0, |at| seconds(at).max(1));
        Self {
            bytes: u32::try_from(bytes).unwrap_or(u32::MAX),
            expires,
            ..Self::default()
        }
    }
}

/// Returns the second that a time lies in or ends.
fn seconds(at: Unix) -> u32 {
    u32::try_from(at.div_ceil(NANOS)).unwrap_or(u32::MAX)
}

/// The rows of one kind, by distance from this node: its own, and those of others.
#[derive(Debug, Default)]
pub(super) struct Index {
    own: Pool,
    others: Pool,
}

/// Rows by distance, and by expiry.
#[derive(Debug, Default)]
struct Pool {
    rows: HashMap<Place, Meta, Places>,
    order: Order,
    expiring: Expiring,
    bytes: u64,
}

/// Rows in the order of their expiry. Those that expire in the same second stand in the order of their
/// slots: slots are given in turn, so that rows which come together stand together.
#[derive(Debug, Default)]
struct Expiring {
    order: BTreeSet<Moment>,
    places: Vec<Place>,
    free: Vec<u32>,
}

impl Expiring {
    /// Adds a row, and returns its slot.
    fn add(&mut self, expires: u32, at: Place) -> u32 {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.places.push(at);
            u32::try_from(self.places.len() - 1).expect("a store has fewer than 2^32 rows")
        });
        if let Some(place) = index(slot).and_then(|slot| self.places.get_mut(slot)) {
            *place = at;
        }
        self.order.insert(Moment::new(expires, slot));
        slot
    }

    fn remove(&mut self, expires: u32, slot: u32) {
        if self.order.remove(&Moment::new(expires, slot)) {
            self.free.push(slot);
        }
    }

    /// Yields the rows that have expired by now, the first one first.
    fn expired(&self, now: Unix) -> impl Iterator<Item = Place> {
        let seconds = now / NANOS;
        let by_now = self.order.iter().map(|Moment(moment)| *moment);
        let by_now = by_now.take_while(move |moment| moment >> u32::BITS <= seconds);
        by_now.filter_map(|moment| {
            let slot = usize::try_from(moment & u64::from(u32::MAX)).ok()?;
            self.places.get(slot).copied()
        })
    }
}

/// An expiry, and below it a slot: one number, which is compared at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Moment(u64);

impl Moment {
    fn new(expires: u32, slot: u32) -> Self {
        Self((u64::from(expires) << u32::BITS) | u64::from(slot))
    }
}

fn index(slot: u32) -> Option<usize> {
    usize::try_from(slot).ok()
}

impl Index {
    pub(super) fn get(&self, at: Place) -> Option<(Meta, Owner)> {
        match self.others.rows.get(&at) {
            Some(meta) => Some((*meta, Owner::Other)),
            None => self.own.rows.get(&at).map(|meta| (*meta, Owner::This)),
        }
    }

    pub(super) fn contains(&self, at: Place) -> bool {
        self.others.rows.contains_key(&at) || self.own.rows.contains_key(&at)
    }

    /// Puts a row in its pool, and out of the other one; returns what stood there.
    pub(super) fn insert(&mut self, at: Place, meta: Meta, owner: Owner) -> Option<Meta> {
        let (to, from) = match owner {
            Owner::This => (&mut self.own, &mut self.others),
            Owner::Other => (&mut self.others, &mut self.own),
        };
        to.insert(at, meta).or_else(|| from.remove(at))
    }

    pub(super) fn remove(&mut self, at: Place) -> Option<Meta> {
        self.others.remove(at).or_else(|| self.own.remove(at))
    }

    pub(super) fn len(&self) -> usize {
        self.own.rows.len() + self.others.rows.len()
    }

    pub(super) fn own_len(&self) -> usize {
        self.own.rows.len()
    }

    pub(super) fn others_len(&self) -> usize {
        self.others.rows.len()
    }

    pub(super) fn others_bytes(&self) -> u64 {
        self.others.bytes
    }

    /// Returns the row that expires first, if it has by now.
    pub(super) fn first_expired(&self, now: Unix) -> Option<Place> {
        let mut expired = self.others.expiring.expired(now);
        let other = expired.next();
        other.or_else(|| self.own.expiring.expired(now).next())
    }

    /// Returns the row of others that expires first, if it has by now, and is not the one at `but`.
    pub(super) fn first_expired_of_others(&self, now: Unix, but: Place) -> Option<Place> {
        let mut expired = self.others.expiring.expired(now);
        expired.find(|at| *at != but)
    }

    /// Returns whether a row will expire.
    pub(super) fn has_expiring(&self) -> bool {
        !self.others.expiring.order.is_empty() || !self.own.expiring.order.is_empty()
    }

    /// Returns the rows of others that have to go until `is_enough` of how many rows and bytes went:
    /// the farthest from this node, and none that is not farther than `than`. Returns `None` where
    /// they are not enough, or would be more than `max`.
    pub(super) fn farthest(
        &self,
        than: Place,
        max: usize,
        is_enough: impl Fn(usize, u64) -> bool,
    ) -> Option<Vec<Place>> {
        let (mut gone, mut bytes) = (Vec::<Place>::new(), 0);
        while !is_enough(gone.len(), bytes) {
            let next = match gone.last() {
                None => self.others.order.last(),
                Some(at) => self.others.order.before(*at),
            };
            let next = next.filter(|at| *at > than && gone.len() < max)?;
            bytes += u64::from(self.others.rows.get(&next)?.bytes);
            gone.push(next);
        }
        Some(gone)
    }

    /// Has a row looked at again for what has expired, at a later time.
    pub(super) fn postpone(&mut self, at: Place, until: Unix) {
        if let Some((mut meta, owner)) = self.get(at) {
            meta.expires = seconds(until).max(1);
            self.insert(at, meta, owner);
        }
    }

    /// Returns the nearest row that is not nearer than `from`, of either pool.
    pub(super) fn at_or_after(&self, from: Place) -> Option<Place> {
        let own = self.own_at_or_after(from);
        let other = self.others_at_or_after(from);
        match (own, other) {
            (Some(own), Some(other)) => Some(own.min(other)),
            (own, other) => own.or(other),
        }
    }

    pub(super) fn own_at_or_after(&self, from: Place) -> Option<Place> {
        self.own.order.at_or_after(from)
    }

    pub(super) fn others_at_or_after(&self, from: Place) -> Option<Place> {
        self.others.order.at_or_after(from)
    }

    /// Fills the index with rows in any order, much faster than one at a time. Returns those whose
    /// place another one took: a later one, or one of this node.
    pub(super) fn fill(
        &mut self,
        own: Vec<(Place, Meta)>,
        others: Vec<(Place, Meta)>,
    ) -> Vec<Meta> {
        let mut displaced = Vec::new();
        self.own.fill(own.into_iter(), &mut displaced);
        let mut hidden = Vec::new();
        let others = others.into_iter().filter(|(at, meta)| {
            let is_hidden = self.own.rows.contains_key(at);
            hidden.extend(is_hidden.then_some(*meta));
            !is_hidden
        });
        self.others.fill(others, &mut displaced);
        displaced.extend(hidden);
        displaced
    }
}

impl Pool {
    fn fill(&mut self, rows: impl Iterator<Item = (Place, Meta)>, displaced: &mut Vec<Meta>) {
        self.rows.reserve(rows.size_hint().1.unwrap_or_default());
        for (at, meta) in rows {
            displaced.extend(self.rows.insert(at, meta));
        }
        let bytes = self.rows.values().map(|meta| u64::from(meta.bytes));
        self.bytes = bytes.sum();
        let expiring = self.rows.iter_mut().filter(|(_, meta)| meta.expires != 0);
        let mut order = Vec::new();
        for ((at, meta), slot) in expiring.zip(0..) {
            meta.slot = slot;
            order.push(Moment::new(meta.expires, slot));
            self.expiring.places.push(*at);
        }
        self.expiring.order = order.into_iter().collect();
        self.order = Order::of(self.rows.keys().copied().collect());
    }

    fn insert(&mut self, at: Place, mut meta: Meta) -> Option<Meta> {
        if meta.expires != 0 {
            meta.slot = self.expiring.add(meta.expires, at);
        }
        self.bytes += u64::from(meta.bytes);
        let before = self.rows.insert(at, meta);
        match &before {
            Some(before) => self.forget(before),
            None => self.order.add(at),
        }
        before
    }

    fn remove(&mut self, at: Place) -> Option<Meta> {
        let before = self.rows.remove(&at)?;
        self.order.remove(at);
        self.forget(&before);
        Some(before)
    }

    fn forget(&mut self, before: &Meta) {
        self.bytes -= u64::from(before.bytes);
        if before.expires != 0 {
            self.expiring.remove(before.expires, before.slot);
        }
    }
}

/// Whose a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// This node published it, or is among the providers.
    This,
    /// Others did.
    Other,
}

/// A peer by its number in [`Peers`]; 0 is nobody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Who(u32);

/// The peers that rows are of, each with how many.
#[derive(Debug, Default)]
pub(super) struct Peers {
    numbers: HashMap<PeerId, Who, Places>,
    peers: Vec<Option<(PeerId, u32)>>,
    free: Vec<Who>,
}

impl Peers {
    /// Returns the number of a peer that rows are of, and how many.
    pub(super) fn find(&self, peer: &PeerId) -> Option<(Who, usize)> {
        let who = *self.numbers.get(peer)?;
        let (_, count) = self.peers.get(slot(who)?)?.as_ref()?;
        Some((who, usize::try_from(*count).unwrap_or(usize::MAX)))
    }

    /// Counts one more row of a peer.
    pub(super) fn add(&mut self, peer: Option<&PeerId>) -> Who {
        let Some(peer) = peer else {
            return Who::default();
        };
        if let Some(who) = self.numbers.get(peer) {
            if let Some(Some((_, count))) = slot(*who).and_then(|at| self.peers.get_mut(at)) {
                *count = count.saturating_add(1);
            }
            return *who;
        }
        let who = self.free.pop().unwrap_or_else(|| {
            self.peers.push(None);
            Who(u32::try_from(self.peers.len()).expect("fewer peers than rows"))
        });
        if let Some(entry) = slot(who).and_then(|at| self.peers.get_mut(at)) {
            *entry = Some((*peer, 1));
        }
        self.numbers.insert(*peer, who);
        who
    }

    /// Counts one row less.
    pub(super) fn remove(&mut self, who: Who) {
        let Some(entry) = slot(who).and_then(|at| self.peers.get_mut(at)) else {
            return;
        };
        let Some((peer, count)) = entry else {
            return;
        };
        *count -= 1;
        if *count == 0 {
            self.numbers.remove(peer);
            *entry = None;
            self.free.push(who);
        }
    }
}

fn slot(who: Who) -> Option<usize> {
    usize::try_from(who.0.checked_sub(1)?).ok()
}

#[cfg(test)]
mod tests;
