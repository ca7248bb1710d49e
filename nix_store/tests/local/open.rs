//! Opening a store, reading it only, and what crashed processes left.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::{MetadataExt, symlink},
};

use nix_core::store_path::References;
use nix_store::{
    local::{LocalOptions, LocalStore},
    store::{Error, NewObject, ReadStore, WriteStore},
};

use crate::support::{Place, archive, info, layout, name, names, open, quick, recursive};

fn reading() -> LocalOptions {
    LocalOptions {
        read_only: true,
        ..quick()
    }
}

#[test]
fn a_store_remembers_what_was_added() {
    let place = Place::new();
    let nar = archive(b"one");
    place
        .store
        .add_nar(&info("one", &nar), &mut &nar[..])
        .expect("added");
    let again = open(place.folder.path(), &quick());
    assert!(again.is_valid(&info("one", &nar).path).expect("read"));
}

#[test]
fn a_store_that_is_only_read_refuses_every_change_and_writes_nothing() {
    let place = Place::new();
    let nar = archive(b"one");
    let one = info("one", &nar);
    place.store.add_nar(&one, &mut &nar[..]).expect("added");
    let Place { store, folder } = place;
    drop(store);
    let stamps = |below: &str| {
        let path = folder.path().join(below);
        let stat = |name: &String| {
            let metadata = fs::symlink_metadata(path.join(name)).expect("it is there");
            (name.clone(), metadata.mtime_nsec(), metadata.ctime_nsec())
        };
        names(&path).iter().map(stat).collect::<Vec<_>>()
    };
    let below = [
        "nix/store",
        "nix/var/nix",
        "nix/var/nix/db",
        "nix/var/nix/temproots",
    ];
    let before = below.map(stamps);

    let store = open(folder.path(), &reading());
    assert_eq!(
        store
            .write_nar(&one.path, &mut std::io::sink())
            .expect("read"),
        nar.len() as u64
    );
    let two = info("two", &nar);
    let new = NewObject {
        name: name("new"),
        how: recursive(),
        references: References::default(),
    };
    let paths = BTreeSet::from([one.path.clone()]);
    let errors = [
        store.add_nar(&two, &mut &nar[..]).err(),
        store.add(&new, &mut &nar[..]).err(),
        store.add_path(folder.path(), &name("x"), recursive()).err(),
        store.add_text(&name("x"), b"x", &BTreeSet::new()).err(),
        store.register(&[two]).err(),
        store.delete(&paths).err(),
        store.add_signatures(&one.path, &BTreeSet::new()).err(),
        store.import(&mut &[0; 8][..]).err(),
    ];
    for error in errors {
        assert!(matches!(error, Some(Error::ReadOnly)), "{error:?}");
    }
    drop(store);
    assert_eq!(below.map(stamps), before);
}

#[test]
fn a_store_that_is_not_there_is_not_made_to_be_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let error = LocalStore::open(layout(folder.path()), &reading());
    assert!(matches!(error, Err(Error::Io { .. })), "{error:?}");
    assert_eq!(names(folder.path()), BTreeSet::new());
}

#[test]
fn a_symlink_in_the_place_of_the_store_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let elsewhere = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("nix")).expect("a folder");
    symlink(elsewhere.path(), folder.path().join("nix/store")).expect("a symlink");
    for options in [reading(), quick()] {
        let error = LocalStore::open(layout(folder.path()), &options);
        assert!(matches!(error, Err(Error::Io { .. })), "{error:?}");
    }
    assert_eq!(names(elsewhere.path()), BTreeSet::new());
}

#[test]
fn a_file_in_the_place_of_a_directory_is_a_typed_error() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("nix"), "").expect("a file");
    let error = LocalStore::open(layout(folder.path()), &quick());
    assert!(matches!(error, Err(Error::Io { .. })), "{error:?}");
}

#[test]
fn opening_removes_what_no_process_holds_and_nothing_else() {
    let place = Place::new();
    let nar = archive(b"one");
    place
        .store
        .add_nar(&info("one", &nar), &mut &nar[..])
        .expect("added");
    let ours = place.store.layout().real_store_dir.join(".netabase");
    let (dead, held) = (ours.join("tmp-1-dead"), ours.join("tmp-1-held"));
    for directory in [&dead, &held] {
        fs::create_dir_all(directory.join("object/of")).expect("folders");
        fs::write(directory.join("object/of/file"), "x").expect("a file");
    }
    let outside = place.file("outside", b"outside");
    symlink(&outside, ours.join("tmp-1-link")).expect("a symlink");
    let lock = fs::File::open(&held).expect("open");
    lock.lock().expect("locked");

    drop(open(place.folder.path(), &quick()));
    assert_eq!(place.unfinished(), ["tmp-1-held"]);
    assert!(held.join("object/of/file").exists());
    assert_eq!(fs::read(&outside).expect("a file"), b"outside");
    drop(lock);
    drop(open(place.folder.path(), &quick()));
    assert_eq!(place.unfinished(), [""; 0]);
    assert_eq!(place.objects().len(), 1);
}
