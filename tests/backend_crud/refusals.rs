//! Writes that are refused: each says why, and leaves no trace, alone or inside a transaction.

use netabase_store::{Backend, KEY_BYTES_MAX, Result, Store, StoreError};
use netabase_tests::{
    Customer, CustomerEmailSecondaryKey, Picture, PictureThumbnailSecondaryKey, Setting,
    ShopDefinition, assert_sound, customer, refusal, setting,
};

type Shop<B> = Store<ShopDefinition, B>;

on_every_engine! { netabase_tests::ShopDefinition:
    a_taken_unique_value_is_refused_and_names_its_holder,
    a_record_may_keep_its_own_unique_value,
    a_freed_unique_value_is_free_for_others,
    a_unique_index_allows_many_without_a_value,
    update_refuses_a_changed_key,
    update_refuses_a_taken_unique_value,
    a_key_that_is_too_long_is_refused,
    an_indexed_value_that_is_too_long_is_refused,
    put_many_that_fails_in_the_middle_stores_nothing,
    remove_many_inside_a_transaction_is_all_or_nothing,
    refused_writes_leave_no_trace_inside_a_transaction,
    put_many_refused_inside_a_transaction_takes_back_its_own_writes_only,
    a_batch_inside_the_iterator_of_a_refused_batch_leaves_no_trace,
    a_panic_inside_the_iterator_of_a_batch_leaves_no_trace,
    a_panic_inside_an_update_leaves_the_store_usable,
}

/// A customer with the email of another.
fn rival(id: u64, of: u64) -> Customer {
    Customer {
        email: customer(of).email,
        ..customer(id)
    }
}

fn contents<B: Backend>(store: &Shop<B>) -> Result<Vec<Customer>> {
    let customers = store.open_tree::<Customer>();
    customers
        .iter()
        .map(|found| found.map(|(_, customer)| customer))
        .collect()
}

fn a_taken_unique_value_is_refused_and_names_its_holder<B: Backend>(store: Shop<B>) -> Result<()> {
    let customers = store.open_tree::<Customer>();
    customers.put(customer(1))?;
    for refused in [customers.put(rival(2, 1)), customers.insert(rival(2, 1))] {
        assert!(refused.as_ref().is_err_and(|error| error.is_conflict()));
        let StoreError::UniqueViolated {
            model,
            index,
            key,
            holder,
        } = refusal(refused)
        else {
            panic!("refused for another reason");
        };
        assert_eq!((model.as_str(), index.as_str()), ("Customer", "email"));
        assert_ne!(key, holder);
    }
    assert_eq!(contents(&store)?, [customer(1)]);
    assert_sound(&store);
    Ok(())
}

fn a_record_may_keep_its_own_unique_value<B: Backend>(store: Shop<B>) -> Result<()> {
    let customers = store.open_tree::<Customer>();
    customers.put(customer(1))?;
    customers.put(Customer {
        age: 3,
        ..customer(1)
    })?;
    customers.update(1, |customer| customer.age = 4)?;
    let txn = store.begin_write()?;
    txn.open_tree::<Customer>().put(Customer {
        age: 5,
        ..customer(1)
    })?;
    txn.open_tree::<Customer>().put(Customer {
        age: 6,
        ..customer(1)
    })?;
    txn.commit()?;
    assert_eq!(
        contents(&store)?,
        [Customer {
            age: 6,
            ..customer(1)
        }]
    );
    assert_sound(&store);
    Ok(())
}

fn a_freed_unique_value_is_free_for_others<B: Backend>(store: Shop<B>) -> Result<()> {
    let customers = store.open_tree::<Customer>();
    customers.put_many([customer(1), customer(2)])?;
    customers.update(1, |customer| customer.email = "elsewhere".into())?;
    customers.put(rival(3, 1))?;
    customers.remove(2)?;
    customers.put(rival(4, 2))?;
    // In one transaction: the value changes hands twice.
    let txn = store.begin_write()?;
    let inside = txn.open_tree::<Customer>();
    inside.remove(4)?;
    inside.put(rival(5, 2))?;
    inside.update(5, |customer| customer.email = "five".into())?;
    inside.put(rival(6, 2))?;
    txn.commit()?;
    let emails = customers.index::<CustomerEmailSecondaryKey>();
    assert_eq!(emails.first(customer(2).email)?, Some(rival(6, 2)));
    assert_eq!(emails.first(customer(1).email)?, Some(rival(3, 1)));
    assert_sound(&store);
    Ok(())
}

