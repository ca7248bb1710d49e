//! Every kind of index: what has an entry, in which order, and how writes move it.

use netabase_store::{Backend, Result, Store};
use netabase_tests::{
    Address, Customer, CustomerAgeSecondaryKey, CustomerCreditSecondaryKey,
    CustomerEmailSecondaryKey, CustomerNicknameSecondaryKey, CustomerPrimaryKey,
    CustomerSecondaryKeys, CustomerTagsSecondaryKey, Order, OrderByDaySecondaryKey,
    OrderByInitialSecondaryKey, OrderByTotalSecondaryKey, OrderPrimaryKey, ShopDefinition,
    assert_sound, customer, order,
};

type Shop<B> = Store<ShopDefinition, B>;

on_every_engine! { netabase_tests::ShopDefinition:
    equal_index_values_keep_all_their_rows,
    get_by_secondary_key_answers_for_every_kind,
    a_unique_index_finds_the_one_record,
    an_each_index_has_an_entry_for_each_distinct_element,
    a_sparse_index_has_no_entry_for_none,
    an_index_over_floats_is_in_total_order,
    a_composite_index_holds_none_as_a_part,
    a_composite_primary_key_is_ordered_by_its_parts,
    computed_indexes_follow_the_record,
    an_index_walks_by_value_and_then_by_primary_key,
    update_moves_the_entries_of_every_index,
    remove_takes_the_entries_of_every_index,
    elements_that_come_and_go_move_only_their_entries,
    pairs_are_every_value_with_every_key_that_has_it,
}

fn ids(found: Vec<Customer>) -> Vec<u64> {
    found.into_iter().map(|customer| customer.id).collect()
}

fn keys(keys: impl Iterator<Item = Result<CustomerPrimaryKey>>) -> Result<Vec<u64>> {
    keys.map(|key| key.map(|CustomerPrimaryKey(id)| id))
        .collect()
}

fn equal_index_values_keep_all_their_rows<B: Backend>(store: Shop<B>) -> Result<()> {
    let customers = store.open_tree::<Customer>();
    customers.put_many((0..5).map(|id| Customer {
        age: 30,
        ..customer(id)
    }))?;
    let found = customers.get_by_secondary_key(CustomerSecondaryKeys::Age(30.into()))?;
    assert_eq!(ids(found), [0, 1, 2, 3, 4]);
    customers.remove(2)?;
    let found = customers.index::<CustomerAgeSecondaryKey>().get(30).keys();
    assert_eq!(keys(found)?, [0, 1, 3, 4]);
    Ok(())
}

fn get_by_secondary_key_answers_for_every_kind<B: Backend>(store: Shop<B>) -> Result<()> {
    use CustomerSecondaryKeys::{Age, Credit, Email, Nickname, Tags};
    let customers = store.open_tree::<Customer>();
    let one = Customer {
        id: 1,
        email: "a@example.org".into(),
        age: 30,
        nickname: Some("al".into()),
        tags: vec!["x".into(), "y".into()],
        credit: -0.5,
        note: String::new(),
    };
    customers.put_many([one.clone(), customer(2)])?;
    let email = CustomerEmailSecondaryKey("a@example.org".into());
    let tag = CustomerTagsSecondaryKey("y".into());
    let keys = [
        Email(email),
        Age(CustomerAgeSecondaryKey(30)),
        Nickname(CustomerNicknameSecondaryKey("al".into())),
        Tags(tag),
        Credit(CustomerCreditSecondaryKey(-0.5)),
    ];
    for key in keys {
        assert_eq!(
            customers.get_by_secondary_key(key.clone())?,
            std::slice::from_ref(&one),
            "{key:?}"
        );
    }
    assert_eq!(
        customers.get_by_secondary_key(Age(CustomerAgeSecondaryKey(31)))?,
        []
    );
    // The newtype alone says which index is meant.
    assert_eq!(
        customers.get_by_secondary_key(CustomerAgeSecondaryKey(30))?,
        [one]
    );
    Ok(())
}

