//! Deduplication while others are at work, on a full disk, and in a process that is killed.

use std::{
    fs,
    io::{self, BufReader, Read, Write},
    path::Path,
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
};

use nix_store::{
    StoreDir,
    local::{LocalStore, StoreLayout},
    optimise::{OptimiseOptions, optimise},
    store::{Error, ReadStore, WriteStore},
    verify::{VerifyOptions, verify},
};

use crate::{
    optimise::{assert_sound, run},
    support::{
        Place, Tree, add, assert_canonical, assert_tidy, file, missing, options, partition, sample,
    },
};

/// Objects that share some files with all others, some with half of them, in several directories.
fn object(number: usize) -> Tree {
    let contents = |modulus: usize| file(&format!("contents {}", number % modulus));
    let below = Tree::Directory(vec![
        ("a", contents(2)),
        ("b", contents(1)),
        ("c", contents(3)),
    ]);
    Tree::Directory(vec![
        ("below", below),
        ("own", contents(usize::MAX)),
        ("x", contents(2)),
    ])
}

#[test]
fn runs_at_the_same_time_as_others_and_as_adds_and_deletes_lose_nothing() {
    const OBJECTS: usize = 24;
    let place = Place::new();
    let store = place.store("a");
    let add_one = |number| add(&store, &format!("object-{number}"), &object(number));
    let doomed: Vec<_> = (0..OBJECTS).map(|number| add_one(number).path).collect();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            // A handle of its own each, as other processes have.
            let store = place.store("a");
            let done = &done;
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    run(&store);
                }
            });
        }
        for (number, path) in (OBJECTS..).zip(&doomed) {
            add_one(number);
            if number % 2 == 0 {
                store.delete(&[path.clone()].into()).unwrap();
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    run(&store);
    assert_eq!(store.valid_paths().unwrap().len(), OBJECTS + OBJECTS / 2);
    assert_sound(&store);
    assert_canonical(&store.layout().real_store_dir);
    assert_tidy(&store);
    // The contents 0, 1 and 2 are shared; every object but that of number 1 has others of its own.
    let files = partition(&store.layout().real_store_dir).len();
    assert_eq!(files, 3 + OBJECTS + OBJECTS / 2 - 1);
}

/// The folder of the store, in the process that is to be killed.
const KILLED: &str = "NETABASE_TEST_KILLED";

#[test]
fn a_process_that_is_killed_leaves_every_file_whole() {
    const ROUNDS: usize = 6;
    const OBJECTS: usize = 6;
    if let Some(folder) = std::env::var_os(KILLED) {
        return optimise_and_tell(Path::new(&folder));
    }
    let place = Place::new();
    let contents = VerifyOptions {
        check_contents: true,
        check_metadata: false,
        ..VerifyOptions::default()
    };
    for round in 0..ROUNDS {
        let store = place.store("a");
        for number in 0..OBJECTS {
            add(&store, &format!("object-{round}-{number}"), &object(number));
        }
        let mut command = Command::new(std::env::current_exe().unwrap());
        let test = "races::a_process_that_is_killed_leaves_every_file_whole";
        command.args(["--exact", test]).env(KILLED, place.path("a"));
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let told = BufReader::new(child.stdout.take().unwrap()).bytes();
        // While it is at work on the object after those.
        let is_told = |byte: &io::Result<u8>| byte.as_ref().is_ok_and(|byte| *byte == TOLD);
        let count = told
            .filter(is_told)
            .take(round * OBJECTS + round + 1)
            .count();
        assert!(count > 0);
        child.kill().unwrap();
        child.wait().unwrap();

        let store = place.store("a");
        assert_tidy(&store);
        let report = verify(&store, &contents, &mut |_| {}).unwrap();
        assert!(report.problems.is_empty(), "{:?}", report.problems);
    }
    let store = place.store("a");
    run(&store);
    // What the objects of a round share, and what each of them shares with those of its number.
    let files = partition(&store.layout().real_store_dir).len();
    assert_eq!(files, OBJECTS);
}

/// What the process writes after each object.
const TOLD: u8 = b'!';

fn optimise_and_tell(folder: &Path) {
    let layout = StoreLayout::below(folder, StoreDir::default());
    let store = LocalStore::open(layout, &options()).expect("a store");
    let told = optimise(&store, &OptimiseOptions::default(), &mut |_| {
        let mut out = io::stdout().lock();
        out.write_all(&[TOLD]).expect("somebody listens");
        out.flush().expect("somebody listens");
    });
    told.expect("nothing refuses");
}

/// The folder of a file system with room for few files, in the process that is to fill it.
const FULL_DISK: &str = "NETABASE_TEST_FULL_DISK";

#[test]
fn a_full_disk_is_an_error_and_loses_nothing() {
    if let Some(folder) = std::env::var_os(FULL_DISK) {
        return fill_and_optimise(folder.as_ref());
    }
    let place = Place::new();
    let mount = format!("mount -t tmpfs -o nr_inodes=500,size=64m tmpfs \"${FULL_DISK}\"");
    let with_mount = |then: &str| {
        let mut command = Command::new("unshare");
        command.args(["-Urm", "sh", "-c", &format!("{mount} && {then}")]);
        command.arg(std::env::current_exe().expect("this program"));
        command.env(FULL_DISK, place.path("")).output()
    };
    if !with_mount("true").is_ok_and(|output| output.status.success()) {
        return missing("nobody may mount a file system here");
    }
    let test = "races::a_full_disk_is_an_error_and_loses_nothing";
    let output = with_mount(&format!("exec \"$0\" --exact {test}")).expect("unshare starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}"
    );
}

fn fill_and_optimise(folder: &Path) {
    let place = Place(tempfile::tempdir_in(folder).expect("a folder"));
    let store = place.store("a");
    add(&store, "a", &sample());
    add(&store, "b", &sample());
    let filler = |number: u32| place.path(&format!("filler-{number}"));
    let count = (0..).find(|number| fs::write(filler(*number), "").is_err());
    let mut free = 0..count.expect("an end");
    let mut refused = 0;
    while let Err(error) = optimise(&store, &OptimiseOptions::default(), &mut |_| {}) {
        let is_full = |error: &io::Error| error.kind() == io::ErrorKind::StorageFull;
        assert!(
            matches!(&error, Error::Io { source, .. } if is_full(source)),
            "{error:?}"
        );
        assert_sound(&store);
        assert_canonical(&store.layout().real_store_dir);
        assert_tidy(&store);
        refused += 1;
        let next = free.next().expect("one more");
        fs::remove_file(filler(next)).expect("a file");
    }
    // The directories, then one link after the other.
    assert!(refused > 5, "{refused}");
    assert_eq!(partition(&store.layout().real_store_dir).len(), 5);
}
