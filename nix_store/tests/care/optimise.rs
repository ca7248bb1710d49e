//! Files of equal content that lie on the disk once.

use std::{fs, os::unix::fs::MetadataExt, path::PathBuf};

use nix_store::{
    local::{LocalOptions, LocalStore},
    optimise::{LinksLayout, OptimiseOptions, OptimiseReport, optimise, optimise_path},
    store::{Error, ReadStore, WriteStore},
    verify::{VerifyOptions, verify},
};

use crate::support::{
    Place, add, assert_canonical, assert_tidy, corrupt, file, inode, missing, options, partition,
    sample, set_mode, set_time,
};

pub(crate) fn run(store: &LocalStore) -> OptimiseReport {
    optimise(store, &OptimiseOptions::default(), &mut |_| {}).expect("nothing refuses")
}

pub(crate) fn assert_sound(store: &LocalStore) {
    let options = VerifyOptions {
        check_contents: true,
        ..VerifyOptions::default()
    };
    let report = verify(store, &options, &mut |_| {}).expect("a store that can be read");
    assert!(report.problems.is_empty(), "{:?}", report.problems);
}

fn links(store: &LocalStore) -> Vec<PathBuf> {
    let entries = fs::read_dir(store.layout().links_dir()).expect("links");
    entries
        .map(|entry| entry.expect("an entry").path())
        .collect()
}

#[test]
fn equal_files_become_one_and_keep_contents_permissions_and_times() {
    let place = Place::new();
    let store = place.store("a");
    let (a, b) = (add(&store, "a", &sample()), add(&store, "b", &sample()));
    let (a, b) = (store.real_path(&a.path), store.real_path(&b.path));
    let large_bytes = fs::metadata(b.join("large")).unwrap().blocks() * 512;
    let small_bytes = fs::metadata(b.join("plain")).unwrap().blocks() * 512;

    let report = run(&store);
    assert_eq!((report.objects, report.files), (2, 10));
    assert_eq!(
        (report.first, report.linked, report.linked_before),
        (5, 5, 0)
    );
    assert_eq!(
        (report.skipped, report.small, report.links_repaired),
        (0, 0, 0)
    );
    // The script twice: once of each kind.
    assert_eq!(report.bytes_saved, large_bytes + 2 * small_bytes);
    for name in ["bin/run", "empty", "large", "link", "plain"] {
        assert_eq!(inode(a.join(name)), inode(b.join(name)), "{name}");
    }
    assert_ne!(inode(a.join("bin/run")), inode(a.join("plain")));
    assert_eq!(links(&store).len(), 5);
    assert_canonical(&store.layout().real_store_dir);
    assert_sound(&store);
    assert_tidy(&store);
}

#[test]
fn a_second_run_links_nothing() {
    let place = Place::new();
    let store = place.store("a");
    add(&store, "a", &sample());
    add(&store, "b", &sample());
    run(&store);
    let before = partition(&store.layout().real_store_dir);
    let report = run(&store);
    assert_eq!((report.first, report.linked, report.bytes_saved), (0, 0, 0));
    assert_eq!(report.linked_before, 10);
    assert_eq!(partition(&store.layout().real_store_dir), before);
}

#[test]
fn links_are_named_by_the_hash_of_the_archive_of_the_file() {
    let place = Place::new();
    let store = place.store("a");
    let info = add(&store, "a", &file("hello"));
    let name = nix_core::nix32::encode(&info.nar_hash.0);
    run(&store);
    let link = store.layout().links_dir().join(name);
    assert_eq!(inode(link), inode(store.real_path(&info.path)));
}

#[test]
fn objects_that_are_one_file_are_linked_too() {
    let place = Place::new();
    let store = place.store("a");
    let (a, b) = (add(&store, "a", &file("x")), add(&store, "b", &file("x")));
    assert_eq!(run(&store).linked, 1);
    assert_eq!(
        inode(store.real_path(&a.path)),
        inode(store.real_path(&b.path))
    );
    assert_sound(&store);
}

#[test]
fn an_object_is_linked_to_what_was_deduplicated_before() {
    let place = Place::new();
    let store = place.store("a");
    add(&store, "a", &sample());
    run(&store);
    let b = add(&store, "b", &sample());
    let report = optimise_path(&store, &b.path, &OptimiseOptions::default()).unwrap();
    assert_eq!((report.objects, report.linked, report.first), (1, 5, 0));
    let report = optimise_path(&store, &b.path, &OptimiseOptions::default()).unwrap();
    assert_eq!((report.linked, report.linked_before), (0, 5));
}