fn a_unique_index_finds_the_one_record<B: Backend>(store: Shop<B>) -> Result<()> {
    let customers = store.open_tree::<Customer>();
    customers.put_many((0..10).map(customer))?;
    let emails = customers.index::<CustomerEmailSecondaryKey>();
    assert_eq!(emails.first("c7@example.org")?, Some(customer(7)));
    assert_eq!(emails.get("c7@example.org").count()?, 1);
    assert_eq!(emails.first("nobody")?, None);
    assert_eq!(keys(emails.get("c3@example.org").keys())?, [3]);
    Ok(())
}

fn an_each_index_has_an_entry_for_each_distinct_element<B: Backend>(store: Shop<B>) -> Result<()> {
    let customers = store.open_tree::<Customer>();
    let tagged = |id, tags: &[&str]| Customer {
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        ..customer(id)
    };
    customers.put_many([
        tagged(1, &["b", "a", "b", "b"]),
        tagged(2, &["b"]),
        tagged(3, &[]),
    ])?;
    let tags = customers.index::<CustomerTagsSecondaryKey>();
    assert_eq!(keys(tags.get("b").keys())?, [1, 2]);
    assert_eq!(keys(tags.get("a").keys())?, [1]);
    assert_eq!(tags.iter().count()?, 3);
    // A record comes once for each of its elements in the range.
    assert_eq!(keys(tags.range("a"..).keys())?, [1, 1, 2]);
    assert_sound(&store);
    Ok(())
}

fn a_sparse_index_has_no_entry_for_none<B: Backend>(store: Shop<B>) -> Result<()> {
    let customers = store.open_tree::<Customer>();
    let named = |id, nickname: Option<&str>| Customer {
        nickname: nickname.map(str::to_owned),
        ..customer(id)
    };
    customers.put_many([named(1, None), named(2, Some("")), named(3, Some("al"))])?;
    let nicknames = customers.index::<CustomerNicknameSecondaryKey>();
    assert_eq!(keys(nicknames.range(..).keys())?, [2, 3]);
    assert_eq!(keys(nicknames.get("").keys())?, [2]);
    customers.update(1, |customer| customer.nickname = Some("al".into()))?;
    customers.update(2, |customer| customer.nickname = None)?;
    assert_eq!(keys(nicknames.range(..).keys())?, [1, 3]);
    assert_sound(&store);
    Ok(())
}

fn an_index_over_floats_is_in_total_order<B: Backend>(store: Shop<B>) -> Result<()> {
    let customers = store.open_tree::<Customer>();
    let ascending = [
        -f64::NAN,
        f64::NEG_INFINITY,
        -2.0,
        -1.0,
        -0.0,
        0.0,
        1.0,
        f64::MAX,
        f64::NAN,
    ];
    let ids = 0..u64::try_from(ascending.len()).unwrap_or(0);
    let rich = |(id, credit): (u64, f64)| Customer {
        credit,
        ..customer(id)
    };
    let mut inserted: Vec<_> = ids.clone().zip(ascending).map(rich).collect();
    inserted.reverse();
    customers.put_many(inserted)?;
    let credits = customers.index::<CustomerCreditSecondaryKey>();
    assert_eq!(keys(credits.iter().keys())?, ids.collect::<Vec<_>>());
    assert_eq!(keys(credits.range(-1.0..=0.0).keys())?, [3, 4, 5]);
    assert_eq!(keys(credits.get(0.0).keys())?, [5]);
    assert_eq!(keys(credits.get(f64::NAN).keys())?, [8]);
    assert_sound(&store);
    Ok(())
}

