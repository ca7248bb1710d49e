//! Rows on disk.
//!
//! All lie in one table, `__libp2p_records__`. A row's key is a tag and 16 bytes: the number of a
//! record, which are counted as they come, so that those which come together lie together and a commit
//! writes few pages; or the place of a key, the first 16 bytes of its SHA-256, which is what distances
//! in the DHT are measured by. A row's value ends with a checksum that covers both and the table. Two
//! keys with the same place, which take 2^64 tries to make, share it: the later one takes it.
//!
//! | tag | a row | under | value before the checksum |
//! | --- | --- | --- | --- |
//! | 0 | the description | zero | format, local peer, last time seen |
//! | 1 | a record | number | format, stored at, expiry, publisher, source, key, value |
//! | 2 | the providers of a key | place | format, key, for each: expiry, peer, addresses |
//! | 3 | an announcement | place | format, kind, due, last published, failures, key |
//! | 4 | a row set aside | as it was | what stood there |
//!
//! Integers are big-endian; bytes follow their length, a `u32`; what may be absent follows a byte that
//! is 0 or 1.

mod fields;
mod key;

use libp2p_core::Multiaddr;
use libp2p_identity::PeerId;
use libp2p_kad::{ProviderRecord, Record, RecordKey};

use super::clock::{Anchor, Unix};
use crate::checksum::ROW_CHECKSUM_BYTES;

use self::fields::{Reader, Writer, encoded, open};
pub(super) use self::key::{Number, Place, ROW_KEY_BYTES, RowKey, Tag};

/// The format of every row that is written.
pub(super) const FORMAT: u8 = 1;

/// The bytes of a time.
const TIME_BYTES: usize = 8;

/// The bytes of the length before bytes.
const LENGTH_BYTES: usize = 4;

/// What a provider takes of a row beside its addresses: expiry, name, two lengths.
const PROVIDER_BYTES: usize = 56;

/// The row of the description.
pub(super) const DESCRIPTION: RowKey = RowKey(Tag::Description, Place::FIRST);

/// What is wrong with a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum RowError {
    #[error("its checksum does not match")]
    Checksum,
    #[error("its format {0} is not known here")]
    Format(u8),
    #[error("it ends early")]
    Short,
    #[error("its {0} is not one")]
    Field(&'static str),
    #[error("bytes follow it")]
    Trailing,
}

/// A row stands at the place of another key.
pub(super) const MISPLACED: RowError = RowError::Field("place");

/// Checks that a row can be read.
pub(super) fn check(row: RowKey, bytes: &[u8]) -> Result<(), RowError> {
    match row.0 {
        Tag::Record => RecordRow::decode(row, bytes).map(drop),
        Tag::Providers => ProvidersRow::decode(row, bytes).map(drop),
        Tag::Announcement => AnnouncementRow::decode(row, bytes).map(drop),
        Tag::Description => Description::decode(bytes).map(drop),
        Tag::Aside => Ok(()),
    }
}

/// A record as its row has it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RecordRow<'a> {
    pub(super) stored: Unix,
    pub(super) expires: Option<Unix>,
    pub(super) publisher: Option<PeerId>,
    pub(super) source: Option<PeerId>,
    pub(super) key: &'a [u8],
    pub(super) value: &'a [u8],
}

impl<'a> RecordRow<'a> {
    /// Returns how many bytes the row takes.
    pub(super) fn encoded_len(&self) -> usize {
        let time = |time: Option<Unix>| if time.is_some() { 1 + TIME_BYTES } else { 1 };
        let peer = |peer: &Option<PeerId>| {
            let bytes = peer.as_ref().map(|peer| peer.as_ref().encoded_len());
            bytes.map_or(1, |bytes| 1 + LENGTH_BYTES + bytes)
        };
        let known = [
            1 + TIME_BYTES + time(self.expires),
            peer(&self.publisher) + peer(&self.source),
            LENGTH_BYTES + self.key.len(),
            LENGTH_BYTES + self.value.len(),
            ROW_CHECKSUM_BYTES,
        ];
        known.iter().sum()
    }

