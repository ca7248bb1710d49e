//! What lies in a store's directory without being valid.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs::{self, File},
    os::unix::{ffi::OsStrExt, fs::symlink},
};

use nix_store::gc::{self, GcOptions, TempRoots, add_root};

use crate::support::{Place, collect, entries, set, unknown, valid};

#[test]
fn leftovers_of_every_kind_are_removed() {
    let place = Place::new();
    let a = place.add("a", &[]);
    let store = place.store();
    add_root(&store, "mine", &a).expect("a root");
    let dir = place.layout().real_store_dir;
    // A root of what is not valid keeps nothing.
    let link = place.state("gcroots/invalid");
    symlink(place.print(&unknown("folder")), link).expect("a link");
    let folder = dir.join(unknown("folder").base_name());
    fs::create_dir_all(folder.join("deep/er")).expect("a folder");
    fs::write(folder.join("deep/er/file"), "1").expect("a file");
    fs::write(dir.join(format!("{}.lock", a.base_name())), "").expect("a file");
    fs::write(dir.join("no path"), "2").expect("a file");
    fs::write(dir.join(OsStr::from_bytes(b"\xff\n")), "3").expect("a file");
    fs::create_dir(dir.join("tmp-4000000000-1")).expect("a folder");
    symlink("/etc", dir.join(unknown("link").base_name())).expect("a link");
    symlink("/dev/null", dir.join(".tmp-link-4000000000-1")).expect("a link");
    drop(std::os::unix::net::UnixListener::bind(dir.join("socket")).expect("a socket"));

    let dead = gc::dead(&store, &GcOptions::default()).expect("paths");
    let lock = unknown("x").to_name();
    assert_eq!(
        dead.len(),
        3,
        "folder, link and the lock: {dead:?} {lock:?}"
    );
    let report = collect(&store, &GcOptions::default());
    assert_eq!((report.paths, report.leftovers), (0, 8));
    assert!(report.bytes > 0);
    assert_eq!(entries(&dir), BTreeSet::from([a.base_name().to_owned()]));
    assert!(fs::metadata("/etc").is_ok());
}

#[test]
fn what_somebody_is_at_stays() {
    let place = Place::new();
    place.store();
    let dir = place.layout().real_store_dir;
    let store = place.store();
    let name = |name: String| dir.join(name);
    // A build: its output is locked, and not there yet in full.
    let building = unknown("building");
    let lock = place.path("lock");
    fs::write(&lock, "").expect("a file");
    let in_store = name(format!("{}.lock", building.base_name()));
    fs::hard_link(&lock, in_store).expect("a link");
    let lock = File::open(&lock).expect("a file");
    lock.lock().expect("a lock");
    fs::write(name(building.base_name().to_owned()), "half").expect("a file");
    // A temporary root keeps what has its hash part.
    let rooted =
        nix_core::store_path::StorePath::from_base_name("0c6xjbh5yfsyn5i9x8p5x1p1vvdd4n5r-rooted");
    let rooted = rooted.expect("a path");
    let temporary = TempRoots::open(&place.layout()).expect("temporary roots");
    temporary.add(&rooted).expect("a root");
    fs::create_dir(name(rooted.base_name().to_owned())).expect("a folder");
    fs::create_dir(name(format!("{}.chroot", rooted.base_name()))).expect("a folder");
    // What processes that live have not finished.
    fs::create_dir(name(format!("tmp-{}-7", std::process::id()))).expect("a folder");
    let locked = name("tmp-4000000000-1".to_owned());
    fs::create_dir(&locked).expect("a folder");
    let locked = File::open(locked).expect("a folder");
    locked.lock().expect("a lock");

    let before = entries(&dir);
    assert_eq!(before.len(), 6);
    assert_eq!(
        gc::dead(&store, &GcOptions::default())
            .expect("paths")
            .len(),
        2
    );
    assert_eq!(collect(&store, &GcOptions::default()).leftovers, 0);
    assert_eq!(entries(&dir), before);
    drop((lock, locked, temporary));
    assert_eq!(collect(&store, &GcOptions::default()).leftovers, 5);
    assert_eq!(entries(&dir).len(), 1);
}

#[test]
fn what_a_process_has_open_stays() {
    let place = Place::new();
    let store = place.store();
    let path = store.real_path(&unknown("open"));
    fs::write(&path, "").expect("a file");
    let file = File::open(&path).expect("a file");
    assert_eq!(collect(&store, &GcOptions::default()).leftovers, 0);
    drop(file);
    assert_eq!(collect(&store, &GcOptions::default()).leftovers, 1);
}

#[test]
fn a_lock_that_is_removed_says_so_to_those_who_wait_for_it() {
    let place = Place::new();
    let store = place.store();
    let lock = place
        .layout()
        .real_store_dir
        .join(format!("{}.lock", unknown("x").base_name()));
    fs::write(&lock, "").expect("a file");
    // Opened by its name in the store, it would be in use.
    let waiting = place.path("waiting");
    fs::hard_link(&lock, &waiting).expect("a link");
    assert_eq!(collect(&store, &GcOptions::default()).leftovers, 1);
    assert!(!lock.exists());
    assert_eq!(fs::read(&waiting).expect("the file"), b"d");
}

#[test]
fn what_is_valid_without_a_root_is_no_leftover_but_goes_as_a_path() {
    let place = Place::new();
    let [a, b] = ["a", "b"].map(|name| place.add(name, &[]));
    let store = place.store();
    add_root(&store, "mine", &a).expect("a root");
    let report = collect(&store, &GcOptions::default());
    assert_eq!((report.paths, report.leftovers), (1, 0));
    assert_eq!(valid(&store), set([&a]));
    assert!(!store.real_path(&b).exists());
}
