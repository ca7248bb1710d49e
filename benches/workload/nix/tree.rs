//! A tree of files as a store object has them: many small ones, a few large ones.

use std::{
    fs::{self, File, Permissions},
    io::Write,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

use crate::Random;

/// How many files are small.
const SMALL: usize = 10_000;
/// The share of all bytes that small files have, as one in so many.
const SMALL_SHARE: usize = 8;
const LARGE: usize = 5;
const FILES_A_FOLDER: usize = 100;
/// One file in so many has a symlink to it.
const FILES_A_SYMLINK: usize = 20;
/// One file in so many is executable.
const FILES_AN_EXECUTABLE: usize = 10;
const PIECE_BYTES: usize = 1 << 20;

/// Makes the tree, and returns how many bytes are in its files.
///
/// The small files of 1 GiB have 13 KiB on average; the large ones share the rest.
#[must_use]
pub fn make(root: &Path, bytes: usize) -> usize {
    let mut random = Random::new(11);
    let small = (bytes / SMALL_SHARE / SMALL).max(1);
    let mut piece = vec![0; PIECE_BYTES.max(2 * small)];
    fill(&mut piece, &mut random);
    let mut total = 0;
    for number in 0..SMALL {
        let folder = number / FILES_A_FOLDER;
        let folder = root.join(format!("share/{}/{folder}", folder % 7));
        if number % FILES_A_FOLDER == 0 {
            fs::create_dir_all(&folder).unwrap();
        }
        let length = random.below(2 * small as u64) as usize;
        let from = random.below((piece.len() - length) as u64) as usize;
        let path = folder.join(format!("file-{number}"));
        fs::write(&path, &piece[from..from + length]).unwrap();
        if number % FILES_AN_EXECUTABLE == 0 {
            fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        }
        if number % FILES_A_SYMLINK == 0 {
            symlink(
                format!("file-{number}"),
                folder.join(format!("link-{number}")),
            )
            .unwrap();
        }
        total += length;
    }
    fs::create_dir(root.join("lib")).unwrap();
    for number in 0..LARGE {
        let mut missing = (bytes - total) / (LARGE - number);
        let mut file = File::create(root.join(format!("lib/lib{number}.so"))).unwrap();
        total += missing;
        while missing > 0 {
            fill(&mut piece, &mut random);
            let length = missing.min(piece.len());
            file.write_all(&piece[..length]).unwrap();
            missing -= length;
        }
    }
    total
}

/// Fills bytes at random.
pub fn fill(bytes: &mut [u8], random: &mut Random) {
    for chunk in bytes.chunks_mut(8) {
        chunk.copy_from_slice(&random.number().to_le_bytes()[..chunk.len()]);
    }
}
