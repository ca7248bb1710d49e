//! An object made anew of another's files.

use std::{
    ffi::CStr,
    fs::File,
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use nix_core::path_info::PathInfo;
use rustix::{
    fs::{AtFlags, Mode, OFlags},
    io::Errno,
};

use super::{
    share::{LinkOptions, LinkReport},
    tree::{
        CLOSED, DIRECTORY_FLAGS, FILE_FLAGS, Node, Visit, io_failed, is_canonical, is_same_state,
        mode,
    },
};
use crate::{
    local::{READABLE, TIMES},
    store::{Error, Result},
};

/// The name of the object in its private directory.
pub(super) const OBJECT: &str = "object";

const NEW_FILE_FLAGS: OFlags = OFlags::WRONLY
    .union(OFlags::CREATE)
    .union(OFlags::EXCL)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// Makes, in a private directory, what a walk visits.
pub(super) struct Transfer<'a> {
    private: BorrowedFd<'a>,
    info: &'a PathInfo,
    how: LinkOptions,
    fsync: bool,
    /// The directories on the current path, outermost first.
    levels: Vec<OwnedFd>,
    pub(super) report: LinkReport,
}

impl<'a> Transfer<'a> {
    pub(super) fn new(
        private: BorrowedFd<'a>,
        info: &'a PathInfo,
        how: LinkOptions,
        fsync: bool,
    ) -> Self {
        Self {
            private,
            info,
            how,
            fsync,
            levels: Vec::new(),
            report: LinkReport::PRESENT,
        }
    }

    pub(super) fn visit(&mut self, visit: Visit<'_>) -> Result<()> {
        match visit {
            Visit::Directory(node) => self.directory(node),
            Visit::Leaf(node) if node.kind().is_file() => self.file(node),
            Visit::Leaf(node) if node.kind().is_symlink() => self.symlink(node),
            Visit::Leaf(node) => Err(node.failed("copy")(Errno::OPNOTSUPP)),
            Visit::End => self.end(),
        }
    }

    fn directory(&mut self, node: &Node<'_>) -> Result<()> {
        let made = {
            let (parent, name) = self.target(node);
            rustix::fs::mkdirat(parent, name, Mode::RWXU)
                .and_then(|()| rustix::fs::openat(parent, name, DIRECTORY_FLAGS, Mode::empty()))
        };
        self.levels
            .push(made.map_err(node.failed("make a copy of"))?);
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        let Some(fd) = self.levels.pop() else {
            return Ok(());
        };
        self.seal(&fd, CLOSED).map_err(|errno| Error::Io {
            action: "finish a directory of",
            path: self.info.path.base_name().into(),
            source: errno.into(),
        })
    }

    fn symlink(&self, node: &Node<'_>) -> Result<()> {
        let (parent, name) = self.target(node);
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        rustix::fs::readlinkat(node.parent, node.name, Vec::new())
            .and_then(|target| rustix::fs::symlinkat(target, parent, name))
            .and_then(|()| rustix::fs::utimensat(parent, name, &TIMES, flags))
            .map_err(node.failed("copy the symlink"))
    }

    fn file(&mut self, node: &Node<'_>) -> Result<()> {
        let bytes = u64::try_from(node.stat.st_size).unwrap_or(u64::MAX);
        let before = self.report.bytes_shared + self.report.bytes_copied;
        // An archive is larger than what it holds: there is no need to copy more than that.
        if before.saturating_add(bytes) > self.info.nar_size {
            return Err(Error::SizeMismatch {
                path: self.info.path.clone(),
                expected: self.info.nar_size,
                found: before.saturating_add(bytes),
            });
        }
        if self.link(node)? {
            self.report.files_linked += 1;
            self.report.bytes_shared += bytes;
        } else if self.copy(node)? {
            self.report.files_cloned += 1;
            self.report.bytes_shared += bytes;
        } else {
            self.report.files_copied += 1;
            self.report.bytes_copied += bytes;
        }
        Ok(())
    }

