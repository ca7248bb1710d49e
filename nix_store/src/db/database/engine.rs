//! The engines that a database can be of, open.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

#[cfg(feature = "sled")]
use netabase_store::SledStore;
use netabase_store::{MemoryStore, RedbStore, StoreOptions};

use crate::{
    db::models::StoreDefinition,
    store::{Error, Result},
};

/// The engine of a database on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DatabaseEngine {
    /// The file `netabase.redb`.
    Redb,
    /// The directory `netabase.sled`.
    #[cfg(feature = "sled")]
    Sled,
}

/// An open store.
#[derive(Debug)]
pub(super) enum Engine {
    Memory(MemoryStore<StoreDefinition>),
    Redb(RedbStore<StoreDefinition>),
    #[cfg(feature = "sled")]
    Sled(SledStore<StoreDefinition>),
}

/// Where the store of a database lies, and how it is opened.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) dir: PathBuf,
    /// What it has to be, or what it becomes where there is none.
    pub(super) engine: Option<DatabaseEngine>,
    pub(super) cache_bytes: usize,
}

impl DatabaseEngine {
    /// Returns the name of the engine.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Redb => "redb",
            #[cfg(feature = "sled")]
            Self::Sled => "sled",
        }
    }

    fn path(self, dir: &Path) -> PathBuf {
        dir.join(format!("netabase.{}", self.as_str()))
    }
}

impl Files {
    /// Returns the engine of the store that is there, or of the one to be made.
    pub(super) fn kind(&self) -> Result<DatabaseEngine> {
        let found = self.found()?;
        match (self.engine, found) {
            (Some(engine), Some(found)) if engine != found => Err(Error::OtherEngine {
                dir: self.dir.clone(),
                found: found.as_str(),
            }),
            (engine, found) => Ok(found.or(engine).unwrap_or(DatabaseEngine::Redb)),
        }
    }

    /// Returns the engine of the store that is there.
    fn found(&self) -> Result<Option<DatabaseEngine>> {
        if self.is_there("netabase.redb")? {
            return Ok(Some(DatabaseEngine::Redb));
        }
        if !self.is_there("netabase.sled")? {
            return Ok(None);
        }
        #[cfg(feature = "sled")]
        return Ok(Some(DatabaseEngine::Sled));
        #[cfg(not(feature = "sled"))]
        return Err(Error::OtherEngine {
            dir: self.dir.clone(),
            found: "sled, which this program was built without",
        });
    }

    fn is_there(&self, name: &str) -> Result<bool> {
        let path = self.dir.join(name);
        path.try_exists().map_err(|source| Error::Io {
            action: "look for",
            path,
            source,
        })
    }

    /// Opens the store for writing, and makes it where there is none.
    pub(super) fn open(&self) -> Result<Engine> {
        let is_new = self.found()?.is_none();
        let kind = self.kind()?;
        let (path, options) = (kind.path(&self.dir), self.options());
        let engine = match kind {
            DatabaseEngine::Redb => Engine::Redb(RedbStore::new_with(path, &options)?),
            #[cfg(feature = "sled")]
            DatabaseEngine::Sled => Engine::Sled(SledStore::new_with(path, &options)?),
        };
        if is_new {
            self.sync_dir()?;
        }
        Ok(engine)
    }

    /// Brings the name of a new file to disk.
    fn sync_dir(&self) -> Result<()> {
        let synced = File::open(&self.dir).and_then(|dir| dir.sync_all());
        synced.map_err(|source| Error::Io {
            action: "sync",
            path: self.dir.clone(),
            source,
        })
    }

    /// Opens the store for reading, which must exist.
    pub(super) fn open_to_read(&self) -> Result<Engine> {
        let kind = self.kind()?;
        let (path, options) = (kind.path(&self.dir), self.options());
        Ok(match kind {
            DatabaseEngine::Redb => {
                Engine::Redb(RedbStore::open_with(path, &options.read_only(true))?)
            }
            // sled opens for writing alone; it is for the handle to write nothing.
            #[cfg(feature = "sled")]
            DatabaseEngine::Sled => Engine::Sled(SledStore::open_with(path, &options)?),
        })
    }

    fn options(&self) -> StoreOptions {
        StoreOptions::new().cache_bytes(self.cache_bytes)
    }
}

/// Whether stores of an engine can be opened for reading by several at once.
pub(super) const fn can_share(engine: DatabaseEngine) -> bool {
    matches!(engine, DatabaseEngine::Redb)
}
