//! Hashes: the five algorithms of Nix, the texts in which it writes a digest, streaming hashers.

mod error;
mod hasher;
mod json;
mod modulo;
mod parse;
mod sha256;

use alloc::string::String;
use core::{cmp::Ordering, fmt, str::FromStr};

use data_encoding::{BASE64, HEXLOWER};

pub use self::{
    error::HashError,
    hasher::Hasher,
    modulo::{HashModulo, ModuloHasher},
    sha256::Sha256,
};
use crate::nix32;

/// The longest digest, that of SHA-512.
const DIGEST_BYTES_MAX: usize = 64;

/// A hash function that Nix knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// MD5, 16 bytes; broken, read for old derivations.
    Md5,
    /// SHA-1, 20 bytes; broken, read for old derivations and for git.
    Sha1,
    /// SHA-256, 32 bytes: the one that store paths and archives use.
    Sha256,
    /// SHA-512, 64 bytes.
    Sha512,
    /// BLAKE3, 32 bytes; experimental in Nix.
    Blake3,
}

impl Algorithm {
    /// Every algorithm, in Nix's order.
    pub const ALL: [Self; 5] = [
        Self::Md5,
        Self::Sha1,
        Self::Sha256,
        Self::Sha512,
        Self::Blake3,
    ];

    /// Returns how many bytes a digest has.
    #[must_use]
    pub const fn digest_len(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 | Self::Blake3 => 32,
            Self::Sha512 => 64,
        }
    }

    /// Returns the name, as in `sha256`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
            Self::Blake3 => "blake3",
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Algorithm {
    type Err = HashError;

    fn from_str(text: &str) -> Result<Self, HashError> {
        let named = |algorithm: &Self| algorithm.as_str() == text;
        let known = Self::ALL.into_iter().find(named);
        known.ok_or_else(|| HashError::UnknownAlgorithm(text.into()))
    }
}

/// How the bytes of a digest are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HashFormat {
    /// Lower-case hexadecimal.
    Base16,
    /// Nix's base 32, see [`crate::nix32`].
    Nix32,
    /// Base 64 with padding.
    Base64,
    /// The algorithm, `-`, and base 64: the form of Subresource Integrity.
    Sri,
}

/// A digest and the algorithm that it is of.
///
/// A plain value of fixed size without memory of its own. Hashes sort as in Nix: by length, then by
/// bytes, then by algorithm.
///
/// # Examples
/// ```
/// use nix_core::hash::{Algorithm, Hash, HashFormat};
///
/// let hash = Hash::of(Algorithm::Sha256, b"");
/// let text = "sha256:0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73";
/// assert_eq!(hash.to_string(), text);
/// assert_eq!(hash.to_text(HashFormat::Sri), "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
/// assert_eq!(Hash::parse(text, None), Ok(hash));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hash {
    algorithm: Algorithm,
    /// Invariant: zero beyond the algorithm's length.
    digest: [u8; DIGEST_BYTES_MAX],
}

impl Hash {
    /// Takes the bytes of a digest.
    ///
    /// # Errors
    /// Fails when there are more or fewer than a digest of the algorithm has.
    pub fn new(algorithm: Algorithm, digest: &[u8]) -> Result<Self, HashError> {
        if digest.len() != algorithm.digest_len() {
            let length = digest.len();
            return Err(HashError::DigestLength { algorithm, length });
        }
        Ok(Self::from_exact(algorithm, digest))
    }

    /// Returns the hash of the bytes.
    #[must_use]
    pub fn of(algorithm: Algorithm, bytes: &[u8]) -> Self {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(bytes);
        hasher.finish()
    }

    /// Returns the algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Returns the bytes.
    #[must_use]
    pub fn digest(&self) -> &[u8] {
        let digest = self.digest.get(..self.algorithm.digest_len());
        digest.expect("no digest is longer than the longest")
    }

    /// Returns the text with the algorithm: `sha256:` and the bytes, or for SRI `sha256-` and them.
    #[must_use]
    pub fn to_text(&self, format: HashFormat) -> String {
        let separator = match format {
            HashFormat::Sri => '-',
            HashFormat::Base16 | HashFormat::Nix32 | HashFormat::Base64 => ':',
        };
        let mut text = String::from(self.algorithm.as_str());
        text.push(separator);
        text.push_str(&self.to_bare_text(format));
        text
    }

    /// Returns the bytes as text, without the algorithm; for SRI as base 64.
    #[must_use]
    pub fn to_bare_text(&self, format: HashFormat) -> String {
        match format {
            HashFormat::Base16 => HEXLOWER.encode(self.digest()),
            HashFormat::Nix32 => nix32::encode(self.digest()),
            HashFormat::Base64 | HashFormat::Sri => BASE64.encode(self.digest()),
        }
    }

    /// Takes bytes that are known to be as many as the algorithm's.
    fn from_exact(algorithm: Algorithm, bytes: &[u8]) -> Self {
        debug_assert_eq!(bytes.len(), algorithm.digest_len());
        let mut digest = [0; DIGEST_BYTES_MAX];
        for (to, from) in digest.iter_mut().zip(bytes) {
            *to = *from;
        }
        Self { algorithm, digest }
    }
}

impl Ord for Hash {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |hash: &Self| (hash.algorithm.digest_len(), hash.digest, hash.algorithm);
        key(self).cmp(&key(other))
    }
}

impl PartialOrd for Hash {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Writes the algorithm, `:` and the bytes in base 32.
impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.to_text(HashFormat::Nix32))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

impl FromStr for Hash {
    type Err = HashError;

    fn from_str(text: &str) -> Result<Self, HashError> {
        Self::parse(text, None)
    }
}

/// Folds a digest to `N` bytes by exclusive or, as Nix shortens hashes for store paths.
///
/// # Examples
/// ```
/// assert_eq!(nix_core::hash::compress_hash::<2>(&[1, 2, 4]), [1 ^ 4, 2]);
/// ```
#[must_use]
pub fn compress_hash<const N: usize>(digest: &[u8]) -> [u8; N] {
    let mut folded = [0; N];
    for part in digest.chunks(N.max(1)) {
        for (to, from) in folded.iter_mut().zip(part) {
            *to ^= from;
        }
    }
    folded
}

/// Generates any algorithm.
#[cfg(any(test, feature = "test"))]
pub fn arb_algorithm() -> impl proptest::strategy::Strategy<Value = Algorithm> {
    proptest::sample::select(&Algorithm::ALL[..])
}

/// Generates any hash.
#[cfg(any(test, feature = "test"))]
pub fn arb_hash() -> impl proptest::strategy::Strategy<Value = Hash> {
    use proptest::prelude::*;

    let hash = |(algorithm, bytes): (Algorithm, [u8; 32])| {
        let both = [bytes, bytes].concat();
        let digest = both.get(..algorithm.digest_len());
        Hash::from_exact(algorithm, digest.expect("no digest is longer"))
    };
    (arb_algorithm(), any::<[u8; 32]>()).prop_map(hash)
}

#[cfg(test)]
mod tests;
