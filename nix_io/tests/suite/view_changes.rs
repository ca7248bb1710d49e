//! What changed since a view was opened is refused, never read wrong.

use std::{
    fs,
    os::unix::{
        fs::{FileExt, PermissionsExt, symlink},
        net::UnixListener,
    },
    path::{Path, PathBuf},
    sync::mpsc,
    thread,
    time::UNIX_EPOCH,
};

use nix_io::nar::ViewError;

use crate::{
    support::{Scratch, Tree},
    view::{read, sample, viewed, whole},
};

type Change = fn(&Path);

/// What can happen to the file `folder/file` of a tree, and what is the first to be another.
const CHANGES: [(&str, &str, Change); 14] = [
    ("grew", "folder/file", |tree| {
        fs::write(tree.join("folder/file"), [7; 1001]).expect("a file");
    }),
    ("shrank", "folder/file", |tree| {
        fs::write(tree.join("folder/file"), [7; 10]).expect("a file");
    }),
    ("grew at the same time", "folder/file", |tree| {
        fs::write(tree.join("folder/file"), [7; 1001]).expect("a file");
        age(&tree.join("folder/file"));
    }),
    ("shrank at the same time", "folder/file", |tree| {
        fs::write(tree.join("folder/file"), [7; 10]).expect("a file");
        age(&tree.join("folder/file"));
    }),
    ("written", "folder/file", |tree| {
        fs::write(tree.join("folder/file"), [8; 1000]).expect("a file");
    }),
    ("executable", "folder/file", |tree| {
        let mode = fs::Permissions::from_mode(0o700);
        fs::set_permissions(tree.join("folder/file"), mode).expect("a mode");
    }),
    ("removed", "folder/file", |tree| {
        fs::remove_file(tree.join("folder/file")).expect("a file");
    }),
    ("another of the same size and time", "folder/file", |tree| {
        fs::write(tree.join("new"), [8; 1000]).expect("a file");
        age(&tree.join("new"));
        fs::rename(tree.join("new"), tree.join("folder/file")).expect("a file");
    }),
    ("a symlink to itself", "folder/file", |tree| {
        fs::rename(tree.join("folder/file"), tree.join("moved")).expect("a file");
        symlink("../moved", tree.join("folder/file")).expect("a symlink");
    }),
    ("a directory", "folder/file", |tree| {
        fs::remove_file(tree.join("folder/file")).expect("a file");
        fs::create_dir(tree.join("folder/file")).expect("a directory");
    }),
    ("a socket", "folder/file", |tree| {
        fs::remove_file(tree.join("folder/file")).expect("a file");
        UnixListener::bind(tree.join("folder/file")).expect("a socket");
    }),
    ("its folder removed", "folder", |tree| {
        fs::remove_dir_all(tree.join("folder")).expect("a folder");
    }),
    ("its folder a symlink to itself", "folder", |tree| {
        fs::rename(tree.join("folder"), tree.join("moved")).expect("a folder");
        symlink("moved", tree.join("folder")).expect("a symlink");
    }),
    ("its folder a file", "folder", |tree| {
        fs::remove_dir_all(tree.join("folder")).expect("a folder");
        fs::write(tree.join("folder"), [7; 1000]).expect("a file");
    }),
];

/// Gives a file an old time, which any write changes.
fn age(path: &Path) {
    let file = fs::File::options().write(true).open(path).expect("a file");
    file.set_modified(UNIX_EPOCH).expect("a time");
}

/// Makes a tree with one file that is old.
fn old_tree(scratch: &Scratch) -> PathBuf {
    let tree = scratch.path("tree");
    let folder = Tree::directory([(b"file", Tree::file(&[7; 1000]))]);
    Tree::directory([(b"folder", folder)]).make(&tree);
    age(&tree.join("folder/file"));
    tree
}