fn a_unique_index_allows_many_without_a_value<B: Backend>(store: Shop<B>) -> Result<()> {
    let pictures = store.open_tree::<Picture>();
    pictures.put(Picture {
        hash: vec![1],
        thumbnail: None,
    })?;
    pictures.put(Picture {
        hash: vec![2],
        thumbnail: None,
    })?;
    pictures.put(Picture {
        hash: vec![3],
        thumbnail: Some(vec![]),
    })?;
    let taken = pictures.put(Picture {
        hash: vec![4],
        thumbnail: Some(vec![]),
    });
    assert!(taken.is_err_and(|error| error.is_conflict()));
    let thumbnails = pictures.index::<PictureThumbnailSecondaryKey>();
    assert_eq!(thumbnails.iter().count()?, 1);
    assert_sound(&store);
    Ok(())
}

fn update_refuses_a_changed_key<B: Backend>(store: Shop<B>) -> Result<()> {
    let customers = store.open_tree::<Customer>();
    customers.put(customer(1))?;
    let refused = refusal(customers.update(1, |found| *found = customer(2)));
    assert!(matches!(&refused, StoreError::KeyChanged { model, .. } if model == "Customer"));
    assert_eq!(contents(&store)?, [customer(1)]);
    assert_sound(&store);
    Ok(())
}

fn update_refuses_a_taken_unique_value<B: Backend>(store: Shop<B>) -> Result<()> {
    let customers = store.open_tree::<Customer>();
    customers.put_many([customer(1), customer(2)])?;
    let refused = customers.update(2, |found| *found = rival(2, 1));
    assert!(matches!(
        refusal(refused),
        StoreError::UniqueViolated { .. }
    ));
    assert_eq!(contents(&store)?, [customer(1), customer(2)]);
    assert_sound(&store);
    Ok(())
}

fn a_key_that_is_too_long_is_refused<B: Backend>(store: Shop<B>) -> Result<()> {
    let settings = store.open_tree::<Setting>();
    // One byte ends the text.
    settings.put(setting(&"n".repeat(KEY_BYTES_MAX - 1)))?;
    let refused = refusal(settings.put(setting(&"n".repeat(KEY_BYTES_MAX))));
    let StoreError::KeyTooLong { table, bytes, max } = refused else {
        panic!("refused for another reason: {refused}");
    };
    assert_eq!(
        (table.as_str(), bytes, max),
        ("Setting", KEY_BYTES_MAX + 1, KEY_BYTES_MAX)
    );
    assert_eq!(settings.len()?, 1);
    assert_eq!(settings.get("n".repeat(KEY_BYTES_MAX))?, None);
    Ok(())
}

fn an_indexed_value_that_is_too_long_is_refused<B: Backend>(store: Shop<B>) -> Result<()> {
    let customers = store.open_tree::<Customer>();
    let longest = Customer {
        nickname: Some("n".repeat(KEY_BYTES_MAX - 1)),
        ..customer(1)
    };
    customers.put(longest.clone())?;
    let longer = Customer {
        nickname: Some("n".repeat(KEY_BYTES_MAX)),
        ..customer(2)
    };
    let refused = refusal(customers.put(longer));
    assert!(
        matches!(refused, StoreError::KeyTooLong { .. }),
        "{refused}"
    );
    assert_eq!(contents(&store)?, [longest]);
    assert_sound(&store);
    Ok(())
}

fn put_many_that_fails_in_the_middle_stores_nothing<B: Backend>(store: Shop<B>) -> Result<()> {
    let customers = store.open_tree::<Customer>();
    customers.put(customer(1))?;
    let refused = customers.put_many([customer(2), customer(3), rival(4, 1), customer(5)]);
    assert!(refused.is_err_and(|error| error.is_conflict()));
    // Also where the values meet inside the batch.
    let refused = customers.put_many([customer(2), rival(3, 2)]);
    assert!(refused.is_err_and(|error| error.is_conflict()));
    assert_eq!(contents(&store)?, [customer(1)]);
    assert_sound(&store);
    Ok(())
}

fn remove_many_inside_a_transaction_is_all_or_nothing<B: Backend>(store: Shop<B>) -> Result<()> {
    store
        .open_tree::<Customer>()
        .put_many((0..5).map(customer))?;
    let txn = store.begin_write()?;
    assert_eq!(txn.open_tree::<Customer>().remove_many([1, 2, 2, 9])?, 2);
    assert_eq!(txn.open_tree::<Customer>().len()?, 3);
    txn.abort();
    assert_eq!(store.open_tree::<Customer>().len()?, 5);
    Ok(())
}

