//! Nix's own database, `db.sqlite`: asked where it lies, imported, written and exported.
//!
//! [`StoreDb`] answers on a database without importing it, beside a Nix that uses it: by default it
//! takes no lock, makes no file and never migrates. [`NixStore`] adds the objects' files, and is a
//! [`ReadStore`](crate::store::ReadStore). [`import`] reads a database into typed trees, [`export`]
//! makes a database of them that Nix opens as its own. What is known of the schema is Nix's from
//! 2.0 until now (version 10), and the tables of realisations of both kinds.
//!
//! A database may come from anybody. Values of wrong types, malformed texts, rows that refer to
//! nothing and damaged pages are errors that name the table and the row; nothing panics.

mod column;
mod connection;
mod derivations;
mod error;
mod export;
mod exporter;
mod import;
mod live;
mod options;
mod realisation;
mod register;
mod register_realisation;
mod row;
mod schema;
mod snapshot;
mod temp;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use nix_core::{
    path_info::PathInfo,
    store_path::{OutputName, StoreDir, StorePath},
};

use crate::store::{AnyRealisation, Direction, Error, RealisationId, Result as StoreResult};

use self::{
    connection::{Lease, Pool},
    error::SqliteContext,
    snapshot::Snapshot,
};

pub use self::{
    error::{NixDbError, NixDbResult, SqliteError},
    export::{ExportOptions, export},
    exporter::{ExportReport, Exporter},
    import::{ImportOptions, ImportReport, import},
    live::NixStore,
    options::{NixDbAccess, NixDbOptions, SCHEMA_VERSION, SYSTEM_DB},
    register::NewPath,
    schema::NixSchema,
};

/// A database of Nix.
///
/// Each question is answered of one moment. Questions may be asked by several threads, and while
/// [`for_each_path`](Self::for_each_path) runs; each that runs at once has a connection of its own.
///
/// # Examples
/// ```
/// use nix_core::{hash::Sha256, path_info::PathInfo};
/// use nix_store::{StoreDir, nix_db::{NewPath, StoreDb}};
///
/// let dir = StoreDir::default();
/// let db = StoreDb::open_memory(dir.clone())?;
/// let path = dir.parse("/nix/store/g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-hello")?;
/// let mut info = PathInfo::new(path.clone(), Sha256::of(b"the archive"), 11);
/// info.registration_time = 1;
/// info.references.insert(path.clone());
/// db.register_valid_path(&NewPath::new(&info))?;
/// assert_eq!(db.path_info(&path)?, Some(info));
/// assert_eq!(db.referrers(&path)?, [path].into());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct StoreDb {
    pool: Pool,
    store_dir: StoreDir,
}

impl StoreDb {
    /// Opens the database of the system's Nix, [`SYSTEM_DB`], to read it.
    ///
    /// # Errors
    /// Fails as [`open`](Self::open) does.
    pub fn open_system() -> NixDbResult<Self> {
        Self::open(SYSTEM_DB, &NixDbOptions::default())
    }

    /// Opens the file of a database. Where a file `schema` lies beside it, it must say a version that
    /// is known.
    ///
    /// # Errors
    /// Fails when the file is none of SQLite or lacks a table, when the schema is another one, and
    /// when [`Immutable`](NixDbAccess::Immutable) was asked for and a journal has more.
    pub fn open(path: impl AsRef<Path>, options: &NixDbOptions) -> NixDbResult<Self> {
        let path = path.as_ref();
        let access = options::settle(path, options.access)?;
        options::check_schema_file(path)?;
        let uri = options::uri(path, access);
        let writable = access == NixDbAccess::Write;
        Ok(Self {
            pool: Pool::open(uri, path.to_owned(), writable)?,
            store_dir: options.store_dir.clone(),
        })
    }

    /// Makes an empty database in memory, with the tables of realisations of both kinds.
    ///
    /// # Errors
    /// Fails when SQLite is out of memory.
    pub fn open_memory(store_dir: StoreDir) -> NixDbResult<Self> {
        Ok(Self {
            pool: Pool::memory(&schema::everything())?,
            store_dir,
        })
    }

    /// Returns the directory that all paths of the database lie in.
    #[must_use]
    pub fn store_dir(&self) -> &StoreDir {
        &self.store_dir
    }

    /// Returns what is known of a path, or nothing where it is not valid.
    ///
    /// # Errors
    /// Fails when its rows are malformed or cannot be read.
    pub fn path_info(&self, path: &StorePath) -> NixDbResult<Option<PathInfo>> {
        self.ask(|snapshot| snapshot.path_info(path))
    }

    /// Returns whether a path is valid.
    ///
    /// # Errors
    /// Fails when the database cannot be read.
    pub fn is_valid(&self, path: &StorePath) -> NixDbResult<bool> {
        self.ask(|snapshot| Ok(snapshot.id(path)?.is_some()))
    }

