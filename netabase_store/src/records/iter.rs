//! Walks over a record store that read one row at a time.

use std::{borrow::Cow, marker::PhantomData, sync::Arc};

use libp2p_kad::{ProviderRecord, Record, RecordKey};

use super::{
    core::Shared,
    row::{Place, ProvidersRow, RecordRow},
};
use crate::backends::Backend;

/// The records of a record store, in the order of their distance from the node.
pub struct Records<B: Backend> {
    shared: Arc<Shared<B>>,
    next: Option<Place>,
}

impl<B: Backend> Records<B> {
    pub(super) fn new(shared: &Arc<Shared<B>>) -> Self {
        Self {
            shared: Arc::clone(shared),
            next: Some(Place::FIRST),
        }
    }

    fn step(&mut self) -> Option<Option<Record>> {
        let core = &self.shared.core;
        let (at, row) = {
            let state = &core.lock().state;
            let at = state.records.at_or_after(self.next?);
            (at, at.and_then(|at| state.record_row(at)))
        };
        self.next = at.and_then(Place::next);
        let (at, row) = (at?, row?);
        let Some(bytes) = core.row_now(row) else {
            return Some(None);
        };
        match RecordRow::decode(row, &bytes) {
            Ok(decoded) => {
                let shown = core.lock().state.is_shown(decoded.expires);
                Some(shown.then(|| decoded.to_record(&core.anchor)))
            }
            Err(why) => {
                core.look(|state| state.set_aside(row, Some(at), &**core, why));
                Some(None)
            }
        }
    }
}

impl<B: Backend> Iterator for Records<B> {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        loop {
            if let Some(record) = self.step()? {
                return Some(record);
            }
        }
    }
}

/// The provider records of the node itself that have not expired.
pub struct Provided<B: Backend> {
    shared: Arc<Shared<B>>,
    next: Option<Place>,
}

impl<B: Backend> Provided<B> {
    pub(super) fn new(shared: &Arc<Shared<B>>) -> Self {
        Self {
            shared: Arc::clone(shared),
            next: Some(Place::FIRST),
        }
    }

    fn step(&mut self) -> Option<Option<ProviderRecord>> {
        let core = &self.shared.core;
        let (at, row) = {
            let state = &core.lock().state;
            let at = state.providers.own_at_or_after(self.next?);
            (at, at.map(|at| state.providers_row(at)))
        };
        self.next = at.and_then(Place::next);
        let row = row?;
        let Some(bytes) = core.row_now(row) else {
            return Some(None);
        };
        match ProvidersRow::decode(row, &bytes) {
            Ok(decoded) => {
                let mut providers = decoded.providers.into_iter();
                let own = providers.find(|provider| provider.peer == core.local);
                let own = own.filter(|own| core.lock().state.is_shown(own.expires));
                let key = RecordKey::new(&decoded.key);
                Some(own.map(|provider| provider.into_record(&key, &core.anchor)))
            }
            Err(why) => {
                core.look(|state| state.set_aside(row, None, &**core, why));
                Some(None)
            }
        }
    }
}

impl<B: Backend> Iterator for Provided<B> {
    type Item = ProviderRecord;

    fn next(&mut self) -> Option<ProviderRecord> {
        loop {
            if let Some(record) = self.step()? {
                return Some(record);
            }
        }
    }
}

/// A walk as libp2p's trait wants it.
pub struct Owned<'a, I> {
    walk: I,
    lifetime: PhantomData<&'a ()>,
}

impl<I> Owned<'_, I> {
    pub(super) fn new(walk: I) -> Self {
        Self {
            walk,
            lifetime: PhantomData,
        }
    }
}

impl<'a, T: Clone + 'a, I: Iterator<Item = T>> Iterator for Owned<'a, I> {
    type Item = Cow<'a, T>;

    fn next(&mut self) -> Option<Cow<'a, T>> {
        self.walk.next().map(Cow::Owned)
    }
}
