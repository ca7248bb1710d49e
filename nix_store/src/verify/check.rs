//! Checking one object.

use nix_core::{path_info::PathInfo, store_path::StorePath};
use nix_io::nar::{self, PackOptions};

use super::{
    VerifyOptions,
    disk::{is_there, metadata},
    problem::Problem,
};
use crate::{
    local::LocalStore,
    store::{ArchiveHasher, Error, ReadStore, Result},
};

/// What was found out about an object.
#[derive(Default)]
pub(super) struct Found {
    pub(super) bytes: u64,
    pub(super) problems: Vec<Problem>,
}

/// What checks share.
pub(super) struct Checker<'a> {
    store: &'a LocalStore,
    options: &'a VerifyOptions,
    /// All valid paths, sorted.
    paths: &'a [StorePath],
}

impl<'a> Checker<'a> {
    pub(super) fn new(
        store: &'a LocalStore,
        options: &'a VerifyOptions,
        paths: &'a [StorePath],
    ) -> Self {
        Self {
            store,
            options,
            paths,
        }
    }

    /// Returns what is known of objects, without those that are not valid any more.
    pub(super) fn infos<'p>(
        &self,
        batch: impl Iterator<Item = (usize, &'p StorePath)>,
    ) -> Result<Vec<(usize, PathInfo)>> {
        let database = self.store.database();
        let _hold = database.hold_to_read()?;
        let info = |(index, path)| {
            let info = database.path_info(path);
            info.map(|info| info.map(|info| (index, info))).transpose()
        };
        batch.filter_map(info).collect()
    }

    /// Returns what is wrong with an object, or nothing where it is not valid any more.
    pub(super) fn check(&self, info: &PathInfo) -> Result<Option<Found>> {
        let mut found = Found::default();
        self.references(info, &mut found)?;
        self.signatures(info, &mut found);
        self.files(info, &mut found);
        // Who deleted it meanwhile made what looks like damage.
        if !found.problems.is_empty() && !self.store.database().is_valid(&info.path)? {
            return Ok(None);
        }
        Ok(Some(found))
    }

    fn references(&self, info: &PathInfo, found: &mut Found) -> Result<()> {
        for reference in &info.references {
            let is_known = self.paths.binary_search(reference).is_ok();
            if !is_known && !self.store.database().is_valid(reference)? {
                found.problems.push(Problem::ReferenceNotValid {
                    path: info.path.clone(),
                    reference: reference.clone(),
                });
            }
        }
        Ok(())
    }

    fn signatures(&self, info: &PathInfo, found: &mut Found) {
        let Some(keys) = &self.options.trusted_keys else {
            return;
        };
        let check = || info.check_signatures(self.store.store_dir(), keys);
        if !info.ultimate && !check().is_trusted(1) {
            let path = info.path.clone();
            found.problems.push(Problem::Untrusted { path });
        }
    }

    fn files(&self, info: &PathInfo, found: &mut Found) {
        let path = &info.path;
        let damaged = |source| Problem::Damaged {
            path: path.clone(),
            source,
        };
        match is_there(self.store, path) {
            Ok(true) => {}
            Ok(false) => {
                let path = path.clone();
                found.problems.push(Problem::Missing { path });
                return;
            }
            Err(source) => {
                found.problems.push(damaged(source));
                return;
            }
        }
        if self.options.check_metadata {
            let looked = metadata(self.store, path, &mut found.problems);
            found.problems.extend(looked.err().map(damaged));
        }
        if self.options.check_contents {
            let problem = match self.contents(info) {
                Ok(bytes) => {
                    found.bytes += bytes;
                    return;
                }
                Err(source) => damaged(source),
            };
            // What cannot be read is said once.
            let is_said = found.problems.iter().any(Problem::needs_repair);
            found.problems.extend((!is_said).then_some(problem));
        }
    }

    fn contents(&self, info: &PathInfo) -> Result<u64> {
        let options = PackOptions {
            limits: self.store.options().limits,
            ..PackOptions::default()
        };
        let mut hasher = ArchiveHasher::of_info(info)?;
        let packed = nar::pack(self.store.real_path(&info.path), &mut hasher, &options);
        let bytes = packed.map_err(|source| Error::Pack {
            path: info.path.base_name().to_owned(),
            source,
        })?;
        hasher.finish().check(self.store.store_dir(), info)?;
        Ok(bytes)
    }
}
