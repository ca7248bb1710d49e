//! Who is in: an engine is open while somebody works with it, and is shared by all of a process.

use std::{
    marker::PhantomData,
    path::Path,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak},
    thread::{self, ThreadId},
    time::{Duration, Instant},
};

use netabase_store::{MemoryStore, NetabaseError, StoreError};

use super::{
    engine::{Engine, Files, can_share},
    lock::{Lock, LockId},
};
use crate::store::{Error, Result};

/// How long operations of a process may overlap before it lets others have their turn.
const TURN: Duration = Duration::from_millis(200);

/// How long who comes anew waits for those who are in to leave, so that others get their turn.
const GIVE_WAY: Duration = Duration::from_millis(100);

/// The gates of this process by the files of their locks: a lock excludes other handles of its own
/// process too, so that two gates to one directory could wait for each other.
static GATES: Mutex<Vec<(LockId, Weak<Gate>)>> = Mutex::new(Vec::new());

/// What somebody comes for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To read, and to write nothing whatever happens.
    ReadOnly,
    /// To read. What a crash left is mended first.
    Read,
    /// To write.
    Write,
}

/// The way to an engine.
#[derive(Debug)]
pub(super) struct Gate {
    /// None in memory, where the engine is always open.
    pub(super) files: Option<Files>,
    /// None in memory, and where the directory may only be read and was never written.
    pub(super) lock: Option<Lock>,
    pub(super) state: Mutex<State>,
    pub(super) changed: Condvar,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) engine: Option<Arc<Engine>>,
    pub(super) writable: bool,
    /// The threads of those who are in, once for each time.
    pub(super) inside: Vec<ThreadId>,
    /// How many of them came to stay.
    staying: usize,
    /// When the engine was opened.
    opened: Option<Instant>,
    /// How many wait to write while others read.
    writers_waiting: usize,
    /// How many handles there are.
    pub(super) handles: usize,
    /// Since when nobody works with an engine that is open.
    pub(super) idle_since: Option<Instant>,
    /// Whether a thread is there that closes it.
    pub(super) has_closer: bool,
}

/// Keeps the engine open.
#[derive(Debug)]
pub(super) struct Pass {
    gate: Arc<Gate>,
    engine: Option<Arc<Engine>>,
    thread: ThreadId,
    stays: bool,
}

/// Keeps a database open, so that operations on it need not open it each time.
///
/// Meanwhile other processes wait: those that want to write, and where this one may write, all. It
/// belongs to the thread that made it.
#[derive(Debug)]
#[must_use = "it keeps the database open until it is dropped"]
pub struct Hold {
    _pass: Pass,
    // The gate knows by thread who would wait for itself.
    stays_on_thread: PhantomData<*const ()>,
}

impl Gate {
    /// Returns the way to an engine in memory.
    pub(super) fn memory() -> Arc<Self> {
        let state = State {
            engine: Some(Arc::new(Engine::Memory(MemoryStore::new()))),
            writable: true,
            ..State::default()
        };
        Arc::new(Self {
            files: None,
            lock: None,
            state: Mutex::new(state),
            changed: Condvar::new(),
        })
    }

    /// Returns the way to the files of a directory: the one that this process has, if it has one.
    pub(super) fn files(files: Files, read_only: bool) -> Result<Arc<Self>> {
        let Some(lock) = Lock::open(&files.dir, read_only)? else {
            return Ok(Self::new(files, None));
        };
        let id = lock.id()?;
        let mut gates = locked(&GATES);
        gates.retain(|(_, gate)| gate.strong_count() > 0);
        let found = gates.iter().find(|(known, _)| *known == id);
        if let Some(gate) = found.and_then(|(_, gate)| gate.upgrade()) {
            return Ok(gate);
        }
        let gate = Self::new(files, Some(lock));
        gates.push((id, Arc::downgrade(&gate)));
        Ok(gate)
    }

    fn new(files: Files, lock: Option<Lock>) -> Arc<Self> {
        Arc::new(Self {
            files: Some(files),
            lock,
            state: Mutex::default(),
            changed: Condvar::new(),
        })
    }

    /// Waits until the engine is open for the purpose, and keeps it so.
    ///
    /// Whoever is in comes in again for as much without waiting. Who reads and wants to write would
    /// wait for itself: that is an error.
    pub(super) fn enter(self: &Arc<Self>, purpose: Purpose, wait: bool) -> Result<Pass> {
        self.enter_for(purpose, wait, false)
    }

    /// As [`enter`](Self::enter), to stay: meanwhile others need not give way.
    pub(super) fn enter_to_stay(self: &Arc<Self>, purpose: Purpose, wait: bool) -> Result<Pass> {
        self.enter_for(purpose, wait, true)
    }

