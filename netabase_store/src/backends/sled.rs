//! The sled engine: a folder with a log, one sled tree a table.
//!
//! sled 0.34 has atomic commits over several trees, and lacks three things that are added here. It
//! has no snapshots: the layer that memory uses too makes them. Its `flush` leaves data in the
//! disk's cache, and large values in that of the system: the files are synced after it. It takes
//! any folder for a store: what lies there is looked at before sled is let in.

mod backward;
mod folder;
#[cfg(test)]
mod tests;

use std::{
    cell::RefCell,
    collections::VecDeque,
    convert::Infallible,
    fmt,
    io::ErrorKind,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use sled::{
    Batch, IVec, Transactional,
    transaction::{ConflictableTransactionError, TransactionError},
};

use self::folder::Folder;
use super::{
    End, Engine, EngineOptions, OpenBackend, Span, TableEdits, Wreck,
    versioned::{Change, Edited, Live, Observer, Row, Versioned},
};
use crate::{
    error::{EngineError, NetabaseError, Result, StoreError},
    seam::{Caught, Seam},
};

/// The tree that every sled store has, and that holds no table.
const DEFAULT_TREE: &[u8] = b"__sled__default";

/// A store in a sled folder.
///
/// After a failed commit or sync nothing more is read from it or written to it, and sled's own
/// handle stays open until the process ends.
pub type SledBackend = Versioned<SledEngine>;

impl SledBackend {
    /// Returns sled's own handle, for inspection.
    ///
    /// What is written through it bypasses indexes, checksums, counts and open snapshots of the
    /// store. A clone of it keeps the store open.
    #[must_use]
    pub fn db(&self) -> &sled::Db {
        &self.live().db
    }
}

impl OpenBackend for SledBackend {
    fn open(path: &Path, options: &EngineOptions) -> Result<Self> {
        SledEngine::open(path, options).map(Self::over)
    }

    fn salvage(_path: &Path) -> Result<Box<dyn Wreck>> {
        let action = "recover a damaged store";
        Err(StoreError::Unsupported {
            engine: Engine::Sled,
            action,
        }
        .into())
    }

    fn trim(&mut self) -> Result<()> {
        // sled gives back segments of its log as it goes, and has no call for it.
        Ok(())
    }
}

/// The engine of a [`SledBackend`].
pub struct SledEngine {
    db: Caught<sled::Db>,
    // After the handle: it waits until sled has let go.
    folder: Folder,
    // Set when a commit or a sync failed: sled may then hold half a commit in memory.
    failed: AtomicBool,
    // sled keeps no note of how it was closed.
    was_there: bool,
    seam: Arc<Seam>,
}

impl SledEngine {
    fn open(path: &Path, options: &EngineOptions) -> Result<Self> {
        if options.read_only {
            let action = "open a store for reading only";
            return Err(StoreError::Unsupported {
                engine: Engine::Sled,
                action,
            }
            .into());
        }
        let is_new = !folder::holds_store(path)?;
        if is_new && !options.create {
            return Err(StoreError::NotFound { path: path.into() }.into());
        }
        if is_new {
            folder::begin_anew(path)?;
        }
        let seam = Seam::new(Engine::Sled, path);
        let cache_bytes = u64::try_from(options.cache_bytes).unwrap_or(u64::MAX);
        let config = sled::Config::new()
            .path(path)
            .cache_capacity(cache_bytes)
            .flush_every_ms(None);
        let db = seam.run(|| {
            config
                .open()
                .map_err(|error| failed(path, "open the store", error))
        })?;
        let db = Caught::new(db, &seam);
        let folder = Folder::open(path, is_new)?;
        let engine = Self {
            db,
            folder,
            failed: AtomicBool::new(false),
            was_there: !is_new,
            seam,
        };
        if options.verify.is_due(!is_new) {
            engine.verify()?;
        }
        Ok(engine)
    }

    /// Reads every row: sled checks each page that it reads.
    fn verify(&self) -> Result<()> {
        self.call("verify the store", || {
            for name in self.db.tree_names() {
                for row in &self.db.open_tree(name)? {
                    row?;
                }
            }
            Ok(())
        })
    }

    #[inline]
    fn call<R>(&self, action: &'static str, call: impl FnOnce() -> sled::Result<R>) -> Result<R> {
        if self.failed.load(Ordering::Relaxed) {
            return Err(StoreError::Poisoned {
                path: self.seam.path().into(),
            }
            .into());
        }
        self.seam
            .run(|| call().map_err(|error| failed(self.seam.path(), action, error)))
    }

    /// Runs a call after whose failure nobody may look at the engine's state.
    fn call_or_fail<R>(&self, call: impl FnOnce() -> Result<R>) -> Result<R> {
        let result = call();
        if result.is_err() {
            self.failed.store(true, Ordering::Relaxed);
        }
        result
    }

    /// Opens the tree of a table that is about to be written.
    fn tree<'a>(&self, table: &'a mut SledTable, name: &str) -> Result<&'a sled::Tree> {
        let tree = match table.tree.take() {
            Some(tree) => tree,
            None => self.wrap(self.call("create a table", || self.db.open_tree(name))?),
        };
        Ok(table.tree.insert(tree))
    }

    fn wrap(&self, tree: sled::Tree) -> Caught<sled::Tree> {
        Caught::new(tree, &self.seam)
    }

    fn sync_files(&self) -> Result<()> {
        self.folder
            .sync(|| self.call("flush", || self.db.flush()).map(drop))
    }
}

