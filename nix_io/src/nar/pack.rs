//! Archives of what lies in the file system.

use std::{
    ffi::OsStr,
    io::{self, Write},
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::{Path, PathBuf},
};

use rustix::{
    buffer::spare_capacity,
    fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat},
};

use super::{
    NarLimits,
    encode::Encoder,
    entries::{Collision, Entries},
    error::EncodeError,
    event::Event,
    names::path,
    unpack::DIRECTORY_FLAGS,
};

/// What is gathered before it is written: large enough that calls cost little beside the copying,
/// small enough to stay in a cache.
const BUFFER_BYTES: usize = 128 << 10;

/// When the buffer is written, so that room is left to read a file into.
const BUFFER_BYTES_FULL: usize = BUFFER_BYTES - (16 << 10);

const FILE_FLAGS: OFlags = OFlags::RDONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);

/// How a tree is packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PackOptions {
    /// The largest archive.
    pub limits: NarLimits,
    /// Whether the suffix that [`CaseCollisions::Rename`](super::CaseCollisions::Rename) gave to
    /// names is taken off again.
    pub undo_case_renames: bool,
}

/// A tree that cannot be packed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackError {
    /// The file system refused something.
    #[error("{action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which path.
        path: PathBuf,
        /// Why it was refused.
        #[source]
        source: io::Error,
    },
    /// A device, a socket or a pipe.
    #[error("neither a file nor a directory nor a symlink: {}", path.display())]
    Unsupported {
        /// Where it lies.
        path: PathBuf,
    },
    /// A file or directory that became another while it was read.
    #[error("changed while it was packed: {}", path.display())]
    Changed {
        /// Where it lies.
        path: PathBuf,
    },
    /// Two names that are the same without their suffixes.
    #[error("same name without the suffix for case: {}", path.display())]
    CaseCollision {
        /// One of them, without its suffix.
        path: PathBuf,
    },
    /// A tree that is above the limits.
    #[error("encode {}", path.display())]
    Encode {
        /// Where it is.
        path: PathBuf,
        /// What is above them.
        #[source]
        source: EncodeError,
    },
    /// The writer failed.
    #[error("write the archive")]
    Write(#[source] io::Error),
}

type Result<T, E = PackError> = std::result::Result<T, E>;

/// Writes the archive of a file, a symlink or a directory, and returns its size.
///
/// No symlink is followed, the last component of `path` included. A file is executable where its
/// owner may execute it; all other metadata is left out. Memory is 128 KiB beside the names of the
/// directories on the current path, whatever the sizes of files. The writer needs no buffer.
///
/// Each directory and file is opened relative to the directory it lies in, so that neither long
/// paths nor directories moved meanwhile matter. The size and the time of modification of each are
/// compared after reading it; a change that leaves both is not seen.
///
/// # Errors
/// Fails when the file system or the writer does, on other types of files, on files that change
/// while they are read, and on trees above the limits. What was written by then is no archive.
///
/// # Examples
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use nix_io::nar::{self, PackOptions};
///
/// let folder = tempfile::tempdir()?;
/// std::fs::write(folder.path().join("hello"), "hello")?;
/// let mut archive = Vec::new();
/// let size = nar::pack(folder.path(), &mut archive, &PackOptions::default())?;
/// assert_eq!((size, archive.len()), (288, 288));
/// # Ok(())
/// # }
/// ```
pub fn pack<W: Write>(path: impl AsRef<Path>, writer: W, options: &PackOptions) -> Result<u64> {
    let path = path.as_ref();
    let mut packer = Packer {
        root: path,
        options,
        encoder: Encoder::new(options.limits),
        writer,
        buffer: Vec::with_capacity(BUFFER_BYTES),
        open: Vec::new(),
    };
    let stat = rustix::fs::statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW);
    let stat = stat.map_err(|source| packer.io("inspect", source))?;
    let kind = FileType::from_raw_mode(stat.st_mode);
    packer.node(CWD, path.as_os_str(), kind)?;
    while packer.entry()? {}
    packer.finish()
}

/// A directory whose entries are being packed.
struct Directory {
    fd: OwnedFd,
    /// What it was when it was opened.
    stat: Stat,
    entries: Entries,
}

struct Packer<'a, W> {
    root: &'a Path,
    options: &'a PackOptions,
    encoder: Encoder,
    writer: W,
    buffer: Vec<u8>,
    /// The directories on the current path, outermost first.
    open: Vec<Directory>,
}

