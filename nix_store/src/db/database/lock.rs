//! The lock by which processes take turns at a database.
//!
//! Two files, empty and never removed, lie beside the database: whoever wants it first gets hold of
//! `netabase.queue`, then of `netabase.lock`, and lets go of the first one. So those who come again
//! and again do not overtake the one who waits.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use super::idle::LINGER;
use crate::{
    file_lock::retry,
    store::{Error, Result},
};

/// How long who does not wait for work waits for those who only rest.
const PATIENCE: Duration = LINGER.saturating_mul(25);

/// How much of the system's list of locks is read.
const LOCKS_BYTES_MAX: u64 = 1 << 20;

/// The files of the lock, open as long as there is a handle.
#[derive(Debug)]
pub(super) struct Lock {
    dir: PathBuf,
    turn: File,
    queue: File,
}

/// Which lock files they are, whatever path leads to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LockId {
    device: u64,
    inode: u64,
}

impl Lock {
    /// Opens the files of the lock; nothing where the directory may only be read and has none.
    pub(super) fn open(dir: &Path, read_only: bool) -> Result<Option<Self>> {
        let open = |name: &str| {
            let path = dir.join(name);
            let mut how = OpenOptions::new();
            how.read(true);
            if !read_only {
                how.write(true).create(true).truncate(false);
            }
            match how.open(&path) {
                Ok(file) => Ok(Some(file)),
                Err(error) if read_only && error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(source) => Err(Error::Io {
                    action: "open",
                    path,
                    source,
                }),
            }
        };
        let (Some(turn), Some(queue)) = (open("netabase.lock")?, open("netabase.queue")?) else {
            return Ok(None);
        };
        Ok(Some(Self {
            dir: dir.to_owned(),
            turn,
            queue,
        }))
    }

    pub(super) fn id(&self) -> Result<LockId> {
        let metadata = self.turn.metadata().map_err(|source| self.failed(source))?;
        Ok(LockId {
            device: metadata.dev(),
            inode: metadata.ino(),
        })
    }

    /// Takes the lock, alone or together with others who share it.
    pub(super) fn take(&self, shared: bool, wait: bool) -> Result<()> {
        if !wait {
            return self.try_take_until(shared, Instant::now() + PATIENCE);
        }
        retry(|| self.queue.lock()).map_err(|source| self.failed(source))?;
        let taken = if shared {
            retry(|| self.turn.lock_shared())
        } else {
            retry(|| self.turn.lock())
        };
        let left = self.queue.unlock();
        taken.and(left).map_err(|source| self.failed(source))
    }

    /// Whether somebody who wants the lock waits for it, or may: that cannot be found out everywhere.
    pub(super) fn is_awaited(&self) -> bool {
        // Who waits for the lock has that of the queue.
        self.queue.try_lock().is_err() || self.queue.unlock().is_err()
    }

    /// Tries again until those who rest with the lock have given it up.
    fn try_take_until(&self, shared: bool, end: Instant) -> Result<()> {
        loop {
            match self.try_take(shared) {
                Err(Error::Busy { .. }) if Instant::now() < end => thread::sleep(LINGER / 10),
                taken => return taken,
            }
        }
    }

    fn try_take(&self, shared: bool) -> Result<()> {
        let taken = if shared {
            self.turn.try_lock_shared()
        } else {
            self.turn.try_lock()
        };
        match taken {
            Ok(()) => Ok(()),
            Err(TryLockError::WouldBlock) => Err(Error::Busy {
                dir: self.dir.clone(),
                holder: self.id().map(holder)?,
            }),
            Err(TryLockError::Error(source)) => Err(self.failed(source)),
        }
    }

    /// Lets go of the lock.
    pub(super) fn leave(&self) -> Result<()> {
        self.turn.unlock().map_err(|source| self.failed(source))
    }

    fn failed(&self, source: io::Error) -> Error {
        Error::Io {
            action: "lock",
            path: self.dir.join("netabase.lock"),
            source,
        }
    }
}

/// Returns the process that holds a lock on a file, by the system's list, where it has one.
fn holder(file: LockId) -> Option<u32> {
    let list = File::open("/proc/locks")
        .and_then(|list| io::read_to_string(io::Read::take(list, LOCKS_BYTES_MAX)));
    // The name of the holder only makes an error clearer: without the list there is none.
    let list = list.ok()?;
    let (major, minor) = (
        rustix::fs::major(file.device),
        rustix::fs::minor(file.device),
    );
    let wanted = format!("{major:02x}:{minor:02x}:{}", file.inode);
    // `1: FLOCK  ADVISORY  WRITE 1234 08:01:5678 0 EOF`; one that waits has `->` before the kind.
    let mut lines = list
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>());
    lines.find_map(|words| match *words.as_slice() {
        [_, "FLOCK", _, _, process, at, ..] if at == wanted => process.parse().ok(),
        _ => None,
    })
}

/// Makes the directory of a database.
pub(super) fn make_dir(dir: &Path) -> Result<()> {
    fs::create_dir_all(dir).map_err(|source| Error::Io {
        action: "make the directory",
        path: dir.to_owned(),
        source,
    })
}
