//! What the handles of a store share: its engine, its layout, its writer and its cached snapshot.

use std::{
    path::PathBuf,
    sync::{Arc, PoisonError, atomic::Ordering},
};

use tempfile::TempDir;

#[cfg(test)]
use crate::schedules::{Bug, planted};
use crate::{
    backends::{Backend, WriteSet},
    background::Background,
    error::{Result, StoreError},
    group::Group,
    reader::Reader,
    tables::Layout,
    threads::{AtomicBool, Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard},
    txn::WriteCore,
    writer::{SyncGroup, Writer, WriterGuard, locked},
};

/// What a commit promises when it returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Durability {
    /// It is on disk.
    #[default]
    Immediate,
    /// It is visible; a sync follows within 500 ms, on `flush` and on close.
    Eventual,
    /// It is visible; it reaches the disk with the next durable commit, on `flush` or on close.
    None,
}

/// The shared part of every handle of a store.
pub struct Inner<B: Backend> {
    pub(crate) layout: Layout,
    pub(crate) durability: Durability,
    pub(crate) path: PathBuf,
    read_only: bool,
    cached: RwLock<Cached<B>>,
    pub(crate) writer: Arc<Writer>,
    pub(crate) group: Group<B>,
    background: Mutex<Option<Background>>,
    core: Arc<Core<B>>,
    /// There is one open record store at most.
    #[cfg(feature = "libp2p")]
    pub(crate) records: Mutex<crate::records::OpenRecords<B>>,
    // Last: the folder is removed after the engine has closed its files.
    _folder: Option<TempDir>,
}

/// The engine, and how far its commits are on disk: what the background sync needs.
struct Core<B> {
    backend: B,
    path: PathBuf,
    syncs: SyncGroup,
    failed: AtomicBool,
}

/// The snapshot that single reads share, until the next commit.
struct Cached<B: Backend> {
    snapshot: Option<Arc<B::Snapshot>>,
    generation: u64,
}

impl<B: Backend> Inner<B> {
    pub(crate) fn new(backend: B, layout: Layout, settings: Settings) -> Arc<Self> {
        let Settings {
            durability,
            path,
            read_only,
            folder,
        } = settings;
        Arc::new(Self {
            layout,
            durability,
            path: path.clone(),
            read_only,
            cached: RwLock::new(Cached {
                snapshot: None,
                generation: 0,
            }),
            writer: Arc::default(),
            group: Group::default(),
            background: Mutex::new(None),
            core: Arc::new(Core {
                backend,
                path,
                syncs: SyncGroup::default(),
                failed: AtomicBool::new(false),
            }),
            #[cfg(feature = "libp2p")]
            records: Mutex::default(),
            _folder: folder,
        })
    }

    pub(crate) fn backend(&self) -> &B {
        &self.core.backend
    }

    /// Returns a view of the last commit, shared with others who read the same.
    #[inline]
    pub(crate) fn snapshot(&self) -> Result<Arc<B::Snapshot>> {
        let cached = self.read_cached();
        if let Some(snapshot) = &cached.snapshot {
            return Ok(Arc::clone(snapshot));
        }
        let generation = cached.generation;
        drop(cached);
        self.fresh_snapshot(generation)
    }

    #[cold]
    fn fresh_snapshot(&self, generation: u64) -> Result<Arc<B::Snapshot>> {
        let snapshot = Arc::new(self.core.backend.snapshot(&self.layout.tables)?);
        let mut cached = self.write_cached();
        // A commit that came between makes this snapshot old for the next reader.
        let is_latest = cached.generation == generation;
        #[cfg(test)]
        let is_latest = is_latest || planted(Bug::OldSnapshotKept);
        if is_latest {
            cached.snapshot = Some(Arc::clone(&snapshot));
        }
        Ok(snapshot)
    }

    pub(crate) fn reader(&self) -> Result<Reader<B>> {
        Ok(Reader::new(self.snapshot()?))
    }

    /// Waits for the writer's turn and begins to write.
    pub(crate) fn begin(self: &Arc<Self>) -> Result<WriteCore<B>> {
        self.check_writable()?;
        let guard = self.writer.lock()?;
        self.check_writable()?;
        let base = self.snapshot()?;
        Ok(WriteCore::new(Arc::clone(self), base, guard))
    }

