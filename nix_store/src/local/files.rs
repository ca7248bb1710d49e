//! Calls on files relative to open directories, with errors that name the file.

use std::{
    ffi::OsStr,
    hash::{BuildHasher, RandomState},
    os::fd::{AsFd, OwnedFd},
    path::Path,
};

use rustix::{
    fs::{AtFlags, FlockOperation, Mode, OFlags, RenameFlags},
    io::Errno,
};

use crate::store::{Error, Result};

/// A directory that is opened, never through a symlink.
pub(super) const DIRECTORY_FLAGS: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// A file that is read, never through a symlink, and without waiting for the other end of a pipe.
pub(super) const FILE_FLAGS: OFlags = OFlags::RDONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);

/// Says what was tried on which file.
pub(super) fn failed(action: &'static str, path: &Path) -> impl FnOnce(Errno) -> Error {
    move |errno| Error::Io {
        action,
        path: path.to_owned(),
        source: errno.into(),
    }
}

/// Opens a directory that is no symlink.
pub(super) fn open_directory(
    parent: impl AsFd,
    name: impl rustix::path::Arg,
) -> Result<OwnedFd, Errno> {
    rustix::fs::openat(parent, name, DIRECTORY_FLAGS, Mode::empty())
}

/// Waits for a lock, however often signals interrupt it.
pub(super) fn lock(fd: impl AsFd) -> Result<(), Errno> {
    loop {
        match rustix::fs::flock(&fd, FlockOperation::LockExclusive) {
            Err(Errno::INTR) => {}
            locked => return locked,
        }
    }
}

/// Takes a lock and returns true, or false where another holds it.
pub(super) fn try_lock(fd: impl AsFd) -> Result<bool, Errno> {
    match rustix::fs::flock(fd, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Renames where nothing has the new name; fails with `EXIST` otherwise.
///
/// File systems that cannot do both in one step do it in two: then only those who hold the lock of
/// the path may be at work.
pub(super) fn rename_new(
    from: impl AsFd,
    old: &OsStr,
    to: impl AsFd,
    new: &OsStr,
) -> Result<(), Errno> {
    match rustix::fs::renameat_with(&from, old, &to, new, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {}
        renamed => return renamed,
    }
    match rustix::fs::statat(&to, new, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(_) => Err(Errno::EXIST),
        Err(Errno::NOENT) => rustix::fs::renameat(from, old, to, new),
        Err(error) => Err(error),
    }
}

/// Moves a node to another directory, even one that its owner may not write.
///
/// Who is not root can move a directory only while it is writable, because its entry `..` changes.
pub(super) fn move_node(
    from: impl AsFd,
    old: &OsStr,
    to: impl AsFd,
    new: &OsStr,
    fsync: bool,
) -> Result<(), Errno> {
    match rename_new(&from, old, &to, new) {
        Err(Errno::ACCESS) => {}
        renamed => return renamed,
    }
    let fd = open_directory(&from, old)?;
    let mode = Mode::from_raw_mode(rustix::fs::fstat(&fd)?.st_mode);
    rustix::fs::fchmod(&fd, mode.union(Mode::RWXU))?;
    let renamed = rename_new(from, old, to, new);
    rustix::fs::fchmod(&fd, mode)?;
    if fsync {
        rustix::fs::fsync(&fd)?;
    }
    renamed
}

/// Returns a number that other processes do not guess.
pub(super) fn random() -> u64 {
    RandomState::new().hash_one(0_u8)
}
