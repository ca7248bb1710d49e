//! Signatures as text.

use crate::{base::decode_base64, shape::ShapeError};

/// How many bytes an ed25519 signature has.
const SIGNATURE_BYTES: usize = 64;

/// Checks that a text is `<key name>:<base 64 of 64 bytes>`; it says nothing about who signed.
///
/// # Errors
/// Fails when it is not.
pub fn check_signature(text: &str) -> Result<(), ShapeError> {
    let error = |why| ShapeError::new("signature", text, why);
    match text.split_once(':') {
        None => Err(error("has no `:` after the key's name")),
        Some(("", _)) => Err(error("has no key's name")),
        Some((_, bytes)) => match decode_base64(bytes) {
            None => Err(error("is not base 64")),
            Some(bytes) if bytes.len() != SIGNATURE_BYTES => Err(error("has not 64 bytes")),
            Some(_) => Ok(()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_has_a_name_and_64_bytes() {
        let check = |text: &str, expected: Result<(), &str>| {
            assert_eq!(check_signature(text).map_err(|e| e.why), expected, "{text}");
        };
        let bytes = format!("{}==", "A".repeat(86));
        check(&format!("cache-1:{bytes}"), Ok(()));
        check(&bytes, Err("has no `:` after the key's name"));
        check(&format!(":{bytes}"), Err("has no key's name"));
        check("cache-1:AAAA", Err("has not 64 bytes"));
        check("cache-1:?", Err("is not base 64"));
    }
}
