//! Which engine a store stands on, and work that is the same on each.

use std::path::Path;

use clap::ValueEnum;
#[cfg(feature = "sled")]
use netabase_store::backends::sled::SledBackend;
use netabase_store::{
    Store, StoreError, StoreOptions,
    backends::{Backend, Engine, OpenBackend, redb::RedbBackend},
    detect_engine,
};
use nix_store::db::models::StoreDefinition;

use crate::error::{Error, Result};

/// How many bytes of pages the engine keeps.
const CACHE_BYTES: usize = 64 << 20;

/// The same for questions: they come back to few pages, and memory that is used again is faster
/// than new memory.
const READING_CACHE_BYTES: usize = 8 << 20;

/// The engines of stores on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum EngineArg {
    /// One file
    Redb,
    /// A folder
    #[cfg(feature = "sled")]
    Sled,
}

/// Whether a store may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// It is made where there is none.
    Create,
    /// It must exist, and is written.
    Write,
    /// It must exist, and is read.
    Read,
}

/// Work on a store of any engine.
pub(crate) trait Task {
    /// What the work yields.
    type Output;

    /// Does it.
    fn run<B: Backend>(self, store: &Store<StoreDefinition, B>) -> Result<Self::Output>;
}

/// Opens the store at `path` and does `task` on it. A store that exists says itself which engine it
/// is of, unless `engine` does; a new one is of redb.
pub(crate) fn with_store<T: Task>(
    path: &Path,
    engine: Option<EngineArg>,
    mode: Mode,
    task: T,
) -> Result<T::Output> {
    let engine = match engine {
        Some(engine) => engine,
        None if path.exists() => engine_of(path)?,
        None => EngineArg::Redb,
    };
    match engine {
        EngineArg::Redb => run::<RedbBackend, _>(path, mode, task),
        #[cfg(feature = "sled")]
        EngineArg::Sled => run::<SledBackend, _>(path, mode, task),
    }
}

fn run<B: OpenBackend, T: Task>(path: &Path, mode: Mode, task: T) -> Result<T::Output> {
    let store = match mode {
        Mode::Create => Store::<StoreDefinition, B>::new_with(path, &options())?,
        Mode::Write | Mode::Read if !path.exists() => {
            return Err(Error::NoStore {
                path: path.to_owned(),
            });
        }
        Mode::Write => Store::<StoreDefinition, B>::open_with(path, &options())?,
        Mode::Read => open_to_read::<B, _>(|options| {
            Store::open_with(path, &options.clone().cache_bytes(READING_CACHE_BYTES))
        })?,
    };
    task.run(&store)
}

/// Opens a store for reading only, where its engine can. One that a crash left open has to be mended
/// first: then it is opened for writing, and closed in order again.
pub(crate) fn open_to_read<B: OpenBackend, S>(
    open: impl Fn(&StoreOptions) -> netabase_store::Result<S>,
) -> Result<S> {
    let first = open(&options().read_only(B::ENGINE == Engine::Redb));
    match first {
        Ok(store) => Ok(store),
        Err(error) if error.is_locked() => Err(error.into()),
        Err(error) => open(&options()).map_err(|_| error.into()),
    }
}

/// Returns the engine of a store that exists.
pub(crate) fn engine_of(path: &Path) -> Result<EngineArg> {
    match detect_engine(path)? {
        Engine::Redb => Ok(EngineArg::Redb),
        #[cfg(feature = "sled")]
        Engine::Sled => Ok(EngineArg::Sled),
        #[cfg(not(feature = "sled"))]
        Engine::Sled => Err(Error::NoSled {
            path: path.to_owned(),
        }),
        engine => {
            let action = "be opened by this program";
            Err(Error::Store(
                StoreError::Unsupported { engine, action }.into(),
            ))
        }
    }
}

/// Returns how stores are opened.
pub(crate) fn options() -> StoreOptions {
    StoreOptions::new().cache_bytes(CACHE_BYTES)
}
