//! Bytes to values, as they arrive.

use super::{WORD_BYTES, WireError, WireErrorKind, WireLimits, padding};

/// What a decoder keeps of its memory between two values.
const KEPT_BYTES_MAX: usize = 64 << 10;

/// Takes values from bytes, however the bytes are cut.
///
/// Each call takes what it needs from the front of `input`. It returns nothing when the value is
/// unfinished: then all of `input` was taken and kept, and the same call has to be made again with
/// what comes next. Memory is bounded by the [`WireLimits`], and by twice what was received.
///
/// After an error, the position in the stream is lost: drop the decoder and its connection.
///
/// # Examples
/// ```
/// # fn main() -> Result<(), nix_io::wire::WireError> {
/// use nix_io::wire::{Decoder, WireLimits};
///
/// let mut decoder = Decoder::new(WireLimits::default());
/// let mut input = &b"\x02\0\0\0\0\0\0\0h"[..];
/// assert_eq!(decoder.string(&mut input)?, None);
/// input = b"i\0\0\0\0\0\0rest";
/// assert_eq!(decoder.string(&mut input)?, Some(&b"hi"[..]));
/// assert_eq!(input, b"rest");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct Decoder {
    limits: WireLimits,
    partial: Partial,
    list: Option<PartialList>,
}

impl Decoder {
    /// Returns a decoder that refuses what is above the limits.
    #[must_use]
    pub fn new(limits: WireLimits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// Returns how many bytes were taken.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.partial.position()
    }

    /// Takes an integer.
    pub fn u64(&mut self, input: &mut &[u8]) -> Option<u64> {
        self.partial.word(input)
    }

    /// Takes a truth value.
    ///
    /// # Errors
    /// Fails on every integer but 0 and 1.
    pub fn bool(&mut self, input: &mut &[u8]) -> Result<Option<bool>, WireError> {
        match self.partial.word(input) {
            None => Ok(None),
            Some(0) => Ok(Some(false)),
            Some(1) => Ok(Some(true)),
            Some(other) => Err(self.partial.word_error(WireErrorKind::Bool(other))),
        }
    }

    /// Takes a string, which lies in `input` where that holds all of it.
    ///
    /// # Errors
    /// Fails when the string is too long or its padding is not zero.
    pub fn string<'a, 'i: 'a>(
        &'a mut self,
        input: &mut &'i [u8],
    ) -> Result<Option<&'a [u8]>, WireError> {
        self.partial.string(input, self.limits.string_bytes_max)
    }

    /// Takes the number of a list's elements; the elements follow by the calls for their type.
    ///
    /// # Errors
    /// Fails when the list is too long.
    pub fn list_len(&mut self, input: &mut &[u8]) -> Result<Option<usize>, WireError> {
        let Some(length) = self.partial.word(input) else {
            return Ok(None);
        };
        let max = self.limits.list_len_max;
        let fitting = usize::try_from(length).ok().filter(|&length| length <= max);
        fitting.map(Some).ok_or_else(|| {
            let max = max as u64;
            self.partial
                .word_error(WireErrorKind::ListTooLong { length, max })
        })
    }

    /// Takes a list of strings.
    ///
    /// # Errors
    /// Fails when the list or a string of it is too long, or padding is not zero.
    pub fn strings(&mut self, input: &mut &[u8]) -> Result<Option<Vec<Vec<u8>>>, WireError> {
        let mut list = match self.list.take() {
            Some(list) => list,
            None => match self.list_len(input)? {
                Some(missing) => PartialList::new(missing),
                None => return Ok(None),
            },
        };
        while list.missing > 0 {
            let begin = self.partial.begin();
            let Some(string) = self.partial.string(input, self.limits.string_bytes_max)? else {
                self.list = Some(list);
                return Ok(None);
            };
            list.push(string, self.limits.list_bytes_max, begin)?;
        }
        Ok(Some(list.found))
    }

    /// Confirms that the input may end here.
    ///
    /// # Errors
    /// Fails inside a value.
    pub fn finish(&self) -> Result<(), WireError> {
        let is_between = self.list.is_none() && self.partial.is_empty();
        is_between.then_some(()).ok_or(WireError {
            kind: WireErrorKind::Truncated,
            position: self.position(),
        })
    }
}

/// A list of strings of which some are missing.
#[derive(Debug)]
struct PartialList {
    missing: usize,
    bytes: usize,
    found: Vec<Vec<u8>>,
}

impl PartialList {
    const fn new(missing: usize) -> Self {
        Self {
            missing,
            bytes: 0,
            found: Vec::new(),
        }
    }

    fn push(&mut self, string: &[u8], max: usize, position: u64) -> Result<(), WireError> {
        self.bytes = self.bytes.saturating_add(string.len());
        if self.bytes > max {
            let (length, max) = (self.bytes as u64, max as u64);
            let kind = WireErrorKind::ListTooLarge { length, max };
            return Err(WireError { kind, position });
        }
        self.found.push(string.to_vec());
        self.missing -= 1;
        Ok(())
    }
}

