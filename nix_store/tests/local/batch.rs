//! Objects of a batch become valid together, and one that cannot holds up nobody before it.

use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt};

use nix_core::{
    content_address::ContentAddressMethod::Flat,
    hash::{Algorithm, Sha256},
    path_info::PathInfo,
    signature::SecretKey,
    store_path::{StoreDir, StorePath},
};
use nix_store::{
    local::{Batch, LocalOptions},
    store::{Added, Error, ReadStore, WriteStore},
};

use crate::support::{Place, archive, check_all, info, method, name, recursive};

/// Adds an object with some references to a batch.
fn add(batch: &mut Batch<'_>, text: &str, references: &[&StorePath]) -> StorePath {
    let nar = archive(text.as_bytes());
    let mut info = info(text, &nar);
    info.references = references.iter().map(|path| (*path).clone()).collect();
    batch.add_nar(&info, &mut &nar[..]).expect("unpacked")
}

/// Commits a batch, and returns what it told.
fn commit(batch: &mut Batch<'_>) -> (Vec<(Added, PathInfo)>, Result<(), Error>) {
    let mut told = Vec::new();
    let committed = batch.commit(&mut |added, info| told.push((added, info)));
    (told, committed)
}

fn names(told: &[(Added, PathInfo)]) -> Vec<&str> {
    told.iter().map(|(_, info)| info.path.name()).collect()
}

#[test]
fn the_objects_of_a_batch_become_valid_together() {
    let place = Place::with(&LocalOptions::default());
    let mut batch = place.store.batch();
    let first = add(&mut batch, "first", &[]);
    let second = add(&mut batch, "second", &[&first]);
    let file = place.file("third", b"third");
    let third = batch.add_path(&file, &name("third"), recursive());
    let third = third.expect("unpacked");
    assert_eq!(place.store.valid_paths().expect("read"), BTreeSet::new());
    assert_eq!(place.objects(), BTreeSet::new());

    let (told, committed) = commit(&mut batch);
    committed.expect("committed");
    assert_eq!(names(&told), ["first", "second", "third"]);
    assert!(told.iter().all(|(added, _)| *added == Added::New));
    let known = |path| place.store.path_info(path).expect("read").expect("valid");
    for (_, info) in &told {
        assert_eq!(known(&info.path), *info);
        assert!(info.registration_time > 0);
    }
    assert_eq!(known(&second).references, [first].into());
    assert_eq!(known(&third).nar_hash, Sha256::of(&archive(b"third")));
    assert_eq!(check_all(&place.store), 3);
    assert_eq!(place.unfinished(), [""; 0]);
    let (told, committed) = commit(&mut batch);
    committed.expect("nothing waits");
    assert_eq!(told, []);
}

#[test]
fn a_batch_that_is_dropped_leaves_nothing() {
    let place = Place::new();
    let mut batch = place.store.batch();
    add(&mut batch, "one", &[]);
    assert_eq!(place.unfinished().len(), 1);
    drop(batch);
    assert_eq!(place.unfinished(), [""; 0]);
    assert_eq!(place.objects(), BTreeSet::new());
    assert_eq!(place.store.valid_paths().expect("read"), BTreeSet::new());
}

#[test]
fn what_is_refused_as_it_comes_is_not_in_the_batch() {
    let place = Place::new();
    let mut batch = place.store.batch();
    add(&mut batch, "one", &[]);
    let nar = archive(b"bad");
    let cut = batch.add_nar(&info("bad", &nar), &mut &nar[..nar.len() - 8]);
    assert!(matches!(cut, Err(Error::Unpack { .. })), "{cut:?}");
    let mut early = info("early", &nar);
    early.references.insert(info("late", &nar).path);
    let error = batch.add_nar(&early, &mut &nar[..]);
    let is_refused = matches!(&error, Err(Error::ReferenceNotValid { .. }));
    assert!(is_refused, "{error:?}");
    let missing = batch.add_path(&place.path("missing"), &name("missing"), recursive());
    assert!(missing.is_err());
    add(&mut batch, "two", &[]);
    let (told, committed) = commit(&mut batch);
    committed.expect("committed");
    assert_eq!(names(&told), ["one", "two"]);
    assert_eq!(place.objects().len(), 2);
    assert_eq!(place.unfinished(), [""; 0]);
}

/// Adds an object for others to refer to.
fn add_needed(place: &Place) -> StorePath {
    let mut batch = place.store.batch();
    let needed = add(&mut batch, "needed", &[]);
    commit(&mut batch).1.expect("committed");
    needed
}