#[test]
fn bytes_count_as_saved_only_when_no_name_of_the_file_is_left() {
    let place = Place::new();
    let store = place.store("a");
    for name in ["a", "b"] {
        let path = store.real_path(&add(&store, name, &file("x")).path);
        fs::hard_link(path, place.path(&format!("other-{name}"))).unwrap();
    }
    let report = run(&store);
    assert_eq!((report.linked, report.bytes_saved), (1, 0));
}

#[test]
fn files_without_the_metadata_of_an_object_are_left_alone() {
    let place = Place::new();
    let store = place.store("a");
    let names = ["a", "b", "c", "d", "e"];
    let paths = names.map(|name| store.real_path(&add(&store, name, &file("x")).path));
    set_mode(&paths[0], 0o644);
    set_mode(&paths[1], 0o4555);
    set_time(&paths[2], 2);
    let report = run(&store);
    assert_eq!((report.skipped, report.first, report.linked), (3, 1, 1));
    assert_eq!(inode(&paths[3]), inode(&paths[4]));
    assert_eq!(partition(&store.layout().real_store_dir).len(), 4);
}

#[test]
fn small_files_are_left_alone_where_asked() {
    let place = Place::new();
    let store = place.store("a");
    add(&store, "a", &sample());
    add(&store, "b", &sample());
    let options = OptimiseOptions {
        bytes_min: 4096,
        ..OptimiseOptions::default()
    };
    let report = optimise(&store, &options, &mut |_| {}).unwrap();
    assert_eq!((report.small, report.first, report.linked), (8, 1, 1));
}

#[test]
fn what_is_not_valid_is_left_alone() {
    let place = Place::new();
    let store = place.store("a");
    let info = add(&store, "a", &file("x"));
    let stray = store
        .layout()
        .real_store_dir
        .join("00000000000000000000000000000000-stray");
    fs::copy(store.real_path(&info.path), &stray).unwrap();
    set_mode(&stray, 0o444);
    set_time(&stray, 1);
    assert_eq!(run(&store).files, 1);
    assert_eq!(fs::metadata(stray).unwrap().nlink(), 1);
}

#[test]
fn a_damaged_link_is_replaced_and_spreads_to_nobody() {
    let place = Place::new();
    let store = place.store("a");
    let a = store.real_path(&add(&store, "a", &file("good")).path);
    run(&store);
    let link = &links(&store)[0];
    // The same size, permissions and time: only its bytes say that it is damaged.
    corrupt(&a, b"evil");
    let b = store.real_path(&add(&store, "b", &file("good")).path);
    let c = store.real_path(&add(&store, "c", &file("good")).path);
    let report = run(&store);
    assert_eq!((report.links_repaired, report.linked), (1, 1));
    assert_eq!(
        (fs::read(&b).unwrap(), fs::read(&c).unwrap()),
        (b"good".to_vec(), b"good".to_vec())
    );
    assert_eq!(inode(&b), inode(&c));
    assert_eq!(inode(link), inode(&b));
    assert_eq!(fs::read(&a).unwrap(), b"evil");
}

#[test]
fn a_link_that_can_be_written_is_replaced() {
    let place = Place::new();
    let store = place.store("a");
    let a = store.real_path(&add(&store, "a", &file("good")).path);
    run(&store);
    set_mode(&a, 0o644);
    let b = store.real_path(&add(&store, "b", &file("good")).path);
    assert_eq!(run(&store).links_repaired, 1);
    assert_ne!(inode(a), inode(b));
}

#[test]
fn whatever_else_has_the_name_of_a_link_loses_no_file() {
    let place = Place::new();
    let store = place.store("a");
    let info = add(&store, "a", &file("x"));
    let link = store
        .layout()
        .links_dir()
        .join(nix_core::nix32::encode(&info.nar_hash.0));
    fs::create_dir_all(&link).unwrap();
    let error = optimise(&store, &OptimiseOptions::default(), &mut |_| {}).unwrap_err();
    assert!(
        matches!(
            error,
            Error::Io {
                action: "make the link",
                ..
            }
        ),
        "{error:?}"
    );
    assert_sound(&store);
    assert_tidy(&store);

    fs::remove_dir(&link).unwrap();
    std::os::unix::fs::symlink(store.real_path(&info.path), &link).unwrap();
    assert_eq!(run(&store).links_repaired, 1);
    assert_eq!(inode(&link), inode(store.real_path(&info.path)));
    assert_sound(&store);
}

