//! Objects that come from another store on the same disk.

use std::{fs, os::unix::fs::MetadataExt};

use nix_core::signature::{KeyName, SecretKey, TrustedKeys};
use nix_store::{
    StoreDir,
    local::{LocalOptions, LocalStore, StoreLayout},
    optimise::{LinkOptions, link_or_copy},
    store::{Added, Error, ReadStore, WriteStore},
    verify::{VerifyOptions, verify},
};

use crate::support::{
    Place, add, add_referring, assert_canonical, assert_tidy, file, flip, inode, missing, options,
    sample, set_mode,
};

fn assert_sound(store: &LocalStore) {
    let options = VerifyOptions {
        check_contents: true,
        ..VerifyOptions::default()
    };
    let report = verify(store, &options, &mut |_| {}).expect("a store that can be read");
    assert!(report.problems.is_empty(), "{:?}", report.problems);
    assert_canonical(&store.layout().real_store_dir);
    assert_tidy(store);
}

const COPY: LinkOptions = LinkOptions {
    hard_links: false,
    reflinks: false,
};

#[test]
fn files_of_an_object_become_links_and_directories_are_new() {
    let place = Place::new();
    let (from, to) = (place.store("from"), place.store("to"));
    let info = add(&from, "a", &sample());
    let report = link_or_copy(&from, &to, &info.path, LinkOptions::default()).unwrap();
    assert_eq!(report.added, Added::New);
    assert_eq!(
        (
            report.files_linked,
            report.files_cloned,
            report.files_copied
        ),
        (4, 0, 0)
    );
    assert_eq!((report.bytes_shared, report.bytes_copied), (144_020, 0));
    let (a, b) = (from.real_path(&info.path), to.real_path(&info.path));
    assert_eq!(inode(a.join("large")), inode(b.join("large")));
    assert_ne!(inode(a.join("bin")), inode(b.join("bin")));
    let found = to.path_info(&info.path).unwrap().unwrap();
    assert_eq!(
        (found.nar_hash, found.nar_size),
        (info.nar_hash, info.nar_size)
    );
    assert_eq!(found.content_address, info.content_address);
    assert_sound(&to);
}

#[test]
fn without_links_every_file_is_its_own() {
    let place = Place::new();
    let (from, to) = (place.store("from"), place.store("to"));
    let info = add(&from, "a", &sample());
    let report = link_or_copy(&from, &to, &info.path, COPY).unwrap();
    assert_eq!((report.files_linked, report.files_copied), (0, 4));
    assert_eq!((report.bytes_shared, report.bytes_copied), (0, 144_020));
    let (a, b) = (from.real_path(&info.path), to.real_path(&info.path));
    assert_ne!(inode(a.join("large")), inode(b.join("large")));
    assert_eq!(
        fs::read(a.join("large")).unwrap(),
        fs::read(b.join("large")).unwrap()
    );
    assert_sound(&to);
}

#[test]
fn files_that_can_be_written_are_copied() {
    let place = Place::new();
    let (from, to) = (place.store("from"), place.store("to"));
    let info = add(&from, "a", &sample());
    let plain = from.real_path(&info.path).join("plain");
    set_mode(&plain, 0o644);
    let report = link_or_copy(&from, &to, &info.path, LinkOptions::default()).unwrap();
    assert_eq!(report.files_linked, 3);
    assert_eq!(report.files_cloned + report.files_copied, 1);
    assert_eq!(fs::metadata(plain).unwrap().nlink(), 1);
    assert_sound(&to);
}

#[test]
fn another_file_system_gets_copies() {
    let place = Place::new();
    let Ok(elsewhere) = tempfile::tempdir_in("/dev/shm").map(Place) else {
        return missing("there is no /dev/shm");
    };
    let device = |place: &Place| fs::metadata(place.path("")).unwrap().dev();
    if device(&place) == device(&elsewhere) {
        return missing("all folders are on one file system");
    }
    let (from, to) = (place.store("from"), elsewhere.store("to"));
    let info = add(&from, "a", &sample());
    let report = link_or_copy(&from, &to, &info.path, LinkOptions::default()).unwrap();
    assert_eq!(
        (
            report.files_linked,
            report.files_cloned,
            report.files_copied
        ),
        (0, 0, 4)
    );
    assert_sound(&to);
}

#[test]
fn a_damaged_object_is_refused_and_leaves_nothing() {
    let place = Place::new();
    let (from, to) = (place.store("from"), place.store("to"));
    let info = add(&from, "a", &sample());
    flip(&from.real_path(&info.path).join("large"));
    for how in [LinkOptions::default(), COPY] {
        let error = link_or_copy(&from, &to, &info.path, how).unwrap_err();
        assert!(matches!(error, Error::HashMismatch { .. }), "{error:?}");
        assert!(!to.real_path(&info.path).exists());
        assert!(to.valid_paths().unwrap().is_empty());
        assert_tidy(&to);
    }
}

