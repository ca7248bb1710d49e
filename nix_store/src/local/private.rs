//! Directories for unfinished objects, and what becomes of those that crashed processes left.
//!
//! - `real_store_dir/.netabase`: ours, mode 0700, never an object.
//! - `.netabase/tmp-<pid>-<random>`: one operation's, mode 0700. Whoever made it holds a lock on it
//!   as long as it is in use, so one without a lock is what a crash left.
//! - `.netabase/locks/<two digits>`: locks of paths, see [`locks`](super::locks).

use std::{
    ffi::OsStr,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::{Path, PathBuf},
};

use rustix::{
    fs::{Mode, OFlags},
    io::Errno,
};

use super::{
    files::{failed, lock, open_directory, random, try_lock},
    remove::{names, remove},
};
use crate::{
    optimise::close_object,
    store::{Error, Result},
};

/// The directory that is ours in a store's directory.
pub(super) const OURS: &str = ".netabase";

/// What the names of directories for unfinished objects begin with.
const PREFIX: &str = "tmp-";

/// A directory that nobody else can enter, on the file system of the objects. It is removed with
/// all that is in it when it is dropped.
#[derive(Debug)]
pub(crate) struct PrivateDir {
    /// `.netabase`.
    parent: OwnedFd,
    fd: OwnedFd,
    name: String,
    path: PathBuf,
    is_removed: bool,
}

impl PrivateDir {
    /// Makes one in a store's directory.
    pub(super) fn new(store: BorrowedFd<'_>, real_store_dir: &Path) -> Result<Self> {
        let parent = ours(store, real_store_dir)?;
        loop {
            let name = format!("{PREFIX}{}-{:016x}", std::process::id(), random());
            let path = real_store_dir.join(OURS).join(&name);
            match rustix::fs::mkdirat(&parent, &name, Mode::RWXU) {
                Err(Errno::EXIST) => continue,
                made => made.map_err(failed("make the directory", &path))?,
            }
            let locked = open_directory(&parent, &name).and_then(|fd| {
                let is_locked = try_lock(&fd)?;
                let is_there = rustix::fs::fstat(&fd)?.st_nlink > 0;
                Ok((is_locked && is_there).then_some(fd))
            });
            // Who opens the store just now may take it for a crashed process's before it is locked.
            let fd = match locked {
                Ok(None) | Err(Errno::NOENT) => continue,
                Ok(Some(fd)) => fd,
                Err(error) => return Err(failed("lock", &path)(error)),
            };
            return Ok(Self {
                parent,
                fd,
                name,
                path,
                is_removed: false,
            });
        }
    }

    /// Returns the open directory.
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Returns where a name in it lies.
    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Puts its own name on the disk, so that what is noted in it is found after a loss of power.
    pub(crate) fn sync_name(&self) -> Result<()> {
        rustix::fs::fsync(&self.parent).map_err(failed("sync the directory of", &self.path))
    }

    /// Removes it and returns the bytes that this gave back, those of the directory not counted.
    pub(crate) fn clear(mut self) -> Result<u64> {
        let names = names(&self.fd).map_err(failed("list", &self.path))?;
        let mut bytes = 0;
        for name in names {
            let removed = remove(self.fd.as_fd(), OsStr::from_bytes(name.to_bytes()));
            bytes += removed.map_err(failed("remove what is in", &self.path))?;
        }
        let removed = remove(self.parent.as_fd(), OsStr::new(&self.name));
        removed.map_err(failed("remove", &self.path))?;
        self.is_removed = true;
        Ok(bytes)
    }
}

impl Drop for PrivateDir {
    fn drop(&mut self) {
        if !self.is_removed {
            // What remains after an error here is found by the next one to open the store.
            let _ = remove(self.parent.as_fd(), OsStr::new(&self.name));
        }
    }
}

/// Opens `.netabase`, which is made when it is missing and may not be another user's.
pub(super) fn ours(store: BorrowedFd<'_>, real_store_dir: &Path) -> Result<OwnedFd> {
    let path = real_store_dir.join(OURS);
    match rustix::fs::mkdirat(store, OURS, Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(error) => return Err(failed("make the directory", &path)(error)),
    }
    let fd = open_directory(store, OURS).map_err(failed("open", &path))?;
    let stat = rustix::fs::fstat(&fd).map_err(failed("inspect", &path))?;
    let mode = Mode::from_raw_mode(stat.st_mode);
    let is_own = stat.st_uid == rustix::process::geteuid().as_raw();
    if !is_own || mode.intersects(Mode::WGRP.union(Mode::WOTH)) {
        return Err(Error::Io {
            action: "trust the directory",
            path,
            source: Errno::PERM.into(),
        });
    }
    Ok(fd)
}

/// Removes the directories that no process uses any more, once directories of objects that were
/// writable for a moment are as before.
pub(super) fn sweep(store: BorrowedFd<'_>, real_store_dir: &Path, depth_max: usize) -> Result<()> {
    let parent = ours(store, real_store_dir)?;
    let path = real_store_dir.join(OURS);
    let failed = || failed("remove what is left in", &path);
    let listed = names(&parent).map_err(failed())?;
    for name in listed {
        let name = OsStr::from_bytes(name.to_bytes());
        if !name.as_bytes().starts_with(PREFIX.as_bytes()) {
            continue;
        }
        // The lock is held until it is removed.
        let left = abandoned(parent.as_fd(), name).map_err(failed())?;
        if let Left::Directory(left) = &left {
            close_object(left.as_fd(), store, real_store_dir, depth_max)?;
        }
        if !matches!(left, Left::Nothing) {
            remove(parent.as_fd(), name).map_err(failed())?;
        }
    }
    Ok(())
}

/// What a process left.
enum Left {
    /// Nothing, or what is in use.
    Nothing,
    /// A directory, which is locked.
    Directory(OwnedFd),
    /// No directory of ours.
    Other,
}

fn abandoned(parent: BorrowedFd<'_>, name: &OsStr) -> Result<Left, Errno> {
    match open_directory(parent, name) {
        Ok(fd) if try_lock(&fd)? => Ok(Left::Directory(fd)),
        Ok(_) | Err(Errno::NOENT) => Ok(Left::Nothing),
        Err(Errno::NOTDIR | Errno::LOOP) => Ok(Left::Other),
        Err(error) => Err(error),
    }
}

/// Opens a file of locks in a directory of ours, which are made when they are missing.
pub(super) fn open_lock(ours: BorrowedFd<'_>, name: &str) -> Result<OwnedFd, Errno> {
    match rustix::fs::mkdirat(ours, "locks", Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(error) => return Err(error),
    }
    let directory = open_directory(ours, "locks")?;
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = rustix::fs::openat(directory, name, flags, Mode::RUSR | Mode::WUSR)?;
    lock(&fd)?;
    Ok(fd)
}
