//! Strings and byte strings: escaped and terminated.
//!
//! - 00 is written as 01 01, 01 as 01 02, any other byte as it is
//! - 00 ends the value
//!
//! Order: the end sorts below every byte, and 01 01 < 01 02 < 02 as 00 < 01 < 02.
//! No encoding is a prefix of another: 00 stands at the end of each and nowhere else.

use crate::{
    key::{KeyError, KeyReader, NetabaseKey},
    schema::{Shape, Types},
};

const END: u8 = 0;
const ESCAPE: u8 = 1;

/// How many bytes are compared at once when looking for one that is escaped.
const LANES: usize = 16;

macro_rules! text {
    ($($text:ty, $shape:ident, $what:literal, $view:expr, $build:expr;)*) => {$(
        impl NetabaseKey for $text {
            type Indexed = Self;

            #[inline]
            fn encode_key(&self, out: &mut Vec<u8>) {
                let view: fn(&Self) -> &[u8] = $view;
                encode_text(view(self), out);
            }

            #[inline]
            fn decode_key(reader: &mut KeyReader<'_>) -> Result<Self, KeyError> {
                let at = reader.position();
                let build: fn(Vec<u8>) -> Option<Self> = $build;
                build(decode_text(reader, $what)?).ok_or(KeyError::Invalid { at, what: $what })
            }

            #[inline]
            fn skip_key(reader: &mut KeyReader<'_>) -> Result<(), KeyError> {
                unescape(reader, $what, |_| ())
            }

            fn key_shape(_: &mut Types) -> Shape {
                Shape::$shape
            }
        }
    )*};
}

text! {
    String, Text, "string", |text| text.as_bytes(), |bytes| Self::from_utf8(bytes).ok();
    Box<str>, Text, "string", |text| text.as_bytes(), |bytes| {
        String::from_utf8(bytes).ok().map(String::into_boxed_str)
    };
    Vec<u8>, Bytes, "byte string", |bytes| bytes, Some;
}

/// Appends the encoding of a text.
#[inline]
pub(crate) fn encode_text(bytes: &[u8], out: &mut Vec<u8>) {
    out.reserve(bytes.len() + 1);
    escape(bytes, out);
    out.push(END);
}

/// Appends the bytes that the encoding of every text beginning with `prefix` begins with.
#[inline]
pub(crate) fn escape(prefix: &[u8], out: &mut Vec<u8>) {
    let mut rest = prefix;
    while let Some((run, low, tail)) = split_low(rest) {
        out.extend_from_slice(run);
        out.extend_from_slice(&[ESCAPE, low + 1]);
        rest = tail;
    }
    out.extend_from_slice(rest);
}

#[inline]
fn decode_text(reader: &mut KeyReader<'_>, what: &'static str) -> Result<Vec<u8>, KeyError> {
    if let Some((run, END, _)) = split_low(reader.rest()) {
        reader.skip(run.len() + 1, what)?;
        return Ok(run.to_vec());
    }
    let mut bytes = Vec::new();
    unescape(reader, what, |piece| bytes.extend_from_slice(piece))?;
    Ok(bytes)
}

/// Passes over an encoding and hands on what it stands for, piece by piece.
#[inline]
fn unescape(
    reader: &mut KeyReader<'_>,
    what: &'static str,
    mut piece: impl FnMut(&[u8]),
) -> Result<(), KeyError> {
    let at = reader.position();
    loop {
        let Some((run, low, tail)) = split_low(reader.rest()) else {
            return Err(reader.truncated(what));
        };
        piece(run);
        if low == END {
            return reader.skip(run.len() + 1, what);
        }
        match tail.first() {
            Some(1) => piece(&[0]),
            Some(2) => piece(&[1]),
            Some(_) => return Err(KeyError::Invalid { at, what }),
            None => return Err(reader.truncated(what)),
        }
        reader.skip(run.len() + 2, what)?;
    }
}

/// Splits at the first byte that is an end or an escape: what precedes it, it, what follows it.
#[inline]
fn split_low(bytes: &[u8]) -> Option<(&[u8], u8, &[u8])> {
    let (run, from_low) = bytes.split_at_checked(find_low(bytes)?)?;
    let (low, tail) = from_low.split_first()?;
    Some((run, *low, tail))
}

#[inline]
fn find_low(bytes: &[u8]) -> Option<usize> {
    let (chunks, _) = bytes.as_chunks::<LANES>();
    let has_low = |chunk: &[u8; LANES]| {
        chunk
            .iter()
            .fold(false, |low, byte| low | (*byte <= ESCAPE))
    };
    let clean = chunks.iter().position(has_low).unwrap_or(chunks.len()) * LANES;
    let at = bytes
        .get(clean..)?
        .iter()
        .position(|byte| *byte <= ESCAPE)?;
    Some(clean + at)
}
