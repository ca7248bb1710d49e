//! Writes of many threads that share a commit: each stands and falls alone.

use std::thread;

use netabase_store::{Backend, Result, Store};
use netabase_tests::{Customer, ShopDefinition, assert_sound, customer};

type Shop<B> = Store<ShopDefinition, B>;

const THREADS: u64 = 8;
const WRITES: u64 = 24;

on_every_engine! { netabase_tests::ShopDefinition:
    one_of_many_writers_of_a_unique_value_wins,
    a_refused_write_takes_nothing_from_its_neighbours,
    a_transaction_among_single_writes_sees_them_and_loses_none,
    a_removed_record_is_given_to_one_of_many_threads,
}

/// Runs `work` on every thread and returns the sum of its results.
fn on_threads<B: Backend>(store: &Shop<B>, work: impl Fn(&Shop<B>, u64) -> u64 + Sync) -> u64 {
    thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = (0..THREADS)
            .map(|number| scope.spawn(move || work(store, number)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("no thread panics"))
            .sum()
    })
}

fn one_of_many_writers_of_a_unique_value_wins<B: Backend>(store: Shop<B>) -> Result<()> {
    for round in 0..WRITES {
        let winners = on_threads(&store, |store, number| {
            let mut mine = customer(round * THREADS + number);
            mine.email = format!("{round}@example.org");
            match store.open_tree::<Customer>().put(mine) {
                Ok(()) => 1,
                Err(error) => u64::from(!error.is_conflict()) * 100,
            }
        });
        assert_eq!(winners, 1);
    }
    assert_eq!(store.open_tree::<Customer>().len()?, WRITES);
    assert_sound(&store);
    Ok(())
}

fn a_refused_write_takes_nothing_from_its_neighbours<B: Backend>(store: Shop<B>) -> Result<()> {
    store.open_tree::<Customer>().put(customer(1_000_000))?;
    let stored = on_threads(&store, |store, number| {
        let customers = store.open_tree::<Customer>();
        let keys = (0..WRITES).map(|write| number * WRITES + write);
        keys.map(|key| {
            let refused = customers.insert(customer(1_000_000));
            assert!(refused.expect_err("the key is taken").is_conflict());
            customers.insert(customer(key)).expect("the key is free");
            let stored = customers.get(key).expect("a store that is read");
            u64::from(stored == Some(customer(key)))
        })
        .sum()
    });
    assert_eq!(stored, THREADS * WRITES);
    assert_eq!(store.open_tree::<Customer>().len()?, THREADS * WRITES + 1);
    assert_sound(&store);
    Ok(())
}

fn a_transaction_among_single_writes_sees_them_and_loses_none<B: Backend>(
    store: Shop<B>,
) -> Result<()> {
    let seen = on_threads(&store, |store, number| {
        let customers = store.open_tree::<Customer>();
        let keys = (0..WRITES).map(|write| number * WRITES + write);
        keys.map(|key| {
            if number % 2 == 0 {
                customers.put(customer(key)).expect("a free key");
                return 0;
            }
            let txn = store.begin_write().expect("its turn comes");
            let tree = txn.open_tree::<Customer>();
            let before = tree.iter().count().expect("a store that is read");
            tree.put(customer(key)).expect("a free key");
            let after = tree.len().expect("a store that is read");
            txn.commit().expect("a sound engine");
            after - before
        })
        .sum()
    });
    assert_eq!(seen, THREADS / 2 * WRITES);
    assert_eq!(store.open_tree::<Customer>().len()?, THREADS * WRITES);
    assert_sound(&store);
    Ok(())
}

fn a_removed_record_is_given_to_one_of_many_threads<B: Backend>(store: Shop<B>) -> Result<()> {
    let customers = store.open_tree::<Customer>();
    customers.put_many((0..WRITES).map(customer))?;
    let removed = on_threads(&store, |store, _| {
        let customers = store.open_tree::<Customer>();
        let remove = |key| customers.remove(key).expect("a sound engine");
        (0..WRITES)
            .map(|key| u64::from(remove(key).is_some()))
            .sum()
    });
    assert_eq!(removed, WRITES);
    assert!(customers.is_empty()?);
    assert_sound(&store);
    Ok(())
}
