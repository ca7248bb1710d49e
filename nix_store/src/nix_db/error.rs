//! Why a database of Nix cannot be read or written.

use std::{io, path::PathBuf};

use nix_core::{graph::GraphError, store_path::StorePath};

use crate::field::FieldError;

/// What can go wrong with a database of Nix.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NixDbError {
    /// The database cannot be opened.
    #[error("open {}", path.display())]
    Open {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: SqliteError,
    },
    /// The file system refused something.
    #[error("{action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why it was refused.
        #[source]
        source: io::Error,
    },
    /// SQLite refused to read or write a table, or found the file damaged.
    #[error("{action} {table}")]
    Sqlite {
        /// What was tried.
        action: &'static str,
        /// On which table.
        table: &'static str,
        /// Why it was refused.
        #[source]
        source: SqliteError,
    },
    /// The file of the schema's version does not say one that is known.
    #[error("{} says schema {found:?}, known is 10", path.display())]
    Schema {
        /// Which file.
        path: PathBuf,
        /// What it says, or the beginning.
        found: String,
    },
    /// A table is missing, or is a view or a virtual table.
    #[error("there is no table {table}")]
    NoTable {
        /// Which table.
        table: &'static str,
    },
    /// A column by which rows are looked up has no index.
    #[error("table {table} has no index of {column}")]
    NoIndex {
        /// Which table.
        table: &'static str,
        /// Which column.
        column: &'static str,
    },
    /// The database has a journal that is not in the file yet.
    #[error("{} holds changes that are not in the database yet: open it otherwise than immutable", path.display())]
    Journal {
        /// The journal.
        path: PathBuf,
    },
    /// A value is of another type than its column.
    #[error("table {table}, row {row}: {column} is {found}")]
    Type {
        /// Which table.
        table: &'static str,
        /// The number of the row.
        row: i64,
        /// Which column.
        column: &'static str,
        /// What type it is of.
        found: &'static str,
    },
    /// A value is malformed.
    #[error("table {table}, row {row}")]
    Field {
        /// Which table.
        table: &'static str,
        /// The number of the row.
        row: i64,
        /// Which column, and what is wrong with it.
        #[source]
        source: FieldError,
    },
    /// A row refers to one that is not there.
    #[error("table {table}, row {row}: {column} is a row that is not there")]
    Dangling {
        /// Which table.
        table: &'static str,
        /// The number of the row.
        row: i64,
        /// Which column.
        column: &'static str,
    },
    /// Rows do not come in the order of their index: the file is damaged.
    #[error("table {table}, row {row} is out of order")]
    Order {
        /// Which table.
        table: &'static str,
        /// The number of the row.
        row: i64,
    },
    /// A realisation depends on one that is not there.
    #[error("there is no realisation of {id}")]
    NoRealisation {
        /// Of which output.
        id: String,
    },
    /// There are more paths or references than their graph can have.
    #[error("look for circles of references")]
    Graph(#[from] GraphError),
    /// A number is larger than SQLite has them.
    #[error("the {column} of {path} is larger than a database can hold")]
    Number {
        /// Of which path.
        path: StorePath,
        /// Which number.
        column: &'static str,
    },
    /// The file exists already.
    #[error("{} exists", path.display())]
    Exists {
        /// Which file.
        path: PathBuf,
    },
}

/// An error of SQLite.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct SqliteError(#[from] rusqlite::Error);

impl SqliteError {
    /// Returns whether another process or handle has the database locked.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked};
        matches!(
            self.0.sqlite_error_code(),
            Some(DatabaseBusy | DatabaseLocked)
        )
    }

    /// Returns whether the file is no database, or a damaged one.
    #[must_use]
    pub fn is_corrupt(&self) -> bool {
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
        matches!(
            self.0.sqlite_error_code(),
            Some(DatabaseCorrupt | NotADatabase)
        )
    }
}

/// The result of reading or writing a database of Nix.
pub type NixDbResult<T, E = NixDbError> = std::result::Result<T, E>;

/// Says what SQLite was asked to do when it refused.
pub(super) trait SqliteContext<T> {
    fn on(self, action: &'static str, table: &'static str) -> NixDbResult<T>;
}

impl<T> SqliteContext<T> for rusqlite::Result<T> {
    fn on(self, action: &'static str, table: &'static str) -> NixDbResult<T> {
        self.map_err(|source| NixDbError::Sqlite {
            action,
            table,
            source: source.into(),
        })
    }
}

/// Says what was done to a file when the file system refused.
pub(super) fn io_error(
    action: &'static str,
    path: impl Into<PathBuf>,
) -> impl FnOnce(io::Error) -> NixDbError {
    let path = path.into();
    move |source| NixDbError::Io {
        action,
        path,
        source,
    }
}
