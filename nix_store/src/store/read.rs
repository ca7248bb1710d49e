//! Stores that answer.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
};

use nix_core::{
    path_info::PathInfo,
    store_path::{OutputName, StoreDir, StorePath},
};

use super::{
    AnyRealisation, RealisationId,
    closure::{Direction, closure},
    error::Result,
};

/// A store that can be asked.
///
/// Every method speaks of valid paths alone. Errors are of the store (its files, its database), not
/// of the question: a path that is not valid has no info and no referrers.
pub trait ReadStore {
    /// Returns the directory that the store's paths are printed with, whatever directory the files
    /// really lie in.
    fn store_dir(&self) -> &StoreDir;

    /// Returns what the store knows of a path, or nothing where it is not valid.
    ///
    /// # Errors
    /// Fails when the store cannot be read.
    fn path_info(&self, path: &StorePath) -> Result<Option<PathInfo>>;

    /// Returns whether the path is valid.
    ///
    /// # Errors
    /// Fails when the store cannot be read.
    fn is_valid(&self, path: &StorePath) -> Result<bool> {
        Ok(self.path_info(path)?.is_some())
    }

    /// Returns every valid path. Memory is in proportion to their number.
    ///
    /// # Errors
    /// Fails when the store cannot be read.
    fn valid_paths(&self) -> Result<BTreeSet<StorePath>>;

    /// Returns the valid paths that refer to a path, itself among them where it does.
    ///
    /// # Errors
    /// Fails when the store cannot be read.
    fn referrers(&self, path: &StorePath) -> Result<BTreeSet<StorePath>>;

    /// Returns the valid derivations that have a path as an output.
    ///
    /// # Errors
    /// Fails when the store cannot be read.
    fn valid_derivers(&self, path: &StorePath) -> Result<BTreeSet<StorePath>>;

    /// Returns the outputs of a valid derivation with their paths, where these are known: before the
    /// build, or through a realisation that names the derivation by its path or its hash.
    ///
    /// # Errors
    /// Fails when the store cannot be read, and with [`Error::NotValid`](super::Error::NotValid) and
    /// [`Error::NotADerivation`](super::Error::NotADerivation).
    fn derivation_outputs(
        &self,
        derivation: &StorePath,
    ) -> Result<BTreeMap<OutputName, Option<StorePath>>>;

    /// Returns where an output of a content-addressed derivation lies, where that is registered.
    ///
    /// # Errors
    /// Fails when the store cannot be read.
    fn realisation(&self, id: &RealisationId) -> Result<Option<AnyRealisation>>;

    /// Returns the valid path that has a hash part, which is 32 characters.
    ///
    /// # Errors
    /// Fails when the store cannot be read.
    fn path_from_hash_part(&self, hash_part: &str) -> Result<Option<StorePath>>;

    /// Writes the archive of a path and returns its size. Memory does not depend on the size.
    ///
    /// # Errors
    /// Fails when the path is not valid, when its files cannot be read or are not what was
    /// registered as far as the store notices, and when `writer` fails. What was written by then is
    /// no archive.
    fn write_nar(&self, path: &StorePath, writer: &mut dyn Write) -> Result<u64>;

    /// Returns the paths and everything that they refer to, or that refers to them, transitively.
    ///
    /// # Errors
    /// Fails when the store cannot be read, and with [`Error::NotValid`](super::Error::NotValid)
    /// for one of `paths`.
    fn closure(
        &self,
        paths: &BTreeSet<StorePath>,
        direction: Direction,
    ) -> Result<BTreeSet<StorePath>> {
        closure(self, paths, direction)
    }
}