#[test]
fn a_symlink_in_the_place_of_the_links_is_not_followed() {
    let place = Place::new();
    let store = place.store("a");
    add(&store, "a", &file("x"));
    fs::create_dir(place.path("elsewhere")).unwrap();
    std::os::unix::fs::symlink(place.path("elsewhere"), store.layout().links_dir()).unwrap();
    assert!(optimise(&store, &OptimiseOptions::default(), &mut |_| {}).is_err());
    assert_eq!(fs::read_dir(place.path("elsewhere")).unwrap().count(), 0);
}

#[test]
fn a_file_with_as_many_links_as_possible_gets_a_new_generation() {
    const LINKS_MAX: u32 = 70_000;
    let place = Place::new();
    let store = place.store("a");
    let a = store.real_path(&add(&store, "a", &file("x")).path);
    run(&store);
    fs::create_dir(place.path("full")).unwrap();
    let full =
        |number: u32| fs::hard_link(&a, place.path("full").join(number.to_string())).is_err();
    if !(0..LINKS_MAX).any(full) {
        return missing("this file system links files without end");
    }
    let [b, c] = ["b", "c"].map(|name| store.real_path(&add(&store, name, &file("x")).path));
    let report = run(&store);
    assert_eq!(
        (report.first, report.linked, report.links_repaired),
        (1, 1, 0)
    );
    assert_ne!(inode(&a), inode(&b));
    assert_eq!(inode(&b), inode(&c));
    assert_eq!(inode(&links(&store)[0]), inode(&b));
    assert_sound(&store);
}

#[test]
fn sharded_links_are_known_to_a_flat_run() {
    let place = Place::new();
    let store = place.store("a");
    let info = add(&store, "a", &file("x"));
    add(&store, "b", &file("x"));
    let options = OptimiseOptions {
        layout: LinksLayout::Sharded,
        ..OptimiseOptions::default()
    };
    let report = optimise(&store, &options, &mut |_| {}).unwrap();
    assert_eq!((report.first, report.linked), (1, 1));
    let name = nix_core::nix32::encode(&info.nar_hash.0);
    let link = store.layout().links_dir().join(&name[..2]).join(&name);
    assert_eq!(inode(link), inode(store.real_path(&info.path)));
    assert_eq!(run(&store).linked_before, 2);
}

#[test]
fn progress_tells_of_every_object() {
    let place = Place::new();
    let store = place.store("a");
    add(&store, "a", &file("x"));
    add(&store, "b", &file("x"));
    let mut seen = Vec::new();
    optimise(&store, &OptimiseOptions::default(), &mut |progress| {
        seen.push((
            progress.path.clone(),
            progress.objects_total,
            progress.report.objects,
        ));
    })
    .unwrap();
    let paths = store.valid_paths().unwrap();
    let expected: Vec<_> = paths
        .into_iter()
        .zip(1..)
        .map(|(path, done)| (path, 2, done))
        .collect();
    assert_eq!(seen, expected);
}

#[test]
fn objects_that_are_deleted_meanwhile_are_passed_over() {
    let place = Place::new();
    let store = place.store("a");
    for name in ["a", "b", "c"] {
        add(&store, name, &file("x"));
    }
    let report = optimise(&store, &OptimiseOptions::default(), &mut |progress| {
        let mut others = store.valid_paths().unwrap();
        others.remove(progress.path);
        store.delete(&others).unwrap();
    });
    assert_eq!(report.unwrap().objects, 1);
    assert_sound(&store);
}

#[test]
fn a_store_that_may_only_be_read_is_not_touched() {
    let place = Place::new();
    let store = place.store("a");
    add(&store, "a", &file("x"));
    drop(store);
    let read_only = LocalOptions {
        read_only: true,
        ..options()
    };
    let store = place.store_with("a", &read_only);
    let refused = optimise(&store, &OptimiseOptions::default(), &mut |_| {});
    assert!(matches!(refused, Err(Error::ReadOnly)));
    assert!(!store.layout().links_dir().exists());
}
