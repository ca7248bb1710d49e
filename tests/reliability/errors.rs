//! A disk that is full says so. Every call that fails is swept by `tests/harness`.

use netabase_harness::disk::{Disk, Fault, FaultKind};
use netabase_store::{RedbStore, Result, StoreOptions};
use netabase_tests::{Customer, ShopDefinition, customer};

#[test]
fn a_full_disk_is_told_as_such_and_what_was_there_stays_readable() -> Result<()> {
    let well = Disk::default();
    let store: RedbStore<ShopDefinition> = well.open(&StoreOptions::new())?;
    store
        .open_tree::<Customer>()
        .put_many((0..10).map(customer))?;
    let fault = Fault {
        at: well.changes(),
        lasts: true,
        reads: false,
        kind: FaultKind::Full,
    };
    drop(store);
    let disk = Disk::failing(fault);
    let store: RedbStore<ShopDefinition> = disk.open(&StoreOptions::new())?;
    let customers = store.open_tree::<Customer>();
    customers.put_many((0..10).map(customer))?;
    let refused = customers.put_many((10..2000).map(customer));
    assert!(refused.is_err_and(|error| error.is_full()));
    assert_eq!(customers.len()?, 10);
    assert_eq!(customers.get(3)?, Some(customer(3)));
    drop((customers, store));
    let store: RedbStore<ShopDefinition> = Disk::of(disk.image()).open(&StoreOptions::new())?;
    assert_eq!(store.open_tree::<Customer>().len()?, 10);
    Ok(())
}
