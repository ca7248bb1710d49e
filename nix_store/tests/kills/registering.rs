//! Transactions of the database alone, on every engine.

use std::{collections::BTreeSet, path::Path};

use nix_core::{hash::Sha256, path_info::PathInfo, store_path::StorePath};
use nix_store::{
    StoreDir,
    db::{Database, DatabaseEngine, DatabaseOptions, Registration},
    store::Error,
};

use crate::{
    harness::{Campaign, Killed, at_work, say, told},
    place::{Place, names},
    sample::describe,
};

pub(crate) const KILLS: u32 = 40;

/// How many paths a transaction registers.
const GROUP: usize = 5;

/// How many groups a database has before another one is begun.
const GROUPS_MAX: u64 = 30;

/// How often sled may refuse its own files after a kill, as it does at times: of those nobody reads
/// anything.
const REFUSALS_MAX: u32 = 5;

const ENGINES: &[DatabaseEngine] = &[
    DatabaseEngine::Redb,
    #[cfg(feature = "sled")]
    DatabaseEngine::Sled,
];

fn open(root: &Path, engine: DatabaseEngine) -> Result<Database, Error> {
    let options = DatabaseOptions {
        engine: Some(engine),
        ..DatabaseOptions::default()
    };
    Database::open(&root.join("db"), StoreDir::default(), &options)
}

/// Describes the paths of a group, all of which refer to the first.
fn group(number: u64) -> Vec<PathInfo> {
    let member = |of: usize| describe(&format!("{number}-{of}"), b"archive");
    let first = member(0).path;
    let group = (0..GROUP).map(member);
    group
        .map(|mut info| {
            info.nar_hash = Sha256::of(info.path.base_name().as_bytes());
            info.references.insert(first.clone());
            info.registration_time = 1;
            info
        })
        .collect()
}

fn paths(number: u64) -> BTreeSet<StorePath> {
    group(number).into_iter().map(|info| info.path).collect()
}

fn register(database: &Database, number: u64) {
    let group: Vec<Registration> = group(number).into_iter().map(Into::into).collect();
    database.register(&group).expect("registered");
}

#[test]
fn child() {
    let Some(told) = told() else {
        return;
    };
    let (engine, first) = told.task.split_once(' ').expect("two words");
    let engine = ENGINES.iter().find(|known| known.as_str() == engine);
    let database = open(&told.root, *engine.expect("an engine")).expect("a database");
    let first: u64 = first.parse().expect("a number");
    at_work(|| {
        for number in first.. {
            register(&database, number);
            say(&format!("+{number}"));
            if number % 3 == 2 {
                database.delete(&paths(number - 1)).expect("deleted");
                say(&format!("-{}", number - 1));
            }
        }
    });
}

/// What is known of the groups.
#[derive(Default)]
struct Account {
    there: BTreeSet<u64>,
    gone: BTreeSet<u64>,
    next: u64,
}

impl Account {
    fn note(&mut self, killed: &Killed) {
        for line in &killed.said {
            let (sign, number) = line.split_at(1);
            let number = number.parse().expect("a number");
            if sign == "+" {
                self.there.insert(number);
                self.next = number + 1;
            } else {
                self.there.remove(&number);
                self.gone.insert(number);
            }
        }
    }

    /// Asserts that every group is there or not, as was said, and all of it.
    fn check(&mut self, database: &Database) {
        let _hold = database.hold_to_read().expect("nobody else is there");
        let valid = database.valid_paths().expect("paths");
        // The two that nobody spoke of: one that was registered, and one that was deleted.
        let deleted = self.next.checked_sub(2).filter(|number| number % 3 == 1);
        let mut known = 0;
        for number in 0..=self.next {
            let paths = paths(number);
            let count = paths.intersection(&valid).count();
            assert!([0, GROUP].contains(&count), "group {number} has {count}");
            let is_there = count == GROUP;
            if self.there.contains(&number) && Some(number) != deleted {
                assert!(is_there, "group {number} is lost");
            }
            assert!(!(is_there && self.gone.contains(&number)), "{number}");
            if is_there {
                let first = group(number).swap_remove(0);
                assert_eq!(database.referrers(&first.path).expect("read"), paths);
                assert_eq!(database.path_info(&first.path).expect("read"), Some(first));
                self.there.insert(number);
            } else {
                self.there.remove(&number);
            }
            known += count;
        }
        assert_eq!(known, valid.len());
    }
}

#[test]
fn whole_transactions_are_there_and_all_that_the_process_was_told_of() {
    for engine in ENGINES {
        let mut place = Place::new();
        let mut campaign = Campaign::new("registering::child", KILLS, 12);
        let mut account = Account::default();
        let mut refusals = 0;
        while campaign.goes_on() {
            let task = format!("{} {}", engine.as_str(), account.next);
            account.note(&campaign.kill(&place.path(""), &task));
            let database = match open(&place.path(""), *engine) {
                Err(Error::Database(error)) if engine.as_str() == "sled" && error.is_corrupt() => {
                    refusals += 1;
                    assert!(refusals <= REFUSALS_MAX, "{error}");
                    (place, account) = (Place::new(), Account::default());
                    continue;
                }
                opened => opened.expect("a database"),
            };
            account.check(&database);
            let file = format!("netabase.{}", engine.as_str());
            let known = ["netabase.lock", "netabase.queue", &file].map(str::to_owned);
            assert_eq!(names(&place.path("db")), known.into());
            // What was interrupted is done again.
            register(&database, account.next);
            account.check(&database);
            account.next += 3 - account.next % 3;
            if account.next > GROUPS_MAX {
                (place, account) = (Place::new(), Account::default());
            }
        }
    }
}
