//! What several tests share.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use nix_core::{
    hash::Sha256,
    path_info::PathInfo,
    store_path::{StoreDir, StorePath, StorePathName},
};
use nix_store::{
    db::Registration,
    gc::{self, GcOptions, GcProgress, GcReport},
    local::{LocalOptions, LocalStore, StoreLayout},
};

/// A folder that is removed with all that was made in it.
pub(crate) struct Place(tempfile::TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn layout(&self) -> StoreLayout {
        layout(self.0.path())
    }

    /// Returns the full path that an object is printed with.
    pub(crate) fn print(&self, path: &StorePath) -> String {
        self.layout().store_dir.print(path)
    }

    /// Opens the store; what handles that are gone have added is no temporary root any more.
    pub(crate) fn store(&self) -> LocalStore {
        open(self.layout())
    }

    /// Adds text files that refer to each other and forgets the temporary roots.
    pub(crate) fn add(&self, name: &str, references: &[&StorePath]) -> StorePath {
        add(&self.store(), name, references)
    }

    /// Makes a file below the state directory.
    pub(crate) fn state(&self, name: &str) -> PathBuf {
        let path = self.layout().state_dir.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        path
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut folders = vec![self.0.path().to_owned()];
        while let Some(folder) = folders.pop() {
            // What cannot be opened up stays behind, and fails no test.
            let _ = fs::set_permissions(&folder, fs::Permissions::from_mode(0o700));
            let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
            let below = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
            folders.extend(below.map(|entry| entry.path()));
        }
    }
}

/// Returns the layout of a store whose paths nobody else on the machine has, where they would be
/// roots of this one if processes mentioned them.
pub(crate) fn layout(root: &Path) -> StoreLayout {
    let store_dir = root.join("logical");
    let store_dir = StoreDir::new(store_dir.to_str().expect("UTF-8")).expect("a store dir");
    StoreLayout {
        store_dir,
        real_store_dir: root.join("store"),
        state_dir: root.join("state"),
    }
}

pub(crate) fn open(layout: StoreLayout) -> LocalStore {
    let options = LocalOptions {
        fsync: false,
        ..LocalOptions::default()
    };
    LocalStore::open(layout, &options).expect("a store")
}

pub(crate) fn add(store: &LocalStore, name: &str, references: &[&StorePath]) -> StorePath {
    let references = references.iter().copied().cloned().collect();
    let name = StorePathName::new(name).expect("a name");
    let info = store.add_text(&name, name.as_str().as_bytes(), &references);
    info.expect("a path").path
}

/// Adds many text files at once, each referring to one path or to none.
pub(crate) fn add_all(store: &LocalStore, names: &[String], reference: Option<&StorePath>) {
    let register = |name: &String| {
        let digest = Sha256::of(name.as_bytes()).0;
        let digest = digest.first_chunk().expect("a digest has 32 bytes");
        let path = StorePath::new(*digest, &StorePathName::new(name).expect("a name"));
        fs::write(store.real_path(&path), name).expect("a file");
        let mut info = PathInfo::new(path, Sha256::of(name.as_bytes()), 120);
        info.references.extend(reference.cloned());
        let derivation = None;
        Registration { info, derivation }
    };
    let objects: Vec<_> = names.iter().map(register).collect();
    store
        .database()
        .register(&objects)
        .expect("they are registered");
}

/// A path that no test adds.
pub(crate) fn unknown(name: &str) -> StorePath {
    let base_name = format!("g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-{name}");
    StorePath::from_base_name(&base_name).expect("a path")
}

pub(crate) fn collect(store: &LocalStore, options: &GcOptions) -> GcReport {
    gc::collect(store, options, &mut |_| {}).expect("a collection")
}

/// Collects, and does something once it is known what is dead.
pub(crate) fn collect_after_plan(
    store: &LocalStore,
    options: &GcOptions,
    act: impl FnOnce(),
) -> GcReport {
    let mut act = Some(act);
    let mut progress = |progress: &GcProgress<'_>| {
        if matches!(progress, GcProgress::Planned { .. }) {
            act.take().expect("there is one plan")();
        }
    };
    gc::collect(store, options, &mut progress).expect("a collection")
}

/// Returns the valid paths, having checked that each has its files.
pub(crate) fn valid(store: &LocalStore) -> BTreeSet<StorePath> {
    let valid = store.database().valid_paths().expect("paths");
    for path in &valid {
        assert!(store.real_path(path).symlink_metadata().is_ok(), "{path}");
    }
    valid
}

/// Returns the names in a directory of objects that are no part of the store's own.
pub(crate) fn entries(real_store_dir: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(real_store_dir).expect("a folder");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    let names = names.map(|name| name.into_string().expect("UTF-8"));
    names
        .filter(|name| !matches!(&name[..], ".links" | ".netabase"))
        .collect()
}

pub(crate) fn set<const N: usize>(paths: [&StorePath; N]) -> BTreeSet<StorePath> {
    paths.into_iter().cloned().collect()
}
