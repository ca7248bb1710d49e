//! A process that announces is killed: nothing that was due is forgotten, and nothing that is known to
//! have gone out goes out again before it is due.
//!
//! Time is that of a clock which the process moves on by itself, so that hours of announcing take a
//! moment, and what is due when is exact.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write as _,
    path::Path,
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use libp2p_identity::PeerId;
use libp2p_kad::{ProviderRecord, Record, RecordKey, store};
use netabase_store::{
    backends::redb::RedbBackend,
    records::{
        Announcement, AnnouncementKind, Clock as _, KadStore, ManualClock, Outcome, Publish,
        RecordDurability, RecordStoreConfig, RepublishConfig, Republisher, Schedule as _,
    },
};
use record_store_tests::{Engine as _, Random, local, provider, record};

use super::kills::{folder_of_child, kill_after, start};

const KILLS: u64 = 60;

/// How many keys the node provides, and how many records it publishes.
const KEYS: u64 = 20;

/// Seconds from one announcement to the next, and to the next try after a failure.
const INTERVAL: u64 = 60;
const RETRY: u64 = 10;

/// The second of the wall clock at which the first process begins.
const BEGIN: u64 = 1_800_000_000;

fn second(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Opens the records at a second.
fn open(folder: &Path, at: u64) -> (KadStore<RedbBackend>, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new());
    clock.set_unix(UNIX_EPOCH + second(at));
    let mut config = RecordStoreConfig::default();
    config.clock = clock.clone();
    config.durability = RecordDurability::Batched(Duration::from_millis(2));
    let store = RedbBackend::open_notes(&folder.join("store")).expect("no kill damages it");
    let records = store.record_store(local(), config);
    (records.expect("no kill damages it"), clock)
}

/// A behaviour that writes what it announces to its store, as Kademlia does, and tells nobody.
struct Net {
    records: KadStore<RedbBackend>,
    started: Vec<(u64, AnnouncementKind, RecordKey)>,
    ids: u64,
}

impl Net {
    fn begin(&mut self, kind: AnnouncementKind, key: &RecordKey) -> u64 {
        self.ids += 1;
        self.started.push((self.ids, kind, key.clone()));
        self.ids
    }
}

impl Publish for Net {
    type Id = u64;

    fn is_ready(&mut self) -> bool {
        true
    }

    fn start_providing(&mut self, key: RecordKey) -> Result<u64, store::Error> {
        let own = ProviderRecord::new(key.clone(), local(), Vec::new());
        self.records.add_provider_record(own)?;
        Ok(self.begin(AnnouncementKind::Provider, &key))
    }

    fn put_record(&mut self, record: Record) -> Result<u64, store::Error> {
        let key = record.key.clone();
        self.records.put_from(None, record)?;
        Ok(self.begin(AnnouncementKind::Record, &key))
    }

    fn get_closest_peers(&mut self, key: &RecordKey) -> u64 {
        self.begin(AnnouncementKind::Record, key)
    }

    fn put_record_to(&mut self, record: Record, _: Vec<PeerId>) -> u64 {
        self.begin(AnnouncementKind::Record, &record.key)
    }
}

/// Announces for ever, and says so: `at` a second, `start` and `end` of an announcement with its
/// outcome before it is written down, `flushed` when all of it is on disk.
fn announce_until_killed(folder: &Path) {
    let text = fs::read_to_string(folder.join("second")).expect("the test wrote it");
    let begin: u64 = text.parse().expect("a number");
    let (records, clock) = open(folder, begin);
    for number in 0..KEYS {
        let own = records.add_provider_record(provider(number, local(), 0));
        own.expect("there is room");
        let own = records.put_from(None, record(number, local(), 30));
        own.expect("there is room");
    }
    records.flush().expect("the disk is sound");
    let config = RepublishConfig {
        provider_interval: second(INTERVAL),
        record_interval: second(INTERVAL),
        retry_min: second(RETRY),
        retry_max: second(INTERVAL),
        new_per_second: 1000,
        new_per_poll: 1000,
        ..RepublishConfig::default()
    };
    let mut republisher = Republisher::<Net>::new(local(), config);
    let mut net = Net {
        records: records.clone(),
        started: Vec::new(),
        ids: 0,
    };
    let mut out = std::io::stdout();
    let mut say = move |what: String| {
        let said = writeln!(out, "{what}").and_then(|()| out.flush());
        said.expect("somebody reads");
    };
    let mut random = Random::new(begin);
    let mut in_flight = Vec::new();
    for at in begin.. {
        say(format!("at {at}"));
        republisher.poll(clock.now(), &records, &mut net);
        for (id, kind, key) in net.started.drain(..) {
            say(format!("start {} {at}", name(kind, &key)));
            in_flight.push((at + random.below(3), id, name(kind, &key)));
        }
        for (_, id, name) in in_flight.extract_if(.., |(ends, ..)| *ends <= at) {
            // Some never succeed.
            let has_failed = name.ends_with('7') || random.below(4) == 0;
            say(format!("end {name} {at} {}", u64::from(!has_failed)));
            let outcome = if has_failed {
                Outcome::Failed
            } else {
                Outcome::Reached(3)
            };
            republisher.on_outcome(clock.now(), &records, id, outcome);
        }
        if random.below(3) == 0 {
            records.flush().expect("the disk is sound");
            say("flushed".to_owned());
        }
        clock.advance(second(1));
    }
}