/// The bytes of an unfinished value, and how many bytes were taken in all.
#[derive(Debug, Default)]
pub(crate) struct Partial {
    /// The value from its first byte on, of a string its length too.
    bytes: Vec<u8>,
    /// Whether the value was complete and lent out.
    is_lent: bool,
    position: u64,
}

impl Partial {
    pub(crate) const fn position(&self) -> u64 {
        self.position
    }

    /// Returns where the value that is being taken begins.
    pub(crate) fn begin(&self) -> u64 {
        let kept = if self.is_lent { 0 } else { self.bytes.len() };
        self.position - kept as u64
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.is_lent || self.bytes.is_empty()
    }

    /// Counts bytes that were taken past this.
    pub(crate) const fn skip(&mut self, bytes: usize) {
        self.position = self.position.saturating_add(bytes as u64);
    }

    /// Takes an integer.
    pub(crate) fn word(&mut self, input: &mut &[u8]) -> Option<u64> {
        self.renew();
        if self.bytes.is_empty()
            && let Some((word, rest)) = input.split_first_chunk()
        {
            *input = rest;
            self.skip(WORD_BYTES);
            return Some(u64::from_le_bytes(*word));
        }
        self.fill(input, WORD_BYTES);
        let word = *self.bytes.first_chunk()?;
        self.bytes.clear();
        Some(u64::from_le_bytes(word))
    }

    /// Takes a string of at most `max` bytes.
    pub(crate) fn string<'a, 'i: 'a>(
        &'a mut self,
        input: &mut &'i [u8],
        max: usize,
    ) -> Result<Option<&'a [u8]>, WireError> {
        self.renew();
        if self.bytes.is_empty()
            && let Some((word, rest)) = input.split_first_chunk()
        {
            let length = self.length(*word, max)?;
            let padded = padded(length);
            if let Some((string, rest)) = rest.split_at_checked(padded) {
                let string = self.unpad(string, length, self.position + WORD_BYTES as u64)?;
                *input = rest;
                self.skip(WORD_BYTES + padded);
                return Ok(Some(string));
            }
        }
        self.string_in_parts(input, max)
    }

    /// Takes a string that `input` does not hold whole.
    fn string_in_parts<'a, 'i: 'a>(
        &'a mut self,
        input: &mut &'i [u8],
        max: usize,
    ) -> Result<Option<&'a [u8]>, WireError> {
        let begin = self.begin();
        self.fill(input, WORD_BYTES);
        let Some(word) = self.bytes.first_chunk() else {
            return Ok(None);
        };
        let length = self.length(*word, max)?;
        let whole = WORD_BYTES.saturating_add(padded(length));
        self.fill(input, whole);
        let Some((_, string)) = self.bytes.split_at_checked(WORD_BYTES) else {
            return Ok(None);
        };
        if self.bytes.len() < whole {
            return Ok(None);
        }
        self.is_lent = true;
        self.unpad(string, length, begin + WORD_BYTES as u64)
            .map(Some)
    }

    /// Checks the length of a string whose first byte was not taken, or is the first that is kept.
    fn length(&self, word: [u8; WORD_BYTES], max: usize) -> Result<usize, WireError> {
        let length = u64::from_le_bytes(word);
        match usize::try_from(length) {
            Ok(fitting) if fitting <= max => Ok(fitting),
            _ => Err(WireError {
                kind: WireErrorKind::StringTooLong {
                    length,
                    max: max as u64,
                },
                position: self.begin(),
            }),
        }
    }

    /// Splits the padding off, which must be zero.
    fn unpad<'a>(
        &self,
        padded: &'a [u8],
        length: usize,
        position: u64,
    ) -> Result<&'a [u8], WireError> {
        let (string, padding) = padded.split_at_checked(length).unwrap_or((padded, &[]));
        match padding.iter().position(|&byte| byte != 0) {
            None => Ok(string),
            Some(at) => Err(WireError {
                kind: WireErrorKind::Padding,
                position: position + (length + at) as u64,
            }),
        }
    }

    /// Returns an error about the integer that was taken last.
    pub(crate) const fn word_error(&self, kind: WireErrorKind) -> WireError {
        WireError {
            kind,
            position: self.position - WORD_BYTES as u64,
        }
    }

    /// Takes from `input` until `target` bytes are kept.
    fn fill(&mut self, input: &mut &[u8], target: usize) {
        let missing = target.saturating_sub(self.bytes.len()).min(input.len());
        if let Some((taken, rest)) = input.split_at_checked(missing) {
            self.bytes.extend_from_slice(taken);
            self.skip(taken.len());
            *input = rest;
        }
    }

    /// Forgets a value that was lent out.
    fn renew(&mut self) {
        if self.is_lent {
            self.is_lent = false;
            self.bytes.clear();
            self.bytes.shrink_to(KEPT_BYTES_MAX);
        }
    }
}

/// Returns the bytes of a string and its padding.
fn padded(length: usize) -> usize {
    length.saturating_add(padding(length as u64))
}