impl fmt::Debug for SledEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SledEngine")
            .field("path", &self.seam.path())
            .finish_non_exhaustive()
    }
}

impl Drop for SledEngine {
    fn drop(&mut self) {
        // Nobody is left to tell; who must know calls `sync` before.
        if self.sync_files().is_err() {
            // After a failed write, sled's own drop waits for ever for that write to end.
            std::mem::forget(sled::Db::clone(&self.db));
            self.folder.abandon();
        }
    }
}

/// A table: a tree, once sled has one.
pub struct SledTable {
    tree: Option<Caught<sled::Tree>>,
}

impl Live for SledEngine {
    type Bytes = IVec;
    type Table = SledTable;
    type Cursor = Option<sled::Iter>;

    const ENGINE: Engine = Engine::Sled;
    const COUNTS: bool = false;

    fn was_unclean(&self) -> bool {
        self.was_there
    }

    fn table(&self, name: &str) -> Result<SledTable> {
        let tree = self.call("open a table", || {
            let exists = self
                .db
                .tree_names()
                .iter()
                .any(|tree| tree == name.as_bytes());
            exists.then(|| self.db.open_tree(name)).transpose()
        })?;
        Ok(SledTable {
            tree: tree.map(|tree| self.wrap(tree)),
        })
    }

    #[inline]
    fn get(&self, table: &SledTable, key: &[u8]) -> Result<Option<IVec>> {
        match &table.tree {
            Some(tree) => self.call("read a row", || tree.get(key)),
            None => Ok(None),
        }
    }

    fn chunk(
        &self,
        table: &SledTable,
        span: &Span,
        (end, limit): (End, usize),
        cursor: &mut Option<sled::Iter>,
        rows: &mut VecDeque<Row<IVec>>,
    ) -> Result<()> {
        let Some(tree) = &table.tree else {
            return Ok(());
        };
        self.call("read rows", || {
            if end == End::Back {
                // It would go on to the end that the span had before.
                *cursor = None;
                return backward::last_rows(tree, span, limit, rows);
            }
            let found = cursor.get_or_insert_with(|| tree.range::<&[u8], _>(span.as_slices()));
            for row in found.take(limit) {
                rows.push_back(row?);
            }
            Ok(())
        })
    }