/// Returns one word for what is announced.
fn name(kind: AnnouncementKind, key: &RecordKey) -> String {
    let number = String::from_utf8_lossy(key.as_ref()).replace("key ", "");
    format!("{kind:?}-{number}")
}

/// What the processes had said, one after the other.
#[derive(Default)]
struct Told {
    at: u64,
    /// When an announcement has ended, and whether it had failed; known to be on disk.
    ended: BTreeMap<String, (u64, bool)>,
    /// The same, of what may have got lost.
    ending: BTreeMap<String, (u64, bool)>,
    in_flight: BTreeSet<String>,
    again: u64,
}

impl Told {
    fn line(&mut self, line: &str) -> bool {
        let words: Vec<_> = line.split(' ').collect();
        match words[..] {
            [.., "at", at] => self.at = at.parse().expect("a number"),
            ["start", name, at] => self.start(name, at.parse().expect("a number")),
            ["end", name, at, succeeded] => {
                self.in_flight.remove(name);
                let end = (at.parse().expect("a number"), succeeded == "0");
                self.ending.insert(name.to_owned(), end);
            }
            ["flushed"] => self.ended.append(&mut self.ending),
            _ => return false,
        }
        true
    }

    /// Fails where something goes out before it is due, by more than the jitter of a tenth.
    fn start(&mut self, name: &str, at: u64) {
        self.in_flight.insert(name.to_owned());
        if let Some((ended, has_failed)) = self.ended.get(name) {
            let wait = if *has_failed { RETRY } else { INTERVAL };
            assert!(at >= ended + wait / 10 * 9, "{name} at {at}, ended {ended}");
            self.again += 1;
        }
    }
}

fn names(of: Vec<Announcement>) -> BTreeSet<String> {
    let names = of.into_iter().map(|of| name(of.kind, &of.key));
    names.collect()
}

#[test]
fn a_killed_process_forgets_nothing_that_is_due_and_announces_nothing_too_early() {
    if let Some(folder) = folder_of_child() {
        return announce_until_killed(&folder);
    }
    let test = "announcing_kills::\
        a_killed_process_forgets_nothing_that_is_due_and_announces_nothing_too_early";
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut told = Told {
        at: BEGIN,
        ..Told::default()
    };
    let mut random = Random::new(3);
    for _ in 0..KILLS {
        // A process may be a second further than it said.
        let begin = told.at + 2;
        fs::write(folder.path().join("second"), begin.to_string()).expect("there is room");
        let child = start(test, folder.path());
        kill_after(1 + random.below(300), child, &mut |line| told.line(line));
        told.ending.clear();
        let (records, clock) = open(folder.path(), told.at + 2);
        let (now, all) = (clock.now(), usize::try_from(2 * KEYS).expect("small"));
        assert_eq!(records.health().announcements, all);
        let due = names(records.due(now, all));
        let in_flight = std::mem::take(&mut told.in_flight);
        assert!(due.is_superset(&in_flight), "{due:?}, begun {in_flight:?}");
        let latest = now + second(INTERVAL / 10 * 11);
        assert_eq!(records.due(latest, all).len(), all, "nothing is forgotten");
    }
    assert!(told.again > 100, "{} were made again", told.again);
}
