//! Whether a file is what it was.

use std::{
    fs::Metadata,
    os::unix::fs::{MetadataExt, PermissionsExt},
};

const OWNER_EXECUTES: u32 = 0o100;

/// Which file it is, and all of it that an archive depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    bytes: u64,
    modified_s: i64,
    modified_ns: i64,
    device: u64,
    inode: u64,
    is_executable: bool,
    /// Whether it has a name; without one it was removed or replaced.
    is_linked: bool,
}

impl Identity {
    /// Returns the identity of a regular file; nothing else has one.
    pub(super) fn of(metadata: &Metadata) -> Option<Self> {
        metadata.is_file().then(|| Self {
            bytes: metadata.len(),
            modified_s: metadata.mtime(),
            modified_ns: metadata.mtime_nsec(),
            device: metadata.dev(),
            inode: metadata.ino(),
            is_executable: metadata.permissions().mode() & OWNER_EXECUTES != 0,
            is_linked: metadata.nlink() > 0,
        })
    }

    /// Returns how many bytes it has.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) const fn is_executable(&self) -> bool {
        self.is_executable
    }
}
