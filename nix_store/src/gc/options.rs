//! What a collection keeps, and how much it does at once.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

use nix_core::store_path::StorePath;

/// What a collection keeps, and how much it does at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GcOptions {
    /// Whether what is alive keeps the derivation that it was built by alive.
    pub keep_derivations: bool,
    /// Whether a derivation that is alive keeps its outputs alive.
    pub keep_outputs: bool,
    /// Stops once this many bytes have been freed, by at most one object too late as far as sizes
    /// of archives tell.
    pub max_freed: Option<u64>,
    /// The most paths that are deleted in one go, while nobody can add a root.
    pub slice: usize,
    /// Whether to collect though Nix's own database lies beside the store's: its objects are no
    /// others than those that the store knows. Nix must not collect there: it deletes whatever has
    /// the name of no path, and `.netabase`, where this store keeps its locks, is such a name.
    pub beside_nix: bool,
}

impl Default for GcOptions {
    /// Returns what Nix does: derivations are kept and outputs are not, without a limit.
    fn default() -> Self {
        Self {
            keep_derivations: true,
            keep_outputs: false,
            max_freed: None,
            slice: 500,
            beside_nix: false,
        }
    }
}

/// What a collection does just now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum GcProgress<'p> {
    /// It is known how many paths are alive, and how many are not.
    Planned {
        /// The paths that stay.
        live: usize,
        /// The paths that may go.
        dead: usize,
    },
    /// A path is no longer valid.
    Deleted(&'p StorePath),
    /// Something that was never valid, or is no longer, left the store's directory.
    Leftover(&'p OsStr),
    /// An indirect root that led nowhere was removed.
    StaleRoot(&'p Path),
    /// Files were removed.
    Freed {
        /// How many paths were deleted by now.
        paths: usize,
        /// How many bytes were given back by now.
        bytes: u64,
    },
}

/// What a collection has done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct GcReport {
    /// How many valid paths were deleted.
    pub paths: usize,
    /// How many other entries of the store's directory were removed.
    pub leftovers: usize,
    /// How many links of deduplicated files were removed that nothing shared any more.
    pub links: usize,
    /// How many bytes were given back, by the blocks of files whose last link went.
    pub bytes: u64,
    /// The indirect roots that were removed because they led nowhere.
    pub stale_roots: Vec<PathBuf>,
    /// Whether it stopped because enough was freed.
    pub stopped: bool,
}
