//! Bytes as an archive that is unpacked to disk: the tree packs to the same bytes, or nothing is
//! left; and nothing appears anywhere else.

#![no_main]

use std::{
    fs::{self, Permissions},
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::LazyLock,
};

use libfuzzer_sys::fuzz_target;
use nix_io::nar::{self, CaseCollisions, NarLimits, PackOptions, Reader, UnpackOptions};

/// What stands beside the place that archives are unpacked in, and must stay as it is.
const BESIDE: &str = "beside";

/// A private folder with the place and what is beside it, as every input finds and leaves it.
/// `fuzz/run` removes it.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = tempfile::tempdir()
        .expect("a private folder can be made")
        .keep();
    fs::create_dir(folder.join("place")).expect("the folder is ours");
    fs::write(folder.join(BESIDE), BESIDE).expect("the folder is ours");
    folder
});

/// Checks the modes and times of a tree, and makes its directories removable.
fn check_metadata(path: &Path) {
    let metadata = fs::symlink_metadata(path).expect("it was made");
    assert_eq!(metadata.mtime(), 1, "{}", path.display());
    if metadata.is_symlink() {
        return;
    }
    let mode = metadata.mode() & 0o7777;
    let is_plain = mode == 0o555 || (mode == 0o444 && metadata.is_file());
    assert!(is_plain, "{mode:o} {}", path.display());
    if metadata.is_dir() {
        for entry in fs::read_dir(path).expect("it is a directory") {
            check_metadata(&entry.expect("it can be read").path());
        }
        fs::set_permissions(path, Permissions::from_mode(0o700)).expect("it is ours");
    }
}

/// Removes a tree whose directories are removable.
fn remove(tree: &Path) {
    let metadata = fs::symlink_metadata(tree).expect("it was made");
    let removed = if metadata.is_dir() {
        fs::remove_dir_all(tree)
    } else {
        fs::remove_file(tree)
    };
    removed.expect("it is ours");
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("the folder is there");
    let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    let mut names: Vec<_> = entries
        .map(|entry| name(entry.expect("it is ours")))
        .collect();
    names.sort();
    names
}

/// Returns the size of the archive that the bytes begin with, if they do.
fn archive_len(bytes: &[u8]) -> Option<usize> {
    let size = Reader::new(bytes, NarLimits::default()).finish().ok()?;
    Some(usize::try_from(size).expect("it is no longer than the input"))
}

fuzz_target!(|input: &[u8]| {
    let Some((&kind, bytes)) = input.split_first() else {
        return;
    };
    let case_collisions = match kind % 4 {
        0 | 1 => CaseCollisions::Allow,
        2 => CaseCollisions::Refuse,
        _ => CaseCollisions::Rename,
    };
    let place = FOLDER.join("place");
    let tree = place.join("tree");
    let options = UnpackOptions {
        case_collisions,
        ..UnpackOptions::default()
    };
    let unpacked = nar::unpack(bytes, &tree, &options);
    assert_eq!(names(&FOLDER), [BESIDE, "place"]);
    let beside = fs::read(FOLDER.join(BESIDE)).expect("it is still there");
    assert_eq!(beside, BESIDE.as_bytes());

    match (unpacked, archive_len(bytes)) {
        (Ok(size), len) => {
            assert_eq!(usize::try_from(size).ok(), len);
            assert_eq!(names(&place), ["tree"]);
            let options = PackOptions {
                undo_case_renames: case_collisions == CaseCollisions::Rename,
                ..PackOptions::default()
            };
            let mut packed = Vec::new();
            let packed_size = nar::pack(&tree, &mut packed, &options).expect("it is a tree");
            assert_eq!(packed_size, size);
            assert_eq!(
                Some(packed.as_slice()),
                len.and_then(|len| bytes.get(..len))
            );
            check_metadata(&tree);
            remove(&tree);
        }
        (Err(error), len) => {
            assert_eq!(names(&place), [""; 0], "{error}");
            let is_whole = len.is_some() && case_collisions == CaseCollisions::Allow;
            assert!(!is_whole, "an archive is refused: {error:?}");
        }
    }
});
