//! A directory of an object that is writable for the moment.
//!
//! `opened` in the private directory of who makes it so is a symlink whose target is the base name
//! of its object. Should the process die, the next one to open the store gives the directories of
//! that object their permissions and times again.

use std::{
    io::ErrorKind,
    os::fd::{AsFd, BorrowedFd},
    path::Path,
};

use nix_core::store_path::StorePath;
use rustix::{
    fs::{AtFlags, FlockOperation, Mode},
    io::Errno,
};

use super::tree::{CLOSED, DIRECTORY_FLAGS, Node, Visit, failed, is_canonical, walk};
use crate::{
    local::TIMES,
    store::{Error, Result},
};

/// The symlink that names an object.
const OPENED: &str = "opened";

/// The note of the object whose directories are made writable.
pub(super) struct Opening<'a> {
    private: BorrowedFd<'a>,
    object: String,
    is_noted: bool,
    /// Whether a note outlives a loss of power that what it is about outlives.
    fsync: bool,
}

impl<'a> Opening<'a> {
    pub(super) fn new(private: BorrowedFd<'a>, fsync: bool) -> Self {
        Self {
            private,
            object: String::new(),
            is_noted: false,
            fsync,
        }
    }

    /// Whether directories of the object were made writable that have to be synced before its note
    /// goes.
    pub(super) fn is_to_be_synced(&self) -> bool {
        self.is_noted && self.fsync
    }

    /// Begins with another object; the directories of the last one are as before.
    pub(super) fn begin(&mut self, object: &StorePath) -> Result<(), Errno> {
        if self.is_noted {
            rustix::fs::unlinkat(self.private, OPENED, AtFlags::empty())?;
            self.is_noted = false;
        }
        object.base_name().clone_into(&mut self.object);
        Ok(())
    }

    /// Writes down the object, before the first of its directories is made writable.
    pub(super) fn note(&mut self) -> Result<(), Errno> {
        if !self.is_noted {
            rustix::fs::symlinkat(&self.object, self.private, OPENED)?;
            if self.fsync {
                rustix::fs::fsync(self.private)?;
            }
            self.is_noted = true;
        }
        Ok(())
    }
}

/// Gives the directories of the object that a dead process has noted the permissions and times of
/// an object again, whether it is valid or not.
pub(crate) fn close_object(
    private: BorrowedFd<'_>,
    store: BorrowedFd<'_>,
    real_store_dir: &Path,
    depth_max: usize,
) -> Result<()> {
    let object = match rustix::fs::readlinkat(private, OPENED, Vec::new()) {
        Ok(object) => object,
        // Nothing was opened.
        Err(Errno::NOENT | Errno::INVAL) => return Ok(()),
        Err(error) => return Err(failed("read a note in", real_store_dir)(error)),
    };
    let Ok(object) = StorePath::from_base_name_bytes(object.to_bytes()) else {
        return Ok(());
    };
    let path = real_store_dir.join(object.base_name());
    let mut close = |visit: Visit<'_>| match visit {
        Visit::Directory(node) => close_directory(node),
        Visit::Leaf(_) | Visit::End => Ok(()),
    };
    match walk(store, &path, depth_max, &mut close) {
        // It was deleted meanwhile.
        Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(()),
        closed => closed,
    }
}

fn close_directory(node: &Node<'_>) -> Result<()> {
    if is_canonical(node.stat) {
        return Ok(());
    }
    let failed = |action| node.failed(action);
    let fd = rustix::fs::openat(node.parent, node.name, DIRECTORY_FLAGS, Mode::empty());
    let fd = fd.map_err(failed("open"))?;
    // Another process may have made it writable just now, and is waited for.
    lock(fd.as_fd()).map_err(failed("lock"))?;
    close(fd.as_fd()).map_err(failed("restore the mode and time of"))?;
    // The note goes after this.
    rustix::fs::fsync(&fd).map_err(failed("sync"))
}

/// Puts the permissions and times of an object's directories on the disk.
pub(super) fn sync_directories(
    store: BorrowedFd<'_>,
    object: &Path,
    depth_max: usize,
) -> Result<()> {
    walk(store, object, depth_max, &mut |visit| match visit {
        Visit::Directory(node) => {
            rustix::fs::openat(node.parent, node.name, DIRECTORY_FLAGS, Mode::empty())
                .and_then(rustix::fs::fsync)
                .map_err(node.failed("sync"))
        }
        Visit::Leaf(_) | Visit::End => Ok(()),
    })
}

/// Gives a directory what an object's have, and lets go of its lock.
fn close(directory: BorrowedFd<'_>) -> Result<(), Errno> {
    let closed = rustix::fs::fchmod(directory, CLOSED);
    let timed = rustix::fs::futimens(directory, &TIMES);
    let unlocked = rustix::fs::flock(directory, FlockOperation::Unlock);
    closed.and(timed).and(unlocked)
}

/// Makes the directory that a node lies in writable, and gives it the permissions and the time of
/// an object again when it is dropped. Others who do the same wait for their turn.
pub(super) struct Writable<'a> {
    node: &'a Node<'a>,
    /// Whether there is something left to restore: the store's own directory stays as it is.
    is_open: bool,
}

impl<'a> Writable<'a> {
    pub(super) fn of_parent(node: &'a Node<'a>) -> Result<Self> {
        let is_open = node.depth > 0;
        if is_open {
            lock(node.parent).map_err(node.failed("lock the directory of"))?;
        }
        let this = Self { node, is_open };
        if is_open {
            let opened = rustix::fs::fchmod(node.parent, CLOSED.union(Mode::WUSR));
            opened.map_err(node.failed("make writable the directory of"))?;
        }
        Ok(this)
    }

    /// Restores it, and says what fails.
    pub(super) fn restore(mut self) -> Result<()> {
        let restored = self.close();
        let path = self.node.path.parent().unwrap_or(self.node.path);
        restored.map_err(failed("restore the mode and time of", path))
    }

    fn close(&mut self) -> Result<(), Errno> {
        if !self.is_open {
            return Ok(());
        }
        self.is_open = false;
        close(self.node.parent)
    }
}

impl Drop for Writable<'_> {
    fn drop(&mut self) {
        // The error that led here is the one to be seen.
        let _ = self.close();
    }
}

fn lock(directory: BorrowedFd<'_>) -> Result<(), Errno> {
    loop {
        match rustix::fs::flock(directory, FlockOperation::LockExclusive) {
            Err(Errno::INTR) => {}
            locked => return locked,
        }
    }
}