#[test]
fn a_file_that_is_not_what_it_was_is_refused_by_its_path() {
    for (name, first, change) in CHANGES {
        let scratch = Scratch::new();
        let tree = old_tree(&scratch);
        let view = viewed(&tree);
        change(&tree);
        match whole(&view) {
            Err(ViewError::Changed { path }) => assert_eq!(path, tree.join(first), "{name}"),
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn what_changes_while_it_is_held_open_is_refused_or_read_as_it_was() {
    for (name, _, change) in CHANGES {
        let scratch = Scratch::new();
        let tree = old_tree(&scratch);
        let view = viewed(&tree);
        let archive = whole(&view).expect("an archive");
        change(&tree);
        match whole(&view) {
            // It was moved, and is the same.
            Ok(bytes) if tree.join("moved").exists() => assert!(bytes == archive, "{name}"),
            Err(error) => assert!(error.is_changed(), "{name}: {error:?}"),
            Ok(_) => panic!("{name}"),
        }
    }
}

#[test]
fn a_root_that_is_another_file_is_refused() {
    for replace in [true, false] {
        let scratch = Scratch::new();
        let path = scratch.path("file");
        fs::write(&path, [7; 1000]).expect("a file");
        let view = viewed(&path);
        if replace {
            fs::write(scratch.path("new"), [7; 1000]).expect("a file");
            fs::rename(scratch.path("new"), &path).expect("a file");
        } else {
            fs::remove_file(&path).expect("a file");
        }
        match whole(&view) {
            Err(ViewError::Changed { path: changed }) => assert_eq!(changed, path),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_change_of_one_file_leaves_the_ranges_without_it_readable() {
    let scratch = Scratch::new();
    let tree = old_tree(&scratch);
    fs::write(tree.join("other"), [9; 1000]).expect("a file");
    let view = viewed(&tree);
    let archive = whole(&view).expect("an archive");
    fs::remove_file(tree.join("folder/file")).expect("a file");
    let contents = archive.windows(1000).position(|bytes| bytes == [7; 1000]);
    let first = contents.expect("the file");
    assert!(read(&view, 0, first).expect("words") == archive[..first]);
    assert!(read(&view, 0, first + 1).is_err());
    let behind = first + 1000;
    assert!(read(&view, behind - 1, 1).is_err());
    let rest = archive.len() - behind;
    assert!(read(&view, behind, rest).expect("the other file") == archive[behind..]);
}

#[test]
fn a_view_stays_with_its_tree_when_that_is_moved() {
    let scratch = Scratch::new();
    sample().make(&scratch.path("tree"));
    let view = viewed(&scratch.path("tree"));
    fs::rename(scratch.path("tree"), scratch.path("moved")).expect("a tree");
    Tree::directory([(b"b", Tree::directory([(b"run", Tree::file(b"no"))]))])
        .make(&scratch.path("tree"));
    assert!(whole(&view).expect("an archive") == sample().archive());
}

#[test]
fn bytes_written_during_a_read_are_never_returned() {
    const BYTES: u64 = 32 << 20;
    let scratch = Scratch::new();
    let path = scratch.path("file");
    let file = fs::File::create(&path).expect("a file");
    file.set_len(BYTES).expect("a sparse file");
    age(&path);
    let view = viewed(&path);
    thread::scope(|scope| {
        let (sender, begun) = mpsc::channel();
        let (view, file) = (&view, &file);
        let reading = scope.spawn(move || {
            let mut bytes = vec![0; usize::try_from(BYTES).expect("it is in memory")];
            sender.send(()).expect("somebody waits");
            let read = view.read_exact_at(96, &mut bytes);
            (read, bytes)
        });
        begun.recv().expect("it is sent");
        file.write_all_at(b"x", BYTES - 1).expect("a file");
        let (read, bytes) = reading.join().expect("no panic");
        match read {
            Ok(()) => assert!(bytes.iter().all(|&byte| byte == 0)),
            Err(error) => assert!(error.is_changed(), "{error:?}"),
        }
    });
}
