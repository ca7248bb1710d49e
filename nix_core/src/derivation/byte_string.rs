//! The strings of a derivation: bytes, most often text, shown as text.

use alloc::{borrow::Borrow, string::String, vec::Vec};
use core::{fmt, ops::Deref, str};

/// A string of any bytes, as derivations hold them: builders, arguments, variables.
///
/// # Examples
/// ```
/// use nix_core::derivation::ByteString;
///
/// let latin1 = ByteString::from(b"caf\xe9".as_slice());
/// assert_eq!(format!("{latin1:?}"), r#""caf\xe9""#);
/// assert_eq!(latin1.as_str(), None);
/// ```
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteString(Vec<u8>);

impl ByteString {
    /// Returns the string as text, or nothing where it is not UTF-8.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        str::from_utf8(&self.0).ok()
    }

    /// Returns the bytes.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

impl fmt::Debug for ByteString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.as_str() {
            Some(text) => fmt::Debug::fmt(text, f),
            None => write!(f, "\"{}\"", self.0.escape_ascii()),
        }
    }
}

impl Deref for ByteString {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for ByteString {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Borrow<[u8]> for ByteString {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for ByteString {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl From<&[u8]> for ByteString {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

impl From<String> for ByteString {
    fn from(text: String) -> Self {
        Self(text.into_bytes())
    }
}

impl From<&str> for ByteString {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

impl PartialEq<str> for ByteString {
    fn eq(&self, text: &str) -> bool {
        self.0 == text.as_bytes()
    }
}

impl PartialEq<&str> for ByteString {
    fn eq(&self, text: &&str) -> bool {
        self.0 == text.as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn bytes_go_in_and_come_out_as_they_are() {
        for bytes in [b"plain".as_slice(), b"\xff\0", b""] {
            let string = ByteString::from(bytes);
            assert_eq!(string.as_ref(), bytes);
            assert_eq!(string.into_bytes(), bytes);
        }
    }

    #[test]
    fn debug_shows_text_as_text_and_other_bytes_escaped() {
        for (bytes, shown) in [
            (b"plain".as_slice(), r#""plain""#),
            ("a\"\n\u{e9}".as_bytes(), "\"a\\\"\\n\u{e9}\""),
            (b"a\"\n\xe9", r#""a\"\n\xe9""#),
            (b"", r#""""#),
        ] {
            assert_eq!(format!("{:?}", ByteString::from(bytes)), shown);
        }
    }
}
