//! A process that writes is killed: what it was told is durable is there, whole.
//!
//! What a commit changes follows from its number, so that the parent knows what any of them leaves.
//! From time to time the writer closes the store and compacts it, or builds its indexes anew, and is
//! killed in that, too. A kill keeps what the operating system has not written yet; for lost power see
//! `power`.

use std::{
    env,
    ffi::OsString,
    fs,
    io::{self, BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use netabase_store::{
    Backend, Durability, RawStore, Result as StoreResult, Store, StoreOptions,
    backends::{Engine, EngineOptions, OpenBackend, redb::RedbBackend, sled::SledBackend},
};
use netabase_tests::Random;

use crate::{
    folder::fast_folder,
    harness::Harness,
    ledger::{Account, Contents, LedgerDefinition, Total, account},
    outcome::{Tally, Violation, guarded},
    plant::Plant,
    planted::Planted,
};

/// Tells the child where to work; without it there is no child.
const FOLDER_VARIABLE: &str = "NETABASE_KILLED_FOLDER";

/// Tells the child which bug it has.
const PLANT_VARIABLE: &str = "NETABASE_KILLED_PLANT";

/// Tells the child that it works on sled.
const SLED_VARIABLE: &str = "NETABASE_KILLED_SLED";

/// How many processes are killed over one store.
pub const KILLS: u64 = 8;

/// The longest life of a child, from its start on.
const LIFE_MAX: Duration = Duration::from_millis(40);

/// So many commits after the store was compacted, its indexes are built anew, and the other way round.
const COMMITS_BETWEEN: u64 = 12;

/// How many accounts there are.
const ACCOUNTS: u64 = 50;

/// How many commits may be there beyond the last that was acknowledged: one that was not to be
/// durable, and the one under way.
const BEYOND_MAX: u64 = 2;

/// One commit in so many is not to be durable, and not acknowledged.
const LAX_ONE_IN: u64 = 5;

/// What stands in the folder of a store.
const STORE: &str = "store";

/// What a compaction may leave behind there, until the next one.
const UNFINISHED: [&str; 2] = ["store.partial", "store.old"];

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
    if env::var_os(SLED_VARIABLE).is_some() {
        write_for_ever::<SledBackend>(Path::new(&folder), plant)
    } else {
        write_for_ever::<RedbBackend>(Path::new(&folder), plant)
    }
}

fn open<B: OpenBackend>(
    folder: &Path,
    plant: Option<Plant>,
) -> StoreResult<Store<LedgerDefinition, Planted<B>>> {
    let mut options = EngineOptions::default();
    options.cache_bytes = 1 << 20;
    let engine = B::open(&folder.join(STORE), &options)?;
    Store::with_backend(Planted::new(engine, plant), &StoreOptions::new())
}

fn write_for_ever<B: OpenBackend>(folder: &Path, plant: Option<Plant>) -> StoreResult<()> {
    let mut store = open::<B>(folder, plant)?;
    let last = store.open_tree::<Total>().get(0)?;
    let first = last.map_or(0, |total| total.stamp) + 1;
    acknowledge(0);
    for stamp in first.. {
        if plant == Some(Plant::FileLeftBehind) {
            drop(fs::write(folder.join(format!("{stamp}.tmp")), b"left"));
        }
        let is_lax = stamp.is_multiple_of(LAX_ONE_IN);
        if plant == Some(Plant::AckBeforeCommit) && !is_lax {
            // So early that even the one after it is not begun.
            acknowledge(stamp + BEYOND_MAX);
        }
        commit(&store, stamp, is_lax, plant)?;
        if !is_lax {
            acknowledge(stamp);
        }
        if stamp.is_multiple_of(COMMITS_BETWEEN) {
            drop(store);
            work_over::<B>(&folder.join(STORE), stamp / COMMITS_BETWEEN)?;
            store = open::<B>(folder, plant)?;
        }
    }
    Ok(())
}

/// Does what a tool does to a closed store, and says so.
fn work_over<B: OpenBackend>(path: &Path, turn: u64) -> StoreResult<()> {
    if turn.is_multiple_of(2) {
        say("at compaction");
        RawStore::<B>::compact(path)?;
    } else {
        say("at rebuild");
        RawStore::<B>::open(path, &StoreOptions::new())?.rebuild_indexes()?;
    }
    say("at commits");
    Ok(())
}

fn commit<B: Backend>(
    store: &Store<LedgerDefinition, B>,
    stamp: u64,
    is_lax: bool,
    plant: Option<Plant>,
) -> StoreResult<()> {
    let mut txn = store.begin_write()?;
    if is_lax {
        txn.set_durability(Durability::None);
    }
    let change = Change::of(stamp);
    if plant != Some(Plant::ChangeLeftOut) || !stamp.is_multiple_of(3) {
        change.on_tree(&txn.open_tree())?;
    }
    if plant == Some(Plant::TwoCommitsForOne) {
        txn.commit()?;
        txn = store.begin_write()?;
    }
    txn.open_tree::<Total>().put(Total { id: 0, stamp })?;
    txn.commit()
}

pub(crate) fn acknowledge(stamp: u64) {
    say(&format!("durable {stamp}"));
}

fn say(what: &str) {
    let mut out = io::stdout();
    // Nobody reads once the parent is gone.
    drop(writeln!(out, "\n{what}").and_then(|()| out.flush()));
}

/// What a commit changes.
struct Change {
    put: Vec<Account>,
    removed: u64,
}

impl Change {
    fn of(stamp: u64) -> Self {
        let mut random = Random::new(stamp);
        let put = (0..=random.below(4)).map(|_| {
            let bytes = random.index(400) * random.index(12);
            account(random.below(ACCOUNTS), stamp, bytes)
        });
        Self {
            put: put.collect(),
            removed: random.below(ACCOUNTS),
        }
    }

    fn on_tree<V: netabase_store::Writable>(
        self,
        tree: &netabase_store::Tree<LedgerDefinition, Account, V>,
    ) -> StoreResult<()> {
        tree.put_many(self.put)?;
        tree.remove(self.removed).map(drop)
    }

    fn on_contents(self, contents: &mut Contents) {
        let put = self.put.into_iter().map(|account| (account.id, account));
        contents.accounts.extend(put);
        contents.accounts.remove(&self.removed);
    }
}

/// Kills processes over two stores at a time, one of redb and one of sled.
///
/// # Errors
/// Fails with what was lost.
pub fn run(
    seed: u64,
    plant: Option<Plant>,
    child: &(dyn Fn() -> Command + Sync),
) -> Result<Tally, Violation> {
    let (on_redb, on_sled) = thread::scope(|scope| {
        let sled = scope.spawn(|| guarded(|| kill_all::<SledBackend>(!seed, plant, child)));
        let redb = guarded(|| kill_all::<RedbBackend>(seed, plant, child));
        let sled = sled.join();
        (redb, sled.unwrap_or_else(|_| Err("it panicked".to_owned())))
    });
    let both = on_redb.and_then(|mut tally| {
        tally.add(&on_sled.map_err(|what| format!("on sled: {what}"))?);
        Ok(tally)
    });
    both.map_err(|what| Violation {
        harness: Harness::Kills,
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
    let folder = fast_folder().map_err(|error| format!("a folder: {error}"))?;
    let mut random = Random::new(seed);
    let (mut tally, mut known, mut is_made) = (Tally::default(), Contents::default(), false);
    for number in 0..KILLS {
        let life = Duration::from_micros(random.below(micros(LIFE_MAX)));
        let mut command = child();
        command.env(FOLDER_VARIABLE, folder.path());
        command.env(PLANT_VARIABLE, plant.map_or("", Plant::name));
        if B::ENGINE == Engine::Sled {
            command.env(SLED_VARIABLE, OsString::from("1"));
        }
        let said = kill(command, life).map_err(|error| format!("a child: {error}"))?;
        is_made |= said.durable.is_some();
        tally.cases += 1;
        if let Some(work) = said.work {
            tally.count(work, 1);
        }
        let before = known.stamp.unwrap_or_default();
        let last = said.durable.unwrap_or_default().max(before);
        let survived = survive::<B>(folder.path(), last, &mut known, is_made);
        match survived.map_err(|what| format!("kill {number}, {last} durable: {what}"))? {
            Left::Store => is_made = true,
            Left::Nothing => tally.count("refused while being made", 1),
            Left::Damaged => {
                tally.count("sled refused its own files", 1);
                break;
            }
        }
        tally.count("commits", known.stamp.unwrap_or_default() - before);
    }
    Ok(tally)
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// What a child said before it was killed.
#[derive(Default)]
pub(crate) struct Said {
    /// The last commit that it acknowledged; 0 for the store itself.
    pub(crate) durable: Option<u64>,
    /// What it was in, other than commits.
    work: Option<&'static str>,
}

/// Starts a child, and kills it after some time.
pub(crate) fn kill(mut command: Command, life: Duration) -> io::Result<Said> {
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::null()).spawn()?;
    thread::sleep(life);
    child.kill()?;
    let mut said = Said::default();
    if let Some(out) = child.stdout.take() {
        // What it has said waits in the pipe, line by line.
        let lines = BufReader::new(out).lines().map_while(Result::ok);
        for line in lines {
            let stamp = line.strip_prefix("durable ").and_then(|it| it.parse().ok());
            said.durable = stamp.or(said.durable);
            said.work = match &*line {
                "at compaction" => Some("killed at compaction"),
                "at rebuild" => Some("killed at rebuild"),
                "at commits" => None,
                _ => said.work,
            };
        }
    }
    child.wait()?;
    Ok(said)
}

/// What a killed process left.
enum Left {
    Store,
    /// Not even a store was promised.
    Nothing,
    /// Files that sled finds damaged, as it does once in some thousand kills.
    Damaged,
}

/// Opens what a killed process left. `known` is what the last process left, and becomes what this one
/// did.
fn survive<B: OpenBackend>(
    folder: &Path,
    last: u64,
    known: &mut Contents,
    is_made: bool,
) -> Result<Left, String> {
    let path = folder.join(STORE);
    let is_moved = !path.exists() && folder.join("store.old").exists();
    if is_moved {
        // As the compaction of a folder says.
        compact::<B>(&path)?;
    }
    let found = match open::<B>(folder, None) {
        Ok(store) => Contents::read(&store)?,
        Err(_) if !is_made => {
            // Nothing was promised yet.
            drop(fs::remove_file(&path));
            drop(fs::remove_dir_all(&path));
            return Ok(Left::Nothing);
        }
        Err(error) if B::ENGINE == Engine::Sled && error.is_corrupt() => return Ok(Left::Damaged),
        Err(error) => return Err(format!("open: {error:?}")),
    };
    let stamp = found.stamp.unwrap_or_default();
    if stamp < last || stamp > last + BEYOND_MAX {
        return Err(format!("the last commit is {stamp}"));
    }
    for stamp in known.stamp.unwrap_or_default() + 1..=stamp {
        Change::of(stamp).on_contents(known);
        known.stamp = Some(stamp);
    }
    if *known != found {
        return Err(format!("commit {stamp} left {found:?}"));
    }
    if UNFINISHED.iter().any(|name| folder.join(name).exists()) {
        compact::<B>(&path)?;
        let store = open::<B>(folder, None).map_err(|error| format!("open again: {error:?}"))?;
        if Contents::read(&store)? != found {
            return Err("compacting changed what is there".to_owned());
        }
    }
    let beside = fs::read_dir(folder).map_err(|error| format!("list: {error}"))?;
    let beside = beside.filter_map(Result::ok).map(|entry| entry.file_name());
    match beside.into_iter().find(|name| name != STORE) {
        Some(name) => Err(format!("{} is left behind", name.display())),
        None => Ok(Left::Store),
    }
}

/// Compacts a store, which also clears up what the last compaction left.
fn compact<B: OpenBackend>(path: &Path) -> Result<(), String> {
    RawStore::<B>::compact(path).map_err(|error| format!("compact: {error:?}"))
}
