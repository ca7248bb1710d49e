//! A process that stores records is killed: what was flushed is there, what was accepted before the
//! last commit began is there, and what the store knows by heart is what a walk finds.

use std::{
    collections::BTreeSet,
    env,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use libp2p_identity::PeerId;
use netabase_store::{
    backends::{redb::RedbBackend, sled::SledBackend},
    records::{KadStore, RecordDurability, RecordStoreConfig},
};
use record_store_tests::{Engine, Random, key, local, peer, provider, record};

/// Tells the test, run again to be killed, where its store is.
const FOLDER_VARIABLE: &str = "NETABASE_KILLED_RECORDS";

/// How many processes are killed.
const KILLS_REDB: u64 = 150;
const KILLS_SLED: u64 = 50;

/// How many records there are before the store begins to remove the oldest.
const HELD: u64 = 300;

fn config() -> RecordStoreConfig {
    let mut config = RecordStoreConfig::default();
    config.durability = RecordDurability::Batched(Duration::from_millis(2));
    config
}

/// Stores for ever. Each line says which record was accepted or flushed, and how many commits there
/// had been.
fn store_until_killed<B: Engine>(folder: &Path) {
    let store = B::open_notes(&folder.join("store")).expect("the store is sound");
    let records = store.record_store(local(), config()).expect("it is sound");
    let mut out = std::io::stdout();
    let newest = newest(&records);
    // What the last one was killed over.
    for old in newest.saturating_sub(2 * HELD)..=newest.saturating_sub(HELD) {
        remove(&records, old);
    }
    for number in newest + 1.. {
        let of = publisher(number);
        let taken = records.put_from(None, record(number, of, 100));
        taken.expect("there is room");
        let taken = records.add_provider_record(provider(number, of, 1));
        taken.expect("there is room");
        remove(&records, number.saturating_sub(HELD));
        let word = if number % 50 == 0 {
            records.flush().expect("the disk is sound");
            "flushed"
        } else {
            "accepted"
        };
        let commits = records.health().metrics.commits;
        writeln!(out, "{word} {number} {commits}")
            .and_then(|()| out.flush())
            .expect("somebody reads");
    }
}

fn publisher(number: u64) -> PeerId {
    if number.is_multiple_of(4) {
        local()
    } else {
        peer(1)
    }
}

fn remove<B: Engine>(records: &KadStore<B>, number: u64) {
    records.remove_record(&key(number));
    records.remove_provider_record(&key(number), &publisher(number));
}

fn newest<B: Engine>(records: &KadStore<B>) -> u64 {
    numbers(records).last().copied().unwrap_or_default()
}

/// Returns the numbers of the records that are there, each of which has to be whole.
fn numbers<B: Engine>(records: &KadStore<B>) -> BTreeSet<u64> {
    let number = |found: &[u8]| {
        let text = std::str::from_utf8(found).expect("a key of the tests");
        let number = text.strip_prefix("key ").and_then(|text| text.parse().ok());
        number.expect("a key of the tests")
    };
    let found = records.iter_records().map(|found| {
        let number = number(found.key.as_ref());
        assert_eq!(found.value, record(number, peer(1), 100).value);
        number
    });
    found.collect()
}

/// What a killed process had said.
#[derive(Default)]
struct Told {
    flushed: u64,
    /// Accepted before the last commit that ended had begun.
    committed: u64,
    accepted: Vec<(u64, u64)>,
}

impl Told {
    fn line(&mut self, line: &str) -> Option<()> {
        let mut words = line
            .split(' ')
            .skip_while(|word| !["accepted", "flushed"].contains(word));
        let word = words.next()?;
        let number = words.next()?.parse().ok()?;
        let commits: u64 = words.next()?.parse().ok()?;
        if word == "flushed" {
            self.flushed = number;
        }
        self.accepted.push((number, commits));
        // A commit that was under way when something was accepted may be without it; the next is not.
        let old = self
            .accepted
            .iter()
            .rev()
            .find(|(_, then)| then + 2 <= commits);
        self.committed = old.map_or(self.committed, |(number, _)| *number);
        Some(())
    }
}

/// Returns the folder that a test is told of which was run again in a process of its own.
pub(crate) fn folder_of_child() -> Option<PathBuf> {
    env::var_os(FOLDER_VARIABLE).map(PathBuf::from)
}

/// Runs a test again in a process of its own.
pub(crate) fn start(test: &str, folder: &Path) -> Child {
    Command::new(env::current_exe().expect("the test's own file"))
        .args(["--exact", test, "--nocapture"])
        .env(FOLDER_VARIABLE, folder)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the test can be run again")
}

/// Kills a process after it has said `wanted` things, and hands over every line that it said until
/// then; `tell` returns whether a line is one of those things.
pub(crate) fn kill_after(wanted: u64, mut child: Child, tell: &mut dyn FnMut(&str) -> bool) {
    let mut out = BufReader::new(child.stdout.take().expect("it is piped"));
    let (mut line, mut count) = (String::new(), 0);
    while count < wanted {
        line.clear();
        let read = out.read_line(&mut line).expect("it can be read");
        assert!(read > 0, "it goes on for ever");
        count += u64::from(tell(line.trim_end()));
    }
    child.kill().expect("it is running");
    child.wait().expect("it was started here");
    // What it had said before it was killed, and nobody had read. The last line may be cut.
    line.clear();
    while out.read_line(&mut line).is_ok() && line.ends_with('\n') {
        tell(line.trim_end());
        line.clear();
    }
}

/// Kills a process at some moment, and returns what it had said.
fn killed(child: Child, random: &mut Random) -> Told {
    let mut told = Told::default();
    let wanted = 1 + random.below(120);
    kill_after(wanted, child, &mut |line| told.line(line).is_some());
    told
}

fn kill_and_check<B: Engine>(test: &str, kills: u64) {
    if let Some(folder) = folder_of_child() {
        return store_until_killed::<B>(&folder);
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut random = Random::new(11);
    for kill in 0..kills {
        let told = killed(start(test, folder.path()), &mut random);
        let store = B::open_notes(&folder.path().join("store")).expect("no kill damages it");
        let records = store
            .record_store(local(), config())
            .expect("no kill damages it");
        let found = numbers(&records);
        let newest = found.last().copied().unwrap_or_default();
        assert!(
            newest >= told.flushed,
            "kill {kill}: {newest}, flushed {}",
            told.flushed
        );
        assert!(
            newest >= told.committed,
            "kill {kill}: {newest}, committed {}",
            told.committed
        );
        assert_consistent(&records, &found);
    }
}

/// Fails unless what the store knows by heart is what a walk finds, and nothing is missing between
/// the oldest and the newest.
fn assert_consistent<B: Engine>(records: &KadStore<B>, found: &BTreeSet<u64>) {
    let health = records.health();
    let own = found.iter().filter(|number| *number % 4 == 0).count();
    assert_eq!((health.records, health.own_records), (found.len(), own));
    assert_eq!(health.metrics.set_aside, 0);
    let provided: BTreeSet<_> = records
        .iter_provided()
        .map(|own| own.key.to_vec())
        .collect();
    assert_eq!(health.own_provided_keys, provided.len());
    assert_eq!(health.announcements, own + provided.len());
    let last = found.last().copied().unwrap_or_default();
    let held = last.saturating_sub(HELD - 1).max(1)..=last;
    assert!(
        found.range(held.clone()).copied().eq(held),
        "commits are whole and in order"
    );
    // The last put, or what it was followed by, may be alone.
    let recent = last.saturating_sub(2 * HELD)..=last + 1;
    let provided = recent.filter(|number| !records.providers_of(&key(*number)).is_empty());
    assert_eq!(provided.count(), health.provided_keys);
}

#[test]
fn a_killed_process_on_redb_keeps_what_was_promised() {
    kill_and_check::<RedbBackend>(
        "kills::a_killed_process_on_redb_keeps_what_was_promised",
        KILLS_REDB,
    );
}

#[test]
fn a_killed_process_on_sled_keeps_what_was_promised() {
    kill_and_check::<SledBackend>(
        "kills::a_killed_process_on_sled_keeps_what_was_promised",
        KILLS_SLED,
    );
}

/// Stores a little, and then nothing.
fn store_and_stand<B: Engine>(folder: &Path) {
    let store = B::open_notes(&folder.join("store")).expect("the store is sound");
    let records = store.record_store(local(), config()).expect("it is sound");
    for number in 1..=20 {
        let taken = records.put_from(None, record(number, peer(1), 100));
        taken.expect("there is room");
    }
    let mut out = std::io::stdout();
    writeln!(out, "stands")
        .and_then(|()| out.flush())
        .expect("somebody reads");
    loop {
        thread::park();
    }
}

#[test]
fn what_was_accepted_longer_ago_than_the_window_survives_a_kill_without_a_flush() {
    if let Some(folder) = folder_of_child() {
        return store_and_stand::<RedbBackend>(&folder);
    }
    let test =
        "kills::what_was_accepted_longer_ago_than_the_window_survives_a_kill_without_a_flush";
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut child = start(test, folder.path());
    let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let mut lines = lines.map_while(Result::ok);
    assert!(lines.any(|line| line.ends_with("stands")));
    // The window of 2 ms and a commit, on a machine with much else to do.
    thread::sleep(Duration::from_secs(2));
    child.kill().expect("it is running");
    child.wait().expect("it was started here");
    let store = RedbBackend::open_notes(&folder.path().join("store")).expect("it is sound");
    let records = store.record_store(local(), config()).expect("it is sound");
    assert_eq!(numbers(&records).len(), 20);
}
