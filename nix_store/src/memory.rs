//! Stores that keep their objects in memory, for tests and for work that leaves nothing behind.

mod json;
mod json_tree;
mod layer;
mod lookup;
mod plan;
mod state;
mod view;

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
use nix_io::nar::NarLimits;

use crate::store::{
    Added, AnyRealisation, Deleted, NewObject, ReadStore, RealisationId, Result, WriteStore,
    derivation_outputs,
};

pub(crate) use self::layer::Layer;

/// A store in memory.
///
/// Clones are handles of the same store. Objects are kept as archives, each of which was decoded
/// before it was taken. There is no clock: of an object added by [`WriteStore::add`] the
/// registration time is unknown, and those of others are what their adder said.
///
/// # Examples
/// ```
/// use nix_core::{content_address::MethodAlgorithm, store_path::{References, StorePathName}};
/// use nix_io::nar::{Encoder, Event, NarLimits};
/// use nix_store::{StoreDir, memory::MemoryStore, store::{NewObject, ReadStore, WriteStore}};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut archive = Vec::new();
/// let mut encoder = Encoder::new(NarLimits::default());
/// encoder.encode(Event::Regular { executable: false, size: 5, offset: 0 }, &mut archive)?;
/// encoder.encode(Event::Contents(b"hello"), &mut archive)?;
/// encoder.encode(Event::RegularEnd, &mut archive)?;
///
/// let store = MemoryStore::new(StoreDir::default());
/// let greeting = NewObject {
///     name: StorePathName::new("greeting")?,
///     how: "fixed:r:sha256".parse::<MethodAlgorithm>()?,
///     references: References::default(),
/// };
/// let info = store.add(&greeting, &mut &archive[..])?;
/// assert_eq!(info.path.to_string(), "73rbvcsk91mg1xh1js6b34cvf9nmcsjf-greeting");
///
/// let mut copy = Vec::new();
/// store.write_nar(&info.path, &mut copy)?;
/// assert_eq!(copy, archive);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct MemoryStore {
    layer: Layer,
}

impl MemoryStore {
    /// Returns a store without objects, which demands no signatures.
    #[must_use]
    pub fn new(store_dir: StoreDir) -> Self {
        Self {
            layer: Layer::new(store_dir),
        }
    }

    /// Returns a handle that demands of objects added with [`WriteStore::add_nar`] that they are
    /// addressed by their content or signed by one of the keys. Other handles stay as they are.
    #[must_use]
    pub fn with_trusted_keys(mut self, keys: TrustedKeys) -> Self {
        self.layer.trusted_keys = Some(Arc::new(keys));
        self
    }

    /// Returns a handle that refuses larger archives. Other handles stay as they are.
    #[must_use]
    pub fn with_limits(mut self, limits: NarLimits) -> Self {
        self.layer.limits = limits;
        self
    }

    /// Puts an object into its place without making it valid, which
    /// [`register`](WriteStore::register) does. It takes the place of one that lay there; what is
    /// valid stays.
    ///
    /// # Errors
    /// Fails when `nar` does, and when it is no archive.
    pub fn place(&self, path: &StorePath, nar: &mut dyn BufRead) -> Result<()> {
        self.layer.place(None, path, nar)
    }
}

impl ReadStore for MemoryStore {
    fn store_dir(&self) -> &StoreDir {
        self.layer.store_dir()
    }

    fn path_info(&self, path: &StorePath) -> Result<Option<PathInfo>> {
        self.layer.view(None, |view| view.path_info(path))
    }

    fn is_valid(&self, path: &StorePath) -> Result<bool> {
        self.layer.view(None, |view| view.is_valid(path))
    }

    fn valid_paths(&self) -> Result<BTreeSet<StorePath>> {
        self.layer.view(None, |view| view.valid_paths())
    }

    fn referrers(&self, path: &StorePath) -> Result<BTreeSet<StorePath>> {
        self.layer.view(None, |view| view.referrers(path))
    }

    fn valid_derivers(&self, path: &StorePath) -> Result<BTreeSet<StorePath>> {
        self.layer.view(None, |view| view.valid_derivers(path))
    }

    fn derivation_outputs(
        &self,
        derivation: &StorePath,
    ) -> Result<BTreeMap<OutputName, Option<StorePath>>> {
        derivation_outputs(self, derivation)
    }

    fn realisation(&self, id: &RealisationId) -> Result<Option<AnyRealisation>> {
        self.layer.view(None, |view| view.realisation(id))
    }

    fn path_from_hash_part(&self, hash_part: &str) -> Result<Option<StorePath>> {
        self.layer
            .view(None, |view| view.path_from_hash_part(hash_part))
    }

    fn write_nar(&self, path: &StorePath, writer: &mut dyn Write) -> Result<u64> {
        self.layer.write_nar(None, path, writer)
    }
}

impl WriteStore for MemoryStore {
    fn add_nar(&self, info: &PathInfo, nar: &mut dyn BufRead) -> Result<Added> {
        self.layer.add_nar(None, info, nar)
    }

    fn add(&self, object: &NewObject, nar: &mut dyn BufRead) -> Result<PathInfo> {
        self.layer.add(None, object, nar)
    }

    fn register(&self, infos: &[PathInfo]) -> Result<()> {
        self.layer.register(None, infos)
    }

    fn register_realisation(&self, realisation: &AnyRealisation) -> Result<()> {
        self.layer.register_realisation(None, realisation)
    }

    fn add_signatures(&self, path: &StorePath, signatures: &BTreeSet<Signature>) -> Result<()> {
        self.layer.add_signatures(None, path, signatures)
    }

    fn delete(&self, paths: &BTreeSet<StorePath>) -> Result<Deleted> {
        self.layer.delete(None, paths)
    }
}