    pub(super) fn encode(&self, row: RowKey) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.encoded_len());
        self.encode_behind(&mut bytes, row);
        bytes
    }

    /// Adds the row to what is in a piece of memory.
    pub(super) fn encode_behind(&self, bytes: &mut Vec<u8>, row: RowKey) {
        let mut out = Writer::behind(bytes);
        out.time(self.stored);
        out.optional(self.expires, Writer::time);
        out.optional(self.publisher, |out, peer| out.peer(&peer));
        out.optional(self.source, |out, peer| out.peer(&peer));
        out.bytes(self.key);
        out.bytes(self.value);
        out.seal(row);
    }

    pub(super) fn decode(row: RowKey, bytes: &'a [u8]) -> Result<Self, RowError> {
        let mut reader = open(row, bytes)?;
        let decoded = Self {
            stored: reader.time()?,
            expires: reader.optional(Reader::time)?,
            publisher: reader.optional(Reader::peer)?,
            source: reader.optional(Reader::peer)?,
            key: reader.bytes()?,
            value: reader.bytes()?,
        };
        reader.finish()?;
        Ok(decoded)
    }

    pub(super) fn to_record(&self, anchor: &Anchor) -> Record {
        Record {
            key: RecordKey::new(&self.key),
            value: self.value.to_vec(),
            publisher: self.publisher,
            expires: self.expires.map(|at| anchor.instant(at)),
        }
    }
}

/// The providers of a key as their row has them, in the order in which they came.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ProvidersRow<'a> {
    pub(super) key: &'a [u8],
    pub(super) providers: Vec<Provider>,
}

/// A provider of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Provider {
    pub(super) expires: Option<Unix>,
    pub(super) peer: PeerId,
    pub(super) addresses: Vec<Multiaddr>,
}

impl Provider {
    /// Returns about how many bytes of a row the provider takes.
    pub(super) fn row_bytes(&self) -> usize {
        let addresses = self.addresses.iter();
        let addresses = addresses.map(|address| 4 + address.as_ref().len());
        PROVIDER_BYTES + addresses.sum::<usize>()
    }

    pub(super) fn is_expired(&self, now: Unix) -> bool {
        self.expires.is_some_and(|at| now >= at)
    }

    pub(super) fn into_record(self, key: &RecordKey, anchor: &Anchor) -> ProviderRecord {
        ProviderRecord {
            key: key.clone(),
            provider: self.peer,
            expires: self.expires.map(|at| anchor.instant(at)),
            addresses: self.addresses,
        }
    }
}

impl<'a> ProvidersRow<'a> {
    pub(super) fn encode(row: RowKey, key: &[u8], providers: &[Provider]) -> Vec<u8> {
        encoded(key.len() + 64 + 128 * providers.len(), row, |out| {
            out.bytes(key);
            out.count(providers.len());
            for provider in providers {
                out.optional(provider.expires, Writer::time);
                out.peer(&provider.peer);
                out.count(provider.addresses.len());
                for address in &provider.addresses {
                    out.bytes(address.as_ref());
                }
            }
        })
    }

    pub(super) fn decode(row: RowKey, bytes: &'a [u8]) -> Result<Self, RowError> {
        let mut reader = open(row, bytes)?;
        let key = reader.bytes()?;
        let count = reader.count()?;
        let mut providers = Vec::new();
        for _ in 0..count {
            providers.push(Provider {
                expires: reader.optional(Reader::time)?,
                peer: reader.peer()?,
                addresses: reader.addresses()?,
            });
        }
        reader.finish()?;
        Ok(Self { key, providers })
    }
}

/// When something of this node's own is announced next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AnnouncementRow<'a> {
    /// Which tag the row has whose entry is announced.
    pub(super) of: Tag,
    pub(super) due: Unix,
    pub(super) published: Option<Unix>,
    pub(super) failures: u16,
    pub(super) key: &'a [u8],
}

impl<'a> AnnouncementRow<'a> {
    pub(super) fn encode(&self, row: RowKey) -> Vec<u8> {
        encoded(self.key.len() + 48, row, |out| {
            out.raw(&[self.of as u8]);
            out.time(self.due);
            out.optional(self.published, Writer::time);
            out.raw(&self.failures.to_be_bytes());
            out.bytes(self.key);
        })
    }

    pub(super) fn decode(row: RowKey, bytes: &'a [u8]) -> Result<Self, RowError> {
        let mut reader = open(row, bytes)?;
        let of = match reader.take()? {
            [1] => Tag::Record,
            [2] => Tag::Providers,
            _ => return Err(RowError::Field("kind")),
        };
        let decoded = Self {
            of,
            due: reader.time()?,
            published: reader.optional(Reader::time)?,
            failures: u16::from_be_bytes(reader.take()?),
            key: reader.bytes()?,
        };
        reader.finish()?;
        Ok(decoded)
    }
}

/// What the rows say of themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Description {
    pub(super) local: PeerId,
    pub(super) last_seen: Unix,
}

impl Description {
    pub(super) fn encode(&self) -> Vec<u8> {
        encoded(64, DESCRIPTION, |out| {
            out.peer(&self.local);
            out.time(self.last_seen);
        })
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, RowError> {
        let mut reader = open(DESCRIPTION, bytes)?;
        let decoded = Self {
            local: reader.peer()?,
            last_seen: reader.time()?,
        };
        reader.finish()?;
        Ok(decoded)
    }
}

#[cfg(test)]
mod tests;
