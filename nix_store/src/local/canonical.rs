//! The metadata that every object has: mode 0444 or 0555, one time, its owner, no attributes.

use std::{
    ffi::{CStr, CString, OsStr},
    fs::File,
    io,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::{Path, PathBuf},
};

use nix_core::store_path::StorePath;
use nix_io::nar::{EncodeError, PackError};
use rustix::{
    buffer::spare_capacity,
    fs::{AtFlags, FileType, Mode, OFlags, Stat, Timespec, Timestamps, UTIME_OMIT},
    io::Errno,
};

use super::{
    LocalStore,
    files::{FILE_FLAGS, open_directory, random},
    remove::names,
};
use crate::store::{Error, Result};

/// The permissions of files that are not executable.
pub(crate) const READABLE: Mode = Mode::RUSR.union(Mode::RGRP).union(Mode::ROTH);

/// The permissions of executables and directories.
pub(crate) const EXECUTABLE: Mode = READABLE
    .union(Mode::XUSR)
    .union(Mode::XGRP)
    .union(Mode::XOTH);

/// The time of modification of everything in a store: one second after the beginning of time.
pub(crate) const TIMES: Timestamps = Timestamps {
    last_access: Timespec {
        tv_sec: 0,
        tv_nsec: UTIME_OMIT,
    },
    last_modification: Timespec {
        tv_sec: 1,
        tv_nsec: 0,
    },
};

/// The most bytes that the names of a file's attributes take on Linux.
const ATTRIBUTES_BYTES_MAX: usize = 64 << 10;

/// Attributes that belong to the system, not to the file.
const ATTRIBUTES_KEPT: [&[u8]; 3] = [b"security.selinux", b"security.csm", b"system.nfs4_acl"];

impl LocalStore {
    /// Gives an object that lies in its place the metadata of a store, and puts it on the disk where
    /// the store is to survive loss of power.
    ///
    /// A file with other links gets a copy of its own, unless it has that metadata already: what it
    /// is linked to may lie outside of the store.
    pub(super) fn canonicalise(&self, path: &StorePath) -> Result<()> {
        let mut walk = Walk {
            path: self.real_path(path),
            fsync: self.options().fsync,
            depth_max: self.options().limits.depth_max,
            levels: Vec::new(),
        };
        let done = walk.run(self.directory(), OsStr::new(path.base_name()));
        done.map_err(|failure| failure.of(path, &walk))
    }
}

/// A directory whose entries are being dealt with.
struct Level {
    fd: OwnedFd,
    name: CString,
    names: Vec<CString>,
}

struct Walk {
    path: PathBuf,
    fsync: bool,
    depth_max: usize,
    levels: Vec<Level>,
}

enum Failure {
    Io(&'static str, Errno),
    Unsupported,
    Changed,
    TooDeep,
}

impl Failure {
    fn of(self, object: &StorePath, walk: &Walk) -> Error {
        let path = walk.at();
        let source = match self {
            Self::Io(_, Errno::NOENT) if walk.levels.is_empty() => {
                let path = object.clone();
                return Error::NotPlaced { path };
            }
            Self::Io(action, errno) => PackError::Io {
                action,
                path,
                source: errno.into(),
            },
            Self::Unsupported => PackError::Unsupported { path },
            Self::Changed => PackError::Changed { path },
            Self::TooDeep => PackError::Encode {
                path,
                source: EncodeError::TooDeep {
                    max: walk.depth_max,
                },
            },
        };
        Error::Pack {
            path: object.base_name().to_owned(),
            source,
        }
    }
}

fn io(action: &'static str) -> impl FnOnce(Errno) -> Failure {
    move |errno| Failure::Io(action, errno)
}

impl Walk {
    fn run(&mut self, parent: BorrowedFd<'_>, name: &OsStr) -> Result<(), Failure> {
        let name = CString::new(name.as_bytes()).map_err(|_| Failure::Unsupported)?;
        let below = self.node(parent, name)?;
        self.levels.extend(below);
        while let Some(level) = self.levels.last_mut() {
            if let Some(name) = level.names.pop() {
                let below = {
                    let level = self.levels.last().expect("it was looked at");
                    self.node(level.fd.as_fd(), name)?
                };
                self.levels.extend(below);
            } else if let Some(level) = self.levels.pop() {
                self.seal(&level.fd, EXECUTABLE)?;
            }
        }
        Ok(())
    }

    /// Returns the innermost directory.
    fn at(&self) -> PathBuf {
        let names = self.levels.iter().skip(1);
        names.fold(self.path.clone(), |path, level| {
            path.join(OsStr::from_bytes(level.name.to_bytes()))
        })
    }

