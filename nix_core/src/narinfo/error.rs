//! Why a text is no narinfo.

use alloc::string::String;
use core::{error, fmt, num::ParseIntError};

use crate::{
    content_address::ContentAddressError, hash::HashError, signature::SignatureError,
    store_path::StorePathError,
};

/// Why a text is no narinfo, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NarInfoError {
    /// The byte of the text at which the line in question begins, or its length where something is
    /// missing.
    pub position: usize,
    /// What is wrong there.
    pub reason: NarInfoReason,
}

/// Why a text is no narinfo.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NarInfoReason {
    /// The text is not UTF-8.
    #[error("the text is not UTF-8")]
    NotUtf8,
    /// The last line does not end.
    #[error("the last line does not end in a line break")]
    Unfinished,
    /// A line has no key.
    #[error("the line is no `Key: value`")]
    NoKey,
    /// A line that may stand once stands twice.
    #[error("`{0}` stands twice")]
    Duplicate(&'static str),
    /// A line that must be there is missing or empty.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// A value that goes on one line has a line break.
    #[error("`{0}` has a line break")]
    LineBreak(&'static str),
    /// The size of the archive is 0, which is no size of an archive.
    #[error("`NarSize` is 0")]
    NarSizeZero,
    /// A store path is none, or one of another store.
    #[error("`{key}` has {value:?}, which is no store path of this store")]
    Path {
        /// The key of the line.
        key: &'static str,
        /// The value, or the one of several values.
        value: String,
        /// Why.
        #[source]
        source: StorePathError,
    },
    /// A hash is none, or not of the algorithm that its key holds.
    #[error("`{key}` is no such hash")]
    Hash {
        /// The key of the line.
        key: &'static str,
        /// Why.
        #[source]
        source: HashError,
    },
    /// A size is no whole number below 2^64.
    #[error("`{key}` is no size")]
    Size {
        /// The key of the line.
        key: &'static str,
        /// Why.
        #[source]
        source: ParseIntError,
    },
    /// A signature is none.
    #[error("`Sig` is no signature")]
    Signature(#[source] SignatureError),
    /// A content address is none.
    #[error("`CA` is no content address")]
    ContentAddress(#[source] ContentAddressError),
}

impl fmt::Display for NarInfoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at byte {})", self.reason, self.position)
    }
}

impl error::Error for NarInfoError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.reason.source()
    }
}
