//! Objects that go.

use std::collections::BTreeSet;

use nix_core::store_path::StorePath;

use super::LocalStore;
use crate::store::{Deleted, Result};

/// How many paths leave their places under one set of locks.
const LOCKED_MAX: usize = 64;

impl LocalStore {
    pub(super) fn delete_paths(&self, paths: &BTreeSet<StorePath>) -> Result<Deleted> {
        self.writable()?;
        // A crash after this leaves files that nobody speaks of, not a path without files.
        let paths = self.database().delete(paths)?;
        let bytes = self.remove_files(&paths)?;
        Ok(Deleted { paths, bytes })
    }

    /// Removes the files of paths that are not valid any more, and returns the bytes given back:
    /// those of files without other links. A path that has become valid again meanwhile is left
    /// alone.
    ///
    /// The files leave their places one by one, each in one step, and are removed after that.
    ///
    /// # Errors
    /// Fails when the file system does; the others then remain as invalid leftovers.
    pub(crate) fn remove_files(&self, paths: &BTreeSet<StorePath>) -> Result<u64> {
        if paths.is_empty() {
            return Ok(0);
        }
        let private = self.private_dir()?;
        let paths: Vec<_> = paths.iter().collect();
        for paths in paths.chunks(LOCKED_MAX) {
            let _locks = self.lock(paths.iter().copied())?;
            for path in self.not_valid(paths)? {
                self.move_aside(&private, path)?;
            }
        }
        private.clear()
    }

    fn not_valid<'p>(&self, paths: &[&'p StorePath]) -> Result<Vec<&'p StorePath>> {
        let _hold = self.database().hold_to_read()?;
        let mut found = Vec::new();
        for path in paths {
            if !self.database().is_valid(path)? {
                found.push(*path);
            }
        }
        Ok(found)
    }
}
