//! A disk in memory that redb writes to, and that fails or stands still when told to.

use std::{
    io,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use netabase_store::{
    RedbStore, Result, Store, StoreOptions,
    backends::{EngineOptions, redb::RedbBackend},
};
use record_store_tests::NotesDefinition;
use redb::StorageBackend;

/// A disk that its clones share.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    bytes: Arc<Mutex<Vec<u8>>>,
    synced: Arc<Mutex<Vec<u8>>>,
    is_failing: Arc<AtomicBool>,
    syncs: Arc<AtomicU64>,
    gate: Arc<Gate>,
}

/// What syncs wait at while it is shut.
#[derive(Debug, Default)]
struct Gate {
    is_shut: Mutex<bool>,
    waiting: AtomicU64,
    opened: Condvar,
}

impl Gate {
    fn pass(&self) {
        let is_shut = held(&self.is_shut);
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let passed = self.opened.wait_while(is_shut, |is_shut| *is_shut);
        drop(passed.unwrap_or_else(PoisonError::into_inner));
        self.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A disk whose syncs do not end as long as this is there.
pub(crate) struct Still(Arc<Gate>);

impl Still {
    /// Returns whether a sync has begun that cannot end.
    pub(crate) fn holds_a_sync(&self) -> bool {
        self.0.waiting.load(Ordering::SeqCst) > 0
    }
}

impl Drop for Still {
    fn drop(&mut self) {
        *held(&self.0.is_shut) = false;
        self.0.opened.notify_all();
    }
}

impl Disk {
    /// Returns a disk on which is what had reached the platter of another.
    pub(crate) fn after_power_cut(of: &Self) -> Self {
        let disk = Self::default();
        disk.bytes().clone_from(&held(&of.synced));
        disk
    }

    /// Opens the store on the disk, or makes one.
    pub(crate) fn open(&self) -> Result<RedbStore<NotesDefinition>> {
        let mut engine = EngineOptions::default();
        engine.cache_bytes = 1 << 20;
        let backend = RedbBackend::with_storage(self.clone(), &engine)?;
        Store::with_backend(backend, &StoreOptions::new())
    }

    /// Has every change fail from now on.
    pub(crate) fn fail(&self) {
        self.is_failing.store(true, Ordering::SeqCst);
    }

    /// Has every sync wait from now on, until what is returned is dropped.
    pub(crate) fn stand_still(&self) -> Still {
        *held(&self.gate.is_shut) = true;
        Still(Arc::clone(&self.gate))
    }

    /// Returns how many syncs there were.
    pub(crate) fn syncs(&self) -> u64 {
        self.syncs.load(Ordering::SeqCst)
    }

    fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        held(&self.bytes)
    }

    fn check(&self) -> io::Result<()> {
        if self.is_failing.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }
}

fn held<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

fn place(at: u64) -> io::Result<usize> {
    usize::try_from(at).map_err(|_| io::ErrorKind::FileTooLarge.into())
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(u64::try_from(self.bytes().len()).unwrap_or(u64::MAX))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let (bytes, start) = (self.bytes(), place(offset)?);
        let found = bytes.get(start..start + out.len());
        out.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.check()?;
        self.bytes().resize(place(len)?, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.gate.pass();
        self.check()?;
        held(&self.synced).clone_from(&self.bytes());
        self.syncs.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.check()?;
        let (mut bytes, start) = (self.bytes(), place(offset)?);
        if bytes.len() < start + data.len() {
            bytes.resize(start + data.len(), 0);
        }
        bytes[start..start + data.len()].copy_from_slice(data);
        Ok(())
    }
}