    /// Returns every valid path. Memory is in proportion to their number.
    ///
    /// # Errors
    /// Fails when a path is malformed or cannot be read.
    pub fn valid_paths(&self) -> NixDbResult<BTreeSet<StorePath>> {
        self.ask(|snapshot| snapshot.valid_paths())
    }

    /// Returns the paths that refer to a path, itself among them where it does.
    ///
    /// # Errors
    /// Fails when a row is malformed or cannot be read.
    pub fn referrers(&self, path: &StorePath) -> NixDbResult<BTreeSet<StorePath>> {
        self.ask(|snapshot| snapshot.referrers(path))
    }

    /// Returns the valid derivations that have a path as an output.
    ///
    /// # Errors
    /// Fails when a row is malformed or cannot be read.
    pub fn valid_derivers(&self, path: &StorePath) -> NixDbResult<BTreeSet<StorePath>> {
        self.ask(|snapshot| snapshot.valid_derivers(path))
    }

    /// Returns the outputs of a derivation as far as the database knows them: those whose paths are
    /// known before the build. The others' names stand in the derivation alone, which
    /// [`NixStore`] reads.
    ///
    /// # Errors
    /// Fails when a row is malformed or cannot be read.
    pub fn derivation_outputs(
        &self,
        derivation: &StorePath,
    ) -> NixDbResult<BTreeMap<OutputName, StorePath>> {
        self.ask(|snapshot| match snapshot.id(derivation)? {
            Some(id) => snapshot.outputs(id),
            None => Ok(BTreeMap::new()),
        })
    }

    /// Returns where an output lies, where that is registered. Of several rows for one output the
    /// oldest counts, as for Nix.
    ///
    /// # Errors
    /// Fails when a row is malformed or cannot be read.
    pub fn realisation(&self, id: &RealisationId) -> NixDbResult<Option<AnyRealisation>> {
        self.ask(|snapshot| snapshot.realisation(id))
    }

    /// Returns the valid path that has a hash part, which is 32 characters.
    ///
    /// # Errors
    /// Fails when a row is malformed or cannot be read.
    pub fn path_from_hash_part(&self, hash_part: &str) -> NixDbResult<Option<StorePath>> {
        self.ask(|snapshot| snapshot.path_from_hash_part(hash_part))
    }

    /// Returns the paths and everything that they refer to, or that refers to them, transitively.
    ///
    /// # Errors
    /// Fails with [`NotValid`](Error::NotValid) for one of `paths`, and when a row is
    /// malformed or cannot be read.
    pub fn closure(
        &self,
        paths: &BTreeSet<StorePath>,
        direction: Direction,
    ) -> StoreResult<BTreeSet<StorePath>> {
        let lease = self.pool.lease()?;
        let snapshot = self.snapshot(&lease)?;
        let mut ids = BTreeSet::new();
        for path in paths {
            let id = snapshot.id(path)?;
            ids.insert(id.ok_or_else(|| Error::NotValid { path: path.clone() })?);
        }
        Ok(snapshot.closure(ids, direction)?)
    }

    /// Calls `each` for every valid path, in the order in which they were first registered. Memory
    /// does not depend on their number.
    ///
    /// # Errors
    /// Fails when `each` does, and at the first row that is malformed or cannot be read.
    pub fn for_each_path<E: From<NixDbError>>(
        &self,
        each: &mut dyn FnMut(PathInfo) -> Result<(), E>,
    ) -> Result<(), E> {
        let lease = self.pool.lease()?;
        self.snapshot(&lease)?.for_each_path(each)
    }

    /// Calls `each` for every realisation of either kind.
    ///
    /// # Errors
    /// Fails when `each` does, and at the first row that is malformed or cannot be read.
    pub fn for_each_realisation<E: From<NixDbError>>(
        &self,
        each: &mut dyn FnMut(AnyRealisation) -> Result<(), E>,
    ) -> Result<(), E> {
        let lease = self.pool.lease()?;
        self.snapshot(&lease)?.for_each_realisation(each)
    }

    fn ask<T>(&self, question: impl FnOnce(&Snapshot<'_>) -> NixDbResult<T>) -> NixDbResult<T> {
        let lease = self.pool.lease()?;
        let snapshot = self.snapshot(&lease)?;
        question(&snapshot)
    }

    /// Begins to read. The moment is that of the first row read.
    fn snapshot<'c>(&'c self, lease: &'c Lease<'_>) -> NixDbResult<Snapshot<'c>> {
        let txn = lease.unchecked_transaction().on("read", "ValidPaths")?;
        let store_dir = &self.store_dir;
        Ok(Snapshot { txn, store_dir })
    }
}
