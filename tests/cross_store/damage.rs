//! Rows that were changed behind the store's back: an error that names them, and a report.

use std::sync::Arc;

use netabase_store::{
    Backend, EncodingDecodingError, MemoryStore, NetabaseError, Query, RedbStore, Result,
    SledStore, Store, StoreError, ToIVec,
    backends::{TableEdits, TableId, TableSet, WriteSet},
};
use netabase_tests::{
    Customer, CustomerAgeSecondaryKey, CustomerEmailSecondaryKey, CustomerPrimaryKey,
    ShopDefinition, customer, refusal,
};

type Shop<B> = Store<ShopDefinition, B>;

macro_rules! on_every_engine {
    ($($behaviour:ident),* $(,)?) => {
        $(
            #[test]
            fn $behaviour() -> Result<()> {
                of::$behaviour(RedbStore::temp()?)?;
                of::$behaviour(SledStore::temp()?)?;
                of::$behaviour(MemoryStore::new())
            }
        )*
    };
}

on_every_engine! {
    a_changed_row_is_an_error_that_names_it,
    a_row_under_another_key_is_an_error,
    a_changed_index_entry_is_an_error,
    an_entry_without_its_record_is_an_error,
    a_record_without_its_entry_is_reported,
    a_query_tells_of_damage_and_then_ends,
}

/// Writes a row behind the store's back.
pub(super) fn write<B: Backend>(
    store: &Shop<B>,
    table: &str,
    key: &[u8],
    row: Option<&[u8]>,
) -> Result<()> {
    let edits = TableEdits::from([(key.to_vec().into(), row.map(Into::into))]);
    let set = WriteSet {
        tables: [(TableId(0), Arc::new(edits))].into(),
    };
    store
        .db()
        .apply(&TableSet::new(vec![table.to_owned()]), set, true)?;
    // A commit of the store's own, so that it looks at the engine again.
    store
        .open_tree::<netabase_tests::Setting>()
        .put(netabase_tests::setting(table))
}

pub(super) fn key(id: u64) -> [u8; 8] {
    id.to_be_bytes()
}

/// The key of the entry of a customer in the index over ages.
pub(super) fn age_entry(age: u32, id: u64) -> Vec<u8> {
    [&age.to_be_bytes()[..], &key(id)].concat()
}

mod of {
    use super::{
        Backend, Customer, CustomerAgeSecondaryKey, CustomerEmailSecondaryKey, CustomerPrimaryKey,
        EncodingDecodingError, NetabaseError, Query, Result, Shop, ShopDefinition, StoreError,
        ToIVec, age_entry, customer, key, refusal, write,
    };

    pub(super) fn a_changed_row_is_an_error_that_names_it<B: Backend>(
        store: Shop<B>,
    ) -> Result<()> {
        let customers = store.open_tree::<Customer>();
        let all_fields = |mut query: Query<ShopDefinition, Customer, B>| {
            while query.next_fields(|_| Ok(()))?.is_some() {}
            Ok(())
        };
        customers.put_many((0..3).map(customer))?;
        let whole = customer(1).to_ivec()?;
        let cut = whole.get(..whole.len() - 1).unwrap_or_default();
        let mut changed = whole.clone();
        changed
            .iter_mut()
            .skip(5)
            .take(1)
            .for_each(|byte| *byte ^= 4);
        for row in [&changed[..], cut, &[], &[0; 3], &[0xFF; 64]] {
            write(&store, "Customer", &key(1), Some(row))?;
            let errors = [
                customers.get(1).map(drop),
                customers.remove(1).map(drop),
                customers.update(1, |_| ()).map(drop),
                customers.put(Customer {
                    age: 2,
                    ..customer(1)
                }),
                customers.iter().try_for_each(|found| found.map(drop)),
                all_fields(customers.iter()),
                all_fields(customers.index::<CustomerAgeSecondaryKey>().get(19)),
                customers
                    .index::<CustomerAgeSecondaryKey>()
                    .first(19)
                    .map(drop),
            ];
            for error in errors {
                let error = error.expect_err("the row has changed");
                assert!(error.is_corrupt(), "{error}");
                assert!(error.to_string().contains("Customer"), "{error}");
            }
            let report = store.verify()?;
            assert!(
                !report.is_sound() && report.problem_count >= 1,
                "{report:?}"
            );
        }
        assert_eq!(customers.get(2)?, Some(customer(2)));
        write(&store, "Customer", &key(1), Some(&whole))?;
        assert!(store.verify()?.is_sound());
        Ok(())
    }