fn a_composite_index_holds_none_as_a_part<B: Backend>(store: Shop<B>) -> Result<()> {
    let orders = store.open_tree::<Order>();
    orders.put_many((0..6).map(|number| order(1, number)))?;
    let days = orders.index::<OrderByDaySecondaryKey>();
    assert_eq!(days.iter().count()?, 6);
    assert_eq!(days.first((3, None))?, Some(order(1, 3)));
    assert_eq!(days.first((4, Some("paid".to_owned())))?, Some(order(1, 4)));
    assert_eq!(days.first((4, None))?, None);
    assert_eq!(
        days.get(OrderByDaySecondaryKey(2, Some("paid".into())))
            .count()?,
        1
    );
    assert_eq!(days.leading((3,)).count()?, 1);
    assert_eq!(days.leading((3, None)).count()?, 1);
    assert_eq!(days.range((1, None)..(4, None)).count()?, 3);
    Ok(())
}

fn a_composite_primary_key_is_ordered_by_its_parts<B: Backend>(store: Shop<B>) -> Result<()> {
    let orders = store.open_tree::<Order>();
    let keys = [(2, 1), (1, 300), (1, 2), (256, 0), (2, 0)];
    orders.put_many(keys.map(|(customer, number)| order(customer, number)))?;
    let found: Vec<_> = orders.iter().keys().collect::<Result<_>>()?;
    let sorted = [(1, 2), (1, 300), (2, 0), (2, 1), (256, 0)];
    assert_eq!(
        found,
        sorted.map(|(customer, number)| OrderPrimaryKey(customer, number))
    );
    assert_eq!(orders.get((1, 300))?, Some(order(1, 300)));
    assert_eq!(orders.get(OrderPrimaryKey(1, 3))?, None);
    assert_eq!(orders.leading((1,)).count()?, 2);
    assert_eq!(orders.leading((2, 1)).count()?, 1);
    assert_eq!(orders.range((1, 3)..(2, 1)).count()?, 2);
    Ok(())
}

fn computed_indexes_follow_the_record<B: Backend>(store: Shop<B>) -> Result<()> {
    let orders = store.open_tree::<Order>();
    orders.put_many([order(1, 5), order(2, 9)])?;
    let nowhere = Order {
        address: Address::default(),
        ..order(3, 1)
    };
    orders.put(nowhere)?;
    let initials = orders.index::<OrderByInitialSecondaryKey>();
    assert_eq!(initials.first("2")?, Some(order(2, 9)));
    assert_eq!(initials.iter().count()?, 2);
    let totals = orders.index::<OrderByTotalSecondaryKey>();
    assert_eq!(totals.range(6..=10).count()?, 2);
    orders.update((1, 5), |order| {
        order.lines.insert("cup".into(), 100);
        order.address.city = "Zurich".into();
    })?;
    assert_eq!(totals.get(106).count()?, 1);
    assert_eq!(totals.get(6).count()?, 0);
    assert_eq!(initials.get("Z").count()?, 1);
    assert_eq!(initials.get("1").count()?, 0);
    assert_sound(&store);
    Ok(())
}

fn an_index_walks_by_value_and_then_by_primary_key<B: Backend>(store: Shop<B>) -> Result<()> {
    let customers = store.open_tree::<Customer>();
    customers.put_many((0..300).rev().map(customer))?;
    let mut expected: Vec<_> = (0..300).map(customer).collect();
    expected.sort_by_key(|customer| (customer.age, customer.id));
    let found = customers.index::<CustomerAgeSecondaryKey>().iter();
    let found: Vec<_> = found.collect::<Result<_>>()?;
    let expected = expected
        .into_iter()
        .map(|customer| (CustomerPrimaryKey(customer.id), customer));
    assert!(found.into_iter().eq(expected));
    Ok(())
}

