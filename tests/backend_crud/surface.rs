//! The rest of the public surface: names, handles, conversions, stored bytes, reports.

use netabase_store::{
    Backend, EncodingDecodingError, MemoryStore, NetabaseDefinitionTrait, NetabaseError,
    NetabaseModelTrait, NetabaseTreeSync, RedbStore, RedbStoreTree, Result, SledStore,
    SledStoreTree, Store, ToIVec, Tree, Writable, decode_key, encode_key,
};
use netabase_tests::{
    Customer, CustomerAgeSecondaryKey, CustomerKey, CustomerPrimaryKey, CustomerSecondaryKeys,
    Order, Setting, ShopDefinition, ShopKeys, customer, order, setting,
};

type Shop<B> = Store<ShopDefinition, B>;

on_every_engine! { netabase_tests::ShopDefinition:
    tree_names_are_the_models_in_order,
    code_for_any_tree_runs_on_store_and_transaction,
    clones_of_a_handle_share_one_store,
    a_sound_store_has_a_report_without_problems,
    a_record_of_the_definition_enum_finds_its_tree,
}

fn tree_names_are_the_models_in_order<B: Backend>(store: Shop<B>) -> Result<()> {
    let names = ["Customer", "Order", "Setting", "Picture"];
    assert_eq!(store.tree_names(), names);
    store.open_tree::<Order>().put(order(1, 1))?;
    assert_eq!(store.tree_names(), names);
    assert_eq!(
        <Order as NetabaseModelTrait<ShopDefinition>>::DISCRIMINANT,
        "Order"
    );
    Ok(())
}

/// What one can do with any tree of customers.
fn exercise<T: NetabaseTreeSync<ShopDefinition, Customer>>(tree: &T) -> Result<()> {
    tree.put(customer(1))?;
    tree.insert(customer(2))?;
    assert!(
        tree.insert(customer(2))
            .is_err_and(|error| error.is_conflict())
    );
    assert_eq!(tree.get(CustomerPrimaryKey(1))?, Some(customer(1)));
    let age = CustomerSecondaryKeys::Age(CustomerAgeSecondaryKey(20));
    assert_eq!(tree.get_by_secondary_key(age)?, [customer(2)]);
    assert_eq!(
        (tree.len()?, tree.iter().count()?, tree.is_empty()?),
        (2, 2, false)
    );
    assert_eq!(tree.remove(CustomerPrimaryKey(1))?, Some(customer(1)));
    tree.clear()?;
    assert!(tree.is_empty()?);
    Ok(())
}

/// The same, for a tree seen through any view that can be written.
fn exercise_view<V: Writable>(tree: &Tree<ShopDefinition, Customer, V>) -> Result<()> {
    exercise(tree)?;
    exercise(&tree.clone())
}

fn code_for_any_tree_runs_on_store_and_transaction<B: Backend>(store: Shop<B>) -> Result<()> {
    exercise(&store.open_tree::<Customer>())?;
    exercise_view(&store.open_tree::<Customer>())?;
    let txn = store.begin_write()?;
    exercise_view(&txn.open_tree::<Customer>())?;
    txn.commit()
}

fn clones_of_a_handle_share_one_store<B: Backend>(store: Shop<B>) -> Result<()> {
    let (other, tree) = (store.clone(), store.open_tree::<Customer>());
    tree.clone().put(customer(1))?;
    drop(store);
    assert_eq!(other.open_tree::<Customer>().get(1)?, Some(customer(1)));
    drop(other);
    assert_eq!(tree.get(1)?, Some(customer(1)));
    Ok(())
}

fn a_sound_store_has_a_report_without_problems<B: Backend>(store: Shop<B>) -> Result<()> {
    let report = store.verify()?;
    assert_eq!(
        (report.records, report.entries, report.problem_count),
        (0, 0, 0)
    );
    store
        .open_tree::<Customer>()
        .put_many((0..3).map(customer))?;
    store.open_tree::<Setting>().put(setting("a"))?;
    let report = store.verify()?;
    assert!(report.is_sound() && report.problems.is_empty());
    // Email, age and credit three times; one nickname; no, one and two tags.
    assert_eq!((report.records, report.entries), (4, 9 + 1 + 3));
    Ok(())
}

