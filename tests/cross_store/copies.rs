//! Copies of a store that is in use, on the same engine and on another.

use std::{fs, path::Path, thread};

use netabase_store::{
    Backend, Durability, MemoryStore, Result, Store, StoreError,
    backends::{OpenBackend, redb::RedbBackend, sled::SledBackend},
};
use netabase_tests::{
    Customer, CustomerAgeSecondaryKey, Order, Setting, ShopDefinition, assert_sound, customer,
    order, refusal, setting,
};

type Shop<B> = Store<ShopDefinition, B>;

on_every_file_engine! {
    a_copy_is_the_store_as_it_was,
    a_copy_to_another_engine_is_the_same_store,
    a_memory_store_is_kept_by_a_copy,
    a_copy_never_overwrites,
    an_unfinished_copy_is_replaced,
    a_copy_of_a_store_that_is_written_is_one_commit,
    the_original_goes_on_after_a_copy,
}

fn fill<B: Backend>(store: &Shop<B>) -> Result<()> {
    store
        .open_tree::<Customer>()
        .put_many((0..300).map(customer))?;
    store
        .open_tree::<Order>()
        .put_many((0..20).map(|number| order(1, number)))?;
    store.open_tree::<Setting>().put(setting("kept"))
}

/// Fails unless two stores have the same records.
fn assert_same<A: Backend, B: Backend>(left: &Shop<A>, right: &Shop<B>) -> Result<()> {
    let left = left
        .open_tree::<Customer>()
        .iter()
        .collect::<Result<Vec<_>>>()?;
    let found = right
        .open_tree::<Customer>()
        .iter()
        .collect::<Result<Vec<_>>>()?;
    assert!(
        left == found,
        "{} and {} customers",
        left.len(),
        found.len()
    );
    assert_eq!(right.open_tree::<Order>().len()?, 20);
    assert_eq!(
        right.open_tree::<Setting>().get("kept")?,
        Some(setting("kept"))
    );
    assert_sound(right);
    Ok(())
}

fn a_copy_is_the_store_as_it_was<B: OpenBackend>(path: &Path) -> Result<()> {
    let store = Shop::<B>::new(path)?;
    fill(&store)?;
    let copy = path.with_extension("copy");
    store.copy_to(&copy)?;
    assert_same(&store, &Shop::<B>::open(&copy)?)?;
    let names = fs::read_dir(path.parent().unwrap_or(path)).map(Iterator::count);
    assert_eq!(names.unwrap_or(0), 2);
    Ok(())
}

fn a_copy_to_another_engine_is_the_same_store<B: OpenBackend>(path: &Path) -> Result<()> {
    let store = Shop::<B>::new(path)?;
    fill(&store)?;
    let (redb, sled) = (path.with_extension("redb"), path.with_extension("sled"));
    store.copy_to_engine::<SledBackend>(&sled)?;
    let between = Shop::<SledBackend>::open(&sled)?;
    assert_same(&store, &between)?;
    between.copy_to_engine::<RedbBackend>(&redb)?;
    assert_same(&store, &Shop::<RedbBackend>::open(&redb)?)
}

fn a_memory_store_is_kept_by_a_copy<B: OpenBackend>(path: &Path) -> Result<()> {
    let store = MemoryStore::new();
    fill(&store)?;
    store.copy_to_engine::<B>(path)?;
    assert_same(&store, &Shop::<B>::open(path)?)
}

fn a_copy_never_overwrites<B: OpenBackend>(path: &Path) -> Result<()> {
    let store = Shop::<B>::new(path)?;
    fill(&store)?;
    let taken = path.with_extension("taken");
    fs::write(&taken, "mine").expect("a new file");
    for target in [path, &taken] {
        let refused = refusal(store.copy_to(target));
        assert!(matches!(refused, StoreError::Io { .. }), "{refused}");
    }
    assert_eq!(fs::read(&taken).expect("it is still there"), b"mine");
    assert_same(&store, &store)
}

fn an_unfinished_copy_is_replaced<B: OpenBackend>(path: &Path) -> Result<()> {
    let store = Shop::<B>::new(path)?;
    fill(&store)?;
    let copy = path.with_extension("copy");
    fs::write(path.with_extension("copy.partial"), "half").expect("a new file");
    store.copy_to(&copy)?;
    assert!(!path.with_extension("copy.partial").exists());
    assert_same(&store, &Shop::<B>::open(&copy)?)
}

fn a_copy_of_a_store_that_is_written_is_one_commit<B: OpenBackend>(path: &Path) -> Result<()> {
    let store = Shop::<B>::new(path)?;
    store
        .open_tree::<Customer>()
        .put_many((0..500).map(customer))?;
    thread::scope(|scope| {
        let writer = scope.spawn(|| -> Result<()> {
            for age in 1000..1040 {
                let mut txn = store.begin_write()?;
                txn.set_durability(Durability::None);
                let customers = txn.open_tree::<Customer>();
                for id in 0..10 {
                    customers.put(Customer {
                        age,
                        ..customer(id * 50)
                    })?;
                }
                txn.commit()?;
            }
            Ok(())
        });
        for number in 0..3 {
            let copy = path.with_extension(format!("copy{number}"));
            store.copy_to(&copy)?;
            let copy = Shop::<B>::open(&copy)?;
            assert_sound(&copy);
            let customers = copy.open_tree::<Customer>();
            assert_eq!(customers.len()?, 500);
            let written = customers.index::<CustomerAgeSecondaryKey>().range(1000..);
            let ages = written.map(|found| found.map(|(_, customer)| customer.age));
            let ages = ages.collect::<Result<Vec<_>>>()?;
            assert!(ages.is_empty() || (ages.len() == 10 && ages.first() == ages.last()));
        }
        writer.join().expect("the thread ends")
    })
}

fn the_original_goes_on_after_a_copy<B: OpenBackend>(path: &Path) -> Result<()> {
    let store = Shop::<B>::new(path)?;
    fill(&store)?;
    let copy = path.with_extension("copy");
    store.copy_to(&copy)?;
    store.open_tree::<Customer>().put(customer(1000))?;
    assert_eq!(store.open_tree::<Customer>().len()?, 301);
    assert_eq!(Shop::<B>::open(&copy)?.open_tree::<Customer>().len()?, 300);
    Ok(())
}
