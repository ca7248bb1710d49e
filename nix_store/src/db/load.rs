//! Storing many rows in few transactions.

use netabase_store::{
    NetabaseError, Result, Store, WriteTransaction,
    backends::{Backend, Engine},
};

use crate::{
    ahead::ahead,
    db::models::{StoreDefinition, StorePath},
};

/// How many rows one transaction stores at most.
const BATCH_ROWS_MAX: usize = 65_536;

/// How many bytes of text one transaction stores, before the row that exceeds them. With the
/// entries of their indexes they take about five times as much memory.
const BATCH_BYTES_MAX: usize = 40 << 20;

/// The same for sled, which takes many times the memory for a transaction.
const SLED_BATCH_ROWS_MAX: usize = 8192;
const SLED_BATCH_BYTES_MAX: usize = 16 << 20;

/// What became of paths that were stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PathCounts {
    /// The paths that the store did not have.
    pub new: u64,
    /// The paths of which it said something else.
    pub updated: u64,
    /// The paths of which it said the same.
    pub unchanged: u64,
}

impl PathCounts {
    /// Returns how many paths there are.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.new + self.updated + self.unchanged
    }
}

/// Stores paths, replacing those that the store has otherwise, and calls `progress` after each
/// transaction.
///
/// The rows are taken on a thread of their own, ahead of the writing. One transaction stores up to
/// 65,536 rows, or 40 MiB of text, on sled 8,192 rows and 16 MiB; memory does not depend on the
/// number of rows. Other writers of the store wait while a transaction is filled.
///
/// # Errors
/// Fails at the first row that is an error, and when the store cannot be written. What was stored in
/// earlier transactions remains.
///
/// # Examples
/// ```
/// use netabase_store::{MemoryStore, NetabaseError};
/// use nix_core::{hash::Sha256, path_info::PathInfo};
/// use nix_store::{StoreDir, db::{self, models::{StoreDefinition, StorePath}}};
///
/// let dir = StoreDir::default();
/// let path = dir.parse("/nix/store/g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-hello")?;
/// let info = PathInfo::new(path, Sha256::of(b"the archive"), 11);
/// let row = StorePath::from_path_info(&dir, &info);
///
/// let store = MemoryStore::<StoreDefinition>::new();
/// let rows = [Ok::<_, NetabaseError>(row.clone()), Ok(row)];
/// let counts = db::load_paths(&store, rows.into_iter(), &mut |_| {})?;
/// assert_eq!((counts.new, counts.unchanged), (1, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn load_paths<B: Backend, E: From<NetabaseError> + Send>(
    into: &Store<StoreDefinition, B>,
    mut rows: impl Iterator<Item = Result<StorePath, E>> + Send,
    progress: &mut dyn FnMut(&PathCounts),
) -> Result<PathCounts, E> {
    let mut loader = Loader::new(into);
    let (mut counts, mut stored) = <(PathCounts, PathCounts)>::default();
    ahead(
        |outlet| {
            rows.try_for_each(|row| {
                let row = row?;
                let bytes = text_bytes(&row);
                outlet.push(row, bytes)
            })
        },
        |row| {
            loader.put_path(row, &mut counts)?;
            if loader.is_full() {
                loader.commit()?;
                stored = counts;
                progress(&stored);
            }
            Ok(())
        },
    )?;
    loader.commit()?;
    if stored != counts {
        progress(&counts);
    }
    Ok(counts)
}

/// A transaction that is being filled.
pub(crate) struct Loader<'s, B: Backend> {
    store: &'s Store<StoreDefinition, B>,
    txn: Option<WriteTransaction<StoreDefinition, B>>,
    rows: usize,
    bytes: usize,
}

impl<'s, B: Backend> Loader<'s, B> {
    pub(crate) fn new(store: &'s Store<StoreDefinition, B>) -> Self {
        Self {
            store,
            txn: None,
            rows: 0,
            bytes: 0,
        }
    }

    /// Puts a path where it is not there already, and counts it.
    pub(crate) fn put_path(&mut self, row: StorePath, counts: &mut PathCounts) -> Result<()> {
        let bytes = text_bytes(&row);
        let paths = self.filling(bytes)?.open_tree::<StorePath>();
        match paths.get(row.path.as_str())? {
            Some(known) if known == row => {
                counts.unchanged += 1;
                return Ok(());
            }
            Some(_) => counts.updated += 1,
            None => counts.new += 1,
        }
        paths.put(row)
    }

    /// Returns the transaction, for a row of about so many bytes.
    pub(crate) fn filling(
        &mut self,
        bytes: usize,
    ) -> Result<&WriteTransaction<StoreDefinition, B>> {
        self.rows += 1;
        self.bytes = self.bytes.saturating_add(bytes);
        let txn = match self.txn.take() {
            Some(txn) => txn,
            None => self.store.begin_write()?,
        };
        Ok(self.txn.insert(txn))
    }

    pub(crate) fn is_full(&self) -> bool {
        let (rows, bytes) = match B::ENGINE {
            Engine::Sled => (SLED_BATCH_ROWS_MAX, SLED_BATCH_BYTES_MAX),
            _ => (BATCH_ROWS_MAX, BATCH_BYTES_MAX),
        };
        self.rows >= rows || self.bytes > bytes
    }

    /// Commits what was put since the last time.
    pub(crate) fn commit(&mut self) -> Result<()> {
        (self.rows, self.bytes) = (0, 0);
        self.txn.take().map_or(Ok(()), WriteTransaction::commit)
    }
}

/// Returns about how many bytes of text a row has.
pub(crate) fn text_bytes(row: &StorePath) -> usize {
    let lists = row.references.iter().chain(&row.signatures);
    row.path.len() + lists.map(String::len).sum::<usize>()
}
