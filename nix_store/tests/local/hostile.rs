//! Whoever made the store's directory, and whatever an archive says, nothing is written elsewhere.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::{PermissionsExt, symlink},
};

use nix_io::wire;
use nix_store::{
    local::LocalStore,
    store::{Error, ReadStore, WriteStore},
};

use crate::support::{Place, archive, info, layout, names, quick};

/// CVE-2026-39860: a symlink at the name of a temporary is written through.
#[test]
fn cve_2026_39860_a_symlink_in_the_place_of_our_directory_is_not_followed() {
    let place = Place::new();
    let elsewhere = tempfile::tempdir().expect("a folder");
    let ours = place.store.layout().real_store_dir.join(".netabase");
    fs::remove_dir_all(&ours).expect("removed");
    symlink(elsewhere.path(), &ours).expect("a symlink");
    let nar = archive(b"one");
    let error = place.store.add_nar(&info("one", &nar), &mut &nar[..]);
    assert!(matches!(error, Err(Error::Io { .. })), "{error:?}");
    let error = LocalStore::open(layout(place.folder.path()), &quick());
    assert!(matches!(error, Err(Error::Io { .. })), "{error:?}");
    assert_eq!(names(elsewhere.path()), BTreeSet::new());
}

#[test]
fn a_directory_that_others_may_write_is_not_taken_for_ours() {
    let place = Place::new();
    let ours = place.store.layout().real_store_dir.join(".netabase");
    fs::set_permissions(&ours, fs::Permissions::from_mode(0o777)).expect("a mode");
    let nar = archive(b"one");
    let error = place.store.add_nar(&info("one", &nar), &mut &nar[..]);
    assert!(matches!(error, Err(Error::Io { .. })), "{error:?}");
}

/// CVE-2026-39860 again: the place of the object itself is a symlink to a directory.
#[test]
fn cve_2026_39860_a_symlink_in_the_place_of_an_object_is_replaced_and_not_followed() {
    let place = Place::new();
    let elsewhere = tempfile::tempdir().expect("a folder");
    let nar = archive(b"one");
    let one = info("one", &nar);
    symlink(elsewhere.path(), place.store.real_path(&one.path)).expect("a symlink");
    place.store.add_nar(&one, &mut &nar[..]).expect("added");
    assert_eq!(names(elsewhere.path()), BTreeSet::new());
    let read = fs::read(place.store.real_path(&one.path));
    assert_eq!(read.expect("a file"), b"one");
}

/// A name, and the words of what it names.
type Entry<'e> = (&'e [u8], &'e [&'e [u8]]);

#[test]
fn an_archive_that_leaves_its_object_is_refused_and_leaves_nothing() {
    let place = Place::new();
    let link: &[&[u8]] = &[b"(", b"type", b"symlink", b"target", b"/tmp", b")"];
    let file: &[&[u8]] = &[b"(", b"type", b"regular", b"contents", b"evil", b")"];
    let trees: [&[Entry<'_>]; 5] = [
        &[(b"..", file)],
        &[(b"/etc/evil", file)],
        &[(b"a/../../evil", file)],
        &[(b"link", link), (b"link", file)],
        &[(b"link", link), (b"link/evil", file)],
    ];
    for tree in trees {
        let mut bytes = Vec::new();
        let mut encoder = wire::Encoder::new(&mut bytes);
        for word in [&b"nix-archive-1"[..], b"(", b"type", b"directory"] {
            encoder.string(word);
        }
        for (name, node) in tree {
            for word in [&b"entry"[..], b"(", b"name", name, b"node"] {
                encoder.string(word);
            }
            for word in *node {
                encoder.string(word);
            }
            encoder.string(b")");
        }
        encoder.string(b")");
        let error = place.store.add_nar(&info("evil", &bytes), &mut &bytes[..]);
        assert!(matches!(error, Err(Error::Unpack { .. })), "{error:?}");
    }
    assert_eq!(place.objects(), BTreeSet::new());
    assert_eq!(place.unfinished(), [""; 0]);
    assert_eq!(place.store.valid_paths().expect("read"), BTreeSet::new());
}
