//! Ranges of the archive of a tree are those of the archive, or refused.

use std::{collections::BTreeMap, fs, os::unix::net::UnixListener, path::Path};

use nix_io::nar::{
    EncodeError, NarLimits, PackError, PackOptions, VIEW_OPEN_MAX, View, ViewError, pack,
};
use proptest::prelude::*;

use crate::support::{Scratch, Tree, arb_name};

pub(crate) fn viewed(path: &Path) -> View {
    View::open(path, &PackOptions::default()).expect("a tree")
}

pub(crate) fn read(view: &View, offset: usize, length: usize) -> Result<Vec<u8>, ViewError> {
    let mut bytes = vec![0xaa; length];
    view.read_exact_at(offset as u64, &mut bytes)?;
    Ok(bytes)
}

/// Reads the whole archive.
pub(crate) fn whole(view: &View) -> Result<Vec<u8>, ViewError> {
    read(view, 0, usize::try_from(view.size()).expect("it is small"))
}

fn packed(path: &Path, options: &PackOptions) -> Vec<u8> {
    let mut bytes = Vec::new();
    pack(path, &mut bytes, options).expect("a tree");
    bytes
}

pub(crate) fn sample() -> Tree {
    let executable = Tree::File {
        executable: true,
        contents: b"#!".to_vec(),
    };
    Tree::directory([
        (b"a", Tree::directory([])),
        (b"b", Tree::directory([(b"run", executable)])),
        (b"c", Tree::file(b"")),
        (b"d", Tree::file(b"eight bt")),
        (b"e\xff", Tree::Link(b"../b/run".to_vec())),
        (b"f", Tree::directory([(b"deep", Tree::directory([]))])),
    ])
}

#[test]
fn every_range_of_a_small_tree_is_that_of_its_archive() {
    let scratch = Scratch::new();
    sample().make(&scratch.path("tree"));
    let archive = packed(&scratch.path("tree"), &PackOptions::default());
    let view = viewed(&scratch.path("tree"));
    assert_eq!(view.size(), archive.len() as u64);
    for offset in 0..=archive.len() {
        let rest = archive.len() - offset;
        for length in (0..=rest.min(20)).chain([rest]) {
            let expected = &archive[offset..][..length];
            let bytes = read(&view, offset, length).expect("a range");
            assert!(bytes == expected, "{length} at {offset}");
        }
    }
}

#[test]
fn a_file_and_a_symlink_alone_are_archives_too() {
    let scratch = Scratch::new();
    let trees = [
        Tree::file(b""),
        Tree::file(&[7; 100_001]),
        Tree::File {
            executable: true,
            contents: b"#!".to_vec(),
        },
        Tree::Link(b"tree-0".to_vec()),
    ];
    for (number, tree) in trees.iter().enumerate() {
        let path = scratch.path(&format!("tree-{number}"));
        tree.make(&path);
        assert!(whole(&viewed(&path)).expect("an archive") == tree.archive());
    }
}

#[test]
fn ranges_that_go_beyond_the_end_are_refused() {
    let scratch = Scratch::new();
    sample().make(&scratch.path("tree"));
    let view = viewed(&scratch.path("tree"));
    let end = view.size();
    assert!(view.read_exact_at(end, &mut []).is_ok());
    assert!(view.read_exact_at(end - 1, &mut [0]).is_ok());
    for (from, length) in [
        (end, 1),
        (end - 1, 2),
        (0, end + 1),
        (end + 1, 0),
        (u64::MAX, 0),
        (u64::MAX, 2),
    ] {
        let length = usize::try_from(length).expect("it is small");
        match view.read_exact_at(from, &mut vec![0; length]) {
            Err(ViewError::OutOfRange {
                offset,
                bytes,
                size,
            }) => assert_eq!((offset, bytes, size), (from, length, end)),
            other => panic!("{length} at {from}: {other:?}"),
        }
    }
}

#[test]
fn suffixes_for_case_are_taken_off_where_packing_takes_them_off() {
    let scratch = Scratch::new();
    Tree::directory([
        (b"A", Tree::file(b"first")),
        (b"a~nix~case~hack~1", Tree::file(b"second")),
        (
            b"b~nix~case~hack~2",
            Tree::directory([(b"c", Tree::file(b"third"))]),
        ),
    ])
    .make(&scratch.path("tree"));
    let archives = [false, true].map(|undo_case_renames| {
        let options = PackOptions {
            undo_case_renames,
            ..PackOptions::default()
        };
        let view = View::open(scratch.path("tree"), &options).expect("a tree");
        let archive = packed(&scratch.path("tree"), &options);
        assert!(whole(&view).expect("an archive") == archive);
        archive
    });
    assert!(archives[0] != archives[1]);
}