impl<W: Write> Packer<'_, W> {
    /// Packs the next entry of the innermost directory, or its end; returns false after the last.
    fn entry(&mut self) -> Result<bool> {
        let Some(mut directory) = self.open.pop() else {
            return Ok(false);
        };
        let Some(entry) = directory.entries.next() else {
            self.close(&directory)?;
            return Ok(true);
        };
        self.event(Event::Entry { name: entry.name })?;
        let kind = match entry.kind {
            FileType::Unknown => {
                let flags = AtFlags::SYMLINK_NOFOLLOW;
                let stat = rustix::fs::statat(&directory.fd, entry.on_disk, flags);
                let stat = stat.map_err(|source| self.io("inspect", source))?;
                FileType::from_raw_mode(stat.st_mode)
            }
            kind => kind,
        };
        // What the node opens lies below the directory on the stack.
        let depth = self.open.len();
        self.node(directory.fd.as_fd(), OsStr::from_bytes(entry.on_disk), kind)?;
        self.open.insert(depth, directory);
        Ok(true)
    }

    fn node(&mut self, parent: BorrowedFd<'_>, name: &OsStr, kind: FileType) -> Result<()> {
        match kind {
            FileType::RegularFile => self.regular(parent, name),
            FileType::Directory => self.directory(parent, name),
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(parent, name, Vec::new());
                let target = target.map_err(|source| self.io("read the symlink", source))?;
                let target = target.as_bytes();
                self.event(Event::Symlink { target })
            }
            _ => Err(PackError::Unsupported { path: self.path() }),
        }
    }

    fn directory(&mut self, parent: BorrowedFd<'_>, name: &OsStr) -> Result<()> {
        self.event(Event::Directory)?;
        let fd = rustix::fs::openat(parent, name, DIRECTORY_FLAGS, Mode::empty());
        let fd = fd.map_err(|source| self.io("open", source))?;
        let stat = self.stat(&fd)?;
        let listed = Entries::list(&fd, self.options.undo_case_renames);
        let listed = listed.map_err(|source| self.io("list", source))?;
        let entries = listed.map_err(|Collision(name)| PackError::CaseCollision {
            path: self.path().join(OsStr::from_bytes(&name)),
        })?;
        self.open.push(Directory { fd, stat, entries });
        Ok(())
    }

    fn close(&mut self, directory: &Directory) -> Result<()> {
        let now = self.stat(&directory.fd)?;
        if !is_same(&directory.stat, &now) {
            return Err(PackError::Changed { path: self.path() });
        }
        self.event(Event::DirectoryEnd)
    }

    fn regular(&mut self, parent: BorrowedFd<'_>, name: &OsStr) -> Result<()> {
        let fd = rustix::fs::openat(parent, name, FILE_FLAGS, Mode::empty());
        let fd = fd.map_err(|source| self.io("open", source))?;
        let stat = self.stat(&fd)?;
        let size = match u64::try_from(stat.st_size) {
            Ok(size) if FileType::from_raw_mode(stat.st_mode).is_file() => size,
            _ => return Err(PackError::Changed { path: self.path() }),
        };
        let executable = Mode::from_raw_mode(stat.st_mode).contains(Mode::XUSR);
        self.event(Event::Regular {
            executable,
            size,
            offset: 0,
        })?;
        self.contents(&fd, size)?;
        if !is_same(&stat, &self.stat(&fd)?) {
            return Err(PackError::Changed { path: self.path() });
        }
        self.event(Event::RegularEnd)
    }

    /// Reads a file into the buffer, as often as it has room; more bytes than announced are one of
    /// the changes that this sees.
    fn contents(&mut self, fd: &OwnedFd, size: u64) -> Result<()> {
        let mut missing = size;
        while missing > 0 {
            self.write_if_full()?;
            let count = match rustix::io::read(fd, spare_capacity(&mut self.buffer)) {
                Err(rustix::io::Errno::INTR) => continue,
                read => read.map_err(|source| self.io("read", source))?,
            };
            missing = match missing.checked_sub(count as u64) {
                Some(missing) if count > 0 => missing,
                _ => return Err(PackError::Changed { path: self.path() }),
            };
            let counted = self.encoder.contents(count);
            counted.map_err(|source| self.encode(source))?;
        }
        Ok(())
    }

    fn event(&mut self, event: Event<'_>) -> Result<()> {
        let encoded = self.encoder.encode(event, &mut self.buffer);
        encoded.map_err(|source| self.encode(source))?;
        self.write_if_full()
    }

    fn write_if_full(&mut self) -> Result<()> {
        if self.buffer.len() >= BUFFER_BYTES_FULL {
            self.writer
                .write_all(&self.buffer)
                .map_err(PackError::Write)?;
            self.buffer.clear();
        }
        Ok(())
    }

    fn finish(mut self) -> Result<u64> {
        let size = self.encoder.finish();
        let size = size.map_err(|source| self.encode(source))?;
        self.writer
            .write_all(&self.buffer)
            .map_err(PackError::Write)?;
        self.writer.flush().map_err(PackError::Write)?;
        Ok(size)
    }

    fn stat(&self, fd: &OwnedFd) -> Result<Stat> {
        rustix::fs::fstat(fd).map_err(|source| self.io("inspect", source))
    }

    fn io(&self, action: &'static str, source: rustix::io::Errno) -> PackError {
        PackError::Io {
            action,
            path: self.path(),
            source: source.into(),
        }
    }

    fn encode(&self, source: EncodeError) -> PackError {
        let path = self.path();
        PackError::Encode { path, source }
    }

    /// Returns where the node at hand lies.
    fn path(&self) -> PathBuf {
        path(self.root, self.encoder.path())
    }
}

/// Whether what was read between two looks is likely the same.
fn is_same(before: &Stat, after: &Stat) -> bool {
    let key = |stat: &Stat| (stat.st_size, stat.st_mtime, stat.st_mtime_nsec);
    key(before) == key(after)
}
