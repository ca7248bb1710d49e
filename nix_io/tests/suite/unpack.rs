//! Archives become trees on disk, and nothing else.

use std::{
    fs::{self, Metadata},
    io::{self, Read},
    os::unix::{
        ffi::OsStrExt,
        fs::{MetadataExt, PermissionsExt},
    },
    path::{Path, PathBuf},
};

use nix_io::{
    nar::{CaseCollisions, DecodeErrorKind, PackOptions, UnpackError, UnpackOptions, pack, unpack},
    read::BoundedReader,
};
use proptest::prelude::*;

use crate::support::{Scratch, Tree, arb_tree, archive_of_names, shared};

fn unpacked(archive: &[u8], path: &Path) {
    let size = unpack(archive, path, &UnpackOptions::default()).expect("an archive");
    assert_eq!(size, archive.len() as u64);
}

pub(crate) fn refused(archive: &[u8], path: &Path) -> UnpackError {
    unpack(archive, path, &UnpackOptions::default()).expect_err("it is refused")
}

pub(crate) fn sample() -> Tree {
    let executable = Tree::File {
        executable: true,
        contents: b"#!".to_vec(),
    };
    Tree::directory([
        (b"bin", Tree::directory([(b"sh", executable)])),
        (b"empty", Tree::directory([])),
        (b"file", Tree::file(&[7; 100_000])),
        (b"link", Tree::Link(b"../../etc/passwd".to_vec())),
        (b"\xfe\xff", Tree::file(b"no text")),
    ])
}

pub(crate) fn names(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder");
    entries
        .map(|entry| entry.expect("an entry").path())
        .collect()
}

fn walk(path: &Path, visit: &mut impl FnMut(&Path, &Metadata)) {
    let metadata = fs::symlink_metadata(path).expect("it exists");
    visit(path, &metadata);
    if metadata.is_dir() {
        names(path).iter().for_each(|below| walk(below, visit));
    }
}

#[test]
fn everything_has_the_modes_and_the_time_of_a_store() {
    let scratch = Scratch::new();
    let path = scratch.path("tree");
    unpacked(&sample().archive(), &path);
    let mut count = 0;
    walk(&path, &mut |path, metadata| {
        count += 1;
        assert_eq!(metadata.mtime(), 1, "{}", path.display());
        assert_eq!(metadata.mtime_nsec(), 0);
        let is_executable = metadata.is_dir() || path.ends_with("sh");
        let expected = if is_executable { 0o555 } else { 0o444 };
        if !metadata.is_symlink() {
            assert_eq!(metadata.permissions().mode() & 0o7777, expected);
        }
    });
    assert_eq!(count, 7);
    assert_eq!(
        fs::read_link(path.join("link"))
            .expect("a symlink")
            .as_os_str()
            .as_bytes(),
        b"../../etc/passwd"
    );
}

#[test]
fn modes_do_not_depend_on_the_umask() {
    // The umask belongs to the process: another process sets it.
    const VARIABLE: &str = "NETABASE_UNPACK_UNDER_UMASK";
    if let Some(destination) = std::env::var_os(VARIABLE) {
        unpacked(&sample().archive(), Path::new(&destination));
        return;
    }
    let scratch = Scratch::new();
    let program = std::env::current_exe().expect("this test");
    let status = std::process::Command::new("sh")
        .args([
            "-c",
            "umask 077 && exec \"$0\" --exact unpack::modes_do_not_depend_on_the_umask",
        ])
        .arg(program)
        .env(VARIABLE, scratch.path("tree"))
        .output()
        .expect("sh runs");
    assert!(status.status.success());
    let mode = |name: &str| {
        let metadata = fs::metadata(scratch.path("tree").join(name)).expect("it exists");
        metadata.permissions().mode() & 0o7777
    };
    assert_eq!(
        (mode("bin"), mode("bin/sh"), mode("file")),
        (0o555, 0o555, 0o444)
    );
}

#[test]
fn files_and_symlinks_are_unpacked_alone() {
    let scratch = Scratch::new();
    for (name, tree) in [
        ("file", Tree::file(b"contents")),
        ("link", Tree::Link(b"nowhere".to_vec())),
        ("directory", Tree::directory([])),
    ] {
        let path = scratch.path(name);
        unpacked(&tree.archive(), &path);
        assert_eq!(fs::symlink_metadata(&path).expect("it exists").mtime(), 1);
        let mut again = Vec::new();
        pack(&path, &mut again, &PackOptions::default()).expect("a tree");
        assert_eq!(again, tree.archive());
    }
}

#[test]
fn an_existing_destination_is_refused_and_left_as_it_is() {
    let scratch = Scratch::new();
    fs::write(scratch.path("file"), "mine").expect("a file");
    fs::create_dir(scratch.path("directory")).expect("a directory");
    for tree in [
        Tree::file(b"theirs"),
        Tree::directory([]),
        Tree::Link(b"x".to_vec()),
        sample(),
    ] {
        for name in ["file", "directory"] {
            match refused(&tree.archive(), &scratch.path(name)) {
                UnpackError::Exists { path } => assert_eq!(path, scratch.path(name)),
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!(fs::read(scratch.path("file")).expect("a file"), b"mine");
    assert!(names(&scratch.path("directory")).is_empty());
}

#[test]
fn an_archive_that_is_cut_anywhere_leaves_nothing() {
    let tree = Tree::directory([
        (b"a", Tree::directory([(b"b", Tree::file(b"contents"))])),
        (b"c", Tree::Link(b"a".to_vec())),
    ]);
    let archive = tree.archive();
    let scratch = Scratch::new();
    for end in 0..archive.len() {
        match refused(&archive[..end], &scratch.path("tree")) {
            UnpackError::Read { source, .. } => {
                let kind = source.decode().expect("it is cut").kind;
                assert_eq!(kind, DecodeErrorKind::Truncated);
            }
            other => panic!("{other:?}"),
        }
        assert!(names(&scratch.path("")).is_empty());
    }
}

#[test]
fn a_reader_that_fails_leaves_nothing_and_its_error() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::ConnectionReset.into())
        }
    }
    let scratch = Scratch::new();
    let archive = sample().archive();
    let reader = archive[..archive.len() - 500].chain(Failing);
    let reader = BoundedReader::new(reader);
    match unpack(reader, scratch.path("tree"), &UnpackOptions::default()) {
        Err(UnpackError::Read {
            source: nix_io::nar::ReadError::Io(error),
            ..
        }) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset),
        other => panic!("{other:?}"),
    }
    assert!(names(&scratch.path("")).is_empty());
}

