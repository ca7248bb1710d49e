//! Deleting paths by name.

use std::{collections::BTreeSet, fs};

use nix_store::{
    gc::{TempRoots, add_root, delete},
    store::Error,
};

use crate::support::{Place, set, unknown, valid};

#[test]
fn a_path_that_is_needed_is_not_deleted_and_the_error_says_why() {
    let place = Place::new();
    let leaf = place.add("leaf", &[]);
    let middle = place.add("middle", &[&leaf]);
    let top = place.add("top", &[&middle]);
    let free = place.add("free", &[]);
    let store = place.store();
    let link = add_root(&store, "mine", &top).expect("a root");
    for path in [&leaf, &middle, &top] {
        match delete(&store, &set([&free, path]), false) {
            Err(Error::Alive { path: named, root }) => {
                assert_eq!((&named, root), (path, link.display().to_string()));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(valid(&store).len(), 4);
    // Roots are passed over, referrers are not.
    match delete(&store, &set([&leaf]), true) {
        Err(Error::HasReferrers { path, referrer }) => {
            assert_eq!((path, referrer), (leaf.clone(), middle.clone()))
        }
        other => panic!("{other:?}"),
    }
    let all = set([&leaf, &middle, &top, &free]);
    let deleted = delete(&store, &all, true).expect("they go");
    assert_eq!(deleted.paths, all);
    assert!(deleted.bytes > 0);
    assert_eq!(valid(&store), BTreeSet::new());
    assert!(!store.real_path(&leaf).exists());
}

#[test]
fn a_path_that_only_the_dead_refer_to_needs_them_to_go_too() {
    let place = Place::new();
    let leaf = place.add("leaf", &[]);
    let top = place.add("top", &[&leaf]);
    let store = place.store();
    let refused = delete(&store, &set([&leaf]), false);
    assert!(matches!(refused, Err(Error::HasReferrers { .. })));
    let deleted = delete(&store, &set([&leaf, &top]), false).expect("they go");
    assert_eq!(deleted.paths, set([&leaf, &top]));
}

#[test]
fn a_temporary_root_is_heeded_in_any_case() {
    let place = Place::new();
    let leaf = place.add("leaf", &[]);
    let store = place.store();
    let temporary = TempRoots::open(&place.layout()).expect("temporary roots");
    temporary.add(&leaf).expect("a root");
    let refused = delete(&store, &set([&leaf]), true);
    assert!(matches!(refused, Err(Error::Alive { root, .. }) if root.starts_with("{temp:")));
    drop(temporary);
    assert_eq!(
        delete(&store, &set([&leaf]), true).expect("it goes").paths,
        set([&leaf])
    );
}

#[test]
fn what_lies_in_the_place_of_a_path_goes_though_it_is_not_valid() {
    let place = Place::new();
    let store = place.store();
    let path = unknown("leftover");
    fs::create_dir_all(store.real_path(&path).join("below")).expect("a folder");
    let deleted = delete(&store, &set([&path]), false).expect("it goes");
    assert_eq!(deleted.paths, BTreeSet::new());
    assert!(!store.real_path(&path).exists());
}
