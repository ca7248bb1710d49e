//! Reading values, from bytes that may be anything.

use super::{EMPTY_ELEMENTS_MAX, TAG_16, TAG_32, TAG_64, TAG_128, VARINT_BYTE_MAX, too_deep};
use crate::value::{VALUE_DEPTH_MAX, ValueError};

/// How much memory is set aside for elements that are still to be read, over the payload's length.
const AHEAD_FACTOR: usize = 8;

/// Reads values from a slice.
#[derive(Debug, Clone)]
pub struct ValueReader<'a> {
    rest: &'a [u8],
    total: usize,
    depth: u32,
    // Invariant: what has been set aside by `ahead` and this are together `AHEAD_FACTOR * total`.
    ahead_bytes: usize,
}

impl<'a> ValueReader<'a> {
    /// Starts at the first of `bytes`.
    #[must_use]
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Self {
        let total = bytes.len();
        Self {
            rest: bytes,
            total,
            depth: 0,
            ahead_bytes: total.saturating_mul(AHEAD_FACTOR),
        }
    }

    /// Returns the offset of the next byte.
    #[must_use]
    pub fn position(&self) -> usize {
        self.total - self.rest.len()
    }

    /// Returns how many bytes are left.
    #[must_use]
    #[inline]
    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// Reads the body of a type that may contain itself.
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
        let value = body(self);
        self.depth -= 1;
        value
    }

    /// Reads the number of an enum's variant.
    ///
    /// # Errors
    /// Fails when there is no 32-bit integer.
    #[inline]
    pub fn variant(&mut self) -> Result<u32, ValueError> {
        self.get_u32()
    }

    /// Returns the error for a variant that the enum `name` does not have.
    #[must_use]
    #[cold]
    pub fn unknown_variant(&self, number: u32, name: &str) -> ValueError {
        self.error(format!("{name} has no variant {number}"))
    }

    /// Reads how many elements of at least `bytes_min` bytes follow, no more than can be there.
    ///
    /// # Errors
    /// Fails when the bytes left cannot hold as many, or when elements that take no bytes are more
    /// than 65,536.
    #[inline]
    pub fn len(&mut self, bytes_min: usize) -> Result<usize, ValueError> {
        let at = self.position();
        let count = self.get_u64()?;
        let count_max = self
            .remaining()
            .checked_div(bytes_min)
            .unwrap_or(EMPTY_ELEMENTS_MAX);
        match usize::try_from(count) {
            Ok(count) if count <= count_max => Ok(count),
            _ => Err(too_long(at, count, count_max)),
        }
    }

    /// Takes the next `count` bytes.
    ///
    /// # Errors
    /// Fails when fewer are left.
    #[inline]
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], ValueError> {
        match self.rest.split_at_checked(count) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => Err(self.truncated()),
        }
    }

    /// Takes the next `N` bytes.
    ///
    /// # Errors
    /// Fails when fewer are left.
    #[inline]
    pub fn take_array<const N: usize>(&mut self) -> Result<[u8; N], ValueError> {
        match self.rest.split_first_chunk::<N>() {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(*taken)
            }
            None => Err(self.truncated()),
        }
    }

    /// Reads a string where it lies.
    ///
    /// # Errors
    /// Fails when there is none, or when it is not UTF-8.
    #[inline]
    pub fn get_text(&mut self) -> Result<&'a str, ValueError> {
        let count = self.len(1)?;
        let bytes = self.take(count)?;
        str::from_utf8(bytes).map_err(|_| self.error("the string that ends here is not UTF-8"))
    }

    /// Reads one byte.
    ///
    /// # Errors
    /// Fails when none is left.
    #[inline]
    pub fn get_u8(&mut self) -> Result<u8, ValueError> {
        self.take_array().map(|[byte]| byte)
    }

    /// Reads an unsigned integer of 16 bits.
    ///
    /// # Errors
    /// Fails when there is none.
    #[inline]
    pub fn get_u16(&mut self) -> Result<u16, ValueError> {
        let (value, rest) = match self.rest {
            [byte @ ..=VARINT_BYTE_MAX, rest @ ..] => (u16::from(*byte), rest),
            [TAG_16, a, b, rest @ ..] => (u16::from_le_bytes([*a, *b]), rest),
            _ => return Err(self.not_an_integer(16)),
        };
        self.rest = rest;
        Ok(value)
    }

    /// Reads an unsigned integer of 32 bits.
    ///
    /// # Errors
    /// Fails when there is none.
    #[inline]
    pub fn get_u32(&mut self) -> Result<u32, ValueError> {
        let (value, rest) = match self.rest {
            [byte @ ..=VARINT_BYTE_MAX, rest @ ..] => (u32::from(*byte), rest),
            [TAG_16, a, b, rest @ ..] => (u16::from_le_bytes([*a, *b]).into(), rest),
            [TAG_32, a, b, c, d, rest @ ..] => (u32::from_le_bytes([*a, *b, *c, *d]), rest),
            _ => return Err(self.not_an_integer(32)),
        };
        self.rest = rest;
        Ok(value)
    }

    /// Reads an unsigned integer of 64 bits.
    ///
    /// # Errors
    /// Fails when there is none.
    #[inline]
    pub fn get_u64(&mut self) -> Result<u64, ValueError> {
        let (value, rest) = match self.rest {
            [byte @ ..=VARINT_BYTE_MAX, rest @ ..] => (u64::from(*byte), rest),
            [TAG_16, a, b, rest @ ..] => (u16::from_le_bytes([*a, *b]).into(), rest),
            [TAG_32, a, b, c, d, rest @ ..] => (u32::from_le_bytes([*a, *b, *c, *d]).into(), rest),
            [TAG_64, a, b, c, d, e, f, g, h, rest @ ..] => {
                (u64::from_le_bytes([*a, *b, *c, *d, *e, *f, *g, *h]), rest)
            }
            _ => return Err(self.not_an_integer(64)),
        };
        self.rest = rest;
        Ok(value)
    }

    /// Reads an unsigned integer of 128 bits.
    ///
    /// # Errors
    /// Fails when there is none.
    #[inline]
    pub fn get_u128(&mut self) -> Result<u128, ValueError> {
        match self.rest.split_first() {
            Some((&TAG_128, wide)) => match wide.split_first_chunk() {
                Some((bytes, rest)) => {
                    self.rest = rest;
                    Ok(u128::from_le_bytes(*bytes))
                }
                None => Err(self.not_an_integer(128)),
            },
            _ => self.get_u64().map(u128::from),
        }
    }

    /// Checks that every byte has been read.
    ///
    /// # Errors
    /// Fails when bytes are left.
    #[inline]
    pub fn finish(&self) -> Result<(), ValueError> {
        match self.rest.len() {
            0 => Ok(()),
            left => Err(self.error(format!("{left} bytes follow the value"))),
        }
    }

    /// Returns an error at the next byte.
    #[must_use]
    #[cold]
    pub fn error(&self, what: impl Into<String>) -> ValueError {
        ValueError {
            at: self.position(),
            what: what.into(),
        }
    }

    /// Returns for how many of `count` elements memory may be set aside before they are read.
    ///
    /// All answers together stay below a multiple of the payload, whatever its lengths claim.
    #[inline]
    pub(crate) fn ahead(&mut self, count: usize, bytes_each: usize) -> usize {
        let granted = count.min(self.ahead_bytes.checked_div(bytes_each).unwrap_or(count));
        self.ahead_bytes -= granted * bytes_each;
        granted
    }

    #[cold]
    fn not_an_integer(&self, bits: u8) -> ValueError {
        self.error(format!("no {bits}-bit integer begins here"))
    }

    #[cold]
    fn truncated(&self) -> ValueError {
        ValueError {
            at: self.total,
            what: "the payload ends inside a value".to_owned(),
        }
    }
}

#[cold]
fn too_long(at: usize, count: u64, count_max: usize) -> ValueError {
    ValueError {
        at,
        what: format!("a length of {count} where at most {count_max} can follow"),
    }
}
