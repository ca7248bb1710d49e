//! Bytes as whole rows, as keys of a model and as cursors: the right answer or an error.

#![no_main]

use libfuzzer_sys::fuzz_target;
use netabase_store::{Cursor, MemoryStore, ToIVec};
use nix_store::db::models::{
    Derivation, RealisationPrimaryKey, StoreDefinition, StorePath, StorePathByNameSecondaryKey,
};

fuzz_target!(|input: &[u8]| {
    if let Ok(path) = StorePath::from_ivec(input) {
        let row = path.to_ivec().expect("what was read can be written");
        assert_eq!(StorePath::from_ivec(&row).expect("it reads back"), path);
    }
    if let Ok(derivation) = Derivation::from_ivec(input) {
        derivation.to_ivec().expect("what was read can be written");
    }
    if let Ok(key) = RealisationPrimaryKey::from_ivec(input) {
        assert_eq!(key.to_ivec().expect("a key can be written"), input);
    }
    let cursor = std::str::from_utf8(input)
        .ok()
        .and_then(|text| text.parse::<Cursor>().ok());
    if let Some(cursor) = cursor {
        let store = MemoryStore::<StoreDefinition>::new();
        let paths = store.open_tree::<StorePath>();
        let names = paths.index::<StorePathByNameSecondaryKey>();
        if let Ok(page) = names.prefix("a").page(10, Some(&cursor)) {
            assert!(page.items.is_empty());
        }
    }
});
