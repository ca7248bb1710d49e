//! The walk over a tree on disk, in the order of its archive.

use std::{
    ffi::OsStr,
    fs::File,
    io,
    os::{
        fd::{AsFd, BorrowedFd},
        unix::ffi::OsStrExt,
    },
    path::{Path, PathBuf},
};

use rustix::{
    fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat},
    io::Errno,
};

use super::{
    encode::Encoder,
    entries::{Collision, Entries},
    error::EncodeError,
    event::Event,
    names::path,
    pack::{PackError, PackOptions},
    unpack::DIRECTORY_FLAGS,
};

pub(super) const FILE_FLAGS: OFlags = OFlags::RDONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);

type Result<T, E = PackError> = std::result::Result<T, E>;

/// What becomes of the parts of an archive, which come in their order.
pub(super) trait Sink {
    /// Returns the buffer that the bytes of the next event are appended to.
    fn buffer(&mut self) -> &mut Vec<u8>;

    /// Takes an event, whose bytes are the last in the buffer and begin here in the archive.
    fn event(&mut self, event: Event<'_>, begin: u64) -> Result<()>;

    /// Takes the name on disk of the entry that was the last event.
    fn name_on_disk(&mut self, name: &[u8]);

    /// Takes the contents, of this size, of the file that was the last event, and is at its begin.
    fn contents(&mut self, file: &File, size: u64, place: &Place<'_>) -> Result<()>;
}

/// Walks over a file, a symlink or a directory, and returns the size of its archive.
///
/// No symlink is followed, and everything is opened relative to the directory it lies in. The size
/// and the time of modification of each file and directory are compared after the sink had it.
pub(super) fn walk<S: Sink>(path: &Path, options: &PackOptions, sink: &mut S) -> Result<u64> {
    let encoder = Encoder::new(options.limits);
    let mut walk = Walk {
        place: Place {
            root: path,
            encoder,
        },
        undo_case_renames: options.undo_case_renames,
        sink,
        open: Vec::new(),
    };
    let kind = walk.place.kind(CWD, path.as_os_str())?;
    walk.node(CWD, path.as_os_str(), kind)?;
    while walk.entry()? {}
    let finished = walk.place.encoder.finish();
    finished.map_err(|source| walk.place.encode(source))
}

/// Where in a tree and its archive a walk is.
pub(super) struct Place<'a> {
    root: &'a Path,
    encoder: Encoder,
}

impl Place<'_> {
    pub(super) fn changed(&self) -> PackError {
        PackError::Changed { path: self.path() }
    }

    pub(super) fn io(&self, action: &'static str, source: impl Into<io::Error>) -> PackError {
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

    fn kind(&self, parent: impl AsFd, name: &OsStr) -> Result<FileType> {
        let stat = rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW);
        let stat = stat.map_err(|source| self.io("inspect", source))?;
        Ok(FileType::from_raw_mode(stat.st_mode))
    }

    fn open(&self, parent: BorrowedFd<'_>, name: &OsStr, flags: OFlags) -> Result<File> {
        let fd = rustix::fs::openat(parent, name, flags, Mode::empty());
        let fd = fd.map_err(|source| self.io("open", source))?;
        Ok(File::from(fd))
    }

    fn stat(&self, file: &File) -> Result<Stat> {
        rustix::fs::fstat(file).map_err(|source| self.io("inspect", source))
    }

    /// Refuses what is likely another by now.
    fn compare(&self, file: &File, before: &Stat) -> Result<()> {
        let key = |stat: &Stat| (stat.st_size, stat.st_mtime, stat.st_mtime_nsec);
        if key(&self.stat(file)?) != key(before) {
            return Err(self.changed());
        }
        Ok(())
    }
}

/// A directory whose entries are being visited.
struct Directory {
    file: File,
    /// What it was when it was opened.
    stat: Stat,
    entries: Entries,
}

struct Walk<'a, S> {
    place: Place<'a>,
    undo_case_renames: bool,
    sink: &'a mut S,
    /// The directories on the current path, outermost first.
    open: Vec<Directory>,
}

impl<S: Sink> Walk<'_, S> {
    /// Visits the next entry of the innermost directory, or its end; returns false after the last.
    fn entry(&mut self) -> Result<bool> {
        let Some(mut directory) = self.open.pop() else {
            return Ok(false);
        };
        let Some(entry) = directory.entries.next() else {
            self.place.compare(&directory.file, &directory.stat)?;
            self.event(Event::DirectoryEnd)?;
            return Ok(true);
        };
        self.event(Event::Entry { name: entry.name })?;
        self.sink.name_on_disk(entry.on_disk);
        let name = OsStr::from_bytes(entry.on_disk);
        let kind = match entry.kind {
            FileType::Unknown => self.place.kind(&directory.file, name)?,
            kind => kind,
        };
        // What the node opens lies below the directory on the stack.
        let depth = self.open.len();
        self.node(directory.file.as_fd(), name, kind)?;
        self.open.insert(depth, directory);
        Ok(true)
    }

    fn node(&mut self, parent: BorrowedFd<'_>, name: &OsStr, kind: FileType) -> Result<()> {
        match kind {
            FileType::RegularFile => self.regular(parent, name),
            FileType::Directory => self.directory(parent, name),
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(parent, name, Vec::new());
                let target = target.map_err(|source| self.place.io("read the symlink", source))?;
                let target = target.as_bytes();
                self.event(Event::Symlink { target })
            }
            _ => {
                let path = self.place.path();
                Err(PackError::Unsupported { path })
            }
        }
    }

    fn directory(&mut self, parent: BorrowedFd<'_>, name: &OsStr) -> Result<()> {
        self.event(Event::Directory)?;
        let file = self.place.open(parent, name, DIRECTORY_FLAGS)?;
        let stat = self.place.stat(&file)?;
        let listed = Entries::list(&file, self.undo_case_renames);
        let listed = listed.map_err(|source: Errno| self.place.io("list", source))?;
        let entries = listed.map_err(|Collision(name)| PackError::CaseCollision {
            path: self.place.path().join(OsStr::from_bytes(&name)),
        })?;
        self.open.push(Directory {
            file,
            stat,
            entries,
        });
        Ok(())
    }

    fn regular(&mut self, parent: BorrowedFd<'_>, name: &OsStr) -> Result<()> {
        let file = self.place.open(parent, name, FILE_FLAGS)?;
        let stat = self.place.stat(&file)?;
        let size = match u64::try_from(stat.st_size) {
            Ok(size) if FileType::from_raw_mode(stat.st_mode).is_file() => size,
            _ => return Err(self.place.changed()),
        };
        self.event(Event::Regular {
            executable: Mode::from_raw_mode(stat.st_mode).contains(Mode::XUSR),
            size,
            offset: 0,
        })?;
        let counted = self.place.encoder.count_contents(size);
        counted.map_err(|source| self.place.encode(source))?;
        self.sink.contents(&file, size, &self.place)?;
        self.place.compare(&file, &stat)?;
        self.event(Event::RegularEnd)
    }

    fn event(&mut self, event: Event<'_>) -> Result<()> {
        let begin = self.place.encoder.position();
        let encoded = self.place.encoder.encode(event, self.sink.buffer());
        encoded.map_err(|source| self.place.encode(source))?;
        self.sink.event(event, begin)
    }
}
