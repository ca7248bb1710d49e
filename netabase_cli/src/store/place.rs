//! Which store is meant, and which of its paths.

use std::io::{self, Write};

use clap::Args;
use nix_core::store_path::{HASH_PART_LEN, StoreDir, StorePath};
#[cfg(feature = "peers")]
use nix_store::local::StoreLayout;
use nix_store::{
    local::{LocalOptions, LocalReference, LocalStore},
    store::ReadStore,
};

use crate::error::{Error, Result, with_causes};

/// Which store is meant.
#[derive(Debug, Args)]
pub(crate) struct StorePlace {
    /// The store: the folder above its `nix/store`, or `local?root=DIR`, `local?store=/my/store`, ...
    #[arg(long, value_name = "STORE", value_parser = LocalReference::parse)]
    store: LocalReference,
}

/// The store that objects are added to, and how.
#[derive(Debug, Args)]
pub(crate) struct TargetPlace {
    #[command(flatten)]
    place: StorePlace,
    #[command(flatten)]
    adding: Adding,
}

/// How objects are added.
#[derive(Debug, Args)]
pub(crate) struct Adding {
    /// Share the files of what is added with equal files of the store, by hard links
    #[arg(long)]
    optimise: bool,
}

impl TargetPlace {
    /// Opens the store, makes it where there is none, and adds to it.
    pub(crate) fn add<T>(&self, add: impl FnOnce(&LocalStore) -> Result<T>) -> Result<T> {
        self.adding.add_to(&self.place.store, add)
    }
}

impl Adding {
    /// Does the same with a store that is named elsewhere. What could not be shared is added all the
    /// same, and a line on standard error says so.
    pub(crate) fn add_to<T>(
        &self,
        reference: &LocalReference,
        add: impl FnOnce(&LocalStore) -> Result<T>,
    ) -> Result<T> {
        let store = open_with(reference, reference.read_only, self.optimise)?;
        let added = add(&store);
        if let Some(not_shared) = store.take_not_shared() {
            let path = store.store_dir().display(&not_shared.path);
            let (objects, why) = (not_shared.objects, with_causes(&not_shared.source));
            // Nobody is left to tell when standard error is closed.
            let _ = writeln!(
                io::stderr().lock(),
                "netabase: the files of {objects} objects are not shared, first of {path}: {why}"
            );
        }
        added
    }
}

impl StorePlace {
    /// Returns where the files of the store lie.
    #[cfg(feature = "peers")]
    pub(crate) fn layout(&self) -> &StoreLayout {
        &self.store.layout
    }

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
    open_with(reference, read_only, false)
}

fn open_with(reference: &LocalReference, read_only: bool, optimise: bool) -> Result<LocalStore> {
    let layout = reference.layout.clone();
    if read_only && !layout.db_dir().exists() {
        let path = layout.real_store_dir;
        return Err(Error::NoObjects { path });
    }
    let options = LocalOptions {
        read_only,
        optimise,
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
    path_of(store.store_dir(), text)
}

/// Returns the path of a store directory that a text names in full or by base name.
pub(crate) fn path_of(dir: &StoreDir, text: &str) -> Result<StorePath> {
    let path = if text.contains('/') {
        dir.parse(text)
    } else {
        StorePath::from_base_name(text)
    };
    path.map_err(|source| Error::StorePath {
        path: text.to_owned(),
        source,
    })
}
