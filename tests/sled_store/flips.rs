//! Single bits flip in the closed folder of a sled store.
//!
//! sled checks each message of its log, and takes a damaged one for the end of the log: the commit
//! that it belongs to and all later ones are then gone, silently, and `verify` cannot tell. So what
//! holds on sled is less than on redb: what is there is an earlier commit, whole, and no panic escapes.

use std::{fs, path::Path};

use netabase_store::{Durability, Result, SledStore, StoreOptions, Verify};
use netabase_tests::{
    Customer, CustomerAgeSecondaryKey, CustomerPrimaryKey, Random, ShopDefinition, assert_sound,
    cases, customer,
};

/// How many bits are flipped, unless the environment asks for more.
const FLIPS: u64 = if cfg!(debug_assertions) { 60 } else { 300 };

const RECORDS: u64 = 100;

/// Returns how many records there are; fails unless they are the first so many, whole and in order.
fn read(path: &Path, verify: bool) -> Result<u64> {
    let verify = if verify { Verify::Always } else { Verify::None };
    let options = StoreOptions::new().verify(verify).cache_bytes(1 << 20);
    let store = SledStore::<ShopDefinition>::open_with(path, &options)?;
    let customers = store.open_tree::<Customer>();
    let mut records = 0;
    for found in customers.iter() {
        assert_eq!(found?, (CustomerPrimaryKey(records), customer(records)));
        records += 1;
    }
    assert!(records <= RECORDS);
    for found in customers.index::<CustomerAgeSecondaryKey>().iter() {
        let (CustomerPrimaryKey(id), found) = found?;
        assert!(id < records && found == customer(id), "{id} is {found:?}");
    }
    assert_sound(&store);
    Ok(records)
}

/// The files of a closed store.
struct Closed {
    conf: Vec<u8>,
    log: Vec<u8>,
}

impl Closed {
    fn new(path: &Path) -> Result<Self> {
        let options = StoreOptions::new().durability(Durability::None);
        let store = SledStore::<ShopDefinition>::new_with(path, &options)?;
        // A commit each: what a damaged one takes along is those after it.
        for id in 0..RECORDS {
            store.open_tree::<Customer>().put(customer(id))?;
        }
        drop(store);
        let file = |name: &str| fs::read(path.join(name)).expect("a file of sled");
        Ok(Self {
            conf: file("conf"),
            log: file("db"),
        })
    }

    /// Writes a copy with one byte of the log changed by `flip`, and reads it.
    fn read_flipped(&self, copy: &Path, at: usize, flip: u8, verify: bool) -> Result<u64> {
        let mut log = self.log.clone();
        if let Some(byte) = log.get_mut(at) {
            *byte ^= flip;
        }
        fs::create_dir_all(copy.join("blobs")).expect("a new folder");
        fs::write(copy.join("conf"), &self.conf).expect("room for a copy");
        fs::write(copy.join("db"), &log).expect("room for a copy");
        let records = read(copy, verify);
        fs::remove_dir_all(copy).expect("the copy is closed");
        records
    }
}

#[test]
fn a_flipped_bit_in_sleds_log_leaves_an_earlier_commit_or_an_error() -> Result<()> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let closed = Closed::new(&folder.path().join("store"))?;
    let copy = folder.path().join("copy");
    assert_eq!(closed.read_flipped(&copy, 0, 0, true)?, RECORDS);
    for number in 0..cases(FLIPS) {
        let mut random = Random::new(number);
        let (at, flip) = (random.index(closed.log.len()), 1 << random.below(8));
        // An error is as good as an answer.
        closed
            .read_flipped(&copy, at, flip, random.one_in(2))
            .map_or_else(drop, drop);
    }
    Ok(())
}