    pub(super) fn a_row_under_another_key_is_an_error<B: Backend>(store: Shop<B>) -> Result<()> {
        let customers = store.open_tree::<Customer>();
        customers.put_many((0..3).map(customer))?;
        write(&store, "Customer", &key(1), Some(&customer(2).to_ivec()?))?;
        let error = customers
            .get(1)
            .expect_err("the row is that of another key");
        let NetabaseError::Encoding(EncodingDecodingError::Checksum { table, .. }) = &error else {
            panic!("another error: {error}");
        };
        assert_eq!(table, "Customer");
        Ok(())
    }

    pub(super) fn a_changed_index_entry_is_an_error<B: Backend>(store: Shop<B>) -> Result<()> {
        let customers = store.open_tree::<Customer>();
        customers.put_many((0..3).map(customer))?;
        let entry = age_entry(19, 1);
        write(&store, "Customer/age", &entry, Some(&[0; 4]))?;
        let ages = customers.index::<CustomerAgeSecondaryKey>();
        let errors = [
            ages.first(19).map(drop),
            ages.get(19).keys().try_for_each(|key| key.map(drop)),
            customers
                .get_by_secondary_key(CustomerAgeSecondaryKey(19))
                .map(drop),
        ];
        for error in errors {
            assert!(error.is_err_and(|error| error.is_corrupt()));
        }
        assert!(!store.verify()?.is_sound());
        // What is right next to it is right.
        assert_eq!(ages.first(20)?, Some(customer(2)));
        Ok(())
    }

    pub(super) fn an_entry_without_its_record_is_an_error<B: Backend>(
        store: Shop<B>,
    ) -> Result<()> {
        let customers = store.open_tree::<Customer>();
        customers.put_many((0..3).map(customer))?;
        write(&store, "Customer", &key(1), None)?;
        let found = customers
            .index::<CustomerEmailSecondaryKey>()
            .first("c1@example.org");
        assert!(found.as_ref().is_err_and(|error| error.is_corrupt()));
        let StoreError::DanglingEntry { table, .. } = refusal(found) else {
            panic!("another error");
        };
        assert_eq!(table, "Customer/email");
        let report = store.verify()?;
        assert!(!report.is_sound(), "{report:?}");
        Ok(())
    }

    pub(super) fn a_record_without_its_entry_is_reported<B: Backend>(store: Shop<B>) -> Result<()> {
        store
            .open_tree::<Customer>()
            .put_many((0..3).map(customer))?;
        write(&store, "Customer/age", &age_entry(19, 1), None)?;
        let report = store.verify()?;
        assert_eq!(report.problems, ["Customer 1 is not in Customer/age"]);
        Ok(())
    }

    pub(super) fn a_query_tells_of_damage_and_then_ends<B: Backend>(store: Shop<B>) -> Result<()> {
        let customers = store.open_tree::<Customer>();
        customers.put_many((0..5).map(customer))?;
        write(&store, "Customer", &key(2), Some(&[0; 64]))?;
        let mut query = customers.iter();
        assert_eq!(
            query.next().transpose()?,
            Some((CustomerPrimaryKey(0), customer(0)))
        );
        assert_eq!(
            query.next().transpose()?,
            Some((CustomerPrimaryKey(1), customer(1)))
        );
        assert!(query.next().is_some_and(|found| found.is_err()));
        assert!(query.next().is_none() && query.next_back().is_none());
        assert!(
            customers
                .iter()
                .page(10, None)
                .is_err_and(|error| error.is_corrupt())
        );
        Ok(())
    }
}
