//! References, boxes and counted references to stores are stores.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead, Write},
    sync::Arc,
};

use nix_core::{
    path_info::PathInfo,
    signature::Signature,
    store_path::{OutputName, StoreDir, StorePath},
};

use super::{
    Added, AnyRealisation, Deleted, Direction, NewObject, ReadStore, RealisationId, WriteStore,
    error::Result,
};

macro_rules! forward {
    ($($pointer:ty),*) => {$(
        impl<S: ReadStore + ?Sized> ReadStore for $pointer {
            fn store_dir(&self) -> &StoreDir {
                (**self).store_dir()
            }

            fn path_info(&self, path: &StorePath) -> Result<Option<PathInfo>> {
                (**self).path_info(path)
            }

            fn is_valid(&self, path: &StorePath) -> Result<bool> {
                (**self).is_valid(path)
            }

            fn valid_paths(&self) -> Result<BTreeSet<StorePath>> {
                (**self).valid_paths()
            }

            fn referrers(&self, path: &StorePath) -> Result<BTreeSet<StorePath>> {
                (**self).referrers(path)
            }

            fn valid_derivers(&self, path: &StorePath) -> Result<BTreeSet<StorePath>> {
                (**self).valid_derivers(path)
            }

            fn derivation_outputs(
                &self,
                derivation: &StorePath,
            ) -> Result<BTreeMap<OutputName, Option<StorePath>>> {
                (**self).derivation_outputs(derivation)
            }

            fn realisation(&self, id: &RealisationId) -> Result<Option<AnyRealisation>> {
                (**self).realisation(id)
            }

            fn path_from_hash_part(&self, hash_part: &str) -> Result<Option<StorePath>> {
                (**self).path_from_hash_part(hash_part)
            }

            fn write_nar(&self, path: &StorePath, writer: &mut dyn Write) -> Result<u64> {
                (**self).write_nar(path, writer)
            }

            fn closure(
                &self,
                paths: &BTreeSet<StorePath>,
                direction: Direction,
            ) -> Result<BTreeSet<StorePath>> {
                (**self).closure(paths, direction)
            }
        }

        impl<S: WriteStore + ?Sized> WriteStore for $pointer {
            fn add_nar(&self, info: &PathInfo, nar: &mut dyn BufRead) -> Result<Added> {
                (**self).add_nar(info, nar)
            }

            fn add(&self, object: &NewObject, nar: &mut dyn BufRead) -> Result<PathInfo> {
                (**self).add(object, nar)
            }

            fn register(&self, infos: &[PathInfo]) -> Result<()> {
                (**self).register(infos)
            }

            fn register_realisation(&self, realisation: &AnyRealisation) -> Result<()> {
                (**self).register_realisation(realisation)
            }

            fn add_signatures(
                &self,
                path: &StorePath,
                signatures: &BTreeSet<Signature>,
            ) -> Result<()> {
                (**self).add_signatures(path, signatures)
            }

            fn delete(&self, paths: &BTreeSet<StorePath>) -> Result<Deleted> {
                (**self).delete(paths)
            }
        }
    )*};
}

forward!(&S, Box<S>, Arc<S>);
