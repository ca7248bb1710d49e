//! Commits so large that several threads write their tables.

use netabase_harness::disk::{Disk, Fault, FaultKind};
use netabase_store::{RedbStore, Result, StoreOptions};
use netabase_tests::{Customer, ShopDefinition, assert_sound, customer};

/// How many customers have some tens of thousands of index entries.
const MANY: u64 = 8000;

/// Every part of a large commit fails in turn, on whichever thread.
const FAULTS: u64 = 24;

fn open(disk: &Disk) -> Result<RedbStore<ShopDefinition>> {
    disk.open(&StoreOptions::new())
}

#[test]
fn a_large_commit_has_every_row_and_entry() -> Result<()> {
    let store = open(&Disk::default())?;
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
fn a_large_commit_that_fails_anywhere_is_told_and_leaves_nothing_or_all() -> Result<()> {
    let whole = Disk::default();
    let store = open(&whole)?;
    let before = whole.changes();
    store
        .open_tree::<Customer>()
        .put_many((0..MANY).map(customer))?;
    let after = whole.changes();
    let mut failed = 0;
    for turn in 0..FAULTS {
        let fault = Fault {
            at: before + (after - before) * turn / FAULTS,
            lasts: true,
            reads: false,
            kind: FaultKind::Full,
        };
        let disk = Disk::failing(fault);
        let store = open(&disk)?;
        let customers = store.open_tree::<Customer>();
        let refused = customers.put_many((0..MANY).map(customer));
        if refused.is_ok() && disk.changes() <= fault.at {
            // Threads that write tables take fewer writes in one run than in another.
            continue;
        }
        assert!(refused.is_err_and(|error| error.is_full()), "{fault:?}");
        failed += 1;
        let again = customers.put(customer(1));
        assert!(again.is_err_and(|error| error.is_poisoned()), "{fault:?}");
        drop(store);
        let reopened = open(&Disk::of(disk.image()))?;
        let left = reopened.open_tree::<Customer>().len()?;
        // What fails near the end may be the sync after which all is there.
        let may_be_whole = turn * 4 > FAULTS * 3;
        assert!(
            left == 0 || (may_be_whole && left == MANY),
            "{left} left by {fault:?}"
        );
        assert_sound(&reopened);
    }
    assert!(failed * 4 > FAULTS * 3, "{failed} of {FAULTS}");
    Ok(())
}
