//! Commits so large that several threads write their tables.

use std::io::ErrorKind;

use netabase_store::{Result, StoreOptions};
use netabase_tests::{Customer, assert_sound, customer};

use super::disk::{Disk, Fault};

/// How many customers have some tens of thousands of index entries.
const MANY: u64 = 8000;

/// Every part of a large commit fails in turn, on whichever thread.
const FAULTS: u64 = 24;

#[test]
fn a_large_commit_has_every_row_and_entry() -> Result<()> {
    let store = Disk::default().open(&StoreOptions::new())?;
    let customers = store.open_tree::<Customer>();
    // The second one writes among the rows of the first.
    for part in 0..2 {
        customers.put_many((0..MANY).map(|id| customer(id * 2 + part)))?;
    }
    assert_eq!(customers.len()?, MANY * 2);
    assert_sound(&store);
    let changed = |id| Customer {
        age: 7,
        tags: Vec::new(),
        ..customer(id)
    };
    customers.put_many((0..MANY).map(changed))?;
    assert_sound(&store);
    assert_eq!(customers.remove_many(0..MANY)?, MANY);
    assert_sound(&store);
    assert_eq!(customers.len()?, MANY);
    Ok(())
}

#[test]
fn a_large_commit_that_fails_anywhere_is_told_and_leaves_nothing() -> Result<()> {
    let whole = Disk::default();
    let store = whole.open(&StoreOptions::new())?;
    let before = whole.changes();
    store
        .open_tree::<Customer>()
        .put_many((0..MANY).map(customer))?;
    let after = whole.changes();
    for turn in 0..FAULTS {
        let fault = Fault {
            at: before + (after - before) * turn / FAULTS,
            lasts: true,
            kind: ErrorKind::StorageFull,
        };
        let disk = Disk::failing(fault);
        let store = disk.open(&StoreOptions::new())?;
        let customers = store.open_tree::<Customer>();
        let refused = customers.put_many((0..MANY).map(customer));
        assert!(refused.is_err_and(|error| error.is_full()), "{fault:?}");
        let again = customers.put(customer(1));
        assert!(again.is_err_and(|error| error.is_poisoned()), "{fault:?}");
        drop(store);
        let reopened = Disk::of(disk.bytes()).open(&StoreOptions::new())?;
        assert_eq!(reopened.open_tree::<Customer>().len()?, 0, "{fault:?}");
        assert_sound(&reopened);
    }
    Ok(())
}