fn update_moves_the_entries_of_every_index<B: Backend>(store: Shop<B>) -> Result<()> {
    let customers = store.open_tree::<Customer>();
    let old = Customer {
        nickname: Some("old".into()),
        tags: vec!["old".into(), "both".into()],
        ..customer(1)
    };
    let new = Customer {
        email: "new".into(),
        age: 90,
        nickname: Some("new".into()),
        tags: vec!["both".into(), "new".into()],
        credit: 1e9,
        ..customer(1)
    };
    customers.put(old.clone())?;
    customers.put(new.clone())?;
    let emails = customers.index::<CustomerEmailSecondaryKey>();
    assert_eq!(
        (emails.get(old.email).count()?, emails.get("new").count()?),
        (0, 1)
    );
    let ages = customers.index::<CustomerAgeSecondaryKey>();
    assert_eq!((ages.get(old.age).count()?, ages.get(90).count()?), (0, 1));
    let nicknames = customers.index::<CustomerNicknameSecondaryKey>();
    assert_eq!(
        (nicknames.get("old").count()?, nicknames.get("new").count()?),
        (0, 1)
    );
    let tags = customers.index::<CustomerTagsSecondaryKey>();
    assert_eq!((tags.get("old").count()?, tags.get("new").count()?), (0, 1));
    assert_eq!(tags.first("both")?, Some(new));
    let credits = customers.index::<CustomerCreditSecondaryKey>();
    assert_eq!(
        (credits.get(old.credit).count()?, credits.get(1e9).count()?),
        (0, 1)
    );
    assert_sound(&store);
    Ok(())
}

fn remove_takes_the_entries_of_every_index<B: Backend>(store: Shop<B>) -> Result<()> {
    let customers = store.open_tree::<Customer>();
    customers.put_many((0..20).map(customer))?;
    customers.remove_many(0..20_u64)?;
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
            .iter()
            .count()?,
        0
    );
    assert_eq!(
        customers
            .index::<CustomerNicknameSecondaryKey>()
            .iter()
            .count()?,
        0
    );
    assert_eq!(
        customers
            .index::<CustomerTagsSecondaryKey>()
            .iter()
            .count()?,
        0
    );
    assert_eq!(
        customers
            .index::<CustomerCreditSecondaryKey>()
            .iter()
            .count()?,
        0
    );
    assert_sound(&store);
    Ok(())
}

fn elements_that_come_and_go_move_only_their_entries<B: Backend>(store: Shop<B>) -> Result<()> {
    let customers = store.open_tree::<Customer>();
    customers.put(customer(0))?;
    let steps: [&[&str]; 6] = [
        &["a", "c"],
        &["b"],
        &["a", "b", "c"],
        &[],
        &["z", "z"],
        &["a", "z"],
    ];
    for step in steps {
        customers.update(0, |customer| {
            customer.tags = step.iter().map(|tag| (*tag).to_owned()).collect();
        })?;
        let tags = customers.index::<CustomerTagsSecondaryKey>();
        for tag in ["a", "b", "c", "z"] {
            let expected = u64::from(step.contains(&tag));
            assert_eq!(tags.get(tag).count()?, expected, "{tag} of {step:?}");
        }
        assert_sound(&store);
    }
    Ok(())
}

fn pairs_are_every_value_with_every_key_that_has_it<B: Backend>(store: Shop<B>) -> Result<()> {
    let customers = store.open_tree::<Customer>();
    customers.put_many((0..6).map(customer))?;
    let tags = customers.index::<CustomerTagsSecondaryKey>();
    let pairs: Result<Vec<_>> = tags.pairs().collect();
    let pair = |tag: u64, id| (CustomerTagsSecondaryKey(format!("tag{tag}")), id);
    let wanted = [(0, 1), (0, 2), (0, 3), (0, 5), (1, 2), (1, 3), (2, 3)];
    let wanted = wanted.map(|(tag, id)| pair(tag, CustomerPrimaryKey(id)));
    assert_eq!(pairs?, wanted);

    // The keys of a unique index stand in the values of its entries.
    let emails: Result<Vec<_>> = customers
        .index::<CustomerEmailSecondaryKey>()
        .pairs()
        .collect();
    let email = |id: u64| {
        let email = CustomerEmailSecondaryKey(format!("c{id}@example.org"));
        (email, CustomerPrimaryKey(id))
    };
    assert_eq!(emails?, [0, 1, 2, 3, 4, 5].map(email));
    Ok(())
}
