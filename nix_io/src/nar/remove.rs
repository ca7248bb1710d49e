//! Removing a tree that was made here.

use std::{
    ffi::{CString, OsStr},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use rustix::{
    fs::{AtFlags, Dir, Mode},
    io::{Errno, Result},
};

use super::unpack::DIRECTORY_FLAGS;

/// A directory that is being emptied.
struct Level {
    fd: OwnedFd,
    /// Its name in the level above.
    name: CString,
    /// What may still be in it.
    names: Vec<CString>,
}

/// Removes a file, a symlink or a whole directory, following no symlink.
pub(super) fn remove(parent: BorrowedFd<'_>, name: &OsStr) -> Result<()> {
    let name = CString::new(name.as_encoded_bytes()).map_err(|_| Errno::INVAL)?;
    let mut levels = Vec::from_iter(unlink(parent, name)?);
    while let Some(level) = levels.last_mut() {
        if let Some(name) = level.names.pop() {
            let below = unlink(level.fd.as_fd(), name)?;
            levels.extend(below);
            continue;
        }
        let Some(level) = levels.pop() else { break };
        let above = levels.last().map_or(parent, |level| level.fd.as_fd());
        rustix::fs::unlinkat(above, &level.name, AtFlags::REMOVEDIR)?;
    }
    Ok(())
}

/// Removes an entry; a directory is returned, to be emptied first.
fn unlink(parent: BorrowedFd<'_>, name: CString) -> Result<Option<Level>> {
    match rustix::fs::unlinkat(parent, &name, AtFlags::empty()) {
        Ok(()) => Ok(None),
        // Directories are refused by different numbers.
        Err(Errno::ISDIR | Errno::PERM) => enter(parent, name).map(Some),
        Err(error) => Err(error),
    }
}

fn enter(parent: BorrowedFd<'_>, name: CString) -> Result<Level> {
    let fd = rustix::fs::openat(parent, &name, DIRECTORY_FLAGS, Mode::empty())?;
    rustix::fs::fchmod(&fd, Mode::RWXU)?;
    let names = Dir::read_from(&fd)?
        .map(|entry| entry.map(|entry| entry.file_name().to_owned()))
        .filter(|name| !matches!(name, Ok(name) if matches!(name.to_bytes(), b"." | b"..")))
        .collect::<Result<_>>()?;
    Ok(Level { fd, name, names })
}
