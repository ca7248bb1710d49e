//! Write transactions: several models at once, one writer at a time.

use std::{
    sync::{
        Barrier,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    thread,
};

use netabase_store::{Backend, Durability, Result, Store, StoreError};
use netabase_tests::{
    Customer, CustomerAgeSecondaryKey, CustomerEmailSecondaryKey, Order, Setting, ShopDefinition,
    assert_sound, customer, order, refusal, setting,
};

type Shop<B> = Store<ShopDefinition, B>;

on_every_engine! { netabase_tests::ShopDefinition:
    several_models_become_visible_at_once,
    a_dropped_transaction_writes_nothing,
    a_transaction_reads_its_own_writes,
    queries_inside_a_transaction_merge_both_ends,
    a_query_inside_a_transaction_keeps_the_state_it_was_made_in,
    len_inside_a_transaction_counts_its_writes,
    clear_inside_a_transaction_can_be_aborted,
    an_empty_transaction_commits,
    writing_past_the_own_transaction_is_an_error,
    a_batch_that_writes_to_its_own_store_is_an_error,
    reading_past_the_own_transaction_sees_the_last_commit,
    one_transaction_writes_at_a_time,
    increments_from_many_threads_all_count,
    a_record_is_removed_by_one_thread_only,
    every_durability_is_visible_at_once_and_flushed_on_demand,
}

fn several_models_become_visible_at_once<B: Backend>(store: Shop<B>) -> Result<()> {
    let txn = store.begin_write()?;
    txn.open_tree::<Customer>().put(customer(1))?;
    txn.open_tree::<Order>().put(order(1, 1))?;
    txn.open_tree::<Setting>().put(setting("orders"))?;
    assert!(store.open_tree::<Customer>().is_empty()?);
    assert!(store.open_tree::<Order>().is_empty()?);
    txn.commit()?;
    assert_eq!(store.open_tree::<Customer>().get(1)?, Some(customer(1)));
    assert_eq!(store.open_tree::<Order>().get((1, 1))?, Some(order(1, 1)));
    assert_eq!(
        store.open_tree::<Setting>().get("orders")?,
        Some(setting("orders"))
    );
    assert_sound(&store);
    Ok(())
}

fn a_dropped_transaction_writes_nothing<B: Backend>(store: Shop<B>) -> Result<()> {
    store.open_tree::<Customer>().put(customer(1))?;
    for abort in [false, true] {
        let txn = store.begin_write()?;
        let customers = txn.open_tree::<Customer>();
        customers.put(customer(2))?;
        customers.remove(1)?;
        txn.open_tree::<Setting>().put(setting("lost"))?;
        if abort { txn.abort() } else { drop(txn) }
    }
    let customers = store.open_tree::<Customer>();
    assert_eq!(customers.get(1)?, Some(customer(1)));
    assert_eq!(customers.len()?, 1);
    assert!(store.open_tree::<Setting>().is_empty()?);
    customers.put(customer(3))?;
    assert_sound(&store);
    Ok(())
}

fn a_transaction_reads_its_own_writes<B: Backend>(store: Shop<B>) -> Result<()> {
    store
        .open_tree::<Customer>()
        .put_many((0..10).map(customer))?;
    let txn = store.begin_write()?;
    let customers = txn.open_tree::<Customer>();
    customers.put(customer(20))?;
    customers.remove(5)?;
    customers.update(6, |customer| customer.age = 200)?;
    assert_eq!(customers.get(20)?, Some(customer(20)));
    assert_eq!(customers.get(5)?, None);
    assert!(customers.contains(20)? && !customers.contains(5)?);
    let ages = customers.index::<CustomerAgeSecondaryKey>();
    assert_eq!(ages.get(200).count()?, 1);
    assert_eq!(ages.get(24).count()?, 0);
    assert_eq!(
        customers
            .index::<CustomerEmailSecondaryKey>()
            .first("c5@example.org")?,
        None
    );
    assert_eq!(customers.iter().count()?, 10);
    Ok(())
}

fn queries_inside_a_transaction_merge_both_ends<B: Backend>(store: Shop<B>) -> Result<()> {
    store
        .open_tree::<Customer>()
        .put_many((0..40).step_by(2).map(customer))?;
    let txn = store.begin_write()?;
    let customers = txn.open_tree::<Customer>();
    customers.put_many((1..40).step_by(4).map(customer))?;
    customers.remove_many((0..40_u64).step_by(8))?;
    let there = |id: &u64| id % 4 == 1 || (id.is_multiple_of(2) && !id.is_multiple_of(8));
    let expected: Vec<_> = (0..40).filter(there).collect();
    for from_front in [1, 2, 3, 5] {
        let (mut query, mut front, mut back) = (customers.iter().keys(), Vec::new(), Vec::new());
        for step in 0.. {
            let at_front = step % 5 < from_front;
            let next = if at_front {
                query.next()
            } else {
                query.next_back()
            };
            let Some(key) = next.transpose()? else { break };
            if at_front { &mut front } else { &mut back }.push(key.0);
        }
        front.extend(back.iter().rev());
        assert_eq!(front, expected);
    }
    txn.commit()?;
    let after = store.open_tree::<Customer>().iter().keys();
    assert_eq!(
        after
            .map(|key| key.map(|key| key.0))
            .collect::<Result<Vec<_>>>()?,
        expected
    );
    assert_sound(&store);
    Ok(())
}

fn a_query_inside_a_transaction_keeps_the_state_it_was_made_in<B: Backend>(
    store: Shop<B>,
) -> Result<()> {
    store
        .open_tree::<Customer>()
        .put_many((0..50).map(customer))?;
    let txn = store.begin_write()?;
    let customers = txn.open_tree::<Customer>();
    customers.put(customer(50))?;
    // Each changed record moves ahead of the walk, and is not met again.
    let mut visited = 0;
    for found in customers.index::<CustomerAgeSecondaryKey>().range(18..) {
        let (key, _) = found?;
        customers.update(key, |customer| customer.age += 100)?;
        visited += 1;
    }
    assert_eq!(visited, 51);
    for found in customers.iter() {
        customers.remove(found?.0)?;
    }
    assert!(customers.is_empty()?);
    txn.commit()?;
    assert_sound(&store);
    Ok(())
}

fn len_inside_a_transaction_counts_its_writes<B: Backend>(store: Shop<B>) -> Result<()> {
    store
        .open_tree::<Customer>()
        .put_many((0..10).map(customer))?;
    let txn = store.begin_write()?;
    let customers = txn.open_tree::<Customer>();
    assert_eq!(customers.len()?, 10);
    customers.put(customer(3))?;
    customers.put(customer(30))?;
    customers.remove(1)?;
    customers.remove(100)?;
    assert_eq!(customers.len()?, 10);
    customers.clear()?;
    assert_eq!(customers.len()?, 0);
    customers.put(customer(1))?;
    assert_eq!(customers.len()?, 1);
    txn.commit()?;
    assert_eq!(store.open_tree::<Customer>().len()?, 1);
    Ok(())
}

fn clear_inside_a_transaction_can_be_aborted<B: Backend>(store: Shop<B>) -> Result<()> {
    store
        .open_tree::<Customer>()
        .put_many((0..10).map(customer))?;
    let txn = store.begin_write()?;
    let customers = txn.open_tree::<Customer>();
    customers.put(customer(10))?;
    customers.clear()?;
    assert_eq!(customers.iter().count()?, 0);
    assert_eq!(
        customers
            .index::<CustomerAgeSecondaryKey>()
            .iter()
            .count()?,
        0
    );
    txn.abort();
    assert_eq!(store.open_tree::<Customer>().len()?, 10);
    assert_sound(&store);
    Ok(())
}

fn an_empty_transaction_commits<B: Backend>(store: Shop<B>) -> Result<()> {
    store.begin_write()?.commit()?;
    let txn = store.begin_write()?;
    txn.open_tree::<Customer>().put(customer(1))?;
    txn.open_tree::<Customer>().remove(1)?;
    txn.commit()?;
    assert!(store.open_tree::<Customer>().is_empty()?);
    assert_sound(&store);
    Ok(())
}

fn writing_past_the_own_transaction_is_an_error<B: Backend>(store: Shop<B>) -> Result<()> {
    let txn = store.begin_write()?;
    let customers = store.open_tree::<Customer>();
    let refused = [
        customers.put(customer(1)),
        customers.update(1, |_| ()).map(drop),
        customers.remove(1).map(drop),
        customers.clear(),
        customers.put_many([customer(1)]),
        store.clone().begin_write().map(drop),
    ];
    for refused in refused {
        assert!(refused.as_ref().is_err_and(|error| error.is_deadlock()));
        assert!(matches!(refusal(refused), StoreError::WouldDeadlock));
    }
    txn.open_tree::<Customer>().put(customer(2))?;
    txn.commit()?;
    customers.put(customer(1))?;
    assert_eq!(customers.len()?, 2);
    Ok(())
}

fn a_batch_that_writes_to_its_own_store_is_an_error<B: Backend>(store: Shop<B>) -> Result<()> {
    let customers = store.open_tree::<Customer>();
    let mut refused = Vec::new();
    customers.put_many((0..3).map(|id| {
        refused.push(customers.put(customer(100 + id)));
        customer(id)
    }))?;
    assert_eq!(refused.len(), 3);
    assert!(
        refused
            .into_iter()
            .all(|put| put.is_err_and(|error| error.is_deadlock()))
    );
    assert_eq!(customers.len()?, 3);
    Ok(())
}

fn reading_past_the_own_transaction_sees_the_last_commit<B: Backend>(store: Shop<B>) -> Result<()> {
    let customers = store.open_tree::<Customer>();
    customers.put(customer(1))?;
    let txn = store.begin_write()?;
    txn.open_tree::<Customer>().put(customer(2))?;
    txn.open_tree::<Customer>().remove(1)?;
    assert_eq!(customers.get(1)?, Some(customer(1)));
    assert_eq!(customers.get(2)?, None);
    assert_eq!(customers.len()?, 1);
    txn.commit()?;
    assert_eq!(customers.get(1)?, None);
    assert_eq!(customers.get(2)?, Some(customer(2)));
    Ok(())
}

fn one_transaction_writes_at_a_time<B: Backend>(store: Shop<B>) -> Result<()> {
    let writing = AtomicBool::new(false);
    let barrier = Barrier::new(4);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|thread| {
                let (store, writing, barrier) = (&store, &writing, &barrier);
                scope.spawn(move || -> Result<()> {
                    barrier.wait();
                    for round in 0..5 {
                        let mut txn = store.begin_write()?;
                        txn.set_durability(Durability::None);
                        assert!(!writing.swap(true, Ordering::SeqCst), "two writers");
                        txn.open_tree::<Customer>()
                            .put(customer(thread * 10 + round))?;
                        writing.store(false, Ordering::SeqCst);
                        txn.commit()?;
                    }
                    Ok(())
                })
            })
            .collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().expect("the thread asserts"))
    })?;
    assert_eq!(store.open_tree::<Customer>().len()?, 20);
    assert_sound(&store);
    Ok(())
}

