//! Rows on disk.
//!
//! All lie in one table, `__libp2p_records__`. A row's key is a tag and the first 16 bytes of the
//! SHA-256 of the record's key (a provider's key, likewise), which is what distances in the DHT are
//! measured by; its value ends with a checksum that covers both and the table. Two keys with the same
//! 16 bytes, which take 2^64 tries to make, share a place: the later one takes it.
//!
//! | tag | a row | value before the checksum |
//! | --- | --- | --- |
//! | 0 | the description | format, local peer, last time seen |
//! | 1 | a record | format, stored at, expiry, publisher, source, key, value |
//! | 2 | the providers of a key | format, key, for each: expiry, peer, addresses |
//! | 3 | an announcement | format, kind, due, last published, failures, key |
//! | 4 | a row set aside | what stood there, under tag, place and number of the row |
//!
//! Integers are big-endian; bytes follow their length, a `u32`; what may be absent follows a byte that
//! is 0 or 1.

use std::sync::LazyLock;

use libp2p_core::Multiaddr;
use libp2p_identity::PeerId;
use libp2p_kad::{ProviderRecord, Record, RecordKey};
use sha2::{Digest, Sha256};

use super::clock::{Anchor, Unix};
use crate::{
    checksum::{ROW_CHECKSUM_BYTES, TableSeed},
    tables::RECORDS_TABLE,
};

/// The format of every row that is written.
pub(super) const FORMAT: u8 = 1;

/// The bytes of a row's key.
pub(super) const ROW_KEY_BYTES: usize = 1 + PLACE_BYTES;

const PLACE_BYTES: usize = 16;

/// The most addresses of a provider that a row may have: a row of more is not ours.
const ADDRESSES_MAX: u32 = 1 << 16;

/// What a provider takes of a row beside its addresses: expiry, name, two lengths.
const PROVIDER_BYTES: usize = 56;

/// What a row holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub(super) enum Tag {
    Description = 0,
    Record = 1,
    Providers = 2,
    Announcement = 3,
    Aside = 4,
}

/// The front of a hash, or the front of its distance to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place(u64, u64);

impl Place {
    /// Returns the place of a key or of a peer.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let hash: [u8; 32] = Sha256::digest(bytes).into();
        let front = hash.first_chunk::<PLACE_BYTES>();
        Self::from_bytes(*front.expect("a hash has more bytes than a place"))
    }

    fn from_bytes(bytes: [u8; PLACE_BYTES]) -> Self {
        let word =
            |bytes: Option<&[u8; 8]>| u64::from_be_bytes(*bytes.expect("a place has two halves"));
        Self(word(bytes.first_chunk()), word(bytes.last_chunk()))
    }

    /// Returns the distance; of a distance, the place.
    pub(super) fn xor(self, other: Self) -> Self {
        Self(self.0 ^ other.0, self.1 ^ other.1)
    }

    /// Returns the place with its first bit set or not.
    pub(super) fn kind(self, is_first: bool) -> Self {
        let first = 1 << 63;
        Self(
            if is_first {
                self.0 | first
            } else {
                self.0 & !first
            },
            self.1,
        )
    }

    pub(super) fn next(self) -> Option<Self> {
        let (low, carry) = self.1.overflowing_add(1);
        let high = self.0.checked_add(u64::from(carry))?;
        Some(Self(high, low))
    }

    pub(super) const FIRST: Self = Self(0, 0);
}

/// The key of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct RowKey(pub(super) Tag, pub(super) Place);

