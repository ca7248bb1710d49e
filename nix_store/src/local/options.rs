//! How a local store is opened.

use nix_core::signature::TrustedKeys;
use nix_io::nar::NarLimits;

use crate::db::DatabaseEngine;

/// How a [`LocalStore`](super::LocalStore) is opened.
#[derive(Clone, Debug)]
pub struct LocalOptions {
    /// Whether every change is refused. Opening makes no directory then, takes no lock and writes
    /// nothing.
    pub read_only: bool,
    /// The engine of the database; without one that which is there, else redb.
    pub engine: Option<DatabaseEngine>,
    /// Whether the database stays open, so that no other process can use it meanwhile.
    pub exclusive: bool,
    /// Whether an object is on the disk before it is registered, and a root once it is made.
    pub fsync: bool,
    /// Whether the files of each object that is added are shared with equal files of others by hard
    /// links, as by Nix's `auto-optimise-store`. It happens after the object has become valid: where
    /// it fails the object stays as it is, and
    /// [`take_not_shared`](super::LocalStore::take_not_shared) says why.
    pub optimise: bool,
    /// The keys of which one has to have signed what is added, unless its content proves its path.
    /// Without keys nothing has to be signed. What lies in its place already is registered without a
    /// signature where its info says that it was built here,
    /// [`ultimate`](nix_core::path_info::PathInfo::ultimate).
    pub trusted_keys: Option<TrustedKeys>,
    /// The largest objects.
    pub limits: NarLimits,
}

impl Default for LocalOptions {
    /// Returns options for a store that may be written, is shared with other processes, survives
    /// loss of power and demands no signatures.
    fn default() -> Self {
        Self {
            read_only: false,
            engine: None,
            exclusive: false,
            fsync: true,
            optimise: false,
            trusted_keys: None,
            limits: NarLimits::default(),
        }
    }
}