    /// Deals with a file or a symlink; a directory is returned, to be dealt with after its entries.
    fn node(&self, parent: BorrowedFd<'_>, name: CString) -> Result<Option<Level>, Failure> {
        let stat = rustix::fs::statat(parent, &name, AtFlags::SYMLINK_NOFOLLOW);
        let stat = stat.map_err(io("inspect"))?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Symlink => self.symlink(parent, &name, &stat).map(|()| None),
            FileType::RegularFile => self.regular(parent, &name).map(|()| None),
            FileType::Directory if self.levels.len() >= self.depth_max => Err(Failure::TooDeep),
            FileType::Directory => {
                let fd = open_directory(parent, &name).map_err(io("open"))?;
                // Nobody else changes it while it is being dealt with.
                own(&fd, &rustix::fs::fstat(&fd).map_err(io("inspect"))?)?;
                rustix::fs::fchmod(&fd, Mode::RWXU).map_err(io("set the mode of"))?;
                let names = names(&fd).map_err(io("list"))?;
                Ok(Some(Level { fd, name, names }))
            }
            _ => Err(Failure::Unsupported),
        }
    }

    fn symlink(&self, parent: BorrowedFd<'_>, name: &CStr, stat: &Stat) -> Result<(), Failure> {
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        let user = rustix::process::geteuid();
        if stat.st_uid != user.as_raw() {
            let owned = rustix::fs::chownat(parent, name, Some(user), None, flags);
            owned.map_err(io("take possession of"))?;
        }
        rustix::fs::utimensat(parent, name, &TIMES, flags).map_err(io("set the time of"))
    }

    fn regular(&self, parent: BorrowedFd<'_>, name: &CStr) -> Result<(), Failure> {
        let fd = rustix::fs::openat(parent, name, FILE_FLAGS, Mode::empty());
        let fd = fd.map_err(io("open"))?;
        let stat = rustix::fs::fstat(&fd).map_err(io("inspect"))?;
        let mode = Mode::from_raw_mode(stat.st_mode);
        if !FileType::from_raw_mode(stat.st_mode).is_file() {
            return Err(Failure::Changed);
        }
        let canonical = match mode {
            READABLE | EXECUTABLE => mode,
            mode if mode.contains(Mode::XUSR) => EXECUTABLE,
            _ => READABLE,
        };
        let is_canonical = canonical == mode && stat.st_mtime == 1 && stat.st_mtime_nsec == 0;
        if stat.st_nlink == 1 || is_canonical {
            own(&fd, &stat)?;
            return self.seal(&fd, canonical);
        }
        let copy = copy(parent, name, fd)?;
        self.seal(&copy, canonical)
    }

    /// Gives a file or directory its final metadata.
    fn seal(&self, fd: &OwnedFd, mode: Mode) -> Result<(), Failure> {
        drop_attributes(fd)?;
        rustix::fs::fchmod(fd, mode).map_err(io("set the mode of"))?;
        rustix::fs::futimens(fd, &TIMES).map_err(io("set the time of"))?;
        if self.fsync {
            rustix::fs::fsync(fd).map_err(io("sync"))?;
        }
        Ok(())
    }
}

/// Makes the user of this process the owner, who alone can change modes.
fn own(fd: &OwnedFd, stat: &Stat) -> Result<(), Failure> {
    let user = rustix::process::geteuid();
    if stat.st_uid == user.as_raw() {
        return Ok(());
    }
    rustix::fs::fchown(fd, Some(user), None).map_err(io("take possession of"))
}

/// Puts a copy in the place of a file, and returns the copy.
fn copy(parent: BorrowedFd<'_>, name: &CStr, original: OwnedFd) -> Result<OwnedFd, Failure> {
    let temporary = format!(".netabase-{:016x}", random());
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let made = rustix::fs::openat(parent, &temporary, flags, Mode::RUSR | Mode::WUSR);
    let mut target = File::from(made.map_err(io("copy"))?);
    let copied = io::copy(&mut File::from(original), &mut target).map_err(|error| {
        let errno = Errno::from_io_error(&error).unwrap_or(Errno::IO);
        Failure::Io("copy", errno)
    });
    let renamed = copied.and_then(|_| {
        rustix::fs::renameat(parent, &temporary, parent, name).map_err(io("replace by its copy"))
    });
    if let Err(failure) = renamed {
        rustix::fs::unlinkat(parent, &temporary, AtFlags::empty()).map_err(io("remove"))?;
        return Err(failure);
    }
    Ok(target.into())
}

fn drop_attributes(fd: &OwnedFd) -> Result<(), Failure> {
    match rustix::fs::flistxattr(fd, &mut [0_u8; 0]) {
        Ok(0) | Err(Errno::OPNOTSUPP) => return Ok(()),
        _ => {}
    }
    let mut list = Vec::with_capacity(ATTRIBUTES_BYTES_MAX);
    let listed = rustix::fs::flistxattr(fd, spare_capacity(&mut list));
    listed.map_err(io("list the attributes of"))?;
    for name in list.split(|byte| *byte == 0) {
        if !name.is_empty() && !ATTRIBUTES_KEPT.contains(&name) {
            let removed = rustix::fs::fremovexattr(fd, name);
            removed.map_err(io("remove an attribute of"))?;
        }
    }
    Ok(())
}

/// Puts the entries of a directory on the disk.
pub(super) fn sync(directory: BorrowedFd<'_>, path: &Path) -> Result<()> {
    rustix::fs::fsync(directory).map_err(super::files::failed("sync", path))
}
