//! Read transactions and queries: they never move, never block a writer, never show half a commit.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use netabase_store::{Backend, Durability, Result, Store};
use netabase_tests::{
    Customer, CustomerAgeSecondaryKey, CustomerPrimaryKey, Order, Setting, ShopDefinition,
    customer, order, setting,
};

type Shop<B> = Store<ShopDefinition, B>;

on_every_engine! { netabase_tests::ShopDefinition:
    a_read_transaction_never_moves,
    snapshots_of_many_commits_each_keep_their_own,
    a_query_outlives_later_writes,
    a_query_outlives_its_tree_and_store,
    a_record_is_removed_while_the_tree_is_iterated,
    a_reader_does_not_block_a_writer,
    a_writer_does_not_block_readers,
    a_reader_never_sees_half_a_commit,
}

fn a_read_transaction_never_moves<B: Backend>(store: Shop<B>) -> Result<()> {
    let customers = store.open_tree::<Customer>();
    customers.put_many((0..100).map(customer))?;
    let txn = store.begin_read()?;
    let then = txn.open_tree::<Customer>();
    customers.clear()?;
    customers.put_many((50..60).map(|id| Customer {
        age: 200,
        ..customer(id)
    }))?;
    store.open_tree::<Setting>().put(setting("later"))?;
    assert_eq!(then.len()?, 100);
    assert_eq!(then.get(3)?, Some(customer(3)));
    assert_eq!(then.get(55)?, Some(customer(55)));
    let ids = then
        .iter()
        .rev()
        .map(|found| found.map(|(_, customer)| customer.id));
    assert_eq!(
        ids.collect::<Result<Vec<_>>>()?,
        (0..100).rev().collect::<Vec<_>>()
    );
    let ages = then.index::<CustomerAgeSecondaryKey>();
    assert_eq!((ages.get(200).count()?, ages.get(18).count()?), (0, 2));
    assert!(txn.open_tree::<Setting>().is_empty()?);
    drop(txn);
    assert_eq!(store.begin_read()?.open_tree::<Customer>().len()?, 10);
    Ok(())
}

fn snapshots_of_many_commits_each_keep_their_own<B: Backend>(store: Shop<B>) -> Result<()> {
    let customers = store.open_tree::<Customer>();
    let mut snapshots = Vec::new();
    for id in 0..20 {
        snapshots.push(store.begin_read()?);
        customers.put(customer(id))?;
        if id >= 2 {
            customers.remove(id - 2)?;
        }
    }
    for (id, txn) in (0..20).zip(snapshots) {
        let seen = txn
            .open_tree::<Customer>()
            .iter()
            .keys()
            .collect::<Result<Vec<_>>>()?;
        let expected = (0..id).skip(usize::try_from(id).unwrap_or(0).saturating_sub(2));
        assert_eq!(
            seen,
            expected.map(CustomerPrimaryKey).collect::<Vec<_>>(),
            "after {id}"
        );
    }
    Ok(())
}

fn a_query_outlives_later_writes<B: Backend>(store: Shop<B>) -> Result<()> {
    let customers = store.open_tree::<Customer>();
    customers.put_many((0..1000).map(customer))?;
    let unread = customers.iter();
    let mut begun = customers.index::<CustomerAgeSecondaryKey>().range(20..);
    assert!(begun.next().is_some());
    customers.clear()?;
    assert_eq!(unread.count()?, 1000);
    let rest = begun.collect::<Result<Vec<_>>>()?;
    assert_eq!(rest.len(), 959);
    Ok(())
}

fn a_query_outlives_its_tree_and_store<B: Backend>(store: Shop<B>) -> Result<()> {
    let query = {
        let customers = store.open_tree::<Customer>();
        customers.put_many((0..10).map(customer))?;
        customers.index::<CustomerAgeSecondaryKey>().range(20..)
    };
    drop(store);
    assert_eq!(query.collect::<Result<Vec<_>>>()?.len(), 8);
    Ok(())
}

fn a_record_is_removed_while_the_tree_is_iterated<B: Backend>(store: Shop<B>) -> Result<()> {
    let customers = store.open_tree::<Customer>();
    customers.put_many((0..50).map(customer))?;
    let mut seen = 0;
    for found in &customers {
        let (key, customer) = found?;
        if customer.id % 5 != 0 {
            customers.remove(key)?;
        }
        seen += 1;
    }
    assert_eq!((seen, customers.len()?), (50, 10));
    Ok(())
}

fn a_reader_does_not_block_a_writer<B: Backend>(store: Shop<B>) -> Result<()> {
    let customers = store.open_tree::<Customer>();
    customers.put_many((0..100).map(customer))?;
    let txn = store.begin_read()?;
    let mut query = customers.iter();
    assert!(query.next().is_some());
    // Would hang on an engine whose readers hold a lock.
    customers.put(customer(200))?;
    customers.clear()?;
    assert_eq!(txn.open_tree::<Customer>().len()?, 100);
    assert_eq!(query.count()?, 99);
    Ok(())
}

fn a_writer_does_not_block_readers<B: Backend>(store: Shop<B>) -> Result<()> {
    store.open_tree::<Customer>().put(customer(1))?;
    let txn = store.begin_write()?;
    txn.open_tree::<Customer>().put(customer(2))?;
    let seen = thread::scope(|scope| {
        let reader = scope.spawn(|| -> Result<_> {
            let customers = store.open_tree::<Customer>();
            Ok((
                customers.get(2)?,
                customers.iter().count()?,
                store.begin_read()?.open_tree::<Customer>().len()?,
            ))
        });
        reader.join().expect("the thread ends")
    })?;
    assert_eq!(seen, (None, 1, 1));
    txn.commit()
}

fn a_reader_never_sees_half_a_commit<B: Backend>(store: Shop<B>) -> Result<()> {
    let write = |number: u32| -> Result<()> {
        let mut txn = store.begin_write()?;
        txn.set_durability(Durability::None);
        txn.open_tree::<Customer>().put(Customer {
            age: number,
            ..customer(1)
        })?;
        txn.open_tree::<Order>().put(Order {
            day: number,
            ..order(1, 1)
        })?;
        txn.commit()
    };
    write(0)?;
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| -> Result<u64> {
                    let mut reads = 0;
                    while !done.load(Ordering::Relaxed) || reads == 0 {
                        let txn = store.begin_read()?;
                        let customers = txn.open_tree::<Customer>();
                        let customer = customers.get(1)?.expect("the first commit has it");
                        let order = txn.open_tree::<Order>().get((1, 1))?;
                        assert_eq!(order.map(|order| order.day), Some(customer.age));
                        let by_age = customers.index::<CustomerAgeSecondaryKey>().iter();
                        assert_eq!(by_age.collect::<Result<Vec<_>>>()?.len(), 1);
                        reads += 1;
                    }
                    Ok(reads)
                })
            })
            .collect();
        let written = (1..200).try_for_each(write);
        done.store(true, Ordering::Relaxed);
        for reader in readers {
            assert!(reader.join().expect("the thread asserts")? > 0);
        }
        written
    })
}
