//! A directory of files that are written whole, and read without following links.

use std::{
    fs::File,
    io::{self, Read, Write},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use rustix::{
    fs::{self, AtFlags, Dir, FileType, Mode, OFlags},
    io::Errno,
};

use super::{DrvFileError, FILE_BYTES_MAX};
use crate::{
    file_lock::FileLock,
    store::{Error, Result},
};

/// A file while it is written; there is one writer at a time.
const UNFINISHED: &str = ".unfinished";

/// What writers hold a lock on.
const LOCK: &str = ".lock";

/// A directory that is no symbolic link.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    fd: OwnedFd,
}

impl Folder {
    /// Opens a directory, or returns nothing where there is none.
    pub(super) fn open(path: &Path) -> Result<Option<Self>> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match fs::open(path, flags, Mode::empty()) {
            Ok(fd) => Ok(Some(Self {
                path: path.to_owned(),
                fd,
            })),
            Err(Errno::NOENT) => Ok(None),
            Err(source) => Err(io("open the directory", path, source)),
        }
    }

    /// Opens a directory, and makes it first where there is none.
    pub(super) fn create(path: &Path) -> Result<Self> {
        if let Some(folder) = Self::open(path)? {
            return Ok(folder);
        }
        std::fs::create_dir_all(path).map_err(|source| io("make the directory", path, source))?;
        let folder = Self::open(path)?;
        let folder = folder.ok_or_else(|| io("open the directory", path, Errno::NOENT))?;
        if let Some(parent) = path.parent() {
            let parent = File::open(parent).and_then(|parent| parent.sync_all());
            parent.map_err(|source| io("sync the parent of", path, source))?;
        }
        Ok(folder)
    }

    pub(super) fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Returns the names of all entries, in no order; those that are not UTF-8 as a path.
    pub(super) fn names(&self) -> Result<(Vec<String>, Vec<PathBuf>)> {
        let failed = |source| io("list", &self.path, source);
        let (mut names, mut others) = (Vec::new(), Vec::new());
        for entry in Dir::read_from(&self.fd).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            match entry.file_name().to_str() {
                Ok("." | "..") => {}
                Ok(name) => names.push(name.to_owned()),
                Err(_) => {
                    let name = entry.file_name().to_bytes();
                    let name: &std::ffi::OsStr = std::os::unix::ffi::OsStrExt::from_bytes(name);
                    others.push(self.path.join(name));
                }
            }
        }
        Ok((names, others))
    }

    /// Opens a regular file, or returns nothing where there is none.
    pub(super) fn open_file(&self, name: &str) -> Result<Option<File>> {
        // A pipe without a writer would wait for one.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = match fs::openat(&self.fd, name, flags, Mode::empty()) {
            Ok(fd) => fd,
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::LOOP | Errno::NXIO) => return Err(self.error(name, DrvFileError::NotAFile)),
            Err(source) => return Err(io("open", &self.path_of(name), source)),
        };
        let stat = fs::fstat(&fd).map_err(|source| io("look at", &self.path_of(name), source))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(self.error(name, DrvFileError::NotAFile));
        }
        Ok(Some(File::from(fd)))
    }

    /// Reads a regular file of at most [`FILE_BYTES_MAX`], or returns nothing where there is none.
    pub(super) fn read(&self, name: &str) -> Result<Option<Vec<u8>>> {
        match self.open_file(name)? {
            Some(file) => self.read_open(name, &file).map(Some),
            None => Ok(None),
        }
    }

    pub(super) fn read_open(&self, name: &str, file: &File) -> Result<Vec<u8>> {
        let failed = |source| io("read", &self.path_of(name), source);
        let size = file.metadata().map_err(failed)?.len();
        if size > FILE_BYTES_MAX {
            return Err(self.error(name, DrvFileError::TooLarge(size)));
        }
        let mut bytes = Vec::new();
        // It may grow meanwhile.
        let mut limited = file.take(FILE_BYTES_MAX + 1);
        limited.read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() as u64 > FILE_BYTES_MAX {
            return Err(self.error(name, DrvFileError::TooLarge(bytes.len() as u64)));
        }
        Ok(bytes)
    }

    /// Waits until nobody else writes.
    pub(super) fn lock(&self) -> Result<FileLock> {
        let path = self.path_of(LOCK);
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(0o600);
        let fd = fs::openat(&self.fd, LOCK, flags | OFlags::NONBLOCK, mode);
        let file = File::from(fd.map_err(|source| io("open", &path, source))?);
        FileLock::exclusive(file).map_err(|source| io("lock", &path, source))
    }

    /// Puts a file there at once: after a crash it is the former one, or the new one as a whole.
    ///
    /// The caller holds the lock. The open file is returned; `hold` sees it before it has its name.
    pub(super) fn write(
        &self,
        name: &str,
        bytes: &[u8],
        hold: impl FnOnce(&File) -> io::Result<()>,
    ) -> Result<File> {
        let failed = |source: io::Error| io("write", &self.path_of(name), source);
        self.clean()?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
        let mode = Mode::from_raw_mode(0o644);
        let fd = fs::openat(&self.fd, UNFINISHED, flags | OFlags::CLOEXEC, mode);
        let mut file = File::from(fd.map_err(|source| failed(source.into()))?);
        let written = hold(&file)
            .and_then(|()| file.write_all(bytes))
            .and_then(|()| file.sync_all())
            .and_then(|()| Ok(fs::renameat(&self.fd, UNFINISHED, &self.fd, name)?))
            .and_then(|()| Ok(fs::fsync(&self.fd)?));
        match written {
            Ok(()) => Ok(file),
            Err(source) => {
                // The first error tells more than that of the removal; `clean` tries again.
                let _ = self.clean();
                Err(failed(source))
            }
        }
    }

    /// Removes what a crashed writer left. The caller holds the lock.
    pub(super) fn clean(&self) -> Result<()> {
        self.remove(UNFINISHED)
    }

    /// Removes a file, where there is one.
    pub(super) fn remove(&self, name: &str) -> Result<()> {
        match fs::unlinkat(&self.fd, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(source) => Err(io("remove", &self.path_of(name), source)),
        }
    }

    pub(super) fn error(&self, name: &str, source: impl Into<DrvFileError>) -> Error {
        file_error(self.path_of(name), source)
    }
}

pub(super) fn file_error(path: PathBuf, source: impl Into<DrvFileError>) -> Error {
    let source = Box::new(source.into());
    Error::DrvFile { path, source }
}

fn io(action: &'static str, path: &Path, source: impl Into<io::Error>) -> Error {
    Error::Io {
        action,
        path: path.to_owned(),
        source: source.into(),
    }
}
