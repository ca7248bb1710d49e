//! The redb engine: one file, copy on write, every table from bytes to bytes.

mod ahead;
mod found;
mod pages;
mod salvage;
mod unfinished;
mod walk;
mod write;

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
    sync::{Arc, OnceLock},
};

pub use self::walk::RedbRows;

use redb::{ReadOnlyTable, ReadableDatabase, ReadableTableMetadata, TableDefinition};

use super::{
    Backend, Engine, EngineOptions, OpenBackend, Snapshot, Span, TableId, TableSet, Wreck, WriteSet,
};
use crate::{
    error::{EngineError, NetabaseError, Result, StoreError},
    raw::REDB_MAGIC,
    seam::{Caught, Seam},
};

/// The magic and the byte of flags after it, and the flag of a file that was not closed.
const HEAD_BYTES: usize = REDB_MAGIC.len() + 1;
const RECOVERY_REQUIRED: u8 = 2;

type Bytes = &'static [u8];

/// A store in a redb file.
#[derive(Debug)]
pub struct RedbBackend {
    file: Caught<RedbFile>,
    seam: Arc<Seam>,
    was_unclean: bool,
}

/// redb's own handle, which reads, or reads and writes.
#[non_exhaustive]
pub enum RedbFile {
    /// Opened for reading and writing.
    Writable(redb::Database),
    /// Opened for reading.
    ReadOnly(redb::ReadOnlyDatabase),
}

impl std::fmt::Debug for RedbFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Writable(_) => "Writable",
            Self::ReadOnly(_) => "ReadOnly",
        })
    }
}

impl RedbBackend {
    /// Returns redb's own handle, for inspection.
    ///
    /// What is written through it bypasses indexes, checksums and open snapshots of the store.
    #[must_use]
    pub fn file(&self) -> &RedbFile {
        &self.file
    }

    /// Opens a store over any storage that redb can use.
    ///
    /// # Errors
    /// Fails when the storage does, or holds no redb database.
    pub fn with_storage(
        storage: impl redb::StorageBackend,
        options: &EngineOptions,
    ) -> Result<Self> {
        let seam = Seam::new(Engine::Redb, "custom storage");
        let mut head = [0; HEAD_BYTES];
        let was_unclean = seam.run(|| {
            let is_there = storage.len().is_ok_and(|len| len >= HEAD_BYTES as u64);
            Ok(is_there && storage.read(0, &mut head).is_ok() && is_unclean(&head))
        })?;
        let builder = builder(options);
        let database = seam.run(|| {
            unfinished::empty_storage(&storage)
                .map_err(|error| failed(&seam, "look at the storage", error))?;
            let opened = builder.create_with_backend(storage);
            opened.map_err(|error| failed(&seam, "open the storage", error))
        })?;
        Self::opened(RedbFile::Writable(database), seam, options, was_unclean)
    }

    fn opened(
        file: RedbFile,
        seam: Arc<Seam>,
        options: &EngineOptions,
        was_unclean: bool,
    ) -> Result<Self> {
        let mut file = Caught::new(file, &seam);
        if options.verify.is_due(was_unclean) {
            file = verify(file, &seam)?;
        }
        Ok(Self {
            file,
            seam,
            was_unclean,
        })
    }

    fn begin_write(&self) -> Result<redb::WriteTransaction> {
        match &*self.file {
            RedbFile::Writable(database) => database
                .begin_write()
                .map_err(|error| failed(&self.seam, "begin a write transaction", error)),
            RedbFile::ReadOnly(_) => Err(StoreError::ReadOnly {
                path: self.seam.path().into(),
            }
            .into()),
        }
    }

    fn commit(&self, edits: WriteSet, tables: &TableSet, sync: bool) -> Result<()> {
        let mut txn = Caught::new(self.begin_write()?, &self.seam);
        let durability = if sync {
            redb::Durability::Immediate
        } else {
            redb::Durability::None
        };
        txn.set_durability(durability)
            .map_err(|error| failed(&self.seam, "set the durability", error))?;
        write::apply(&txn, tables, edits, &self.seam)
            .map_err(|error| translate(&self.seam, "write rows", error))?;
        txn.into_inner()
            .commit()
            .map_err(|error| failed(&self.seam, "commit", error))
    }
}

impl Backend for RedbBackend {
    type Snapshot = RedbSnapshot;

    const ENGINE: Engine = Engine::Redb;

    fn snapshot(&self, tables: &Arc<TableSet>) -> Result<RedbSnapshot> {
        self.seam.run(|| {
            let begun = match &*self.file {
                RedbFile::Writable(database) => database.begin_read(),
                RedbFile::ReadOnly(database) => database.begin_read(),
            };
            let txn = begun.map_err(|error| failed(&self.seam, "begin reading", error))?;
            Ok(RedbSnapshot {
                opened: tables_unopened(tables.len()),
                txn: Caught::new(txn, &self.seam),
                tables: Arc::clone(tables),
                seam: Arc::clone(&self.seam),
            })
        })
    }

