//! sled's folder: whether one lies at a path, and bringing all of it to disk.
//!
//! - `conf`: the parameters of the store, as text, with a checksum
//! - `db`: the log
//! - `blobs/`: one file for each value that is too large for the log, named by an ascending number
//! - `snap.*`: where the log was at the last recovery

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    thread,
    time::Duration,
};

use super::failed;
use crate::error::{Result, StoreError};

/// How every `conf` file begins.
const CONF_MAGIC: &[u8] = b"segment_size: ";
/// How many lines it has, and how many bytes of a checksum follow them.
const CONF_LINES: usize = 3;
const CONF_CHECKSUM_BYTES: usize = 4;
/// Up to this length sled takes a `conf` file for one that was never finished.
const CONF_BYTES_TORN: usize = 8;
/// What sled has made before the first commit.
const EARLY_NAMES: [&str; 3] = ["blobs", "conf", "db"];

/// How long a close waits for sled's threads to let go of the store, and how often it looks.
const CLOSE_WAIT: Duration = Duration::from_millis(1);
const CLOSE_WAITS_MAX: u32 = 2_000;

/// The files of an open store. Dropped after sled's handle, so that a closed store can be opened.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    log: File,
    blobs: Mutex<Blobs>,
    close_waits: u32,
}

/// Blobs by their numbers, which ascend as sled makes them.
#[derive(Debug)]
struct Blobs {
    /// All up to here are on disk.
    synced: i64,
    /// All up to here existed when the last sync looked, if maybe not in full.
    seen: i64,
}

impl Folder {
    /// Opens the files of a store that sled has opened; a new one is itself brought to disk.
    pub(super) fn open(path: &Path, is_new: bool) -> Result<Self> {
        let open = || {
            if is_new {
                File::open(path.join("conf"))?.sync_all()?;
                sync_folder(path)?;
                let absolute = fs::canonicalize(path)?;
                absolute.parent().map_or(Ok(()), sync_folder)?;
            }
            let log = File::options().write(true).open(path.join("db"))?;
            Ok(Self {
                path: path.to_path_buf(),
                log,
                blobs: Mutex::new(Blobs {
                    synced: -1,
                    seen: -1,
                }),
                close_waits: CLOSE_WAITS_MAX,
            })
        };
        open().map_err(|error: io::Error| failed(path, "open the store", error.into()))
    }

    /// Says that sled will not let go of the store.
    pub(super) fn abandon(&mut self) {
        self.close_waits = 0;
    }

    /// Brings to disk what sled has written, after `flush` has made it write.
    pub(super) fn sync(&self, flush: impl FnOnce() -> Result<()>) -> Result<()> {
        let mut blobs = self.blobs.lock().unwrap_or_else(PoisonError::into_inner);
        flush()?;
        let synced = self
            .sync_blobs(&mut blobs)
            .and_then(|()| self.log.sync_data());
        synced.map_err(|error| failed(&self.path, "sync the store", error.into()))
    }

    /// Syncs the blobs that may not be on disk. A flush has ended since `seen` was read from the
    /// folder, and it waits for every blob begun before it: those are written in full.
    fn sync_blobs(&self, blobs: &mut Blobs) -> io::Result<()> {
        let folder = self.path.join("blobs");
        let written = blobs.seen;
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let number = entry
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok());
            let Some(number) = number.filter(|number| number > &blobs.synced) else {
                continue;
            };
            match File::options()
                .write(true)
                .open(entry.path())
                .and_then(|blob| blob.sync_data())
            {
                // sled has removed it: a later value took its place.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                done => done?,
            }
            blobs.seen = blobs.seen.max(number);
        }
        if blobs.seen > blobs.synced {
            sync_folder(&folder)?;
        }
        blobs.synced = written;
        Ok(())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // sled unlocks the log when the last of its threads has ended its work, after its handle.
        for _ in 0..self.close_waits {
            match self.log.try_lock() {
                Ok(()) => {
                    // A process that is being started may hold a copy of the handle for a while:
                    // closing ours would not unlock it.
                    let _ = self.log.unlock();
                    break;
                }
                Err(TryLockError::WouldBlock) => thread::sleep(CLOSE_WAIT),
                Err(TryLockError::Error(_)) => break,
            }
        }
    }
}

/// Returns whether a store lies at `path`, without changing anything there.
///
/// There is none where nothing is, in an empty folder, and in one that sled did not finish to make.
///
/// # Errors
/// Refuses a file, and a folder of something else.
pub(super) fn holds_store(path: &Path) -> Result<bool> {
    let refuse = |what: &str| {
        Err(StoreError::NotAStore {
            path: path.into(),
            what: what.into(),
        }
        .into())
    };
    let looked = |error: io::Error| failed(path, "look at the folder", error.into());
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            return refuse("a part of the path is a file");
        }
        Err(error) => return Err(looked(error)),
        Ok(found) if !found.is_dir() => return refuse("it is a file, and sled keeps a folder"),
        Ok(_) => {}
    }
    let log = fs::metadata(path.join("db"))
        .ok()
        .filter(fs::Metadata::is_file);
    if log.as_ref().is_none_or(|log| log.len() == 0) && is_early(path).map_err(looked)? {
        return Ok(false);
    }
    if log.is_none() {
        return refuse("the folder has other files, and no `db` file of sled");
    }
    let conf = match fs::read(path.join("conf")) {
        Ok(conf) => conf,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Err(looked(error)),
        Err(_) => return refuse("the folder has no `conf` file of sled"),
    };
    let is_torn = conf.len() <= CONF_BYTES_TORN && path.join("blobs").is_dir();
    if is_torn || conf.starts_with(CONF_MAGIC) {
        Ok(true)
    } else {
        refuse("its `conf` file is not one of sled")
    }
}

/// Removes the `conf` of a store that sled did not finish to make: it writes the text and then the
/// checksum, and takes the text alone for damage.
pub(super) fn begin_anew(path: &Path) -> Result<()> {
    let conf = path.join("conf");
    let begun = match fs::read(&conf) {
        Ok(bytes) if lacks_checksum(&bytes) => fs::remove_file(conf),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    };
    begun.map_err(|error| failed(path, "begin the store anew", error.into()))
}

fn lacks_checksum(conf: &[u8]) -> bool {
    let mut rest = conf.splitn(CONF_LINES + 1, |byte| *byte == b'\n');
    rest.nth(CONF_LINES)
        .is_none_or(|checksum| checksum.len() < CONF_CHECKSUM_BYTES)
}

/// Returns whether the folder is empty, or as sled leaves it when it is stopped while it begins.
fn is_early(path: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let is_known = entry
            .file_name()
            .to_str()
            .is_some_and(|name| EARLY_NAMES.contains(&name));
        let is_filled = entry.file_type()?.is_dir() && fs::read_dir(entry.path())?.next().is_some();
        if !is_known || is_filled {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Brings the names in a folder to disk; only Unix has a way to ask for it.
fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(path)?.sync_all()
    } else {
        Ok(())
    }
}
