//! Bytes as text: base 16, base 64 and Nix's own base 32.

const NIX32: &[u8; 32] = b"0123456789abcdfghijklmnpqrsvwxyz";
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Returns how many characters `bytes` bytes have in base 32.
pub(crate) const fn nix32_len(bytes: usize) -> usize {
    (bytes * 8).div_ceil(5)
}

/// Returns how many characters `bytes` bytes have in base 64.
pub(crate) const fn base64_len(bytes: usize) -> usize {
    bytes.div_ceil(3) * 4
}

/// Returns whether `byte` is a digit of base 32.
pub(crate) fn is_nix32(byte: u8) -> bool {
    NIX32.contains(&byte)
}

/// Writes in base 32: the last digit holds the lowest five bits of the first byte.
pub(crate) fn encode_nix32(bytes: &[u8]) -> String {
    let digit = |position: usize| {
        let (byte, shift) = (position * 5 / 8, position * 5 % 8);
        let low = bytes.get(byte).copied().map_or(0, u16::from);
        let high = bytes.get(byte + 1).copied().map_or(0, u16::from);
        let bits = usize::from((low | high << 8) >> shift & 0x1f);
        char::from(NIX32.get(bits).copied().expect("five bits are below 32"))
    };
    (0..nix32_len(bytes.len())).rev().map(digit).collect()
}

/// Reads `len` bytes of base 32, or nothing where the text is not exactly that.
pub(crate) fn decode_nix32(text: &str, len: usize) -> Option<Vec<u8>> {
    if text.len() != nix32_len(len) {
        return None;
    }
    let mut bytes = vec![0_u8; len];
    for (position, digit) in text.bytes().rev().enumerate() {
        let bits = NIX32.iter().position(|d| *d == digit)?;
        let (byte, shift) = (position * 5 / 8, position * 5 % 8);
        let [low, high] = u16::try_from(bits << shift).ok()?.to_le_bytes();
        *bytes.get_mut(byte)? |= low;
        match bytes.get_mut(byte + 1) {
            Some(next) => *next |= high,
            None if high == 0 => {}
            None => return None,
        }
    }
    Some(bytes)
}

/// Reads base 16 in either case, or nothing where the text is not that.
pub(crate) fn decode_base16(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    let nibble = |digit: u8| {
        char::from(digit)
            .to_digit(16)
            .and_then(|n| u8::try_from(n).ok())
    };
    pairs
        .iter()
        .map(|[high, low]| Some(nibble(*high)? << 4 | nibble(*low)?))
        .collect()
}

/// Writes in base 64 with padding.
pub(crate) fn encode_base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(base64_len(bytes.len()));
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| chunk.get(at).copied().map_or(0, usize::from);
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            let value = bits >> (18 - 6 * digit) & 0x3f;
            let symbol = BASE64.get(value).copied().expect("six bits are below 64");
            text.push(if digit > chunk.len() {
                '='
            } else {
                char::from(symbol)
            });
        }
    }
    text
}

/// Reads base 64 with padding and no unused bits set, or nothing where the text is not that.
pub(crate) fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let (chunks, rest) = text.as_bytes().as_chunks::<4>();
    if !rest.is_empty() {
        return None;
    }
    let mut bytes = Vec::with_capacity(chunks.len() * 3);
    for (number, chunk) in chunks.iter().enumerate() {
        let padding = chunk
            .iter()
            .rev()
            .take_while(|symbol| **symbol == b'=')
            .count();
        if padding > 2 || (padding > 0 && number + 1 != chunks.len()) {
            return None;
        }
        let mut bits = 0_u32;
        for symbol in chunk.iter().take(4 - padding) {
            bits = bits << 6 | u32::from(base64_value(*symbol)?);
        }
        let [_, first, second, third] = (bits << (6 * padding)).to_be_bytes();
        let (kept, unused) = match padding {
            0 => (vec![first, second, third], 0),
            1 => (vec![first, second], third),
            _ => (vec![first], second),
        };
        if unused != 0 {
            return None;
        }
        bytes.extend(kept);
    }
    Some(bytes)
}

fn base64_value(symbol: u8) -> Option<u8> {
    match symbol {
        b'A'..=b'Z' => Some(symbol - b'A'),
        b'a'..=b'z' => Some(symbol - b'a' + 26),
        b'0'..=b'9' => Some(symbol - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_base_reads_what_it_writes() {
        for len in 0..70_usize {
            let bytes: Vec<u8> = (0..len)
                .map(|i| u8::try_from(i * 37 % 256).unwrap())
                .collect();
            assert_eq!(
                decode_nix32(&encode_nix32(&bytes), len).as_deref(),
                Some(&*bytes)
            );
            assert_eq!(
                decode_base64(&encode_base64(&bytes)).as_deref(),
                Some(&*bytes)
            );
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(decode_base16(&hex).as_deref(), Some(&*bytes));
        }
    }

    #[test]
    fn nix32_text_agrees_with_nix() {
        let bytes = decode_base64("FePFYIlMuycIXPZbWi7LGEiMmZSX9FMbaQenWBzm1Sc=").unwrap();
        let text = "09ymwqf5i9q7d4dm7x4pjjcqqj0qrcp5lnznbh42gfsci5hcbqqm";
        assert_eq!(encode_nix32(&bytes), text);
        assert_eq!(decode_nix32(text, 32), Some(bytes));
    }

    #[test]
    fn unused_bits_must_be_zero() {
        let overflow = format!("z{}", "0".repeat(51));
        assert_eq!(decode_nix32(&overflow, 32), None);
        assert_eq!(decode_base64("AB=="), None);
        assert_eq!(decode_base64("AA=="), Some(vec![0]));
        assert_eq!(decode_base64("AA=A"), None);
        assert_eq!(decode_base64("AA==AAAA"), None);
    }
}
