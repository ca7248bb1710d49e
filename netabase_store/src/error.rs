//! What can go wrong: one enum a caller matches on, with the cause kept at every step.

use std::{error::Error, fmt, path::PathBuf};

use crate::{backends::Engine, key::KeyError, value::ValueError};

/// The result of everything in this crate that can fail.
pub type Result<T, E = NetabaseError> = std::result::Result<T, E>;

/// Any failure of a store: of its engine, of its bytes, or of what was asked of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetabaseError {
    /// The redb engine failed.
    #[cfg(feature = "redb")]
    #[error(transparent)]
    Redb(EngineError<redb::Error>),
    /// The sled engine failed.
    #[cfg(feature = "sled")]
    #[error(transparent)]
    Sled(EngineError<sled::Error>),
    /// The IndexedDB engine failed; the name is reserved, no engine here returns it yet.
    #[error("IndexedDB: {0}")]
    IndexedDB(String),
    /// Bytes could not be made from a value, or a value from its bytes.
    #[error(transparent)]
    Encoding(#[from] EncodingDecodingError),
    /// The store refused or could not do what was asked.
    #[error(transparent)]
    StoreError(#[from] StoreError),
}

/// What an engine was doing when it failed, and its own error as the source.
#[derive(Debug)]
pub struct EngineError<E> {
    /// The engine that failed.
    pub engine: Engine,
    /// What it was asked to do.
    pub action: &'static str,
    /// The engine's own error.
    pub source: Box<E>,
}

impl<E> fmt::Display for EngineError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} could not {}", self.engine, self.action)
    }
}

impl<E: Error + 'static> Error for EngineError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}

/// A value that does not become bytes, or bytes that are not the value they should be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncodingDecodingError {
    /// A record could not be encoded.
    #[error("encode a record of {model}")]
    BincodeEncode {
        /// The model's discriminant.
        model: String,
        /// Which part could not be encoded, and why.
        source: ValueError,
    },
    /// The payload of a record whose checksum holds is not a value of its model.
    #[error("decode record {key} of table {table}")]
    BincodeDecode {
        /// The table that holds the record.
        table: String,
        /// The record's key.
        key: String,
        /// Where decoding stopped, and why.
        source: ValueError,
    },
    /// The bytes of a key in a table are not a key of its type.
    #[error("decode key {key} of table {table}")]
    Key {
        /// The table that holds the key.
        table: String,
        /// The key's bytes in hexadecimal.
        key: String,
        /// Where decoding stopped, and why.
        source: KeyError,
    },
    /// The bytes of a record or an index entry are not the ones that were written.
    #[error("checksum of {key} in table {table} does not match: the stored bytes have changed")]
    Checksum {
        /// The table that holds the row.
        table: String,
        /// The row's key.
        key: String,
    },
    /// A row is too short for its envelope, or names a format or schema version not known here.
    #[error("row {key} of table {table} has no valid envelope: {what}")]
    Envelope {
        /// The table that holds the row.
        table: String,
        /// The row's key.
        key: String,
        /// What is wrong with it.
        what: &'static str,
    },
}

/// How an index differs from its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Difference {
    /// The record has no entry.
    Missing,
    /// Where the entry of the record should be stands another one.
    Changed,
    /// There is an entry that the record does not call for.
    Surplus,
    /// There is an entry of a record that is not there.
    Dangling,
}

impl Difference {
    fn told(self, model: &str, table: &str, key: &str) -> String {
        match self {
            Self::Missing => format!("{model} {key} is not in {table}"),
            Self::Changed => format!("{table} has another entry in the place of {model} {key}"),
            Self::Surplus => format!("{table} has an entry that {model} {key} does not call for"),
            Self::Dangling => format!("{table} names {key}, which has no record"),
        }
    }
}

