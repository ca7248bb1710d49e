//! What a store says is registered.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
};

use nix_core::{
    path_info::PathInfo,
    store_path::{OutputName, StoreDir, StorePath},
};
use nix_store::store::{AnyRealisation, Error, ReadStore, RealisationId, Result};

/// A store that knows its paths and their derivations, and no more.
#[derive(Default)]
pub(crate) struct Registered {
    store_dir: StoreDir,
    pub(crate) infos: BTreeMap<StorePath, PathInfo>,
    pub(crate) outputs: BTreeMap<StorePath, BTreeMap<OutputName, Option<StorePath>>>,
}

impl Registered {
    pub(crate) fn register(&mut self, infos: &BTreeMap<OutputName, PathInfo>) {
        let infos = infos.values().map(|info| (info.path.clone(), info.clone()));
        self.infos.extend(infos);
    }
}

impl ReadStore for Registered {
    fn store_dir(&self) -> &StoreDir {
        &self.store_dir
    }

    fn path_info(&self, path: &StorePath) -> Result<Option<PathInfo>> {
        Ok(self.infos.get(path).cloned())
    }

    fn valid_paths(&self) -> Result<BTreeSet<StorePath>> {
        Ok(self
            .infos
            .keys()
            .chain(self.outputs.keys())
            .cloned()
            .collect())
    }

    fn referrers(&self, _: &StorePath) -> Result<BTreeSet<StorePath>> {
        unreachable!("nobody asks for them")
    }

    fn valid_derivers(&self, _: &StorePath) -> Result<BTreeSet<StorePath>> {
        unreachable!("nobody asks for them")
    }

    fn derivation_outputs(
        &self,
        derivation: &StorePath,
    ) -> Result<BTreeMap<OutputName, Option<StorePath>>> {
        let path = derivation.clone();
        self.outputs
            .get(derivation)
            .cloned()
            .ok_or(Error::NotValid { path })
    }

    fn realisation(&self, _: &RealisationId) -> Result<Option<AnyRealisation>> {
        unreachable!("nobody asks for them")
    }

    fn path_from_hash_part(&self, _: &str) -> Result<Option<StorePath>> {
        unreachable!("nobody asks for them")
    }

    fn write_nar(&self, _: &StorePath, _: &mut dyn Write) -> Result<u64> {
        unreachable!("nobody asks for them")
    }
}