fn refused_writes_leave_no_trace_inside_a_transaction<B: Backend>(store: Shop<B>) -> Result<()> {
    store
        .open_tree::<Customer>()
        .put_many([customer(1), customer(2)])?;
    let txn = store.begin_write()?;
    let customers = txn.open_tree::<Customer>();
    customers.put(customer(3))?;
    assert!(
        customers
            .insert(Customer {
                age: 1,
                ..customer(3)
            })
            .is_err()
    );
    assert!(customers.insert(rival(4, 1)).is_err());
    assert!(customers.put(rival(2, 3)).is_err());
    assert!(customers.put(rival(5, 3)).is_err());
    assert!(customers.update(1, |found| found.id = 9).is_err());
    assert!(customers.update(1, |found| *found = rival(1, 2)).is_err());
    assert!(
        customers
            .put_many([customer(6), customer(7), rival(8, 6)])
            .is_err()
    );
    let expected = [customer(1), customer(2), customer(3)];
    let seen: Vec<_> = customers.iter().collect::<Result<_>>()?;
    assert_eq!(
        seen.into_iter()
            .map(|(_, customer)| customer)
            .collect::<Vec<_>>(),
        expected
    );
    txn.commit()?;
    assert_eq!(contents(&store)?, expected);
    assert_sound(&store);
    Ok(())
}

fn put_many_refused_inside_a_transaction_takes_back_its_own_writes_only<B: Backend>(
    store: Shop<B>,
) -> Result<()> {
    store
        .open_tree::<Customer>()
        .put_many([customer(1), customer(2)])?;
    let txn = store.begin_write()?;
    let customers = txn.open_tree::<Customer>();
    let before = Customer {
        age: 77,
        ..customer(2)
    };
    customers.put(before.clone())?;
    customers.remove(1)?;
    let over = Customer {
        age: 78,
        ..customer(2)
    };
    assert!(
        customers
            .put_many([over, customer(1), customer(3), rival(4, 3)])
            .is_err()
    );
    assert_eq!(customers.get(1)?, None);
    assert_eq!(customers.get(2)?, Some(before.clone()));
    txn.commit()?;
    assert_eq!(contents(&store)?, [before]);
    assert_sound(&store);
    Ok(())
}

fn a_batch_inside_the_iterator_of_a_refused_batch_leaves_no_trace<B: Backend>(
    store: Shop<B>,
) -> Result<()> {
    let txn = store.begin_write()?;
    let customers = txn.open_tree::<Customer>();
    customers.put(customer(1))?;
    let inner = |id| {
        assert!(customers.put_many([customer(id + 100)]).is_ok());
        customer(id)
    };
    assert!(
        customers
            .put_many([2, 3].map(inner).into_iter().chain([rival(4, 1)]))
            .is_err()
    );
    let nested = (2..4).map(inner).chain([rival(4, 1)]);
    assert!(customers.put_many(nested).is_err());
    for id in [2, 3, 4] {
        assert_eq!(customers.get(id)?, None);
    }
    txn.commit()?;
    assert_sound(&store);
    Ok(())
}

fn a_panic_inside_the_iterator_of_a_batch_leaves_no_trace<B: Backend>(
    store: Shop<B>,
) -> Result<()> {
    let txn = store.begin_write()?;
    let customers = txn.open_tree::<Customer>();
    customers.put(customer(1))?;
    let panicking = (2..5).map(|id| {
        if id == 4 {
            std::panic::resume_unwind(Box::new(()))
        } else {
            customer(id)
        }
    });
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        customers.put_many(panicking)
    }));
    assert!(caught.is_err());
    customers.put(customer(9))?;
    txn.commit()?;
    assert_eq!(contents(&store)?, [customer(1), customer(9)]);
    assert_sound(&store);
    Ok(())
}

fn a_panic_inside_an_update_leaves_the_store_usable<B: Backend>(store: Shop<B>) -> Result<()> {
    let customers = store.open_tree::<Customer>();
    customers.put(customer(1))?;
    let panicking = std::panic::AssertUnwindSafe(|| {
        customers.update(1, |found| {
            found.age = 0;
            std::panic::resume_unwind(Box::new(()))
        })
    });
    assert!(std::panic::catch_unwind(panicking).is_err());
    assert_eq!(customers.get(1)?, Some(customer(1)));
    customers.put(customer(2))?;
    assert_sound(&store);
    Ok(())
}
