//! Writes through the store, each a transaction of its own.

use netabase_store::{Backend, Result, Store};
use netabase_tests::{
    Customer, CustomerAgeSecondaryKey, CustomerEmailSecondaryKey, CustomerPrimaryKey, Setting,
    ShopDefinition, assert_sound, customer, refusal, setting,
};

type Shop<B> = Store<ShopDefinition, B>;

on_every_engine! { netabase_tests::ShopDefinition:
    put_stores_a_record_that_get_finds,
    put_replaces_the_record_under_its_key,
    put_of_an_equal_record_keeps_it,
    keys_are_newtypes_or_their_values,
    insert_stores_under_a_free_key_only,
    update_changes_the_record_and_returns_it,
    update_of_a_missing_record_is_none,
    remove_returns_the_removed_record_once,
    clear_leaves_no_record_and_no_entry,
    clear_of_one_model_keeps_the_others,
    len_follows_every_write,
    contains_tells_without_the_record,
    put_many_stores_all,
    put_many_lets_a_later_record_replace_an_earlier_one,
    put_many_of_nothing_stores_nothing,
    remove_many_counts_what_was_there,
    text_keys_hold_any_text,
    a_record_of_many_megabytes_comes_back,
    a_tree_is_iterated_by_reference,
}

fn put_stores_a_record_that_get_finds<B: Backend>(store: Shop<B>) -> Result<()> {
    let customers = store.open_tree::<Customer>();
    assert_eq!(customers.get(CustomerPrimaryKey(1))?, None);
    customers.put(customer(1))?;
    assert_eq!(customers.get(CustomerPrimaryKey(1))?, Some(customer(1)));
    assert_eq!(customers.get(CustomerPrimaryKey(2))?, None);
    Ok(())
}

fn put_replaces_the_record_under_its_key<B: Backend>(store: Shop<B>) -> Result<()> {
    let customers = store.open_tree::<Customer>();
    customers.put(customer(1))?;
    let changed = Customer {
        age: 99,
        note: "changed".into(),
        ..customer(1)
    };
    customers.put(changed.clone())?;
    assert_eq!(customers.get(1)?, Some(changed));
    assert_eq!(customers.len()?, 1);
    assert_sound(&store);
    Ok(())
}

fn put_of_an_equal_record_keeps_it<B: Backend>(store: Shop<B>) -> Result<()> {
    let customers = store.open_tree::<Customer>();
    customers.put(customer(1))?;
    customers.put(customer(1))?;
    assert_eq!(
        customers.iter().collect::<Result<Vec<_>>>()?,
        [(CustomerPrimaryKey(1), customer(1))]
    );
    assert_sound(&store);
    Ok(())
}

fn keys_are_newtypes_or_their_values<B: Backend>(store: Shop<B>) -> Result<()> {
    let customers = store.open_tree::<Customer>();
    customers.put(customer(7))?;
    assert_eq!(customers.get(7)?, customers.get(CustomerPrimaryKey(7))?);
    let ages = customers.index::<CustomerAgeSecondaryKey>();
    assert_eq!(ages.first(25)?, ages.first(CustomerAgeSecondaryKey(25))?);
    let settings = store.open_tree::<Setting>();
    settings.put(setting("colour"))?;
    assert_eq!(
        settings.get("colour")?,
        settings.get(String::from("colour"))?
    );
    Ok(())
}

fn insert_stores_under_a_free_key_only<B: Backend>(store: Shop<B>) -> Result<()> {
    let customers = store.open_tree::<Customer>();
    customers.insert(customer(1))?;
    let again = customers.insert(Customer {
        note: "again".into(),
        ..customer(1)
    });
    assert!(again.as_ref().is_err_and(|error| error.is_conflict()));
    let text = refusal(again).to_string();
    assert!(
        text.starts_with("Customer") && text.ends_with("exists already"),
        "{text}"
    );
    assert_eq!(customers.get(1)?, Some(customer(1)));
    customers.remove(1)?;
    customers.insert(customer(1))?;
    assert_sound(&store);
    Ok(())
}

fn update_changes_the_record_and_returns_it<B: Backend>(store: Shop<B>) -> Result<()> {
    let customers = store.open_tree::<Customer>();
    customers.put(customer(1))?;
    let changed = customers.update(1, |customer| customer.age += 1)?;
    assert_eq!(
        changed,
        Some(Customer {
            age: 20,
            ..customer(1)
        })
    );
    assert_eq!(customers.get(1)?, changed);
    assert_sound(&store);
    Ok(())
}

fn update_of_a_missing_record_is_none<B: Backend>(store: Shop<B>) -> Result<()> {
    let customers = store.open_tree::<Customer>();
    let updated = customers.update(1, |_| unreachable!("there is nothing to change"))?;
    assert_eq!(updated, None);
    assert!(customers.is_empty()?);
    Ok(())
}

fn remove_returns_the_removed_record_once<B: Backend>(store: Shop<B>) -> Result<()> {
    let customers = store.open_tree::<Customer>();
    customers.put_many([customer(1), customer(2)])?;
    assert_eq!(customers.remove(CustomerPrimaryKey(1))?, Some(customer(1)));
    assert_eq!(customers.remove(CustomerPrimaryKey(1))?, None);
    assert_eq!(customers.get(1)?, None);
    assert_eq!(customers.get(2)?, Some(customer(2)));
    assert_sound(&store);
    Ok(())
}

