//! Ordered keys: bytes that sort as the values do.
//!
//! Three laws hold for every type here, and property tests keep them:
//! `encode(a) < encode(b)` exactly when `a < b` (floats by `total_cmp`), `decode(encode(a)) == a`,
//! and no encoding is a prefix of another, so that parts can be joined without a separator.

mod clock;
mod composite;
mod float;
mod int;
pub(crate) mod text;
#[cfg(feature = "time")]
pub(crate) mod time;
#[cfg(feature = "uuid")]
mod uuid;

#[cfg(test)]
pub(crate) mod tests;

use std::{cell::Cell, fmt::Debug};

use crate::schema::{Shape, Types};

/// The longest encoded key of a row, in bytes; an index entry holds two.
pub const KEY_BYTES_MAX: usize = 64 * 1024;

/// A type with an order that its stored bytes keep.
///
/// Implemented for integers up to 128 bits, `bool`, `char`, floats, strings, byte strings, arrays,
/// `Option`, tuples, [`Reverse`](std::cmp::Reverse), `SystemTime` and `Duration`, and, behind
/// features, for UUIDs and the `time` crate's types. `#[derive(NetabaseKey)]` implements it for
/// newtypes, tuple structs and enums without fields.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no stored order, so it cannot be a key",
    label = "not a key type",
    note = "use an integer, a float, a string, a byte string or a tuple of those, or derive `NetabaseKey` for the type"
)]
pub trait NetabaseKey: Clone + Debug + Sized + 'static {
    /// What an index over a field of this type holds: `T` for an `Option<T>`, else the type itself.
    type Indexed: NetabaseKey;

    /// Appends the encoding to `out`.
    fn encode_key(&self, out: &mut Vec<u8>);

    /// Reads one value from the front of `reader`.
    ///
    /// # Errors
    /// Fails, saying where, when the bytes are not an encoding of this type.
    fn decode_key(reader: &mut KeyReader<'_>) -> Result<Self, KeyError>;

    /// Passes over one value without building it.
    ///
    /// # Errors
    /// Fails where [`decode_key`](Self::decode_key) would find no end of the value.
    fn skip_key(reader: &mut KeyReader<'_>) -> Result<(), KeyError> {
        Self::decode_key(reader).map(drop)
    }

    /// How the stored description names this type.
    fn key_shape(types: &mut Types) -> Shape;

    /// Appends the encodings of several values, one after another.
    #[doc(hidden)]
    #[inline]
    fn __encode_key_slice(items: &[Self], out: &mut Vec<u8>) {
        for item in items {
            item.encode_key(out);
        }
    }

    /// Reads `N` values that follow each other.
    #[doc(hidden)]
    #[inline]
    fn __decode_key_array<const N: usize>(
        reader: &mut KeyReader<'_>,
    ) -> Result<[Self; N], KeyError> {
        let mut slots = [const { None::<Self> }; N];
        for slot in &mut slots {
            *slot = Some(Self::decode_key(reader)?);
        }
        Ok(slots.map(|slot| slot.expect("the loop filled every slot")))
    }

    /// Passes over `count` values that follow each other.
    #[doc(hidden)]
    #[inline]
    fn __skip_key_array(count: usize, reader: &mut KeyReader<'_>) -> Result<(), KeyError> {
        for _ in 0..count {
            Self::skip_key(reader)?;
        }
        Ok(())
    }
}

/// A key that is not what its type says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The bytes end inside a value.
    #[error("the key ends at byte {at}, inside a {what}")]
    Truncated {
        /// The offset of the end.
        at: usize,
        /// What was being read.
        what: &'static str,
    },
    /// A byte is not one that the encoding can have there.
    #[error("byte {at} of the key is not part of a {what}")]
    Invalid {
        /// The offset of the value's first byte.
        at: usize,
        /// What was being read.
        what: &'static str,
    },
    /// Bytes follow the last value.
    #[error("{left} bytes follow the key, which ends at byte {at}")]
    Trailing {
        /// The offset of the first byte too many.
        at: usize,
        /// How many there are.
        left: usize,
    },
}

/// The bytes of a key that are still to be read, and how far reading came.
#[derive(Debug, Clone)]
pub struct KeyReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> KeyReader<'a> {
    /// Starts at the first of `bytes`.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Returns the offset of the next byte.
    #[must_use]
    pub fn position(&self) -> usize {
        self.at
    }

    /// Returns the bytes that are still to be read.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Takes the next `N` bytes of a `what`.
    ///
    /// # Errors
    /// Fails when fewer are left.
    #[inline]
    pub fn take<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], KeyError> {
        match self.rest().first_chunk::<N>() {
            Some(chunk) => {
                self.at += N;
                Ok(*chunk)
            }
            None => Err(self.truncated(what)),
        }
    }

    /// Passes over `count` bytes of a `what`.
    ///
    /// # Errors
    /// Fails when fewer are left.
    #[inline]
    pub fn skip(&mut self, count: usize, what: &'static str) -> Result<(), KeyError> {
        if self.rest().len() < count {
            return Err(self.truncated(what));
        }
        self.at += count;
        Ok(())
    }

    /// Checks that every byte has been read.
    ///
    /// # Errors
    /// Fails when bytes are left.
    #[inline]
    pub fn finish(&self) -> Result<(), KeyError> {
        match self.rest().len() {
            0 => Ok(()),
            left => Err(KeyError::Trailing { at: self.at, left }),
        }
    }

    pub(crate) fn truncated(&self, what: &'static str) -> KeyError {
        KeyError::Truncated {
            at: self.bytes.len(),
            what,
        }
    }
}

/// Reads a whole key.
///
/// # Errors
/// Fails when the bytes are not exactly one encoding of `K`.
pub fn decode_key<K: NetabaseKey>(bytes: &[u8]) -> Result<K, KeyError> {
    let mut reader = KeyReader::new(bytes);
    let key = K::decode_key(&mut reader)?;
    reader.finish()?;
    Ok(key)
}

/// Returns the encoding of `key`.
#[must_use]
pub fn encode_key<K: NetabaseKey>(key: &K) -> Vec<u8> {
    let mut out = Vec::new();
    key.encode_key(&mut out);
    out
}

/// Calls `read` with the encoding of `key`, in memory that this thread reuses.
pub(crate) fn with_encoded<K: NetabaseKey, R>(key: &K, read: impl FnOnce(&[u8]) -> R) -> R {
    thread_local! {
        static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    }
    // Taken out while in use, so that a `read` that comes back here finds an empty one.
    let mut buffer = BUFFER.take();
    buffer.clear();
    key.encode_key(&mut buffer);
    let result = read(&buffer);
    BUFFER.set(buffer);
    result
}
