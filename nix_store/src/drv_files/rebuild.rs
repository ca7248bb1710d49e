//! Derivation files for a store that was filled before it had them.

use std::{collections::BTreeMap, error};

use nix_core::{
    derivation::{DerivationLookup, DerivationModulo},
    path_info::PathInfo,
    store_path::{OutputName, StorePath},
};

use super::{DerivationState, DrvFiles, ResultState, folder::Folder};
use crate::{
    file_lock::FileLock,
    store::{Error, ReadStore, Result},
};

/// What [`DrvFiles::rebuild`] did.
#[derive(Debug, Default)]
pub struct Rebuilt {
    /// How many builds were recorded that were not before.
    pub written: u64,
    /// Why the others could not be recorded.
    pub failed: Vec<Error>,
}

impl DrvFiles {
    /// Records every derivation of a store whose outputs are all valid, unless it is deferred.
    ///
    /// What cannot be recorded (JSON cannot say it, or an input derivation is missing) stops
    /// nothing. Hashes each derivation once; writers wait until all is done, and memory is in
    /// proportion to the number of valid paths.
    ///
    /// # Errors
    /// Fails when the store cannot be read and when files cannot be written.
    pub fn rebuild<S, L>(&self, store: &S, lookup: &L) -> Result<Rebuilt>
    where
        S: ReadStore + ?Sized,
        L: DerivationLookup + ?Sized,
        L::Error: error::Error + Send + Sync + 'static,
    {
        let mut modulo = DerivationModulo::new(&self.store_dir, lookup);
        let mut rebuilt = Rebuilt::default();
        let out = Folder::create(&self.out)?;
        let lock = out.lock()?;
        let paths = store.valid_paths()?;
        for path in paths.iter().filter(|path| path.is_derivation()) {
            let Some(outputs) = built_outputs(store, path)? else {
                continue;
            };
            match self.record_at(path, lookup, &mut modulo, &outputs, (&out, &lock)) {
                Ok(is_new) => rebuilt.written += u64::from(is_new),
                Err(
                    error
                    @ (Error::DrvFile { .. } | Error::BuildHash { .. } | Error::Record { .. }),
                ) => rebuilt.failed.push(error),
                Err(error) => return Err(error),
            }
        }
        Ok(rebuilt)
    }

    /// Records a derivation that was built, and returns whether that was not known.
    fn record_at<L: DerivationLookup + ?Sized>(
        &self,
        path: &StorePath,
        lookup: &L,
        modulo: &mut DerivationModulo<'_, L>,
        outputs: &BTreeMap<OutputName, PathInfo>,
        (out, lock): (&Folder, &FileLock),
    ) -> Result<bool>
    where
        L::Error: error::Error + Send + Sync + 'static,
    {
        let derivation = lookup.derivation(path);
        let derivation = derivation.map_err(|source| Error::BuildHash {
            name: path.name().to_owned(),
            source: Box::new(source),
        })?;
        let path = || path.clone();
        let derivation = derivation.ok_or_else(|| Error::NotADerivation { path: path() })?;
        let Some(pending) = self.pending(modulo, &derivation, outputs)? else {
            return Ok(false);
        };
        let build = self.commit(&pending, out, lock)?;
        let is_new = matches!(build.result, ResultState::First | ResultState::Differs);
        Ok(is_new || build.derivation == DerivationState::Written)
    }
}

/// Returns the outputs of a derivation, if all are valid.
fn built_outputs<S: ReadStore + ?Sized>(
    store: &S,
    derivation: &StorePath,
) -> Result<Option<BTreeMap<OutputName, PathInfo>>> {
    let mut built = BTreeMap::new();
    for (name, path) in store.derivation_outputs(derivation)? {
        let info = match path {
            Some(path) => store.path_info(&path)?,
            None => None,
        };
        let Some(info) = info else { return Ok(None) };
        built.insert(name, info);
    }
    Ok(Some(built))
}
