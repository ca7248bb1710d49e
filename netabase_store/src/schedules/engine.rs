//! An engine in memory that other tasks may interrupt, that remembers what is on disk, and that fails
//! where it is told to.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, MutexGuard, PoisonError},
    time::Duration,
};

use shuttle::rand::{Rng, thread_rng};

use crate::{
    backends::{Backend, Engine, TableId, TableSet, WriteSet, memory::MemoryBackend},
    error::{Result, StoreError},
    inner::{Durability, Inner, Settings},
    schema::{DefinitionSchema, ModelSchema, Shape},
    tables::Layout,
    threads::{Condvar, Mutex},
    writer::locked,
};

/// The only model of the stores here.
pub(crate) const MODEL: &str = "Row";

/// Opens an engine as a store of one model without indexes.
pub(crate) fn open<B: Backend>(backend: B, durability: Durability) -> Arc<Inner<B>> {
    let model = ModelSchema {
        discriminant: MODEL.into(),
        version: 0,
        fields: vec![],
        primary_fields: vec![],
        primary_shape: Shape::Bytes,
        indexes: vec![],
    };
    let schema = DefinitionSchema {
        name: "Rows".into(),
        models: vec![model],
        types: vec![],
    };
    let settings = Settings {
        durability,
        ..Settings::default()
    };
    Inner::new(backend, Layout::new(&schema), settings)
}

/// Which call of a kind fails, counted from 1; none where it is 0. After a sync that failed nothing
/// gets to the disk any more: a commit says so, but another sync does not.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fails {
    pub(crate) apply: usize,
    pub(crate) sync: usize,
}

/// The engine.
#[derive(Debug)]
pub(crate) struct Watched {
    memory: MemoryBackend,
    disk: Arc<Disk>,
}

/// What is known of the engine, also when it is closed.
#[derive(Debug)]
pub(crate) struct Disk {
    fails: Fails,
    state: std::sync::Mutex<State>,
    /// For those who wait for something to get to the disk.
    turn: Mutex<()>,
    changed: Condvar,
}

type Row = (TableId, Vec<u8>);

#[derive(Debug, Default)]
struct State {
    commits: Vec<BTreeMap<Row, Option<Vec<u8>>>>,
    rows: BTreeMap<Row, Vec<u8>>,
    /// How many commits are in `rows`.
    durable: usize,
    is_writing: bool,
    is_broken: bool,
    applies: usize,
    syncs: usize,
    /// How often each write was planned.
    planned: BTreeMap<Vec<u8>, usize>,
}

impl Watched {
    pub(crate) fn new(fails: Fails) -> (Self, Arc<Disk>) {
        let disk = Arc::new(Disk {
            fails,
            state: std::sync::Mutex::default(),
            turn: Mutex::new(()),
            changed: Condvar::new(),
        });
        let watched = Self {
            memory: MemoryBackend::new(),
            disk: Arc::clone(&disk),
        };
        (watched, disk)
    }

    pub(crate) fn disk(&self) -> &Disk {
        &self.disk
    }
}

impl Disk {
    /// Nothing else runs meanwhile: no task is interrupted here.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn note_planned(&self, key: &[u8]) {
        *self.state().planned.entry(key.to_vec()).or_default() += 1;
    }

    pub(crate) fn planned(&self, key: &[u8]) -> usize {
        self.state().planned.get(key).copied().unwrap_or_default()
    }

    /// Whether a row is on disk that is asked for.
    pub(crate) fn has(&self, is_asked_for: impl Fn(&[u8], &[u8]) -> bool) -> bool {
        let state = self.state();
        let mut rows = state.rows.iter();
        rows.any(|((_, key), value)| is_asked_for(key, value))
    }

    /// Whether a commit has edited the row of a key.
    pub(crate) fn is_committed(&self, key: &[u8]) -> bool {
        let state = self.state();
        let mut edited = state.commits.iter().flat_map(BTreeMap::keys);
        edited.any(|(_, of)| of == key)
    }

    pub(crate) fn commits(&self) -> usize {
        self.state().commits.len()
    }

    pub(crate) fn is_all_durable(&self) -> bool {
        let state = self.state();
        state.durable == state.commits.len()
    }

    /// Waits until what is on disk is as somebody wants it.
    pub(crate) fn wait_until(&self, is_met: impl Fn(&Self) -> bool) {
        let turn = locked(&self.turn);
        let waited = self.changed.wait_while(turn, |()| !is_met(self));
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// Brings the first commits to disk.
    fn reach(&self, commits: usize) {
        let mut guard = self.state();
        let state = &mut *guard;
        if state.is_broken {
            return;
        }
        let fresh = state.commits.get(state.durable..commits);
        for (row, value) in fresh.into_iter().flatten().flatten() {
            match value {
                Some(value) => drop(state.rows.insert(row.clone(), value.clone())),
                None => drop(state.rows.remove(row)),
            }
        }
        state.durable = state.durable.max(commits);
        drop(guard);
        drop(locked(&self.turn));
        self.changed.notify_all();
    }
}

/// Other tasks may go on here, for a moment or for as long as it takes to write to a slow disk.
fn interrupt() {
    if super::is_exploring() {
        let moments = match thread_rng().gen_range(0..4) {
            0 => 40,
            moments => moments,
        };
        (0..moments).for_each(|_| shuttle::thread::sleep(Duration::ZERO));
    }
}

fn failed(action: &'static str) -> Result<()> {
    Err(StoreError::Io {
        action,
        path: "nowhere".into(),
        source: io::Error::from(io::ErrorKind::StorageFull),
    }
    .into())
}

fn edits(set: &WriteSet) -> BTreeMap<Row, Option<Vec<u8>>> {
    let edits = set.tables.iter().flat_map(|(table, edits)| {
        edits.iter().map(|(key, value)| {
            let value = value.as_ref().map(|value| value.as_slice().to_vec());
            ((*table, key.as_slice().to_vec()), value)
        })
    });
    edits.collect()
}

impl Backend for Watched {
    type Snapshot = <MemoryBackend as Backend>::Snapshot;

    const ENGINE: Engine = Engine::Memory;

    fn snapshot(&self, tables: &Arc<TableSet>) -> Result<Self::Snapshot> {
        let snapshot = self.memory.snapshot(tables);
        interrupt();
        snapshot
    }

    fn apply(&self, tables: &TableSet, set: WriteSet, sync: bool) -> Result<()> {
        let edits = edits(&set);
        let mut state = self.disk.state();
        assert!(!state.is_writing, "there are two writers");
        state.is_writing = true;
        state.applies += 1;
        let mut fails = state.applies == self.disk.fails.apply;
        drop(state);
        interrupt();
        fails |= sync && self.disk.state().is_broken;
        let applied = match fails {
            true => failed("write to"),
            false => self.memory.apply(tables, set, sync),
        };
        interrupt();
        let mut state = self.disk.state();
        state.is_writing = false;
        applied?;
        state.commits.push(edits);
        let commits = state.commits.len();
        drop(state);
        if sync {
            self.disk.reach(commits);
        }
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        let mut state = self.disk.state();
        state.syncs += 1;
        state.is_broken |= state.syncs == self.disk.fails.sync;
        let fails = state.syncs == self.disk.fails.sync;
        let commits = state.commits.len();
        drop(state);
        interrupt();
        if fails {
            return failed("sync");
        }
        self.disk.reach(commits);
        Ok(())
    }

    fn table_names(&self) -> Result<Vec<String>> {
        self.memory.table_names()
    }

    fn was_unclean(&self) -> bool {
        false
    }

    fn doubt(&self) {}
}
