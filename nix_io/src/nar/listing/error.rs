//! What can be wrong with a listing as JSON.

use crate::nar::{NameError, TargetError};

/// JSON that is no listing, or a listing that has no JSON, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at {path:?}, byte {position}")]
pub struct ListingError {
    /// What is wrong.
    pub kind: ListingErrorKind,
    /// The node, as a path from the root, whose own is empty.
    pub path: String,
    /// The byte of the JSON.
    pub position: usize,
}

/// What is wrong with a listing as JSON.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ListingErrorKind {
    /// No JSON, or a value of another type.
    #[error("expected {0}")]
    Expected(&'static str),
    /// A field that has to be there.
    #[error("no field {0:?}")]
    Missing(&'static str),
    /// A field or a name that occurs twice.
    #[error("{0:?} occurs twice")]
    Duplicate(String),
    /// A type of node that archives do not have.
    #[error("unknown type of node {0:?}")]
    Type(String),
    /// A version of the format that is not 1.
    #[error("listing of version {0}")]
    Version(u64),
    /// The name of an entry.
    #[error(transparent)]
    Name(NameError),
    /// The target of a symlink.
    #[error(transparent)]
    Target(TargetError),
    /// A node below more directories than allowed.
    #[error("nested more than {max} deep")]
    TooDeep {
        /// The most nodes on a path.
        max: usize,
    },
    /// A name or target that is not UTF-8, which JSON cannot hold.
    #[error("name or target is not UTF-8")]
    NotUtf8,
}
