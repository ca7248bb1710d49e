//! Random use of all engines side by side, against maps.
//!
//! A history draws its keys from few or many, short or long, up to the greatest, and does most of its
//! work in transactions of one to some thousand steps, of which one in four is taken back. Each step is
//! done on redb (on a simulated disk), on sled (in files) and in memory, and each answer is compared
//! with that of the maps, bit for bit. From time to time, and at the end, all records, all entries of all
//! indexes and all open snapshots are.
//!
//! Covered are, over four models in the same transaction, with keys that are numbers, pairs, texts and
//! byte strings, and indexes that are plain, unique, sparse, `each`, composite, computed and of floats:
//!
//! - `put`, `insert`, `update`, `remove`, `put_many`, `remove_many` and `clear`, with what refuses them:
//!   a key that exists, a unique value that is taken, a key that is changed or too long;
//! - `get`, `contains`, `len`, `is_empty`, `get_by_secondary_key`, `first`; queries over all, one value,
//!   a range of every kind of bounds, a prefix and leading parts, of keys and of each index, in both
//!   directions and from both ends, as pairs, keys, values, counts and pages with stored cursors;
//! - transactions, single writes, commits of each durability, rollback, batches that are refused in the
//!   middle, and writes that would wait for their own thread;
//! - snapshots and queries that stay open while others write, flushes, reopening, `verify`;
//! - copies to other engines, compaction, indexes that are built anew, and records that are written out
//!   and in again without their types.

mod copies;
mod history;
mod operations;
mod reference;
mod space;
mod subject;
mod subjects;
mod table;
mod world;

use std::{cell::Cell, collections::VecDeque, sync::Arc};

use netabase_store::{
    Durability, MemoryStore, Result as StoreResult, Store, StoreOptions,
    backends::{
        EngineOptions, OpenBackend, memory::MemoryBackend, redb::RedbBackend, sled::SledBackend,
    },
};
use netabase_tests::{Customer, Random};

use self::{
    history::{SNAPSHOTS_MAX, Step, history},
    operations::Operation,
    reference::Reference,
    subject::Subject,
    world::World,
};
use crate::{
    disk::Disk,
    folder::fast_folder,
    harness::Harness,
    outcome::{Tally, Violation, check_shrunk, guarded},
    plant::Plant,
    planted::Planted,
};

/// Runs the history of that seed on every engine; a bug is planted in redb alone.
///
/// # Errors
/// Fails with the answer that differs from the maps'.
pub fn run(seed: u64, plant: Option<Plant>) -> Result<Tally, Violation> {
    let steps = history(&mut Random::new(seed));
    let reached = Cell::new(0);
    let check = |steps: &[Step]| {
        let checked = check(steps, plant, &reached);
        checked.map_err(|error| format!("an engine failed: {error:?}"))
    };
    let what = match guarded(|| check(&steps)) {
        Ok(tally) => return Ok(tally),
        Err(what) => what,
    };
    // What came behind the failure need not be tried.
    let begun = steps.get(..=reached.get()).unwrap_or(&steps);
    match check_shrunk(Harness::Model, (seed, plant), begun, check) {
        Err(violation) => Err(violation),
        Ok(_) => Err(Violation {
            harness: Harness::Model,
            seed,
            what: format!("only once, at step {}: {what}", begun.len()),
            steps: Vec::new(),
        }),
    }
}

/// Does all steps; `reached` is the one that it comes to.
fn check(steps: &[Step], plant: Option<Plant>, reached: &Cell<usize>) -> StoreResult<Tally> {
    let mut engines = Engines::new(plant)?;
    for (at, step) in steps.iter().enumerate() {
        reached.set(at);
        engines.step(step)?;
    }
    engines.step(&Step::Abort)?;
    engines.step(&Step::Compare)?;
    Ok(engines.tally)
}

/// All engines, and what they should hold.
struct Engines {
    memory: World<MemoryBackend>,
    redb: World<Planted<RedbBackend>>,
    sled: World<SledBackend>,
    reference: Reference,
    /// What each open snapshot should hold.
    snapshots: Vec<Reference>,
    /// What the open walk should yield.
    walk: VecDeque<Arc<Customer>>,
    is_in_transaction: bool,
    tally: Tally,
}

/// Does the same on each engine.
macro_rules! on_each {
    ($engines:ident, $world:ident => $work:expr) => {{
        let $world = &mut $engines.memory;
        $work;
        let $world = &mut $engines.redb;
        $work;
        let $world = &mut $engines.sled;
        $work;
    }};
}

impl Engines {
    fn new(plant: Option<Plant>) -> StoreResult<Self> {
        Ok(Self {
            memory: World::new(Box::new(|| Ok(MemoryStore::new())), false)?,
            redb: on_redb(plant)?,
            sled: on_sled()?,
            reference: Reference::default(),
            snapshots: Vec::new(),
            walk: VecDeque::new(),
            is_in_transaction: false,
            tally: Tally::default(),
        })
    }