fn a_record_of_the_definition_enum_finds_its_tree<B: Backend>(store: Shop<B>) -> Result<()> {
    let records: [ShopDefinition; 3] =
        [customer(1).into(), setting("a").into(), order(1, 1).into()];
    for record in records {
        match record {
            ShopDefinition::Customer(customer) => store.open_tree().put(customer)?,
            ShopDefinition::Order(order) => store.open_tree().put(order)?,
            ShopDefinition::Setting(setting) => store.open_tree().put(setting)?,
            ShopDefinition::Picture(picture) => store.open_tree().put(picture)?,
        }
    }
    assert_eq!(store.verify()?.records, 3);
    Ok(())
}

#[test]
fn definition_enums_convert_both_ways() {
    let record = ShopDefinition::from(customer(1));
    assert_eq!(record.discriminant(), "Customer");
    let key = ShopKeys::Customer(CustomerKey::Primary(CustomerPrimaryKey(1)));
    assert_eq!(record.primary_key(), key);
    assert_eq!(Customer::try_from(record.clone()), Ok(customer(1)));
    // What it is not comes back whole.
    assert_eq!(Setting::try_from(record.clone()), Err(record));
    let age = CustomerSecondaryKeys::from(CustomerAgeSecondaryKey(3));
    assert!(matches!(CustomerKey::from(age), CustomerKey::Secondary(_)));
    assert_eq!(
        <ShopDefinition as NetabaseDefinitionTrait>::NAME,
        "ShopDefinition"
    );
    assert_eq!(
        ShopDefinition::schema().models.len(),
        ShopDefinition::DISCRIMINANTS.len()
    );
}

#[test]
fn secondary_keys_are_every_entry_of_a_record() {
    let keys = NetabaseModelTrait::<ShopDefinition>::secondary_keys(&Customer {
        nickname: None,
        tags: vec!["b".into(), "a".into(), "b".into()],
        ..customer(1)
    });
    // Email, age, credit and two tags.
    assert_eq!(keys.len(), 5);
    let tags = keys
        .iter()
        .filter(|key| matches!(key, CustomerSecondaryKeys::Tags(_)));
    assert_eq!(tags.count(), 2);
}

#[test]
fn handles_are_shared_between_threads() {
    fn shared<T: Send + Sync + Clone + 'static>() {}
    fn sent<T: Send + 'static>() {}
    shared::<MemoryStore<ShopDefinition>>();
    shared::<RedbStore<ShopDefinition>>();
    shared::<SledStore<ShopDefinition>>();
    shared::<RedbStoreTree<ShopDefinition, Customer>>();
    shared::<SledStoreTree<ShopDefinition, Customer>>();
    sent::<NetabaseError>();
    sent::<
        netabase_store::ReadTransaction<
            ShopDefinition,
            netabase_store::backends::memory::MemoryBackend,
        >,
    >();
    sent::<
        netabase_store::Query<
            ShopDefinition,
            Customer,
            netabase_store::backends::redb::RedbBackend,
        >,
    >();
}

#[test]
fn records_and_keys_go_to_their_stored_bytes_and_back() -> Result<()> {
    let row = customer(6).to_ivec()?;
    assert_eq!(Customer::from_ivec(&row)?, customer(6));
    let key = CustomerPrimaryKey(6).to_ivec()?;
    assert_eq!(key, encode_key(&CustomerPrimaryKey(6)));
    assert_eq!(key, 6_u64.to_be_bytes());
    assert_eq!(CustomerPrimaryKey::from_ivec(&key)?, CustomerPrimaryKey(6));
    assert!(decode_key::<CustomerPrimaryKey>(&key[1..]).is_err());
    let cut = CustomerPrimaryKey::from_ivec(&key[1..]);
    assert!(matches!(
        cut,
        Err(NetabaseError::Encoding(EncodingDecodingError::Key { .. }))
    ));
    Ok(())
}

#[test]
fn a_row_with_any_bit_flipped_is_no_record() -> Result<()> {
    let row = customer(6).to_ivec()?;
    for bit in 0..row.len() * 8 {
        let mut flipped = row.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let error = Customer::from_ivec(&flipped).expect_err("a bit has changed");
        assert!(error.is_corrupt(), "bit {bit}: {error}");
    }
    for len in 0..row.len() {
        assert!(Customer::from_ivec(&row[..len]).is_err_and(|error| error.is_corrupt()));
    }
    // Nor is it one of another model.
    assert!(Order::from_ivec(&row).is_err_and(|error| error.is_corrupt()));
    Ok(())
}
