//! Nix's base 32: bytes as text in the alphabet `0123456789abcdfghijklmnpqrsvwxyz`.
//!
//! The digit `n`, counted from the end of the text, holds the bits `5n..5n + 5` of the bytes read as
//! one little-endian number. So the last bytes come first, and texts of equal length sort as the
//! reversed bytes do.

use alloc::{string::String, vec, vec::Vec};

/// The digits, by value.
const ALPHABET: &[u8; 32] = b"0123456789abcdfghijklmnpqrsvwxyz";

/// What stands in [`VALUES`] for a byte that is no digit.
const NO_DIGIT: u8 = 0xff;

/// The value of each byte that is a digit.
const VALUES: [u8; 256] = values();

/// How many bytes and digits make a group: 40 bits.
const GROUP_BYTES: usize = 5;
const GROUP_DIGITS: usize = 8;

/// Why a text is not base 32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Nix32Error {
    /// A byte is not of the alphabet.
    #[error("byte {byte:#04x} at position {position} is not a digit of base 32")]
    Symbol {
        /// Where it stands.
        position: usize,
        /// What stands there.
        byte: u8,
    },
    /// No number of bytes has a text of this length.
    #[error("no bytes have a base 32 text of length {0}")]
    Length(usize),
    /// The first digit holds bits beyond the last byte.
    #[error("the first digit of base 32 has bits beyond the last byte")]
    SurplusBits,
}

/// Returns how many characters the text of `bytes` bytes has.
///
/// # Examples
/// ```
/// assert_eq!(nix_core::nix32::encoded_len(32), 52);
/// ```
#[must_use]
pub const fn encoded_len(bytes: usize) -> usize {
    let groups = bytes / GROUP_BYTES;
    groups * GROUP_DIGITS + ((bytes % GROUP_BYTES) * 8).div_ceil(5)
}

/// Returns whether a byte is a digit.
#[must_use]
#[inline]
pub const fn is_digit(byte: u8) -> bool {
    value(byte) != NO_DIGIT
}

/// Returns the text of the bytes.
///
/// # Examples
/// ```
/// assert_eq!(nix_core::nix32::encode(&[0x1f]), "0z");
/// ```
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    let mut text = vec![0; encoded_len(bytes.len())];
    encode_into(bytes, &mut text);
    String::from_utf8(text).expect("the alphabet is ASCII")
}

/// Returns the bytes of the text.
///
/// # Errors
/// Fails when the text has another character than a digit, a length that no encoding has, or bits
/// beyond the last byte that are not zero: a value has one text.
///
/// # Examples
/// ```
/// use nix_core::nix32::{self, Nix32Error};
///
/// assert_eq!(nix32::decode(b"0z"), Ok(vec![31]));
/// assert_eq!(nix32::decode(b"zz"), Err(Nix32Error::SurplusBits));
/// ```
pub fn decode(text: &[u8]) -> Result<Vec<u8>, Nix32Error> {
    let mut bytes = vec![0; decoded_len(text.len()).ok_or(Nix32Error::Length(text.len()))?];
    decode_into(text, &mut bytes)?;
    Ok(bytes)
}

/// Returns the 32 characters of 20 bytes, the hash part of a store path.
#[must_use]
pub fn encode_20(bytes: &[u8; 20]) -> [u8; 32] {
    let mut text = [0; 32];
    encode_into(bytes, &mut text);
    text
}

/// Returns the 20 bytes of 32 characters; there are no surplus bits.
///
/// # Errors
/// Fails when one of the characters is not a digit.
pub fn decode_20(text: &[u8; 32]) -> Result<[u8; 20], Nix32Error> {
    let mut bytes = [0; 20];
    decode_into(text, &mut bytes)?;
    Ok(bytes)
}

/// Writes the text of the bytes into a place of exactly its length.
pub(crate) fn encode_into(bytes: &[u8], text: &mut [u8]) {
    debug_assert_eq!(text.len(), encoded_len(bytes.len()));
    let groups = bytes.chunks(GROUP_BYTES);
    for (group, digits) in groups.zip(text.rchunks_mut(GROUP_DIGITS)) {
        let mut number = [0; 8];
        for (to, from) in number.iter_mut().zip(group) {
            *to = *from;
        }
        let mut number = u64::from_le_bytes(number);
        for digit in digits.iter_mut().rev() {
            let [low, ..] = number.to_le_bytes();
            *digit = digit_of(low);
            number >>= 5;
        }
    }
}

/// Writes the bytes of the text into a place of exactly their length.
pub(crate) fn decode_into(text: &[u8], bytes: &mut [u8]) -> Result<(), Nix32Error> {
    if text.len() != encoded_len(bytes.len()) {
        return Err(Nix32Error::Length(text.len()));
    }
    if let Some(position) = text.iter().position(|byte| !is_digit(*byte)) {
        let byte = text.get(position).copied().unwrap_or_default();
        return Err(Nix32Error::Symbol { position, byte });
    }
    for (digits, group) in text
        .rchunks(GROUP_DIGITS)
        .zip(bytes.chunks_mut(GROUP_BYTES))
    {
        let push = |number: u64, digit: &u8| number << 5 | u64::from(value(*digit));
        let number = digits.iter().fold(0_u64, push);
        if number >> (group.len() * 8) != 0 {
            return Err(Nix32Error::SurplusBits);
        }
        for (to, from) in group.iter_mut().zip(number.to_le_bytes()) {
            *to = from;
        }
    }
    Ok(())
}

