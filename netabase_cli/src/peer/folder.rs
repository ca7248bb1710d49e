//! The folder of a store's node.
//!
//! | file | holds |
//! | --- | --- |
//! | `identity` | the secret of the node |
//! | `lock` | the number of the process that is the node, which holds a lock on it |
//! | `control` | the socket for commands |
//!
//! The others are the node's own. All of it is for the owner alone.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError},
    io::{self, Read, Seek, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    process,
};

use nix_store::local::StoreLayout;

use super::PeerError;

/// The name of the folder, beside that of the store's database.
const NAME: &str = "netabase-peer";

/// How many digits the number of a process has.
const PROCESS_DIGITS_MAX: u64 = 10;

/// The folder of a store's node.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    path: PathBuf,
}

/// The right to be the node of a store, as long as it is there.
#[derive(Debug)]
pub(super) struct Hold {
    _lock: File,
}

impl Folder {
    /// Returns the folder for a store, which may not be there.
    pub(super) fn of(layout: &StoreLayout) -> Self {
        Self {
            path: layout.state_dir.join(NAME),
        }
    }

    /// Makes the folder where there is none, and has it for the owner alone.
    pub(super) fn create(&self) -> Result<(), PeerError> {
        let parent = self.path.parent().map_or(Ok(()), fs::create_dir_all);
        let made = parent.and_then(|()| {
            let made = DirBuilder::new().mode(0o700).create(&self.path);
            match made {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
                _ => fs::set_permissions(&self.path, Permissions::from_mode(0o700)),
            }
        });
        made.map_err(|source| self.error(source))
    }

    /// Becomes the node of the store, unless another process is: then nothing.
    pub(super) fn hold(&self) -> Result<Option<Hold>, PeerError> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let lock = options.mode(0o600).open(self.lock_path());
        let mut lock = lock.map_err(|source| self.error(source))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(source)) => return Err(self.error(source)),
        }
        let written = lock
            .set_len(0)
            .and_then(|()| lock.rewind())
            .and_then(|()| writeln!(lock, "{}", process::id()));
        written.map_err(|source| self.error(source))?;
        Ok(Some(Hold { _lock: lock }))
    }

    /// Returns the process that is the node of the store, as far as it can be told.
    pub(super) fn holder(&self) -> Option<u32> {
        let mut text = String::new();
        // It only makes an error clearer.
        let file = File::open(self.lock_path()).ok()?;
        let read = file.take(PROCESS_DIGITS_MAX + 1).read_to_string(&mut text);
        read.ok()?;
        text.trim_end().parse().ok()
    }

    /// Returns the path of the folder.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn error(&self, source: io::Error) -> PeerError {
        PeerError::Folder {
            path: self.path.clone(),
            source,
        }
    }

    fn lock_path(&self) -> PathBuf {
        self.path.join("lock")
    }
}

#[cfg(test)]
mod tests {
    use nix_core::store_path::StoreDir;

    use super::*;

    #[test]
    fn a_store_has_one_node_at_a_time_and_its_folder_is_private() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::of(&StoreLayout::below(place.path(), StoreDir::default()));
        folder.create().unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        folder.create().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(folder.path()), 0o700);
        assert_ne!(mode(folder.path().parent().unwrap()), 0o700);

        let hold = folder.hold().unwrap().unwrap();
        assert!(folder.hold().unwrap().is_none());
        assert_eq!(folder.holder(), Some(process::id()));
        assert_eq!(mode(&folder.lock_path()), 0o600);
        drop(hold);
        assert!(folder.hold().unwrap().is_some());
    }

    #[test]
    fn a_holder_that_is_no_number_is_none() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::of(&StoreLayout::below(place.path(), StoreDir::default()));
        assert_eq!(folder.holder(), None);
        folder.create().unwrap();
        fs::write(folder.lock_path(), [b'1'; 4096]).unwrap();
        assert_eq!(folder.holder(), None);
    }
}
