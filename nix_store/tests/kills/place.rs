//! Stores in a folder of their own, and what has to hold of each whenever it is opened.

use std::{
    collections::BTreeSet,
    fs::{self, File, TryLockError},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use nix_core::{hash::Sha256, nix32, store_path::StorePath};
use nix_io::nar::{self, PackOptions};
use nix_store::{
    StoreDir,
    local::{LocalOptions, LocalStore, StoreLayout},
    store::ReadStore,
    verify::{Problem, VerifyOptions, verify},
};
use tempfile::TempDir;

use crate::harness::is_child;

/// A folder that is removed with all that is in it, whatever its permissions.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(folder())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Opens a store in the folder that no other process uses meanwhile.
    pub(crate) fn store(&self, name: &str) -> LocalStore {
        open_with(&self.path(name), true)
    }
}

/// Makes a folder in memory where there is such a place: what a process has written is there when it
/// is dead, on any file system, and only a loss of power would make a difference. That of a child is in
/// the folder that it works in, since nobody removes it when the child is dead.
pub(crate) fn folder() -> TempDir {
    let in_memory = (!is_child()).then(|| tempfile::tempdir_in("/dev/shm"));
    match in_memory {
        Some(Ok(folder)) => folder,
        _ => tempfile::tempdir().expect("a folder"),
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        open_up(self.0.path());
    }
}

/// Makes a folder and those below it ones that can be removed.
pub(crate) fn open_up(folder: &Path) {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        // What cannot be opened up stays behind, and fails no test.
        let _ = fs::set_permissions(&folder, fs::Permissions::from_mode(0o700));
        let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
        let below = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        folders.extend(below.map(|entry| entry.path()));
    }
}

/// Opens a store for a child, which shares it.
pub(crate) fn open(root: &Path) -> LocalStore {
    open_with(root, false)
}

/// Opens a store whose paths are printed with a directory that no process of this machine mentions,
/// where a collector would find roots.
fn open_with(root: &Path, exclusive: bool) -> LocalStore {
    let layout = StoreLayout {
        store_dir: StoreDir::new("/nowhere/store").expect("a directory"),
        real_store_dir: root.join("store"),
        state_dir: root.join("state"),
    };
    // Only a loss of power would show whether it was waited for the disk.
    let options = LocalOptions {
        fsync: false,
        exclusive,
        ..LocalOptions::default()
    };
    LocalStore::open(layout, &options).expect("a store")
}

/// What is in a store.
pub(crate) struct Found {
    pub(crate) valid: BTreeSet<StorePath>,
    /// What lies in the store's directory without being valid.
    pub(crate) leftovers: usize,
}

impl Found {
    #[track_caller]
    pub(crate) fn has_all<'p>(&self, paths: impl IntoIterator<Item = &'p StorePath>) {
        let lost = paths.into_iter().filter(|path| !self.valid.contains(*path));
        let lost: Vec<_> = lost.collect();
        assert!(lost.is_empty(), "lost: {lost:?}");
    }
}

/// Asserts that all that is valid in a store that was just opened is whole, that nobody's unfinished
/// work is left, and returns what is there.
pub(crate) fn check(store: &LocalStore) -> Found {
    check_temporaries(store.layout());
    check_links(&store.layout().links_dir());
    check_derivations(store);
    let options = VerifyOptions {
        check_contents: true,
        ..VerifyOptions::default()
    };
    let report = verify(store, &options, &mut |_| {}).expect("a store that can be read");
    let (left, wrong): (Vec<_>, Vec<_>) = report
        .problems
        .into_iter()
        .partition(|problem| matches!(problem, Problem::Leftover { .. }));
    assert!(wrong.is_empty(), "{wrong:#?}");
    let valid = store.valid_paths().expect("paths");
    let objects = names(&store.layout().real_store_dir);
    let objects = objects.iter().filter(|name| !name.starts_with('.'));
    for name in objects.clone() {
        // Nothing that is unfinished has the name of an object.
        assert!(StorePath::from_base_name(name).is_ok(), "{name}");
    }
    assert_eq!(objects.count(), valid.len() + left.len());
    Found {
        valid,
        leftovers: left.len(),
    }
}

pub(crate) fn check_temporaries(layout: &StoreLayout) {
    let within = |dir: &Path, known: &[&str]| {
        let names = names(dir);
        let unknown = names.iter().filter(|name| !known.contains(&name.as_str()));
        let unknown: Vec<_> = unknown.collect();
        assert!(unknown.is_empty(), "{}: {unknown:?}", dir.display());
    };
    within(&layout.real_store_dir.join(".netabase"), &["locks"]);
    for lock in names(&layout.real_store_dir.join(".netabase/locks")) {
        assert!(lock.len() == 2, "{lock}");
    }
    let state = &layout.state_dir;
    let known = [
        "db",
        "drv",
        "drv-out",
        "gc-socket",
        "gc.lock",
        "gcroots",
        "profiles",
        "temproots",
    ];
    within(state, &known);
    let database = ["netabase.lock", "netabase.queue", "netabase.redb"];
    within(&layout.db_dir(), &database);
    for roots in names(&layout.temp_roots_dir()) {
        let file = File::open(layout.temp_roots_dir().join(roots)).expect("a file");
        // One that a process holds is that of this one.
        assert!(matches!(file.try_lock(), Err(TryLockError::WouldBlock)));
    }
    within(&state.join("gc-socket"), &["socket"]);
    for folder in ["drv", "drv-out"] {
        let hidden = names(&state.join(folder));
        let mut hidden = hidden.iter().filter(|name| name.starts_with('.'));
        assert!(hidden.all(|name| name == ".lock"), "{folder}");
    }
}

/// Asserts that each link of shared files holds what its name says.
pub(crate) fn check_links(links: &Path) {
    for name in names(links) {
        let mut archive = Vec::new();
        let packed = nar::pack(links.join(&name), &mut archive, &PackOptions::default());
        packed.expect("a link that can be read");
        assert_eq!(nix32::encode(&Sha256::of(&archive).0), name);
    }
}

/// Asserts that derivations have the rows that their files say, and derivation files their names.
pub(crate) fn check_derivations(store: &LocalStore) {
    let database = store.database();
    for path in database.valid_paths().expect("paths") {
        if path.is_derivation() {
            let known = database.derivation(&path).expect("a row").expect("one");
            let text = fs::read(store.real_path(&path)).expect("a file");
            let said = known.to_aterm(store.store_dir()).expect("a text");
            assert_eq!(said, text, "{path}");
        }
    }
    let files = store.drv_files().expect("derivation files");
    let listing = files.list().expect("a directory");
    assert_eq!(listing.foreign, [""; 0].map(PathBuf::from));
    for build_hash in listing.build_hashes {
        files.check(database, &build_hash).expect("its name");
        files.outputs(&build_hash).expect("outputs").expect("some");
    }
}

/// Returns the names in a folder; none where it is missing.
pub(crate) fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    entries
        .map(|entry| name(entry.expect("an entry")))
        .collect()
}
