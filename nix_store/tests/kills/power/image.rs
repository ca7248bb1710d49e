//! What may be on the disk after a loss of power, as files.

use std::{
    collections::HashMap,
    fs,
    os::unix::{
        fs::{PermissionsExt, symlink},
        net::UnixListener,
    },
    path::{Path, PathBuf},
};

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_OMIT};

use super::disk::{Disk, Image, Inode, Kind, ROOT};
use crate::harness::Chance;

/// The time of everything in a store.
const TIMES: Timestamps = Timestamps {
    last_access: Timespec {
        tv_sec: 0,
        tv_nsec: UTIME_OMIT,
    },
    last_modification: Timespec {
        tv_sec: 1,
        tv_nsec: 0,
    },
};

/// Chooses at random which of the pending changes have got to the disk.
pub(crate) fn choose(disk: &Disk, chance: &mut Chance) -> Vec<bool> {
    let count = disk.pending();
    let one = chance.below(count as u64);
    let odds = chance.below(9) + 1;
    let names = disk.are_names();
    let how = chance.below(8);
    let mut choose = |at: usize| match how {
        0 => false,
        1 => true,
        2 => at as u64 == one,
        3 => at as u64 != one,
        4 => names[at],
        5 => !names[at],
        6 => (at as u64) < one,
        _ => chance.below(10) < odds,
    };
    (0..count).map(&mut choose).collect()
}

/// Makes the files of an image in a folder that is empty.
pub(crate) fn make(image: &Image<'_>, folder: &Path) {
    let mut made = HashMap::new();
    fill(image, ROOT, folder, &mut made);
}

fn fill(image: &Image<'_>, directory: Inode, at: &Path, made: &mut HashMap<Inode, PathBuf>) {
    for (name, inode) in &image.state(directory).names {
        let (inode, at) = (*inode, at.join(name));
        let state = image.state(inode);
        match &state.kind {
            Kind::Directory => {
                fs::create_dir(&at).expect("a directory");
                fill(image, inode, &at, made);
            }
            Kind::Symlink(target) => {
                let target = std::str::from_utf8(target).expect("UTF-8");
                symlink(target, &at).expect("a symlink");
            }
            Kind::Socket => drop(UnixListener::bind(&at).expect("a socket")),
            Kind::File => {
                if let Some(first) = made.get(&inode) {
                    fs::hard_link(first, &at).expect("a link");
                    continue;
                }
                fs::write(&at, &state.bytes).expect("a file");
                made.insert(inode, at.clone());
            }
        }
        if !matches!(state.kind, Kind::Symlink(_)) {
            let mode = fs::Permissions::from_mode(state.mode);
            fs::set_permissions(&at, mode).expect("a mode");
        }
        if state.is_object {
            let set = rustix::fs::utimensat(CWD, &at, &TIMES, AtFlags::SYMLINK_NOFOLLOW);
            set.expect("a time");
        }
    }
}
