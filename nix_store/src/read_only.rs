//! Stores that are read and left as they are.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead, Write},
    sync::Arc,
};

use nix_core::{
    path_info::PathInfo,
    signature::{Signature, TrustedKeys},
    store_path::{OutputName, StoreDir, StorePath},
};

use crate::{
    memory::Layer,
    store::{
        Added, AnyRealisation, Deleted, NewObject, ReadStore, RealisationId, Result, WriteStore,
        derivation_outputs,
    },
};

/// A store that reads from another one and keeps all changes in memory.
///
/// Answers are those of both together: an object that was added here may refer to objects of the
/// lower store, and signatures added here are joined with those that it knows. What is valid there
/// can not be deleted. The lower store may gain objects meanwhile; losing some that objects here
/// refer to leaves these without what they need.
///
/// It takes anything that reads: a store, a reference to one, `Box<dyn ReadStore>`.
///
/// # Examples
/// ```
/// use nix_core::store_path::StorePath;
/// use nix_store::{StoreDir, memory::MemoryStore, read_only::ReadOnlyStore, store::*};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let json = include_str!("../tests/stores/greeting.json");
/// let greeting = StorePath::from_base_name("73rbvcsk91mg1xh1js6b34cvf9nmcsjf-greeting")?;
/// let lower: Box<dyn ReadStore> = Box::new(MemoryStore::from_json(json.as_bytes())?);
///
/// let store = ReadOnlyStore::new(lower);
/// assert!(store.is_valid(&greeting)?);
/// assert!(matches!(store.delete(&[greeting].into()), Err(Error::ReadOnly)));
/// assert_eq!(store.lower().valid_paths()?.len(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct ReadOnlyStore<S> {
    lower: S,
    upper: Layer,
}

impl<S: ReadStore> ReadOnlyStore<S> {
    /// Returns a store without changes to `lower`, which demands no signatures.
    #[must_use]
    pub fn new(lower: S) -> Self {
        let upper = Layer::new(lower.store_dir().clone());
        Self { lower, upper }
    }

    /// Returns a handle that demands of objects added with [`WriteStore::add_nar`] that they are
    /// addressed by their content or signed by one of the keys. Other handles stay as they are.
    #[must_use]
    pub fn with_trusted_keys(mut self, keys: TrustedKeys) -> Self {
        self.upper.trusted_keys = Some(Arc::new(keys));
        self
    }

    /// Puts an object into its place in memory without making it valid, which
    /// [`register`](WriteStore::register) does.
    ///
    /// # Errors
    /// Fails when `nar` does, when it is no archive, and when the lower store cannot be read.
    pub fn place(&self, path: &StorePath, nar: &mut dyn BufRead) -> Result<()> {
        self.upper.place(self.below(), path, nar)
    }

    fn below(&self) -> Option<&dyn ReadStore> {
        Some(&self.lower)
    }
}

impl<S> ReadOnlyStore<S> {
    /// Returns the store that is read.
    #[must_use]
    pub const fn lower(&self) -> &S {
        &self.lower
    }
}

impl<S: ReadStore> ReadStore for ReadOnlyStore<S> {
    fn store_dir(&self) -> &StoreDir {
        self.upper.store_dir()
    }

    fn path_info(&self, path: &StorePath) -> Result<Option<PathInfo>> {
        self.upper.view(self.below(), |view| view.path_info(path))
    }

    fn is_valid(&self, path: &StorePath) -> Result<bool> {
        self.upper.view(self.below(), |view| view.is_valid(path))
    }

    fn valid_paths(&self) -> Result<BTreeSet<StorePath>> {
        self.upper.view(self.below(), |view| view.valid_paths())
    }

    fn referrers(&self, path: &StorePath) -> Result<BTreeSet<StorePath>> {
        self.upper.view(self.below(), |view| view.referrers(path))
    }

    fn valid_derivers(&self, path: &StorePath) -> Result<BTreeSet<StorePath>> {
        self.upper
            .view(self.below(), |view| view.valid_derivers(path))
    }

    fn derivation_outputs(
        &self,
        derivation: &StorePath,
    ) -> Result<BTreeMap<OutputName, Option<StorePath>>> {
        derivation_outputs(self, derivation)
    }

    fn realisation(&self, id: &RealisationId) -> Result<Option<AnyRealisation>> {
        self.upper.view(self.below(), |view| view.realisation(id))
    }

    fn path_from_hash_part(&self, hash_part: &str) -> Result<Option<StorePath>> {
        self.upper
            .view(self.below(), |view| view.path_from_hash_part(hash_part))
    }

    fn write_nar(&self, path: &StorePath, writer: &mut dyn Write) -> Result<u64> {
        self.upper.write_nar(self.below(), path, writer)
    }
}

impl<S: ReadStore> WriteStore for ReadOnlyStore<S> {
    fn add_nar(&self, info: &PathInfo, nar: &mut dyn BufRead) -> Result<Added> {
        self.upper.add_nar(self.below(), info, nar)
    }

    fn add(&self, object: &NewObject, nar: &mut dyn BufRead) -> Result<PathInfo> {
        self.upper.add(self.below(), object, nar)
    }

    fn register(&self, infos: &[PathInfo]) -> Result<()> {
        self.upper.register(self.below(), infos)
    }

    fn register_realisation(&self, realisation: &AnyRealisation) -> Result<()> {
        self.upper.register_realisation(self.below(), realisation)
    }

    fn add_signatures(&self, path: &StorePath, signatures: &BTreeSet<Signature>) -> Result<()> {
        self.upper.add_signatures(self.below(), path, signatures)
    }

    fn delete(&self, paths: &BTreeSet<StorePath>) -> Result<Deleted> {
        self.upper.delete(self.below(), paths)
    }
}
