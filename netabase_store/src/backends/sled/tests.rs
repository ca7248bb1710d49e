use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::{Command, abort},
    sync::Arc,
};

use tempfile::TempDir;

use super::{SledBackend, failed};
use crate::{
    backends::{
        Backend, End, EngineOptions, OpenBackend, Rows, Snapshot, Span, TableId, TableSet,
        WriteSet, versioned::tests as suite,
    },
    error::{NetabaseError, Result, StoreError},
    options::Verify,
};

fn options() -> EngineOptions {
    EngineOptions {
        create: true,
        read_only: false,
        cache_bytes: 16 << 20,
        verify: Verify::None,
    }
}

fn open(path: &Path) -> SledBackend {
    SledBackend::open(path, &options()).unwrap()
}

/// Runs a test of the suite on a new store.
fn on_sled(test: impl FnOnce(SledBackend)) {
    let folder = TempDir::new().unwrap();
    test(open(folder.path()));
}

#[test]
fn sled_snapshots_agree_with_copies() {
    let mut folders = Vec::new();
    suite::snapshots_agree_with_copies(16, || {
        folders.push(TempDir::new().unwrap());
        open(folders.last().unwrap().path())
    });
}

#[test]
fn sled_snapshot_never_moves() {
    on_sled(suite::snapshot_never_moves);
}

#[test]
fn sled_walk_goes_on_while_its_rows_are_cleared() {
    on_sled(suite::walk_goes_on_while_its_rows_are_cleared);
}

#[test]
fn sled_reader_never_sees_half_a_commit() {
    on_sled(suite::reader_never_sees_half_a_commit);
}

#[test]
fn sled_past_is_kept_only_while_it_is_seen() {
    on_sled(suite::past_is_kept_only_while_it_is_seen);
}

#[test]
fn sled_what_an_older_view_took_over_goes_with_it() {
    on_sled(suite::what_an_older_view_took_over_goes_with_it);
}

#[test]
fn sled_tables_are_told_apart_by_name() {
    on_sled(suite::tables_are_told_apart_by_name);
}

fn set() -> Arc<TableSet> {
    Arc::new(TableSet::new(vec!["left".into(), "right".into()]))
}

/// Writes the number into rows of both tables, in one commit.
fn write(backend: &SledBackend, number: u64, value_bytes: usize, sync: bool) {
    commit(backend, number, value_bytes, sync).unwrap();
}

fn commit(backend: &SledBackend, number: u64, value_bytes: usize, sync: bool) -> Result<()> {
    let mut writes = WriteSet::default();
    for table in [TableId(0), TableId(1)] {
        let edits = Arc::make_mut(writes.tables.entry(table).or_default());
        for row in 0..10_u8 {
            let mut value = number.to_be_bytes().to_vec();
            value.resize(value_bytes, 7);
            edits.insert(vec![row].into(), Some(value.into()));
        }
    }
    backend.apply(&set(), writes, sync)
}

/// Returns the number in the rows, which is the same in all; `None` where there are no rows.
fn read(backend: &SledBackend) -> Option<u64> {
    let view = Arc::new(backend.snapshot(&set()).unwrap());
    let mut numbers = Vec::new();
    for table in [TableId(0), TableId(1)] {
        let mut rows = view.rows(table, &Span::ALL).unwrap();
        let number = |_: &[u8], value: &[u8]| u64::from_be_bytes(*value.first_chunk().unwrap());
        while let Some(number) = rows.step(End::Front, number).unwrap() {
            numbers.push(number);
        }
    }
    assert!(
        numbers.is_empty() || numbers.len() == 20,
        "{} rows",
        numbers.len()
    );
    numbers.dedup();
    assert!(numbers.len() <= 1, "parts of commits {numbers:?}");
    numbers.first().copied()
}

/// Where a child process of `killed_process_leaves_whole_commits` writes, and how many commits.
const CRASH_PATH: &str = "NETABASE_TEST_CRASH_PATH";
const CRASH_COMMITS: &str = "NETABASE_TEST_CRASH_COMMITS";

