//! The best of what a lookup found, and who gave something else.

use std::{cmp::Ordering, collections::HashMap, time::SystemTime};

use libp2p_identity::PeerId;
use libp2p_kad::{PeerRecord, Record, RecordKey};

use super::{Rejection, Validators};

/// What the answers to a lookup are worth. A peer of `None` is the local store.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// The newest valid record, with the latest expiry that a peer gave for it.
    pub best: Option<Record>,
    /// Who gave it.
    pub current: Vec<Option<PeerId>>,
    /// Who gave a valid, older record: write the best one back to them.
    pub outdated: Vec<Option<PeerId>>,
    /// Who gave a record that is refused: score them.
    pub invalid: Vec<Invalid>,
}

/// A peer whose record is refused.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Invalid {
    /// The peer, or none for the local store.
    pub peer: Option<PeerId>,
    /// Why.
    pub rejection: Rejection,
}

impl Validators {
    /// Checks what a lookup of `key` found, and selects the newest; each distinct value is validated
    /// once.
    #[must_use]
    pub fn best(&self, key: &RecordKey, records: Vec<PeerRecord>, now: SystemTime) -> Found {
        let mut found = Found::default();
        let mut verdicts = HashMap::new();
        for PeerRecord { peer, record } in records {
            let checked = self.check(key, &record, now, &mut verdicts);
            let checked = checked.and_then(|()| self.take(&mut found, peer, record));
            if let Err(rejection) = checked {
                found.invalid.push(Invalid { peer, rejection });
            }
        }
        found
    }

    fn check(
        &self,
        key: &RecordKey,
        record: &Record,
        now: SystemTime,
        verdicts: &mut HashMap<Vec<u8>, Result<(), Rejection>>,
    ) -> Result<(), Rejection> {
        if record.key != *key {
            return Err(Rejection::OtherKey);
        }
        self.admit(key, &record.value)?;
        if let Some(verdict) = verdicts.get(&record.value) {
            return verdict.clone();
        }
        let verdict = self.validate(record, now);
        verdicts.insert(record.value.clone(), verdict.clone());
        verdict
    }

    /// Compares a valid record with the best so far.
    fn take(
        &self,
        found: &mut Found,
        peer: Option<PeerId>,
        record: Record,
    ) -> Result<(), Rejection> {
        let order = match &found.best {
            Some(best) => self.compare(&record.key, &record.value, &best.value)?,
            None => Ordering::Greater,
        };
        match (order, &mut found.best) {
            (Ordering::Greater, best) => {
                *best = Some(record);
                found.outdated.append(&mut found.current);
                found.current.push(peer);
            }
            (Ordering::Equal, best) => {
                if let Some(best) = best {
                    best.expires = later(best.expires, record.expires);
                }
                found.current.push(peer);
            }
            (Ordering::Less, _) => found.outdated.push(peer),
        }
        Ok(())
    }
}

/// The later of two expiries, of which `None` is never.
pub(crate) fn later<T: Ord>(left: Option<T>, right: Option<T>) -> Option<T> {
    Some(left?.max(right?))
}
