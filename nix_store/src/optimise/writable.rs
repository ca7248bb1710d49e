//! A directory of an object that is writable for the moment.

use std::os::fd::{AsFd, BorrowedFd};

use rustix::{
    fs::{FlockOperation, Mode},
    io::Errno,
};

use super::tree::{CLOSED, Node, failed};
use crate::{local::TIMES, store::Result};

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
        let parent = self.node.parent.as_fd();
        let closed = rustix::fs::fchmod(parent, CLOSED);
        let timed = rustix::fs::futimens(parent, &TIMES);
        let unlocked = rustix::fs::flock(parent, FlockOperation::Unlock);
        closed.and(timed).and(unlocked)
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
