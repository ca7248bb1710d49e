//! Roots that last as long as a process.

use std::{
    collections::BTreeSet,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use nix_core::store_path::{StoreDir, StorePath};
use rustix::fs::OFlags;

use super::{
    lock::{failed, make_dir},
    records::for_each_record,
};
use crate::{
    local::StoreLayout,
    store::{Error, Result},
};

/// One more than the largest process id of Linux.
const PIDS: u32 = 1 << 22;

/// How many files a process may have: then a name is still a number of 31 bits, as Nix reads it.
const FILES: u32 = 500;

/// The longest path that is read from a file.
const PATH_BYTES_MAX: u64 = 4096;

/// Returns a number that no other file of this process has had lately.
fn next_number() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed) % FILES
}

/// The paths that this process needs until it drops this value.
///
/// They stand in a file in `state_dir/temproots` in Nix's format: paths, each followed by a NUL, in
/// a file that its process keeps locked. Nix's collector heeds it as ours does. The file is named by
/// the process id; where that name is in use, by another process that a container gave the same id
/// or by another value in this process, by a larger number.
#[derive(Debug)]
pub struct TempRoots {
    store_dir: StoreDir,
    path: PathBuf,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    file: File,
    /// Invariant: where the last record that is whole ends.
    len: u64,
    added: BTreeSet<StorePath>,
}

impl TempRoots {
    /// Makes a file without roots.
    ///
    /// # Errors
    /// Fails when it cannot be made.
    pub fn open(layout: &StoreLayout) -> Result<Self> {
        let dir = layout.temp_roots_dir();
        make_dir(&dir, 0o755)?;
        let first = next_number();
        for turn in 0..FILES {
            let number = std::process::id() % PIDS + PIDS * ((first + turn) % FILES);
            let path = dir.join(number.to_string());
            if let Some(file) = claim(&path)? {
                let (len, added) = (0, BTreeSet::new());
                let inner = Mutex::new(Inner { file, len, added });
                let store_dir = layout.store_dir.clone();
                return Ok(Self {
                    store_dir,
                    path,
                    inner,
                });
            }
        }
        let error = io::Error::new(io::ErrorKind::AlreadyExists, "every name is in use");
        Err(failed("make a file in", &dir)(error))
    }

    /// Makes a path a root. Whoever wants to rely on it holds [`GcLock::shared`](super::GcLock)
    /// meanwhile, and asks afterwards whether the path is valid.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub fn add(&self, path: &StorePath) -> Result<()> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.added.contains(path) {
            return Ok(());
        }
        let mut record = self.store_dir.print(path).into_bytes();
        record.push(0);
        if let Err(error) = inner.file.write_all(&record) {
            // A part of a record would spoil the next one.
            let undone = inner.file.set_len(inner.len);
            return Err(failed("write", &self.path)(undone.err().unwrap_or(error)));
        }
        inner.len += record.len() as u64;
        inner.added.insert(path.clone());
        Ok(())
    }
}

impl Drop for TempRoots {
    fn drop(&mut self) {
        // What stays behind is not locked, and the next collector removes it.
        let _ = fs::remove_file(&self.path);
    }
}

/// Makes a file this process's own, or returns nothing where it is somebody else's.
fn claim(path: &Path) -> Result<Option<File>> {
    loop {
        let opened = options().append(true).create(true).open(path);
        let file = match opened {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(None),
            Err(error) => return Err(failed("open", path)(error)),
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(failed("lock", path)(error)),
        }
        // A collector may have removed the file before it was locked.
        if file.metadata().map_err(failed("read", path))?.nlink() > 0 {
            file.set_len(0).map_err(failed("write", path))?;
            return Ok(Some(file));
        }
    }
}

/// Removes the files of processes that are dead. One that cannot be opened or removed is left to the
/// collector, which says why.
///
/// No lock is needed: who has just opened a file and finds that it is gone makes another.
pub(super) fn sweep(layout: &StoreLayout) -> Result<()> {
    for_each_file(layout, |_, path| match open_living(path, true) {
        Err(Error::Io { .. }) => Ok(()),
        opened => opened.map(drop),
    })
}

/// Reads the temporary roots of all processes that live, each with the number of its file; removes
/// the files of others where `clean`.
///
/// A file that cannot be read is an error, since what it protects is not known. A record that is no
/// path of the store protects nothing in it.
pub(super) fn read_all(layout: &StoreLayout, clean: bool) -> Result<Vec<(u32, StorePath)>> {
    let mut roots = Vec::new();
    for_each_file(layout, |number, path| {
        let Some(file) = open_living(path, clean)? else {
            return Ok(());
        };
        let each = |record: &[u8]| {
            let root = layout.store_dir.parse_bytes(record);
            roots.extend(root.ok().map(|root| (number, root)));
        };
        for_each_record(&file, 0, PATH_BYTES_MAX, each).map_err(failed("read", path))
    })?;
    Ok(roots)
}

/// Calls `each` with the number and the path of every file of temporary roots.
fn for_each_file(
    layout: &StoreLayout,
    mut each: impl FnMut(u32, &Path) -> Result<()>,
) -> Result<()> {
    let dir = layout.temp_roots_dir();
    let entries = match fs::read_dir(&dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed("read", &dir)(error)),
    };
    for entry in entries {
        let name = entry.map_err(failed("read", &dir))?.file_name();
        // Package managers keep directories with hidden files.
        let number = name.to_str().and_then(|name| name.parse().ok());
        if let Some(number) = number {
            each(number, &dir.join(&name))?;
        }
    }
    Ok(())
}

/// Opens a file whose process lives.
fn open_living(path: &Path, clean: bool) -> Result<Option<File>> {
    let file = match options().write(clean).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("open", path)(error)),
    };
    let metadata = file.metadata().map_err(failed("read", path))?;
    if !metadata.is_file() {
        return Ok(None);
    }
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => return Ok(Some(file)),
        Err(TryLockError::Error(error)) => return Err(failed("lock", path)(error)),
        Ok(()) => {}
    }
    if clean {
        remove_stale(path, &file, &metadata)?;
    }
    Ok(None)
}

/// Returns how files are opened: not through symlinks, and without waiting for the writer of a pipe.
fn options() -> OpenOptions {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let mut options = OpenOptions::new();
    let options = options.read(true).mode(0o600);
    options.custom_flags(flags.bits().cast_signed()).clone()
}

/// Removes a file that the caller has locked, unless another has taken its place.
fn remove_stale(path: &Path, file: &File, locked: &fs::Metadata) -> Result<()> {
    let now = match fs::symlink_metadata(path) {
        Ok(now) => now,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed("read", path)(error)),
    };
    if (now.dev(), now.ino()) != (locked.dev(), locked.ino()) {
        return Ok(());
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(failed("remove", path)(error));
        }
        _ => {}
    }
    // A process of Nix that has opened the file and waits for the lock looks whether it is empty.
    let mut file = file;
    file.write_all(b"d").map_err(failed("write", path))
}
