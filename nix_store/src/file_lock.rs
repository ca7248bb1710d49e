//! Locks of files, by `flock(2)`.

use std::{
    fs::{File, TryLockError},
    io,
};

/// A lock of a file, given up on drop.
#[derive(Debug)]
pub(crate) struct FileLock(File);

impl FileLock {
    /// Waits until others share the lock at most.
    pub(crate) fn shared(file: File) -> io::Result<Self> {
        retry(|| file.lock_shared())?;
        Ok(Self(file))
    }

    /// Waits until nobody else has the lock.
    pub(crate) fn exclusive(file: File) -> io::Result<Self> {
        retry(|| file.lock())?;
        Ok(Self(file))
    }

    /// Takes the lock for itself, or returns nothing where somebody has it.
    pub(crate) fn try_exclusive(file: File) -> io::Result<Option<Self>> {
        match file.try_lock() {
            Ok(()) => Ok(Some(Self(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // A process that this one is just starting has the file too until it runs its program:
        // closing ours would not unlock it. What cannot be unlocked is so when both are closed.
        let _ = self.0.unlock();
    }
}

/// Repeats what a signal interrupted.
pub(crate) fn retry(lock: impl Fn() -> io::Result<()>) -> io::Result<()> {
    loop {
        match lock() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}
