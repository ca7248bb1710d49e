//! Handles of one process share one database, whatever they were opened with.

use std::{
    collections::BTreeSet,
    fs,
    sync::mpsc::channel,
    thread::{scope, spawn},
};

use nix_core::store_path::StoreDir;
use nix_store::{
    db::{Database, DatabaseEngine, DatabaseOptions, Hold},
    store::Error,
};
use tempfile::TempDir;

use crate::support::{ENGINES, object, open, path, paths, try_open};

fn options(engine: DatabaseEngine) -> DatabaseOptions {
    DatabaseOptions {
        engine: Some(engine),
        ..DatabaseOptions::default()
    }
}

/// Whether an error says that a thread would wait for itself.
fn is_deadlock<T>(result: Result<T, Error>) -> bool {
    matches!(result, Err(Error::Database(error)) if error.is_deadlock())
}

#[test]
fn a_database_is_shared_between_threads() {
    fn shared<T: Clone + Send + Sync + 'static>() {}
    shared::<Database>();
}

#[test]
fn threads_with_handles_of_their_own_lose_nothing() {
    for engine in ENGINES {
        let folder = TempDir::new().unwrap();
        let names = |thread: usize| (0..10).map(move |at| format!("p{thread}-{at}"));
        scope(|threads| {
            for thread in 0..4 {
                let folder = &folder;
                threads.spawn(move || {
                    let database = open(folder, &options(*engine));
                    for name in names(thread) {
                        database.register(&[object(&name, &[&name])]).unwrap();
                        assert!(database.is_valid(&path(&name)).unwrap());
                    }
                });
            }
        });
        let all: BTreeSet<_> = (0..4).flat_map(names).map(|name| path(&name)).collect();
        let database = open(&folder, &DatabaseOptions::default());
        assert_eq!(database.valid_paths().unwrap(), all);
    }
}

#[test]
fn an_exclusive_handle_lets_others_of_its_process_in() {
    for engine in ENGINES {
        let folder = TempDir::new().unwrap();
        let exclusive = DatabaseOptions {
            exclusive: true,
            ..options(*engine)
        };
        let first = open(&folder, &exclusive);
        let second = open(&folder, &exclusive);
        let third = open(&folder, &options(*engine));
        first.register(&[object("a", &[])]).unwrap();
        third.register(&[object("b", &["a"])]).unwrap();
        drop(first);
        assert_eq!(second.valid_paths().unwrap(), paths(["a", "b"]));
        drop(second);
        assert_eq!(third.valid_paths().unwrap(), paths(["a", "b"]));
    }
}

#[test]
fn a_writer_waits_for_readers_and_they_do_not_wait_for_themselves() {
    let folder = TempDir::new().unwrap();
    let database = open(&folder, &DatabaseOptions::default());
    database
        .register(&[object("a", &[]), object("b", &[])])
        .unwrap();
    let writer = database.clone();
    let (begin, begun) = channel();
    let writing = spawn(move || {
        begun.recv().unwrap();
        writer.register(&[object("c", &[])])
    });
    let mut seen = 0;
    let each = &mut |_| {
        seen += 1;
        begin.send(()).unwrap();
        // However long the writer waits by now, who is in comes in again.
        assert!(database.is_valid(&path("a"))?);
        let _again = database.hold_to_read()?;
        assert_eq!(database.valid_paths()?, paths(["a", "b"]));
        Ok(())
    };
    database.for_each_path(each).unwrap();
    writing.join().unwrap().unwrap();
    assert_eq!(seen, 2);
    assert!(database.is_valid(&path("c")).unwrap());
}

#[test]
fn a_reader_may_wait_for_another_thread_that_reads_while_a_third_wants_to_write() {
    let folder = TempDir::new().unwrap();
    let database = open(&folder, &DatabaseOptions::default());
    database.register(&[object("a", &[])]).unwrap();
    let (writer, other) = (database.clone(), database.clone());
    let mut threads = Vec::new();
    let each = &mut |_| {
        let (writer, other) = (writer.clone(), other.clone());
        threads.push(spawn(move || writer.register(&[object("b", &[])])));
        let asking = spawn(move || (0..3).all(|_| other.is_valid(&path("a")).unwrap()));
        assert!(asking.join().unwrap());
        Ok(())
    };
    database.for_each_path(each).unwrap();
    threads
        .into_iter()
        .for_each(|writing| writing.join().unwrap().unwrap());
    assert!(database.is_valid(&path("b")).unwrap());
}

#[test]
fn readers_that_never_leave_all_at_once_let_a_writer_in() {
    let folder = TempDir::new().unwrap();
    let database = open(&folder, &DatabaseOptions::default());
    database.register(&[object("a", &[])]).unwrap();
    let written = std::sync::atomic::AtomicBool::new(false);
    scope(|threads| {
        let (began, begun) = channel();
        for _ in 0..3 {
            let (database, written, began) = (&database, &written, began.clone());
            threads.spawn(move || {
                while !written.load(std::sync::atomic::Ordering::Acquire) {
                    assert!(database.is_valid(&path("a")).unwrap());
                    began.send(()).unwrap_or_default();
                }
            });
        }
        (0..50).for_each(|_| begun.recv().unwrap());
        database.register(&[object("b", &[])]).unwrap();
        written.store(true, std::sync::atomic::Ordering::Release);
    });
    assert!(database.is_valid(&path("b")).unwrap());
}

#[test]
fn who_reads_and_wants_to_write_is_told_so_instead_of_waiting() {
    let folder = TempDir::new().unwrap();
    let database = open(&folder, &DatabaseOptions::default());
    let hold = database.hold_to_read().unwrap();
    assert!(is_deadlock(database.register(&[object("a", &[])])));
    assert!(is_deadlock(database.hold()));
    let other = open(&folder, &DatabaseOptions::default());
    assert!(is_deadlock(other.register(&[object("a", &[])])));
    drop(hold);
    database.register(&[object("a", &[])]).unwrap();
}

