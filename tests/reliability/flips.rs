//! Single bits flip in a closed file of records.
//!
//! redb checks a page only when asked to, so a flip in its own pages may hide records unless the
//! store is opened with `verify`. A record is never taken for another, whatever the flip.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
};

use netabase_store::{
    EncodingDecodingError, NetabaseError, RedbStore, Result, StoreError, StoreOptions,
};
use netabase_tests::{
    Customer, CustomerAgeSecondaryKey, CustomerEmailSecondaryKey, CustomerPrimaryKey, Random,
    ShopDefinition, cases, customer,
};

use super::disk::Disk;

/// How many bits are flipped, unless the environment asks for more.
const FLIPS: u64 = if cfg!(debug_assertions) {
    1_000
} else {
    10_000
};

const RECORDS: u64 = 100;

/// A closed file, and the offsets in it where something stands.
struct Closed {
    bytes: Vec<u8>,
    used: Vec<usize>,
}

fn closed() -> Result<Closed> {
    let disk = Disk::default();
    let store = disk.open(&StoreOptions::new())?;
    let customers = store.open_tree::<Customer>();
    // In two commits, with free pages between.
    customers.put_many((0..RECORDS * 2).map(customer))?;
    customers.remove_many(RECORDS..RECORDS * 2)?;
    drop((customers, store));
    let bytes = disk.bytes();
    let pages = bytes.chunks(4096).enumerate();
    let used = pages.filter(|(_, page)| page.iter().any(|byte| *byte != 0));
    let used = used
        .flat_map(|(page, bytes)| page * 4096..page * 4096 + bytes.len())
        .collect();
    Ok(Closed { bytes, used })
}

impl Closed {
    /// Returns the file with one bit flipped, the same for the same number.
    fn flipped(&self, number: u64) -> Disk {
        let mut random = Random::new(number);
        let mut bytes = self.bytes.clone();
        bytes[self.used[random.index(self.used.len())]] ^= 1 << random.below(8);
        Disk::of(bytes)
    }
}

/// What was read: the records by their keys, how often through each way.
#[derive(Debug, Default, PartialEq)]
struct Read {
    rows: BTreeMap<u64, Customer>,
    by_age: u64,
    by_email: u64,
}

/// Reads everything in every way; fails if a record is not the one that was stored.
fn read(store: &RedbStore<ShopDefinition>) -> Result<Read> {
    let mut read = Read::default();
    let customers = store.open_tree::<Customer>();
    let check = |key: u64, found: &Customer| {
        assert!(
            key < RECORDS && *found == customer(key),
            "{key} is {found:?}"
        );
    };
    for found in customers.iter() {
        let (CustomerPrimaryKey(id), found) = found?;
        check(id, &found);
        read.rows.insert(id, found);
    }
    for found in customers.index::<CustomerAgeSecondaryKey>().iter() {
        let (CustomerPrimaryKey(id), found) = found?;
        check(id, &found);
        read.by_age += 1;
    }
    for id in 0..RECORDS {
        if let Some(found) = customers.get(id)? {
            check(id, &found);
        }
        let email = customer(id).email;
        if let Some(found) = customers
            .index::<CustomerEmailSecondaryKey>()
            .first(email)?
        {
            check(id, &found);
            read.by_email += 1;
        }
    }
    Ok(read)
}

/// Fails unless the error says that something is damaged, or that a damaged file is none of ours.
fn assert_tells_of_damage(number: u64, error: &NetabaseError) {
    let is_told = match error {
        NetabaseError::Encoding(error) => {
            !matches!(error, EncodingDecodingError::BincodeEncode { .. })
        }
        NetabaseError::StoreError(error) => !matches!(
            error,
            StoreError::Full { .. } | StoreError::Locked { .. } | StoreError::WouldDeadlock
        ),
        error => matches!(error, NetabaseError::Redb(_)),
    };
    assert!(is_told, "flip {number}: {error:?}");
}

#[test]
fn a_flipped_bit_is_a_right_answer_or_an_error_when_the_file_is_verified() -> Result<()> {
    let file = closed()?;
    let right = read(&Disk::of(file.bytes.clone()).open(&StoreOptions::new())?)?;
    assert_eq!((right.by_age, right.by_email), (RECORDS, RECORDS));
    for number in 0..cases(FLIPS) {
        let opened = file
            .flipped(number)
            .open_checked(&StoreOptions::new(), true);
        match opened.and_then(|store| read(&store)) {
            Ok(found) => assert!(found == right, "flip {number}: {} rows", found.rows.len()),
            Err(error) => assert_tells_of_damage(number, &error),
        }
    }
    Ok(())
}

/// Closes a store as a panic does: redb then writes nothing.
///
/// Otherwise it commits once more, which reads pages of its own that nobody else has. One flip in
/// some thousands has it panic there, and again while it unwinds, which ends the process. `verify`
/// finds such a page before.
fn close_without_commit(store: RedbStore<ShopDefinition>) {
    let closed = catch_unwind(AssertUnwindSafe(|| {
        let _store = store;
        resume_unwind(Box::new(()));
    }));
    assert!(closed.is_err());
}

#[test]
fn a_flipped_bit_never_makes_another_record() -> Result<()> {
    let file = closed()?;
    for number in 0..cases(FLIPS) {
        let opened = file.flipped(number).open(&StoreOptions::new());
        // `read` compares each record with the one that was stored; some may be missing.
        let found = opened.and_then(|store| {
            let found = read(&store);
            close_without_commit(store);
            found
        });
        if let Err(error) = found {
            assert_tells_of_damage(number, &error);
        }
    }
    Ok(())
}