    fn enter_for(self: &Arc<Self>, purpose: Purpose, wait: bool, stays: bool) -> Result<Pass> {
        let thread = thread::current().id();
        let writes = purpose == Purpose::Write;
        let mut state = locked(&self.state);
        let mut gives_way = wait && !state.inside.contains(&thread);
        let engine = loop {
            self.resume(&mut state, writes);
            match &state.engine {
                // A writer that is about to wake up would find readers in again, time after time.
                None if !writes && gives_way && state.writers_waiting > 0 => {
                    gives_way = false;
                    state = self.give_way(state);
                }
                None => break self.open(&mut state, purpose, wait)?,
                Some(engine) if state.writable || !writes => {
                    if !gives_way || !self.is_awaited(&state) {
                        break Arc::clone(engine);
                    }
                    // Once, and not for ever: those who are in may wait for this thread.
                    gives_way = false;
                    state = self.give_way(state);
                }
                Some(_) if state.inside.contains(&thread) => {
                    return Err(NetabaseError::from(StoreError::WouldDeadlock).into());
                }
                Some(_) if !wait => return Err(self.busy()),
                Some(_) => {
                    state.writers_waiting += 1;
                    let woken = self.changed.wait(state);
                    state = woken.unwrap_or_else(PoisonError::into_inner);
                    state.writers_waiting -= 1;
                }
            }
        };
        state.idle_since = None;
        state.inside.push(thread);
        state.staying += usize::from(stays);
        Ok(Pass {
            gate: Arc::clone(self),
            engine: Some(engine),
            thread,
            stays,
        })
    }

    fn give_way<'s>(&self, state: MutexGuard<'s, State>) -> MutexGuard<'s, State> {
        let woken = self.changed.wait_timeout(state, GIVE_WAY);
        woken.unwrap_or_else(PoisonError::into_inner).0
    }

    fn open(&self, state: &mut State, purpose: Purpose, wait: bool) -> Result<Arc<Engine>> {
        let Some(files) = &self.files else {
            return Err(self.busy());
        };
        let (engine, writable) = match purpose {
            Purpose::Write => (self.open_to_write(files, wait)?, true),
            Purpose::ReadOnly => self.open_to_read(files, wait)?,
            Purpose::Read => match self.open_to_read(files, wait) {
                Ok(opened) => opened,
                Err(Error::Database(error)) if can_be_mended(&error) => {
                    let opened = self.open_to_write(files, wait);
                    // Where there was a store, why it could not be read says more.
                    let opened = opened.map_err(|other| match error.is_not_found() {
                        true => other,
                        false => Error::Database(error),
                    });
                    (opened?, true)
                }
                Err(error) => return Err(error),
            },
        };
        let engine = Arc::new(engine);
        state.engine = Some(Arc::clone(&engine));
        state.writable = writable;
        state.opened = Some(Instant::now());
        Ok(engine)
    }

    fn open_to_write(&self, files: &Files, wait: bool) -> Result<Engine> {
        self.under_lock(false, wait, || files.open())
    }

    /// Opens the store for reading; says also whether it is open for writing all the same.
    fn open_to_read(&self, files: &Files, wait: bool) -> Result<(Engine, bool)> {
        let shared = can_share(files.kind()?);
        let engine = self.under_lock(shared, wait, || files.open_to_read())?;
        Ok((engine, !shared))
    }

    fn under_lock(
        &self,
        shared: bool,
        wait: bool,
        open: impl FnOnce() -> Result<Engine>,
    ) -> Result<Engine> {
        let Some(lock) = &self.lock else {
            return open();
        };
        lock.take(shared, wait)?;
        let opened = open();
        if opened.is_err() {
            lock.leave()?;
        }
        opened
    }

    fn busy(&self) -> Error {
        let dir = self.files.as_ref().map(|files| files.dir.as_path());
        Error::Busy {
            dir: dir.unwrap_or(Path::new("")).to_owned(),
            holder: Some(std::process::id()),
        }
    }

    /// Whether somebody waits for those who are in to leave: a writer of this process, or another
    /// process when their turn has been long.
    fn is_awaited(&self, state: &State) -> bool {
        let is_long = |opened: Instant| opened.elapsed() > TURN;
        let others = state.staying == 0
            && state.opened.is_some_and(is_long)
            && self.lock.as_ref().is_some_and(Lock::is_awaited);
        !state.inside.is_empty() && (others || state.has_writers_waiting())
    }

    fn leave(self: &Arc<Self>, thread: ThreadId, engine: Option<Arc<Engine>>, stayed: bool) {
        let mut state = locked(&self.state);
        drop(engine);
        state.staying -= usize::from(stayed);
        if let Some(place) = state.inside.iter().position(|inside| *inside == thread) {
            state.inside.swap_remove(place);
        }
        if state.inside.is_empty() {
            self.rest(&mut state);
        }
        drop(state);
        self.changed.notify_all();
    }
}

impl State {
    /// Whether writers wait for an engine that can only be read to be closed.
    pub(super) fn has_writers_waiting(&self) -> bool {
        self.writers_waiting > 0 && !self.writable
    }
}

impl Pass {
    pub(super) fn engine(&self) -> &Engine {
        let engine = self.engine.as_deref();
        engine.expect("it is taken when the pass is dropped, and not before")
    }

    pub(super) fn into_hold(self) -> Hold {
        Hold {
            _pass: self,
            stays_on_thread: PhantomData,
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let engine = self.engine.take();
        self.gate.leave(self.thread, engine, self.stays);
    }
}

/// Whether a store that cannot be read may be after the engine that writes has opened it: one that a
/// crash left open, one of an older version, or none. Damage it is better not to write over.
fn can_be_mended(error: &NetabaseError) -> bool {
    !error.is_locked() && !error.is_corrupt() && !error.is_newer_format()
}

/// What a panic left here is whole: nothing panics between two steps of a change.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