#[test]
fn of_a_batch_with_an_object_that_cannot_become_valid_those_before_it_do() {
    let place = Place::new();
    let needed = add_needed(&place);
    let mut batch = place.store.batch();
    add(&mut batch, "before", &[]);
    let refers = add(&mut batch, "refers", &[&needed]);
    add(&mut batch, "after", &[]);
    place
        .store
        .delete(&[needed.clone()].into())
        .expect("deleted");

    let (told, committed) = commit(&mut batch);
    let Err(Error::ReferenceNotValid { path, reference }) = committed else {
        panic!("{committed:?}");
    };
    assert_eq!((path, reference), (refers, needed));
    assert_eq!(names(&told), ["before"]);
    let (_, before) = &told[0];
    let valid = place.store.valid_paths().expect("read");
    assert_eq!(valid, [before.path.clone()].into());
    assert_eq!(place.objects(), [before.path.base_name().to_owned()].into());
    assert_eq!(place.unfinished(), [""; 0]);
    add(&mut batch, "after", &[]);
    commit(&mut batch).1.expect("committed");
    assert_eq!(check_all(&place.store), 2);
}

#[test]
fn what_lay_in_the_place_of_a_refused_object_lies_there_still() {
    let place = Place::new();
    let needed = add_needed(&place);
    let mut batch = place.store.batch();
    let refers = add(&mut batch, "refers", &[&needed]);
    place.store.delete(&[needed].into()).expect("deleted");
    fs::write(place.store.real_path(&refers), "older").expect("a leftover");
    let (told, committed) = commit(&mut batch);
    assert!(committed.is_err());
    assert_eq!(told, []);
    let found = fs::read(place.store.real_path(&refers));
    assert_eq!(found.expect("it is there"), b"older");
}

#[test]
fn a_path_that_comes_twice_is_joined() {
    let place = Place::new();
    let nar = archive(b"one");
    let first = info("one", &nar);
    let mut second = first.clone();
    let key = SecretKey::from_seed("key-1".parse().expect("a name"), &[1; 32]);
    second.sign(&StoreDir::default(), &key).expect("signed");
    let mut batch = place.store.batch();
    batch.add_nar(&first, &mut &nar[..]).expect("unpacked");
    // It is not compared, as where the path is valid.
    let mut other = archive(b"two");
    other.extend(b"more");
    let mut reader = &other[..];
    batch.add_nar(&second, &mut reader).expect("passed over");
    assert_eq!(reader, b"more");
    let (told, committed) = commit(&mut batch);
    committed.expect("committed");
    let added: Vec<_> = told.iter().map(|(added, _)| *added).collect();
    assert_eq!(added, [Added::New, Added::Present]);
    let known = place.store.path_info(&first.path).expect("read");
    assert_eq!(known.expect("valid").signatures, second.signatures);
}

#[test]
fn of_two_files_of_one_path_the_first_stays() {
    let place = Place::new();
    let plain = place.file("plain", b"#!/bin/sh\n");
    let executable = place.file("executable", b"#!/bin/sh\n");
    fs::set_permissions(&executable, fs::Permissions::from_mode(0o755)).expect("a mode");
    let how = method(Flat, Algorithm::Sha256);
    let mut batch = place.store.batch();
    let mut add = |file| {
        batch
            .add_path(file, &name("script"), how)
            .expect("unpacked")
    };
    assert_eq!(add(&plain), add(&executable));
    let (told, committed) = commit(&mut batch);
    committed.expect("committed");
    assert_eq!(told[0].1, told[1].1);
    assert_eq!(told[1].0, Added::Present);
    let (_, info) = commit_one(&place, &executable);
    assert_eq!(info, told[0].1);
    assert_eq!(check_all(&place.store), 1);
}

fn commit_one(place: &Place, file: &std::path::Path) -> (Added, PathInfo) {
    let mut batch = place.store.batch();
    let how = method(Flat, Algorithm::Sha256);
    batch
        .add_path(file, &name("script"), how)
        .expect("unpacked");
    let (mut told, committed) = commit(&mut batch);
    committed.expect("committed");
    told.remove(0)
}

#[test]
fn a_batch_is_due_with_many_objects() {
    let place = Place::new();
    let mut batch = place.store.batch();
    let mut told = 0;
    for number in 0..256 {
        // One at once is not due; whether the time is over depends on the machine.
        if number == 1 {
            assert_eq!(told, 0);
        }
        add(&mut batch, &format!("object-{number}"), &[]);
        let committed = batch.commit_when_due(&mut |_, _| told += 1);
        committed.expect("committed");
    }
    assert!(told > 0);
    commit(&mut batch).1.expect("committed");
    assert_eq!(place.objects().len(), 256);
}
