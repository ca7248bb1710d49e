//! Making a store as small as its data: a copy that takes the place of the original.

use std::path::Path;

use super::RawStore;
use crate::{
    backends::{Engine, OpenBackend},
    copy::{beside, remove, rename, write_copy},
    error::Result,
    options::StoreOptions,
};

impl<B: OpenBackend> RawStore<B> {
    /// Rewrites the store at `path` so that it takes no more room than its data needs.
    ///
    /// A copy is written to `path` with `.partial` after it, brought to disk, and put in the place of
    /// the original. A file is replaced in one step: whatever happens, `path` is the old store or the
    /// new one. A folder is moved to `path` with `.old` after it first; should the machine stop right
    /// then, the next call moves it back. While a folder is compacted nobody else may write to it.
    ///
    /// # Errors
    /// Fails when the store cannot be opened for writing, or when an engine or the file system fails;
    /// then the original is as it was.
    pub fn compact(path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let (partial, old) = (beside(path, "partial"), beside(path, "old"));
        let is_folder = B::ENGINE == Engine::Sled;
        if is_folder && !path.exists() && old.exists() {
            rename(&old, path)?;
        }
        let store = Self::open(path, &StoreOptions::new())?;
        let (reader, tables) = store.all_tables()?;
        remove(&partial)?;
        if let Err(error) = write_copy::<B, B>(&reader, &tables, &partial) {
            // The first failure is the one to tell; the next call removes what stays.
            let _ = remove(&partial);
            return Err(error);
        }
        if !is_folder {
            // The store stays open, and locked, until its file has no name any more.
            let moved = rename(&partial, path);
            drop((reader, store));
            return moved;
        }
        drop((reader, store));
        remove(&old)?;
        rename(path, &old)?;
        if let Err(error) = rename(&partial, path) {
            rename(&old, path)?;
            return Err(error);
        }
        remove(&old)
    }
}
