//! Which store is meant, and which of its paths.

use clap::Args;
use nix_core::store_path::{HASH_PART_LEN, StorePath};
use nix_store::{
    local::{LocalOptions, LocalReference, LocalStore},
    store::ReadStore,
};

use crate::error::{Error, Result};

/// Which store is meant.
#[derive(Debug, Args)]
pub(crate) struct StorePlace {
    /// The store: the folder above its `nix/store`, or `local?root=DIR`, `local?store=/my/store`, ...
    #[arg(long, value_name = "STORE", value_parser = LocalReference::parse)]
    store: LocalReference,
}

impl StorePlace {
    /// Opens the store for reading and writing, and makes it where there is none.
    pub(crate) fn open(&self) -> Result<LocalStore> {
        open(&self.store, self.store.read_only)
    }

    /// Opens the store for reading; it has to be there.
    pub(crate) fn read(&self) -> Result<LocalStore> {
        open(&self.store, true)
    }
}

/// Opens a store.
pub(crate) fn open(reference: &LocalReference, read_only: bool) -> Result<LocalStore> {
    let layout = reference.layout.clone();
    if read_only && !layout.db_dir().exists() {
        let path = layout.real_store_dir;
        return Err(Error::NoObjects { path });
    }
    let options = LocalOptions {
        read_only,
        ..LocalOptions::default()
    };
    Ok(LocalStore::open(layout, &options)?)
}

/// Returns the valid path that a text names: in full, by base name, or by hash part.
pub(crate) fn find<S: ReadStore + ?Sized>(store: &S, text: &str) -> Result<StorePath> {
    let no_such_path = || Error::NotInStore {
        path: text.to_owned(),
        store_dir: store.store_dir().clone(),
    };
    if text.len() == HASH_PART_LEN && !text.contains('/') {
        return store.path_from_hash_part(text)?.ok_or_else(no_such_path);
    }
    let path = named(store, text)?;
    if store.is_valid(&path)? {
        Ok(path)
    } else {
        Err(no_such_path())
    }
}

/// Returns the path that a text names in full or by base name, valid or not.
pub(crate) fn named<S: ReadStore + ?Sized>(store: &S, text: &str) -> Result<StorePath> {
    let path = if text.contains('/') {
        store.store_dir().parse(text)
    } else {
        StorePath::from_base_name(text)
    };
    path.map_err(|source| Error::StorePath {
        path: text.to_owned(),
        source,
    })
}
