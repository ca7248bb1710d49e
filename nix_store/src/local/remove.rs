//! Removing trees and counting what that gives back.

use std::{
    ffi::{CString, OsStr},
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
};

use rustix::{
    fs::{AtFlags, Dir, FileType, Mode},
    io::{Errno, Result},
};

use super::files::{open_directory, random};

/// How many directories are open at once; what lies deeper is moved up first.
const DEPTH_MAX: usize = 64;

/// What `st_blocks` counts.
const BLOCK_BYTES: u64 = 512;

/// A directory that is being emptied.
struct Level {
    fd: OwnedFd,
    /// Its name in the level above.
    name: CString,
    /// What may still be in it.
    names: Vec<CString>,
}

/// Removes a file, a symlink or a whole directory from a private directory, following no symlink,
/// and returns the bytes of what had no other link.
///
/// Whatever is gone already is passed over, so that two may remove the same tree.
pub(super) fn remove(parent: BorrowedFd<'_>, name: &OsStr) -> Result<u64> {
    let name = CString::new(name.as_bytes()).map_err(|_| Errno::INVAL)?;
    let mut bytes = 0;
    let mut waiting = vec![name];
    while let Some(name) = waiting.pop() {
        let mut levels = Vec::from_iter(unlink(parent, name, &mut bytes)?);
        while let Some(level) = levels.last_mut() {
            let Some(name) = level.names.pop() else {
                close(parent, &mut levels)?;
                continue;
            };
            let Some(below) = unlink(level.fd.as_fd(), name, &mut bytes)? else {
                continue;
            };
            if levels.len() < DEPTH_MAX {
                levels.push(below);
            } else if let Some(level) = levels.last() {
                waiting.push(move_up(parent, level, &below)?);
            }
        }
    }
    Ok(bytes)
}

/// Removes the innermost directory, which is empty.
fn close(parent: BorrowedFd<'_>, levels: &mut Vec<Level>) -> Result<()> {
    let Some(level) = levels.pop() else {
        return Ok(());
    };
    let above = levels.last().map_or(parent, |level| level.fd.as_fd());
    gone(rustix::fs::unlinkat(above, &level.name, AtFlags::REMOVEDIR)).map(drop)
}

fn move_up(parent: BorrowedFd<'_>, level: &Level, below: &Level) -> Result<CString> {
    let name = format!("tmp-deep-{:016x}", random());
    let name = CString::new(name).map_err(|_| Errno::INVAL)?;
    rustix::fs::renameat(&level.fd, &below.name, parent, &name)?;
    Ok(name)
}

/// Removes an entry; a directory is returned, to be emptied first.
fn unlink(parent: BorrowedFd<'_>, name: CString, bytes: &mut u64) -> Result<Option<Level>> {
    let stat = rustix::fs::statat(parent, &name, AtFlags::SYMLINK_NOFOLLOW);
    let Some(stat) = gone(stat)? else {
        return Ok(None);
    };
    let is_directory = FileType::from_raw_mode(stat.st_mode).is_dir();
    if is_directory || stat.st_nlink == 1 {
        *bytes += u64::try_from(stat.st_blocks).unwrap_or(0) * BLOCK_BYTES;
    }
    if is_directory {
        return enter(parent, name);
    }
    gone(rustix::fs::unlinkat(parent, &name, AtFlags::empty()))?;
    Ok(None)
}

fn enter(parent: BorrowedFd<'_>, name: CString) -> Result<Option<Level>> {
    let opened = match open_directory(parent, &name) {
        Err(Errno::ACCESS) => {
            // Only its owner's own directory can be opened up, and nobody else is in a private one.
            rustix::fs::chmodat(parent, &name, Mode::RWXU, AtFlags::empty())?;
            open_directory(parent, &name)
        }
        opened => opened,
    };
    let Some(fd) = gone(opened)? else {
        return Ok(None);
    };
    rustix::fs::fchmod(&fd, Mode::RWXU)?;
    let names = names(&fd)?;
    Ok(Some(Level { fd, name, names }))
}

/// Returns the names in a directory, without `.` and `..`.
pub(super) fn names(fd: impl AsFd) -> Result<Vec<CString>> {
    Dir::read_from(fd)?
        .map(|entry| entry.map(|entry| entry.file_name().to_owned()))
        .filter(|name| !matches!(name, Ok(name) if matches!(name.to_bytes(), b"." | b"..")))
        .collect()
}

/// Returns nothing for what is not there.
fn gone<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error),
    }
}
