//! What lies in a store's directory without being valid.

use std::{
    collections::BTreeSet,
    ffi::{OsStr, OsString},
    fs::{self, File, OpenOptions, ReadDir, TryLockError},
    io::{self, ErrorKind, Write},
    ops::Bound,
    os::unix::{ffi::OsStrExt, fs::OpenOptionsExt},
    path::{Path, PathBuf},
};

use nix_core::store_path::StorePath;
use rustix::{fs::OFlags, io::Errno};

use super::{
    aside::set_aside,
    lock::failed,
    roots::{Root, RootLink, Roots},
};
use crate::{
    local::{LocalStore, PrivateDir},
    store::Result,
};

/// What is in a store's directory and no object: links of shared files, and what is ours.
const NO_OBJECTS: [&[u8]; 2] = [b".links", b".netabase"];

/// What the names of directories and links begin with that a process of Nix has not finished; its
/// number follows.
const UNFINISHED: [&[u8]; 2] = [b"tmp-", b".tmp-link-"];

/// The entries of a store's directory, which may be millions.
#[derive(Debug)]
pub(super) struct Entries {
    dir: PathBuf,
    entries: ReadDir,
}

/// Some entries that may be leftovers, each with the path that it would be.
#[derive(Debug, Default)]
pub(super) struct Batch {
    entries: Vec<(OsString, Option<StorePath>)>,
}

impl Entries {
    pub(super) fn open(dir: &Path) -> Result<Self> {
        let entries = fs::read_dir(dir).map_err(failed("read", dir))?;
        let dir = dir.to_owned();
        Ok(Self { dir, entries })
    }

    /// Returns the next entries that are no paths at all, or paths that `is_unknown`.
    pub(super) fn next_batch(
        &mut self,
        len: usize,
        is_unknown: impl Fn(&StorePath) -> bool,
    ) -> Result<Option<Batch>> {
        let mut batch = Batch::default();
        while batch.entries.len() < len.max(1)
            && let Some(entry) = self.entries.next()
        {
            let name = entry.map_err(failed("read", &self.dir))?.file_name();
            if NO_OBJECTS.contains(&name.as_bytes()) {
                continue;
            }
            let path = StorePath::from_base_name_bytes(name.as_bytes()).ok();
            if path.as_ref().is_none_or(&is_unknown) {
                batch.entries.push((name, path));
            }
        }
        Ok(Some(batch).filter(|batch| !batch.entries.is_empty()))
    }
}

impl Batch {
    /// Returns the paths among the entries that are not valid and in no process's use.
    pub(super) fn paths(
        &self,
        store: &LocalStore,
        in_use: &BTreeSet<StorePath>,
    ) -> Result<Vec<StorePath>> {
        let mut found = Vec::new();
        for path in self.entries.iter().filter_map(|(_, path)| path.as_ref()) {
            if !store.database().is_valid(path)? && !is_in_use(in_use, path) {
                found.push(path.clone());
            }
        }
        Ok(found)
    }

    /// Moves what is not valid and in nobody's hands to a private directory, and returns
    /// how much that was. The collector's lock is held.
    pub(super) fn set_aside(
        &self,
        store: &LocalStore,
        private: &PrivateDir,
        in_use: &BTreeSet<StorePath>,
        each: &mut dyn FnMut(&OsStr),
    ) -> Result<usize> {
        let mut removed = 0;
        for (name, path) in &self.entries {
            let is_needed = match path {
                Some(path) => store.database().is_valid(path)? || is_in_use(in_use, path),
                None => is_unfinished(name),
            };
            if !is_needed && remove(store, private, name)? {
                each(name);
                removed += 1;
            }
        }
        Ok(removed)
    }
}

/// Returns the paths that processes use, valid or not.
pub(super) fn in_use(roots: &Roots) -> BTreeSet<StorePath> {
    let is_process =
        |root: &&Root| matches!(root.link, RootLink::Temporary(_) | RootLink::Process(_));
    let roots = roots.roots.iter().filter(is_process);
    roots.map(|root| root.target.clone()).collect()
}

/// Returns whether a path in use has the same hash part: locks of a path are named after it.
fn is_in_use(in_use: &BTreeSet<StorePath>, path: &StorePath) -> bool {
    let part = path.hash_part();
    let mut from = in_use.range::<str, _>((Bound::Included(part), Bound::Unbounded));
    from.next().is_some_and(|first| first.hash_part() == part)
}

/// Returns whether the process that has made something of this name may still be at it.
fn is_unfinished(name: &OsStr) -> bool {
    let rest = UNFINISHED
        .iter()
        .find_map(|prefix| name.as_bytes().strip_prefix(*prefix));
    let digits = rest.and_then(|rest| rest.split(|byte| *byte == b'-').next());
    let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
    let process: Option<u32> = digits.and_then(|digits| digits.parse().ok());
    process.is_some_and(|process| Path::new("/proc").join(process.to_string()).exists())
}

fn remove(store: &LocalStore, private: &PrivateDir, name: &OsStr) -> Result<bool> {
    let place = store.layout().real_store_dir.join(name);
    let mut lock = place.clone().into_os_string();
    lock.push(".lock");
    if matches!(try_lock(Path::new(&lock))?, Lock::Held) {
        return Ok(false);
    }
    let lock = try_lock(&place)?;
    if matches!(lock, Lock::Held) || !set_aside(store, private, name)? {
        return Ok(false);
    }
    if let Lock::File(mut file) = lock
        && name.as_bytes().ends_with(b".lock")
    {
        // Who has opened it and waits for the lock sees by this that it is gone.
        file.write_all(b"d").map_err(failed("write", &place))?;
    }
    Ok(true)
}

enum Lock {
    /// Somebody else's.
    Held,
    /// Taken.
    File(File),
    /// There is nothing that could be locked.
    Nothing,
}

/// Takes the lock of a file or a directory.
fn try_lock(path: &Path) -> Result<Lock> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let open = |write| {
        let mut options = OpenOptions::new();
        let options = options.read(true).write(write);
        options.custom_flags(flags.bits().cast_signed()).open(path)
    };
    let is_lock = path.as_os_str().as_bytes().ends_with(b".lock");
    let opened = match open(is_lock) {
        Err(error) if is_lock && is_no_file(&error) => open(false),
        opened => opened,
    };
    let file = match opened {
        Ok(file) => file,
        Err(error) if is_no_file(&error) => return Ok(Lock::Nothing),
        Err(error) => return Err(failed("open", path)(error)),
    };
    match file.try_lock() {
        Ok(()) => Ok(Lock::File(file)),
        Err(TryLockError::WouldBlock) => Ok(Lock::Held),
        Err(TryLockError::Error(error)) => Err(failed("lock", path)(error)),
    }
}

/// Returns whether something cannot be opened because it is no file, or not open to its owner.
fn is_no_file(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    let is_other = matches!(
        errno,
        Some(Errno::LOOP | Errno::NXIO | Errno::NODEV | Errno::ISDIR | Errno::NAMETOOLONG)
    );
    is_other
        || matches!(
            error.kind(),
            ErrorKind::NotFound | ErrorKind::PermissionDenied
        )
}
