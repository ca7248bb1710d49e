//! Why a range cannot be read.

use std::{io, path::PathBuf};

/// A range of an archive that cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ViewError {
    /// The archive ends before the range does.
    #[error("{bytes} bytes at {offset} of an archive of {size} bytes")]
    OutOfRange {
        /// Where the range begins.
        offset: u64,
        /// How many bytes it has.
        bytes: usize,
        /// How many the archive has.
        size: u64,
    },
    /// A file that is not what it was, or is not there any more. The archive is another by now: a
    /// new view can be opened.
    #[error("changed since the archive was looked at: {}", path.display())]
    Changed {
        /// Where it lies.
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
}

impl ViewError {
    /// Whether the tree is not what it was when the view was opened.
    #[must_use]
    pub const fn is_changed(&self) -> bool {
        matches!(self, Self::Changed { .. })
    }
}
