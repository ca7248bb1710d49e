//! Processes take turns at a database.
//!
//! The other process is this program, told by its environment to run one of the `child_*` tests,
//! which do nothing otherwise.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use nix_core::store_path::StoreDir;
use nix_store::{
    db::{Database, DatabaseEngine, DatabaseOptions},
    store::Error,
};
use tempfile::TempDir;

use crate::support::{ENGINES, object, open, path, paths, try_open};

/// What stands before what a child says, which comes after what its test harness says.
const MARK: &str = "child says ";

/// Another process at work on a database.
struct Other {
    child: Child,
    said: BufReader<ChildStdout>,
}

impl Other {
    fn start(test: &str, folder: &TempDir, engine: DatabaseEngine, name: &str) -> Self {
        let program = std::env::current_exe().unwrap();
        let mut command = Command::new(program);
        command
            .args([
                "--exact",
                &format!("processes::{test}"),
                "--nocapture",
                "--test-threads=1",
            ])
            .env("DATABASE_TEST_FOLDER", folder.path().join("db"))
            .env("DATABASE_TEST_ENGINE", engine.as_str())
            .env("DATABASE_TEST_NAME", name);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        Self { child, said }
    }

    /// Waits until the process says something.
    fn says(&mut self) -> Option<String> {
        let mut line = String::new();
        while self.said.read_line(&mut line).unwrap() > 0 {
            if let Some((_, said)) = line.split_once(MARK) {
                return Some(said.trim_end().to_owned());
            }
            line.clear();
        }
        None
    }

    /// Lets the process end, and waits for it.
    fn end(mut self) {
        drop(self.child.stdin.take());
        assert_eq!(self.says(), None);
        assert!(self.child.wait().unwrap().success());
    }
}

/// What a child was told; nothing in a process that is none.
struct Told {
    name: String,
    database: Database,
}

fn told(exclusive: bool) -> Option<Told> {
    let dir = std::env::var_os("DATABASE_TEST_FOLDER")?;
    let engine = std::env::var("DATABASE_TEST_ENGINE").unwrap();
    let engine = ENGINES
        .iter()
        .find(|known| known.as_str() == engine)
        .unwrap();
    let options = DatabaseOptions {
        engine: Some(*engine),
        exclusive,
        ..DatabaseOptions::default()
    };
    Some(Told {
        name: std::env::var("DATABASE_TEST_NAME").unwrap(),
        database: Database::open(dir.as_ref(), StoreDir::default(), &options).unwrap(),
    })
}

fn say(what: &str) {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{MARK}{what}").unwrap();
    stdout.flush().unwrap();
}

fn wait_for_end() {
    std::io::read_to_string(std::io::stdin()).unwrap();
}

fn impatient() -> DatabaseOptions {
    DatabaseOptions {
        wait: false,
        ..DatabaseOptions::default()
    }
}

#[test]
fn child_registers_paths_one_by_one() {
    let Some(Told { name, database }) = told(false) else {
        return;
    };
    say("ready");
    wait_for_end();
    for at in 0..count() {
        database
            .register(&[object(&format!("{name}-{at}"), &[])])
            .unwrap();
    }
}

/// How many paths each of two processes registers.
fn count() -> usize {
    match std::env::var("DATABASE_TEST_ENGINE").as_deref() {
        Ok("sled") => 20,
        _ => 200,
    }
}

#[test]
fn two_processes_register_at_once_and_nothing_is_lost() {
    for engine in ENGINES {
        let folder = TempDir::new().unwrap();
        let start = |name| Other::start("child_registers_paths_one_by_one", &folder, *engine, name);
        let mut others = ["one", "two"].map(start);
        for other in &mut others {
            assert_eq!(other.says().as_deref(), Some("ready"));
        }
        // Both begin before either is waited for.
        others
            .iter_mut()
            .for_each(|other| drop(other.child.stdin.take()));
        others.into_iter().for_each(Other::end);
        let count = if engine.as_str() == "sled" { 20 } else { 200 };
        let names = |name| (0..count).map(move |at| path(&format!("{name}-{at}")));
        let expected: BTreeSet<_> = ["one", "two"].into_iter().flat_map(names).collect();
        let database = open(&folder, &DatabaseOptions::default());
        assert_eq!(database.valid_paths().unwrap(), expected);
    }
}

