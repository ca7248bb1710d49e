//! Writing values.

use super::{EMPTY_ELEMENTS_MAX, TAG_16, TAG_32, TAG_64, TAG_128, VARINT_BYTE_MAX, too_deep};
use crate::value::{VALUE_DEPTH_MAX, ValueError};

/// Appends values to a buffer.
#[derive(Debug)]
pub struct ValueWriter<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
    depth: u32,
}

impl<'a> ValueWriter<'a> {
    /// Starts a payload at the end of `out`.
    #[inline]
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        let start = out.len();
        Self {
            out,
            start,
            depth: 0,
        }
    }

    /// Returns how many bytes of the payload have been written.
    #[must_use]
    pub fn position(&self) -> usize {
        self.out.len() - self.start
    }

    /// Writes the body of a type that may contain itself.
    ///
    /// # Errors
    /// Fails when `body` does, or when types nest deeper than [`VALUE_DEPTH_MAX`].
    #[inline]
    pub fn nest<T>(
        &mut self,
        body: impl FnOnce(&mut Self) -> Result<T, ValueError>,
    ) -> Result<T, ValueError> {
        if self.depth == VALUE_DEPTH_MAX {
            return Err(self.error(too_deep()));
        }
        self.depth += 1;
        let written = body(self);
        self.depth -= 1;
        written
    }

    /// Writes the number of an enum's variant.
    #[inline]
    pub fn variant(&mut self, number: u32) {
        self.put_u64(u64::from(number));
    }

    /// Writes how many bytes or elements follow.
    #[inline]
    pub fn len(&mut self, count: usize) {
        self.put_u64(count as u64);
    }

    /// Writes how many elements of at least `bytes_min` bytes follow.
    ///
    /// # Errors
    /// Fails when [`ValueReader::len`] would refuse to read them back.
    #[inline]
    pub(crate) fn count(&mut self, count: usize, bytes_min: usize) -> Result<(), ValueError> {
        if bytes_min == 0 && count > EMPTY_ELEMENTS_MAX {
            return Err(self.error(too_many_empty(count)));
        }
        self.len(count);
        Ok(())
    }

    /// Writes bytes as they are, without their length.
    #[inline]
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// Writes one byte.
    #[inline]
    pub fn put_u8(&mut self, byte: u8) {
        self.out.push(byte);
    }

    /// Writes an unsigned integer of 16 to 64 bits.
    #[inline]
    pub fn put_u64(&mut self, value: u64) {
        match u8::try_from(value) {
            Ok(byte @ ..=VARINT_BYTE_MAX) => self.out.push(byte),
            _ => self.put_tagged(value),
        }
    }

    /// Writes a signed integer of 16 to 64 bits.
    #[inline]
    pub fn put_i64(&mut self, value: i64) {
        self.put_u64(((value << 1) ^ (value >> 63)).cast_unsigned());
    }

    /// Writes an unsigned integer of 128 bits.
    #[inline]
    pub fn put_u128(&mut self, value: u128) {
        if let Ok(value) = u64::try_from(value) {
            return self.put_u64(value);
        }
        self.out.push(TAG_128);
        self.out.extend_from_slice(&value.to_le_bytes());
    }

    /// Writes a signed integer of 128 bits.
    #[inline]
    pub fn put_i128(&mut self, value: i128) {
        self.put_u128(((value << 1) ^ (value >> 127)).cast_unsigned());
    }

    /// Returns an error at the end of what has been written.
    #[cold]
    pub fn error(&self, what: impl Into<String>) -> ValueError {
        ValueError {
            at: self.position(),
            what: what.into(),
        }
    }

    /// Returns the buffer, to write what bincode or serde writes.
    pub(crate) fn buffer(&mut self) -> &mut Vec<u8> {
        self.out
    }

    #[inline]
    fn put_tagged(&mut self, value: u64) {
        if let Ok(value) = u16::try_from(value) {
            let [a, b] = value.to_le_bytes();
            self.out.extend_from_slice(&[TAG_16, a, b]);
        } else if let Ok(value) = u32::try_from(value) {
            let [a, b, c, d] = value.to_le_bytes();
            self.out.extend_from_slice(&[TAG_32, a, b, c, d]);
        } else {
            let [a, b, c, d, e, f, g, h] = value.to_le_bytes();
            self.out
                .extend_from_slice(&[TAG_64, a, b, c, d, e, f, g, h]);
        }
    }
}

#[cold]
fn too_many_empty(count: usize) -> String {
    format!("{count} elements that take no bytes, at most {EMPTY_ELEMENTS_MAX} are stored")
}
