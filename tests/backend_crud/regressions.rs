//! Defects of earlier stores with this surface and of their peers, each by name.

use netabase_store::{Backend, Result, Store, netabase_definition_module};

use self::peculiar::{
    Entry, EntryPairSecondaryKey, EntryShiftSecondaryKey, EntryWeightSecondaryKey,
    EntryWordSecondaryKey, Peculiar,
};
use netabase_tests::{
    Customer, CustomerAgeSecondaryKey, CustomerEmailSecondaryKey, CustomerTagsSecondaryKey,
    assert_sound, customer,
};

/// Keys that earlier stores encoded wrongly.
#[netabase_definition_module(Peculiar, PeculiarKeys)]
mod peculiar {
    use netabase_store::NetabaseModel;

    #[derive(NetabaseModel, Clone, Debug, PartialEq)]
    #[netabase(Peculiar)]
    #[primary_key(left, right)]
    #[secondary_key(name = pair, fields(right, left), unique)]
    pub(super) struct Entry {
        pub(super) left: String,
        pub(super) right: String,
        #[secondary_key]
        pub(super) shift: i64,
        #[secondary_key]
        pub(super) weight: f32,
        #[secondary_key]
        pub(super) word: Option<String>,
    }
}

fn entry(left: &str, right: &str) -> Entry {
    Entry {
        left: left.into(),
        right: right.into(),
        shift: 0,
        weight: 0.0,
        word: None,
    }
}

on_every_engine! { super::Peculiar:
    tuple_keys_do_not_run_together,
    separators_in_keys_mean_nothing,
    signed_keys_below_zero_come_first,
    negative_floats_come_first,
    none_is_not_the_empty_string,
    an_excluded_start_is_a_start,
}

/// native_db joins the parts of a tuple: `("ab", "c")` is `("a", "bc")`.
fn tuple_keys_do_not_run_together<B: Backend>(store: Store<Peculiar, B>) -> Result<()> {
    let entries = store.open_tree::<Entry>();
    let keys = [
        ("ab", "c"),
        ("a", "bc"),
        ("abc", ""),
        ("", "abc"),
        ("a\0", "bc"),
        ("a", "\0bc"),
    ];
    for (left, right) in keys {
        entries.insert(entry(left, right))?;
    }
    assert_eq!(entries.len()?, 6);
    assert_eq!(entries.leading(("a",)).count()?, 2);
    assert_eq!(
        entries
            .index::<EntryPairSecondaryKey>()
            .leading(("bc",))
            .count()?,
        2
    );
    assert_sound(&store);
    Ok(())
}

/// A layout of `secondary:<field>:<value>` is ambiguous where a value has a colon.
fn separators_in_keys_mean_nothing<B: Backend>(store: Store<Peculiar, B>) -> Result<()> {
    let entries = store.open_tree::<Entry>();
    entries.put_many([
        entry("a:b", "c"),
        entry("a", "b:c"),
        entry("a/b", "c"),
        entry("primary:", ":"),
    ])?;
    assert_eq!(entries.len()?, 4);
    assert_eq!(
        entries.get(("a".to_owned(), "b:c".to_owned()))?,
        Some(entry("a", "b:c"))
    );
    assert_eq!(entries.leading(("a:b",)).count()?, 1);
    assert_sound(&store);
    Ok(())
}

/// native_db 0.8.2 stores signed integers as their raw bytes.
fn signed_keys_below_zero_come_first<B: Backend>(store: Store<Peculiar, B>) -> Result<()> {
    let entries = store.open_tree::<Entry>();
    let shifts = [i64::MIN, -256, -2, -1, 0, 1, 255, i64::MAX];
    entries.put_many(shifts.map(|shift| Entry {
        shift,
        ..entry("a", &shift.to_string())
    }))?;
    let index = entries.index::<EntryShiftSecondaryKey>();
    let found = index
        .iter()
        .map(|found| found.map(|(_, entry)| entry.shift));
    assert_eq!(found.collect::<Result<Vec<_>>>()?, shifts);
    assert_eq!(index.range(-256..=0).count()?, 4);
    assert_eq!(index.range(..=i64::MAX).count()?, 8);
    Ok(())
}

