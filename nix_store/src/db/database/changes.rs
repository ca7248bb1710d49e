//! How a database is changed.

use std::collections::BTreeSet;

use nix_core::{derivation::DerivationLookup, signature::Signature, store_path::StorePath};

use super::{Database, Registration, engine::Engine, rows::Rows};
use crate::store::{AnyRealisation, Error, Result};

/// Makes a change in one transaction, which is committed unless the change fails.
macro_rules! writing {
    ($database:expr, |$rows:ident| $change:expr) => {
        $database.writing(|engine, dir| match engine {
            Engine::Memory(store) => writing!(store, dir, $rows, $change),
            Engine::Redb(store) => writing!(store, dir, $rows, $change),
            #[cfg(feature = "sled")]
            Engine::Sled(store) => writing!(store, dir, $rows, $change),
        })
    };
    ($store:expr, $dir:expr, $rows:ident, $change:expr) => {{
        let transaction = $store.begin_write()?;
        let done = {
            let $rows = Rows::writing(&transaction, $dir);
            $change?
        };
        transaction.commit()?;
        Ok(done)
    }};
}

impl Database {
    /// Makes paths valid: all of them, or none, in one transaction.
    ///
    /// They may refer to each other, in any order, and each to itself. What is valid already is
    /// joined with what is said now: signatures are united, the path is ultimate where one says so,
    /// and the first registration time, references and, where there is one, deriver stay. Memory is
    /// in proportion to the rows that are written.
    ///
    /// What derivations say is checked when it is new: their paths follow from it, and so do their
    /// outputs, for which the derivations that they use are looked up, each once for this handle and
    /// its clones. Rows that came another way, from Nix's own database or through the trees, are
    /// taken at their word.
    ///
    /// # Errors
    /// Fails when a reference is neither valid nor among them
    /// ([`ReferenceNotValid`](Error::ReferenceNotValid)), when they refer to each other in a circle
    /// ([`Cycle`](Error::Cycle)), when a path is valid with another hash
    /// ([`Conflict`](Error::Conflict)), when a path has the name of no derivation and comes as one
    /// ([`NotADerivation`](Error::NotADerivation)), when a derivation has another path or other
    /// outputs than follow ([`DerivationPath`](Error::DerivationPath),
    /// [`DerivationOutputs`](Error::DerivationOutputs)) or uses one that is registered without what
    /// it says, and when the database cannot be written.
    pub fn register(&self, objects: &[Registration]) -> Result<()> {
        self.register_beside(objects, None)
    }

    /// Does the same; what a valid derivation says that was registered without it, `files` knows.
    pub(crate) fn register_beside(
        &self,
        objects: &[Registration],
        files: Option<&dyn DerivationLookup<Error = Error>>,
    ) -> Result<()> {
        let checks = &self.shared.checks;
        writing!(self, |rows| rows.register(objects, checks, files))
    }

    /// Says where an output of a content-addressed derivation lies; signatures are joined.
    ///
    /// # Errors
    /// Fails when the output is known to lie elsewhere, when the path is not valid, and when the
    /// database cannot be written.
    pub fn register_realisation(&self, realisation: &AnyRealisation) -> Result<()> {
        writing!(self, |rows| rows.register_realisation(realisation))
    }

    /// Joins signatures with those of a path.
    ///
    /// # Errors
    /// Fails when the path is not valid, and when the database cannot be written.
    pub fn add_signatures(&self, path: &StorePath, signatures: &BTreeSet<Signature>) -> Result<()> {
        writing!(self, |rows| rows.add_signatures(path, signatures))
    }

    /// Makes paths invalid: all of them, or none, in one transaction. Returns those that were valid.
    ///
    /// What derivations among them say goes too, and realisations by which an output lies at one of
    /// them. Roots are not asked. Memory is in proportion to the rows that go.
    ///
    /// # Errors
    /// Fails with [`HasReferrers`](Error::HasReferrers) when a path that stays refers to one of them,
    /// and when the database cannot be written.
    pub fn delete(&self, paths: &BTreeSet<StorePath>) -> Result<BTreeSet<StorePath>> {
        writing!(self, |rows| rows.delete(paths))
    }

    /// Makes those of the paths invalid that nothing else needs, as [`delete`](Self::delete) does,
    /// and returns them.
    ///
    /// What `keep` says is kept, what a path outside of `paths` refers to, and what those that are
    /// kept refer to. `keep` is asked inside the transaction, once for each valid path of `paths`; it
    /// may ask the database, but not change it.
    ///
    /// # Errors
    /// Fails when the database cannot be written.
    pub fn delete_dead(
        &self,
        paths: &BTreeSet<StorePath>,
        keep: &mut dyn FnMut(&StorePath) -> bool,
    ) -> Result<BTreeSet<StorePath>> {
        writing!(self, |rows| rows.delete_dead(paths, keep))
    }

    /// Makes a path a root by a name; a root of that name is replaced. The path need not be valid.
    ///
    /// # Errors
    /// Fails when the name is too long to be a key, and when the database cannot be written.
    pub fn add_root(&self, name: &str, target: &StorePath) -> Result<()> {
        writing!(self, |rows| rows.add_root(name, target))
    }

    /// Removes a root, and says whether there was one of that name.
    ///
    /// # Errors
    /// Fails when the database cannot be written.
    pub fn remove_root(&self, name: &str) -> Result<bool> {
        writing!(self, |rows| rows.remove_root(name))
    }
}
