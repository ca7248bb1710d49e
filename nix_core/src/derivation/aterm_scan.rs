//! The lexical layer of the ATerm: literals, strings, lists, positions.

use alloc::{borrow::Cow, vec::Vec};

use super::{AtermError, AtermReason};

/// Reads tokens from the front of a text and knows how far it came.
pub(super) struct Scanner<'a> {
    len: usize,
    rest: &'a [u8],
}

impl<'a> Scanner<'a> {
    pub(super) const fn new(input: &'a [u8]) -> Self {
        Self {
            len: input.len(),
            rest: input,
        }
    }

    pub(super) const fn position(&self) -> usize {
        self.len - self.rest.len()
    }

    pub(super) const fn error(&self, reason: AtermReason) -> AtermError {
        reason.at(self.position())
    }

    /// Consumes a literal if it stands here.
    pub(super) fn skip(&mut self, literal: &str) -> bool {
        match self.rest.strip_prefix(literal.as_bytes()) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    pub(super) fn expect(&mut self, literal: &'static str) -> Result<(), AtermError> {
        if self.skip(literal) {
            Ok(())
        } else {
            Err(self.error(AtermReason::Expected(literal)))
        }
    }

    pub(super) fn end(&self) -> Result<(), AtermError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(self.error(AtermReason::TrailingBytes))
        }
    }

    /// Reads a quoted string; only one that holds escapes is copied.
    pub(super) fn string(&mut self) -> Result<Cow<'a, [u8]>, AtermError> {
        let start = self.position();
        self.expect("\"")?;
        let unterminated = || AtermReason::UnterminatedString.at(start);
        let (plain, stop) = self.take_plain().ok_or_else(unterminated)?;
        if stop == b'"' {
            return Ok(Cow::Borrowed(plain));
        }
        let mut text = plain.to_vec();
        loop {
            text.push(self.take_escaped().ok_or_else(unterminated)?);
            let (plain, stop) = self.take_plain().ok_or_else(unterminated)?;
            text.extend_from_slice(plain);
            if stop == b'"' {
                return Ok(Cow::Owned(text));
            }
        }
    }

    /// Takes what stands before the next quote or backslash, and that one too.
    fn take_plain(&mut self) -> Option<(&'a [u8], u8)> {
        let len = self
            .rest
            .iter()
            .position(|&byte| byte == b'"' || byte == b'\\')?;
        let (plain, rest) = self.rest.split_at_checked(len)?;
        let (&stop, rest) = rest.split_first()?;
        self.rest = rest;
        Some((plain, stop))
    }

    fn take_escaped(&mut self) -> Option<u8> {
        let (&byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(match byte {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            other => other,
        })
    }
}

/// Appends a quoted string, escaped as Nix escapes it.
pub(super) fn push_string(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    let mut rest = text;
    while let Some((plain, escape, after)) = split_at_escape(rest) {
        out.extend_from_slice(plain);
        out.extend_from_slice(&[b'\\', escape]);
        rest = after;
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// Appends a quoted string as it stands, which Nix does with paths, names and the system.
pub(super) fn push_verbatim(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    out.extend_from_slice(text);
    out.push(b'"');
}

fn split_at_escape(text: &[u8]) -> Option<(&[u8], u8, &[u8])> {
    let len = text.iter().position(|&byte| escape(byte).is_some())?;
    let (plain, rest) = text.split_at_checked(len)?;
    let (&byte, after) = rest.split_first()?;
    Some((plain, escape(byte)?, after))
}

const fn escape(byte: u8) -> Option<u8> {
    match byte {
        b'"' | b'\\' => Some(byte),
        b'\n' => Some(b'n'),
        b'\r' => Some(b'r'),
        b'\t' => Some(b't'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &[u8]) -> Result<Cow<'_, [u8]>, AtermError> {
        Scanner::new(text).string()
    }

    #[test]
    fn strings_are_unescaped_as_nix_does() {
        for (text, expected) in [
            (r#""""#, &b""[..]),
            (r#""a b""#, b"a b"),
            (r#""\n\r\t\"\\""#, b"\n\r\t\"\\"),
            (r#""\a\0\x""#, b"a0x"),
            (r#""a\\""#, b"a\\"),
            (r#""a\\\"b""#, b"a\\\"b"),
        ] {
            assert_eq!(read(text.as_bytes()).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn an_open_string_is_refused_where_it_opens() {
        let unterminated = AtermReason::UnterminatedString.at(0);
        for text in ["\"", "\"a", "\"a\\", "\"a\\\"", "\"\\\\\\\""] {
            assert_eq!(read(text.as_bytes()), Err(unterminated.clone()), "{text}");
        }
        assert_eq!(read(b"a"), Err(AtermReason::Expected("\"").at(0)));
    }

    proptest! {
        #[test]
        fn every_string_is_read_back(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let mut text = Vec::new();
            push_string(&mut text, &bytes);
            let mut scanner = Scanner::new(&text);
            let read = scanner.string();
            prop_assert_eq!(read.as_deref(), Ok(bytes.as_slice()));
            prop_assert_eq!(scanner.end(), Ok(()));
        }
    }
}
