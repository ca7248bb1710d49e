//! Stores in a folder of their own, filled with trees of files.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use nix_core::{
    content_address::{ContentAddressMethod, MethodAlgorithm},
    hash::Algorithm,
    path_info::PathInfo,
    store_path::{References, StorePath},
};
use nix_io::nar::{Encoder, Event, NarLimits};
use nix_store::{
    StoreDir,
    local::{LocalOptions, LocalStore, StoreLayout},
    store::{NewObject, WriteStore},
};
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps};
pub(crate) use test_data::missing;

/// A folder that is removed with all that is in it, whatever its permissions.
pub(crate) struct Place(pub(crate) tempfile::TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Opens a store in the folder.
    pub(crate) fn store(&self, name: &str) -> LocalStore {
        self.store_with(name, &options())
    }

    pub(crate) fn store_with(&self, name: &str, options: &LocalOptions) -> LocalStore {
        let layout = StoreLayout::below(self.path(name), StoreDir::default());
        LocalStore::open(layout, options).expect("a store")
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

/// Returns options for stores that need not survive a loss of power.
pub(crate) fn options() -> LocalOptions {
    LocalOptions {
        fsync: false,
        ..LocalOptions::default()
    }
}

#[derive(Clone)]
pub(crate) enum Tree {
    File(Vec<u8>),
    Executable(Vec<u8>),
    Link(&'static str),
    Directory(Vec<(&'static str, Tree)>),
}

pub(crate) fn file(contents: &str) -> Tree {
    Tree::File(contents.as_bytes().to_vec())
}

impl Tree {
    pub(crate) fn archive(&self) -> Vec<u8> {
        let mut encoder = Encoder::new(NarLimits::default());
        let mut bytes = Vec::new();
        self.encode(&mut encoder, &mut bytes);
        encoder.finish().expect("a whole tree");
        bytes
    }

    fn encode(&self, encoder: &mut Encoder, bytes: &mut Vec<u8>) {
        let mut encode = |event| encoder.encode(event, bytes).expect("an event");
        match self {
            Self::File(contents) | Self::Executable(contents) => {
                encode(Event::Regular {
                    executable: matches!(self, Self::Executable(_)),
                    size: contents.len() as u64,
                    offset: 0,
                });
                if !contents.is_empty() {
                    encode(Event::Contents(contents));
                }
                encode(Event::RegularEnd);
            }
            Self::Link(target) => encode(Event::Symlink {
                target: target.as_bytes(),
            }),
            Self::Directory(entries) => {
                encode(Event::Directory);
                for (name, tree) in entries {
                    let name = name.as_bytes();
                    encoder
                        .encode(Event::Entry { name }, bytes)
                        .expect("an entry");
                    tree.encode(encoder, bytes);
                }
                encoder.encode(Event::DirectoryEnd, bytes).expect("an end");
            }
        }
    }
}

/// Adds a tree that refers to others, and returns what is known of it.
pub(crate) fn add_referring(
    store: &LocalStore,
    name: &str,
    tree: &Tree,
    others: &[&StorePath],
) -> PathInfo {
    let object = NewObject {
        name: name.parse().expect("a name"),
        how: MethodAlgorithm {
            method: ContentAddressMethod::Nar,
            algorithm: Algorithm::Sha256,
        },
        references: References {
            others: others.iter().map(|path| (*path).clone()).collect(),
            self_reference: false,
        },
    };
    store
        .add(&object, &mut &tree.archive()[..])
        .expect("an object")
}

pub(crate) fn add(store: &LocalStore, name: &str, tree: &Tree) -> PathInfo {
    add_referring(store, name, tree, &[])
}

/// Returns an object with one of each kind of file.
pub(crate) fn sample() -> Tree {
    Tree::Directory(vec![
        (
            "bin",
            Tree::Directory(vec![("run", Tree::Executable(b"#!/bin/sh\n".to_vec()))]),
        ),
        ("empty", file("")),
        ("large", Tree::File(b"0123456789abcdef".repeat(9000))),
        ("link", Tree::Link("bin/run")),
        ("plain", file("#!/bin/sh\n")),
    ])
}

/// Returns what lies below a folder, by its path relative to it, without what is no object.
pub(crate) fn nodes(folder: &Path) -> BTreeMap<PathBuf, fs::Metadata> {
    let mut found = BTreeMap::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(below) = folders.pop() {
        for entry in fs::read_dir(folder.join(&below)).expect("a folder") {
            let name = entry.expect("an entry").file_name();
            if below.as_os_str().is_empty() && (name == ".links" || name == ".netabase") {
                continue;
            }
            let path = below.join(name);
            let metadata = fs::symlink_metadata(folder.join(&path)).expect("a node");
            if metadata.is_dir() {
                folders.push(path.clone());
            }
            found.insert(path, metadata);
        }
    }
    found
}

/// Returns which files of the objects below a folder are one, as sets of paths.
pub(crate) fn partition(folder: &Path) -> BTreeSet<BTreeSet<PathBuf>> {
    let mut files: BTreeMap<u64, BTreeSet<PathBuf>> = BTreeMap::new();
    for (path, metadata) in nodes(folder) {
        if !metadata.is_dir() {
            files.entry(metadata.ino()).or_default().insert(path);
        }
    }
    files.into_values().collect()
}

/// Asserts that every file and directory has the permissions and the time of an object.
pub(crate) fn assert_canonical(folder: &Path) {
    for (path, metadata) in nodes(folder) {
        assert_eq!(
            (metadata.mtime(), metadata.mtime_nsec()),
            (1, 0),
            "{path:?}"
        );
        let mode = metadata.mode() & 0o7777;
        let is_canonical = match metadata.is_dir() {
            true => mode == 0o555,
            false => metadata.is_symlink() || mode == 0o444 || mode == 0o555,
        };
        assert!(is_canonical, "{path:?} {mode:o}");
    }
}

pub(crate) fn inode(path: impl AsRef<Path>) -> u64 {
    fs::symlink_metadata(path).expect("a node").ino()
}

pub(crate) fn set_mode(path: impl AsRef<Path>, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
}

/// Sets the time of modification.
pub(crate) fn set_time(path: impl AsRef<Path>, seconds: i64) {
    let time = Timespec {
        tv_sec: seconds,
        tv_nsec: 0,
    };
    let times = Timestamps {
        last_access: time,
        last_modification: time,
    };
    let flags = AtFlags::SYMLINK_NOFOLLOW;
    rustix::fs::utimensat(CWD, path.as_ref(), &times, flags).expect("a time");
}

/// Writes other contents into a file, as a bad disk does: its metadata stay as they are.
pub(crate) fn corrupt(path: &Path, contents: &[u8]) {
    let mode = fs::metadata(path).expect("a file").mode();
    set_mode(path, 0o644);
    fs::write(path, contents).expect("a file that can be written");
    set_mode(path, mode & 0o7777);
    set_time(path, 1);
}

/// Flips one bit of a file.
pub(crate) fn flip(path: &Path) {
    let mut contents = fs::read(path).expect("a file");
    let middle = contents.len() / 2;
    *contents.get_mut(middle).expect("a byte") ^= 1;
    corrupt(path, &contents);
}

/// Removes a file or a directory of an object, whose directory is as before after that.
pub(crate) fn remove(path: &Path) {
    let parent = path.parent().expect("a parent");
    let metadata = fs::metadata(parent).expect("a folder");
    set_mode(parent, 0o755);
    if fs::symlink_metadata(path).expect("a node").is_dir() {
        for (below, metadata) in nodes(path) {
            if metadata.is_dir() {
                set_mode(path.join(below), 0o755);
            }
        }
        set_mode(path, 0o755);
        fs::remove_dir_all(path).expect("a folder that can be removed");
    } else {
        fs::remove_file(path).expect("a file that can be removed");
    }
    set_mode(parent, metadata.mode() & 0o7777);
    set_time(parent, metadata.mtime());
}

/// Asserts that no operation left its private directory.
pub(crate) fn assert_tidy(store: &LocalStore) {
    let folder = store.layout().real_store_dir.join(".netabase");
    let Ok(entries) = fs::read_dir(&folder) else {
        return;
    };
    for entry in entries {
        let name = entry.expect("an entry").file_name();
        assert!(!name.to_string_lossy().starts_with("tmp-"), "{name:?}");
    }
}
