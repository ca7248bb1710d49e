//! What can be wrong with a store.

use std::{ffi::OsString, path::PathBuf};

use nix_core::store_path::StorePath;

use crate::store::Error;

/// Something in a store that is not as it should be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// A valid object has no files.
    #[error("{path} is valid but not on the disk")]
    Missing {
        /// Which one.
        path: StorePath,
    },
    /// The files of an object are not what was registered, or cannot be read.
    #[error("{path} is damaged")]
    Damaged {
        /// Which one.
        path: StorePath,
        /// What differs, such as [`Error::HashMismatch`], or why it cannot be read.
        #[source]
        source: Error,
    },
    /// A valid object refers to one that is not.
    #[error("{path} refers to {reference}, which is not valid")]
    ReferenceNotValid {
        /// The object.
        path: StorePath,
        /// What it refers to.
        reference: StorePath,
    },
    /// A file, symlink or directory has other permissions or another time than those of objects have.
    #[error("{what} of {path}: {}", file.display())]
    Metadata {
        /// The object.
        path: StorePath,
        /// Where it lies.
        file: PathBuf,
        /// What it has.
        what: MetadataProblem,
    },
    /// No signature of an object is of a trusted key.
    #[error("{path} has no signature of a trusted key")]
    Untrusted {
        /// Which one.
        path: StorePath,
    },
    /// Something lies in the store's directory that is not valid: an object that was never
    /// registered or that is being added, or a file that is no object. Garbage collection removes
    /// it.
    #[error("not valid: {}", name.display())]
    Leftover {
        /// Its name.
        name: OsString,
    },
}

/// What is wrong with the metadata of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MetadataProblem {
    /// The permissions, where 0444 or 0555 are right.
    #[error("permissions {0:04o}")]
    Mode(u64),
    /// The time of modification in seconds, where 1 is right.
    #[error("time of modification {0}")]
    Time(i64),
}

impl Problem {
    /// Returns the object that it is about.
    #[must_use]
    pub fn path(&self) -> Option<&StorePath> {
        match self {
            Self::Missing { path }
            | Self::Damaged { path, .. }
            | Self::ReferenceNotValid { path, .. }
            | Self::Metadata { path, .. }
            | Self::Untrusted { path } => Some(path),
            Self::Leftover { .. } => None,
        }
    }

    /// Whether [`repair`](super::repair) is what is needed: the files are damaged or gone.
    #[must_use]
    pub fn needs_repair(&self) -> bool {
        matches!(self, Self::Missing { .. } | Self::Damaged { .. })
    }

    pub(super) fn missing(&self) -> Option<&StorePath> {
        match self {
            Self::Missing { path } => Some(path),
            _ => None,
        }
    }
}
