//! The kinds of stores that live in memory.

use nix_core::{
    signature::TrustedKeys,
    store_path::{StoreDir, StorePath},
};
use nix_store::{memory::MemoryStore, read_only::ReadOnlyStore};

use crate::Subject;

/// A store in memory.
pub(crate) struct Memory(MemoryStore);

impl Subject for Memory {
    type Store = MemoryStore;

    const MODEL_CASES: u32 = 128;

    fn new() -> Self {
        Self(MemoryStore::new(StoreDir::default()))
    }

    fn with_trusted_keys(keys: TrustedKeys) -> Self {
        Self(MemoryStore::new(StoreDir::default()).with_trusted_keys(keys))
    }

    fn store(&self) -> &MemoryStore {
        &self.0
    }

    fn place(&self, path: &StorePath, mut nar: &[u8]) {
        self.0.place(path, &mut nar).expect("an archive");
    }
}

/// A store over an empty one.
pub(crate) struct Above(ReadOnlyStore<MemoryStore>);

impl Subject for Above {
    type Store = ReadOnlyStore<MemoryStore>;

    const MODEL_CASES: u32 = 64;

    fn new() -> Self {
        Self(ReadOnlyStore::new(MemoryStore::new(StoreDir::default())))
    }

    fn with_trusted_keys(keys: TrustedKeys) -> Self {
        let Self(store) = Self::new();
        Self(store.with_trusted_keys(keys))
    }

    fn store(&self) -> &ReadOnlyStore<MemoryStore> {
        &self.0
    }

    fn place(&self, path: &StorePath, mut nar: &[u8]) {
        self.0.place(path, &mut nar).expect("an archive");
    }
}
