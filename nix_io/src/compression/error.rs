//! Why a compression is not known, or a stream was refused.

use std::{error::Error, io};

use super::Compression;

/// The name of a compression is none of those known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown compression: known are none, xz, zstd, bzip2, gzip and br")]
pub struct UnknownCompression;

/// A compression that this build cannot read or write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this program is built without {compression}")]
pub struct NotBuilt {
    /// The one that was asked for.
    pub compression: Compression,
}

/// Why a stream cannot be written as asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CompressError {
    /// The codec is not part of this build.
    #[error(transparent)]
    NotBuilt(#[from] NotBuilt),
    /// The level is not one of [`Compression::levels`].
    #[error("{compression} has no level {level}, only {lowest} to {highest}")]
    Level {
        /// The compression that was asked for.
        compression: Compression,
        /// The level that was asked for.
        level: u32,
        /// The first of its levels.
        lowest: u32,
        /// The last of its levels.
        highest: u32,
    },
}

/// Why reading a compressed stream was refused.
///
/// A reader hands it out inside [`io::Error`]; [`DecompressError::find`] finds it there. An error of
/// the reader below is passed on as it is.
#[derive(Debug, thiserror::Error)]
#[error("decompress {compression} at byte {position}: {kind}")]
pub struct DecompressError {
    compression: Compression,
    position: u64,
    kind: DecompressErrorKind,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl DecompressError {
    pub(super) fn new(
        compression: Compression,
        position: u64,
        kind: DecompressErrorKind,
        source: Option<io::Error>,
    ) -> Self {
        Self {
            compression,
            position,
            kind,
            source: source.map(Into::into),
        }
    }

    /// Finds it in an error that a [`Decompressor`](super::Decompressor) returned.
    #[must_use]
    pub fn find(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }

    /// Returns how the stream was read.
    #[must_use]
    pub fn compression(&self) -> Compression {
        self.compression
    }

    /// Returns how many bytes of the compressed stream were consumed until then.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Returns what is wrong.
    #[must_use]
    pub fn kind(&self) -> DecompressErrorKind {
        self.kind
    }
}

impl PartialEq for DecompressError {
    /// Compares all but the cause.
    fn eq(&self, other: &Self) -> bool {
        let facts = |error: &Self| (error.compression, error.position, error.kind);
        facts(self) == facts(other)
    }
}

impl From<DecompressError> for io::Error {
    fn from(error: DecompressError) -> Self {
        Self::new(error.kind.io_kind(), error)
    }
}

/// What is wrong with a compressed stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecompressErrorKind {
    /// It does not begin as the format does.
    #[error("not of this format")]
    Format,
    /// It ends before its end.
    #[error("the stream is cut")]
    Truncated,
    /// It breaks a rule of the format, or a checksum does not match.
    #[error("the stream is damaged")]
    Corrupt,
    /// Behind its end is something that is no further stream.
    #[error("there is something else behind the stream")]
    Trailing,
    /// It needs a larger dictionary or window than is given.
    #[error("a window of more than {max} bytes")]
    Window {
        /// The most that is given.
        max: u64,
    },
    /// It holds more than [`Limits::output_bytes_max`](super::Limits::output_bytes_max).
    #[error("it holds more than {max} bytes")]
    Output {
        /// The limit.
        max: u64,
    },
    /// It holds more for its size than [`Limits::ratio_max`](super::Limits::ratio_max).
    #[error("it holds more than {max} times its size")]
    Ratio {
        /// The limit.
        max: u64,
    },
}

impl DecompressErrorKind {
    /// Returns how [`io::Error`] calls it.
    pub(super) fn io_kind(self) -> io::ErrorKind {
        match self {
            Self::Truncated => io::ErrorKind::UnexpectedEof,
            _ => io::ErrorKind::InvalidData,
        }
    }
}

impl From<DecompressErrorKind> for io::Error {
    /// Codecs report a kind that they know so; the decompressor adds the rest.
    fn from(kind: DecompressErrorKind) -> Self {
        Self::new(kind.io_kind(), kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_equal_but_for_their_causes() {
        let of =
            |compression, position, kind| DecompressError::new(compression, position, kind, None);
        let (xz, cut) = (Compression::Xz, DecompressErrorKind::Truncated);
        let error = of(xz, 1, cut);
        let cause = io::Error::from(io::ErrorKind::UnexpectedEof);
        assert_eq!(error, DecompressError::new(xz, 1, cut, Some(cause)));
        for other in [
            of(Compression::Zstd, 1, cut),
            of(xz, 2, cut),
            of(xz, 1, DecompressErrorKind::Corrupt),
        ] {
            assert_ne!(error, other);
        }
    }
}