    fn apply(&self, tables: &TableSet, edits: WriteSet, sync: bool) -> Result<()> {
        self.seam.run(|| self.commit(edits, tables, sync))
    }

    fn sync(&self) -> Result<()> {
        if matches!(&*self.file, RedbFile::ReadOnly(_)) {
            return Ok(());
        }
        self.seam
            .run(|| self.commit(WriteSet::default(), &TableSet::default(), true))
    }

    fn table_names(&self) -> Result<Vec<String>> {
        let snapshot = self.snapshot(&Arc::default())?;
        self.seam.run(|| {
            let listed = snapshot.txn.list_tables();
            let listed = listed.map_err(|error| failed(&self.seam, "list the tables", error))?;
            Ok(listed
                .map(|table| redb::TableHandle::name(&table).to_owned())
                .collect())
        })
    }

    fn was_unclean(&self) -> bool {
        self.was_unclean
    }

    fn doubt(&self) {
        self.seam.doubt();
    }
}

impl OpenBackend for RedbBackend {
    fn open(path: &Path, options: &EngineOptions) -> Result<Self> {
        let seam = Seam::new(Engine::Redb, path);
        let was_unclean = check_file(path, options)?;
        let builder = builder(options);
        let file = seam.run(|| {
            let opened = if options.read_only {
                builder.open_read_only(path).map(RedbFile::ReadOnly)
            } else if options.create {
                builder.create(path).map(RedbFile::Writable)
            } else {
                builder.open(path).map(RedbFile::Writable)
            };
            opened.map_err(|error| failed(&seam, "open the file", error))
        })?;
        Self::opened(file, seam, options, was_unclean)
    }

    fn salvage(path: &Path) -> Result<Box<dyn Wreck>> {
        Ok(Box::new(salvage::Damaged::open(path)?))
    }

    fn trim(&mut self) -> Result<()> {
        let (file, seam) = (&mut self.file, &self.seam);
        match &mut **file {
            RedbFile::Writable(database) => seam.run(|| {
                let trimmed = database.compact().map(drop);
                trimmed.map_err(|error| failed(seam, "compact the file", error))
            }),
            RedbFile::ReadOnly(_) => Err(StoreError::ReadOnly {
                path: seam.path().into(),
            }
            .into()),
        }
    }
}

/// A view of the tables at one commit; tables are opened when first read.
#[derive(Debug)]
pub struct RedbSnapshot {
    // Dropped before `txn`, which keeps their pages from being reused.
    opened: Box<[OnceLock<Option<Table>>]>,
    txn: Caught<redb::ReadTransaction>,
    tables: Arc<TableSet>,
    seam: Arc<Seam>,
}

type Table = ReadOnlyTable<Bytes, Bytes>;

fn tables_unopened(count: usize) -> Box<[OnceLock<Option<Table>>]> {
    (0..count).map(|_| OnceLock::new()).collect()
}

impl RedbSnapshot {
    /// Returns the table, or none where nothing was ever written to it.
    #[inline]
    fn table(&self, table: TableId) -> Result<Option<&Table>> {
        let Some(slot) = self.opened.get(usize::from(table.0)) else {
            return Ok(None);
        };
        match slot.get() {
            Some(opened) => Ok(opened.as_ref()),
            None => self.open_table(table, slot),
        }
    }

    #[cold]
    fn open_table<'a>(
        &'a self,
        table: TableId,
        slot: &'a OnceLock<Option<Table>>,
    ) -> Result<Option<&'a Table>> {
        let definition = TableDefinition::<Bytes, Bytes>::new(self.tables.name(table));
        let opened = match self.txn.open_table(definition) {
            Ok(opened) => Some(opened),
            Err(redb::TableError::TableDoesNotExist(_)) => None,
            Err(error) => return Err(failed(&self.seam, "open a table", error)),
        };
        Ok(slot.get_or_init(|| opened).as_ref())
    }
}

impl Snapshot for RedbSnapshot {
    type Rows = RedbRows;

    #[inline]
    fn get<R>(
        &self,
        table: TableId,
        key: &[u8],
        read: impl FnOnce(&[u8]) -> R,
    ) -> Result<Option<R>> {
        self.seam.run(|| {
            let Some(table) = self.table(table)? else {
                return Ok(None);
            };
            match table.get(key) {
                Ok(found) => Ok(found.map(|guard| read(guard.value()))),
                Err(error) => Err(failed(&self.seam, "read a row", error)),
            }
        })
    }

