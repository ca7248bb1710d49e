//! Random use of all engines side by side, against a map.

mod agree;
mod steps;

use std::path::PathBuf;

use netabase_store::{
    Backend, Durability, MemoryStore, ReadTransaction, Result as StoreResult, Store, StoreOptions,
    WriteTransaction,
    backends::{EngineOptions, OpenBackend, redb::RedbBackend, sled::SledBackend},
};
use netabase_tests::{Customer, Random, ShopDefinition, assert_sound};

use self::{
    agree::{ask, assert_agrees},
    steps::{Model, Outcome, Step, Write, step, write_model, write_tree},
};
use crate::{
    disk::Disk,
    harness::Harness,
    outcome::{Tally, Violation, check_shrunk},
    plant::Plant,
    planted::Planted,
};

/// How many steps a history has.
pub const STEPS: usize = if cfg!(debug_assertions) { 150 } else { 400 };

/// How many snapshots are open at once at most.
const SNAPSHOTS_MAX: usize = 3;

type Shop<B> = Store<ShopDefinition, B>;

/// Runs the history of that seed on every engine; a bug is planted in redb alone.
///
/// # Errors
/// Fails with the answer that differs from the map's, or from another engine's.
pub fn run(seed: u64, plant: Option<Plant>) -> Result<Tally, Violation> {
    let mut random = Random::new(seed);
    let steps: Vec<_> = (0..STEPS).map(|_| step(&mut random)).collect();
    check_shrunk(Harness::Model, (seed, plant), &steps, |steps| {
        check(steps, plant).map_err(|error| format!("an engine failed: {error:?}"))
    })
}

fn check(steps: &[Step], plant: Option<Plant>) -> StoreResult<Tally> {
    let mut memory = World::new(Box::new(|| Ok(MemoryStore::new())), false)?;
    let mut redb = World::on_redb(plant)?;
    let mut sled = World::on_sled()?;
    let mut tally = Tally::default();
    for step in steps {
        let outcomes = memory.step(step)?;
        assert_eq!(redb.step(step)?, outcomes, "redb and memory over {step:?}");
        assert_eq!(sled.step(step)?, outcomes, "sled and memory over {step:?}");
        tally.cases += match step {
            Step::Transaction { writes, .. } => u64::try_from(writes.len() + 1).unwrap_or(1),
            _ => 1,
        };
    }
    memory.check()?;
    redb.check()?;
    sled.check()?;
    Ok(tally)
}

/// A store under test, and what it should hold.
struct World<B: Backend> {
    // Before the store: they hold it open.
    snapshots: Vec<(ReadTransaction<ShopDefinition, B>, Model)>,
    store: Option<Shop<B>>,
    reopen: Box<dyn Fn() -> StoreResult<Shop<B>>>,
    /// Whether a store that is closed can be opened again.
    persists: bool,
    model: Model,
}

fn options() -> StoreOptions {
    StoreOptions::new().durability(Durability::None)
}

impl World<Planted<RedbBackend>> {
    fn on_redb(plant: Option<Plant>) -> StoreResult<Self> {
        let disk = Disk::default().planted(plant);
        let reopen = move || {
            let engine = Planted::new(disk.engine(false)?, plant);
            Store::with_backend(engine, &options())
        };
        Self::new(Box::new(reopen), true)
    }
}

impl World<SledBackend> {
    fn on_sled() -> StoreResult<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut engine = EngineOptions::default();
        engine.cache_bytes = 1 << 20;
        let reopen = move || {
            let path: PathBuf = folder.path().join("store");
            Store::with_backend(SledBackend::open(&path, &engine)?, &options())
        };
        Self::new(Box::new(reopen), true)
    }
}

impl<B: Backend> World<B> {
    fn new(reopen: Box<dyn Fn() -> StoreResult<Shop<B>>>, persists: bool) -> StoreResult<Self> {
        Ok(Self {
            snapshots: Vec::new(),
            store: Some(reopen()?),
            reopen,
            persists,
            model: Model::new(),
        })
    }

    fn store(&self) -> &Shop<B> {
        let store = self.store.as_ref();
        store.expect("the store is open between steps")
    }

    fn step(&mut self, step: &Step) -> StoreResult<Vec<Outcome>> {
        let mut outcomes = Vec::new();
        match step {
            Step::Write(write) => {
                let outcome = write_tree(&self.store().open_tree(), write)?;
                assert_eq!(outcome, write_model(&mut self.model, write), "{write:?}");
                outcomes.push(outcome);
            }
            Step::Ask(question) => ask(
                &self.store().open_tree::<Customer>(),
                &self.model,
                *question,
            )?,
            Step::Transaction {
                writes,
                is_committed,
            } => {
                let txn = self.store().begin_write()?;
                let mut model = self.model.clone();
                outcomes = write_transaction(&txn, &mut model, writes)?;
                if *is_committed {
                    txn.commit()?;
                    self.model = model;
                }
            }
            Step::Snapshot if self.snapshots.len() < SNAPSHOTS_MAX => {
                let snapshot = (self.store().begin_read()?, self.model.clone());
                self.snapshots.push(snapshot);
            }
            Step::Snapshot | Step::ForgetSnapshots => self.snapshots.clear(),
            Step::Flush => self.store().flush()?,
            Step::Reopen if self.persists => {
                self.snapshots.clear();
                self.store = None;
                self.store = Some((self.reopen)()?);
            }
            Step::Reopen => {}
            Step::Compare => self.check()?,
        }
        Ok(outcomes)
    }

    fn check(&self) -> StoreResult<()> {
        assert_agrees(&self.store().open_tree::<Customer>(), &self.model)?;
        assert_sound(self.store());
        for (snapshot, model) in &self.snapshots {
            assert_agrees(&snapshot.open_tree::<Customer>(), model)?;
        }
        Ok(())
    }
}

fn write_transaction<B: Backend>(
    txn: &WriteTransaction<ShopDefinition, B>,
    model: &mut Model,
    writes: &[Write],
) -> StoreResult<Vec<Outcome>> {
    let tree = txn.open_tree::<Customer>();
    let mut outcomes = Vec::new();
    for write in writes {
        let before = (tree.iter(), model.len());
        let outcome = write_tree(&tree, write)?;
        assert_eq!(outcome, write_model(model, write), "{write:?}");
        outcomes.push(outcome);
        // The query keeps the state that it was made in.
        let found = before.0.collect::<StoreResult<Vec<_>>>()?;
        assert_eq!(found.len(), before.1);
    }
    if !writes.is_empty() {
        assert_agrees(&tree, model)?;
    }
    Ok(outcomes)
}
