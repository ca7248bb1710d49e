//! Where the files of a local store lie.

use std::path::{Path, PathBuf};

use nix_core::store_path::{StoreDir, StorePath};

/// The directories of a store on disk, as Nix has them.
///
/// | what | where |
/// | --- | --- |
/// | objects | `real_store_dir/<base name>` |
/// | links of deduplicated files | `real_store_dir/.links` |
/// | databases and locks | `state_dir/db` |
/// | roots | `state_dir/gcroots`, `state_dir/profiles`, `state_dir/temproots` |
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreLayout {
    /// The directory that paths are printed with.
    pub store_dir: StoreDir,
    /// The directory that objects lie in.
    pub real_store_dir: PathBuf,
    /// The directory of databases, locks and roots.
    pub state_dir: PathBuf,
}

impl StoreLayout {
    /// Returns the layout of a store below `root`, as of `local?root=...`: paths are printed with
    /// `store_dir` and lie in `root` followed by `store_dir`; the state is in `root/nix/var/nix`.
    ///
    /// # Examples
    /// ```
    /// use nix_store::{StoreDir, local::StoreLayout};
    ///
    /// let layout = StoreLayout::below("/mnt", StoreDir::default());
    /// assert_eq!(layout.real_store_dir, std::path::Path::new("/mnt/nix/store"));
    /// assert_eq!(layout.state_dir, std::path::Path::new("/mnt/nix/var/nix"));
    /// ```
    #[must_use]
    pub fn below(root: impl AsRef<Path>, store_dir: StoreDir) -> Self {
        let root = root.as_ref();
        Self {
            real_store_dir: root.join(store_dir.as_str().trim_start_matches('/')),
            state_dir: root.join("nix/var/nix"),
            store_dir,
        }
    }

    /// Returns where the files of an object lie.
    #[must_use]
    pub fn real_path(&self, path: &StorePath) -> PathBuf {
        self.real_store_dir.join(path.base_name())
    }

    /// Returns the directory of hard links by which files are shared.
    #[must_use]
    pub fn links_dir(&self) -> PathBuf {
        self.real_store_dir.join(".links")
    }

    /// Returns the directory of databases and locks.
    #[must_use]
    pub fn db_dir(&self) -> PathBuf {
        self.state_dir.join("db")
    }

    /// Returns the directory of temporary roots, one file a process.
    #[must_use]
    pub fn temp_roots_dir(&self) -> PathBuf {
        self.state_dir.join("temproots")
    }
}
