//! What the tests share: databases of every engine, and paths to put into them.

use nix_core::{
    hash::Sha256,
    path_info::PathInfo,
    store_path::{StoreDir, StorePath, StorePathName},
};
use nix_store::db::{Database, DatabaseEngine, DatabaseOptions, Registration};
use tempfile::TempDir;
pub(crate) use test_data::missing;

/// Every kind of database.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Memory,
    Disk(DatabaseEngine),
}

pub(crate) const KINDS: &[Kind] = &[
    Kind::Memory,
    Kind::Disk(DatabaseEngine::Redb),
    #[cfg(feature = "sled")]
    Kind::Disk(DatabaseEngine::Sled),
];

/// Every engine on disk.
pub(crate) const ENGINES: &[DatabaseEngine] = &[
    DatabaseEngine::Redb,
    #[cfg(feature = "sled")]
    DatabaseEngine::Sled,
];

/// Calls `check` with an empty database of every kind; exclusive ones are faster.
pub(crate) fn on_every_engine(check: impl Fn(&Database)) {
    for kind in KINDS {
        let folder = TempDir::new().unwrap();
        check(&kind.open(&folder));
    }
}

impl Kind {
    /// Opens a database of the kind; one on disk keeps what it had.
    pub(crate) fn open(self, folder: &TempDir) -> Database {
        match self {
            Self::Memory => Database::memory(StoreDir::default()),
            Self::Disk(engine) => {
                let options = DatabaseOptions {
                    engine: Some(engine),
                    exclusive: true,
                    ..DatabaseOptions::default()
                };
                open(folder, &options)
            }
        }
    }
}

pub(crate) fn open(folder: &TempDir, options: &DatabaseOptions) -> Database {
    try_open(folder, options).unwrap()
}

pub(crate) fn try_open(
    folder: &TempDir,
    options: &DatabaseOptions,
) -> nix_store::store::Result<Database> {
    Database::open(&folder.path().join("db"), StoreDir::default(), options)
}

/// Returns the path of a name.
pub(crate) fn path(name: &str) -> StorePath {
    let digest = Sha256::of(name.as_bytes());
    let mut short = [0; 20];
    short.copy_from_slice(digest.0.get(..20).unwrap());
    StorePath::new(short, &StorePathName::new(name).unwrap())
}

/// Returns what is known of the path of a name that refers to others.
pub(crate) fn info(name: &str, references: &[&str]) -> PathInfo {
    let mut info = PathInfo::new(path(name), Sha256::of(format!("nar {name}").as_bytes()), 7);
    info.references = references.iter().map(|name| path(name)).collect();
    info.registration_time = 1_700_000_000;
    info
}

/// Returns the registration of the path of a name.
pub(crate) fn object(name: &str, references: &[&str]) -> Registration {
    info(name, references).into()
}

/// Returns the set of the paths of names.
pub(crate) fn paths<const N: usize>(names: [&str; N]) -> std::collections::BTreeSet<StorePath> {
    names.iter().map(|name| path(name)).collect()
}