/// native_db stores floats as their raw bits: -1 is more than 1, and -1 more than -2 less.
fn negative_floats_come_first<B: Backend>(store: Store<Peculiar, B>) -> Result<()> {
    let entries = store.open_tree::<Entry>();
    let weights = [
        f32::NEG_INFINITY,
        -2.0,
        -1.0,
        -0.0,
        0.0,
        1.0,
        2.0,
        f32::INFINITY,
    ];
    entries.put_many(weights.map(|weight| Entry {
        weight,
        ..entry("a", &weight.to_string())
    }))?;
    let index = entries.index::<EntryWeightSecondaryKey>();
    let found = index
        .iter()
        .map(|found| found.map(|(_, entry)| entry.weight));
    assert_eq!(found.collect::<Result<Vec<_>>>()?, weights);
    assert_eq!(index.range(-2.0..=-1.0).count()?, 2);
    Ok(())
}

/// native_db stores `Some("")` and `None` alike.
fn none_is_not_the_empty_string<B: Backend>(store: Store<Peculiar, B>) -> Result<()> {
    let entries = store.open_tree::<Entry>();
    entries.put(entry("a", "none"))?;
    entries.put(Entry {
        word: Some(String::new()),
        ..entry("a", "empty")
    })?;
    let words = entries.index::<EntryWordSecondaryKey>();
    assert_eq!(words.iter().count()?, 1);
    assert_eq!(
        words.first("")?.map(|entry| entry.right),
        Some("empty".into())
    );
    Ok(())
}

/// native_db panics on an excluded start, and leaves out the included end (its report 469).
fn an_excluded_start_is_a_start<B: Backend>(store: Store<Peculiar, B>) -> Result<()> {
    use std::ops::Bound::{Excluded, Included, Unbounded};
    let entries = store.open_tree::<Entry>();
    entries.put_many((0..10).map(|shift| Entry {
        shift,
        ..entry("a", &shift.to_string())
    }))?;
    let index = entries.index::<EntryShiftSecondaryKey>();
    assert_eq!(index.range((Excluded(3), Included(5))).count()?, 2);
    assert_eq!(index.range((Excluded(3), Unbounded)).count()?, 6);
    assert_eq!(index.range(..=5).count()?, 6);
    Ok(())
}

mod of_netabase_store {
    use super::{
        Backend, Customer, CustomerAgeSecondaryKey, CustomerEmailSecondaryKey,
        CustomerTagsSecondaryKey, Result, Store, assert_sound, customer,
    };
    use netabase_tests::{Setting, ShopDefinition};

    type Shop<B> = Store<ShopDefinition, B>;

    on_every_engine! { netabase_tests::ShopDefinition:
        an_update_removes_the_old_index_entry,
        clear_empties_the_indexes,
        a_dropped_transaction_is_rolled_back,
        trees_and_transactions_share_one_format,
        removal_inside_a_transaction_removes_the_entries,
        removal_in_a_batch_removes_the_entries,
        a_collection_has_many_entries_in_one_index,
        a_blob_beyond_256_chunks_is_whole,
        a_refused_insert_leaves_no_row_in_the_open_transaction,
    }

    /// Defect 1: the old value still found the record, with its new contents.
    fn an_update_removes_the_old_index_entry<B: Backend>(store: Shop<B>) -> Result<()> {
        let customers = store.open_tree::<Customer>();
        let ages = customers.index::<CustomerAgeSecondaryKey>();
        customers.put(Customer {
            age: 30,
            ..customer(1)
        })?;
        customers.put(Customer {
            age: 31,
            ..customer(1)
        })?;
        assert_eq!(ages.get(30).count()?, 0);
        customers.put_many([Customer {
            age: 32,
            ..customer(1)
        }])?;
        assert_eq!(ages.get(31).count()?, 0);
        let txn = store.begin_write()?;
        txn.open_tree::<Customer>().put(Customer {
            age: 33,
            ..customer(1)
        })?;
        txn.commit()?;
        assert_eq!((ages.get(32).count()?, ages.get(33).count()?), (0, 1));
        Ok(())
    }

    /// Defect 2: `clear` left every entry behind.
    fn clear_empties_the_indexes<B: Backend>(store: Shop<B>) -> Result<()> {
        let customers = store.open_tree::<Customer>();
        customers.put_many((0..10).map(customer))?;
        customers.clear()?;
        assert_eq!(
            customers
                .index::<CustomerAgeSecondaryKey>()
                .iter()
                .keys()
                .count(),
            0
        );
        customers.insert(customer(1))?;
        assert_sound(&store);
        Ok(())
    }

