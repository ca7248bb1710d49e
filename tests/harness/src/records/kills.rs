//! A process that changes a record store is killed: what it was told is on disk is there.
//!
//! What a change is follows from its number, so that the parent knows what any of them leaves.

use std::{
    env, fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use netabase_store::{
    Result as StoreResult, Store, StoreOptions,
    backends::{Engine, EngineOptions, OpenBackend, redb::RedbBackend, sled::SledBackend},
    records::RecordDurability,
};
use netabase_tests::Random;

use super::{
    check,
    life::{KEYS, PEERS, Step},
    rules::{Contents, Rules},
    subject::Subject,
    world::{Time, World},
};
use crate::{
    harness::Harness,
    kills::{acknowledge, kill},
    outcome::{Tally, Violation, guarded},
    plant::Plant,
    planted::Planted,
};

/// Tells the child where to work; without it there is no child.
const FOLDER_VARIABLE: &str = "NETABASE_KILLED_RECORDS";

/// Tells the child which bug it has.
const PLANT_VARIABLE: &str = "NETABASE_KILLED_RECORDS_PLANT";

/// Tells the child its seed, from which its engine and what its writes promise follow.
const SEED_VARIABLE: &str = "NETABASE_KILLED_RECORDS_SEED";

/// Tells the child the number of its first change.
const FIRST_VARIABLE: &str = "NETABASE_KILLED_RECORDS_FIRST";

/// How many processes are killed over one store.
pub const KILLS: u64 = 8;

/// The longest life of a child, from its start on.
const LIFE_MAX: Duration = Duration::from_millis(60);

/// How many changes there are from flush to flush.
const FLUSH_EVERY: u64 = 8;

/// How many changes may be there beyond the last that was acknowledged: those until the next flush,
/// and those after it, where nobody heard of it any more.
const BEYOND_MAX: u64 = 2 * FLUSH_EVERY;

/// What stands in the folder of a store.
const STORE: &str = "store";

/// Works in the process that is to be killed; returns at once in any other.
///
/// # Errors
/// Fails when the store does.
pub fn child() -> StoreResult<()> {
    let Some(folder) = env::var_os(FOLDER_VARIABLE) else {
        return Ok(());
    };
    let plant = env::var(PLANT_VARIABLE).ok();
    let plant = plant.and_then(|name| Plant::named(&name));
    let number = |name: &str| env::var(name).ok().and_then(|text| text.parse().ok());
    let seed: u64 = number(SEED_VARIABLE).unwrap_or_default();
    let first = number(FIRST_VARIABLE).unwrap_or(1);
    let folder = Path::new(&folder);
    if is_on_redb(seed) {
        change_for_ever::<RedbBackend>(folder, (seed, first), plant)
    } else {
        change_for_ever::<SledBackend>(folder, (seed, first), plant)
    }
}

fn is_on_redb(seed: u64) -> bool {
    seed.is_multiple_of(2)
}

/// Returns the world of a seed: no limits, and what its writes promise.
fn world(seed: u64) -> World {
    let mut random = Random::new(seed);
    let durability = match seed % 6 {
        0 | 1 => RecordDurability::Sync,
        2 | 3 => RecordDurability::Volatile,
        _ => RecordDurability::Batched(Duration::from_millis(2)),
    };
    World {
        is_strict: false,
        is_lazy: true,
        durability,
        max_value_bytes: 64 * 1024,
        ..World::random(&mut random).wide(usize::MAX)
    }
}

fn open<B: OpenBackend>(
    folder: &Path,
    seed: u64,
    plant: Option<Plant>,
) -> StoreResult<Subject<Planted<B>>> {
    let mut options = EngineOptions::default();
    options.cache_bytes = 1 << 20;
    let engine = Planted::new(B::open(&folder.join(STORE), &options)?, plant);
    let store = Store::with_backend(engine, &StoreOptions::new())?;
    Subject::open(&store, world(seed), &Time::new(), plant)
}

/// Returns the change of that number. It lives for ever, as far as it may: each process has a time of
/// its own.
fn step(stamp: u64) -> Step {
    let mut random = Random::new(stamp);
    let (key, peer) = (random.below(KEYS), random.below(PEERS));
    match random.below(10) {
        0..5 => Step::Put {
            key,
            publisher: Some(peer),
            source: None,
            bytes: random.index(400) * random.index(12),
            seconds: None,
        },
        5 => Step::Remove(key),
        6..9 => Step::Provide {
            key,
            peer,
            addresses: 1,
            seconds: None,
        },
        _ => Step::Withdraw(key, peer),
    }
}

fn change_for_ever<B: OpenBackend>(
    folder: &Path,
    (seed, first): (u64, u64),
    plant: Option<Plant>,
) -> StoreResult<()> {
    let subject = open::<B>(folder, seed, plant)?;
    let is_synced = world(seed).durability == RecordDurability::Sync;
    acknowledge(first - 1);
    for stamp in first.. {
        let is_left_out = plant == Some(Plant::RecordLeftOut) && stamp.is_multiple_of(3);
        let change = step(stamp).change(stamp, Instant::now());
        if let Some(change) = change.filter(|_| !is_left_out) {
            subject.apply(&change);
        }
        if stamp.is_multiple_of(FLUSH_EVERY) {
            subject.flush()?;
        }
        if is_synced || stamp.is_multiple_of(FLUSH_EVERY) {
            acknowledge(stamp);
        }
    }
    Ok(())
}

/// Kills processes over a record store, on redb for even seeds and on sled for odd ones.
///
/// # Errors
/// Fails with what was lost.
pub fn run(
    seed: u64,
    plant: Option<Plant>,
    child: &dyn Fn() -> Command,
) -> Result<Tally, Violation> {
    let checked = guarded(|| {
        if is_on_redb(seed) {
            kill_all::<RedbBackend>(seed, plant, child)
        } else {
            kill_all::<SledBackend>(seed, plant, child)
        }
    });
    checked.map_err(|what| Violation {
        harness: Harness::RecordsKills,
        seed,
        what,
        steps: Vec::new(),
    })
}

fn kill_all<B: OpenBackend>(
    seed: u64,
    plant: Option<Plant>,
    child: &dyn Fn() -> Command,
) -> Result<Tally, String> {
    let folder = tempfile::tempdir().map_err(|error| format!("a folder: {error}"))?;
    let mut random = Random::new(seed);
    let mut known = Known {
        rules: Rules::new(world(seed)),
        stamp: 0,
        is_made: false,
    };
    let mut tally = Tally::default();
    for number in 0..KILLS {
        let micros = u64::try_from(LIFE_MAX.as_micros()).unwrap_or(u64::MAX);
        let life = Duration::from_micros(random.below(micros));
        let mut command = child();
        command.env(FOLDER_VARIABLE, folder.path());
        command.env(PLANT_VARIABLE, plant.map_or("", Plant::name));
        command.env(SEED_VARIABLE, seed.to_string());
        command.env(FIRST_VARIABLE, (known.stamp + 1).to_string());
        let said = kill(command, life).map_err(|error| format!("a child: {error}"))?;
        let acknowledged = said.durable;
        known.is_made |= acknowledged.is_some();
        tally.cases += 1;
        let (before, last) = (known.stamp, acknowledged.unwrap_or(known.stamp));
        let survived = known.survive::<B>(folder.path(), seed, last);
        match survived.map_err(|what| format!("kill {number}, {last} durable: {what}"))? {
            Left::Store => {}
            Left::Nothing => tally.count("refused while being made", 1),
            Left::Damaged => {
                tally.count("sled refused its own files", 1);
                break;
            }
        }
        tally.count("changes", known.stamp - before);
    }
    Ok(tally)
}

/// What a killed process left.
enum Left {
    Store,
    /// Not even a store was promised.
    Nothing,
    /// Files that sled finds damaged.
    Damaged,
}

/// What the last process left.
struct Known {
    rules: Rules,
    stamp: u64,
    is_made: bool,
}

impl Known {
    /// Opens what a killed process left: all changes up to one from the last that was acknowledged on.
    fn survive<B: OpenBackend>(
        &mut self,
        folder: &Path,
        seed: u64,
        last: u64,
    ) -> Result<Left, String> {
        let subject = match open::<B>(folder, seed, None) {
            Ok(subject) => subject,
            Err(_) if !self.is_made => {
                // Nothing was promised yet.
                drop(fs::remove_file(folder.join(STORE)));
                drop(fs::remove_dir_all(folder.join(STORE)));
                return Ok(Left::Nothing);
            }
            Err(error) if B::ENGINE == Engine::Sled && error.is_corrupt() => {
                return Ok(Left::Damaged);
            }
            Err(error) => return Err(format!("open: {error:?}")),
        };
        self.is_made = true;
        let health = subject.health();
        let found = timeless(check::read(&subject)?);
        drop(subject);
        if health.metrics.set_aside > 0 {
            return Err(format!("{health:?}"));
        }
        let now = Instant::now();
        let mut rules = self.rules.clone();
        let mut first = None;
        for stamp in self.stamp..=last + BEYOND_MAX {
            if stamp > self.stamp
                && let Some(change) = step(stamp).change(stamp, now)
            {
                rules.apply(&change, now);
            }
            if stamp >= last {
                let contents = timeless(rules.contents(now));
                if contents == found {
                    (self.rules, self.stamp) = (rules, stamp);
                    return Ok(Left::Store);
                }
                first.get_or_insert(contents);
            }
        }
        Err(found.difference(&first.unwrap_or_default()))
    }
}

/// Returns contents without lives: those are told by the clock of each process.
fn timeless(mut contents: Contents) -> Contents {
    for record in contents.records.values_mut() {
        record.expires = None;
    }
    for (_, _, expires, _) in contents.providers.values_mut().flatten() {
        *expires = None;
    }
    contents
}
