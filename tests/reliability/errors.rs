//! The disk fails at every step of a store's life, once or from then on.

use std::io::ErrorKind;

use netabase_store::{NetabaseError, Result, StoreError, StoreOptions};
use netabase_tests::{Customer, customer};

use super::{
    disk::{Disk, Fault},
    history::{Contents, assert_recovered, live, states},
};

/// Lives the history on a disk with a fault; returns whether the fault was met.
fn check(fault: Fault, states: &[Contents]) -> bool {
    let disk = Disk::failing(fault);
    let store = match disk.open(&StoreOptions::new()) {
        Ok(store) => store,
        Err(error) => {
            assert_is_expected(&error, fault);
            return true;
        }
    };
    let (_, progress, lived) = live(&store, |_| ());
    let failed = lived.is_err();
    if let Err(error) = lived {
        assert_is_expected(&error, fault);
        // The handle refuses writes, says why, and does not take the lock along.
        for _ in 0..2 {
            let refused = store.open_tree::<Customer>().put(customer(9999));
            assert!(refused.is_err_and(|error| error.is_poisoned()), "{fault:?}");
        }
    }
    drop(store);
    let met = failed || disk.changes() > fault.at;
    let again = Disk::of(disk.bytes()).open(&StoreOptions::new());
    let again = again.unwrap_or_else(|error| panic!("{fault:?}: reopen: {error:?}"));
    assert_recovered(&again, states, progress)
        .unwrap_or_else(|error| panic!("{fault:?}: {error:?}"));
    again
        .open_tree::<Customer>()
        .put(customer(9999))
        .expect("the disk is well again");
    met
}

/// Fails unless the error tells the fault, or that an earlier one closed the handle.
fn assert_is_expected(error: &NetabaseError, fault: Fault) {
    match error {
        NetabaseError::StoreError(
            StoreError::Full { source, .. } | StoreError::Io { source, .. },
        ) => {
            assert_eq!(source.kind(), fault.kind, "{error:?}");
        }
        error => panic!("{fault:?}: {error:?}"),
    }
}

fn sweep(kind: ErrorKind, lasts: bool) -> Result<u64> {
    let states = states()?;
    let mut at = 0;
    while check(Fault { at, lasts, kind }, &states) {
        at += 1;
    }
    assert!(at > 50, "the history changes the disk {at} times");
    Ok(at)
}

#[test]
fn a_disk_that_fails_once_at_any_step_loses_no_durable_commit() -> Result<()> {
    sweep(ErrorKind::Other, false).map(drop)
}

#[test]
fn a_disk_that_is_full_from_any_step_on_loses_no_durable_commit() -> Result<()> {
    sweep(ErrorKind::StorageFull, true).map(drop)
}

#[test]
fn a_full_disk_is_told_as_such_and_what_was_there_stays_readable() -> Result<()> {
    let well = Disk::default();
    let store = well.open(&StoreOptions::new())?;
    store
        .open_tree::<Customer>()
        .put_many((0..10).map(customer))?;
    let fault = Fault {
        at: well.changes(),
        lasts: true,
        kind: ErrorKind::StorageFull,
    };
    drop(store);
    let disk = Disk::failing(fault);
    let store = disk.open(&StoreOptions::new())?;
    let customers = store.open_tree::<Customer>();
    customers.put_many((0..10).map(customer))?;
    let refused = customers.put_many((10..2000).map(customer));
    assert!(refused.is_err_and(|error| error.is_full()));
    assert_eq!(customers.len()?, 10);
    assert_eq!(customers.get(3)?, Some(customer(3)));
    drop((customers, store));
    let store = Disk::of(disk.bytes()).open(&StoreOptions::new())?;
    assert_eq!(store.open_tree::<Customer>().len()?, 10);
    Ok(())
}
