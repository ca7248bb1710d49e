//! Stores whose objects are files.
//!
//! [`LocalStore`] is the store that Nix calls `local`: objects lie in a directory, a database says
//! which of them are valid. What is valid is whole: an object is unpacked in a private directory,
//! compared with what is said of it, put on the disk, given its name, and only then registered.
//!
//! ```
//! use nix_core::store_path::StorePathName;
//! use nix_store::{StoreDir, local::{LocalOptions, LocalStore, StoreLayout}, store::ReadStore};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let root = tempfile::tempdir()?;
//! let layout = StoreLayout::below(root.path(), StoreDir::default());
//! let store = LocalStore::open(layout, &LocalOptions::default())?;
//!
//! let name = StorePathName::new("greeting")?;
//! let info = store.add_text(&name, b"hello", &Default::default())?;
//! assert_eq!(
//!     store.store_dir().print(&info.path),
//!     "/nix/store/5akl8zsmda0yrr63v4khwgskih2g2hsh-greeting",
//! );
//! assert_eq!(std::fs::read(store.real_path(&info.path))?, b"hello");
//! # Ok(())
//! # }
//! ```

mod add;
mod batch;
mod build;
mod canonical;
mod delete;
mod export;
mod files;
mod import;
mod layout;
mod locks;
mod open;
mod options;
mod output;
mod private;
mod publish;
mod read;
mod reference;
mod register;
mod remove;
mod scan;
mod share;
mod source;
mod write;

use std::{
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use nix_core::store_path::StorePath;

use self::locks::PathLocks;
pub use self::{
    batch::Batch,
    build::RegisteredBuild,
    import::ImportError,
    layout::StoreLayout,
    options::LocalOptions,
    output::BuiltOutput,
    reference::{LocalReference, LocalReferenceError},
    share::NotShared,
};
pub(crate) use self::{
    canonical::{EXECUTABLE, READABLE, TIMES},
    private::PrivateDir,
    publish::Unpacked,
};
use crate::{
    db::Database,
    gc::{GcLock, TempRoots},
    store::{Error, Result},
};

/// A store whose objects are files. Clones share one handle.
///
/// Every handle and every process may change a store at the same time. Objects that were added
/// through a handle are temporary roots of this process: garbage collection spares them until the
/// last handle is dropped.
///
/// | directory | holds |
/// | --- | --- |
/// | `real_store_dir/.netabase/tmp-<pid>-<random>` | what one operation has not finished; locked while it runs |
/// | `real_store_dir/.netabase/locks` | locks of paths, 256 empty files |
#[derive(Clone, Debug)]
pub struct LocalStore {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    layout: StoreLayout,
    options: LocalOptions,
    database: Database,
    /// The directory of the objects.
    directory: OwnedFd,
    /// Made by the first change.
    temp_roots: Mutex<Option<TempRoots>>,
    not_shared: Mutex<Option<NotShared>>,
}

impl LocalStore {
    /// Returns where its files lie.
    #[must_use]
    pub fn layout(&self) -> &StoreLayout {
        &self.inner.layout
    }

    /// Returns how it was opened.
    #[must_use]
    pub fn options(&self) -> &LocalOptions {
        &self.inner.options
    }

    /// Returns the database that says what is valid.
    ///
    /// What is registered or deleted there directly is not compared with the files. While it is held,
    /// by [`Database::hold`], only the database may be changed: whoever changes the store takes the
    /// locks of paths first, and would wait for each other.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.inner.database
    }

    /// Returns where the files of an object lie.
    #[must_use]
    pub fn real_path(&self, path: &StorePath) -> PathBuf {
        self.layout().real_path(path)
    }

    /// Returns the open directory of the objects.
    pub(crate) fn directory(&self) -> BorrowedFd<'_> {
        self.inner.directory.as_fd()
    }

    /// Fails where the store may only be read.
    pub(crate) fn writable(&self) -> Result<()> {
        if self.options().read_only {
            return Err(Error::ReadOnly);
        }
        Ok(())
    }

    /// Makes a private directory on the file system of the objects.
    pub(crate) fn private_dir(&self) -> Result<PrivateDir> {
        self.writable()?;
        PrivateDir::new(self.directory(), &self.layout().real_store_dir)
    }

    /// Waits for the locks of paths; who holds some takes no more.
    pub(crate) fn lock<'p>(
        &self,
        paths: impl IntoIterator<Item = &'p StorePath>,
    ) -> Result<PathLocks> {
        self.writable()?;
        PathLocks::take(self.directory(), &self.layout().real_store_dir, paths)
    }

    /// Makes paths temporary roots, so that a collection that begins or goes on spares them.
    pub(crate) fn protect<'p>(&self, paths: impl IntoIterator<Item = &'p StorePath>) -> Result<()> {
        let roots = self.inner.temp_roots.lock();
        let mut roots = roots.unwrap_or_else(PoisonError::into_inner);
        let _lock = GcLock::shared(self.layout())?;
        let roots = match &mut *roots {
            Some(roots) => roots,
            roots => roots.insert(TempRoots::open(self.layout())?),
        };
        for path in paths {
            roots.add(path)?;
        }
        Ok(())
    }

    /// Fails when one of the references of an object is not valid, its own path apart.
    pub(crate) fn check_references<'r>(
        &self,
        path: &StorePath,
        references: impl IntoIterator<Item = &'r StorePath>,
    ) -> Result<()> {
        for reference in references {
            if reference != path && !self.database().is_valid(reference)? {
                let path = path.clone();
                let reference = reference.clone();
                return Err(Error::ReferenceNotValid { path, reference });
            }
        }
        Ok(())
    }
}
