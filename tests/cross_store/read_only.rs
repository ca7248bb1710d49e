//! Stores that are opened for reading only, where the engine can.

use std::fs;

use netabase_store::{
    RedbStore, Result, SledStore, Store, StoreError, StoreOptions, backends::redb::RedbBackend,
};
use netabase_tests::{Customer, ShopDefinition, assert_sound, customer, refusal};
use tempfile::TempDir;

use super::versions::{first, larger};

type Shop = RedbStore<ShopDefinition>;

fn read_only() -> StoreOptions {
    StoreOptions::new().read_only(true)
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

#[test]
fn a_read_only_store_reads_and_refuses_to_write() -> Result<()> {
    let folder = folder();
    let path = folder.path().join("store");
    Shop::new(&path)?
        .open_tree::<Customer>()
        .put_many((0..10).map(customer))?;
    let before = fs::read(&path).expect("the store's file");
    let store = Shop::open_with(&path, &read_only())?;
    let customers = store.open_tree::<Customer>();
    assert_eq!(customers.len()?, 10);
    assert_eq!(
        store.begin_read()?.open_tree::<Customer>().get(3)?,
        Some(customer(3))
    );
    assert_sound(&store);
    let refused = [
        customers.put(customer(20)),
        customers.remove(1).map(drop),
        customers.clear(),
        store.begin_write().map(drop),
    ];
    for refused in refused {
        assert!(refused.is_err_and(|error| error.is_read_only()));
    }
    store.flush()?;
    drop((customers, store));
    assert_eq!(fs::read(&path).expect("the store's file"), before);
    Ok(())
}

#[test]
fn several_readers_share_a_file_and_keep_writers_out() -> Result<()> {
    let folder = folder();
    let path = folder.path().join("store");
    Shop::new(&path)?.open_tree::<Customer>().put(customer(1))?;
    let readers = [
        Shop::open_with(&path, &read_only())?,
        Shop::open_with(&path, &read_only())?,
    ];
    for reader in &readers {
        assert_eq!(reader.open_tree::<Customer>().get(1)?, Some(customer(1)));
    }
    assert!(Shop::open(&path).is_err_and(|error| error.is_locked()));
    drop(readers);
    let writer = Shop::open(&path)?;
    assert!(Shop::open_with(&path, &read_only()).is_err_and(|error| error.is_locked()));
    drop(writer);
    Ok(())
}

#[test]
fn reading_only_creates_nothing() {
    let folder = folder();
    let path = folder.path().join("store");
    for refused in [
        Shop::open_with(&path, &read_only()),
        Shop::new_with(&path, &read_only()),
    ] {
        assert!(refused.is_err_and(|error| error.is_not_found()));
    }
    assert!(!path.exists());
}

#[test]
fn a_store_that_has_to_be_built_is_not_opened_for_reading_only() -> Result<()> {
    type Old = Store<first::People, RedbBackend>;
    type New = Store<larger::People, RedbBackend>;
    let folder = folder();
    let path = folder.path().join("store");
    drop(Old::new(&path)?);
    let StoreError::SchemaDiffers { differences } = refusal(New::open_with(&path, &read_only()))
    else {
        panic!("refused for another reason");
    };
    assert_eq!(differences.len(), 3, "{differences:?}");
    assert!(
        differences
            .iter()
            .all(|text| text.ends_with("open the store for writing once"))
    );
    drop(New::open(&path)?);
    drop(New::open_with(&path, &read_only())?);
    Ok(())
}

#[test]
fn sled_cannot_open_for_reading_only() -> Result<()> {
    let folder = folder();
    let path = folder.path().join("store");
    drop(SledStore::<ShopDefinition>::new(&path)?);
    let refused = refusal(SledStore::<ShopDefinition>::open_with(&path, &read_only()));
    assert!(
        matches!(refused, StoreError::Unsupported { .. }),
        "{refused}"
    );
    Ok(())
}

#[test]
fn a_file_whose_writer_died_is_repaired_by_the_next_writer() -> Result<()> {
    let folder = folder();
    let (path, torn) = (folder.path().join("store"), folder.path().join("torn"));
    let store = Shop::new(&path)?;
    store
        .open_tree::<Customer>()
        .put_many((0..10).map(customer))?;
    // What a killed process leaves: the file as it is, without a close.
    fs::copy(&path, &torn).expect("room for a copy");
    drop(store);
    let refused = Shop::open_with(&torn, &read_only());
    assert!(refused.is_err());
    let store = Shop::open(&torn)?;
    assert_eq!(store.open_tree::<Customer>().len()?, 10);
    assert_sound(&store);
    drop(store);
    assert_eq!(
        Shop::open_with(&torn, &read_only())?
            .open_tree::<Customer>()
            .len()?,
        10
    );
    Ok(())
}
