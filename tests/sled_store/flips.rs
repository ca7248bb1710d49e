//! Single bits flip in the closed folder of a sled store.
//!
//! sled checks the messages of its log as it reads them, and may take a damaged one for the end of
//! the log: then what was written after it is gone, silently. So what holds on sled is less than on
//! redb: a record is never taken for another, and no panic escapes.

use std::{fs, path::Path};

use netabase_store::{Result, SledStore, StoreOptions};
use netabase_tests::{
    Customer, CustomerAgeSecondaryKey, CustomerPrimaryKey, Random, ShopDefinition, cases, customer,
};

/// How many bits are flipped, unless the environment asks for more.
const FLIPS: u64 = if cfg!(debug_assertions) { 60 } else { 300 };

const RECORDS: u64 = 100;

/// Reads every record in every way; fails if one is not what was stored.
fn read(path: &Path, verify: bool) -> Result<()> {
    let options = StoreOptions::new().verify(verify).cache_bytes(1 << 20);
    let store = SledStore::<ShopDefinition>::open_with(path, &options)?;
    let customers = store.open_tree::<Customer>();
    let by_age = customers.index::<CustomerAgeSecondaryKey>().iter();
    for found in customers.iter().chain(by_age) {
        let (CustomerPrimaryKey(id), found) = found?;
        assert!(id < RECORDS && found == customer(id), "{id} is {found:?}");
    }
    for id in 0..RECORDS {
        let found = customers.get(id)?;
        assert!(found.is_none_or(|found| found == customer(id)));
    }
    Ok(())
}

#[test]
fn a_flipped_bit_in_sleds_log_never_makes_another_record() -> Result<()> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store");
    let store = SledStore::<ShopDefinition>::new(&path)?;
    store
        .open_tree::<Customer>()
        .put_many((0..RECORDS).map(customer))?;
    drop(store);
    let right = |name: &str| fs::read(path.join(name)).expect("a file of sled");
    let (conf, log) = (right("conf"), right("db"));
    let used = log.iter().rposition(|byte| *byte != 0).unwrap_or(0);
    for number in 0..cases(FLIPS) {
        let copy = folder.path().join("copy");
        fs::create_dir_all(copy.join("blobs")).expect("a new folder");
        let mut random = Random::new(number);
        let mut log = log.clone();
        let at = random.index(used);
        if let Some(byte) = log.get_mut(at) {
            *byte ^= 1 << random.below(8);
        }
        fs::write(copy.join("conf"), &conf)
            .and_then(|()| fs::write(copy.join("db"), &log))
            .expect("room for a copy");
        // An error is as good as an answer.
        drop(read(&copy, number % 2 == 0));
        fs::remove_dir_all(&copy).expect("the copy is closed");
    }
    Ok(())
}
