//! A disk in memory that keeps a record of what redb does, fails when told to, and loses power.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use netabase_store::{
    RedbStore, Result, Store, StoreOptions,
    backends::{EngineOptions, redb::RedbBackend},
};
use netabase_tests::ShopDefinition;
use redb::StorageBackend;

/// A disk that its clones share.
#[derive(Debug, Clone, Default)]
pub(crate) struct Disk {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    bytes: Vec<u8>,
    log: Option<Vec<Operation>>,
    changes: u64,
    syncs: u64,
    fault: Option<Fault>,
    sync_time: Duration,
}

/// What was done to a disk, in order.
#[derive(Debug, Clone)]
pub(crate) enum Operation {
    /// Bytes were written.
    Write(usize, Vec<u8>),
    /// The length was set.
    SetLen(usize),
    /// Everything before is on the platter.
    Sync,
    /// The test noted how far it had come.
    Mark(Progress),
    /// The test was told that a record is durable.
    Acknowledged(u64),
}

impl Operation {
    /// Does it to an image.
    pub(crate) fn apply(&self, image: &mut Vec<u8>) {
        match self {
            Self::Write(start, data) => write(image, *start, data),
            Self::SetLen(len) => image.resize(*len, 0),
            Self::Sync | Self::Mark(_) | Self::Acknowledged(_) => {}
        }
    }
}

/// How far a test had come: how many commits were acknowledged as durable, how many as visible.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    pub(crate) durable: usize,
    pub(crate) visible: usize,
}

/// When changes of a disk fail, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fault {
    /// The first change that fails, counted from 0.
    pub(crate) at: u64,
    /// Whether all later ones fail too.
    pub(crate) lasts: bool,
    /// What the operating system reports.
    pub(crate) kind: io::ErrorKind,
}

impl Disk {
    /// Returns a disk with these bytes on it.
    pub(crate) fn of(bytes: Vec<u8>) -> Self {
        let disk = Self::default();
        disk.state().bytes = bytes;
        disk
    }

    /// Returns a disk that records what is done to it.
    pub(crate) fn recording() -> Self {
        let disk = Self::default();
        disk.state().log = Some(Vec::new());
        disk
    }

    /// Returns a disk on which a change fails.
    pub(crate) fn failing(fault: Fault) -> Self {
        let disk = Self::default();
        disk.state().fault = Some(fault);
        disk
    }

    /// Returns a disk that records what is done to it, and whose syncs take some time.
    pub(crate) fn slow(sync_time: Duration) -> Self {
        let disk = Self::recording();
        disk.state().sync_time = sync_time;
        disk
    }

    /// Opens the store on the disk, or makes one.
    pub(crate) fn open(&self, options: &StoreOptions) -> Result<RedbStore<ShopDefinition>> {
        self.open_checked(options, false)
    }

    /// Opens the store, after redb has checked every page if `verify` says so.
    pub(crate) fn open_checked(
        &self,
        options: &StoreOptions,
        verify: bool,
    ) -> Result<RedbStore<ShopDefinition>> {
        let mut engine = EngineOptions::default();
        engine.cache_bytes = 1 << 20;
        engine.verify = verify;
        Store::with_backend(RedbBackend::with_storage(self.clone(), &engine)?, options)
    }

    /// Returns what a program would read now.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.state().bytes.clone()
    }

    /// Returns how many times the disk has been changed or synced.
    pub(crate) fn changes(&self) -> u64 {
        self.state().changes
    }

    /// Returns how many syncs there were.
    pub(crate) fn syncs(&self) -> u64 {
        self.state().syncs
    }

    /// Notes something of the test in the record.
    pub(crate) fn note(&self, note: Operation) {
        if let Some(log) = &mut self.state().log {
            log.push(note);
        }
    }

    /// Returns what is left when the power fails now and nothing more reaches the platter.
    pub(crate) fn synced_bytes(&self) -> Vec<u8> {
        synced(self.state().log.as_deref().unwrap_or_default())
    }

    /// Takes the record.
    pub(crate) fn take_log(&self) -> Vec<Operation> {
        self.state().log.take().unwrap_or_default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Counts a change, or fails it.
    fn change(&mut self, operation: impl FnOnce() -> Operation) -> io::Result<()> {
        let number = self.changes;
        self.changes += 1;
        let fault = self.fault.filter(|fault| {
            if fault.lasts {
                number >= fault.at
            } else {
                number == fault.at
            }
        });
        if let Some(fault) = fault {
            return Err(fault.kind.into());
        }
        if let Some(log) = &mut self.log {
            log.push(operation());
        }
        Ok(())
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(u64::try_from(self.state().bytes.len()).expect("it is in memory"))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.state();
        let found = usize::try_from(offset)
            .ok()
            .and_then(|start| state.bytes.get(start..start.checked_add(out.len())?));
        out.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let len = usize::try_from(len).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let mut state = self.state();
        state.change(|| Operation::SetLen(len))?;
        state.bytes.resize(len, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.state();
        state.change(|| Operation::Sync)?;
        state.syncs += 1;
        let time = state.sync_time;
        drop(state);
        if !time.is_zero() {
            // The time that a real disk takes.
            thread::sleep(time);
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let mut state = self.state();
        state.change(|| Operation::Write(start, data.to_vec()))?;
        write(&mut state.bytes, start, data);
        Ok(())
    }
}

/// Returns what is on the platter for certain after these operations.
pub(crate) fn synced(log: &[Operation]) -> Vec<u8> {
    let last = log
        .iter()
        .rposition(|operation| matches!(operation, Operation::Sync));
    let mut image = Vec::new();
    log[..last.unwrap_or(0)]
        .iter()
        .for_each(|operation| operation.apply(&mut image));
    image
}

/// Writes into an image, which grows where it has to.
pub(crate) fn write(image: &mut Vec<u8>, start: usize, data: &[u8]) {
    if image.len() < start + data.len() {
        image.resize(start + data.len(), 0);
    }
    image[start..start + data.len()].copy_from_slice(data);
}
