//! Records that were read lately.

use std::{collections::HashMap, mem};

use libp2p_kad::Record;

use super::{hashing::Places, row::Place};

/// What a record costs beside its key and value.
const RECORD_BYTES: usize = 160;

/// A cache of two generations: what is read moves to the young one, and when that is full, the old
/// one goes. Every operation is O(1).
#[derive(Debug, Default)]
pub(super) struct Cache {
    young: HashMap<Place, Record, Places>,
    old: HashMap<Place, Record, Places>,
    young_bytes: usize,
    max_bytes: usize,
}

impl Cache {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self {
            max_bytes,
            ..Self::default()
        }
    }

    pub(super) fn get(&mut self, at: Place) -> Option<&Record> {
        if !self.young.contains_key(&at) {
            let record = self.old.remove(&at)?;
            self.insert(at, record);
        }
        self.young.get(&at)
    }

    /// Returns whether the cache would keep a record.
    pub(super) fn takes(&self, record: &Record) -> bool {
        size(record) <= self.max_bytes / 2
    }

    pub(super) fn insert(&mut self, at: Place, record: Record) {
        if !self.takes(&record) {
            return;
        }
        let bytes = size(&record);
        if self.young_bytes + bytes > self.max_bytes / 2 {
            self.old = mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        self.young_bytes += bytes;
        if let Some(before) = self.young.insert(at, record) {
            self.young_bytes -= size(&before);
        }
    }

    pub(super) fn remove(&mut self, at: Place) {
        if let Some(before) = self.young.remove(&at) {
            self.young_bytes -= size(&before);
        }
        self.old.remove(&at);
    }
}

fn size(record: &Record) -> usize {
    RECORD_BYTES + record.key.as_ref().len() + record.value.len()
}