#[test]
fn killed_process_leaves_whole_commits() {
    if let Ok(path) = env::var(CRASH_PATH) {
        crash(
            Path::new(&path),
            env::var(CRASH_COMMITS).unwrap().parse().unwrap(),
        );
    }
    let folder = TempDir::new().unwrap();
    for commits in [1, 3, 4, 6, 7, 12] {
        let store = folder.path().join(format!("store {commits}"));
        let child = Command::new(env::current_exe().unwrap())
            .args([
                "--exact",
                "backends::sled::tests::killed_process_leaves_whole_commits",
            ])
            .args(["--test-threads", "1"])
            .env(CRASH_PATH, &store)
            .env(CRASH_COMMITS, commits.to_string())
            .output()
            .unwrap();
        assert!(!child.status.success());
        let found = read(&open(&store)).unwrap_or(0);
        assert!(found <= commits);
        assert!(
            found >= commits / 4 * 4,
            "of {commits} commits {found} are left"
        );
    }
}

/// Every fourth commit is synced; each spans some of sled's buffers, and some make blobs.
fn crash(path: &Path, commits: u64) -> ! {
    let backend = open(path);
    for number in 1..=commits {
        let value_bytes = if number % 3 == 0 { 200_000 } else { 30_000 };
        write(&backend, number, value_bytes, number % 4 == 0);
    }
    abort();
}

#[test]
fn commits_without_sync_outlive_a_close() {
    let folder = TempDir::new().unwrap();
    for number in 1..=50_u64 {
        let backend = open(folder.path());
        assert_eq!(
            read(&backend),
            number.checked_sub(1).filter(|number| *number > 0)
        );
        write(&backend, number, 100, false);
    }
}

#[test]
fn rows_keep_the_store_open() {
    let folder = TempDir::new().unwrap();
    let backend = open(folder.path());
    write(&backend, 1, 100, false);
    let view = Arc::new(backend.snapshot(&set()).unwrap());
    let mut rows = view.rows(TableId(0), &Span::ALL).unwrap();
    drop((view, backend));
    assert_eq!(
        rows.step(End::Back, |key, _| key.to_vec()).unwrap(),
        Some(vec![9])
    );
    assert!(
        SledBackend::open(folder.path(), &options())
            .unwrap_err()
            .is_locked()
    );
    drop(rows);
    assert_eq!(read(&open(folder.path())), Some(1));
}

fn names(path: &Path) -> Vec<PathBuf> {
    let mut names: Vec<_> = fs::read_dir(path)
        .unwrap()
        .map(|it| it.unwrap().path())
        .collect();
    names.sort();
    names
}

#[test]
fn missing_store_is_not_created_by_open() {
    let folder = TempDir::new().unwrap();
    let options = EngineOptions {
        create: false,
        ..options()
    };
    let path = folder.path().join("store");
    assert!(
        SledBackend::open(&path, &options)
            .unwrap_err()
            .is_not_found()
    );
    assert!(
        SledBackend::open(folder.path(), &options)
            .unwrap_err()
            .is_not_found()
    );
    assert!(names(folder.path()).is_empty());
    drop(open(&path));
    SledBackend::open(&path, &options).unwrap();
}

#[test]
fn foreign_files_are_refused_and_left_alone() {
    let folder = TempDir::new().unwrap();
    let refused = |path: &Path| {
        let error = SledBackend::open(path, &options()).unwrap_err();
        assert!(
            matches!(
                error,
                NetabaseError::StoreError(StoreError::NotAStore { .. })
            ),
            "{error:?}"
        );
    };
    let file = folder.path().join("file");
    fs::write(&file, "text").unwrap();
    refused(&file);
    refused(&file.join("below"));
    refused(folder.path());
    assert_eq!(names(folder.path()), [file]);

    let other = folder.path().join("other");
    fs::create_dir_all(other.join("conf")).unwrap();
    fs::write(other.join("db"), "data").unwrap();
    refused(&other);
    fs::remove_dir(other.join("conf")).unwrap();
    fs::write(other.join("conf"), "[section]").unwrap();
    refused(&other);
    assert_eq!(names(&other), [other.join("conf"), other.join("db")]);

    let headless = folder.path().join("headless");
    write(&open(&headless), 1, 100, true);
    drop(open(&headless));
    fs::remove_file(headless.join("db")).unwrap();
    refused(&headless);
}