#[test]
fn what_packing_refuses_has_no_view() {
    let scratch = Scratch::new();
    let refused = |name: &str, options: &PackOptions| {
        View::open(scratch.path(name), options).expect_err("it is refused")
    };
    let socket = scratch.path("tree/socket");
    fs::create_dir(scratch.path("tree")).expect("a directory");
    let _listener = UnixListener::bind(&socket).expect("a socket");
    match refused("tree", &PackOptions::default()) {
        PackError::Unsupported { path } => assert_eq!(path, socket),
        other => panic!("{other:?}"),
    }
    match refused("nothing", &PackOptions::default()) {
        PackError::Io { path, .. } => assert_eq!(path, scratch.path("nothing")),
        other => panic!("{other:?}"),
    }
    fs::write(scratch.path("file"), [0; 100]).expect("a file");
    let limits = NarLimits {
        archive_bytes_max: 200,
        ..NarLimits::default()
    };
    let options = PackOptions {
        limits,
        ..PackOptions::default()
    };
    match refused("file", &options) {
        PackError::Encode { path, source } => {
            assert_eq!(path, scratch.path("file"));
            assert_eq!(source, EncodeError::TooLong { max: 200 });
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn threads_may_read_at_once_more_files_than_are_held_open() {
    let scratch = Scratch::new();
    let files = (0..3 * VIEW_OPEN_MAX).map(|number| {
        let contents = [u8::try_from(number).expect("it is small"); 5000];
        (format!("{number:03}").into_bytes(), Tree::file(&contents))
    });
    let tree = Tree::Directory(files.collect::<BTreeMap<_, _>>());
    tree.make(&scratch.path("tree"));
    let (view, archive) = (viewed(&scratch.path("tree")), tree.archive());
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (view, archive) = (&view, &archive);
            scope.spawn(move || {
                for step in 0..200 {
                    let offset = (thread * 7919 + step * 104_729) % archive.len();
                    let length = 9000.min(archive.len() - offset);
                    let bytes = read(view, offset, length).expect("a range");
                    assert!(bytes == archive[offset..][..length], "at {offset}");
                }
            });
        }
    });
}

fn arb_sized_tree() -> impl Strategy<Value = Tree> {
    let size = prop_oneof![0..20_usize, 4090..4100_usize, 0..=(200_usize << 10)];
    let file = (any::<bool>(), size, any::<u8>()).prop_map(|(executable, size, seed)| Tree::File {
        executable,
        // Of a prime period, so that no two pages are the same.
        contents: (0..=250_u8)
            .map(|byte| byte.wrapping_add(seed))
            .cycle()
            .take(size)
            .collect(),
    });
    let link = prop::collection::vec(1..=255_u8, 1..20).prop_map(Tree::Link);
    prop_oneof![3 => file, 1 => link].prop_recursive(5, 40, 8, |inner| {
        prop::collection::btree_map(arb_name(), inner, 0..8).prop_map(Tree::Directory)
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 48,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_range_is_that_of_the_packed_archive(
        tree in arb_sized_tree(),
        ranges in prop::collection::vec((any::<prop::sample::Index>(), 0..100_000_usize), 40),
        step in 1..70_000_usize,
    ) {
        let scratch = Scratch::new();
        tree.make(&scratch.path("tree"));
        let archive = packed(&scratch.path("tree"), &PackOptions::default());
        let view = viewed(&scratch.path("tree"));
        prop_assert_eq!(view.size(), archive.len() as u64);
        for (at, length) in ranges {
            let offset = at.index(archive.len());
            let length = length.min(archive.len() - offset);
            let bytes = read(&view, offset, length).expect("a range");
            prop_assert!(bytes == archive[offset..][..length], "{} at {}", length, offset);
        }
        for (number, expected) in archive.chunks(step).enumerate() {
            let bytes = read(&view, number * step, expected.len()).expect("a range");
            prop_assert!(bytes == expected, "{} at {}", expected.len(), number * step);
        }
    }
}