    /// Defect 3: a transaction on sled applied every operation at once; rollback did nothing.
    fn a_dropped_transaction_is_rolled_back<B: Backend>(store: Shop<B>) -> Result<()> {
        let txn = store.begin_write()?;
        txn.open_tree::<Customer>().put(customer(1))?;
        assert_eq!(store.open_tree::<Customer>().get(1)?, None);
        drop(txn);
        assert_eq!(store.open_tree::<Customer>().get(1)?, None);
        Ok(())
    }

    /// Defects 4 and 5: tree and transaction wrote different formats into the same table.
    fn trees_and_transactions_share_one_format<B: Backend>(store: Shop<B>) -> Result<()> {
        let customers = store.open_tree::<Customer>();
        customers.put(customer(1))?;
        let txn = store.begin_write()?;
        let inside = txn.open_tree::<Customer>();
        assert_eq!(inside.get(1)?, Some(customer(1)));
        inside.put(customer(2))?;
        txn.commit()?;
        assert_eq!(customers.get(2)?, Some(customer(2)));
        assert_eq!(
            store.begin_read()?.open_tree::<Customer>().get(2)?,
            Some(customer(2))
        );
        Ok(())
    }

    /// Defect 6: the entry was removed under another encoding than it was stored under.
    fn removal_inside_a_transaction_removes_the_entries<B: Backend>(store: Shop<B>) -> Result<()> {
        store.open_tree::<Customer>().put(customer(1))?;
        let txn = store.begin_write()?;
        txn.open_tree::<Customer>().remove(1)?;
        txn.commit()?;
        let customers = store.open_tree::<Customer>();
        assert_eq!(
            customers
                .index::<CustomerEmailSecondaryKey>()
                .iter()
                .keys()
                .count(),
            0
        );
        assert_sound(&store);
        Ok(())
    }

    /// Defect 8: a batch never touched the index on removal.
    fn removal_in_a_batch_removes_the_entries<B: Backend>(store: Shop<B>) -> Result<()> {
        let customers = store.open_tree::<Customer>();
        customers.put_many((0..5).map(customer))?;
        customers.remove_many(0..5_u64)?;
        assert_eq!(
            customers
                .index::<CustomerAgeSecondaryKey>()
                .iter()
                .keys()
                .count(),
            0
        );
        Ok(())
    }

    /// Defect 10: one value an index and record.
    fn a_collection_has_many_entries_in_one_index<B: Backend>(store: Shop<B>) -> Result<()> {
        let customers = store.open_tree::<Customer>();
        customers.put(customer(3))?;
        for tag in ["tag0", "tag1", "tag2"] {
            assert_eq!(
                customers
                    .index::<CustomerTagsSecondaryKey>()
                    .get(tag)
                    .count()?,
                1
            );
        }
        Ok(())
    }

    /// Defect 15: chunks of 60 kB were numbered by a byte.
    fn a_blob_beyond_256_chunks_is_whole<B: Backend>(store: Shop<B>) -> Result<()> {
        let value: Vec<u8> = (0..270_u16)
            .flat_map(|chunk| vec![chunk.to_le_bytes()[0]; 60_000])
            .collect();
        let settings = store.open_tree::<Setting>();
        settings.put(Setting {
            name: "blob".into(),
            value: value.clone(),
        })?;
        assert!(
            settings
                .get("blob")?
                .is_some_and(|setting| setting.value == value)
        );
        Ok(())
    }

    /// native_db writes the row before it checks the unique index.
    fn a_refused_insert_leaves_no_row_in_the_open_transaction<B: Backend>(
        store: Shop<B>,
    ) -> Result<()> {
        store.open_tree::<Customer>().put(customer(1))?;
        let txn = store.begin_write()?;
        let refused = txn.open_tree::<Customer>().insert(Customer {
            id: 2,
            ..customer(1)
        });
        assert!(refused.is_err_and(|error| error.is_conflict()));
        assert_eq!(txn.open_tree::<Customer>().get(2)?, None);
        txn.commit()?;
        assert_eq!(store.open_tree::<Customer>().len()?, 1);
        assert_sound(&store);
        Ok(())
    }
}