    fn step(&mut self, step: &Step) -> StoreResult<()> {
        match step {
            Step::Customer(operation) => self.operate(operation)?,
            Step::Order(operation) => self.operate(operation)?,
            Step::Setting(operation) => self.operate(operation)?,
            Step::Picture(operation) => self.operate(operation)?,
            Step::Begin(_) | Step::Commit | Step::Abort | Step::Barge => self.transact(step)?,
            Step::Snapshot if self.snapshots.len() < SNAPSHOTS_MAX => {
                on_each!(self, world => world.snapshot()?);
                let mut committed = self.reference.clone();
                committed.undo();
                self.snapshots.push(committed);
            }
            Step::Snapshot | Step::ForgetSnapshots => self.forget_snapshots(),
            Step::Look(at, question) => {
                if let Some(snapshot) = self.snapshots.get(*at) {
                    let expected = snapshot.customers.read(question);
                    on_each!(self, world => world.look(*at, question, &expected)?);
                    self.tally.cases += 1;
                }
            }
            Step::OpenWalk(span) => {
                self.walk = self.reference.customers.walk(span).collect();
                on_each!(self, world => world.open_walk(span));
            }
            Step::GoOn(turns) => self.go_on(turns)?,
            Step::Flush => on_each!(self, world => world.flush()?),
            Step::Reopen if !self.is_in_transaction => {
                self.forget_snapshots();
                self.walk.clear();
                on_each!(self, world => world.reopen()?);
                self.tally.count("reopened", 1);
            }
            Step::Compare => {
                let (reference, snapshots) = (&self.reference, &self.snapshots);
                on_each!(self, world => world.compare(reference, snapshots)?);
                self.tally.count("compared", 1);
            }
            Step::Copy if !self.is_in_transaction => {
                copies::check_copies(self.memory.store(), &self.reference)?;
                self.tally.count("copied", 1);
            }
            Step::Reopen | Step::Copy => {}
        }
        Ok(())
    }

    fn operate<M: Subject>(&mut self, operation: &Operation<M>) -> StoreResult<()> {
        let expected = match operation {
            Operation::Write(write) => M::table_mut(&mut self.reference).write(write),
            Operation::Read(read) => M::table(&self.reference).read(read),
        };
        if !self.is_in_transaction {
            M::table_mut(&mut self.reference).keep();
        }
        on_each!(self, world => world.operate(operation, &expected)?);
        self.tally.cases += 1;
        Ok(())
    }

    fn transact(&mut self, step: &Step) -> StoreResult<()> {
        match step {
            Step::Begin(durability) if !self.is_in_transaction => {
                on_each!(self, world => world.begin(*durability)?);
                self.is_in_transaction = true;
            }
            Step::Commit if self.is_in_transaction => {
                on_each!(self, world => world.commit()?);
                self.reference.keep();
                self.is_in_transaction = false;
                self.tally.count("commits", 1);
            }
            Step::Abort if self.is_in_transaction => {
                on_each!(self, world => world.abort());
                self.reference.undo();
                self.is_in_transaction = false;
            }
            Step::Barge if self.is_in_transaction => on_each!(self, world => world.barge()),
            _ => {}
        }
        Ok(())
    }

    fn forget_snapshots(&mut self) {
        self.snapshots.clear();
        on_each!(self, world => world.forget_snapshots());
    }

    fn go_on(&mut self, turns: &[bool]) -> StoreResult<()> {
        on_each!(self, world => world.go_on(turns, &self.walk)?);
        for is_back in turns {
            drop(if *is_back {
                self.walk.pop_back()
            } else {
                self.walk.pop_front()
            });
        }
        Ok(())
    }
}

fn on_redb(plant: Option<Plant>) -> StoreResult<World<Planted<RedbBackend>>> {
    let disk = Disk::default().planted(plant);
    let reopen = move || {
        let engine = Planted::new(disk.engine(false)?, plant);
        Store::with_backend(engine, &options())
    };
    World::new(Box::new(reopen), true)
}

fn on_sled() -> StoreResult<World<SledBackend>> {
    let folder = fast_folder().expect("a temporary folder");
    let mut engine = EngineOptions::default();
    engine.cache_bytes = 64 << 20;
    let reopen = move || {
        let path = folder.path().join("store");
        Store::with_backend(SledBackend::open(&path, &engine)?, &options())
    };
    World::new(Box::new(reopen), true)
}

fn options() -> StoreOptions {
    StoreOptions::new().durability(Durability::None)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLANT: Option<Plant> = Some(Plant::RemovalForgotten);

    #[test]
    fn a_history_that_fails_is_cut_behind_the_step_that_shows_it() {
        let violation = (0..40).find_map(|seed| run(seed, PLANT).err());
        let violation = violation.expect("a record that stays is seen");
        let all = history(&mut Random::new(violation.seed)).len();
        assert!(violation.steps.len() < all, "{all}");
        let steps = violation.steps.join("\n");
        assert!(
            steps.contains("Remove") || steps.contains("Clear"),
            "{steps}"
        );
    }

    #[test]
    fn a_history_that_fails_is_made_as_short_as_what_shows_the_bug() {
        let check = |steps: &[Step]| {
            let checked = check(steps, PLANT, &Cell::new(0));
            checked.map_err(|error| format!("{error:?}"))
        };
        let shrunk = (0..40).find_map(|seed| {
            let steps = history(&mut Random::new(seed));
            check_shrunk(Harness::Model, (seed, None), &steps, check).err()
        });
        let steps = shrunk.expect("a record that stays is seen").steps;
        // A record, its removal, and at most a transaction around each.
        assert!(steps.len() <= 6, "{steps:#?}");
    }
}
