//! The same records are the same bytes, in the same tables, on every engine.

use std::sync::Arc;

use netabase_store::{
    Backend, MemoryStore, RedbStore, Result, SledStore, Store, ToIVec,
    backends::{End, Rows, Snapshot, Span, TableId, TableSet},
    encode_key,
};
use netabase_tests::{
    Customer, CustomerPrimaryKey, Order, Picture, Setting, ShopDefinition, customer, order, setting,
};

type Shop<B> = Store<ShopDefinition, B>;

/// Every table and row that an engine holds, sorted.
type Contents = Vec<(String, Vec<(Vec<u8>, Vec<u8>)>)>;

fn contents<B: Backend>(store: &Shop<B>) -> Result<Contents> {
    let mut names = store.db().table_names()?;
    names.sort();
    let set = Arc::new(TableSet::new(names.clone()));
    let snapshot = Arc::new(store.db().snapshot(&set)?);
    let mut contents = Contents::new();
    for (id, name) in (0..).zip(names) {
        let mut rows = snapshot.rows(TableId(id), &Span::ALL)?;
        let mut found = Vec::new();
        while let Some(row) = rows.step(End::Front, |key, value| (key.to_vec(), value.to_vec()))? {
            found.push(row);
        }
        assert_eq!(
            snapshot.len(TableId(id))?,
            u64::try_from(found.len()).unwrap_or(u64::MAX)
        );
        contents.push((name, found));
    }
    // Engines differ in whether a table that has lost its rows is still there.
    contents.retain(|(_, rows)| !rows.is_empty());
    Ok(contents)
}

fn fill<B: Backend>(store: &Shop<B>) -> Result<Contents> {
    let customers = store.open_tree::<Customer>();
    customers.put_many((0..100).map(customer))?;
    customers.remove_many(20..30_u64)?;
    customers.update(3, |customer| customer.age = 99)?;
    let txn = store.begin_write()?;
    txn.open_tree::<Order>()
        .put_many((0..10).map(|number| order(7, number)))?;
    txn.open_tree::<Setting>().put(setting("a\0b"))?;
    txn.open_tree::<Picture>().put(Picture {
        hash: vec![0xFF],
        thumbnail: None,
    })?;
    txn.open_tree::<Picture>().remove([0xFF].to_vec())?;
    txn.commit()?;
    contents(store)
}

#[test]
fn every_engine_holds_the_same_tables_and_rows() -> Result<()> {
    let memory = fill(&MemoryStore::new())?;
    assert!(fill(&RedbStore::temp()?)? == memory, "redb differs");
    assert!(fill(&SledStore::temp()?)? == memory, "sled differs");
    let names: Vec<_> = memory.iter().map(|(name, _)| name.as_str()).collect();
    let expected = [
        "Customer",
        "Customer/age",
        "Customer/credit",
        "Customer/email",
        "Customer/nickname",
        "Customer/tags",
        "Order",
        "Order/by_day",
        "Order/by_initial",
        "Order/by_total",
        "Setting",
        "__netabase_meta__",
    ];
    assert_eq!(names, expected);
    Ok(())
}

#[test]
fn a_row_is_what_the_record_says_its_bytes_are() -> Result<()> {
    let store = MemoryStore::<ShopDefinition>::new();
    store.open_tree::<Customer>().put(customer(1))?;
    let contents = contents(&store)?;
    let rows = contents
        .iter()
        .find(|(name, _)| name == "Customer")
        .map(|(_, rows)| rows.as_slice());
    let row = (encode_key(&CustomerPrimaryKey(1)), customer(1).to_ivec()?);
    assert_eq!(rows, Some(&[row][..]));
    Ok(())
}
