//! Keys of rows: numbers and places.

use sha2::{Digest, Sha256};

/// The bytes of a row's key.
pub(in crate::records) const ROW_KEY_BYTES: usize = 1 + PLACE_BYTES;

const PLACE_BYTES: usize = 16;

/// What a row holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub(in crate::records) enum Tag {
    Description = 0,
    Record = 1,
    Providers = 2,
    Announcement = 3,
    Aside = 4,
}

/// The front of a hash, or the front of its distance to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::records) struct Place(u64, u64);

impl Place {
    /// Returns the place of a key or of a peer.
    pub(in crate::records) fn of(bytes: &[u8]) -> Self {
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
    pub(in crate::records) fn xor(self, other: Self) -> Self {
        Self(self.0 ^ other.0, self.1 ^ other.1)
    }

    /// Returns the place with its first bit set or not.
    pub(in crate::records) fn kind(self, is_first: bool) -> Self {
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

    pub(in crate::records) fn next(self) -> Option<Self> {
        let (low, carry) = self.1.overflowing_add(1);
        let high = self.0.checked_add(u64::from(carry))?;
        Some(Self(high, low))
    }

    pub(in crate::records) const FIRST: Self = Self(0, 0);
}

/// The number of a record. The last one is never given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::records) struct Number(u64);

impl Number {
    /// Returns the row of the record.
    pub(in crate::records) fn row(self) -> RowKey {
        RowKey(Tag::Record, Place(self.0, 0))
    }

    /// Returns the number of the record that is in a row.
    pub(in crate::records) fn of(row: RowKey) -> Option<Self> {
        let Place(number, 0) = row.1 else {
            return None;
        };
        Some(Self(number))
    }

    pub(in crate::records) fn next(self) -> Option<Self> {
        self.0.checked_add(1).map(Self)
    }
}

/// The key of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::records) struct RowKey(pub(in crate::records) Tag, pub(in crate::records) Place);

impl RowKey {
    pub(in crate::records) fn bytes(self) -> [u8; ROW_KEY_BYTES] {
        let place = (u128::from(self.1.0) << 64) | u128::from(self.1.1);
        let mut bytes = [self.0 as u8; ROW_KEY_BYTES];
        if let Some(rest) = bytes.last_chunk_mut() {
            *rest = place.to_be_bytes();
        }
        bytes
    }

    pub(in crate::records) fn parse(bytes: &[u8]) -> Option<Self> {
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
