//! Stores that are checked when they are opened: what is wrong is the error.

use std::{fs, path::Path, sync::Arc};

use netabase_store::{
    Backend, Difference, EncodingDecodingError, MemoryStore, NetabaseError, RedbStore, Result,
    Store, StoreError, StoreOptions, ToIVec, Verify,
    backends::{Engine, OpenBackend, Snapshot, TableId, TableSet},
};
use netabase_tests::{Customer, ShopDefinition, assert_sound, customer};

use super::damage::{age_entry, key, write};

type Shop<B> = Store<ShopDefinition, B>;

on_every_file_engine! {
    always_tells_of_an_entry_that_is_missing,
    always_tells_of_an_entry_that_no_record_calls_for,
    always_tells_of_an_entry_whose_record_is_gone,
    always_tells_of_an_entry_that_was_changed,
    always_tells_of_a_record_that_was_changed,
    a_sound_store_passes_every_policy,
}

fn checked(verify: Verify) -> StoreOptions {
    StoreOptions::new().verify(verify)
}

/// Makes a store, damages it, and returns what each policy says of it after it was closed in order.
fn damaged<B: OpenBackend>(
    path: &Path,
    damage: impl FnOnce(&Shop<B>) -> Result<()>,
) -> Result<NetabaseError> {
    let store = Shop::<B>::new(path)?;
    store
        .open_tree::<Customer>()
        .put_many((0..3).map(customer))?;
    damage(&store)?;
    drop(store);
    drop(Shop::<B>::open_with(path, &checked(Verify::None))?);
    let on_unclean = Shop::<B>::open_with(path, &checked(Verify::OnUnclean));
    // sled does not know whether it was closed in order.
    assert_eq!(on_unclean.is_err(), B::ENGINE == Engine::Sled);
    drop(on_unclean);
    let error = Shop::<B>::open_with(path, &checked(Verify::Always)).map(drop);
    let error = error.expect_err("the store is damaged");
    assert!(error.is_corrupt(), "{error}");
    Ok(error)
}

#[track_caller]
fn assert_differs(error: &NetabaseError, wanted: (&str, &str, Difference)) {
    let NetabaseError::StoreError(StoreError::IndexDiffers {
        model,
        table,
        key,
        difference,
    }) = error
    else {
        panic!("another error: {error}");
    };
    assert_eq!(model, "Customer");
    assert_eq!((table.as_str(), key.as_str(), *difference), wanted);
}

fn always_tells_of_an_entry_that_is_missing<B: OpenBackend>(path: &Path) -> Result<()> {
    let error = damaged::<B>(path, |store| {
        write(store, "Customer/age", &age_entry(19, 1), None)
    })?;
    assert_differs(&error, ("Customer/age", "1", Difference::Missing));
    Ok(())
}

fn always_tells_of_an_entry_that_no_record_calls_for<B: OpenBackend>(path: &Path) -> Result<()> {
    let error = damaged::<B>(path, |store| {
        // The row from before, beside the entries from after.
        let row = customer(1).to_ivec()?;
        let older = Customer {
            age: 40,
            ..customer(1)
        };
        store.open_tree::<Customer>().put(older)?;
        write(store, "Customer", &key(1), Some(&row))?;
        restore_age_entry(store)
    })?;
    assert_differs(&error, ("Customer/age", "1", Difference::Surplus));
    Ok(())
}

/// Puts back the entry of customer 1, who is 19, as another store has it.
fn restore_age_entry<B: Backend>(store: &Shop<B>) -> Result<()> {
    let other = MemoryStore::<ShopDefinition>::new();
    other.open_tree::<Customer>().put(customer(1))?;
    let tables = TableSet::new(vec!["Customer/age".to_owned()]);
    let snapshot = other.db().snapshot(&Arc::new(tables))?;
    let table = TableId(0);
    let entry = Snapshot::get(&snapshot, table, &age_entry(19, 1), <[u8]>::to_vec)?;
    write(store, "Customer/age", &age_entry(19, 1), entry.as_deref())
}

fn always_tells_of_an_entry_whose_record_is_gone<B: OpenBackend>(path: &Path) -> Result<()> {
    let error = damaged::<B>(path, |store| write(store, "Customer", &key(1), None))?;
    assert_differs(&error, ("Customer/email", "1", Difference::Dangling));
    Ok(())
}

fn always_tells_of_an_entry_that_was_changed<B: OpenBackend>(path: &Path) -> Result<()> {
    let error = damaged::<B>(path, |store| {
        write(store, "Customer/age", &age_entry(19, 1), Some(&[0; 4]))
    })?;
    assert_differs(&error, ("Customer/age", "1", Difference::Changed));
    Ok(())
}

fn always_tells_of_a_record_that_was_changed<B: OpenBackend>(path: &Path) -> Result<()> {
    let error = damaged::<B>(path, |store| {
        write(store, "Customer", &key(1), Some(&customer(2).to_ivec()?))
    })?;
    let NetabaseError::Encoding(EncodingDecodingError::Checksum { table, .. }) = &error else {
        panic!("another error: {error}");
    };
    assert_eq!(table, "Customer");
    Ok(())
}

fn a_sound_store_passes_every_policy<B: OpenBackend>(path: &Path) -> Result<()> {
    for verify in [Verify::Always, Verify::OnUnclean, Verify::None] {
        let store = Shop::<B>::new_with(path, &checked(verify))?;
        store
            .open_tree::<Customer>()
            .put_many((0..50).map(customer))?;
        assert_sound(&store);
    }
    Ok(())
}

#[test]
fn a_file_that_was_not_closed_is_checked_on_unclean() -> Result<()> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (path, copy) = (folder.path().join("store"), folder.path().join("copy"));
    let store = RedbStore::<ShopDefinition>::new(&path)?;
    store
        .open_tree::<Customer>()
        .put_many((0..3).map(customer))?;
    write(&store, "Customer/age", &age_entry(19, 1), None)?;
    // The file as a crash would leave it.
    fs::copy(&path, &copy).expect("room for a copy");
    drop(store);
    let options = checked(Verify::OnUnclean);
    // What was not opened for it is not closed in order either.
    for _ in 0..2 {
        let error = RedbStore::<ShopDefinition>::open_with(&copy, &options).map(drop);
        let error = error.expect_err("the index misses an entry");
        assert_differs(&error, ("Customer/age", "1", Difference::Missing));
    }
    drop(RedbStore::<ShopDefinition>::open_with(&path, &options)?);
    Ok(())
}
