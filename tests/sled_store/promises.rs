//! Atomic commits over several trees, snapshots, counts and large values on sled.

use netabase_store::{
    Durability, Query, Result, SledStore, SledStoreTree, StoreOptions, backends::sled::SledBackend,
};
use netabase_tests::{
    Customer, CustomerAgeSecondaryKey, CustomerCreditSecondaryKey, Order, Setting, ShopDefinition,
    assert_sound, customer, order, setting,
};
use tempfile::TempDir;

type Shop = SledStore<ShopDefinition>;

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

#[test]
fn a_tree_has_a_name_of_its_own_on_sled() -> Result<()> {
    struct Customers(SledStoreTree<ShopDefinition, Customer>);
    let customers = Customers(Shop::temp()?.open_tree());
    customers.0.put(customer(1))?;
    assert_eq!(customers.0.get(1)?, Some(customer(1)));
    Ok(())
}

#[test]
fn records_and_indexes_of_a_commit_lie_in_trees_of_their_own() -> Result<()> {
    let store = Shop::temp()?;
    store.open_tree::<Customer>().put(customer(1))?;
    let backend: &SledBackend = store.db();
    let names = backend.db().tree_names();
    let names: Vec<_> = names
        .iter()
        .map(|name| String::from_utf8_lossy(name))
        .collect();
    for name in [
        "Customer",
        "Customer/age",
        "Customer/email",
        "__netabase_meta__",
    ] {
        assert!(
            names.iter().any(|found| found == name),
            "{name} in {names:?}"
        );
    }
    Ok(())
}

/// sled 0.34 goes round and round before it panics, where more keys with bytes `0xff` in a row than a
/// node holds lie before the first of the next node.
#[test]
fn walks_go_backward_over_equal_values_below_zero() -> Result<()> {
    let store = Shop::temp()?;
    let customers = store.open_tree::<Customer>();
    let with_credit = |id: u64, credit| Customer {
        credit,
        ..customer(id)
    };
    let (below, above) = (0..1000, 1000..2000);
    let all = below.clone().map(|id| with_credit(id, -0.0));
    customers.put_many(all.chain(above.clone().map(|id| with_credit(id, 0.0))))?;
    let credits = customers.index::<CustomerCreditSecondaryKey>();
    let backward = |found: Query<ShopDefinition, Customer, SledBackend>| {
        let keys = found.rev().keys().map(|key| key.map(|key| key.0));
        keys.collect::<Result<Vec<_>>>()
    };
    assert!(
        backward(credits.range(..=-0.0))?
            .into_iter()
            .eq(below.rev())
    );
    assert!(backward(credits.iter())?.into_iter().eq((0..2000).rev()));
    assert!(backward(credits.get(0.0))?.into_iter().eq(above.rev()));
    let mut ends = credits.iter().keys();
    let mut outer = 0..2000;
    for turn in 0..2000_u64 {
        let (found, id) = if turn % 3 == 0 {
            (ends.next(), outer.next())
        } else {
            (ends.next_back(), outer.next_back())
        };
        assert_eq!(found.transpose()?.map(|key| key.0), id, "{turn}");
    }
    assert!(ends.next().is_none() && ends.next_back().is_none());
    Ok(())
}

#[test]
fn lengths_are_right_after_every_reopening() -> Result<()> {
    let folder = folder();
    let path = folder.path().join("store");
    for round in 0..5 {
        let store = Shop::new(&path)?;
        let customers = store.open_tree::<Customer>();
        assert_eq!(customers.len()?, round * 9);
        customers.put_many((round * 10..round * 10 + 10).map(customer))?;
        customers.put(Customer {
            note: "again".into(),
            ..customer(round * 10)
        })?;
        customers.remove(round * 10 + 5)?;
        assert_eq!(customers.len()?, round * 9 + 9);
        assert_sound(&store);
    }
    Ok(())
}

#[test]
fn values_of_any_size_outlive_a_close() -> Result<()> {
    let folder = folder();
    let path = folder.path().join("store");
    let sizes = [0, 1, 500, 4_000, 70_000, 600_000, 3_000_000];
    let large = |bytes: usize| Setting {
        name: format!("{bytes}"),
        value: vec![7; bytes],
    };
    let store = Shop::new(&path)?;
    store.open_tree::<Setting>().put_many(sizes.map(large))?;
    // Each twice, so that a value is also replaced.
    for bytes in sizes {
        store
            .open_tree::<Setting>()
            .update(large(bytes).name, |setting| setting.value.push(1))?;
    }
    drop(store);
    let store = Shop::open(&path)?;
    for bytes in sizes {
        let found = store.open_tree::<Setting>().get(large(bytes).name)?;
        let found = found.map(|setting| (setting.value.len(), setting.value.last().copied()));
        assert_eq!(found, Some((bytes + 1, Some(1))));
    }
    assert_sound(&store);
    Ok(())
}

#[test]
fn an_aborted_transaction_is_gone_after_a_reopening_too() -> Result<()> {
    let folder = folder();
    let path = folder.path().join("store");
    let store = Shop::new(&path)?;
    store.open_tree::<Customer>().put(customer(1))?;
    let txn = store.begin_write()?;
    txn.open_tree::<Customer>().clear()?;
    txn.open_tree::<Order>().put(order(1, 1))?;
    drop(txn);
    drop(store);
    let store = Shop::open(&path)?;
    assert_eq!(store.open_tree::<Customer>().get(1)?, Some(customer(1)));
    assert!(store.open_tree::<Order>().is_empty()?);
    Ok(())
}

#[test]
fn a_snapshot_outlives_many_commits_of_every_table() -> Result<()> {
    let store = Shop::temp_with(&StoreOptions::new().durability(Durability::None))?;
    store
        .open_tree::<Customer>()
        .put_many((0..500).map(customer))?;
    let then = store.begin_read()?;
    for round in 0..20 {
        let txn = store.begin_write()?;
        let customers = txn.open_tree::<Customer>();
        customers.remove_many(round * 20..round * 20 + 20_u64)?;
        customers.put_many((1000..1020).map(|id| Customer {
            age: 500,
            ..customer(id)
        }))?;
        txn.open_tree::<Setting>()
            .put(setting(&round.to_string()))?;
        txn.commit()?;
    }
    let customers = then.open_tree::<Customer>();
    assert_eq!((customers.len()?, customers.iter().count()?), (500, 500));
    assert_eq!(
        customers
            .index::<CustomerAgeSecondaryKey>()
            .get(500)
            .count()?,
        0
    );
    assert!(then.open_tree::<Setting>().is_empty()?);
    assert_eq!(store.open_tree::<Customer>().len()?, 120);
    Ok(())
}
