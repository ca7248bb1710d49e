//! What can go wrong while an archive is unpacked.

use std::{io, path::PathBuf};

use rustix::io::Errno;

use crate::nar::ReadError;

/// An archive that cannot be unpacked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnpackError {
    /// Something has the name of the destination.
    #[error("destination exists: {}", path.display())]
    Exists {
        /// The destination.
        path: PathBuf,
    },
    /// Two names of a directory are one to the file system, or differ in case alone where the
    /// options refuse that.
    #[error("same name as another entry but for its spelling: {}", path.display())]
    NameCollision {
        /// The second of the two.
        path: PathBuf,
    },
    /// The file system refused something.
    #[error("{action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which path.
        path: PathBuf,
        /// Why it was refused.
        #[source]
        source: io::Error,
    },
    /// The archive cannot be read.
    #[error("unpack {}", path.display())]
    Read {
        /// What was being made of it, or was made last.
        path: PathBuf,
        /// Why it cannot be read.
        #[source]
        source: ReadError,
    },
    /// Unpacking failed, and what was made until then could not be removed.
    #[error("unfinished files remain, for {removal}: {}", path.display())]
    Remains {
        /// Where they are.
        path: PathBuf,
        /// Why they could not be removed.
        removal: io::Error,
        /// Why unpacking failed.
        #[source]
        failure: Box<Self>,
    },
}

/// What failed at the node at hand.
pub(super) enum Failure {
    Collision,
    Exists,
    Io {
        action: &'static str,
        source: io::Error,
    },
}

impl Failure {
    /// Says where it failed: at the root, where others may have made something, or below.
    pub(super) fn at(self, path: PathBuf, is_root: bool) -> UnpackError {
        match self {
            Self::Exists if is_root => UnpackError::Exists { path },
            Self::Exists | Self::Collision => UnpackError::NameCollision { path },
            Self::Io { action, source } => UnpackError::Io {
                action,
                path,
                source,
            },
        }
    }
}

pub(super) fn failed(action: &'static str) -> impl FnOnce(Errno) -> Failure {
    move |errno| match errno {
        Errno::EXIST => Failure::Exists,
        errno => Failure::Io {
            action,
            source: errno.into(),
        },
    }
}
