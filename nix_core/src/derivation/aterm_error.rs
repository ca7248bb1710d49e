//! Why bytes are not the ATerm of a derivation, and where.

use alloc::string::String;

use crate::{
    content_address::ContentAddressError,
    hash::HashError,
    store_path::{ComputeError, StorePath, StorePathError, StorePathNameError},
};

/// Why bytes are not the ATerm of a derivation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("read derivation at byte {position}")]
pub struct AtermError {
    /// Where the fault is, in bytes from the start.
    pub position: usize,
    /// What the fault is.
    #[source]
    pub reason: AtermReason,
}

/// What is wrong at one place of an ATerm.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AtermReason {
    /// Something else than the format asks for, or the end.
    #[error("expected `{0}`")]
    Expected(&'static str),
    /// Neither another element of a list nor its end.
    #[error("expected `,` or `]`")]
    ListEnd,
    /// A string without its closing quote; the position is that of the opening one.
    #[error("the string is not terminated")]
    UnterminatedString,
    /// A version that no Nix writes.
    #[error("unknown format version {0:?}")]
    Version(String),
    /// An output, input or variable that was there before.
    #[error("the entry is there twice")]
    Duplicate,
    /// A store path that is not one, or not in its canonical spelling.
    #[error("bad store path")]
    StorePath(#[source] StorePathError),
    /// An output name that cannot be one.
    #[error("bad output name")]
    OutputName(#[source] StorePathNameError),
    /// A method and hash algorithm that are none.
    #[error("bad method and hash algorithm")]
    MethodAlgorithm(#[source] ContentAddressError),
    /// A hash that is none, or not of its algorithm.
    #[error("bad output hash")]
    Hash(#[source] HashError),
    /// A method that cannot go with the hash.
    #[error("bad content address")]
    ContentAddress(#[source] ContentAddressError),
    /// A path where the output cannot have one yet.
    #[error("only fixed and input-addressed outputs have a path")]
    UnexpectedPath,
    /// A fixed output without its path.
    #[error("a fixed output needs its path")]
    MissingPath,
    /// A hash without its algorithm.
    #[error("a hash needs its algorithm")]
    MissingAlgorithm,
    /// A fixed output whose path does not follow from its content address.
    #[error("the content address asks for the path {expected}")]
    FixedPath {
        /// The path that follows.
        expected: StorePath,
    },
    /// A fixed output that can have no path.
    #[error("the fixed output has no path")]
    NoFixedPath(#[source] ComputeError),
    /// An input derivation of which nothing is used.
    #[error("no output of the input derivation is used")]
    NoOutputsUsed,
    /// Dynamic outputs nested deeper than [`DYNAMIC_DEPTH_MAX`](super::DYNAMIC_DEPTH_MAX).
    #[error("dynamic outputs are nested too deeply")]
    TooDeep,
    /// An escape in the system, where Nix writes none.
    #[error("the system must not hold escapes")]
    EscapedSystem,
    /// Bytes after the derivation.
    #[error("there are bytes after the derivation")]
    TrailingBytes,
    /// A spelling that printing would not give back.
    #[error("not in canonical form")]
    NotCanonical,
}

impl AtermReason {
    pub(super) const fn at(self, position: usize) -> AtermError {
        AtermError {
            position,
            reason: self,
        }
    }
}
