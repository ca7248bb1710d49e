//! The lock between collectors and those who need what they add.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::{
        fd::AsRawFd,
        unix::{
            fs::{DirBuilderExt, OpenOptionsExt},
            net::UnixListener,
        },
    },
    path::{Path, PathBuf},
};

use crate::{
    file_lock::FileLock,
    local::StoreLayout,
    store::{Error, Result},
};

/// The lock that a collector holds while it decides, and that others share while they make a root.
///
/// It is a lock of `flock(2)` on `state_dir/gc.lock`, which Nix takes too. Who holds it shared can
/// add a temporary root and then ask whether the path is valid: if it is, it stays. It is held for
/// moments, since a collector waits for it. Released on drop, and by the kernel when the process
/// ends.
#[derive(Debug)]
#[must_use = "the lock is released on drop"]
pub struct GcLock {
    _lock: FileLock,
}

impl GcLock {
    /// Waits until nobody collects, and keeps collectors away.
    ///
    /// # Errors
    /// Fails when the lock's file cannot be made or locked.
    pub fn shared(layout: &StoreLayout) -> Result<Self> {
        let (file, path) = open(layout)?;
        let lock = FileLock::shared(file).map_err(failed("lock", &path))?;
        Ok(Self { _lock: lock })
    }

    /// Waits until nobody else holds the lock, and keeps everybody away.
    ///
    /// A program of Nix that finds the lock held asks the collector's socket. Where there is none,
    /// Nix 2.8 goes on as if it had the lock; where nobody listens, every version tries again. So
    /// a socket is made on which nobody listens.
    ///
    /// # Errors
    /// Fails when the lock's file or the socket cannot be made, or the file cannot be locked.
    pub fn exclusive(layout: &StoreLayout) -> Result<Self> {
        make_socket(layout)?;
        let (file, path) = open(layout)?;
        let lock = FileLock::exclusive(file).map_err(failed("lock", &path))?;
        make_socket(layout)?;
        Ok(Self { _lock: lock })
    }

    /// Keeps everybody away as [`exclusive`](Self::exclusive) does, or returns nothing where
    /// somebody holds the lock.
    pub(super) fn try_exclusive(layout: &StoreLayout) -> Result<Option<Self>> {
        make_socket(layout)?;
        let (file, path) = open(layout)?;
        let lock = FileLock::try_exclusive(file).map_err(failed("lock", &path))?;
        Ok(lock.map(|lock| Self { _lock: lock }))
    }
}

fn open(layout: &StoreLayout) -> Result<(File, PathBuf)> {
    make_dir(&layout.state_dir, 0o755)?;
    let path = layout.state_dir.join("gc.lock");
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(failed("open", &path))?;
    Ok((file, path))
}

/// Makes the socket that Nix asks while the lock is held, where it is missing.
fn make_socket(layout: &StoreLayout) -> Result<()> {
    let dir = layout.state_dir.join("gc-socket");
    let path = dir.join("socket");
    if path.symlink_metadata().is_ok() {
        return Ok(());
    }
    make_dir(&dir, 0o755)?;
    let opened = File::open(&dir).map_err(failed("open", &dir))?;
    // The address of a socket has 107 bytes at most, which the directory may exceed.
    let short = format!("/proc/self/fd/{}/socket", opened.as_raw_fd());
    let near = path.as_os_str().len() < 100;
    let bound = UnixListener::bind(if near { &path } else { Path::new(&short) });
    match bound {
        Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
            Err(failed("make the socket", &path)(error))
        }
        _ => Ok(()),
    }
}

/// Makes a directory and those above it, where they are missing.
pub(super) fn make_dir(path: &Path, mode: u32) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    let made = builder.recursive(true).mode(mode).create(path);
    made.map_err(failed("make directory", path))
}

/// Returns what makes an error of a refusal of the file system.
pub(super) fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Io {
        action,
        path,
        source,
    }
}
