//! What the tests of local stores share.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use nix_core::{
    content_address::{ContentAddressMethod, MethodAlgorithm},
    hash::{Algorithm, Sha256},
    path_info::PathInfo,
    store_path::{StoreDir, StorePath, StorePathName},
};
use nix_io::nar::{self, PackOptions};
use nix_store::{
    local::{LocalOptions, LocalStore, StoreLayout},
    store::ReadStore,
};
use tempfile::TempDir;
pub(crate) use test_data::missing;

/// A store in a folder of its own, which goes with it.
pub(crate) struct Place {
    pub(crate) store: LocalStore,
    pub(crate) folder: Folder,
}

/// A folder that goes with all that is in it, even what its owner may not write.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let mut open = vec![self.path().to_owned()];
        while let Some(folder) = open.pop() {
            let writable = fs::Permissions::from_mode(0o700);
            fs::set_permissions(&folder, writable).expect("a mode");
            let entries = fs::read_dir(&folder).expect("a folder");
            let entries = entries.map(|entry| entry.expect("an entry"));
            let folders = entries.filter(|entry| entry.file_type().expect("a type").is_dir());
            open.extend(folders.map(|entry| entry.path()));
        }
    }
}

/// Options that do not wait for the disk.
pub(crate) fn quick() -> LocalOptions {
    LocalOptions {
        fsync: false,
        ..LocalOptions::default()
    }
}

impl Place {
    pub(crate) fn new() -> Self {
        Self::with(&quick())
    }

    pub(crate) fn with(options: &LocalOptions) -> Self {
        let folder = Folder::new();
        let store = open(folder.path(), options);
        Self { store, folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Makes a file beside the store.
    pub(crate) fn file(&self, name: &str, contents: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, contents).expect("a file");
        path
    }

    /// Returns what lies in the directory of the objects, ours apart.
    pub(crate) fn objects(&self) -> BTreeSet<String> {
        objects(&self.store)
    }

    /// Returns the names of private directories.
    pub(crate) fn unfinished(&self) -> Vec<String> {
        unfinished(&self.store)
    }
}

pub(crate) fn layout(root: &Path) -> StoreLayout {
    StoreLayout::below(root, StoreDir::default())
}

pub(crate) fn open(root: &Path, options: &LocalOptions) -> LocalStore {
    LocalStore::open(layout(root), options).expect("a store")
}

pub(crate) fn names(folder: &Path) -> BTreeSet<String> {
    let Ok(entries) = fs::read_dir(folder) else {
        return BTreeSet::new();
    };
    let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    entries
        .map(|entry| name(entry.expect("an entry")))
        .collect()
}

pub(crate) fn objects(store: &LocalStore) -> BTreeSet<String> {
    let mut names = names(&store.layout().real_store_dir);
    names.remove(".netabase");
    names
}

pub(crate) fn unfinished(store: &LocalStore) -> Vec<String> {
    let ours = store.layout().real_store_dir.join(".netabase");
    let names = names(&ours).into_iter();
    names.filter(|name| name.starts_with("tmp-")).collect()
}

pub(crate) fn name(text: &str) -> StorePathName {
    StorePathName::new(text).expect("a name")
}

pub(crate) fn recursive() -> MethodAlgorithm {
    method(ContentAddressMethod::Nar, Algorithm::Sha256)
}

pub(crate) fn method(method: ContentAddressMethod, algorithm: Algorithm) -> MethodAlgorithm {
    MethodAlgorithm { method, algorithm }
}

/// Returns the archive of what lies at a path.
pub(crate) fn packed(path: &Path) -> Vec<u8> {
    let mut archive = Vec::new();
    nar::pack(path, &mut archive, &PackOptions::default()).expect("it can be packed");
    archive
}

/// Returns the archive of a file.
pub(crate) fn archive(contents: &[u8]) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("file"), contents).expect("a file");
    packed(&folder.path().join("file"))
}

/// Describes an object that is addressed by how it was built.
pub(crate) fn info(text: &str, archive: &[u8]) -> PathInfo {
    let Sha256(digest) = Sha256::of(text.as_bytes());
    let (digest, _) = digest.split_first_chunk().expect("32 bytes");
    let path = StorePath::new(*digest, &name(text));
    PathInfo::new(path, Sha256::of(archive), archive.len() as u64)
}

/// Compares every valid object's files with what is registered, and returns how many there are.
pub(crate) fn check_all(store: &LocalStore) -> usize {
    let paths = store.valid_paths().expect("the paths");
    for path in &paths {
        let written = store.write_nar(path, &mut std::io::sink());
        written.unwrap_or_else(|error| panic!("{path}: {error:?}"));
    }
    paths.len()
}
