//! What can be wrong with an archive.

use std::io;

use crate::wire::WireErrorKind;

/// Bytes that are no archive, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at byte {position} of the archive")]
pub struct DecodeError {
    /// What is wrong.
    pub kind: DecodeErrorKind,
    /// Where, counted from the first byte of the archive.
    pub position: u64,
}

/// What is wrong with the bytes of an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The input does not begin as archives do.
    #[error("no Nix archive")]
    Magic,
    /// Another word than the one that has to come here.
    #[error("expected {expected:?}")]
    Tag {
        /// The word, or those that may stand here.
        expected: &'static str,
    },
    /// A string that is no string of the wire.
    #[error(transparent)]
    Wire(WireErrorKind),
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
    /// The archive is longer than allowed, or announces contents that make it so.
    #[error("archive of more than {max} bytes")]
    TooLong {
        /// The most bytes.
        max: u64,
    },
    /// The input ended before the archive.
    #[error("unexpected end of input")]
    Truncated,
    /// Something follows an archive that was to be the whole input.
    #[error("more input after the end")]
    Trailing,
}

/// A name that no entry of a directory can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// It has no bytes.
    #[error("empty name")]
    Empty,
    /// It is `.` or `..`.
    #[error("name of the directory itself or its parent")]
    Dots,
    /// It holds a slash.
    #[error("name with a slash")]
    Slash,
    /// It holds a zero byte.
    #[error("name with a zero byte")]
    Nul,
    /// It is longer than allowed.
    #[error("name of more than {max} bytes")]
    TooLong {
        /// The most bytes.
        max: usize,
    },
    /// The entry before it has the same name.
    #[error("name occurs twice")]
    Duplicate,
    /// It does not follow the name of the entry before it.
    #[error("names are not sorted")]
    Unsorted,
}

/// A target that no symlink can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// It has no bytes.
    #[error("empty symlink target")]
    Empty,
    /// It holds a zero byte.
    #[error("symlink target with a zero byte")]
    Nul,
    /// It is longer than allowed.
    #[error("symlink target of more than {max} bytes")]
    TooLong {
        /// The most bytes.
        max: usize,
    },
}

/// Events that are no archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The event cannot follow the one before it.
    #[error("event in the place of {expected}")]
    Order {
        /// What could.
        expected: &'static str,
    },
    /// Contents do not have the announced size.
    #[error("contents differ from the announced size by {bytes} bytes or more")]
    Size {
        /// The bytes that are missing, or too many.
        bytes: u64,
    },
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
    /// The archive becomes longer than allowed.
    #[error("archive of more than {max} bytes")]
    TooLong {
        /// The most bytes.
        max: u64,
    },
}

/// An archive that cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The reader failed.
    #[error("read the archive")]
    Io(#[source] io::Error),
    /// What it returned is no archive.
    #[error("decode the archive")]
    Decode(#[source] DecodeError),
}

impl ReadError {
    /// Returns what is wrong with the archive, where that is why it cannot be read.
    #[must_use]
    pub const fn decode(&self) -> Option<&DecodeError> {
        match self {
            Self::Decode(error) => Some(error),
            Self::Io(_) => None,
        }
    }
}
