//! Finding store paths in bytes as they come.

use alloc::collections::BTreeSet;

use super::ReferenceScanner;
use crate::store_path::StorePath;

/// Finds which of some store paths the bytes of an object refer to.
///
/// Only hash parts are compared: of two paths that share one, both are found.
///
/// # Examples
/// ```
/// use nix_core::{references::PathScanner, store_path::StorePath};
///
/// let path = StorePath::from_base_name("g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-hello")?;
/// let mut scanner = PathScanner::new([path.clone()]);
/// scanner.update(b"exec /nix/store/g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-hello/bin/hello");
/// assert!(scanner.finish().contains(&path));
/// # Ok::<(), nix_core::store_path::StorePathError>(())
/// ```
#[derive(Debug, Clone)]
pub struct PathScanner {
    paths: BTreeSet<StorePath>,
    scanner: ReferenceScanner,
}

impl PathScanner {
    /// Takes the paths to look for: the inputs of a build and the path of the object itself.
    #[must_use]
    pub fn new(paths: impl IntoIterator<Item = StorePath>) -> Self {
        let paths: BTreeSet<_> = paths.into_iter().collect();
        let scanner = ReferenceScanner::new(paths.iter().map(StorePath::hash_part_bytes));
        Self { paths, scanner }
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.scanner.update(bytes);
    }

    /// Returns the paths that were found.
    #[must_use]
    pub fn finish(self) -> BTreeSet<StorePath> {
        let Self { mut paths, scanner } = self;
        let found: BTreeSet<_> = scanner.found().collect();
        paths.retain(|path| found.contains(&path.hash_part_bytes()));
        paths
    }
}