/// Returns how often this process has the file of a database open.
#[cfg(target_os = "linux")]
fn times_open(folder: &TempDir) -> usize {
    let file = folder
        .path()
        .canonicalize()
        .unwrap()
        .join("db/netabase.redb");
    let descriptors = fs::read_dir("/proc/self/fd").unwrap();
    // Others come and go meanwhile.
    let targets = descriptors.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    targets.filter(|target| *target == file).count()
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_was_read_stays_open_for_a_moment_and_no_longer_than_its_handle() {
    let folder = TempDir::new().unwrap();
    let database = open(&folder, &DatabaseOptions::default());
    database.register(&[object("a", &[])]).unwrap();
    assert_eq!(times_open(&folder), 0);
    // A machine may be so busy that the moment is over each time.
    let mut reads = (0..1000).map(|_| {
        assert!(database.is_valid(&path("a")).unwrap());
        times_open(&folder)
    });
    assert!(reads.any(|open| open == 1));
    while times_open(&folder) > 0 {
        std::thread::yield_now();
    }
    assert!(database.is_valid(&path("a")).unwrap());
    let other = open(&folder, &DatabaseOptions::default());
    drop(database);
    assert!(other.is_valid(&path("a")).unwrap());
    drop(other);
    assert_eq!(times_open(&folder), 0);
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_somebody_waits_for_is_closed_at_once_after_a_read() {
    let folder = TempDir::new().unwrap();
    let database = open(&folder, &DatabaseOptions::default());
    let queue = fs::File::open(folder.path().join("db/netabase.queue")).unwrap();
    for _ in 0..20 {
        let hold = database.hold_to_read().unwrap();
        queue.lock().unwrap();
        drop(hold);
        assert_eq!(times_open(&folder), 0);
        queue.unlock().unwrap();
    }
}

#[test]
fn a_hold_serves_many_operations() {
    for engine in ENGINES {
        let folder = TempDir::new().unwrap();
        let database = open(&folder, &options(*engine));
        let _hold: Hold = database.hold().unwrap();
        database.register(&[object("a", &[])]).unwrap();
        let each = &mut |info: nix_core::path_info::PathInfo| database.add_root("r", &info.path);
        database.for_each_path(each).unwrap();
        assert_eq!(database.roots().unwrap(), [("r".to_owned(), path("a"))]);
    }
}

#[test]
fn what_may_only_be_read_is_not_changed_nor_made() {
    for engine in ENGINES {
        let folder = TempDir::new().unwrap();
        let read_only = DatabaseOptions {
            read_only: true,
            ..DatabaseOptions::default()
        };
        assert!(try_open(&folder, &read_only).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);

        open(&folder, &options(*engine))
            .register(&[object("a", &[])])
            .unwrap();
        let database = open(&folder, &read_only);
        let writer = open(&folder, &options(*engine));
        assert_eq!(database.valid_paths().unwrap(), paths(["a"]));
        let changes = [
            database.register(&[object("b", &[])]),
            database.delete(&paths(["a"])).map(drop),
            database.add_root("r", &path("a")),
            database.add_signatures(&path("a"), &BTreeSet::new()),
        ];
        for change in changes {
            assert!(matches!(change, Err(Error::ReadOnly)));
        }
        writer.register(&[object("b", &[])]).unwrap();
        assert!(database.is_valid(&path("b")).unwrap());
    }
}

#[test]
fn a_file_without_locks_is_read_and_none_are_made() {
    let folder = TempDir::new().unwrap();
    open(&folder, &DatabaseOptions::default())
        .register(&[object("a", &[])])
        .unwrap();
    let alone = TempDir::new().unwrap();
    let dir = alone.path().join("db");
    fs::create_dir(&dir).unwrap();
    fs::copy(
        folder.path().join("db/netabase.redb"),
        dir.join("netabase.redb"),
    )
    .unwrap();
    let before = fs::read(dir.join("netabase.redb")).unwrap();
    let read_only = DatabaseOptions {
        read_only: true,
        ..DatabaseOptions::default()
    };
    let database = open(&alone, &read_only);
    assert_eq!(database.valid_paths().unwrap(), paths(["a"]));
    drop(database);
    let left: Vec<_> = fs::read_dir(&dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, ["netabase.redb"]);
    assert!(fs::read(dir.join("netabase.redb")).unwrap() == before);
}

#[cfg(feature = "sled")]
#[test]
fn the_engine_is_that_of_the_database_that_is_there() {
    for (engine, other) in [
        (DatabaseEngine::Redb, DatabaseEngine::Sled),
        (DatabaseEngine::Sled, DatabaseEngine::Redb),
    ] {
        let folder = TempDir::new().unwrap();
        open(&folder, &options(engine))
            .register(&[object("a", &[])])
            .unwrap();
        let error = try_open(&folder, &options(other)).unwrap_err();
        let said = matches!(error, Error::OtherEngine { found, .. } if found == engine.as_str());
        assert!(said, "{error}");
        let database = open(&folder, &DatabaseOptions::default());
        assert_eq!(database.valid_paths().unwrap(), paths(["a"]));
    }
}

#[test]
fn a_directory_that_cannot_be_made_is_an_error_that_names_it() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let dir = folder.path().join("file/db");
    let opened = Database::open(&dir, StoreDir::default(), &DatabaseOptions::default());
    assert!(matches!(opened, Err(Error::Io { path, .. }) if path == dir));
}
