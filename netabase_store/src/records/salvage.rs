//! The rows of a damaged store: which prove themselves, and which of two for one key is kept.

use std::collections::{HashMap, HashSet, hash_map::Entry};

use libp2p_core::multihash::Multihash;
use libp2p_identity::PeerId;

use super::{
    clock::Unix,
    hashing::Places,
    row::{
        AnnouncementRow, DESCRIPTION, Description, FORMAT, Number, Place, ProvidersRow, RecordRow,
        RowError, RowKey, Tag,
    },
};
use crate::{
    backends::FoundRow,
    error::{Result, StoreError},
};

/// Returns whether a row was written under its key. Rows that were set aside prove nothing.
pub(crate) fn proves(key: &[u8], bytes: &[u8]) -> bool {
    let Some(row) = RowKey::parse(key) else {
        return false;
    };
    match row.0 {
        // One of another format has a checksum too, and says why nothing else can be read.
        Tag::Description => {
            let read = Description::decode(bytes);
            row == DESCRIPTION && matches!(read, Ok(_) | Err(RowError::Format(_)))
        }
        Tag::Record => {
            let has_next = Number::of(row).is_some_and(|number| number.next().is_some());
            has_next && RecordRow::decode(row, bytes).is_ok()
        }
        Tag::Providers => {
            ProvidersRow::decode(row, bytes).is_ok_and(|read| Place::of(read.key) == row.1)
        }
        Tag::Announcement => AnnouncementRow::decode(row, bytes).is_ok(),
        Tag::Aside => false,
    }
}

/// What is done with a row that was found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// It is a record, and is kept.
    Record,
    /// It is a record, and is kept instead of another one of its key, whose row this is. Whether
    /// there were several versions of that one already.
    Instead(Vec<u8>, bool),
    /// It has the providers of a key, and is kept.
    Providers,
    /// It is another row, and is kept.
    Other,
    /// It is left out.
    Left,
}

/// The rows of a record store that were found, as far as others depend on them: 16 bytes a record.
#[derive(Debug, Default)]
pub(crate) struct Salvaged {
    /// The keys of records of the last commit.
    certain: HashSet<Place, Places>,
    /// The row of each other record, and whether there were several versions of it.
    uncertain: HashMap<Place, (RowKey, bool), Places>,
    is_described: bool,
    /// When the latest record was stored.
    last_seen: Unix,
}

impl Salvaged {
    /// Judges a row that proves itself. Those of the last commit come first, then the others, each
    /// ascending.
    ///
    /// # Errors
    /// Fails when the last commit is of a later format.
    pub(crate) fn take(&mut self, found: &FoundRow<'_>) -> Result<Kept> {
        let Some(row) = RowKey::parse(found.key) else {
            return Ok(Kept::Left);
        };
        Ok(match row.0 {
            Tag::Description => return self.description(found),
            Tag::Record => RecordRow::decode(row, found.value)
                .map_or(Kept::Left, |record| self.record(row, &record, found)),
            Tag::Providers => Kept::Providers,
            // What this node has is announced anyway; what it has no more is not to be.
            Tag::Announcement if !found.is_certain => Kept::Left,
            Tag::Announcement => Kept::Other,
            Tag::Aside => Kept::Left,
        })
    }

    fn description(&mut self, found: &FoundRow<'_>) -> Result<Kept> {
        match Description::decode(found.value) {
            Ok(_) => {
                self.is_described = true;
                Ok(Kept::Other)
            }
            Err(RowError::Format(format)) if found.is_certain && format > FORMAT => {
                Err(StoreError::NewerFormat {
                    found: format.into(),
                    supported: FORMAT.into(),
                }
                .into())
            }
            Err(_) => Ok(Kept::Left),
        }
    }

    /// A record's key is in its row alone, so that an older row of it may lie under any number. One
    /// of the last commit is right; of others the later number stays, as when a store is opened.
    fn record(&mut self, row: RowKey, record: &RecordRow<'_>, found: &FoundRow<'_>) -> Kept {
        let at = Place::of(record.key);
        if found.is_certain {
            self.certain.insert(at);
        } else if self.certain.contains(&at) {
            return Kept::Left;
        }
        self.last_seen = self.last_seen.max(record.stored);
        if found.is_certain {
            return Kept::Record;
        }
        match self.uncertain.entry(at) {
            Entry::Vacant(place) => {
                place.insert((row, found.is_ambiguous));
                Kept::Record
            }
            Entry::Occupied(mut place) => {
                let (before, is_ambiguous) = place.insert((row, true));
                Kept::Instead(before.bytes().to_vec(), is_ambiguous)
            }
        }
    }

    /// Returns whether it was found which node the rows were of.
    pub(crate) fn is_described(&self) -> bool {
        self.is_described
    }

    /// Returns the description of rows that have lost theirs, and its key. It names a node that there
    /// is not: whoever opens the store is another one, and announces what is its own at once.
    pub(crate) fn describe(&self) -> (Vec<u8>, Vec<u8>) {
        const IDENTITY: u64 = 0;
        let nobody = Multihash::wrap(IDENTITY, b"").expect("nothing fits into a hash");
        let description = Description {
            local: PeerId::from_multihash(nobody).expect("names may be short"),
            last_seen: self.last_seen,
        };
        (DESCRIPTION.bytes().to_vec(), description.encode())
    }
}

#[cfg(test)]
mod tests;
