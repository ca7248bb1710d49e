//! Writing typed trees as a database that Nix opens.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use netabase_store::{ReadTransaction, Store, backends::Backend};
use nix_core::{
    derivation,
    path_info::PathInfo,
    store_path::{OutputName, StoreDir, StorePath},
};

use crate::{
    FieldError,
    db::models::{self, StoreDefinition},
    store::{AnyRealisation, Error, Result},
};

use super::{
    derivations::read_derivation,
    exporter::{ExportReport, Exporter},
    schema::NixSchema,
};

/// After how many paths `progress` is called.
const PROGRESS_PATHS: u64 = 1024;

/// How a database is exported.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExportOptions {
    /// The directory that all paths of the trees lie in.
    pub store_dir: StoreDir,
    /// How the database is laid out.
    pub schema: NixSchema,
    /// The directory that the store's objects lie in: derivations that have no row are read from
    /// there. Without either, their outputs do not lead to them.
    pub real_store_dir: Option<PathBuf>,
}

/// Writes all paths and realisations of a store as Nix's own database, which did not exist, and calls
/// `progress` from time to time.
///
/// The files `schema` and, with realisations by hash in a layout that has it, `ca-schema` are written
/// beside it. What is exported is one moment of the store. Nothing lies at `path` before all of it is
/// found in order and synced to disk.
///
/// # Errors
/// Fails at the first row that is malformed, when a reference or a realisation leads to a path that
/// is not there, when references form a circle, when the file exists, and when the disk refuses.
pub fn export<B: Backend>(
    from: &Store<StoreDefinition, B>,
    path: impl AsRef<Path>,
    options: &ExportOptions,
    progress: &mut dyn FnMut(&ExportReport),
) -> Result<ExportReport> {
    let txn = from.begin_read()?;
    let mut exporter = Exporter::create(path, options.store_dir.clone(), options.schema)?;
    for entry in txn.open_tree::<models::StorePath>().iter() {
        let (_, row) = entry?;
        let info = row.to_path_info(&options.store_dir);
        let info = info.map_err(|source| malformed(&row.path, source))?;
        let outputs = if info.path.is_derivation() {
            outputs(&txn, &mut exporter, options, &info)?
        } else {
            BTreeMap::new()
        };
        exporter.path(&info, &outputs)?;
        let report = exporter.report();
        if report.paths % PROGRESS_PATHS == 0 {
            progress(&report);
        }
    }
    for entry in txn.open_tree::<models::Realisation>().iter() {
        let (_, row) = entry?;
        let realisation = read_realisation(&row, &options.store_dir);
        let realisation = realisation
            .map_err(|source| malformed(&format!("{}!{}", row.derivation, row.output), source))?;
        exporter.realisation(&realisation)?;
    }
    progress(&exporter.report());
    exporter.finish()
}

fn read_realisation(
    row: &models::Realisation,
    store_dir: &StoreDir,
) -> Result<AnyRealisation, FieldError> {
    if row.is_legacy() {
        row.to_legacy_realisation(store_dir)
            .map(AnyRealisation::Hash)
    } else {
        row.to_realisation(store_dir).map(AnyRealisation::Path)
    }
}

/// Returns the outputs of a derivation that are known before the build.
fn outputs<B: Backend>(
    txn: &ReadTransaction<StoreDefinition, B>,
    exporter: &mut Exporter,
    options: &ExportOptions,
    info: &PathInfo,
) -> Result<BTreeMap<OutputName, StorePath>> {
    let store_dir = &options.store_dir;
    let printed = store_dir.print(&info.path);
    let derivation = match txn
        .open_tree::<models::Derivation>()
        .get(printed.as_str())?
    {
        Some(row) => {
            let read = row.to_derivation(store_dir);
            Some(read.map_err(|source| malformed(&printed, source))?)
        }
        None => match &options.real_store_dir {
            Some(folder) => read_derivation(store_dir, folder, &info.path)?,
            None => None,
        },
    };
    let Some(derivation) = derivation else {
        exporter.unknown_derivation();
        return Ok(BTreeMap::new());
    };
    known_outputs(store_dir, &derivation)
}

/// Returns the paths of a derivation's outputs that are known before the build.
pub(super) fn known_outputs(
    store_dir: &StoreDir,
    derivation: &derivation::Derivation,
) -> Result<BTreeMap<OutputName, StorePath>> {
    let mut known = BTreeMap::new();
    for (name, output) in &derivation.outputs {
        let path = output.path(store_dir, &derivation.name, name);
        let path = path.map_err(|source| Error::Compute {
            name: derivation.name.to_string(),
            source,
        })?;
        known.extend(path.map(|path| (name.clone(), path)));
    }
    Ok(known)
}

fn malformed(path: &str, source: FieldError) -> Error {
    let path = path.to_owned();
    Error::Row { path, source }
}