/// Returns how many bytes a text of this length has, if some have.
const fn decoded_len(digits: usize) -> Option<usize> {
    let bytes = digits / GROUP_DIGITS * GROUP_BYTES + digits % GROUP_DIGITS * 5 / 8;
    if encoded_len(bytes) == digits {
        Some(bytes)
    } else {
        None
    }
}

/// Returns the value of a byte that is a digit.
pub(crate) const fn digit_value(digit: u8) -> u8 {
    debug_assert!(is_digit(digit));
    value(digit)
}

#[expect(clippy::indexing_slicing, reason = "five bits are below 32")]
const fn digit_of(value: u8) -> u8 {
    ALPHABET[(value & 31) as usize]
}

#[inline]
#[expect(clippy::indexing_slicing, reason = "a byte is below 256")]
const fn value(byte: u8) -> u8 {
    VALUES[byte as usize]
}

#[expect(
    clippy::indexing_slicing,
    reason = "checked by the compiler, which runs it"
)]
#[expect(clippy::cast_possible_truncation, reason = "there are 32 digits")]
const fn values() -> [u8; 256] {
    let mut values = [NO_DIGIT; 256];
    let mut at = 0;
    while at < ALPHABET.len() {
        values[ALPHABET[at] as usize] = at as u8;
        at += 1;
    }
    values
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_digests_have_the_texts_that_nix_prints() {
        let check = |hex: &str, text: &str| {
            let bytes = data_encoding::HEXLOWER.decode(hex.as_bytes()).unwrap();
            assert_eq!(encode(&bytes), text);
            assert_eq!(decode(text.as_bytes()), Ok(bytes));
        };
        check("", "");
        check("1f", "0z");
        check(
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73",
        );
    }

    #[test]
    fn the_last_byte_comes_first() {
        let mut low = [0; 20];
        low[0] = 1;
        let mut high = [0; 20];
        high[19] = 1;
        assert_eq!(&encode_20(&low), b"00000000000000000000000000000001");
        assert_eq!(&encode_20(&high), b"04000000000000000000000000000000");
    }

    #[test]
    fn lengths_that_no_bytes_have_are_refused() {
        for (length, ok) in [(0, true), (1, false), (2, true), (3, false), (4, true)] {
            let text = vec![b'0'; length];
            assert_eq!(decode(&text).is_ok(), ok, "{length}");
        }
        for (length, ok) in [(5, true), (6, false), (7, true), (8, true), (9, false)] {
            let text = vec![b'0'; length];
            assert_eq!(decode(&text).is_ok(), ok, "{length}");
        }
        assert_eq!(decode(b"0"), Err(Nix32Error::Length(1)));
    }

    #[test]
    fn surplus_bits_are_refused() {
        let digits = [b'z'; 51];
        for (first, ok) in [(b'0', true), (b'1', true), (b'2', false), (b'z', false)] {
            let text: Vec<u8> = core::iter::once(first)
                .chain(digits.iter().copied())
                .collect();
            let expected = if ok {
                Ok(32)
            } else {
                Err(Nix32Error::SurplusBits)
            };
            assert_eq!(decode(&text).map(|bytes| bytes.len()), expected);
        }
    }

    #[test]
    fn only_the_32_lower_case_digits_are_digits() {
        for byte in 0..=u8::MAX {
            assert_eq!(is_digit(byte), ALPHABET.contains(&byte), "{byte}");
        }
        for byte in *b"eotuA-\0\xff" {
            let error = Nix32Error::Symbol { position: 1, byte };
            assert_eq!(decode(&[b'0', byte]), Err(error));
        }
    }

    /// Each digit by the definition, bit by bit.
    fn naive(bytes: &[u8]) -> Vec<u8> {
        let bit = |at: usize| bytes.get(at / 8).map_or(0, |byte| byte >> (at % 8) & 1);
        let digit = |n: usize| (0..5).fold(0, |value, k| value | bit(5 * n + k) << k);
        let count = (bytes.len() * 8).div_ceil(5);
        (0..count)
            .rev()
            .map(|n| ALPHABET[usize::from(digit(n))])
            .collect()
    }

    proptest! {
        #[test]
        fn every_text_is_what_the_definition_says_and_is_read_back(
            bytes in prop::collection::vec(any::<u8>(), 0..100),
        ) {
            let text = encode(&bytes);
            prop_assert_eq!(text.as_bytes(), naive(&bytes));
            prop_assert_eq!(text.len(), encoded_len(bytes.len()));
            prop_assert_eq!(decode(text.as_bytes()), Ok(bytes));
        }

        #[test]
        fn whatever_is_read_is_printed_again(text in "[0-9a-df-np-sv-z]{0,40}") {
            if let Ok(bytes) = decode(text.as_bytes()) {
                prop_assert_eq!(encode(&bytes), text);
            }
        }

        #[test]
        fn texts_sort_as_the_reversed_bytes(a: [u8; 20], b: [u8; 20]) {
            let reversed = |mut bytes: [u8; 20]| { bytes.reverse(); bytes };
            prop_assert_eq!(encode_20(&a).cmp(&encode_20(&b)), reversed(a).cmp(&reversed(b)));
            prop_assert_eq!(decode_20(&encode_20(&a)), Ok(a));
        }
    }
}
