//! Archives to what lies in the file system.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::{self, BufRead, Write},
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::{Path, PathBuf},
};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, Timespec, Timestamps, UTIME_OMIT};

use super::{
    NarLimits, Reader,
    cases::{CaseCollisions, Cases},
    event::Event,
    names::path,
    remove::remove,
};

mod error;

pub use self::error::UnpackError;
use self::error::{Failure, failed};

/// What a directory may be used for until it is complete: nobody else can enter it.
const UNFINISHED_DIRECTORY: Mode = Mode::RWXU;

/// The same of a file.
const UNFINISHED_FILE: Mode = Mode::RUSR.union(Mode::WUSR);

const READABLE: Mode = Mode::RUSR.union(Mode::RGRP).union(Mode::ROTH);
const EXECUTABLE: Mode = READABLE
    .union(Mode::XUSR)
    .union(Mode::XGRP)
    .union(Mode::XOTH);

const FILE_FLAGS: OFlags = OFlags::WRONLY
    .union(OFlags::CREATE)
    .union(OFlags::EXCL)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);
pub(super) const DIRECTORY_FLAGS: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// The time of modification of everything in a store: one second after the beginning of time.
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

/// How an archive is unpacked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnpackOptions {
    /// The largest archive.
    pub limits: NarLimits,
    /// What becomes of names that differ in case alone.
    pub case_collisions: CaseCollisions,
    /// Whether every file and directory is on the disk before [`unpack`] returns.
    pub fsync: bool,
}

type Result<T, E = UnpackError> = std::result::Result<T, E>;

/// Makes a file, a symlink or a directory of an archive, and returns the archive's size.
///
/// The destination may not exist; its parent has to. Files get mode 0444, or 0555 when executable,
/// directories 0555, and all of them the time of modification 1, as in a Nix store. Until it is
/// complete, only its owner can enter the destination. After an error it is removed again.
///
/// Everything is made relative to the open directory it belongs in, by a call that fails where
/// something exists and follows no symlink: no archive can write outside of the destination. The
/// reader is left exactly after the archive. Memory is that of the names on the current path (of
/// all names of its directories, where case collisions are looked for); contents go from the
/// reader's buffer to the file, which is fastest with about 64 KiB.
///
/// # Errors
/// Fails when the destination exists, when the reader or the file system fails, and when the
/// archive is none, is above the limits, or holds names that collide.
///
/// # Examples
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use nix_io::nar::{self, PackOptions, UnpackOptions};
///
/// let folder = tempfile::tempdir()?;
/// std::fs::write(folder.path().join("a"), "hello")?;
/// let mut archive = Vec::new();
/// nar::pack(folder.path().join("a"), &mut archive, &PackOptions::default())?;
/// nar::unpack(&archive[..], folder.path().join("b"), &UnpackOptions::default())?;
/// assert_eq!(std::fs::read(folder.path().join("b"))?, b"hello");
/// # Ok(())
/// # }
/// ```
pub fn unpack<R: BufRead>(
    reader: R,
    destination: impl AsRef<Path>,
    options: &UnpackOptions,
) -> Result<u64> {
    let mut unpacker = Unpacker::new(destination.as_ref(), options)?;
    let mut reader = Reader::new(reader, options.limits);
    match unpacker.run(&mut reader) {
        Ok(()) => Ok(reader.position()),
        Err(failure) => Err(unpacker.undo(failure)),
    }
}

/// A directory that is being filled.
struct Directory {
    fd: OwnedFd,
    cases: Cases,
}

struct Unpacker<'a> {
    destination: &'a Path,
    options: &'a UnpackOptions,
    parent: OwnedFd,
    /// What the next node is called in its directory.
    name: OsString,
    is_begun: bool,
    /// The directories on the current path, outermost first.
    open: Vec<Directory>,
    /// The file that is being written, and its final mode.
    file: Option<(File, Mode)>,
}

impl<'a> Unpacker<'a> {
    fn new(destination: &'a Path, options: &'a UnpackOptions) -> Result<Self> {
        let io = |action, path: &Path, source| UnpackError::Io {
            action,
            path: path.to_owned(),
            source,
        };
        let Some(name) = destination.file_name() else {
            let source = io::ErrorKind::InvalidInput.into();
            return Err(io("use as destination", destination, source));
        };
        let parent = match destination.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(CWD, parent, flags, Mode::empty());
        let fd = fd.map_err(|source| io("open", parent, source.into()))?;
        Ok(Self {
            destination,
            options,
            parent: fd,
            name: name.to_owned(),
            is_begun: false,
            open: Vec::new(),
            file: None,
        })
    }

