//! Percent-encoding.

use alloc::{string::String, vec::Vec};
use core::fmt::{self, Write};

use super::StoreReferenceError;

/// What stands unquoted in a path, beside what always does.
pub(super) const KEPT_IN_PATH: &[u8] = b":@/";
/// What stands unquoted in a name or value of a parameter, beside what always does.
pub(super) const KEPT_IN_QUERY: &[u8] = b":@/?";

/// Returns whether a byte is never quoted.
pub(super) const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Returns whether a byte may stand unquoted nearly everywhere: the unreserved ones, those that
/// delimit parts in some schemes, and `%`.
pub(super) const fn is_common(byte: u8) -> bool {
    let delimits = matches!(
        byte,
        b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'='
    );
    is_unreserved(byte) || delimits || byte == b'%'
}

/// Writes a text with everything quoted that is neither unreserved nor to be kept.
pub(super) fn write(f: &mut fmt::Formatter<'_>, text: &str, kept: &[u8]) -> fmt::Result {
    for byte in text.bytes() {
        if is_unreserved(byte) || kept.contains(&byte) {
            f.write_char(char::from(byte))?;
        } else {
            write!(f, "%{byte:02X}")?;
        }
    }
    Ok(())
}

/// Returns the text without quoting.
pub(super) fn decode(text: &str) -> Result<String, StoreReferenceError> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte == b'%' {
            let (digits, after) = rest
                .split_first_chunk()
                .ok_or(StoreReferenceError::Percent)?;
            rest = after;
            decoded.push(byte_of(*digits).ok_or(StoreReferenceError::Percent)?);
        } else {
            decoded.push(byte);
        }
    }
    String::from_utf8(decoded).map_err(|_| StoreReferenceError::Percent)
}

fn byte_of([high, low]: [u8; 2]) -> Option<u8> {
    let digit = |byte| u8::try_from(char::from(byte).to_digit(16)?).ok();
    Some(digit(high)? << 4 | digit(low)?)
}
