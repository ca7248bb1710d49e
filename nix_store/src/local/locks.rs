//! Locks of paths, between threads and processes.
//!
//! A path's lock is one of 256 files, by the first byte of its digest, so that a set of any size
//! needs no more open files than that, and no file of a lock has ever to be removed: nobody can hold
//! the lock of a name that others have taken away. A lock is held while an object gets its name or
//! loses it, not while its archive comes in, so that a slow sender delays nobody.

use std::{
    collections::BTreeSet,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::Path,
};

use nix_core::store_path::StorePath;

use super::{
    files::failed,
    private::{OURS, open_lock, ours},
};
use crate::store::Result;

/// The locks of some paths, released on drop. Who holds some takes no more.
#[derive(Debug)]
#[must_use]
pub(crate) struct PathLocks {
    _files: Vec<OwnedFd>,
}

impl PathLocks {
    /// Waits for the locks of all of the paths.
    pub(super) fn take<'p>(
        store: BorrowedFd<'_>,
        real_store_dir: &Path,
        paths: impl IntoIterator<Item = &'p StorePath>,
    ) -> Result<Self> {
        // In their order, so that no two wait for each other.
        let shards: BTreeSet<u8> = paths.into_iter().map(shard).collect();
        let ours = ours(store, real_store_dir)?;
        let open = |shard: u8| {
            let name = format!("{shard:02x}");
            let opened = open_lock(ours.as_fd(), &name);
            opened.map_err(failed("lock", &real_store_dir.join(OURS).join("locks")))
        };
        let files = shards.into_iter().map(open).collect::<Result<_>>()?;
        Ok(Self { _files: files })
    }
}

fn shard(path: &StorePath) -> u8 {
    let [first, ..] = path.digest();
    first
}