fn increments_from_many_threads_all_count<B: Backend>(store: Shop<B>) -> Result<()> {
    store.open_tree::<Customer>().put(Customer {
        age: 0,
        ..customer(1)
    })?;
    thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let customers = store.open_tree::<Customer>();
                scope.spawn(move || {
                    (0..10).try_for_each(|_| customers.update(1, |found| found.age += 1).map(drop))
                })
            })
            .collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().expect("the thread ends"))
    })?;
    let found = store.open_tree::<Customer>().get(1)?;
    assert_eq!(found.map(|customer| customer.age), Some(40));
    assert_sound(&store);
    Ok(())
}

fn a_record_is_removed_by_one_thread_only<B: Backend>(store: Shop<B>) -> Result<()> {
    store
        .open_tree::<Customer>()
        .put_many((0..20).map(customer))?;
    let removed = AtomicU64::new(0);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let (customers, removed) = (store.open_tree::<Customer>(), &removed);
                scope.spawn(move || -> Result<()> {
                    for id in 0..20 {
                        let found = customers.remove(id)?.is_some();
                        removed.fetch_add(u64::from(found), Ordering::Relaxed);
                    }
                    Ok(())
                })
            })
            .collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().expect("the thread ends"))
    })?;
    assert_eq!(removed.into_inner(), 20);
    assert!(store.open_tree::<Customer>().is_empty()?);
    Ok(())
}

fn every_durability_is_visible_at_once_and_flushed_on_demand<B: Backend>(
    store: Shop<B>,
) -> Result<()> {
    let (sender, receiver) = mpsc::channel();
    let levels = [
        Durability::Immediate,
        Durability::Eventual,
        Durability::None,
    ];
    for (id, durability) in (0..).zip(levels) {
        let mut txn = store.begin_write()?;
        txn.set_durability(durability);
        txn.open_tree::<Customer>().put(customer(id))?;
        txn.commit()?;
        let customers = store.open_tree::<Customer>();
        let sender = sender.clone();
        // Another thread sees it too.
        let reader = thread::spawn(move || sender.send(customers.get(id)));
        reader
            .join()
            .expect("the thread ends")
            .expect("the test listens");
        assert_eq!(
            receiver.recv().expect("the thread sent")?,
            Some(customer(id))
        );
        store.flush()?;
    }
    assert_eq!(Durability::default(), Durability::Immediate);
    Ok(())
}
