//! Reading a database into typed trees.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

use netabase_store::{Store, backends::Backend};
use nix_core::{path_info::PathInfo, store_path::StoreDir};

use crate::{
    ahead::{Halt, Outlet, ahead},
    db::{
        PathCounts,
        load::{Loader, text_bytes},
        models::{Derivation, Realisation, StoreDefinition, StorePath},
    },
    store::{AnyRealisation, Error, Result},
};

use super::{NixDbError, StoreDb, derivations::read_derivation};

impl From<NixDbError> for Halt<Error> {
    fn from(error: NixDbError) -> Self {
        Self::Failed(error.into())
    }
}

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
/// nothing; rows that the database does not have are left. Transactions are as large as those of
/// [`load_paths`](crate::db::load_paths), so that a smaller database is stored wholly or not at all.
/// Memory does not depend on the number of paths.
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
    let mut loader = Loader::new(into);
    let mut counts = Counts::default();
    ahead(
        |outlet| db.for_each_path(&mut |info| decode(db, options, &info, outlet)),
        |path| {
            counts.put(&mut loader, path)?;
            if loader.is_full() {
                loader.commit()?;
                progress(&counts.report());
            }
            Ok(())
        },
    )?;
    let mut seen = HashSet::new();
    db.for_each_realisation(&mut |realisation| {
        // Of several for one output the oldest counts, as for Nix.
        if seen.insert(realisation.id()) {
            counts.others.realisations += 1;
            put_realisation(db.store_dir(), &mut loader, &realisation)?;
        }
        Ok::<_, Error>(())
    })?;
    loader.commit()?;
    let report = counts.report();
    progress(&report);
    Ok(report)
}

/// A path and, where it is one, the derivation.
struct Decoded {
    path: StorePath,
    derivation: Option<Said>,
    bytes: usize,
}

/// What the file of a derivation says.
enum Said {
    Row(Box<Derivation>),
    Missing,
    Unfit,
}

/// Makes the rows of a path.
fn decode(
    db: &StoreDb,
    options: &ImportOptions,
    info: &PathInfo,
    outlet: &mut Outlet<Decoded>,
) -> Result<(), Halt<Error>> {
    let store_dir = db.store_dir();
    let path = StorePath::from_path_info(store_dir, info);
    let mut bytes = text_bytes(&path);
    let derivation = match &options.real_store_dir {
        Some(real_store_dir) if info.path.is_derivation() => {
            let said = said(store_dir, real_store_dir, info)?;
            if let Said::Row(_) = said {
                bytes = bytes.saturating_add(usize::try_from(info.nar_size).unwrap_or(usize::MAX));
            }
            Some(said)
        }
        _ => None,
    };
    let decoded = Decoded {
        path,
        derivation,
        bytes,
    };
    outlet.push(decoded, bytes)
}

fn said(store_dir: &StoreDir, real_store_dir: &Path, info: &PathInfo) -> Result<Said> {
    let Some(derivation) = read_derivation(store_dir, real_store_dir, &info.path)? else {
        return Ok(Said::Missing);
    };
    // It is counted; the path itself is stored.
    let row = Derivation::from_derivation(store_dir, &info.path, &derivation);
    Ok(row.map_or(Said::Unfit, |row| Said::Row(Box::new(row))))
}

/// What was put so far.
#[derive(Default)]
struct Counts {
    paths: PathCounts,
    /// All but the paths.
    others: ImportReport,
}

impl Counts {
    fn put<B: Backend>(&mut self, loader: &mut Loader<'_, B>, decoded: Decoded) -> Result<()> {
        let others = &mut self.others;
        match decoded.derivation {
            Some(Said::Row(row)) => {
                let txn = loader.filling(decoded.bytes)?;
                txn.open_tree::<Derivation>().put(*row)?;
                others.derivations += 1;
            }
            Some(Said::Missing) => others.derivations_missing += 1,
            Some(Said::Unfit) => others.derivations_unfit += 1,
            None => {}
        }
        Ok(loader.put_path(decoded.path, &mut self.paths)?)
    }

    fn report(&self) -> ImportReport {
        ImportReport {
            new: self.paths.new,
            updated: self.paths.updated,
            unchanged: self.paths.unchanged,
            ..self.others
        }
    }
}

fn put_realisation<B: Backend>(
    store_dir: &StoreDir,
    loader: &mut Loader<'_, B>,
    realisation: &AnyRealisation,
) -> Result<()> {
    let row = match realisation {
        AnyRealisation::Hash(of) => Realisation::from_legacy_realisation(store_dir, of),
        AnyRealisation::Path(of) => Realisation::from_realisation(store_dir, of),
    };
    let bytes = row.derivation.len() + row.out_path.len();
    loader.filling(bytes)?.open_tree::<Realisation>().put(row)?;
    if loader.is_full() {
        loader.commit()?;
    }
    Ok(())
}
