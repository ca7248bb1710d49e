//! A disk in memory that keeps a record of what redb does, and fails or lies when told to.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use netabase_store::{
    NetabaseDefinitionTrait, RedbStore, Result, Store, StoreOptions, Verify,
    backends::{EngineOptions, redb::RedbBackend},
};
use redb::StorageBackend;

use crate::{
    image::Image,
    lies::{self, Lies},
    plant::Plant,
};

/// How many bytes of pages redb keeps over a simulated disk.
const CACHE_BYTES: usize = 1 << 20;

/// A disk that its clones share.
#[derive(Debug, Clone, Default)]
pub struct Disk {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    image: Image,
    log: Option<Vec<Operation>>,
    calls: u64,
    changes: u64,
    syncs: u64,
    fault: Option<Fault>,
    sync_time: Duration,
    is_uncached: bool,
    lies: Lies,
}

/// What was done to a disk, in order.
#[derive(Debug, Clone)]
pub enum Operation {
    /// Bytes were written from an offset on.
    Write(usize, Arc<[u8]>),
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
    pub fn apply(&self, image: &mut Image) {
        match self {
            Self::Write(start, data) => image.write(*start, data),
            Self::SetLen(len) => image.resize(*len),
            Self::Sync | Self::Mark(_) | Self::Acknowledged(_) => {}
        }
    }

    /// Returns whether it changes bytes that a sync has to bring to the platter.
    #[must_use]
    pub fn is_change(&self) -> bool {
        matches!(self, Self::Write(..) | Self::SetLen(_))
    }
}

/// How far a test had come: how many commits were acknowledged as durable, how many as visible.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Commits that were acknowledged as durable.
    pub durable: usize,
    /// Commits that others could see.
    pub visible: usize,
}

/// When calls of a disk fail, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// The first call that fails, counted from 0.
    pub at: u64,
    /// Whether all later ones fail too.
    pub lasts: bool,
    /// Whether reads are counted and fail as well, or only what changes the disk.
    pub reads: bool,
    /// What goes wrong.
    pub kind: FaultKind,
}

/// What an operating system reports of a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// `EIO`.
    Broken,
    /// `ENOSPC`.
    Full,
    /// `EINTR`.
    Interrupted,
    /// `EMFILE`.
    TooManyFiles,
    /// Half of a write is done before it fails; other calls fail as broken ones.
    Short,
}

impl FaultKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::Broken,
        Self::Full,
        Self::Interrupted,
        Self::TooManyFiles,
        Self::Short,
    ];

    /// Returns the error that it shows as, by the numbers of Linux.
    #[must_use]
    pub fn error(self) -> io::Error {
        match self {
            Self::Broken => io::Error::from_raw_os_error(5),
            Self::Full => io::Error::from_raw_os_error(28),
            Self::Interrupted => io::Error::from_raw_os_error(4),
            Self::TooManyFiles => io::Error::from_raw_os_error(24),
            Self::Short => io::ErrorKind::WriteZero.into(),
        }
    }
}

impl Disk {
    /// Returns a disk that holds an image.
    #[must_use]
    pub fn of(image: Image) -> Self {
        let disk = Self::default();
        disk.state().image = image;
        disk
    }

    /// Returns a disk that records what is done to it.
    #[must_use]
    pub fn recording() -> Self {
        Self::default().recorded()
    }

    /// Begins to record what is done to the disk.
    #[must_use]
    pub fn recorded(self) -> Self {
        self.state().log = Some(Vec::new());
        self
    }

    /// Returns a disk of which calls fail.
    #[must_use]
    pub fn failing(fault: Fault) -> Self {
        Self::default().with_fault(Some(fault))
    }

    /// Sets which calls fail from now on; they are counted from the disk's first.
    #[must_use]
    pub fn with_fault(self, fault: Option<Fault>) -> Self {
        self.state().fault = fault;
        self
    }

    /// Returns a disk that records what is done to it, and whose syncs take some time.
    #[must_use]
    pub fn slow(sync_time: Duration) -> Self {
        let disk = Self::recording();
        disk.state().sync_time = sync_time;
        disk
    }

    /// Has redb read the disk each time, not its own memory, if `is_uncached`.
    #[must_use]
    pub fn uncached(self, is_uncached: bool) -> Self {
        self.state().is_uncached = is_uncached;
        self
    }

