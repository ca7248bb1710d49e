//! Scrubs: what `verify` finds, in steps, beside writers.

use netabase_store::{
    Backend, Cursor, Difference, MemoryStore, NetabaseError, RedbStore, Result, ScrubOptions,
    SledStore, Store, StoreError,
};
use netabase_tests::{Customer, Order, ShopDefinition, customer, order, refusal};

use super::damage::{age_entry, key, write};

type Shop<B> = Store<ShopDefinition, B>;

macro_rules! on_every_engine {
    ($($behaviour:ident),* $(,)?) => {
        $(
            #[test]
            fn $behaviour() -> Result<()> {
                of::$behaviour(&RedbStore::temp()?)?;
                of::$behaviour(&SledStore::temp()?)?;
                of::$behaviour(&MemoryStore::new())
            }
        )*
    };
}

on_every_engine! {
    a_scrub_reads_every_record_and_every_entry_in_bounded_steps,
    a_scrub_finds_each_kind_of_damage,
    a_scrub_takes_no_writer_for_damage,
    a_scrub_goes_on_where_another_was,
    a_scrub_refuses_a_place_that_the_store_does_not_have,
}

/// The model, the index and the key of each index entry that is wrong, and how.
type Wrong = Vec<(String, String, Difference)>;

/// Scrubs a store; fails if a step reads more rows than it may.
fn scrub<B: Backend>(store: &Shop<B>, rows: usize) -> Result<(Wrong, Vec<NetabaseError>)> {
    let (mut wrong, mut others) = (Vec::new(), Vec::new());
    let most = u64::try_from(rows).unwrap_or(u64::MAX);
    for step in store.scrub(&ScrubOptions::new().rows_per_step(rows))? {
        let step = step?;
        assert!(step.records + step.entries <= most, "{step:?}");
        for finding in step.findings {
            match finding {
                NetabaseError::StoreError(StoreError::IndexDiffers {
                    table,
                    key,
                    difference,
                    ..
                }) => wrong.push((table, key, difference)),
                other => others.push(other),
            }
        }
    }
    Ok((wrong, others))
}

mod of {
    use super::{
        Backend, Cursor, Customer, Difference, Order, Result, ScrubOptions, Shop, StoreError,
        age_entry, customer, key, order, refusal, scrub, write,
    };

    pub(super) fn a_scrub_reads_every_record_and_every_entry_in_bounded_steps<B: Backend>(
        store: &Shop<B>,
    ) -> Result<()> {
        store
            .open_tree::<Customer>()
            .put_many((0..25).map(customer))?;
        store
            .open_tree::<Order>()
            .put_many((0..10).map(|number| order(3, number)))?;
        let verified = store.verify()?;
        for rows in [1, 5, 7, 25, 1000] {
            let mut scrub = store.scrub(&ScrubOptions::new().rows_per_step(rows))?;
            for step in &mut scrub {
                assert!(step?.findings.is_empty());
            }
            assert_eq!(scrub.report(), &verified, "{rows} rows a step");
            assert_eq!(scrub.position(), None);
            assert!(scrub.next().is_none());
        }
        Ok(())
    }

    pub(super) fn a_scrub_finds_each_kind_of_damage<B: Backend>(store: &Shop<B>) -> Result<()> {
        store
            .open_tree::<Customer>()
            .put_many((0..9).map(customer))?;
        write(store, "Customer/age", &age_entry(19, 1), None)?;
        write(store, "Customer/age", &age_entry(20, 2), Some(&[0; 4]))?;
        write(store, "Customer", &key(4), None)?;
        write(store, "Customer", &key(5), Some(&[0; 40]))?;
        for rows in [1, 4, 1000] {
            let (wrong, others) = scrub(store, rows)?;
            let has = |table: &str, key: &str, difference| {
                let wanted = (table.to_owned(), key.to_owned(), difference);
                assert!(wrong.contains(&wanted), "{wanted:?} of {wrong:?}");
            };
            has("Customer/age", "1", Difference::Missing);
            has("Customer/age", "2", Difference::Changed);
            has("Customer/age", "4", Difference::Dangling);
            has("Customer/email", "4", Difference::Dangling);
            has("Customer/credit", "4", Difference::Dangling);
            assert_eq!(wrong.len(), 5, "{wrong:?}");
            // The record that was changed, and the entry that was.
            assert_eq!(others.len(), 2, "{others:?}");
            assert!(others.iter().all(|error| error.is_corrupt()));
        }
        Ok(())
    }

    pub(super) fn a_scrub_takes_no_writer_for_damage<B: Backend>(store: &Shop<B>) -> Result<()> {
        let customers = store.open_tree::<Customer>();
        customers.put_many((0..40).map(customer))?;
        let mut scrub = store.scrub(&ScrubOptions::new().rows_per_step(3))?;
        let mut number = 0;
        for step in scrub.by_ref() {
            assert!(step?.findings.is_empty());
            number += 1;
            // Moves entries to and fro across the place where the scrub is.
            customers.update(number % 40, |it| it.age = 100 - it.age)?;
            customers.remove((number * 7) % 40)?;
            customers.put(customer((number * 3) % 40))?;
        }
        assert!(scrub.report().is_sound() && scrub.report().records > 0);
        Ok(())
    }

    pub(super) fn a_scrub_goes_on_where_another_was<B: Backend>(store: &Shop<B>) -> Result<()> {
        store
            .open_tree::<Customer>()
            .put_many((0..20).map(customer))?;
        let verified = store.verify()?;
        let (mut records, mut entries) = (0, 0);
        let mut options = ScrubOptions::new().rows_per_step(3);
        loop {
            let mut scrub = store.scrub(&options)?;
            let Some(step) = scrub.next() else { break };
            let step = step?;
            (records, entries) = (records + step.records, entries + step.entries);
            let Some(position) = scrub.position() else {
                break;
            };
            // As text, as a program would keep it.
            let kept: Cursor = position.to_string().parse()?;
            options = ScrubOptions::new().rows_per_step(3).resume(kept);
        }
        assert_eq!((records, entries), (verified.records, verified.entries));
        Ok(())
    }

    pub(super) fn a_scrub_refuses_a_place_that_the_store_does_not_have<B: Backend>(
        store: &Shop<B>,
    ) -> Result<()> {
        for bytes in [&b""[..], b"none", &[1, 0, 9, 9, 9, 9, 7]] {
            let options = ScrubOptions::new().resume(Cursor::from_bytes(bytes));
            let refused = refusal(store.scrub(&options).map(drop));
            assert!(matches!(refused, StoreError::Cursor { .. }), "{refused}");
        }
        Ok(())
    }
}
