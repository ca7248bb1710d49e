//! An engine fails once: the handle refuses to write from then on, and still reads.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use netabase_store::{
    Backend, Durability, Result, Store, StoreError, StoreOptions,
    backends::{Engine, TableSet, WriteSet, memory::MemoryBackend},
};
use netabase_tests::{Customer, ShopDefinition, assert_sound, customer, refusal};

/// Memory whose next commit or sync fails when it is told to.
#[derive(Debug, Default)]
struct Failing {
    memory: MemoryBackend,
    commit_fails: AtomicBool,
    sync_fails: AtomicBool,
}

impl Failing {
    fn meet(flag: &AtomicBool, action: &'static str) -> Result<()> {
        if flag.swap(false, Ordering::Relaxed) {
            return Err(StoreError::Unsupported {
                engine: Engine::Memory,
                action,
            }
            .into());
        }
        Ok(())
    }
}

impl Backend for Failing {
    type Snapshot = <MemoryBackend as Backend>::Snapshot;

    const ENGINE: Engine = Engine::Memory;

    fn snapshot(&self, tables: &Arc<TableSet>) -> Result<Self::Snapshot> {
        self.memory.snapshot(tables)
    }

    fn apply(&self, tables: &TableSet, edits: WriteSet, sync: bool) -> Result<()> {
        Self::meet(&self.commit_fails, "commit")?;
        self.memory.apply(tables, edits, sync)
    }

    fn sync(&self) -> Result<()> {
        Self::meet(&self.sync_fails, "sync")
    }

    fn table_names(&self) -> Result<Vec<String>> {
        self.memory.table_names()
    }

    fn was_unclean(&self) -> bool {
        self.memory.was_unclean()
    }

    fn doubt(&self) {
        self.memory.doubt();
    }
}

type Shop = Store<ShopDefinition, Failing>;

/// Returns a store with one record.
fn shop(durability: Durability) -> Result<Shop> {
    let store = Shop::with_backend(
        Failing::default(),
        &StoreOptions::new().durability(durability),
    )?;
    store.open_tree::<Customer>().put(customer(1))?;
    Ok(store)
}

fn assert_closed_for_writing(store: &Shop) -> Result<()> {
    let customers = store.open_tree::<Customer>();
    let refused = [
        customers.put(customer(3)),
        customers.clear(),
        store.begin_write().map(drop),
    ];
    assert!(
        refused
            .into_iter()
            .all(|refused| refused.is_err_and(|error| error.is_poisoned()))
    );
    assert_eq!(customers.get(1)?, Some(customer(1)));
    assert_sound(store);
    Ok(())
}

#[test]
fn a_failed_commit_is_told_and_closes_the_handle_for_writing() -> Result<()> {
    let store = shop(Durability::Immediate)?;
    store.db().commit_fails.store(true, Ordering::Relaxed);
    let refused = refusal(store.open_tree::<Customer>().put(customer(2)));
    assert!(
        matches!(
            refused,
            StoreError::Unsupported {
                action: "commit",
                ..
            }
        ),
        "{refused}"
    );
    assert_eq!(store.open_tree::<Customer>().get(2)?, None);
    assert_closed_for_writing(&store)
}

#[test]
fn a_failed_flush_is_told_and_closes_the_handle_for_writing() -> Result<()> {
    let store = shop(Durability::None)?;
    store.db().sync_fails.store(true, Ordering::Relaxed);
    let refused = refusal(store.flush());
    assert!(
        matches!(refused, StoreError::Unsupported { action: "sync", .. }),
        "{refused}"
    );
    // A later flush does not claim what the first could not do.
    assert!(store.flush().is_err_and(|error| error.is_poisoned()));
    assert_closed_for_writing(&store)
}

#[test]
fn a_failed_background_sync_closes_the_handle_for_writing() -> Result<()> {
    let store = shop(Durability::Eventual)?;
    store.db().sync_fails.store(true, Ordering::Relaxed);
    // The next sync meets the fault, be it the background's or that of the flush.
    while store.db().sync_fails.load(Ordering::Relaxed) {
        store
            .open_tree::<Customer>()
            .update(1, |_| ())
            .map_or_else(drop, drop);
        std::thread::yield_now();
    }
    assert!(store.flush().is_err());
    assert_closed_for_writing(&store)
}
