//! How a store is opened.

use crate::{backends::EngineOptions, inner::Durability};

/// How many bytes of pages an engine keeps in memory, unless told otherwise: 192 MiB.
///
/// redb fills it when it opens a large file that was not closed, for it walks over all pages once.
pub const CACHE_BYTES_DEFAULT: usize = 192 * 1024 * 1024;

/// When a store is checked before it is handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Verify {
    /// Never: what is damaged is found when it is read.
    #[default]
    None,
    /// When the engine says that the store was not closed in order; one that the check refused never
    /// is, so it is checked again.
    OnUnclean,
    /// Always.
    Always,
}

impl Verify {
    pub(crate) fn is_due(self, was_unclean: bool) -> bool {
        match self {
            Self::None => false,
            Self::OnUnclean => was_unclean,
            Self::Always => true,
        }
    }
}

/// How a store is opened; the default is writable and durable.
///
/// ```
/// use netabase_store::{Durability, StoreOptions};
///
/// let options = StoreOptions::new().durability(Durability::Eventual).cache_bytes(64 << 20);
/// assert_eq!(options, options.clone());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct StoreOptions {
    pub(crate) durability: Durability,
    read_only: bool,
    cache_bytes: usize,
    pub(crate) verify: Verify,
}

impl StoreOptions {
    /// Returns the default: writable, [`Durability::Immediate`], a cache of
    /// [`CACHE_BYTES_DEFAULT`], [`Verify::None`].
    pub fn new() -> Self {
        Self {
            durability: Durability::Immediate,
            read_only: false,
            cache_bytes: CACHE_BYTES_DEFAULT,
            verify: Verify::None,
        }
    }

    /// Sets how durable a commit is, unless its transaction says otherwise.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Opens for reading only, where the engine can (redb): several processes may do so at once.
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self
    }

    /// Sets how many bytes of pages the engine may keep in memory.
    pub fn cache_bytes(mut self, bytes: usize) -> Self {
        self.cache_bytes = bytes;
        self
    }

    /// Sets when the whole store is checked before it is handed out; O(file), and O(n log n) for its
    /// n records and index entries.
    ///
    /// The engine checks every page against its checksum. Then every record is read, and every index
    /// compared with them: the first that is wrong is the error. [`RawStore`](crate::RawStore) leaves
    /// records and indexes to its own `verify`, which tells of all.
    ///
    /// redb notes whether a file was closed in order. sled does not: a store of sled that was there
    /// before always counts as one that was not.
    ///
    /// Without a check a damaged record is still never taken for another, but damage in the engine's
    /// own pages may hide records, and redb may end the process when it commits over such a page:
    /// it can panic while it unwinds from a panic, which nothing can catch.
    /// sled takes a damaged log for one that ends there, with or without a check: the commits
    /// from the damaged one on are gone.
    pub fn verify(mut self, verify: Verify) -> Self {
        self.verify = verify;
        self
    }

    pub(crate) fn engine(&self, create: bool) -> EngineOptions {
        EngineOptions {
            create,
            read_only: self.read_only,
            cache_bytes: self.cache_bytes,
            verify: self.verify,
        }
    }

    pub(crate) fn is_read_only(&self) -> bool {
        self.read_only
    }
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self::new()
    }
}
