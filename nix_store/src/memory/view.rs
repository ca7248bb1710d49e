//! Answers out of what is in memory and a store below it.

use std::{collections::BTreeSet, sync::Arc};

use nix_core::{
    path_info::PathInfo,
    store_path::{HASH_PART_LEN, StorePath},
};

use crate::store::{AnyRealisation, Error, ReadStore, RealisationId, Result};

use super::state::State;

/// What is in memory, and what lies below it.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(super) state: &'a State,
    pub(super) lower: Option<&'a dyn ReadStore>,
}

impl View<'_> {
    pub(crate) fn path_info(&self, path: &StorePath) -> Result<Option<PathInfo>> {
        if let Some(object) = self.state.objects.get(path) {
            return Ok(Some(object.info.clone()));
        }
        let Some(mut info) = self.lower(|lower| lower.path_info(path))?.flatten() else {
            return Ok(None);
        };
        if let Some(amended) = self.state.amended.get(path)
            && amended.nar_hash == info.nar_hash
        {
            join(&mut info, amended)?;
        }
        Ok(Some(info))
    }

    pub(crate) fn is_valid(&self, path: &StorePath) -> Result<bool> {
        if self.state.objects.contains_key(path) {
            return Ok(true);
        }
        Ok(self.lower(|lower| lower.is_valid(path))?.unwrap_or(false))
    }

    pub(crate) fn valid_paths(&self) -> Result<BTreeSet<StorePath>> {
        let mut paths = self.lower(|lower| lower.valid_paths())?.unwrap_or_default();
        paths.extend(self.state.objects.keys().cloned());
        Ok(paths)
    }

    pub(crate) fn referrers(&self, path: &StorePath) -> Result<BTreeSet<StorePath>> {
        let lower = self.lower(|lower| lower.referrers(path))?;
        let mut referrers = lower.unwrap_or_default();
        let own = self.state.referrers.get(path);
        referrers.extend(own.into_iter().flatten().cloned());
        Ok(referrers)
    }

    /// Those whose text names the path, and those that a realisation says it is an output of.
    pub(crate) fn valid_derivers(&self, path: &StorePath) -> Result<BTreeSet<StorePath>> {
        let lower = self.lower(|lower| lower.valid_derivers(path))?;
        let mut derivers = lower.unwrap_or_default();
        let own = self.state.derivers.get(path);
        derivers.extend(own.into_iter().flatten().cloned());
        for realisation in self.state.realisations.values() {
            if let AnyRealisation::Path(realisation) = realisation
                && realisation.value.out_path == *path
                && self.is_valid(&realisation.key.drv_path)?
            {
                derivers.insert(realisation.key.drv_path.clone());
            }
        }
        Ok(derivers)
    }

    pub(crate) fn realisation(&self, id: &RealisationId) -> Result<Option<AnyRealisation>> {
        if let Some(realisation) = self.state.realisations.get(id) {
            return Ok(Some(realisation.clone()));
        }
        Ok(self.lower(|lower| lower.realisation(id))?.flatten())
    }

    pub(crate) fn path_from_hash_part(&self, hash_part: &str) -> Result<Option<StorePath>> {
        // No name sorts before `+`. What is no hash part is none of a valid path either.
        let first = StorePath::from_base_name(&format!("{hash_part}-+"));
        let Some(first) = first.ok().filter(|_| hash_part.len() == HASH_PART_LEN) else {
            return Ok(None);
        };
        if let Some((path, _)) = self.state.objects.range(first..).next()
            && path.hash_part() == hash_part
        {
            return Ok(Some(path.clone()));
        }
        let lower = self.lower(|lower| lower.path_from_hash_part(hash_part))?;
        Ok(lower.flatten())
    }

    /// Returns the archive of an object that is in memory.
    pub(crate) fn nar(&self, path: &StorePath) -> Option<Arc<[u8]>> {
        let object = self.state.objects.get(path);
        object.map(|object| Arc::clone(&object.nar))
    }

    fn lower<T>(&self, ask: impl FnOnce(&dyn ReadStore) -> Result<T>) -> Result<Option<T>> {
        self.lower.map(ask).transpose()
    }
}

/// Joins what is said of a valid path with what was known.
///
/// What nobody checked is not taken: references and content address stay.
pub(super) fn join(known: &mut PathInfo, said: &PathInfo) -> Result<()> {
    if known.nar_hash != said.nar_hash {
        return Err(Error::Conflict {
            path: known.path.clone(),
            registered: known.nar_hash,
            said: said.nar_hash,
        });
    }
    known.signatures.extend(said.signatures.iter().cloned());
    known.ultimate |= said.ultimate;
    if known.registration_time == 0 {
        known.registration_time = said.registration_time;
    }
    if known.deriver.is_none() {
        known.deriver.clone_from(&said.deriver);
    }
    Ok(())
}