#[test]
fn a_file_that_has_grown_is_refused_before_it_is_copied() {
    let place = Place::new();
    let (from, to) = (place.store("from"), place.store("to"));
    let info = add(&from, "a", &file("x"));
    let real = from.real_path(&info.path);
    set_mode(&real, 0o644);
    let sparse = fs::OpenOptions::new().write(true).open(&real).unwrap();
    sparse
        .set_len(1 << 50)
        .unwrap_or_else(|_| sparse.set_len(1 << 40).unwrap());
    let error = link_or_copy(&from, &to, &info.path, COPY).unwrap_err();
    assert!(matches!(error, Error::SizeMismatch { .. }), "{error:?}");
    assert_tidy(&to);
}

#[test]
fn what_an_object_refers_to_has_to_come_first() {
    let place = Place::new();
    let (from, to) = (place.store("from"), place.store("to"));
    let a = add(&from, "a", &file("a")).path;
    let b = add_referring(&from, "b", &file("b"), &[&a]).path;
    let error = link_or_copy(&from, &to, &b, LinkOptions::default()).unwrap_err();
    assert!(
        matches!(error, Error::ReferenceNotValid { .. }),
        "{error:?}"
    );
    for path in [&a, &b] {
        link_or_copy(&from, &to, path, LinkOptions::default()).unwrap();
    }
    assert_eq!(to.referrers(&a).unwrap(), [b].into());
    assert_sound(&to);
}

#[test]
fn what_is_not_valid_is_refused() {
    let place = Place::new();
    let (from, to) = (place.store("from"), place.store("to"));
    let path = add(&from, "a", &file("a")).path;
    from.delete(&[path.clone()].into()).unwrap();
    let error = link_or_copy(&from, &to, &path, LinkOptions::default()).unwrap_err();
    assert!(matches!(error, Error::NotValid { .. }), "{error:?}");
}

#[test]
fn signatures_are_demanded_as_of_any_object_and_joined_where_it_is_present() {
    let place = Place::new();
    let from = place.store("from");
    let key = SecretKey::from_seed(KeyName::new("cache-1").unwrap(), &[7; 32]);
    let mut keys = TrustedKeys::default();
    keys.insert(key.public_key()).unwrap();
    let trusting = LocalOptions {
        trusted_keys: Some(keys),
        ..options()
    };
    let to = place.store_with("to", &trusting);

    // As if it had been built there: not content-addressed, and ultimately trusted.
    let mut info = add(&from, "a", &file("a"));
    from.delete(&[info.path.clone()].into()).unwrap();
    info.content_address = None;
    info.ultimate = true;
    from.add_nar(&info, &mut &file("a").archive()[..]).unwrap();
    let error = link_or_copy(&from, &to, &info.path, LinkOptions::default()).unwrap_err();
    assert!(matches!(error, Error::Untrusted { .. }), "{error:?}");

    info.sign(from.store_dir(), &key).unwrap();
    from.add_signatures(&info.path, &info.signatures).unwrap();
    link_or_copy(&from, &to, &info.path, LinkOptions::default()).unwrap();
    let found = to.path_info(&info.path).unwrap().unwrap();
    assert_eq!(found.signatures, info.signatures);
    assert!(!found.ultimate);

    let other = SecretKey::from_seed(KeyName::new("other-1").unwrap(), &[8; 32]);
    info.sign(from.store_dir(), &other).unwrap();
    from.add_signatures(&info.path, &info.signatures).unwrap();
    let report = link_or_copy(&from, &to, &info.path, LinkOptions::default()).unwrap();
    assert_eq!((report.added, report.files_linked), (Added::Present, 0));
    assert_eq!(
        to.path_info(&info.path).unwrap().unwrap().signatures.len(),
        2
    );
}

#[test]
fn a_store_that_may_only_be_read_can_be_linked_from_but_not_to() {
    let place = Place::new();
    let info = add(&place.store("from"), "a", &sample());
    let read_only = LocalOptions {
        read_only: true,
        ..options()
    };
    let (from, to) = (place.store_with("from", &read_only), place.store("to"));
    let refused = link_or_copy(&to, &from, &info.path, LinkOptions::default());
    assert!(matches!(refused, Err(Error::ReadOnly)));
    link_or_copy(&from, &to, &info.path, LinkOptions::default()).unwrap();
    assert_sound(&to);
}

#[test]
fn stores_of_other_directories_do_not_mix() {
    let place = Place::new();
    let from = place.store("from");
    let layout = StoreLayout::below(place.path("to"), StoreDir::new("/other/store").unwrap());
    let to = LocalStore::open(layout, &options()).unwrap();
    let info = add(&from, "a", &file("a"));
    let refused = link_or_copy(&from, &to, &info.path, LinkOptions::default());
    assert!(matches!(refused, Err(Error::Unsupported { .. })));
}
