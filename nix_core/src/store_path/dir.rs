//! The folder that all paths of a store lie in.

use alloc::{string::String, sync::Arc, vec::Vec};
use core::fmt;

use super::{
    StorePath,
    error::{StoreDirError, StorePathError},
};

/// The store dir of nearly every store.
const DEFAULT: &str = "/nix/store";

/// The folder that all paths of a store begin with, `/nix/store` by default.
///
/// It is part of every computed path: the same contents have another hash part in another store
/// dir. A cheap clone.
///
/// # Examples
/// ```
/// use nix_core::store_path::StoreDir;
///
/// let dir = StoreDir::default();
/// let path = dir.parse("/nix//store/g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-foo/")?;
/// assert_eq!(dir.print(&path), "/nix/store/g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-foo");
/// # Ok::<(), nix_core::store_path::StorePathError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoreDir(Arc<str>);

impl StoreDir {
    /// Takes an absolute path that has no empty part, `.` or `..`, and no slash at its end.
    ///
    /// # Errors
    /// Fails when the path is not that, or has a control character, `"` or `\`, which derivations
    /// and narinfos print as they are.
    pub fn new(path: &str) -> Result<Self, StoreDirError> {
        let parts = path.strip_prefix('/').ok_or(StoreDirError::Relative)?;
        if parts.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err(StoreDirError::Part);
        }
        let wrong = |symbol: &char| symbol.is_control() || matches!(symbol, '"' | '\\');
        if let Some(symbol) = path.chars().find(wrong) {
            return Err(StoreDirError::Symbol(symbol));
        }
        Ok(Self(path.into()))
    }

    /// Returns the path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Parses a full path as the wire and the command line have it: empty parts, `.` and `..` are
    /// resolved first, without regard to what is on any disk.
    ///
    /// # Errors
    /// Fails when the path is relative, lies elsewhere, points into a store object, or has a base
    /// name that is malformed.
    pub fn parse(&self, path: &str) -> Result<StorePath, StorePathError> {
        self.parse_bytes(path.as_bytes())
    }

    /// Parses a full path that may be any bytes, as [`parse`](Self::parse) does.
    ///
    /// # Errors
    /// Fails as [`parse`](Self::parse) does.
    pub fn parse_bytes(&self, path: &[u8]) -> Result<StorePath, StorePathError> {
        match self.parse_canonical_bytes(path) {
            Err(StorePathError::Nested | StorePathError::Elsewhere) => {
                self.parse_canonical_bytes(&canonical(path))
            }
            result => result,
        }
    }

    /// Parses a full path that must be written exactly as [`print`](Self::print) writes it, as in
    /// derivations.
    ///
    /// # Errors
    /// Fails as [`parse`](Self::parse) does, and when the path is not canonical.
    pub fn parse_canonical(&self, path: &str) -> Result<StorePath, StorePathError> {
        self.parse_canonical_bytes(path.as_bytes())
    }

    /// Parses a full path that may be any bytes, as [`parse_canonical`](Self::parse_canonical) does.
    ///
    /// # Errors
    /// Fails as [`parse_canonical`](Self::parse_canonical) does.
    pub fn parse_canonical_bytes(&self, path: &[u8]) -> Result<StorePath, StorePathError> {
        if path.first() != Some(&b'/') {
            return Err(StorePathError::Relative);
        }
        let rest = path.strip_prefix(self.0.as_bytes());
        let Some((b'/', base_name)) = rest.and_then(<[u8]>::split_first) else {
            return Err(StorePathError::Elsewhere);
        };
        if base_name.contains(&b'/') {
            return Err(StorePathError::Nested);
        }
        StorePath::from_base_name_bytes(base_name)
    }

    /// Returns the full path.
    #[must_use]
    pub fn print(&self, path: &StorePath) -> String {
        let mut text = String::with_capacity(self.0.len() + 1 + path.base_name().len());
        text.push_str(&self.0);
        text.push('/');
        text.push_str(path.base_name());
        text
    }

    /// Returns the full path as something to be formatted, without a text of its own.
    pub fn display<'p>(&'p self, path: &'p StorePath) -> impl fmt::Display + use<'p> {
        FullPath { dir: self, path }
    }
}

impl Default for StoreDir {
    fn default() -> Self {
        Self(DEFAULT.into())
    }
}

impl fmt::Display for StoreDir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for StoreDir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreDir({})", self.0)
    }
}

/// A full path that is formatted without a text of its own.
struct FullPath<'p> {
    dir: &'p StoreDir,
    path: &'p StorePath,
}

impl fmt::Display for FullPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.dir, self.path)
    }
}

/// Resolves empty parts, `.` and `..` of an absolute path; above the root is the root.
pub(crate) fn canonical(path: &[u8]) -> Vec<u8> {
    let mut resolved = Vec::with_capacity(path.len());
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                let parent = resolved.iter().rposition(|byte| *byte == b'/');
                resolved.truncate(parent.unwrap_or_default());
            }
            _ => {
                resolved.push(b'/');
                resolved.extend_from_slice(part);
            }
        }
    }
    if resolved.is_empty() {
        resolved.push(b'/');
    }
    resolved
}
