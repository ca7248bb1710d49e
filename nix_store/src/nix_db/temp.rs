//! Files that come into being whole.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use super::error::{NixDbError, NixDbResult, io_error};

/// Distinguishes the temporary files of one process.
static TEMP_COUNT: AtomicU64 = AtomicU64::new(0);

/// A file with a name of its own, which is removed unless it is published.
#[derive(Debug)]
pub(super) struct Temp {
    pub(super) path: PathBuf,
}

impl Temp {
    pub(super) fn beside(path: &Path) -> NixDbResult<Self> {
        let process = std::process::id();
        loop {
            let count = TEMP_COUNT.fetch_add(1, Ordering::Relaxed);
            let temp = path.with_file_name(format!(".db.sqlite-{process}-{count}.tmp"));
            match File::create_new(&temp) {
                Ok(_) => return Ok(Self { path: temp }),
                // A process of this number has died over it.
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(io_error("create", temp)(error)),
            }
        }
    }

    /// Gives the file its name, if nothing has it.
    pub(super) fn publish(self, path: &Path) -> NixDbResult<()> {
        let synced = File::open(&self.path).and_then(|file| file.sync_all());
        synced.map_err(io_error("sync", &self.path))?;
        match fs::hard_link(&self.path, path) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                let path = path.to_owned();
                Err(NixDbError::Exists { path })
            }
            Err(error) => Err(io_error("create", path)(error)),
        }
    }
}

impl Drop for Temp {
    fn drop(&mut self) {
        for suffix in ["", "-wal", "-shm", "-journal"] {
            let mut path = self.path.clone().into_os_string();
            path.push(suffix);
            // Most of them are not there; what cannot be removed has a name that says what it is.
            let _ = fs::remove_file(path);
        }
    }
}

/// Refuses a database that exists, and one of which only the journal is left, which SQLite would
/// take for that of the new one.
pub(super) fn refuse_existing(path: &Path) -> NixDbResult<()> {
    for suffix in ["", "-wal", "-journal"] {
        let mut path = path.as_os_str().to_owned();
        path.push(suffix);
        let path = PathBuf::from(path);
        match fs::symlink_metadata(&path) {
            Ok(_) => return Err(NixDbError::Exists { path }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(io_error("inspect", path)(error)),
        }
    }
    Ok(())
}

/// Writes the file of a version, if it is not there.
pub(super) fn write_version(path: &Path, version: &str) -> NixDbResult<()> {
    match File::create_new(path) {
        Ok(mut file) => {
            let written = file.write_all(version.as_bytes());
            let synced = written.and_then(|()| file.sync_all());
            synced.map_err(io_error("write", path))
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(io_error("create", path)(error)),
    }
}

pub(super) fn sync_folder(path: &Path) -> NixDbResult<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(io_error("sync", folder))
}
