//! What a write changes below: counted by an engine that passes on to memory.

use std::sync::{Arc, Mutex, PoisonError};

use netabase_store::{
    Backend, Result, Store, StoreOptions,
    backends::{Engine, TableSet, WriteSet, memory::MemoryBackend},
};
use netabase_tests::{Customer, Setting, ShopDefinition, assert_sound, customer, setting};

/// An engine that notes the edits of each commit: the tables, and how many rows of each.
#[derive(Debug, Default)]
struct Counting {
    memory: MemoryBackend,
    commits: Mutex<Vec<Vec<(String, usize)>>>,
}

impl Counting {
    /// Returns the edits of the commits since the last call.
    fn take(&self) -> Vec<Vec<(String, usize)>> {
        std::mem::take(&mut self.commits.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Backend for Counting {
    type Snapshot = <MemoryBackend as Backend>::Snapshot;

    const ENGINE: Engine = Engine::Memory;

    fn snapshot(&self, tables: &Arc<TableSet>) -> Result<Self::Snapshot> {
        self.memory.snapshot(tables)
    }

    fn apply(&self, tables: &TableSet, edits: WriteSet, sync: bool) -> Result<()> {
        let of_table = edits
            .tables
            .iter()
            .map(|(id, edits)| (tables.name(*id).to_owned(), edits.len()));
        let commit = of_table.collect();
        self.commits
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(commit);
        self.memory.apply(tables, edits, sync)
    }

    fn sync(&self) -> Result<()> {
        self.memory.sync()
    }

    fn table_names(&self) -> Result<Vec<String>> {
        self.memory.table_names()
    }

    fn was_unclean(&self) -> bool {
        self.memory.was_unclean()
    }

    fn doubt(&self) {
        self.memory.doubt();
    }
}

type Counted = Store<ShopDefinition, Counting>;

fn counted() -> Result<Counted> {
    let store = Counted::with_backend(Counting::default(), &StoreOptions::new())?;
    store.db().take();
    Ok(store)
}

/// Fails unless one commit was made, with these tables and numbers of edits.
fn assert_edits(store: &Counted, expected: &[(&str, usize)]) {
    let commits = store.db().take();
    let [commit] = commits.as_slice() else {
        panic!("not one commit: {commits:?}")
    };
    let edits: Vec<_> = commit
        .iter()
        .map(|(table, rows)| (table.as_str(), *rows))
        .collect();
    assert_eq!(edits, expected);
    assert_sound(store);
}

/// A record with one entry in each index but that of tags, where it has two.
fn full() -> Customer {
    Customer {
        nickname: Some("al".into()),
        tags: vec!["a".into(), "b".into()],
        ..customer(1)
    }
}

#[test]
fn update_of_an_unindexed_field_writes_one_row() -> Result<()> {
    let store = counted()?;
    let customers = store.open_tree::<Customer>();
    customers.put(full())?;
    store.db().take();
    customers.update(1, |customer| customer.note = "new".into())?;
    assert_edits(&store, &[("Customer", 1)]);
    customers.put(Customer {
        note: "newer".into(),
        ..full()
    })?;
    assert_edits(&store, &[("Customer", 1)]);
    Ok(())
}

#[test]
fn update_of_an_indexed_field_writes_that_index_only() -> Result<()> {
    let store = counted()?;
    let customers = store.open_tree::<Customer>();
    customers.put(full())?;
    store.db().take();
    customers.update(1, |customer| customer.age += 1)?;
    assert_edits(&store, &[("Customer", 1), ("Customer/age", 2)]);
    customers.update(1, |customer| customer.email = "new".into())?;
    assert_edits(&store, &[("Customer", 1), ("Customer/email", 2)]);
    customers.update(1, |customer| customer.nickname = None)?;
    assert_edits(&store, &[("Customer", 1), ("Customer/nickname", 1)]);
    Ok(())
}

#[test]
fn update_of_a_collection_writes_the_elements_that_differ() -> Result<()> {
    let store = counted()?;
    let customers = store.open_tree::<Customer>();
    customers.put(full())?;
    store.db().take();
    customers.update(1, |customer| {
        customer.tags = vec!["b".into(), "c".into(), "b".into()]
    })?;
    assert_edits(&store, &[("Customer", 1), ("Customer/tags", 2)]);
    // The same elements in another order are the same entries.
    customers.update(1, |customer| customer.tags = vec!["c".into(), "b".into()])?;
    assert_edits(&store, &[("Customer", 1)]);
    Ok(())
}

#[test]
fn put_of_a_new_record_writes_each_table_once() -> Result<()> {
    let store = counted()?;
    store.open_tree::<Customer>().put(full())?;
    let each = [
        ("Customer", 1),
        ("Customer/email", 1),
        ("Customer/age", 1),
        ("Customer/nickname", 1),
        ("Customer/tags", 2),
        ("Customer/credit", 1),
    ];
    assert_edits(&store, &each);
    store.open_tree::<Customer>().remove(1)?;
    assert_edits(&store, &each);
    Ok(())
}

#[test]
fn put_of_an_equal_record_and_removal_of_none_write_nothing() -> Result<()> {
    let store = counted()?;
    let customers = store.open_tree::<Customer>();
    customers.put(full())?;
    store.db().take();
    customers.put(full())?;
    assert_eq!(customers.remove(9)?, None);
    assert_eq!(customers.update(9, |_| ())?, None);
    assert_eq!(store.db().take(), Vec::<Vec<_>>::new());
    Ok(())
}

#[test]
fn a_refused_write_reaches_no_table() -> Result<()> {
    let store = counted()?;
    let customers = store.open_tree::<Customer>();
    customers.put(full())?;
    store.db().take();
    assert!(customers.insert(full()).is_err());
    assert!(customers.put(Customer { id: 2, ..full() }).is_err());
    assert!(customers.update(1, |customer| customer.id = 2).is_err());
    assert!(
        customers
            .put_many([customer(3), Customer { id: 2, ..full() }])
            .is_err()
    );
    assert_eq!(store.db().take(), Vec::<Vec<_>>::new());
    Ok(())
}

#[test]
fn a_transaction_over_several_models_is_one_commit() -> Result<()> {
    let store = counted()?;
    let txn = store.begin_write()?;
    txn.open_tree::<Setting>()
        .put_many(["a", "b", "c"].map(setting))?;
    txn.open_tree::<Customer>().put(full())?;
    txn.open_tree::<Customer>()
        .update(1, |customer| customer.age = 50)?;
    txn.commit()?;
    let commits = store.db().take();
    assert_eq!(commits.len(), 1);
    let rows = commits
        .iter()
        .flatten()
        .find(|(table, _)| table == "Setting");
    assert_eq!(rows, Some(&("Setting".to_owned(), 3)));
    assert_sound(&store);
    Ok(())
}