#[test]
fn what_follows_the_archive_stays_in_the_reader() {
    let scratch = Scratch::new();
    let mut bytes = sample().archive();
    bytes.extend(b"next message");
    let mut reader = BoundedReader::with_capacity(64, &bytes[..]);
    unpack(&mut reader, scratch.path("tree"), &UnpackOptions::default()).expect("an archive");
    let mut rest = String::new();
    reader.read_to_string(&mut rest).expect("memory");
    assert_eq!(rest, "next message");
}

#[test]
fn a_destination_without_a_name_or_a_parent_is_refused() {
    let archive = Tree::file(b"").archive();
    let scratch = Scratch::new();
    for path in [
        PathBuf::from("/"),
        PathBuf::new(),
        "..".into(),
        scratch.path("no/parent"),
    ] {
        let error = refused(&archive, &path);
        assert!(matches!(error, UnpackError::Io { .. }), "{error:?}");
    }
}

#[test]
fn names_that_differ_in_case_alone_are_what_the_options_say() {
    let scratch = Scratch::new();
    let archive = archive_of_names(&[b"A", b"B", b"a"]);
    let options = |case_collisions| UnpackOptions {
        case_collisions,
        ..UnpackOptions::default()
    };
    unpack(
        &archive[..],
        scratch.path("allowed"),
        &options(CaseCollisions::Allow),
    )
    .expect("an archive");
    match unpack(
        &archive[..],
        scratch.path("refused"),
        &options(CaseCollisions::Refuse),
    ) {
        Err(UnpackError::NameCollision { path }) => assert_eq!(path, scratch.path("refused/a")),
        other => panic!("{other:?}"),
    }
    assert!(!scratch.path("refused").exists());
    let unicode = archive_of_names(&["\u{c9}".as_bytes(), "\u{e9}".as_bytes()]);
    assert!(
        unpack(
            &unicode[..],
            scratch.path("unicode"),
            &options(CaseCollisions::Refuse)
        )
        .is_err()
    );
    unpack(
        &archive[..],
        scratch.path("renamed"),
        &options(CaseCollisions::Rename),
    )
    .expect("an archive");
    let mut found = names(&scratch.path("renamed"));
    found.sort();
    let expected = ["A", "B", "a~nix~case~hack~1"];
    assert_eq!(
        found,
        expected.map(|name| scratch.path("renamed").join(name))
    );
}

#[test]
fn an_archive_that_names_a_renamed_entry_is_refused() {
    let Some(folder) = shared("conformance/nix/nars-functional") else {
        return;
    };
    let archive = fs::read(folder.join("case-collision.nar")).expect("a file");
    let options = UnpackOptions {
        case_collisions: CaseCollisions::Rename,
        ..UnpackOptions::default()
    };
    let scratch = Scratch::new();
    match unpack(&archive[..], scratch.path("tree"), &options) {
        Err(UnpackError::NameCollision { .. }) => {}
        other => panic!("{other:?}"),
    }
    assert!(names(&scratch.path("")).is_empty());
}

#[test]
fn fsync_changes_nothing_that_is_made() {
    let scratch = Scratch::new();
    let options = UnpackOptions {
        fsync: true,
        ..UnpackOptions::default()
    };
    unpack(&sample().archive()[..], scratch.path("tree"), &options).expect("an archive");
    let mut again = Vec::new();
    pack(scratch.path("tree"), &mut again, &PackOptions::default()).expect("a tree");
    assert!(again == sample().archive());
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 60,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn packing_unpacking_and_packing_gives_the_same_archive(tree in arb_tree()) {
        let scratch = Scratch::new();
        tree.make(&scratch.path("made"));
        let mut first = Vec::new();
        pack(scratch.path("made"), &mut first, &PackOptions::default()).expect("a tree");
        prop_assert_eq!(&first, &tree.archive());
        unpacked(&first, &scratch.path("unpacked"));
        let mut second = Vec::new();
        pack(scratch.path("unpacked"), &mut second, &PackOptions::default()).expect("a tree");
        prop_assert_eq!(first, second);
    }

    #[test]
    fn a_damaged_archive_makes_nothing_or_a_tree_of_its_own(
        tree in arb_tree(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut bytes = tree.archive();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let scratch = Scratch::new();
        let size = unpack(&bytes[..], scratch.path("tree"), &UnpackOptions::default());
        match size {
            Ok(size) => {
                let mut again = Vec::new();
                pack(scratch.path("tree"), &mut again, &PackOptions::default()).expect("a tree");
                prop_assert_eq!(&again, &bytes[..usize::try_from(size).expect("memory")]);
            }
            Err(_) => prop_assert!(names(&scratch.path("")).is_empty()),
        }
    }
}
