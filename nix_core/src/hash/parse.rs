//! Reading a hash in any of its forms.
//!
//! The form of the bytes follows from the length of the text: base 16, base 32 or base 64, in this
//! order. In SRI they are always base 64.

use data_encoding::{DecodePartial, HEXLOWER_PERMISSIVE};

use super::{Algorithm, DIGEST_BYTES_MAX, Hash, HashError};
use crate::nix32;

/// What may stand before the bytes.
enum Prefix {
    /// `sha256:`
    Colon(Algorithm),
    /// `sha256-`
    Dash(Algorithm),
}

impl Hash {
    /// Parses any form: `sha256:<base 16, 32 or 64>`, `sha256-<base 64>`, or the bytes alone when
    /// the algorithm is given.
    ///
    /// The first `:` decides, before any `-`.
    ///
    /// # Errors
    /// Fails when the algorithm is neither in the text nor given, or both and not the same, or when
    /// the bytes are malformed.
    ///
    /// # Examples
    /// ```
    /// use nix_core::hash::{Algorithm, Hash, HashError};
    ///
    /// let bare = "da39a3ee5e6b4b0d3255bfef95601890afd80709";
    /// let hash = Hash::of(Algorithm::Sha1, b"");
    /// assert_eq!(Hash::parse(bare, Some(Algorithm::Sha1)), Ok(hash));
    /// assert_eq!(Hash::parse(bare, None), Err(HashError::NoAlgorithm));
    /// ```
    pub fn parse(text: &str, algorithm: Option<Algorithm>) -> Result<Self, HashError> {
        let Some((prefix, rest)) = split_prefix(text)? else {
            return Self::parse_bare(text, algorithm.ok_or(HashError::NoAlgorithm)?);
        };
        let (Prefix::Colon(found) | Prefix::Dash(found)) = prefix;
        match algorithm {
            Some(expected) if expected != found => Err(HashError::Algorithm { expected, found }),
            _ => parse_after(&prefix, rest),
        }
    }

    /// Parses a text that names its algorithm: `sha256:...` or `sha256-...`.
    ///
    /// # Errors
    /// Fails when it does not, or the bytes are malformed.
    pub fn parse_prefixed(text: &str) -> Result<Self, HashError> {
        let (prefix, rest) = split_prefix(text)?.ok_or(HashError::NoPrefix)?;
        parse_after(&prefix, rest)
    }

    /// Parses the form of SRI, `sha256-<base 64>`.
    ///
    /// As in Nix the base 64 may lack padding, have more of it, hold line feeds, and have anything
    /// after the first `=`.
    ///
    /// # Errors
    /// Fails when the text has another form, or the bytes are not as many as the algorithm's.
    pub fn parse_sri(text: &str) -> Result<Self, HashError> {
        let (name, rest) = text.split_once('-').ok_or(HashError::NotSri)?;
        parse_base64(rest, name.parse()?)
    }

    /// Parses the bytes alone, in base 16, 32 or 64 by the length of the text.
    ///
    /// Base 16 may have upper case; base 64 must have its padding.
    ///
    /// # Errors
    /// Fails when no form has the length, or a character is not of the form.
    pub fn parse_bare(text: &str, algorithm: Algorithm) -> Result<Self, HashError> {
        let bytes = algorithm.digest_len();
        let length = text.len();
        if length == 2 * bytes {
            parse_base16(text, algorithm)
        } else if length == nix32::encoded_len(bytes) {
            parse_nix32(text, algorithm)
        } else if length == bytes.div_ceil(3) * 4 {
            parse_base64(text, algorithm)
        } else {
            Err(HashError::TextLength { algorithm, length })
        }
    }
}

fn split_prefix(text: &str) -> Result<Option<(Prefix, &str)>, HashError> {
    if let Some((name, rest)) = text.split_once(':') {
        return Ok(Some((Prefix::Colon(name.parse()?), rest)));
    }
    if let Some((name, rest)) = text.split_once('-') {
        return Ok(Some((Prefix::Dash(name.parse()?), rest)));
    }
    Ok(None)
}

fn parse_after(prefix: &Prefix, rest: &str) -> Result<Hash, HashError> {
    match prefix {
        Prefix::Colon(algorithm) => Hash::parse_bare(rest, *algorithm),
        Prefix::Dash(algorithm) => parse_base64(rest, *algorithm),
    }
}

fn parse_base16(text: &str, algorithm: Algorithm) -> Result<Hash, HashError> {
    decode(algorithm, |digest| {
        let decoded = HEXLOWER_PERMISSIVE.decode_mut(text.as_bytes(), digest);
        decoded
            .map(drop)
            .map_err(|DecodePartial { error, .. }| symbol("base 16", text, error.position))
    })
}

fn parse_nix32(text: &str, algorithm: Algorithm) -> Result<Hash, HashError> {
    decode(algorithm, |digest| {
        nix32::decode_into(text.as_bytes(), digest).map_err(HashError::Nix32)
    })
}

/// Decodes base 64 as Nix does: line feeds are skipped, the first `=` ends it, bits that are left
/// over are dropped.
fn parse_base64(text: &str, algorithm: Algorithm) -> Result<Hash, HashError> {
    let mut length = 0;
    let hash = decode(algorithm, |digest| {
        let mut places = digest.iter_mut();
        let (mut held, mut bits) = (0_u32, 0);
        let symbols = text
            .bytes()
            .enumerate()
            .take_while(|(_, byte)| *byte != b'=');
        for (position, byte) in symbols.filter(|(_, byte)| *byte != b'\n') {
            let value = base64_value(byte).ok_or_else(|| symbol("base 64", text, position))?;
            held = (held & 0xff) << 6 | u32::from(value);
            bits += 6;
            if bits >= 8 {
                bits -= 8;
                length += 1;
                let [.., low] = (held >> bits).to_be_bytes();
                if let Some(place) = places.next() {
                    *place = low;
                }
            }
        }
        Ok(())
    })?;
    if length == algorithm.digest_len() {
        return Ok(hash);
    }
    Err(HashError::DigestLength { algorithm, length })
}

/// Makes a hash of what a function writes into the place of its digest.
fn decode(
    algorithm: Algorithm,
    write: impl FnOnce(&mut [u8]) -> Result<(), HashError>,
) -> Result<Hash, HashError> {
    let mut digest = [0; DIGEST_BYTES_MAX];
    let used = digest.get_mut(..algorithm.digest_len());
    write(used.expect("no digest is longer than the longest"))?;
    Ok(Hash { algorithm, digest })
}

const fn base64_value(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

fn symbol(base: &'static str, text: &str, position: usize) -> HashError {
    let byte = text.as_bytes().get(position).copied().unwrap_or_default();
    HashError::Symbol {
        base,
        position,
        byte,
    }
}
