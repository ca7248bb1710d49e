//! Archives and destinations that try to have something written elsewhere, by the names of the
//! reports that they come from.

use std::{
    fs,
    os::unix::{ffi::OsStrExt, fs::symlink},
};

use nix_io::nar::{DecodeErrorKind, UnpackError};

use crate::{
    support::{Scratch, Tree, archive_of_names, words},
    unpack::{names, refused, sample},
};

#[test]
fn cve_2026_39860_a_symlink_at_the_destination_is_not_followed() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path("outside")).expect("a directory");
    symlink("outside", scratch.path("to-directory")).expect("a symlink");
    symlink("new", scratch.path("dangling")).expect("a symlink");
    for tree in [sample(), Tree::file(b"theirs"), Tree::Link(b"x".to_vec())] {
        for name in ["to-directory", "dangling"] {
            match refused(&tree.archive(), &scratch.path(name)) {
                UnpackError::Exists { path } => assert_eq!(path, scratch.path(name)),
                other => panic!("{other:?}"),
            }
            assert!(scratch.path(name).is_symlink());
        }
    }
    assert!(names(&scratch.path("outside")).is_empty());
    assert!(!scratch.path("new").exists());
}

#[test]
fn cve_2024_45593_a_directory_named_as_a_symlink_writes_nothing_outside() {
    let scratch = Scratch::new();
    let outside = scratch.path("outside");
    fs::create_dir(&outside).expect("a directory");
    let target = outside.as_os_str().as_bytes();
    let archive = words(&[
        b"nix-archive-1",
        b"(",
        b"type",
        b"directory",
        b"entry",
        b"(",
        b"name",
        b"a",
        b"node",
        b"(",
        b"type",
        b"symlink",
        b"target",
        target,
        b")",
        b")",
        b"entry",
        b"(",
        b"name",
        b"a",
        b"node",
        b"(",
        b"type",
        b"directory",
        b"entry",
        b"(",
        b"name",
        b"evil",
        b"node",
        b"(",
        b"type",
        b"regular",
        b"contents",
        b"",
        b")",
        b")",
        b")",
        b")",
        b")",
    ]);
    match refused(&archive, &scratch.path("tree")) {
        UnpackError::Read { path, source } => {
            assert_eq!(path, scratch.path("tree"));
            let kind = source.decode().expect("the archive is wrong").kind;
            assert_eq!(
                kind,
                DecodeErrorKind::Name(nix_io::nar::NameError::Duplicate)
            );
        }
        other => panic!("{other:?}"),
    }
    assert!(names(&outside).is_empty());
    assert!(!scratch.path("tree").exists());
}

#[test]
fn ghsa_gr92_w2r5_qw5p_no_name_leads_outside() {
    for name in [
        &b"../evil"[..],
        b"/tmp/evil",
        b"..",
        b".",
        b"",
        b"a/../../evil",
        b"\0",
    ] {
        let scratch = Scratch::new();
        fs::create_dir(scratch.path("inner")).expect("a directory");
        let archive = archive_of_names(&[name]);
        let error = refused(&archive, &scratch.path("inner/tree"));
        assert!(matches!(error, UnpackError::Read { .. }), "{error:?}");
        assert_eq!(names(&scratch.path("")), [scratch.path("inner")]);
        assert!(names(&scratch.path("inner")).is_empty());
    }
}

#[test]
fn cve_2026_44028_a_depth_bomb_leaves_nothing() {
    let level = words(&[
        b"(",
        b"type",
        b"directory",
        b"entry",
        b"(",
        b"name",
        b"a",
        b"node",
    ]);
    let bomb = [words(&[b"nix-archive-1"]), level.repeat(100_000)].concat();
    let scratch = Scratch::new();
    let error = refused(&bomb, &scratch.path("tree"));
    assert!(matches!(error, UnpackError::Read { .. }), "{error:?}");
    assert!(names(&scratch.path("")).is_empty());
}
