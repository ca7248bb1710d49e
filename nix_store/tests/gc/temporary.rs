//! Roots that last as long as a process.

use std::{
    fs::{self, File},
    io::Write,
    os::unix::fs::symlink,
    path::PathBuf,
};

use nix_store::gc::{self, GcLock, GcOptions, TempRoots};

use crate::support::{Place, collect, set, unknown};

fn files(place: &Place) -> Vec<PathBuf> {
    let entries = fs::read_dir(place.layout().temp_roots_dir()).expect("a folder");
    entries
        .map(|entry| entry.expect("an entry").path())
        .collect()
}

#[test]
fn a_process_has_a_file_for_each_use_in_nixs_format_until_it_is_dropped() {
    let place = Place::new();
    let [one, two] = [(); 2].map(|()| TempRoots::open(&place.layout()).expect("a file"));
    assert_eq!(files(&place).len(), 2);
    for file in files(&place) {
        let name = file
            .file_name()
            .expect("a name")
            .to_str()
            .expect("a number");
        // Nix reads names as numbers of 31 bits; those of processes are below 2^22.
        let number: i32 = name.parse().expect("a number");
        assert_eq!(number.cast_unsigned() % (1 << 22), std::process::id());
        assert!(File::open(&file).expect("a file").try_lock().is_err());
    }
    one.add(&unknown("a")).expect("a root");
    one.add(&unknown("a")).expect("a root");
    one.add(&unknown("b")).expect("a root");
    drop(two);
    let [file] = &files(&place)[..] else {
        panic!("there is one file left");
    };
    let full = |name| place.print(&unknown(name)) + "\0";
    assert_eq!(
        fs::read_to_string(file).expect("the file"),
        full("a") + &full("b")
    );
    drop(one);
    assert_eq!(files(&place), [] as [PathBuf; 0]);
}

#[test]
fn hostile_records_are_passed_over_and_unfinished_ones_wait() {
    let place = Place::new();
    let [a, b] = ["a", "b"].map(|name| place.add(name, &[]));
    let store = place.store();
    let full = |path| place.print(path);
    let mut file = File::create(place.state("temproots/1000000")).expect("a file");
    file.lock().expect("a lock");
    let long = "x".repeat(10_000);
    let records = format!(
        "{}\0\0\0/etc/passwd\0{long}\0{}\0{}/\0",
        full(&a),
        full(&b),
        place.layout().store_dir.as_str()
    );
    file.write_all(records.as_bytes()).expect("records");
    file.write_all(b"\xff\xfe\0").expect("records");
    file.write_all(full(&unknown("unfinished")).as_bytes())
        .expect("records");
    for name in [".keep", "text", "99999999999999999999", "-1"] {
        fs::write(place.state(&format!("temproots/{name}")), "").expect("a file");
    }
    fs::create_dir(place.state("temproots/77")).expect("a folder");

    let found = gc::find_roots(&store).expect("roots");
    assert_eq!(found.targets(), set([&a, &b]));
    assert_eq!(found.others, []);
}

#[test]
fn a_file_that_nobody_locks_keeps_nothing_and_a_collection_removes_it() {
    let place = Place::new();
    let a = place.add("a", &[]);
    let store = place.store();
    let stale = place.state("temproots/1000000");
    fs::write(&stale, place.print(&a) + "\0").expect("a file");
    let opened = File::open(&stale).expect("a file");
    assert_eq!(
        gc::dead(&store, &GcOptions::default()).expect("paths"),
        set([&a])
    );
    assert!(stale.exists());
    assert_eq!(collect(&store, &GcOptions::default()).paths, 1);
    assert!(!stale.exists());
    // By this Nix sees that a file that it waits for is gone.
    let read = std::io::read_to_string(opened).expect("text");
    assert!(read.starts_with('d'));
}

#[test]
fn opening_removes_what_dead_processes_left_of_roots_and_nothing_else() {
    let place = Place::new();
    let (dead, held) = (place.state("temproots/77"), place.state("temproots/78"));
    let (other, link) = (
        place.state("temproots/.keep"),
        place.state(".tmp-root-dead"),
    );
    for file in [&dead, &held, &other] {
        fs::write(file, "").expect("a file");
    }
    symlink("/nowhere", &link).expect("a symlink");
    let lock = fs::File::open(&held).expect("a file");
    lock.lock().expect("locked");
    // While others make roots, the link may be theirs.
    let making = GcLock::shared(&place.layout()).expect("a lock");
    drop(place.store());
    assert!(!dead.exists() && held.exists() && other.exists());
    assert!(link.is_symlink());
    drop(making);
    drop(place.store());
    assert!(!link.is_symlink());
    assert!(held.exists());
}

#[test]
fn a_temporary_root_that_cannot_be_read_stops_a_collection() {
    let place = Place::new();
    let a = place.add("a", &[]);
    std::os::unix::fs::symlink("/dev/null", place.state("temproots/77")).expect("a link");
    let store = place.store();
    gc::collect(&store, &GcOptions::default(), &mut |_| {})
        .expect_err("it is unknown what is needed");
    assert!(store.database().is_valid(&a).expect("an answer"));
}

#[test]
fn the_lock_is_shared_or_exclusive_and_leaves_a_dead_socket_for_nix() {
    let place = Place::new();
    let layout = place.layout();
    let shared = [(); 2].map(|()| GcLock::shared(&layout).expect("a lock"));
    let file = File::open(place.state("gc.lock")).expect("a file");
    assert!(file.try_lock().is_err());
    drop(shared);
    file.try_lock().expect("nobody has it");
    drop(file);
    let exclusive = GcLock::exclusive(&layout).expect("a lock");
    let file = File::open(place.state("gc.lock")).expect("a file");
    assert!(file.try_lock_shared().is_err());
    // Without the socket, Nix 2.8 would go on as if it had the lock.
    let socket = place.state("gc-socket/socket");
    let refused = std::os::unix::net::UnixStream::connect(&socket).expect_err("nobody listens");
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    drop(exclusive);
    drop(GcLock::exclusive(&layout).expect("a lock"));
}

#[test]
fn the_socket_can_lie_deep() {
    let place = Place::new();
    let mut layout = place.layout();
    layout.state_dir = layout.state_dir.join("d".repeat(150));
    drop(GcLock::exclusive(&layout).expect("a lock"));
    assert!(layout.state_dir.join("gc-socket/socket").exists());
}
