//! Deduplication while others are at work, and on a full disk.

use std::{
    fs, io,
    os::unix::fs::{MetadataExt, symlink},
    path::Path,
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
};

use nix_store::{
    optimise::{OptimiseOptions, optimise},
    store::{Error, ReadStore, WriteStore},
};

use crate::{
    optimise::{assert_sound, run},
    support::{
        Place, Tree, add, assert_canonical, assert_tidy, file, missing, partition, sample,
        set_mode, set_time,
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

#[test]
fn directories_that_a_dead_process_left_writable_are_as_before_once_the_store_is_opened() {
    let place = Place::new();
    let store = place.store("a");
    let paths = [("a", 1), ("b", 2)].map(|(name, number)| add(&store, name, &object(number)).path);
    let [dead, other] = paths.map(|path| store.real_path(&path));
    let leave_open = || {
        for folder in [dead.join("below"), dead.clone(), other.clone()] {
            set_mode(&folder, 0o755);
            set_time(&folder, 77);
        }
    };
    let ours = store.layout().real_store_dir.join(".netabase");
    let note = |name: &str, target: &Path| {
        fs::create_dir(ours.join(name)).unwrap();
        symlink(target, ours.join(name).join("opened")).unwrap();
        fs::File::open(ours.join(name)).unwrap()
    };
    let mode = |path: &Path| {
        let metadata = fs::metadata(path).unwrap();
        (metadata.mode() & 0o777, metadata.mtime())
    };
    leave_open();
    // What was noted by who lives, what is no object, and what is gone changes nothing.
    let living = note("tmp-1-living", dead.file_name().unwrap().as_ref());
    living.lock().unwrap();
    note("tmp-1-other", &Path::new("..").join("store"));
    note(
        "tmp-1-gone",
        "g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-gone".as_ref(),
    );
    drop(place.store("a"));
    assert_eq!(mode(&dead), (0o755, 77));
    drop(living);
    drop(place.store("a"));
    assert_eq!(mode(&dead), (0o555, 1));
    assert_eq!(mode(&dead.join("below")), (0o555, 1));
    assert_eq!(mode(&other), (0o755, 77));
    assert_tidy(&store);
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
