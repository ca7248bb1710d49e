//! A digest that is known to be of SHA-256.

use alloc::string::String;
use core::fmt;

use sha2::Digest;

use super::{Algorithm, Hash, HashError, HashFormat};

/// A digest that is known to be of SHA-256: that of an archive, or of a derivation modulo.
///
/// # Examples
/// ```
/// use nix_core::hash::{Algorithm, Hash, Sha256};
///
/// let digest = Sha256::of(b"");
/// assert_eq!(Hash::from(digest), Hash::of(Algorithm::Sha256, b""));
/// assert_eq!(digest.to_string(), Hash::from(digest).to_string());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256(pub [u8; 32]);

impl Sha256 {
    /// Returns the digest of the bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// Returns the digest in lower-case hexadecimal, without the algorithm.
    #[must_use]
    pub fn to_base16(&self) -> String {
        Hash::from(*self).to_bare_text(HashFormat::Base16)
    }
}

impl From<Sha256> for Hash {
    fn from(digest: Sha256) -> Self {
        Self::from_exact(Algorithm::Sha256, &digest.0)
    }
}

impl TryFrom<Hash> for Sha256 {
    type Error = HashError;

    /// Takes the digest.
    ///
    /// # Errors
    /// Fails when it is of another algorithm.
    fn try_from(hash: Hash) -> Result<Self, HashError> {
        let wrong = HashError::Algorithm {
            expected: Algorithm::Sha256,
            found: hash.algorithm(),
        };
        match <[u8; 32]>::try_from(hash.digest()) {
            Ok(digest) if hash.algorithm() == Algorithm::Sha256 => Ok(Self(digest)),
            _ => Err(wrong),
        }
    }
}

/// Writes `sha256:` and the bytes in base 32.
impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Hash::from(*self), f)
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sha256({})", self.to_base16())
    }
}