    fn rows(self: &Arc<Self>, table: TableId, span: &Span) -> Result<RedbRows> {
        self.seam.run(|| {
            let range = match self.table(table)? {
                Some(table) => {
                    let range = table.range::<&[u8]>(span.as_slices());
                    Some(range.map_err(|error| failed(&self.seam, "read a range", error))?)
                }
                None => None,
            };
            let range = range.map(|range| Caught::new(range, &self.seam));
            Ok(RedbRows::new(range, Arc::clone(self)))
        })
    }

    fn len(&self, table: TableId) -> Result<u64> {
        self.seam.run(|| match self.table(table)? {
            Some(table) => table
                .len()
                .map_err(|error| failed(&self.seam, "count the rows", error)),
            None => Ok(0),
        })
    }
}

fn builder(options: &EngineOptions) -> redb::Builder {
    let mut builder = redb::Builder::new();
    builder.set_cache_size(options.cache_bytes);
    builder
}

/// Checks every page against its checksum; redb repairs what its own bookkeeping allows.
fn verify(file: Caught<RedbFile>, seam: &Arc<Seam>) -> Result<Caught<RedbFile>> {
    let mut file = file.into_inner();
    let checked = seam.run(|| match &mut file {
        RedbFile::Writable(database) => {
            let checked = database.check_integrity();
            checked
                .map(drop)
                .map_err(|error| failed(seam, "check the file", error))
        }
        RedbFile::ReadOnly(_) => Err(StoreError::Unsupported {
            engine: Engine::Redb,
            action: "check a file that is opened for reading only",
        }
        .into()),
    });
    let file = Caught::new(file, seam);
    checked.map(|()| file)
}

/// Refuses what is no redb file before redb touches it, and returns whether it was not closed.
fn check_file(path: &Path, options: &EngineOptions) -> Result<bool> {
    let not_a_store = |what: &str| StoreError::NotAStore {
        path: path.into(),
        what: what.into(),
    };
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return if options.create && !options.read_only {
                Ok(false)
            } else {
                Err(StoreError::NotFound { path: path.into() }.into())
            };
        }
        Err(source) => {
            return Err(StoreError::Io {
                action: "open",
                path: path.into(),
                source,
            }
            .into());
        }
    };
    let mut head = Vec::new();
    let metadata = file.metadata();
    if metadata.is_ok_and(|metadata| metadata.is_dir()) {
        return Err(not_a_store("it is a folder, a redb store is a file").into());
    }
    file.by_ref()
        .take(HEAD_BYTES as u64)
        .read_to_end(&mut head)
        .map_err(|source| StoreError::Io {
            action: "read",
            path: path.into(),
            source,
        })?;
    let may_create = options.create && !options.read_only;
    let mut magic = head.iter().take(REDB_MAGIC.len());
    let is_blank = !head.is_empty() && magic.all(|byte| *byte == 0);
    if may_create && is_blank && unfinished::empty_file(path)? {
        return Ok(false);
    }
    match head.as_slice() {
        [] if may_create => Ok(false),
        [] => Err(not_a_store("it is empty").into()),
        head if head.starts_with(REDB_MAGIC) => Ok(is_unclean(head)),
        _ => Err(not_a_store("it does not begin as a redb file does").into()),
    }
}

/// Returns whether the byte after the magic says that the file was opened and not closed.
fn is_unclean(head: &[u8]) -> bool {
    let flags = head.strip_prefix(REDB_MAGIC).and_then(<[u8]>::first);
    flags.is_some_and(|flags| flags & RECOVERY_REQUIRED != 0)
}

#[cold]
fn damaged(seam: &Seam, what: String) -> NetabaseError {
    seam.doubt();
    StoreError::Damaged {
        engine: Engine::Redb,
        path: seam.path().to_path_buf(),
        what,
    }
    .into()
}

#[cold]
fn failed(seam: &Seam, action: &'static str, error: impl Into<redb::Error>) -> NetabaseError {
    translate(seam, action, error.into())
}

#[cold]
fn translate(seam: &Seam, action: &'static str, error: redb::Error) -> NetabaseError {
    let path = seam.path().to_path_buf();
    match error {
        redb::Error::Io(source) => match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                StoreError::Full { path, source }.into()
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                StoreError::ReadOnly { path }.into()
            }
            _ => StoreError::Io {
                action,
                path,
                source,
            }
            .into(),
        },
        redb::Error::DatabaseAlreadyOpen => StoreError::Locked { path }.into(),
        redb::Error::Corrupted(what) => damaged(seam, what),
        redb::Error::PreviousIo => StoreError::Poisoned { path }.into(),
        redb::Error::UpgradeRequired(version) => {
            let what = format!("redb wrote it in its format {version}, which it no longer reads");
            StoreError::NotAStore { path, what }.into()
        }
        error => NetabaseError::Redb(EngineError {
            engine: Engine::Redb,
            action,
            source: Box::new(error),
        }),
    }
}
