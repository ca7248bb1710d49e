//! Trees on disk become archives.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::{PermissionsExt, symlink},
    path::PathBuf,
};

use nix_io::nar::{
    CaseCollisions, EncodeError, NarLimits, PackError, PackOptions, UnpackOptions, pack, unpack,
};

use crate::support::{Scratch, Tree, shared, words};

fn packed(path: PathBuf) -> Vec<u8> {
    let mut bytes = Vec::new();
    let size = pack(path, &mut bytes, &PackOptions::default()).expect("a tree");
    assert_eq!(size, bytes.len() as u64);
    bytes
}

fn refused(path: PathBuf) -> PackError {
    pack(path, io::sink(), &PackOptions::default()).expect_err("it is refused")
}

/// Changes a file once the archive begins to be written.
struct Meanwhile<F: FnMut()>(F);

impl<F: FnMut()> Write for Meanwhile<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_tree_on_disk_has_the_archive_of_its_events() {
    let scratch = Scratch::new();
    let tree = Tree::directory([
        (b"a", Tree::file(b"")),
        (b"a.b", Tree::file(&[1; 70_000])),
        (
            b"a-b",
            Tree::directory([(b"\xff\n", Tree::Link(b"/nowhere".to_vec()))]),
        ),
        (b"large", Tree::file(&[7; 1_000_001])),
    ]);
    tree.make(&scratch.path("tree"));
    assert!(packed(scratch.path("tree")) == tree.archive());
}

#[test]
fn a_file_is_executable_where_its_owner_may_execute_it() {
    let scratch = Scratch::new();
    let path = scratch.path("file");
    fs::write(&path, "x").expect("a file");
    for (mode, executable) in [
        (0o644, false),
        (0o755, true),
        (0o500, true),
        (0o455, false),
        (0o4755, true),
    ] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("a mode");
        let contents = b"x".to_vec();
        let expected = Tree::File {
            executable,
            contents,
        };
        assert_eq!(packed(path.clone()), expected.archive(), "{mode:o}");
    }
}

#[test]
fn symlinks_are_packed_and_not_followed() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path("directory")).expect("a directory");
    symlink("directory", scratch.path("link")).expect("a symlink");
    let expected = words(&[
        b"nix-archive-1",
        b"(",
        b"type",
        b"symlink",
        b"target",
        b"directory",
        b")",
    ]);
    assert_eq!(packed(scratch.path("link")), expected);
}

#[test]
fn other_types_of_files_are_refused_by_path() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path("tree")).expect("a directory");
    let socket = scratch.path("tree/socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).expect("a socket");
    for path in [scratch.path("tree"), socket.clone()] {
        match refused(path) {
            PackError::Unsupported { path } => assert_eq!(path, socket),
            other => panic!("{other:?}"),
        }
    }
    match refused("/dev/null".into()) {
        PackError::Unsupported { path } => assert_eq!(path, PathBuf::from("/dev/null")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_not_there_is_named() {
    let scratch = Scratch::new();
    match refused(scratch.path("nothing")) {
        PackError::Io { path, source, .. } => {
            assert_eq!(path, scratch.path("nothing"));
            assert_eq!(source.kind(), io::ErrorKind::NotFound);
        }
        other => panic!("{other:?}"),
    }
}

type Change = fn(&PathBuf);

#[test]
fn a_file_that_changes_while_it_is_read_is_an_error() {
    let changes: [(&str, Change); 3] = [
        ("grows", |path| {
            let file = fs::OpenOptions::new().append(true).open(path);
            file.and_then(|mut file| file.write_all(b"more"))
                .expect("a file");
        }),
        ("shrinks", |path| {
            fs::write(path, b"little").expect("a file")
        }),
        ("is written", |path| {
            fs::write(path, vec![8; 3_000_000]).expect("a file");
        }),
    ];
    for (name, change) in changes {
        let scratch = Scratch::new();
        let path = scratch.path("file");
        fs::write(&path, vec![7; 3_000_000]).expect("a file");
        let old = fs::File::options().write(true).open(&path).expect("a file");
        old.set_modified(std::time::UNIX_EPOCH).expect("a time");
        let mut left = 1;
        let writer = Meanwhile(|| {
            if left > 0 {
                left -= 1;
                change(&path);
            }
        });
        match pack(&path, writer, &PackOptions::default()) {
            Err(PackError::Changed { path: changed }) => assert_eq!(changed, path, "{name}"),
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn a_directory_that_changes_while_it_is_packed_is_an_error() {
    let scratch = Scratch::new();
    Tree::directory([(b"file", Tree::file(&[7; 500_000]))]).make(&scratch.path("tree"));
    let old = fs::File::open(scratch.path("tree")).expect("a directory");
    old.set_modified(std::time::UNIX_EPOCH).expect("a time");
    let writer = Meanwhile(|| fs::write(scratch.path("tree/new"), "").expect("a file"));
    match pack(scratch.path("tree"), writer, &PackOptions::default()) {
        Err(PackError::Changed { path }) => assert_eq!(path, scratch.path("tree")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn trees_above_the_limits_are_refused_where_they_are() {
    let scratch = Scratch::new();
    let deepest = vec!["d"; 64].join("/");
    fs::create_dir_all(scratch.path(&deepest)).expect("directories");
    assert!(!packed(scratch.path("d/d")).is_empty());
    fs::create_dir(scratch.path(&deepest).join("d")).expect("a directory");
    match refused(scratch.path("d")) {
        PackError::Encode { path, source } => {
            assert_eq!(path, scratch.path(&deepest).join("d"));
            assert_eq!(source, EncodeError::TooDeep { max: 64 });
        }
        other => panic!("{other:?}"),
    }
    let options = PackOptions {
        limits: NarLimits {
            archive_bytes_max: 200,
            ..NarLimits::default()
        },
        ..PackOptions::default()
    };
    fs::write(scratch.path("file"), [0; 100]).expect("a file");
    match pack(scratch.path("file"), io::sink(), &options) {
        Err(PackError::Encode { source, .. }) => {
            assert_eq!(source, EncodeError::TooLong { max: 200 });
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn suffixes_for_case_are_put_on_and_taken_off() {
    let Some(folder) = shared("conformance/nix/nars-functional") else {
        return;
    };
    let archive = fs::read(folder.join("case.nar")).expect("a file");
    let scratch = Scratch::new();
    let options = UnpackOptions {
        case_collisions: CaseCollisions::Rename,
        ..UnpackOptions::default()
    };
    unpack(&archive[..], scratch.path("tree"), &options).expect("an archive");
    assert!(packed(scratch.path("tree")) != archive);
    let mut bytes = Vec::new();
    let options = PackOptions {
        undo_case_renames: true,
        ..PackOptions::default()
    };
    pack(scratch.path("tree"), &mut bytes, &options).expect("a tree");
    assert!(bytes == archive);

    fs::create_dir(scratch.path("same")).expect("a directory");
    for name in ["a~nix~case~hack~1", "a~nix~case~hack~2"] {
        fs::write(scratch.path("same").join(name), "").expect("a file");
    }
    match pack(scratch.path("same"), io::sink(), &options) {
        Err(PackError::CaseCollision { path }) => assert_eq!(path, scratch.path("same/a")),
        other => panic!("{other:?}"),
    }
}
