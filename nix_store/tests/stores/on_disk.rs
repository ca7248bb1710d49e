//! Stores of files.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use nix_core::{
    signature::TrustedKeys,
    store_path::{StoreDir, StorePath},
};
use nix_io::nar::{self, UnpackOptions};
use nix_store::local::{LocalOptions, LocalStore, StoreLayout};
use tempfile::TempDir;

use crate::Subject;

/// A store of files in a folder of its own.
pub(crate) struct Local {
    store: LocalStore,
    folder: TempDir,
}

impl Local {
    fn with(trusted_keys: Option<TrustedKeys>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let layout = StoreLayout::below(folder.path(), StoreDir::default());
        let options = LocalOptions {
            trusted_keys,
            exclusive: true,
            fsync: false,
            ..LocalOptions::default()
        };
        let store = LocalStore::open(layout, &options).expect("a store");
        Self { store, folder }
    }
}

impl Subject for Local {
    type Store = LocalStore;

    const MODEL_CASES: u32 = 4;

    fn new() -> Self {
        Self::with(None)
    }

    fn with_trusted_keys(keys: TrustedKeys) -> Self {
        Self::with(Some(keys))
    }

    fn store(&self) -> &LocalStore {
        &self.store
    }

    fn place(&self, path: &StorePath, nar: &[u8]) {
        let real = self.store.real_path(path);
        if let Ok(metadata) = fs::symlink_metadata(&real) {
            if metadata.is_dir() {
                fs::set_permissions(&real, fs::Permissions::from_mode(0o700)).expect("a mode");
            }
            let aside = tempfile::tempdir_in(&self.folder).expect("a folder").keep();
            fs::rename(&real, aside.join("object")).expect("moved aside");
        }
        let unpacked = nar::unpack(nar, real, &UnpackOptions::default());
        unpacked.expect("an archive");
    }
}

impl Drop for Local {
    /// Lets everything be removed by who is not root.
    fn drop(&mut self) {
        let mut open = vec![self.folder.path().to_owned()];
        while let Some(folder) = open.pop() {
            let writable = fs::Permissions::from_mode(0o700);
            fs::set_permissions(&folder, writable).expect("a mode");
            open.extend(folders(&folder));
        }
    }
}

fn folders(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder");
    let entries = entries.map(|entry| entry.expect("an entry"));
    let folders = entries.filter(|entry| entry.file_type().expect("a type").is_dir());
    folders.map(|entry| entry.path()).collect()
}
