//! What can be wrong with an input, and where.

use nix_core::store_path::StoreDir;

use crate::{
    FieldError,
    path_info::{VERSION_MAX, scan::Found},
};

/// What went wrong, and where.
#[derive(Debug, thiserror::Error)]
#[error("read path info, entry {entry} at line {line}")]
pub struct Error {
    /// The number of the entry, from 1.
    pub entry: u64,
    /// The line on which it went wrong, from 1.
    pub line: u64,
    /// What went wrong.
    #[source]
    pub kind: ErrorKind,
}

/// What can be wrong with an input.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Reading failed.
    #[error("read the input")]
    Io(#[from] std::io::Error),
    /// The input is not JSON of a known shape.
    #[error("expected {expected}, found {}", Found(*.found))]
    Syntax {
        /// What should stand there.
        expected: &'static str,
        /// The byte that stands there; none at the end of the input.
        found: Option<u8>,
    },
    /// An entry is larger than [`ENTRY_BYTES_MAX`](super::ENTRY_BYTES_MAX).
    #[error("the entry is larger than {max} bytes")]
    TooLarge {
        /// The limit.
        max: usize,
    },
    /// An entry is not a path info.
    #[error("the entry is not a path info")]
    Json(#[from] serde_json::Error),
    /// A member of the entry does not hold what it should.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// An entry lacks what every path has.
    #[error("the entry has no `{0}`")]
    Missing(&'static str),
    /// An entry stands alone and has no `path`.
    #[error("the entry does not say which path it is about")]
    NoPath,
    /// The format is newer than this program.
    #[error("version {0} of the format is not known: 1 to {VERSION_MAX} are")]
    Version(u64),
    /// The input is of another store.
    #[error("the input is of the store dir {found:?}, not of {expected}")]
    StoreDir {
        /// What the input says.
        found: String,
        /// What was asked for.
        expected: StoreDir,
    },
}