    pub(crate) fn check_writable(&self) -> Result<()> {
        if self.read_only {
            return Err(StoreError::ReadOnly {
                path: self.path.clone(),
            }
            .into());
        }
        if self.core.failed.load(Ordering::Acquire) {
            return Err(self.core.poisoned().into());
        }
        Ok(())
    }

    /// Applies a write set as one commit.
    pub(crate) fn commit(
        self: &Arc<Self>,
        set: WriteSet,
        durability: Durability,
        guard: WriterGuard,
    ) -> Result<()> {
        let core = &self.core;
        if set.tables.is_empty() {
            drop(guard);
            return if durability == Durability::Immediate {
                core.flush()
            } else {
                Ok(())
            };
        }
        let sync = durability == Durability::Immediate && !guard.is_awaited();
        let number = self.apply(set, sync)?;
        drop(guard);
        match durability {
            Durability::Immediate => core.wait_for(number),
            Durability::Eventual => self.sync_soon(),
            Durability::None => Ok(()),
        }
    }

    /// Has the engine make a write set visible, and returns the number of the commit. The caller
    /// holds the writer's lock.
    pub(crate) fn apply(&self, set: WriteSet, sync: bool) -> Result<u64> {
        let core = &self.core;
        // The engine need not keep what only the shared snapshot would see.
        self.forget_snapshot();
        let applied = core.backend.apply(&self.layout.tables, set, sync);
        self.forget_snapshot();
        if let Err(error) = applied {
            core.failed.store(true, Ordering::Release);
            return Err(error);
        }
        let number = core.syncs.applied();
        if sync {
            core.syncs.all_synced();
        }
        Ok(number)
    }

    pub(crate) fn poisoned(&self) -> StoreError {
        self.core.poisoned()
    }

    /// Brings every visible commit to disk.
    pub(crate) fn flush(&self) -> Result<()> {
        self.core.flush()
    }

    pub(crate) fn sync_soon(&self) -> Result<()> {
        let mut background = locked(&self.background);
        if background.is_none() {
            let core = Arc::clone(&self.core);
            // A failure poisons the handle, which its next writer hears.
            let started = Background::start(move || drop(core.flush()));
            *background = Some(started.map_err(|source| StoreError::Io {
                action: "start the background sync of",
                path: self.path.clone(),
                source,
            })?);
        }
        if let Some(background) = &*background {
            background.wake();
        }
        Ok(())
    }

    fn forget_snapshot(&self) {
        let mut cached = self.write_cached();
        cached.generation += 1;
        let old = cached.snapshot.take();
        drop(cached);
        drop(old);
    }

    fn read_cached(&self) -> RwLockReadGuard<'_, Cached<B>> {
        self.cached.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_cached(&self) -> RwLockWriteGuard<'_, Cached<B>> {
        self.cached.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<B: Backend> Core<B> {
    fn flush(&self) -> Result<()> {
        self.wait_for(self.syncs.last())
    }

    fn wait_for(&self, number: u64) -> Result<()> {
        let synced = self
            .syncs
            .wait_for(number, || self.backend.sync(), || self.poisoned());
        if synced.is_err() {
            self.failed.store(true, Ordering::Release);
        }
        synced
    }

    fn poisoned(&self) -> StoreError {
        StoreError::Poisoned {
            path: self.path.clone(),
        }
    }
}

impl<B: Backend> Drop for Inner<B> {
    fn drop(&mut self) {
        // Ends and joins the thread, so that the engine closes with this handle.
        drop(locked(&self.background).take());
        self.forget_snapshot();
        if !self.core.failed.load(Ordering::Acquire) {
            // Nobody is left to hear of a failure; `flush` is for those who want to.
            drop(self.core.flush());
        }
    }
}

/// How a store is used, beside its engine and layout.
#[derive(Default)]
pub(crate) struct Settings {
    pub(crate) durability: Durability,
    pub(crate) path: PathBuf,
    pub(crate) read_only: bool,
    pub(crate) folder: Option<TempDir>,
}
