//! What a database answers.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use nix_core::{
    derivation::{Derivation, DerivationLookup},
    path_info::PathInfo,
    store_path::{OutputName, StorePath},
};

use super::{Database, engine::Engine, rows::Rows};
use crate::store::{AnyRealisation, Direction, Error, RealisationId, Result};

/// Answers a question from one snapshot.
macro_rules! reading {
    ($database:expr, |$rows:ident| $answer:expr) => {
        $database.reading($database.purpose(), |engine, dir| match engine {
            Engine::Memory(store) => {
                let transaction = store.begin_read()?;
                let $rows = Rows::reading(&transaction, dir);
                $answer
            }
            Engine::Redb(store) => {
                let transaction = store.begin_read()?;
                let $rows = Rows::reading(&transaction, dir);
                $answer
            }
            #[cfg(feature = "sled")]
            Engine::Sled(store) => {
                let transaction = store.begin_read()?;
                let $rows = Rows::reading(&transaction, dir);
                $answer
            }
        })
    };
}

impl Database {
    /// Returns what is known of a path, or nothing where it is not valid.
    ///
    /// # Errors
    /// Fails when the database cannot be read.
    pub fn path_info(&self, path: &StorePath) -> Result<Option<PathInfo>> {
        reading!(self, |rows| rows.path_info(path))
    }

    /// Returns whether the path is valid.
    ///
    /// # Errors
    /// Fails when the database cannot be read.
    pub fn is_valid(&self, path: &StorePath) -> Result<bool> {
        reading!(self, |rows| rows.is_valid(path))
    }

    /// Returns every valid path. Memory is in proportion to their number.
    ///
    /// # Errors
    /// Fails when the database cannot be read.
    pub fn valid_paths(&self) -> Result<BTreeSet<StorePath>> {
        reading!(self, |rows| rows.valid_paths())
    }

    /// Calls `each` with everything known of each valid path, by path: all as it was at one moment.
    /// Memory does not depend on their number.
    ///
    /// Meanwhile a change by `each` is refused, unless the database is open for writing, by a
    /// [`hold`](Self::hold) or an exclusive handle, and one by another thread waits until this ends.
    ///
    /// # Errors
    /// Fails when the database cannot be read, and when `each` fails.
    pub fn for_each_path(&self, each: &mut dyn FnMut(PathInfo) -> Result<()>) -> Result<()> {
        reading!(self, |rows| rows.for_each_path(each))
    }

    /// Returns the valid paths that refer to a path, itself among them where it does.
    ///
    /// # Errors
    /// Fails when the database cannot be read.
    pub fn referrers(&self, path: &StorePath) -> Result<BTreeSet<StorePath>> {
        reading!(self, |rows| rows.referrers(path))
    }

    /// Returns the valid derivations that have a path as an output: that state it, or by a
    /// realisation that names them by path.
    ///
    /// # Errors
    /// Fails when the database cannot be read.
    pub fn valid_derivers(&self, path: &StorePath) -> Result<BTreeSet<StorePath>> {
        reading!(self, |rows| rows.valid_derivers(path))
    }

    /// Returns the outputs of a valid derivation with their paths, where these are known: before the
    /// build, or through a realisation of either kind.
    ///
    /// # Errors
    /// Fails when the database cannot be read, with [`Error::NotValid`] and
    /// [`Error::NotADerivation`], and with [`Error::UnknownDerivation`] where the derivation was
    /// registered without what it says.
    pub fn derivation_outputs(
        &self,
        derivation: &StorePath,
    ) -> Result<BTreeMap<OutputName, Option<StorePath>>> {
        reading!(self, |rows| rows.derivation_outputs(derivation))
    }

    /// Returns what a valid derivation says, where it was registered with it.
    ///
    /// # Errors
    /// Fails when the database cannot be read.
    pub fn derivation(&self, path: &StorePath) -> Result<Option<Derivation>> {
        reading!(self, |rows| rows.valid_derivation(path))
    }

    /// Returns where an output of a content-addressed derivation lies, where that is registered.
    ///
    /// # Errors
    /// Fails when the database cannot be read.
    pub fn realisation(&self, id: &RealisationId) -> Result<Option<AnyRealisation>> {
        reading!(self, |rows| rows.realisation(id))
    }

    /// Returns all realisations.
    ///
    /// # Errors
    /// Fails when the database cannot be read.
    pub fn realisations(&self) -> Result<Vec<AnyRealisation>> {
        reading!(self, |rows| rows.realisations())
    }

    /// Returns the valid path that has a hash part, which is 32 characters.
    ///
    /// # Errors
    /// Fails when the database cannot be read.
    pub fn path_from_hash_part(&self, hash_part: &str) -> Result<Option<StorePath>> {
        reading!(self, |rows| rows.path_from_hash_part(hash_part))
    }

    /// Returns the paths and everything that they refer to, or that refers to them, transitively.
    ///
    /// Referrers are followed in an index alone; references take a row for each path.
    ///
    /// # Errors
    /// Fails when the database cannot be read, and with [`Error::NotValid`] for one of `paths`.
    pub fn closure(
        &self,
        paths: &BTreeSet<StorePath>,
        direction: Direction,
    ) -> Result<BTreeSet<StorePath>> {
        reading!(self, |rows| rows.closure(paths, direction))
    }

    /// Returns all roots by name, with the paths that they keep.
    ///
    /// # Errors
    /// Fails when the database cannot be read.
    pub fn roots(&self) -> Result<Vec<(String, StorePath)>> {
        reading!(self, |rows| rows.roots())
    }
}

impl DerivationLookup for Database {
    type Error = Error;

    fn derivation(&self, path: &StorePath) -> Result<Option<Cow<'_, Derivation>>> {
        Ok(Self::derivation(self, path)?.map(Cow::Owned))
    }
}