    /// Makes a hard link, and returns whether that was possible.
    fn link(&mut self, node: &Node<'_>) -> Result<bool> {
        let is_own = node.stat.st_uid == rustix::process::geteuid().as_raw();
        if !self.how.hard_links || !is_own || !is_canonical(node.stat) {
            return Ok(false);
        }
        let linked = {
            let (parent, name) = self.target(node);
            rustix::fs::linkat(node.parent, node.name, parent, name, AtFlags::empty())
        };
        match linked {
            Ok(()) => self.keep_link(node),
            Err(Errno::XDEV | Errno::OPNOTSUPP) => {
                self.how.hard_links = false;
                Ok(false)
            }
            // There are too many links, or the system lets nobody link what is not theirs.
            Err(Errno::MLINK | Errno::PERM | Errno::ACCESS) => Ok(false),
            Err(error) => Err(node.failed("link")(error)),
        }
    }

    /// Removes a link again that is not of the file that was looked at.
    fn keep_link(&self, node: &Node<'_>) -> Result<bool> {
        let (parent, name) = self.target(node);
        let kept = rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW).and_then(|stat| {
            if !is_same_state(node.stat, &stat) {
                return rustix::fs::unlinkat(parent, name, AtFlags::empty()).map(|()| false);
            }
            if self.fsync {
                let fd = rustix::fs::openat(parent, name, FILE_FLAGS, Mode::empty())?;
                rustix::fs::fsync(fd)?;
            }
            Ok(true)
        });
        kept.map_err(node.failed("link"))
    }

    /// Makes a file of the same bytes, and returns whether it shares its blocks.
    fn copy(&mut self, node: &Node<'_>) -> Result<bool> {
        let source = rustix::fs::openat(node.parent, node.name, FILE_FLAGS, Mode::empty());
        let source = File::from(source.map_err(node.failed("open"))?);
        let made = {
            let (parent, name) = self.target(node);
            rustix::fs::openat(parent, name, NEW_FILE_FLAGS, Mode::RUSR | Mode::WUSR)
        };
        let target = File::from(made.map_err(node.failed("make a copy of"))?);
        let is_cloned = self.how.reflinks && clone(&source, &target);
        if !is_cloned {
            self.how.reflinks = false;
            copy_contents(source, &target, node)?;
        }
        let mode = match mode(node.stat).contains(Mode::XUSR) {
            true => CLOSED,
            false => READABLE,
        };
        let sealed = self.seal(&target.into(), mode);
        sealed.map_err(node.failed("finish a copy of"))?;
        Ok(is_cloned)
    }

    /// Gives what was made the metadata of an object.
    fn seal(&self, fd: &OwnedFd, mode: Mode) -> Result<(), Errno> {
        rustix::fs::fchmod(fd, mode)?;
        rustix::fs::futimens(fd, &TIMES)?;
        if self.fsync {
            rustix::fs::fsync(fd)?;
        }
        Ok(())
    }

    /// Returns where the copy of a node belongs.
    fn target<'n>(&'n self, node: &Node<'n>) -> (BorrowedFd<'n>, &'n CStr) {
        match self.levels.last() {
            Some(level) => (level.as_fd(), node.name),
            None => (self.private, c"object"),
        }
    }
}

fn copy_contents(mut source: File, mut target: &File, node: &Node<'_>) -> Result<()> {
    use io::Read;
    // A file that grows meanwhile would fill the disk.
    let size = u64::try_from(node.stat.st_size).unwrap_or(0);
    let copied = io::copy(&mut Read::by_ref(&mut source).take(size), &mut target);
    copied
        .map(drop)
        .map_err(|source| io_failed("copy", node.path)(source))
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn clone(source: &File, target: &File) -> bool {
    // Whatever the reason, what cannot be cloned is copied, and that says what is wrong.
    rustix::fs::ioctl_ficlone(target, source).is_ok()
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn clone(_source: &File, _target: &File) -> bool {
    false
}