#[test]
fn store_whose_making_was_cut_short_is_made() {
    let made = TempDir::new().unwrap();
    drop(open(made.path()));
    let conf = fs::read(made.path().join("conf")).unwrap();
    for length in 0..=conf.len() {
        let folder = TempDir::new().unwrap();
        fs::create_dir(folder.path().join("blobs")).unwrap();
        fs::write(folder.path().join("conf"), &conf[..length]).unwrap();
        write(&open(folder.path()), 1, 100, false);
        assert_eq!(read(&open(folder.path())), Some(1), "{length} bytes");
        let again = fs::read(folder.path().join("conf")).unwrap();
        assert_eq!(again, conf, "{length} bytes");
    }
}

#[test]
fn second_handle_is_refused() {
    let folder = TempDir::new().unwrap();
    let _first = open(folder.path());
    assert!(
        SledBackend::open(folder.path(), &options())
            .unwrap_err()
            .is_locked()
    );
}

#[test]
fn reading_only_is_refused() {
    let folder = TempDir::new().unwrap();
    let options = EngineOptions {
        read_only: true,
        ..options()
    };
    let error = SledBackend::open(folder.path(), &options).unwrap_err();
    assert!(matches!(
        error,
        NetabaseError::StoreError(StoreError::Unsupported { .. })
    ));
    assert!(names(folder.path()).is_empty());
}

#[test]
fn flipped_bytes_are_reported_when_the_store_is_verified() {
    let folder = TempDir::new().unwrap();
    write(&open(folder.path()), 1, 2000, true);
    let verified = EngineOptions {
        verify: Verify::Always,
        ..options()
    };
    drop(SledBackend::open(folder.path(), &verified).unwrap());
    let log = folder.path().join("db");
    let mut bytes = fs::read(&log).unwrap();
    let value = bytes.windows(8).position(|it| it == [7; 8]).unwrap();
    bytes[value] ^= 1;
    fs::write(&log, bytes).unwrap();
    match SledBackend::open(folder.path(), &verified) {
        Err(error) => assert!(error.is_corrupt(), "{error:?}"),
        // sled takes a damaged message at the log's end for a commit that was cut short.
        Ok(backend) => assert_eq!(read(&backend), None),
    }
}

#[test]
fn failed_commit_is_never_seen() {
    let folder = TempDir::new().unwrap();
    let backend = open(folder.path());
    write(&backend, 1, 100, true);
    fs::remove_dir_all(folder.path().join("blobs")).unwrap();
    let view = backend.snapshot(&set()).unwrap();
    assert!(commit(&backend, 2, 200_000, false).is_err());
    for view in [view, backend.snapshot(&set()).unwrap()] {
        let seen = view.get(TableId(0), &[0], <[u8]>::to_vec);
        assert!(seen.unwrap_err().is_poisoned());
    }
    assert!(commit(&backend, 3, 100, false).unwrap_err().is_poisoned());
    drop(backend);
    let restarted = TempDir::new().unwrap();
    for name in ["conf", "db"] {
        fs::copy(folder.path().join(name), restarted.path().join(name)).unwrap();
    }
    assert_eq!(read(&open(restarted.path())), Some(1));
}

#[test]
fn failures_say_what_to_do() {
    let says = |kind: io::ErrorKind| failed(Path::new("x"), "read", io::Error::from(kind).into());
    assert!(says(io::ErrorKind::PermissionDenied).is_read_only());
    assert!(says(io::ErrorKind::ReadOnlyFilesystem).is_read_only());
    assert!(says(io::ErrorKind::StorageFull).is_full());
    assert!(says(io::ErrorKind::QuotaExceeded).is_full());
    assert!(matches!(
        says(io::ErrorKind::Interrupted),
        NetabaseError::Sled(_)
    ));
}
