//! The changes.

use std::{collections::BTreeSet, io::BufRead};

use nix_core::{path_info::PathInfo, signature::Signature, store_path::StorePath};

use super::LocalStore;
use crate::store::{Added, AnyRealisation, Deleted, NewObject, Result, WriteStore};

impl WriteStore for LocalStore {
    fn add_nar(&self, info: &PathInfo, nar: &mut dyn BufRead) -> Result<Added> {
        Ok(self.add_alone(|batch| batch.add_nar(info, nar))?.0)
    }

    fn add(&self, object: &NewObject, nar: &mut dyn BufRead) -> Result<PathInfo> {
        Ok(self.add_alone(|batch| batch.add(object, nar))?.1)
    }

    /// Makes objects valid that lie in their places already.
    ///
    /// Their metadata become those of a store first; what is compared with `infos` is what the
    /// files are after that.
    fn register(&self, infos: &[PathInfo]) -> Result<()> {
        self.register_in_place(infos)
    }

    fn register_realisation(&self, realisation: &AnyRealisation) -> Result<()> {
        self.writable()?;
        self.database().register_realisation(realisation)
    }

    fn add_signatures(&self, path: &StorePath, signatures: &BTreeSet<Signature>) -> Result<()> {
        self.writable()?;
        self.database().add_signatures(path, signatures)
    }

    /// Deletes objects: first all of them from the database, in one step, then their files.
    ///
    /// After an error about files, what remains of them is not valid and goes with the next garbage
    /// collection.
    fn delete(&self, paths: &BTreeSet<StorePath>) -> Result<Deleted> {
        self.delete_paths(paths)
    }
}
