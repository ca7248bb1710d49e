//! Random use of record stores on every engine, beside the rules, and of the rules beside libp2p's own
//! store, which has the same where ours is told to do as it does.

use std::{path::PathBuf, sync::Arc};

use libp2p_kad::store::{MemoryStore as OfLibp2p, MemoryStoreConfig, RecordStore as _};
use netabase_store::{
    Backend, MemoryStore, Result as StoreResult, Store, StoreOptions,
    backends::{EngineOptions, OpenBackend, sled::SledBackend},
    records::Clock as _,
};
use netabase_tests::Random;
use record_store_tests::{OK, key, local, said};

use super::{
    life::{KEYS, Step, live, step},
    power::open,
    rules::{Change, Rules, in_order},
    subject::Subject,
    world::{Time, World},
};
use crate::{
    disk::Disk,
    harness::Harness,
    outcome::{Tally, Violation, check_shrunk},
    plant::Plant,
};

/// How many steps a history has.
pub const STEPS: usize = if cfg!(debug_assertions) { 120 } else { 400 };

/// Runs the history of that seed on every engine; a bug is planted over redb alone.
///
/// # Errors
/// Fails with the answer that differs from that of the rules.
pub fn run(seed: u64, plant: Option<Plant>) -> Result<Tally, Violation> {
    let mut random = Random::new(seed);
    let world = World::random(&mut random);
    let steps: Vec<_> = (0..STEPS).map(|_| step(&mut random, world)).collect();
    check_shrunk(Harness::RecordsModel, (seed, plant), &steps, |steps| {
        let checked = check(steps, world, plant);
        checked.map_err(|what| format!("{world:?}: {what}"))
    })
}

fn check(steps: &[Step], world: World, plant: Option<Plant>) -> Result<Tally, String> {
    on_redb(steps, world, plant).map_err(|what| format!("on redb: {what}"))?;
    if plant.is_none() {
        in_memory(steps, world).map_err(|what| format!("in memory: {what}"))?;
        on_sled(steps, world).map_err(|what| format!("on sled: {what}"))?;
        if world.is_strict {
            of_libp2p(steps, world).map_err(|what| format!("libp2p's own: {what}"))?;
        }
    }
    let mut tally = Tally {
        cases: u64::try_from(steps.len()).unwrap_or(1),
        ..Tally::default()
    };
    tally.count(
        "also on libp2p's own",
        u64::from(world.is_strict) * tally.cases,
    );
    Ok(tally)
}

fn agrees<B: Backend>(
    steps: &[Step],
    (world, time): (World, &Arc<Time>),
    open: impl Fn() -> StoreResult<Subject<B>>,
) -> Result<(), String> {
    let life = live(steps, (world, time), open, |_| (), |_, _| ());
    match (life.wrong, life.end, life.lost_by_closing) {
        (Some(what), ..) => Err(what),
        (None, Some(end), _) => Err(format!("it failed: {end:?}")),
        (None, None, 0) => Ok(()),
        (None, None, lost) => Err(format!("closing lost {lost} changes")),
    }
}

fn on_redb(steps: &[Step], world: World, plant: Option<Plant>) -> Result<(), String> {
    let (disk, time) = (Disk::default().planted(plant), Time::new());
    agrees(steps, (world, &time), || open(&disk, (world, &time), plant))
}

/// A store in memory stays while its record store is closed.
fn in_memory(steps: &[Step], world: World) -> Result<(), String> {
    let (store, time) = (MemoryStore::new(), Time::new());
    agrees(steps, (world, &time), || {
        Subject::open(&store, world, &time, None)
    })
}

fn on_sled(steps: &[Step], world: World) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| format!("a folder: {error}"))?;
    let path: PathBuf = folder.path().join("store");
    let mut engine = EngineOptions::default();
    engine.cache_bytes = 1 << 20;
    let time = Time::new();
    agrees(steps, (world, &time), || {
        let engine = SledBackend::open(&path, &engine)?;
        let store = Store::with_backend(engine, &StoreOptions::new())?;
        Subject::open(&store, world, &time, None)
    })
}

/// Compares the rules with libp2p's own store, which nothing outlives.
fn of_libp2p(steps: &[Step], world: World) -> Result<(), String> {
    let limits = MemoryStoreConfig {
        max_records: world.max_records,
        max_value_bytes: world.max_value_bytes,
        max_providers_per_key: world.max_providers_per_key,
        max_provided_keys: world.max_provided_keys,
    };
    let mut theirs = OfLibp2p::with_config(local(), limits);
    let (mut rules, time) = (Rules::new(world), Time::new());
    for (step, stamp) in steps.iter().zip(1..) {
        let now = time.now();
        let Some(change) = step.change(stamp, now) else {
            continue;
        };
        let right = match &change {
            Change::Put(_, record) => said(theirs.put(record.clone())),
            Change::Remove(key) => {
                theirs.remove(key);
                OK
            }
            Change::Provide(record) => said(theirs.add_provider(record.clone())),
            Change::Withdraw(key, peer) => {
                theirs.remove_provider(key, peer);
                OK
            }
        };
        let answer = rules.apply(&change, now);
        if answer != right {
            return Err(format!(
                "{change:?} is answered by {right:?}, and not by {answer:?}"
            ));
        }
        let contents = rules.contents(now);
        for key in (0..KEYS).map(key) {
            let record = theirs.get(&key);
            let providers = in_order(&theirs.providers(&key));
            let nobody = Vec::new();
            let right = contents.providers.get(key.as_ref()).unwrap_or(&nobody);
            if record.as_deref() != contents.records.get(key.as_ref()) || providers != *right {
                return Err(format!(
                    "after {change:?} it has {record:?} and {providers:?}"
                ));
            }
        }
    }
    Ok(())
}