fn clear_leaves_no_record_and_no_entry<B: Backend>(store: Shop<B>) -> Result<()> {
    let customers = store.open_tree::<Customer>();
    customers.put_many((0..100).map(customer))?;
    customers.clear()?;
    assert!(customers.is_empty()?);
    assert_eq!(customers.iter().count()?, 0);
    assert_eq!(
        customers
            .index::<CustomerEmailSecondaryKey>()
            .iter()
            .count()?,
        0
    );
    assert_eq!(
        customers
            .index::<CustomerAgeSecondaryKey>()
            .get(20)
            .count()?,
        0
    );
    assert_sound(&store);
    customers.insert(customer(1))?;
    assert_eq!(customers.len()?, 1);
    Ok(())
}

fn clear_of_one_model_keeps_the_others<B: Backend>(store: Shop<B>) -> Result<()> {
    store.open_tree::<Customer>().put(customer(1))?;
    store.open_tree::<Setting>().put(setting("kept"))?;
    store.open_tree::<Customer>().clear()?;
    assert_eq!(
        store.open_tree::<Setting>().get("kept")?,
        Some(setting("kept"))
    );
    Ok(())
}

fn len_follows_every_write<B: Backend>(store: Shop<B>) -> Result<()> {
    let customers = store.open_tree::<Customer>();
    assert_eq!(customers.len()?, 0);
    customers.put(customer(1))?;
    assert_eq!(customers.len()?, 1);
    customers.put(Customer {
        note: String::new(),
        ..customer(1)
    })?;
    assert_eq!(customers.len()?, 1);
    customers.put_many((0..10).map(customer))?;
    assert_eq!(customers.len()?, 10);
    customers.update(3, |customer| customer.age = 3)?;
    assert_eq!(customers.len()?, 10);
    customers.remove(3)?;
    customers.remove(3)?;
    assert_eq!(customers.len()?, 9);
    customers.remove_many([4, 5, 6])?;
    assert_eq!(customers.len()?, 6);
    assert!(!customers.is_empty()?);
    customers.clear()?;
    assert_eq!(customers.len()?, 0);
    Ok(())
}

fn contains_tells_without_the_record<B: Backend>(store: Shop<B>) -> Result<()> {
    let customers = store.open_tree::<Customer>();
    customers.put(customer(1))?;
    assert!(customers.contains(1)?);
    assert!(!customers.contains(2)?);
    Ok(())
}

fn put_many_stores_all<B: Backend>(store: Shop<B>) -> Result<()> {
    let customers = store.open_tree::<Customer>();
    // Not in the order of the keys, and partly over what is there.
    customers.put_many((50..100).map(customer))?;
    customers.put_many((0..200).rev().step_by(2).map(customer))?;
    let found: Vec<_> = customers.iter().keys().collect::<Result<_>>()?;
    let odd_or_middle = (0..200).filter(|id| id % 2 == 1 || (50..100).contains(id));
    assert_eq!(
        found,
        odd_or_middle.map(CustomerPrimaryKey).collect::<Vec<_>>()
    );
    assert_sound(&store);
    Ok(())
}

fn put_many_lets_a_later_record_replace_an_earlier_one<B: Backend>(store: Shop<B>) -> Result<()> {
    let customers = store.open_tree::<Customer>();
    let later = Customer {
        age: 70,
        tags: vec!["late".into()],
        ..customer(1)
    };
    customers.put_many([customer(1), customer(2), later.clone()])?;
    assert_eq!(customers.get(1)?, Some(later));
    assert_eq!(customers.len()?, 2);
    assert_sound(&store);
    Ok(())
}

fn put_many_of_nothing_stores_nothing<B: Backend>(store: Shop<B>) -> Result<()> {
    let customers = store.open_tree::<Customer>();
    customers.put_many([])?;
    assert!(customers.is_empty()?);
    Ok(())
}

fn remove_many_counts_what_was_there<B: Backend>(store: Shop<B>) -> Result<()> {
    let customers = store.open_tree::<Customer>();
    customers.put_many((0..10).map(customer))?;
    assert_eq!(customers.remove_many([1, 3, 5, 77, 3])?, 3);
    assert_eq!(customers.remove_many([CustomerPrimaryKey(0)])?, 1);
    assert_eq!(customers.len()?, 6);
    assert_sound(&store);
    Ok(())
}

fn text_keys_hold_any_text<B: Backend>(store: Shop<B>) -> Result<()> {
    let settings = store.open_tree::<Setting>();
    let mut names = [
        "",
        "\0",
        "\0\0",
        "a\0",
        "a",
        "a:b",
        "a/b",
        "\u{7f}",
        "\u{10ffff}",
        "aa",
    ];
    settings.put_many(names.map(setting))?;
    names.sort_unstable();
    let found: Vec<_> = settings.iter().collect::<Result<_>>()?;
    let found: Vec<_> = found
        .iter()
        .map(|(_, setting)| setting.name.as_str())
        .collect();
    assert_eq!(found, names);
    for name in names {
        assert_eq!(settings.get(name)?, Some(setting(name)));
    }
    Ok(())
}

fn a_record_of_many_megabytes_comes_back<B: Backend>(store: Shop<B>) -> Result<()> {
    let settings = store.open_tree::<Setting>();
    let value = (0..17_u32 << 20)
        .map(|at| (at >> 16).to_le_bytes().into_iter().sum())
        .collect();
    let large = Setting {
        name: "large".into(),
        value,
    };
    settings.put(large.clone())?;
    assert!(settings.get("large")? == Some(large));
    Ok(())
}

fn a_tree_is_iterated_by_reference<B: Backend>(store: Shop<B>) -> Result<()> {
    let customers = store.open_tree::<Customer>();
    customers.put_many((0..3).map(customer))?;
    let mut seen = Vec::new();
    for entry in &customers {
        let (CustomerPrimaryKey(id), found) = entry?;
        assert_eq!(found, customer(id));
        seen.push(id);
    }
    assert_eq!(seen, [0, 1, 2]);
    Ok(())
}