    fn run<R: BufRead>(&mut self, reader: &mut Reader<R>) -> Result<()> {
        loop {
            let done = match reader.next() {
                Err(source) => {
                    let path = self.path(reader.path());
                    return Err(UnpackError::Read { path, source });
                }
                Ok(Event::End) => return self.sync_parent(),
                Ok(event) => self.event(event),
            };
            done.map_err(|failure| failure.at(self.path(reader.path()), !self.is_begun))?;
        }
    }

    fn event(&mut self, event: Event<'_>) -> Result<(), Failure> {
        match event {
            Event::Contents(contents) => match &mut self.file {
                Some((file, _)) => file.write_all(contents).map_err(|source| Failure::Io {
                    action: "write",
                    source,
                }),
                None => Ok(()),
            },
            Event::Regular { executable, .. } => self.create(executable),
            Event::RegularEnd => self.complete_file(),
            Event::Symlink { target } => self.symlink(target),
            Event::Directory => self.directory(),
            Event::Entry { name } => self.entry(name),
            Event::DirectoryEnd => self.complete_directory(),
            Event::End => Ok(()),
        }
    }

    /// Returns where a node lies.
    fn path<'n>(&self, names: impl Iterator<Item = &'n [u8]>) -> PathBuf {
        path(self.destination, names)
    }

    /// Returns the directory that the next node belongs in.
    fn place(&self) -> BorrowedFd<'_> {
        let innermost = self.open.last().map_or(&self.parent, |open| &open.fd);
        innermost.as_fd()
    }

    fn entry(&mut self, name: &[u8]) -> Result<(), Failure> {
        let cases = self.open.last_mut().map(|open| &mut open.cases);
        let on_disk = match cases {
            Some(cases) => cases.insert(name).ok_or(Failure::Collision)?,
            None => name.into(),
        };
        self.name.clear();
        self.name.push(OsStr::from_bytes(&on_disk));
        Ok(())
    }

    fn create(&mut self, executable: bool) -> Result<(), Failure> {
        let fd = rustix::fs::openat(self.place(), &self.name, FILE_FLAGS, UNFINISHED_FILE);
        let fd = fd.map_err(failed("create"))?;
        self.is_begun = true;
        let mode = if executable { EXECUTABLE } else { READABLE };
        self.file = Some((File::from(fd), mode));
        Ok(())
    }

    fn complete_file(&mut self) -> Result<(), Failure> {
        match self.file.take() {
            Some((file, mode)) => self.complete(file, mode),
            None => Ok(()),
        }
    }

    fn symlink(&mut self, target: &[u8]) -> Result<(), Failure> {
        let made = rustix::fs::symlinkat(target, self.place(), &self.name);
        made.map_err(failed("create the symlink"))?;
        self.is_begun = true;
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        let dated = rustix::fs::utimensat(self.place(), &self.name, &TIMES, flags);
        dated.map_err(failed("set the time of"))
    }

    fn directory(&mut self) -> Result<(), Failure> {
        let made = rustix::fs::mkdirat(self.place(), &self.name, UNFINISHED_DIRECTORY);
        made.map_err(failed("create the directory"))?;
        self.is_begun = true;
        let fd = rustix::fs::openat(self.place(), &self.name, DIRECTORY_FLAGS, Mode::empty());
        let fd = fd.map_err(failed("open"))?;
        let cases = Cases::new(self.options.case_collisions);
        self.open.push(Directory { fd, cases });
        Ok(())
    }

    fn complete_directory(&mut self) -> Result<(), Failure> {
        match self.open.pop() {
            Some(directory) => self.complete(directory.fd, EXECUTABLE),
            None => Ok(()),
        }
    }

    /// Gives a file or directory the metadata of a store.
    fn complete(&self, fd: impl AsFd, mode: Mode) -> Result<(), Failure> {
        rustix::fs::fchmod(&fd, mode).map_err(failed("set the mode of"))?;
        rustix::fs::futimens(&fd, &TIMES).map_err(failed("set the time of"))?;
        if self.options.fsync {
            rustix::fs::fsync(&fd).map_err(failed("sync"))?;
        }
        Ok(())
    }

    fn sync_parent(&self) -> Result<()> {
        if !self.options.fsync {
            return Ok(());
        }
        rustix::fs::fsync(&self.parent).map_err(|source| UnpackError::Io {
            action: "sync the directory of",
            path: self.destination.to_owned(),
            source: source.into(),
        })
    }

    /// Removes what was made, after a failure.
    fn undo(&mut self, failure: UnpackError) -> UnpackError {
        if !self.is_begun {
            return failure;
        }
        self.open.clear();
        let name = self.destination.file_name().unwrap_or_default();
        match remove(self.parent.as_fd(), name) {
            Ok(()) => failure,
            Err(removal) => UnpackError::Remains {
                path: self.destination.to_owned(),
                removal: removal.into(),
                failure: Box::new(failure),
            },
        }
    }
}
