//! Reading a database into typed trees.

use std::{collections::HashSet, path::PathBuf};

use netabase_store::{Store, backends::Backend};
use nix_core::path_info::PathInfo;

use crate::{
    db::models::{Derivation, Realisation, StoreDefinition, StorePath},
    store::{AnyRealisation, Result},
};

use super::{StoreDb, derivations::read_derivation};

/// How many rows one transaction stores at most.
const BATCH_ROWS_MAX: usize = 8192;

/// How many bytes of text one transaction stores, before the row that exceeds them.
const BATCH_BYTES_MAX: usize = 16 << 20;

/// How a database is imported.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportOptions {
    /// The directory that the store's objects lie in: derivations are read from there. Without it
    /// they become no rows, because a database knows of them no more than their outputs.
    pub real_store_dir: Option<PathBuf>,
}

/// What became of the rows of a database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImportReport {
    /// The paths that the trees did not have.
    pub new: u64,
    /// The paths of which they said something else.
    pub updated: u64,
    /// The paths of which they said the same.
    pub unchanged: u64,
    /// The realisations of both kinds, old ones among them.
    pub realisations: u64,
    /// The derivations that were read from their files, old ones among them.
    pub derivations: u64,
    /// The derivations whose files were not there.
    pub derivations_missing: u64,
    /// The derivations that rows cannot say: with strings that are not UTF-8, or dynamic outputs.
    pub derivations_unfit: u64,
}

impl ImportReport {
    /// Returns how many paths there are.
    #[must_use]
    pub fn paths(&self) -> u64 {
        self.new + self.updated + self.unchanged
    }
}

/// Stores all paths and realisations of a database, and the derivations where their files are at
/// hand, and calls `progress` after each batch.
///
/// Rows that are there already are replaced where they differ, so that the same import twice changes
/// nothing; rows that the database does not have are left. Up to 8,192 paths are stored in one
/// transaction; of more, each batch of that many wholly or not at all. Memory does not depend on the
/// number of paths.
///
/// The database is believed, as Nix believes it: a derivation's file has to be what its path says,
/// but that its outputs follow from it is not checked again, as it is when one is registered.
///
/// # Errors
/// Fails at the first row of the database that is malformed, at a derivation's file that is not what
/// its path says, and when a tree cannot be written. Batches that were stored by then remain.
///
/// # Examples
/// ```
/// use netabase_store::MemoryStore;
/// use nix_core::{hash::Sha256, path_info::PathInfo};
/// use nix_store::{StoreDir, db::models::*, nix_db::{self, ImportOptions, NewPath, StoreDb}};
///
/// let dir = StoreDir::default();
/// let db = StoreDb::open_memory(dir.clone())?;
/// let path = dir.parse("/nix/store/g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-hello")?;
/// db.register_valid_path(&NewPath::new(&PathInfo::new(path, Sha256::of(b"the archive"), 11)))?;
///
/// let store = MemoryStore::<StoreDefinition>::new();
/// let report = nix_db::import(&db, &store, &ImportOptions::default(), &mut |_| {})?;
/// assert_eq!((report.new, store.open_tree::<StorePath>().len()?), (1, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn import<B: Backend>(
    db: &StoreDb,
    into: &Store<StoreDefinition, B>,
    options: &ImportOptions,
    progress: &mut dyn FnMut(&ImportReport),
) -> Result<ImportReport> {
    let mut import = Import {
        db,
        into,
        options,
        progress,
        report: ImportReport::default(),
        pending: ImportReport::default(),
        batch: Batch::default(),
    };
    db.for_each_path(&mut |info| import.path(&info))?;
    import.store()?;
    import.realisations()?;
    Ok(import.report)
}

struct Import<'a, B: Backend> {
    db: &'a StoreDb,
    into: &'a Store<StoreDefinition, B>,
    options: &'a ImportOptions,
    progress: &'a mut dyn FnMut(&ImportReport),
    /// What is stored.
    report: ImportReport,
    /// What will be, with the batch.
    pending: ImportReport,
    batch: Batch,
}

/// Rows that are stored together.
#[derive(Default)]
struct Batch {
    paths: Vec<StorePath>,
    derivations: Vec<Derivation>,
    realisations: Vec<Realisation>,
    bytes: usize,
}

impl<B: Backend> Import<'_, B> {
    fn path(&mut self, info: &PathInfo) -> Result<()> {
        let row = StorePath::from_path_info(self.db.store_dir(), info);
        let lists = row.references.iter().chain(&row.signatures);
        self.batch.bytes += row.path.len() + lists.map(String::len).sum::<usize>();
        self.batch.paths.push(row);
        if info.path.is_derivation() {
            self.derivation(info)?;
        }
        self.store_full()
    }

    fn derivation(&mut self, info: &PathInfo) -> Result<()> {
        let Some(real_store_dir) = &self.options.real_store_dir else {
            return Ok(());
        };
        let store_dir = self.db.store_dir();
        let Some(derivation) = read_derivation(store_dir, real_store_dir, &info.path)? else {
            self.pending.derivations_missing += 1;
            return Ok(());
        };
        match Derivation::from_derivation(store_dir, &info.path, &derivation) {
            Ok(row) => {
                self.batch.bytes += usize::try_from(info.nar_size).unwrap_or(BATCH_BYTES_MAX);
                self.batch.derivations.push(row);
                self.pending.derivations += 1;
            }
            // It is counted; the path itself is stored.
            Err(_) => self.pending.derivations_unfit += 1,
        }
        Ok(())
    }

    fn realisations(&mut self) -> Result<()> {
        let mut seen = HashSet::new();
        let db = self.db;
        db.for_each_realisation(&mut |realisation| {
            // Of several for one output the oldest counts, as for Nix.
            if seen.insert(realisation.id()) {
                let store_dir = db.store_dir();
                let row = match &realisation {
                    AnyRealisation::Hash(of) => Realisation::from_legacy_realisation(store_dir, of),
                    AnyRealisation::Path(of) => Realisation::from_realisation(store_dir, of),
                };
                self.batch.realisations.push(row);
                self.pending.realisations += 1;
            }
            self.store_full()
        })?;
        self.store()
    }

    fn store_full(&mut self) -> Result<()> {
        let rows = self.batch.paths.len().max(self.batch.realisations.len());
        if rows == BATCH_ROWS_MAX || self.batch.bytes > BATCH_BYTES_MAX {
            self.store()?;
        }
        Ok(())
    }

    /// Stores the batch in one transaction.
    fn store(&mut self) -> Result<()> {
        let batch = std::mem::take(&mut self.batch);
        let txn = self.into.begin_write()?;
        let paths = txn.open_tree::<StorePath>();
        let mut changed = Vec::with_capacity(batch.paths.len());
        for row in batch.paths {
            match paths.get(row.path.as_str())? {
                Some(known) if known == row => {
                    self.pending.unchanged += 1;
                    continue;
                }
                Some(_) => self.pending.updated += 1,
                None => self.pending.new += 1,
            }
            changed.push(row);
        }
        paths.put_many(changed)?;
        txn.open_tree::<Derivation>().put_many(batch.derivations)?;
        let realisations = txn.open_tree::<Realisation>();
        realisations.put_many(batch.realisations)?;
        txn.commit()?;
        self.report = self.pending;
        (self.progress)(&self.report);
        Ok(())
    }
}
