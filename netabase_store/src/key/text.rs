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
    if has_low(bytes) {
        escape(bytes, out);
    } else {
        out.extend_from_slice(bytes);
    }
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

/// Finds the first byte that is an end or an escape.
#[inline]
fn find_low(bytes: &[u8]) -> Option<usize> {
    let Some(last) = bytes.last_chunk() else {
        return bytes.iter().position(|byte| *byte <= ESCAPE);
    };
    let (chunks, _) = bytes.as_chunks();
    for (at, chunk) in chunks.iter().enumerate() {
        if let Some(low) = first_low(chunk) {
            return Some(at * LANES + low);
        }
    }
    // What is left over is looked at together with bytes that are known to be high.
    first_low(last).map(|low| bytes.len() - LANES + low)
}

/// Finds the first low byte of a chunk: subtracting 2 from every byte at once sets the top bit of
/// those below 2, and a borrow misleads only above the first of them.
#[inline]
fn first_low(chunk: &[u8; LANES]) -> Option<usize> {
    const TWOS: u128 = u128::from_ne_bytes([ESCAPE + 1; LANES]);
    const TOPS: u128 = u128::from_ne_bytes([0x80; LANES]);
    let bytes = u128::from_le_bytes(*chunk);
    let low = bytes.wrapping_sub(TWOS) & !bytes & TOPS;
    (low != 0).then(|| low.trailing_zeros() as usize / 8)
}

/// Returns whether a byte is an end or an escape; most texts have none.
#[inline]
fn has_low(bytes: &[u8]) -> bool {
    let Some(last) = bytes.last_chunk::<LANES>() else {
        return any_low(bytes);
    };
    let (chunks, _) = bytes.as_chunks::<LANES>();
    chunks.iter().any(|chunk| any_low(chunk)) || any_low(last)
}

#[inline]
fn any_low(bytes: &[u8]) -> bool {
    bytes
        .iter()
        .fold(false, |low, byte| low | (*byte <= ESCAPE))
}
