//! Hashes as text: every form that Nix prints becomes `<algorithm>:<nix32>`.

use crate::{
    base::{
        base64_len, decode_base16, decode_base64, decode_nix32, encode_base64, encode_nix32,
        nix32_len,
    },
    shape::ShapeError,
};

const WHAT: &str = "hash";

/// The algorithms and their digests' lengths in bytes.
const ALGORITHMS: [(&str, usize); 5] = [
    ("md5", 16),
    ("sha1", 20),
    ("sha256", 32),
    ("sha512", 64),
    ("blake3", 32),
];

/// Returns a hash as `<algorithm>:<nix32>`, whichever form it came in: `<algorithm>:` with base 16,
/// 32 or 64, told apart by length, or SRI's `<algorithm>-` with base 64.
///
/// # Errors
/// Fails when the algorithm is unknown, or the digest is not one of it.
///
/// # Examples
/// ```
/// let text = nix_store::canonical_hash("sha256-FePFYIlMuycIXPZbWi7LGEiMmZSX9FMbaQenWBzm1Sc=")?;
/// assert_eq!(text, "sha256:09ymwqf5i9q7d4dm7x4pjjcqqj0qrcp5lnznbh42gfsci5hcbqqm");
/// # Ok::<(), nix_store::ShapeError>(())
/// ```
pub fn canonical_hash(text: &str) -> Result<String, ShapeError> {
    let (algorithm, digest) = parse(text)?;
    Ok(format!("{algorithm}:{}", encode_nix32(&digest)))
}

/// Returns the hash of an archive as `sha256:<nix32>`; a digest that names no algorithm is taken for
/// sha256.
///
/// # Errors
/// Fails as [`canonical_hash`] does, and when the algorithm is another.
pub fn canonical_nar_hash(text: &str) -> Result<String, ShapeError> {
    let canonical = if text.contains([':', '-']) {
        canonical_hash(text)?
    } else {
        canonical_hash(&format!("sha256:{text}"))?
    };
    if canonical.starts_with("sha256:") {
        Ok(canonical)
    } else {
        Err(ShapeError::new("archive hash", text, "is not of sha256"))
    }
}

/// Returns a hash as SRI, the form in which Nix prints it in JSON.
///
/// # Errors
/// Fails as [`canonical_hash`] does.
pub fn sri_hash(text: &str) -> Result<String, ShapeError> {
    let (algorithm, digest) = parse(text)?;
    Ok(format!("{algorithm}-{}", encode_base64(&digest)))
}

/// Returns whether `algorithm` is one whose hashes can be read.
pub(crate) fn is_algorithm(algorithm: &str) -> bool {
    ALGORITHMS.iter().any(|(name, _)| *name == algorithm)
}

fn parse(text: &str) -> Result<(&str, Vec<u8>), ShapeError> {
    let (algorithm, digest, sri) = match (text.split_once(':'), text.split_once('-')) {
        (Some((algorithm, digest)), _) => (algorithm, digest, false),
        (None, Some((algorithm, digest))) => (algorithm, digest, true),
        (None, None) => return Err(ShapeError::new(WHAT, text, "names no algorithm")),
    };
    let known = ALGORITHMS.iter().find(|(name, _)| *name == algorithm);
    let Some(&(algorithm, len)) = known else {
        return Err(ShapeError::new(WHAT, text, "is of an unknown algorithm"));
    };
    let bytes = match digest.len() {
        hex if !sri && hex == len * 2 => decode_base16(digest),
        digits if !sri && digits == nix32_len(len) => decode_nix32(digest, len),
        symbols if symbols == base64_len(len) => decode_base64(digest),
        _ => {
            return Err(ShapeError::new(
                WHAT,
                text,
                "has not the length of its algorithm",
            ));
        }
    };
    match bytes {
        Some(bytes) if bytes.len() == len => Ok((algorithm, bytes)),
        _ => Err(ShapeError::new(
            WHAT,
            text,
            "has a digest that cannot be read",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NIX32: &str = "sha256:09ymwqf5i9q7d4dm7x4pjjcqqj0qrcp5lnznbh42gfsci5hcbqqm";
    const SRI: &str = "sha256-FePFYIlMuycIXPZbWi7LGEiMmZSX9FMbaQenWBzm1Sc=";
    const HEX: &str = "15e3c560894cbb27085cf65b5a2ecb18488c999497f4531b6907a7581ce6d527";

    #[test]
    fn every_form_becomes_one() {
        let base64 = SRI.replace('-', ":");
        for text in [
            NIX32,
            SRI,
            &base64,
            &format!("sha256:{HEX}"),
            &format!("sha256:{}", HEX.to_uppercase()),
        ] {
            assert_eq!(canonical_hash(text).as_deref(), Ok(NIX32), "{text}");
            assert_eq!(sri_hash(text).as_deref(), Ok(SRI), "{text}");
        }
        assert_eq!(canonical_nar_hash(HEX).as_deref(), Ok(NIX32));
    }

    #[test]
    fn what_is_no_hash_is_refused_with_the_reason() {
        let check = |text: &str, why: &str| {
            assert_eq!(canonical_hash(text).map_err(|e| e.why), Err(why), "{text}");
        };
        check("", "names no algorithm");
        check(HEX, "names no algorithm");
        check("sha3:00", "is of an unknown algorithm");
        check("sha256:", "has not the length of its algorithm");
        check(
            &format!("sha256-{HEX}"),
            "has not the length of its algorithm",
        );
        check(
            &format!("sha256:{}g", &HEX[1..]),
            "has a digest that cannot be read",
        );
        check(
            &NIX32.replace(":0", ":z"),
            "has a digest that cannot be read",
        );
        let sha1 = "sha1:0000000000000000000000000000000000000000";
        assert_eq!(
            canonical_nar_hash(sha1).map_err(|e| e.why),
            Err("is not of sha256")
        );
    }

    #[test]
    fn a_long_text_is_cut_in_the_error() {
        let error = canonical_hash(&"x".repeat(1 << 20)).unwrap_err();
        assert!(error.to_string().len() < 400);
    }
}