impl RowKey {
    pub(super) fn bytes(self) -> [u8; ROW_KEY_BYTES] {
        let place = (u128::from(self.1.0) << 64) | u128::from(self.1.1);
        let mut bytes = [self.0 as u8; ROW_KEY_BYTES];
        if let Some(rest) = bytes.last_chunk_mut() {
            *rest = place.to_be_bytes();
        }
        bytes
    }

    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let (tag, place) = bytes.split_first()?;
        let place = Place::from_bytes(place.try_into().ok()?);
        let tag = match tag {
            0 => Tag::Description,
            1 => Tag::Record,
            2 => Tag::Providers,
            3 => Tag::Announcement,
            4 => Tag::Aside,
            _ => return None,
        };
        Some(Self(tag, place))
    }
}

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
    /// Encodes the row in `scratch`, whose contents go.
    pub(super) fn encode(&self, row: RowKey, scratch: Vec<u8>) -> Vec<u8> {
        let mut out = Writer::over(scratch);
        out.time(self.stored);
        out.optional(self.expires, Writer::time);
        out.optional(self.publisher, |out, peer| out.peer(&peer));
        out.optional(self.source, |out, peer| out.peer(&peer));
        out.bytes(self.key);
        out.bytes(self.value);
        out.seal(row)
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
        let mut out = Writer::new(key.len() + 64 + 128 * providers.len());
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
        out.seal(row)
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
        let mut out = Writer::new(self.key.len() + 48);
        out.0.push(self.of as u8);
        out.time(self.due);
        out.optional(self.published, Writer::time);
        out.0.extend(self.failures.to_be_bytes());
        out.bytes(self.key);
        out.seal(row)
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
        let mut out = Writer::new(64);
        out.peer(&self.local);
        out.time(self.last_seen);
        out.seal(DESCRIPTION)
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

/// Checks the checksum and the format of a row.
fn open(row: RowKey, bytes: &[u8]) -> Result<Reader<'_>, RowError> {
    let (body, sum) = bytes
        .split_last_chunk::<ROW_CHECKSUM_BYTES>()
        .ok_or(RowError::Short)?;
    if SEED.row(&row.bytes(), body) != *sum {
        return Err(RowError::Checksum);
    }
    match body.split_first() {
        Some((&FORMAT, rest)) => Ok(Reader(rest)),
        Some((format, _)) => Err(RowError::Format(*format)),
        None => Err(RowError::Short),
    }
}

static SEED: LazyLock<TableSeed> = LazyLock::new(|| TableSeed::of(RECORDS_TABLE));

struct Writer(Vec<u8>);

impl Writer {
    fn new(capacity: usize) -> Self {
        Self::over(Vec::with_capacity(capacity))
    }

    fn over(mut bytes: Vec<u8>) -> Self {
        bytes.clear();
        bytes.push(FORMAT);
        Self(bytes)
    }

    fn time(&mut self, time: Unix) {
        self.0.extend(time.to_be_bytes());
    }

    fn optional<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.0.push(u8::from(value.is_some()));
        if let Some(value) = value {
            write(self, value);
        }
    }

    fn count(&mut self, count: usize) {
        let count = u32::try_from(count).expect("what is counted lies in memory many times over");
        self.0.extend(count.to_be_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.0.extend_from_slice(bytes);
    }

    fn peer(&mut self, peer: &PeerId) {
        self.bytes(&peer.to_bytes());
    }

    fn seal(mut self, row: RowKey) -> Vec<u8> {
        let sum = SEED.row(&row.bytes(), &self.0);
        self.0.extend_from_slice(&sum);
        self.0
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], RowError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(RowError::Short)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn time(&mut self) -> Result<Unix, RowError> {
        self.take().map(u64::from_be_bytes)
    }

    fn count(&mut self) -> Result<u32, RowError> {
        self.take().map(u32::from_be_bytes)
    }

    fn optional<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, RowError>,
    ) -> Result<Option<T>, RowError> {
        match self.take()? {
            [0] => Ok(None),
            [1] => read(self).map(Some),
            _ => Err(RowError::Field("presence")),
        }
    }

    fn bytes(&mut self) -> Result<&'a [u8], RowError> {
        let len = usize::try_from(self.count()?).map_err(|_| RowError::Short)?;
        let (bytes, rest) = self.0.split_at_checked(len).ok_or(RowError::Short)?;
        self.0 = rest;
        Ok(bytes)
    }

    fn peer(&mut self) -> Result<PeerId, RowError> {
        PeerId::from_bytes(self.bytes()?).map_err(|_| RowError::Field("peer"))
    }

    fn addresses(&mut self) -> Result<Vec<Multiaddr>, RowError> {
        let count = self.count()?;
        if count > ADDRESSES_MAX {
            return Err(RowError::Field("number of addresses"));
        }
        let mut addresses = Vec::new();
        for _ in 0..count {
            let address = Multiaddr::try_from(self.bytes()?.to_vec());
            addresses.push(address.map_err(|_| RowError::Field("address"))?);
        }
        Ok(addresses)
    }

    fn finish(&self) -> Result<(), RowError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(RowError::Trailing)
        }
    }
}
