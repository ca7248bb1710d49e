//! The database of a store: which paths are valid, and everything known of them.

mod changes;
mod delete;
mod derivations;
mod engine;
mod gate;
mod idle;
mod lock;
mod questions;
mod register;
mod rows;
mod walk;

use std::{path::Path, sync::Arc};

use nix_core::{derivation::Derivation, path_info::PathInfo, store_path::StoreDir};

pub use self::{engine::DatabaseEngine, gate::Hold};
use self::{
    engine::{Engine, Files},
    gate::{Gate, Pass, Purpose},
    idle::GateHandle,
};
use crate::store::{DerivationChecks, Error, Result};

/// How many bytes of pages the engine keeps in memory, unless told otherwise.
const CACHE_BYTES: usize = 64 << 20;

/// How a database is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseOptions {
    /// The engine; none for that of the database that is there, or redb where there is none.
    pub engine: Option<DatabaseEngine>,
    /// Whether nothing is written: the database must exist, and changes are refused. On sled, which
    /// cannot open otherwise, the engine's own files are written all the same.
    pub read_only: bool,
    /// Whether the files are open as long as the handle, so that other processes are kept out.
    /// Otherwise they are opened for each operation, or for each [`Hold`], and all get their turn;
    /// after one that reads they stay open for a moment, some milliseconds and no longer than anybody
    /// waits for them, since many reads often come one after the other.
    pub exclusive: bool,
    /// Whether to wait for others who have the database open; otherwise they are an error.
    pub wait: bool,
    /// How many bytes of pages the engine keeps in memory while it is open.
    pub cache_bytes: usize,
}

impl Default for DatabaseOptions {
    /// Writes, waits, and lets other processes have their turn.
    fn default() -> Self {
        Self {
            engine: None,
            read_only: false,
            exclusive: false,
            wait: true,
            cache_bytes: CACHE_BYTES,
        }
    }
}

/// A path to become valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// What is known of it.
    pub info: PathInfo,
    /// What it says, where it is a derivation.
    pub derivation: Option<Derivation>,
}

impl From<PathInfo> for Registration {
    fn from(info: PathInfo) -> Self {
        Self {
            info,
            derivation: None,
        }
    }
}

/// The valid paths of a store and what is known of them, in the typed trees of
/// [`models`](super::models).
///
/// A cheap handle: clones share one database, as do all handles of a process on one directory.
/// Every answer is of one moment, and every change is whole or absent, also after a crash; when a
/// change returns it is on disk. References are kept whole: what a valid path refers to is valid.
///
/// Errors are of [`Error::Database`] where the engine fails or finds its file damaged, of
/// [`Error::Row`] where a row does not say what it should, and of [`Error::Busy`] where the handle
/// is not to wait for others.
///
/// # Examples
/// ```
/// use nix_core::{hash::Sha256, path_info::PathInfo};
/// use nix_store::{StoreDir, db::Database};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let dir = StoreDir::default();
/// let library = dir.parse("/nix/store/g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-library")?;
/// let program = dir.parse("/nix/store/h1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-program")?;
/// let mut info = PathInfo::new(program.clone(), Sha256::of(b"the program"), 11);
/// info.references.insert(library.clone());
///
/// let database = Database::memory(dir);
/// let refused = database.register(&[info.clone().into()]).unwrap_err();
/// assert_eq!(refused.to_string(), format!("{program} refers to {library}, which is not valid"));
///
/// let needed = PathInfo::new(library.clone(), Sha256::of(b"the library"), 11);
/// database.register(&[info.into(), needed.into()])?;
/// assert_eq!(database.referrers(&library)?, [program].into());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Database {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// Where the handle is exclusive. Dropped before the gate.
    _pass: Option<Pass>,
    gate: GateHandle,
    store_dir: StoreDir,
    read_only: bool,
    wait: bool,
    checks: DerivationChecks,
}

impl Database {
    /// Opens the database in a directory, or makes it there; one that an older version made gets
    /// the trees that it lacks.
    ///
    /// # Errors
    /// Fails when the directory cannot be made or read, when what lies there is no database of this
    /// kind, or one of another engine, and, for a handle that is to be exclusive and not to wait,
    /// when it is open elsewhere.
    pub fn open(dir: &Path, store_dir: StoreDir, options: &DatabaseOptions) -> Result<Self> {
        if !options.read_only {
            lock::make_dir(dir)?;
        }
        let files = Files {
            dir: dir.to_owned(),
            engine: options.engine,
            cache_bytes: options.cache_bytes,
        };
        files.kind()?;
        let gate = GateHandle::new(Gate::files(files, options.read_only)?);
        let purpose = match (options.read_only, options.exclusive) {
            (true, _) => Purpose::ReadOnly,
            (false, true) => Purpose::Write,
            (false, false) => Purpose::Read,
        };
        let pass = match options.exclusive {
            true => gate.enter_to_stay(purpose, options.wait)?,
            false => gate.enter(purpose, options.wait)?,
        };
        Ok(Self::new(Shared {
            _pass: options.exclusive.then_some(pass),
            gate,
            store_dir,
            read_only: options.read_only,
            wait: options.wait,
            checks: DerivationChecks::default(),
        }))
    }

    /// Returns a database in memory, which ends with its last handle.
    #[must_use]
    pub fn memory(store_dir: StoreDir) -> Self {
        Self::new(Shared {
            _pass: None,
            gate: GateHandle::new(Gate::memory()),
            store_dir,
            read_only: false,
            wait: true,
            checks: DerivationChecks::default(),
        })
    }

    fn new(shared: Shared) -> Self {
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Returns the directory that paths are printed with.
    #[must_use]
    pub fn store_dir(&self) -> &StoreDir {
        &self.shared.store_dir
    }

    /// Opens the database until the guard is dropped, for many operations one after the other.
    ///
    /// # Errors
    /// Fails when the database cannot be opened, and when this thread reads only, by
    /// [`hold_to_read`](Self::hold_to_read) or in [`for_each_path`](Self::for_each_path).
    pub fn hold(&self) -> Result<Hold> {
        let purpose = match self.purpose() {
            Purpose::ReadOnly => Purpose::ReadOnly,
            Purpose::Read | Purpose::Write => Purpose::Write,
        };
        self.enter_to_stay(purpose)
    }

    /// Opens the database for reading until the guard is dropped; others may read meanwhile.
    ///
    /// A change by the same thread is then refused, unless the database is open for writing already.
    ///
    /// # Errors
    /// Fails when the database cannot be opened.
    pub fn hold_to_read(&self) -> Result<Hold> {
        self.enter_to_stay(self.purpose())
    }

    fn purpose(&self) -> Purpose {
        if self.shared.read_only {
            Purpose::ReadOnly
        } else {
            Purpose::Read
        }
    }

    fn enter(&self, purpose: Purpose) -> Result<Pass> {
        self.shared.gate.enter(purpose, self.shared.wait)
    }

    fn enter_to_stay(&self, purpose: Purpose) -> Result<Hold> {
        let pass = self.shared.gate.enter_to_stay(purpose, self.shared.wait);
        Ok(pass?.into_hold())
    }

    fn reading<T>(
        &self,
        purpose: Purpose,
        answer: impl FnOnce(&Engine, &StoreDir) -> Result<T>,
    ) -> Result<T> {
        let pass = self.enter(purpose)?;
        answer(pass.engine(), self.store_dir())
    }

    fn writing<T>(&self, change: impl FnOnce(&Engine, &StoreDir) -> Result<T>) -> Result<T> {
        if self.shared.read_only {
            return Err(Error::ReadOnly);
        }
        self.reading(Purpose::Write, change)
    }
}
