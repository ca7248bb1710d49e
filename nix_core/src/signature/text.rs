//! The text `name:base64` that signatures and keys share.

use alloc::{format, string::String};

use data_encoding::{BASE64, BASE64_NOPAD};

use super::KeyName;

/// Why a text is no signature or no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// No `:` stands between the name and the base64 text.
    #[error("there is no `:` after the name of the key")]
    NoColon,
    /// The name is empty.
    #[error("the name of the key is empty")]
    EmptyName,
    /// The name has a symbol that would end it where it is stored or printed.
    #[error("the name of the key has {symbol:?} at byte {position}")]
    NameSymbol {
        /// The byte of the name.
        position: usize,
        /// The symbol.
        symbol: char,
    },
    /// The base64 text has another length than its kind of value.
    #[error("the base64 text has {actual} characters where {expected} are due")]
    Length {
        /// The length of such a text.
        expected: usize,
        /// The length that was found.
        actual: usize,
    },
    /// The base64 text is not canonical.
    #[error("the base64 text is wrong at byte {position}")]
    Base64 {
        /// The byte of the base64 text.
        position: usize,
    },
    /// The bytes of the public key are no point of the curve, or one of small order.
    #[error("the bytes are no public key")]
    NotAKey,
    /// The public half of the secret key does not belong to its seed.
    #[error("the public half of the secret key does not belong to its secret half")]
    HalvesDiffer,
}

/// Splits at the first `:` and decodes what follows.
pub(super) fn parse<const N: usize>(text: &str) -> Result<(KeyName, [u8; N]), SignatureError> {
    let (name, data) = text.split_once(':').ok_or(SignatureError::NoColon)?;
    Ok((KeyName::new(name)?, decode(data)?))
}

/// Decodes the canonical base64 text of `N` bytes.
pub(super) fn decode<const N: usize>(text: &str) -> Result<[u8; N], SignatureError> {
    let expected = BASE64.encode_len(N);
    let digits_len = BASE64_NOPAD.encode_len(N);
    let wrong_length = SignatureError::Length {
        expected,
        actual: text.len(),
    };
    if text.len() != expected {
        return Err(wrong_length);
    }
    // The padding is taken off by hand: the padded decoder would take it between digits too.
    let (digits, padding) = text
        .as_bytes()
        .split_at_checked(digits_len)
        .ok_or(wrong_length.clone())?;
    if let Some(index) = padding.iter().position(|&byte| byte != b'=') {
        let position = digits_len + index;
        return Err(SignatureError::Base64 { position });
    }
    let bytes = BASE64_NOPAD
        .decode(digits)
        .map_err(|error| SignatureError::Base64 {
            position: error.position,
        })?;
    <[u8; N]>::try_from(bytes.as_slice()).map_err(|_| wrong_length)
}

pub(super) fn print(name: &KeyName, bytes: &[u8]) -> String {
    format!("{name}:{}", BASE64.encode(bytes))
}