#[test]
fn child_keeps_the_database() {
    if let Some(Told { database, .. }) = told(true) {
        database.register(&[object("a", &[])]).unwrap();
        say("open");
        wait_for_end();
    }
}

#[test]
fn an_exclusive_handle_keeps_other_processes_out_until_it_goes() {
    for engine in ENGINES {
        let folder = TempDir::new().unwrap();
        let mut other = Other::start("child_keeps_the_database", &folder, *engine, "");
        assert_eq!(other.says().as_deref(), Some("open"));
        let read_only = DatabaseOptions {
            read_only: true,
            ..impatient()
        };
        for options in [impatient(), read_only] {
            let error = try_open(&folder, &options).unwrap_err();
            let Error::Busy { holder, .. } = &error else {
                panic!("{error}");
            };
            // Some systems have no list of locks.
            assert!(
                holder.is_none_or(|process| process == other.child.id()),
                "{error}"
            );
        }
        // Who waits gets in when the other one ends.
        let (begin, begun) = std::sync::mpsc::channel();
        std::thread::scope(|threads| {
            let waiting = threads.spawn(|| {
                begin.send(()).unwrap();
                open(&folder, &DatabaseOptions::default())
                    .valid_paths()
                    .unwrap()
            });
            begun.recv().unwrap();
            other.end();
            assert_eq!(waiting.join().unwrap(), paths(["a"]));
        });
    }
}

#[test]
fn child_holds_the_database_to_read() {
    if let Some(Told { database, .. }) = told(false) {
        let _hold = database.hold_to_read().unwrap();
        say("open");
        wait_for_end();
    }
}

#[test]
fn processes_read_together_and_write_alone() {
    let folder = TempDir::new().unwrap();
    let database = open(&folder, &impatient());
    database.register(&[object("a", &[])]).unwrap();
    let test = "child_holds_the_database_to_read";
    let mut other = Other::start(test, &folder, DatabaseEngine::Redb, "");
    assert_eq!(other.says().as_deref(), Some("open"));
    assert_eq!(database.valid_paths().unwrap(), paths(["a"]));
    let refused = database.register(&[object("b", &[])]);
    assert!(matches!(refused, Err(Error::Busy { .. })));
    other.end();
    database.register(&[object("b", &[])]).unwrap();
}

#[test]
fn child_reads_until_a_path_is_valid() {
    let Some(Told { name, database }) = told(false) else {
        return;
    };
    say("ready");
    let begun = Instant::now();
    while !database.is_valid(&path(&name)).unwrap() {
        if begun.elapsed() > Duration::from_secs(60) {
            return say("nobody else got a turn");
        }
    }
}

#[test]
fn a_process_that_reads_all_the_time_lets_another_write() {
    let folder = TempDir::new().unwrap();
    let database = open(&folder, &DatabaseOptions::default());
    let test = "child_reads_until_a_path_is_valid";
    let mut other = Other::start(test, &folder, DatabaseEngine::Redb, "p-19");
    assert_eq!(other.says().as_deref(), Some("ready"));
    for at in 0..20 {
        let object = object(&format!("p-{at}"), &[]);
        database.register(&[object]).unwrap();
    }
    other.end();
}

#[test]
fn child_reads_whenever_it_is_asked() {
    if let Some(Told { database, .. }) = told(false) {
        say("ready");
        for line in std::io::stdin().lines() {
            assert!(database.is_valid(&path(&line.unwrap())).unwrap());
            say("read");
        }
    }
}

#[test]
fn who_does_not_wait_for_work_waits_for_those_who_have_just_read() {
    let folder = TempDir::new().unwrap();
    let database = open(&folder, &impatient());
    database.register(&[object("a", &[])]).unwrap();
    let test = "child_reads_whenever_it_is_asked";
    let mut other = Other::start(test, &folder, DatabaseEngine::Redb, "");
    assert_eq!(other.says().as_deref(), Some("ready"));
    for at in 0..20 {
        writeln!(other.child.stdin.as_ref().unwrap(), "a").unwrap();
        assert_eq!(other.says().as_deref(), Some("read"));
        let object = object(&format!("p-{at}"), &[]);
        database.register(&[object]).unwrap();
    }
    other.end();
}
