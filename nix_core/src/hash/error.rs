//! Why a text or bytes are not a hash.

use alloc::string::String;

use super::Algorithm;
use crate::nix32::Nix32Error;

/// Why a text or bytes are not a hash.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HashError {
    /// No algorithm has the name.
    #[error("unknown hash algorithm {0:?}, expected md5, sha1, sha256, sha512 or blake3")]
    UnknownAlgorithm(String),
    /// The text names no algorithm, and the caller none either.
    #[error("the hash does not name its algorithm")]
    NoAlgorithm,
    /// The text names another algorithm than the caller.
    #[error("the hash is of {found}, expected {expected}")]
    Algorithm {
        /// What was asked for.
        expected: Algorithm,
        /// What the text names.
        found: Algorithm,
    },
    /// The text has neither the form `sha256:...` nor, where allowed, `sha256-...`.
    #[error("the hash has no prefix that names its algorithm")]
    NoPrefix,
    /// The text is not of the form `sha256-<base 64>`.
    #[error("the hash is not in the form of SRI")]
    NotSri,
    /// The text has a length that no form of the algorithm has.
    #[error("no form of {algorithm} has {length} characters")]
    TextLength {
        /// The algorithm.
        algorithm: Algorithm,
        /// How many characters the text has, without the algorithm.
        length: usize,
    },
    /// The bytes are not as many as the algorithm's.
    #[error("a digest of {algorithm} does not have {length} bytes")]
    DigestLength {
        /// The algorithm.
        algorithm: Algorithm,
        /// How many there are.
        length: usize,
    },
    /// A character is not a digit of base 16 or 64.
    #[error("byte {byte:#04x} at position {position} is not a digit of {base}")]
    Symbol {
        /// Which of the two.
        base: &'static str,
        /// Where it stands, counted after the algorithm.
        position: usize,
        /// What stands there.
        byte: u8,
    },
    /// The text has the length of base 32, but is not that.
    #[error("hash in base 32")]
    Nix32(#[source] Nix32Error),
}
