//! What derivations say, and where their outputs lie.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use netabase_store::View;
use nix_core::{
    derivation::{Derivation, DerivationLookup, DerivationModulo, ModuloError},
    realisation::{DrvOutput, LegacyDrvOutput},
    store_path::{OutputName, StorePath},
};

use super::rows::{Rows, row_of};
use crate::{
    db::models::{
        DerivationByOutputPathSecondaryKey, DerivationTextOutputPathsSecondaryKey,
        RealisationOutPathSecondaryKey,
    },
    field::{FieldError, FieldErrorKind},
    store::{Error, RealisationId, Result},
};

impl<V: View> Rows<'_, V> {
    pub(super) fn valid_derivation(&self, path: &StorePath) -> Result<Option<Derivation>> {
        if !self.is_valid(path)? {
            return Ok(None);
        }
        self.registered_derivation(path)
    }

    /// Returns what a derivation says, whether it is valid or not.
    pub(super) fn registered_derivation(&self, path: &StorePath) -> Result<Option<Derivation>> {
        let key = self.dir.print(path);
        if let Some(row) = self.derivations.get(key.as_str())? {
            let read = row.to_derivation(self.dir);
            return read.map(Some).map_err(row_of(&key));
        }
        let Some(row) = self.texts.get(key.as_str())? else {
            return Ok(None);
        };
        let Some(name) = path.to_name().without_derivation_suffix() else {
            let other = FieldError::new("path", &key, FieldErrorKind::OtherName);
            return Err(row_of(&key)(other));
        };
        let read = Derivation::parse_aterm(self.dir, name, &row.aterm);
        let failed = |source| Error::Derivation {
            path: path.clone(),
            source,
        };
        read.map(Some).map_err(failed)
    }

    pub(super) fn derivation_outputs(
        &self,
        path: &StorePath,
    ) -> Result<BTreeMap<OutputName, Option<StorePath>>> {
        if !self.is_valid(path)? {
            return Err(Error::NotValid { path: path.clone() });
        }
        if !path.is_derivation() {
            return Err(Error::NotADerivation { path: path.clone() });
        }
        let Some(derivation) = self.registered_derivation(path)? else {
            return Err(Error::UnknownDerivation { path: path.clone() });
        };
        let mut outputs = BTreeMap::new();
        for (name, output) in &derivation.outputs {
            let known = output.path(self.dir, &derivation.name, name);
            let known = known.map_err(|source| Error::Compute {
                name: path.name().to_owned(),
                source,
            })?;
            outputs.insert(name.clone(), known);
        }
        if outputs.values().any(Option::is_none) {
            self.fill_from_realisations(path, &derivation, &mut outputs)?;
        }
        Ok(outputs)
    }

    /// Looks for realisations of the outputs that have no path.
    fn fill_from_realisations(
        &self,
        path: &StorePath,
        derivation: &Derivation,
        outputs: &mut BTreeMap<OutputName, Option<StorePath>>,
    ) -> Result<()> {
        // Hashing reads every derivation below this one.
        if self.realisations.is_empty()? {
            return Ok(());
        }
        let drv_hash = self.realisation_hash(derivation)?;
        for (output_name, known) in outputs.iter_mut().filter(|(_, known)| known.is_none()) {
            let by_path = RealisationId::Path(DrvOutput {
                drv_path: path.clone(),
                output_name: output_name.clone(),
            });
            let by_hash = drv_hash.map(|drv_hash| {
                RealisationId::Hash(LegacyDrvOutput {
                    drv_hash,
                    output_name: output_name.clone(),
                })
            });
            for id in [Some(by_path), by_hash].into_iter().flatten() {
                if known.is_none() {
                    let found = self.realisation(&id)?;
                    *known = found.map(|realisation| realisation.out_path().clone());
                }
            }
        }
        Ok(())
    }

    /// Returns the hash that names realisations up to Nix 2.34; none where a derivation below is
    /// not registered, or cannot be hashed.
    fn realisation_hash(&self, of: &Derivation) -> Result<Option<nix_core::hash::Sha256>> {
        match DerivationModulo::new(self.dir, self).realisation_hash(of) {
            Ok(hash) => Ok(Some(hash)),
            Err(ModuloError::Lookup { source, .. }) => Err(source),
            Err(_) => Ok(None),
        }
    }

    pub(super) fn valid_derivers(&self, path: &StorePath) -> Result<BTreeSet<StorePath>> {
        let path = self.dir.print(path);
        let mut found = BTreeSet::new();
        let rows = self
            .derivations
            .index::<DerivationByOutputPathSecondaryKey>();
        for key in rows.get(path.as_str()).keys() {
            found.insert(key?.0);
        }
        let texts = self.texts.index::<DerivationTextOutputPathsSecondaryKey>();
        for key in texts.get(path.as_str()).keys() {
            found.insert(key?.0);
        }
        let realisations = self.realisations.index::<RealisationOutPathSecondaryKey>();
        for key in realisations.get(path.as_str()).keys() {
            found.insert(key?.0);
        }
        let mut derivers = BTreeSet::new();
        for text in found {
            // Where a realisation names a derivation by hash, no path has it.
            if self.paths.contains(text.as_str())? {
                derivers.insert(self.parse(&text)?);
            }
        }
        Ok(derivers)
    }
}

impl<V: View> DerivationLookup for Rows<'_, V> {
    type Error = Error;

    fn derivation(&self, path: &StorePath) -> Result<Option<Cow<'_, Derivation>>> {
        Ok(self.registered_derivation(path)?.map(Cow::Owned))
    }
}
