//! Why a text is not a store path, a name or a store dir.

use crate::nix32::Nix32Error;

use super::name::NAME_LEN_MAX;

/// Why a text cannot be the name of a store path or of an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StorePathNameError {
    /// There is no text.
    #[error("the name is empty")]
    Empty,
    /// The text is longer than 211 bytes.
    #[error("the name has {0} bytes, more than {NAME_LEN_MAX}")]
    Long(usize),
    /// A byte is none of the allowed ones.
    #[error("the name has byte {byte:#04x} at position {position}, which is not allowed")]
    Symbol {
        /// Where it stands.
        position: usize,
        /// What stands there.
        byte: u8,
    },
    /// The name, or what stands before its first dash, is `.` or `..`.
    #[error("the name begins with `.` or `..` as a part")]
    Dots,
}

/// Why a text is not a store path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StorePathError {
    /// The path does not begin with `/`.
    #[error("the path is not absolute")]
    Relative,
    /// The path lies elsewhere.
    #[error("the path is not in the store dir")]
    Elsewhere,
    /// The path points into a store path, or has a slash at its end.
    #[error("the path is not that of a store object itself")]
    Nested,
    /// The base name has fewer than 32 characters.
    #[error("the base name has {0} characters, too few for a hash part")]
    Short(usize),
    /// The hash part is not base 32.
    #[error("the hash part is malformed")]
    HashPart(#[source] Nix32Error),
    /// No `-` follows the hash part.
    #[error("no dash follows the hash part")]
    Dash,
    /// The name is invalid.
    #[error("the name of the store path is invalid")]
    Name(#[source] StorePathNameError),
}

/// Why a text cannot be a store dir.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreDirError {
    /// It does not begin with `/`.
    #[error("the store dir is not absolute")]
    Relative,
    /// It has an empty part, as also a slash at the end makes one, `.` or `..`.
    #[error("the store dir has an empty part, `.` or `..`")]
    Part,
    /// It has a character that texts of Nix which hold it cannot quote.
    #[error("the store dir has character {0:?}, which is not allowed")]
    Symbol(char),
}
