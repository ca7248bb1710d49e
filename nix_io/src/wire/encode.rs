//! Values to bytes.

use super::padding;

/// Appends values to a buffer, as the wire spells them.
///
/// # Examples
/// ```
/// use nix_io::wire::Encoder;
///
/// let mut bytes = Vec::new();
/// Encoder::new(&mut bytes).u64(1).string(b"hi");
/// assert_eq!(bytes, b"\x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0hi\0\0\0\0\0\0");
/// ```
#[derive(Debug)]
pub struct Encoder<'a> {
    bytes: &'a mut Vec<u8>,
}

impl<'a> Encoder<'a> {
    /// Returns an encoder that appends to a buffer.
    #[must_use]
    pub const fn new(bytes: &'a mut Vec<u8>) -> Self {
        Self { bytes }
    }

    /// Appends an integer.
    pub fn u64(&mut self, value: u64) -> &mut Self {
        self.bytes.extend_from_slice(&value.to_le_bytes());
        self
    }

    /// Appends a truth value.
    pub fn bool(&mut self, value: bool) -> &mut Self {
        self.u64(u64::from(value))
    }

    /// Appends a string with its padding.
    pub fn string(&mut self, value: &[u8]) -> &mut Self {
        let length = value.len() as u64;
        self.u64(length);
        self.bytes.extend_from_slice(value);
        self.padding(length)
    }

    /// Appends the number of a list's elements; the elements follow by the calls for their type.
    pub fn list_len(&mut self, length: usize) -> &mut Self {
        self.u64(length as u64)
    }

    /// Appends a list of strings.
    pub fn strings<S: AsRef<[u8]>>(&mut self, values: &[S]) -> &mut Self {
        self.list_len(values.len());
        for value in values {
            self.string(value.as_ref());
        }
        self
    }

    /// Appends a chunk of a framed stream; an empty one is left out, because it would end the
    /// stream.
    pub fn frame(&mut self, chunk: &[u8]) -> &mut Self {
        if !chunk.is_empty() {
            self.u64(chunk.len() as u64);
            self.bytes.extend_from_slice(chunk);
        }
        self
    }

    /// Appends the end of a framed stream.
    pub fn frames_end(&mut self) -> &mut Self {
        self.u64(0)
    }

    /// Appends the zeros that follow a string of a length.
    pub(crate) fn padding(&mut self, length: u64) -> &mut Self {
        self.bytes.resize(self.bytes.len() + padding(length), 0);
        self
    }
}
