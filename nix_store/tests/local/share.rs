//! Files that are shared as they are added.

use std::{collections::BTreeSet, fs, os::unix::fs::MetadataExt, path::Path};

use nix_core::{path_info::PathInfo, store_path::StorePath};
use nix_store::{
    local::{BuiltOutput, LocalOptions},
    optimise::{LinkOptions, link_or_copy},
    store::{Added, ReadStore, WriteStore},
};

use crate::support::{Place, archive, info, name, open, packed, quick, recursive};

fn sharing() -> LocalOptions {
    LocalOptions {
        optimise: true,
        ..quick()
    }
}

fn inode(place: &Place, path: &StorePath) -> u64 {
    let metadata = fs::metadata(place.store.real_path(path));
    metadata.expect("it is there").ino()
}

/// Adds one content under two names.
fn add_twice(place: &Place) -> [PathInfo; 2] {
    let file = place.file("file", b"the same");
    ["a", "b"].map(|text| {
        let added = place.store.add_path(&file, &name(text), recursive());
        added.expect("added")
    })
}

#[test]
fn equal_files_that_are_added_share_one_inode_where_that_is_asked_for() {
    for (options, is_shared) in [(quick(), false), (sharing(), true)] {
        let place = Place::with(&options);
        let [a, b] = add_twice(&place).map(|info| inode(&place, &info.path));
        assert_eq!(a == b, is_shared);
        let links = place.store.layout().real_store_dir.join(".links");
        assert_eq!(links.exists(), is_shared);
        assert!(place.store.take_not_shared().is_none());
        assert_eq!(place.unfinished(), [""; 0]);
    }
    assert!(!LocalOptions::default().optimise);
}

#[test]
fn whatever_makes_an_object_valid_shares_its_files() {
    let place = Place::with(&sharing());
    let [first, _] = add_twice(&place);
    let expected = inode(&place, &first.path);
    let nar = packed(&place.store.real_path(&first.path));

    let archived = info("archived", &nar);
    let added = place.store.add_nar(&archived, &mut &nar[..]);
    assert_eq!(added.expect("added"), Added::New);
    let put = |info: &PathInfo| {
        fs::write(place.store.real_path(&info.path), b"the same").expect("a file");
    };
    let placed = info("placed", &nar);
    put(&placed);
    let registered = place.store.register(std::slice::from_ref(&placed));
    registered.expect("registered");
    let built = info("built", &nar);
    put(&built);
    let output = BuiltOutput {
        path: built.path.clone(),
        deriver: None,
        content_address: None,
    };
    let registered = place.store.register_outputs(&[output], &BTreeSet::new());
    registered.expect("registered");
    let mut stream = Vec::new();
    let other = Place::new();
    let text = other
        .store
        .add_text(&name("text"), b"the same", &BTreeSet::new());
    let text = text.expect("added").path;
    other
        .store
        .export(std::slice::from_ref(&text), &mut stream)
        .expect("a stream");
    place.store.import(&mut &stream[..]).expect("imported");
    let linked = other
        .store
        .add_text(&name("linked"), b"the same", &BTreeSet::new());
    let linked = linked.expect("added").path;
    let report = link_or_copy(&other.store, &place.store, &linked, LinkOptions::default());
    report.expect("linked");

    for path in [&archived.path, &placed.path, &built.path, &text, &linked] {
        assert_eq!(inode(&place, path), expected, "{path}");
    }
    assert!(place.store.take_not_shared().is_none());
}

#[test]
fn an_object_whose_files_cannot_be_shared_is_added_all_the_same() {
    let place = Place::with(&sharing());
    let links = place.store.layout().real_store_dir.join(".links");
    fs::write(&links, "no directory").expect("a file");
    let [a, b] = add_twice(&place);
    for info in [&a, &b] {
        assert!(place.store.is_valid(&info.path).expect("an answer"));
    }
    assert_ne!(inode(&place, &a.path), inode(&place, &b.path));
    let not_shared = place.store.take_not_shared().expect("a reason");
    assert_eq!((not_shared.objects, &not_shared.path), (2, &a.path));
    assert!(std::error::Error::source(&not_shared.source).is_some());
    assert!(place.store.take_not_shared().is_none());
    assert_eq!(place.unfinished(), [""; 0]);
    // Where it can be done again, it is.
    fs::remove_file(&links).expect("the file");
    let again = open(place.path("").as_path(), &sharing());
    let file = place.path("file");
    let add = |text: &str| {
        let added = again.add_path(Path::new(&file), &name(text), recursive());
        inode(&place, &added.expect("added").path)
    };
    assert_eq!(add("c"), add("d"));
}

#[test]
fn an_object_that_is_refused_is_not_shared() {
    let place = Place::with(&sharing());
    let nar = archive(b"the same");
    let mut wrong = info("wrong", &nar);
    wrong.nar_size += 1;
    place
        .store
        .add_nar(&wrong, &mut &nar[..])
        .expect_err("another size");
    let links = place.store.layout().real_store_dir.join(".links");
    assert!(!links.exists());
    assert!(place.store.take_not_shared().is_none());
}