    /// Plants a bug in the disk, if it is one of a disk.
    #[must_use]
    pub fn planted(self, plant: Option<Plant>) -> Self {
        self.state().lies = Lies::new(plant);
        self
    }

    /// Opens redb on the disk, after it has checked every page if `verify` says so.
    ///
    /// # Errors
    /// Fails when redb does.
    pub fn engine(&self, verify: bool) -> Result<RedbBackend> {
        let mut engine = EngineOptions::default();
        engine.cache_bytes = if self.state().is_uncached {
            0
        } else {
            CACHE_BYTES
        };
        engine.verify = if verify { Verify::Always } else { Verify::None };
        RedbBackend::with_storage(self.clone(), &engine)
    }

    /// Opens the store on the disk, or makes one.
    ///
    /// # Errors
    /// Fails when the store cannot be opened.
    pub fn open<D: NetabaseDefinitionTrait>(&self, options: &StoreOptions) -> Result<RedbStore<D>> {
        Store::with_backend(self.engine(false)?, options)
    }

    /// Returns what a program would read now.
    #[must_use]
    pub fn image(&self) -> Image {
        self.state().image.clone()
    }

    /// Returns how many times the disk has been called.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.state().calls
    }

    /// Returns how many times the disk has been changed or synced.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.state().changes
    }

    /// Returns how many syncs there were.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.state().syncs
    }

    /// Notes something of the test in the record.
    pub fn note(&self, note: Operation) {
        if let Some(log) = &mut self.state().log {
            log.push(note);
        }
    }

    /// Returns what is left when the power fails now and nothing more reaches the platter.
    #[must_use]
    pub fn synced_image(&self) -> Image {
        synced(self.state().log.as_deref().unwrap_or_default())
    }

    /// Takes the record.
    #[must_use]
    pub fn take_log(&self) -> Vec<Operation> {
        self.state().log.take().unwrap_or_default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Counts a call, and returns how it fails, if it does.
    fn call(&mut self, is_change: bool) -> Option<FaultKind> {
        let number = match self.fault {
            Some(fault) if fault.reads => self.calls,
            _ => self.changes,
        };
        self.calls += 1;
        self.changes += u64::from(is_change);
        let fault = self.fault.filter(|fault| is_change || fault.reads)?;
        let is_due = if fault.lasts {
            number >= fault.at
        } else {
            number == fault.at
        };
        is_due.then_some(fault.kind)
    }

    fn record(&mut self, operation: Operation) {
        if let Some(log) = &mut self.log {
            self.lies.record(log, operation);
        }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        let mut state = self.state();
        match state.call(false) {
            Some(kind) => Err(kind.error()),
            None => Ok(u64::try_from(state.image.len()).expect("it is in memory")),
        }
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut state = self.state();
        if let Some(kind) = state.call(false) {
            return Err(kind.error());
        }
        let start = usize::try_from(offset).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        if !state.image.read(start, out) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        state.lies.read(start, out);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let len = usize::try_from(len).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let mut state = self.state();
        if let Some(kind) = state.call(true) {
            return state.lies.told(kind, lies::Call::SetLen);
        }
        state.record(Operation::SetLen(len));
        state.image.resize(len);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.state();
        if let Some(kind) = state.call(true) {
            return state.lies.told(kind, lies::Call::Sync);
        }
        state.record(Operation::Sync);
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
        let failed = state.call(true);
        let data = match failed {
            Some(FaultKind::Short) => data.get(..data.len() / 2).unwrap_or_default(),
            Some(_) => &[],
            None => data,
        };
        if !data.is_empty() {
            let State { image, lies, .. } = &mut *state;
            lies.written(image, start);
            state.record(Operation::Write(start, data.into()));
            state.image.write(start, data);
        }
        match failed {
            Some(kind) => state.lies.told(kind, lies::Call::Write),
            None => Ok(()),
        }
    }
}

/// Returns what is on the platter for certain after these operations.
#[must_use]
pub fn synced(log: &[Operation]) -> Image {
    let last = log
        .iter()
        .rposition(|operation| matches!(operation, Operation::Sync));
    let mut image = Image::default();
    let durable = log.get(..last.unwrap_or(0)).unwrap_or_default();
    durable
        .iter()
        .for_each(|operation| operation.apply(&mut image));
    image
}
