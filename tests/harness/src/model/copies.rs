//! Copies of a store on another engine, and what tools do to them without its types.

use std::path::Path;

use netabase_store::{
    Backend, NetabaseError, RawStore, Result, StoreOptions,
    backends::{OpenBackend, redb::RedbBackend, sled::SledBackend},
};

use super::{
    reference::Reference,
    world::{Shop, assert_is},
};
use crate::folder::fast_folder;

/// Copies a store to redb and from there to sled, compacts both, builds their indexes anew, and writes
/// all records out and in again. Each must hold what it should.
///
/// # Errors
/// Fails when an engine does.
pub(super) fn check_copies<B: Backend>(store: &Shop<B>, reference: &Reference) -> Result<()> {
    let folder = fast_folder().expect("a temporary folder");
    let (redb, sled) = (folder.path().join("redb"), folder.path().join("sled"));
    store.copy_to_engine::<RedbBackend>(&redb)?;
    check_tools::<RedbBackend>(&redb, reference)?;
    open::<RedbBackend>(&redb)?.copy_to_engine::<SledBackend>(&sled)?;
    check_tools::<SledBackend>(&sled, reference)
}

fn check_tools<B: OpenBackend>(path: &Path, reference: &Reference) -> Result<()> {
    assert_is(&open::<B>(path)?, reference)?;
    RawStore::<B>::compact(path)?;
    assert_is(&open::<B>(path)?, reference)?;
    let waiting = RawStore::<B>::open(path, &options())?.rebuild_indexes()?;
    assert!(
        !waiting.is_empty(),
        "computed indexes wait for their program"
    );
    assert_is(&open::<B>(path)?, reference)?;
    let loaded = path.with_extension("loaded");
    load::<B>(path, &loaded)?;
    assert_is(&open::<B>(&loaded)?, reference)
}

/// Writes every record to a new store; computed indexes of some are left to the opening of it.
fn load<B: OpenBackend>(from: &Path, to: &Path) -> Result<()> {
    let source = RawStore::<B>::open(from, &options())?;
    RawStore::<B>::create(to, source.schema(), |loader| {
        for model in source.models() {
            for (number, record) in model.records()?.enumerate() {
                let mut record = record?;
                if number % 3 == 0 {
                    record.computed.clear();
                }
                loader.add(&model.schema().discriminant, &record)?;
            }
        }
        Ok::<_, NetabaseError>(())
    })
}

fn open<B: OpenBackend>(path: &Path) -> Result<Shop<B>> {
    Shop::open_with(path, &options())
}

fn options() -> StoreOptions {
    StoreOptions::new().cache_bytes(1 << 20)
}