/// A store that cannot be used as asked, or an operation that it refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// `insert` found a record under the key.
    #[error("{model} {key} exists already")]
    Exists {
        /// The model's discriminant.
        model: String,
        /// The key that is taken.
        key: String,
    },
    /// Another record has the value that a unique index allows once.
    #[error("{model} {key} would repeat the value that {holder} has in the unique index {index}")]
    UniqueViolated {
        /// The model's discriminant.
        model: String,
        /// The index's name.
        index: String,
        /// The primary key of the refused record.
        key: String,
        /// The primary key of the record that has the value.
        holder: String,
    },
    /// The closure given to `update` changed the primary key.
    #[error("update of {model} {key} changed its primary key to {changed}")]
    KeyChanged {
        /// The model's discriminant.
        model: String,
        /// The key that was updated.
        key: String,
        /// The key that the record has after the closure.
        changed: String,
    },
    /// An index names a record that is not there.
    #[error("index {table} names {key}, which has no record; run `netabase db verify`")]
    DanglingEntry {
        /// The index table.
        table: String,
        /// The primary key that the entry names.
        key: String,
    },
    /// An index is not what the records say.
    #[error("{}", difference.told(model, table, key))]
    IndexDiffers {
        /// The model's discriminant.
        model: String,
        /// The index table.
        table: String,
        /// The primary key of the record.
        key: String,
        /// How it differs.
        difference: Difference,
    },
    /// A record stands under a key that is not its own.
    #[error("{model} {key} stands under another key")]
    Misplaced {
        /// The model's discriminant.
        model: String,
        /// The key that it stands under.
        key: String,
    },
    /// The stored description does not match the definition of the program.
    #[error("the store does not fit its definition: {}", differences.join("; "))]
    SchemaDiffers {
        /// One sentence a difference.
        differences: Vec<String>,
    },
    /// The store was written by a later version of this crate.
    #[error("the store has format {found}, this program reads up to {supported}: use a newer one")]
    NewerFormat {
        /// The format version of the store.
        found: u32,
        /// The highest format version known here.
        supported: u32,
    },
    /// The file is no store of this engine, or no netabase store.
    #[error("{} is not a netabase store: {what}", path.display())]
    NotAStore {
        /// The file.
        path: PathBuf,
        /// Why it is none.
        what: String,
    },
    /// `open` found nothing at the path.
    #[error("no store at {}: use `new` to create one", path.display())]
    NotFound {
        /// The path that does not exist.
        path: PathBuf,
    },
    /// Another handle, here or in another process, has the store open.
    #[error("{} is open elsewhere: close the other handle or share a clone of it", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// The store was opened for reading only, or the file system does not let it be written.
    #[error("{} can only be read", path.display())]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// This thread already holds a write transaction, which the operation would wait for.
    #[error("this thread holds a write transaction: write through it, or commit it first")]
    WouldDeadlock,
    /// The disk is full; what was committed before is safe.
    #[error("no space left to write {}", path.display())]
    Full {
        /// The file.
        path: PathBuf,
        /// What the operating system reported.
        source: std::io::Error,
    },
    /// A commit or the engine failed before: the handle refuses further work.
    #[error("{} is closed after an earlier failure: open it again", path.display())]
    Poisoned {
        /// The file.
        path: PathBuf,
    },
    /// The engine panicked, which a damaged file can cause; the handle is closed.
    #[error("{engine} panicked over {}: the file is damaged; {message}", path.display())]
    EnginePanicked {
        /// The engine.
        engine: Engine,
        /// The file.
        path: PathBuf,
        /// What the panic said.
        message: String,
    },
    /// The engine found its own file damaged.
    #[error("{engine} found {} damaged: {what}", path.display())]
    Damaged {
        /// The engine.
        engine: Engine,
        /// The file.
        path: PathBuf,
        /// What the engine said.
        what: String,
    },
    /// A page cursor is not one of this query.
    #[error("the cursor does not belong to this query: {what}")]
    Cursor {
        /// Why it does not.
        what: &'static str,
    },
    /// A key is longer than [`KEY_BYTES_MAX`](crate::KEY_BYTES_MAX).
    #[error("a key of {bytes} bytes in table {table} exceeds the maximum of {max}")]
    KeyTooLong {
        /// The table.
        table: String,
        /// The length of the encoded key.
        bytes: usize,
        /// The longest key that is allowed.
        max: usize,
    },
    /// A record is larger than [`VALUE_BYTES_MAX`](crate::VALUE_BYTES_MAX).
    #[error("a record of {bytes} bytes in table {table} exceeds the maximum of {max}")]
    ValueTooLarge {
        /// The table.
        table: String,
        /// The length of the encoded record.
        bytes: usize,
        /// The largest record that is allowed.
        max: usize,
    },
    /// The operating system refused a file operation.
    #[error("{action} {}", path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the operating system reported.
        source: std::io::Error,
    },
    /// The engine does not offer the operation.
    #[error("{engine} cannot {action}")]
    Unsupported {
        /// The engine.
        engine: Engine,
        /// What was asked.
        action: &'static str,
    },
}

impl NetabaseError {
    /// Whether stored bytes are damaged: a checksum, an envelope, a key, a dangling entry, a page.
    #[must_use]
    pub fn is_corrupt(&self) -> bool {
        match self {
            Self::Encoding(error) => !matches!(error, EncodingDecodingError::BincodeEncode { .. }),
            Self::StoreError(error) => matches!(
                error,
                StoreError::DanglingEntry { .. }
                    | StoreError::IndexDiffers { .. }
                    | StoreError::Misplaced { .. }
                    | StoreError::EnginePanicked { .. }
                    | StoreError::Damaged { .. }
            ),
            _ => false,
        }
    }

    /// Whether a write was refused because of a record that is there: its key or a unique value.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        matches!(
            self,
            Self::StoreError(StoreError::Exists { .. } | StoreError::UniqueViolated { .. })
        )
    }

    /// Whether the store is open elsewhere.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        matches!(self, Self::StoreError(StoreError::Locked { .. }))
    }

    /// Whether the store can only be read.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        matches!(self, Self::StoreError(StoreError::ReadOnly { .. }))
    }

    /// Whether the disk is full.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self, Self::StoreError(StoreError::Full { .. }))
    }

    /// Whether there is no store at the path.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::StoreError(StoreError::NotFound { .. }))
    }

    /// Whether the store was written by a later version of this crate.
    #[must_use]
    pub fn is_newer_format(&self) -> bool {
        matches!(self, Self::StoreError(StoreError::NewerFormat { .. }))
    }

    /// Whether the stored description differs from the program's definition.
    #[must_use]
    pub fn is_schema_mismatch(&self) -> bool {
        matches!(self, Self::StoreError(StoreError::SchemaDiffers { .. }))
    }

    /// Whether the handle is closed after an earlier failure.
    #[must_use]
    pub fn is_poisoned(&self) -> bool {
        matches!(self, Self::StoreError(StoreError::Poisoned { .. }))
    }

    /// Whether the operation would have waited for a transaction of its own thread.
    #[must_use]
    pub fn is_deadlock(&self) -> bool {
        matches!(self, Self::StoreError(StoreError::WouldDeadlock))
    }

    /// Whether a file was not closed, and was opened for reading only, so that it cannot be repaired.
    pub(crate) fn needs_repair(&self) -> bool {
        match self {
            #[cfg(feature = "redb")]
            Self::Redb(error) => matches!(*error.source, redb::Error::RepairAborted),
            _ => false,
        }
    }
}