    fn apply(
        &self,
        tables: &mut [SledTable],
        changes: &[Change<'_>],
        observe: Option<Observer<'_, IVec>>,
    ) -> Result<()> {
        self.call_or_fail(|| {
            for Change { place, name, .. } in changes {
                let table = tables
                    .get_mut(*place)
                    .expect("a change names a table that there is");
                self.tree(table, name)?;
            }
            let trees: Vec<&sled::Tree> = changes
                .iter()
                .filter_map(|it| tables.get(it.place)?.tree.as_deref())
                .collect();
            let before = self.call("commit", || match (&*trees, changes) {
                ([tree], [change]) => apply_one(tree, change.edits, observe.is_some()),
                _ => apply_all(&trees, changes),
            })?;
            if let Some(observe) = observe {
                tell(changes, before, observe);
            }
            Ok(())
        })
    }

    fn sync(&self) -> Result<()> {
        self.call_or_fail(|| self.sync_files())
    }

    fn table_names<'a>(
        &self,
        _opened: impl Iterator<Item = (&'a str, &'a SledTable)>,
    ) -> Result<Vec<String>> {
        let names = self.call("list the tables", || Ok(self.db.tree_names()))?;
        let names = names.iter().filter(|name| name.as_ref() != DEFAULT_TREE);
        Ok(names
            .map(|name| String::from_utf8_lossy(name).into_owned())
            .collect())
    }
}

/// Applies the edits of one tree, and returns the values from before if they are `wanted`.
fn apply_one(
    tree: &sled::Tree,
    edits: &TableEdits,
    wanted: bool,
) -> sled::Result<Vec<Option<IVec>>> {
    if edits.len() <= 1 {
        let single = edits.iter().map(|(key, value)| match value {
            Some(value) => tree.insert(key, value.as_slice()),
            None => tree.remove(key),
        });
        return single.collect();
    }
    let mut batch = Batch::default();
    let mut before = Vec::new();
    for (key, value) in edits {
        if wanted {
            before.push(tree.get(key)?);
        }
        match value {
            Some(value) => batch.insert(key.as_slice(), value.as_slice()),
            None => batch.remove(key.as_slice()),
        }
    }
    tree.apply_batch(batch)?;
    Ok(before)
}

/// Applies the edits of several trees, and returns the values from before.
fn apply_all(trees: &[&sled::Tree], changes: &[Change<'_>]) -> sled::Result<Vec<Option<IVec>>> {
    if trees.is_empty() {
        return Ok(Vec::new());
    }
    let before = RefCell::new(Vec::new());
    let applied = trees.transaction(|views| {
        let mut before = before.borrow_mut();
        // sled may run this again.
        before.clear();
        for (view, change) in views.iter().zip(changes) {
            for (key, value) in change.edits {
                before.push(match value {
                    Some(value) => view.insert(key.as_slice(), value.as_slice())?,
                    None => view.remove(key.as_slice())?,
                });
            }
        }
        Ok::<_, ConflictableTransactionError<Infallible>>(())
    });
    match applied {
        Ok(()) => Ok(before.into_inner()),
        Err(TransactionError::Storage(error)) => Err(error),
        Err(TransactionError::Abort(never)) => match never {},
    }
}

fn tell(changes: &[Change<'_>], before: Vec<Option<IVec>>, observe: Observer<'_, IVec>) {
    let edits = changes
        .iter()
        .flat_map(|it| it.edits.iter().map(|edit| (it.place, edit)));
    for ((place, (key, value)), before) in edits.zip(before) {
        observe(Edited {
            place,
            key,
            before,
            stored: value.is_some(),
        });
    }
}

/// Says what a failure of sled means for the store at `path`.
fn failed(path: &Path, action: &'static str, error: sled::Error) -> NetabaseError {
    let path = path.to_path_buf();
    match error {
        sled::Error::Io(source) if source.to_string().starts_with("could not acquire lock") => {
            StoreError::Locked { path }.into()
        }
        sled::Error::Io(source) => match source.kind() {
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                StoreError::ReadOnly { path }.into()
            }
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                StoreError::Full { path, source }.into()
            }
            _ => other(action, sled::Error::Io(source)),
        },
        sled::Error::Corruption { .. } => StoreError::Damaged {
            engine: Engine::Sled,
            path,
            what: error.to_string(),
        }
        .into(),
        _ => other(action, error),
    }
}

fn other(action: &'static str, error: sled::Error) -> NetabaseError {
    NetabaseError::Sled(EngineError {
        engine: Engine::Sled,
        action,
        source: Box::new(error),
    })
}
