//! Connections to one database, as many as are in use at once.

use std::{
    ops::Deref,
    path::PathBuf,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, config::DbConfig, limits::Limit};

use super::error::{NixDbError, NixDbResult, SqliteContext};

/// The largest row that is read, in bytes.
pub(super) const ROW_BYTES_MAX: i32 = 16 << 20;

/// How long a lock of another process is waited for.
const LOCK_WAIT: Duration = Duration::from_secs(60);

/// How many KiB of pages a connection keeps: about those of the paths of a store of 10^5.
const CACHE_KIB: i32 = 32 << 10;

/// How many statements a connection keeps ready.
const STATEMENTS_MAX: usize = 32;

/// The tables that each database of Nix has.
const TABLES: [&str; 3] = ["ValidPaths", "Refs", "DerivationOutputs"];

/// What is looked up, of which table. Without an index each look-up would read the whole table.
const INDEXES: [(&str, &str); 5] = [
    ("ValidPaths", "path"),
    ("Refs", "referrer"),
    ("Refs", "reference"),
    ("DerivationOutputs", "drv"),
    ("DerivationOutputs", "path"),
];

/// Distinguishes databases in memory, which are found by their names.
static MEMORY_COUNT: AtomicU64 = AtomicU64::new(0);

/// The connections of one database: a question takes one that nobody uses, or opens another, so that
/// questions may be asked by several threads, and while another is being answered.
#[derive(Debug)]
pub(super) struct Pool {
    uri: String,
    path: PathBuf,
    writable: bool,
    idle: Mutex<Vec<Connection>>,
}

/// A connection that one question has to itself.
#[derive(Debug)]
pub(super) struct Lease<'a> {
    /// Invariant: there until the lease ends.
    connection: Option<Connection>,
    pool: &'a Pool,
}

impl Pool {
    /// Opens a file, and checks that it has the tables that it must have.
    pub(super) fn open(uri: String, path: PathBuf, writable: bool) -> NixDbResult<Self> {
        let pool = Self {
            uri,
            path,
            writable,
            idle: Mutex::default(),
        };
        let lease = pool.lease()?;
        for table in TABLES {
            if !has_table(&lease, table)? {
                return Err(NixDbError::NoTable { table });
            }
        }
        for (table, column) in INDEXES {
            if !has_index(&lease, table, column)? {
                return Err(NixDbError::NoIndex { table, column });
            }
        }
        drop(lease);
        Ok(pool)
    }

    /// Makes a database in memory, which is there as long as the pool.
    pub(super) fn memory(schema: &str) -> NixDbResult<Self> {
        let number = MEMORY_COUNT.fetch_add(1, Ordering::Relaxed);
        let uri = format!("file:/netabase-{number}?vfs=memdb");
        let pool = Self {
            path: PathBuf::from(":memory:"),
            uri,
            writable: true,
            idle: Mutex::default(),
        };
        let lease = pool.lease()?;
        let made = lease.execute_batch(schema);
        made.map_err(|source| pool.refused(source))?;
        drop(lease);
        Ok(pool)
    }

    pub(super) fn lease(&self) -> NixDbResult<Lease<'_>> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = { idle }.pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.connect().map_err(|source| self.refused(source))?,
        };
        Ok(Lease {
            connection: Some(connection),
            pool: self,
        })
    }

    pub(super) const fn is_writable(&self) -> bool {
        self.writable
    }

    fn connect(&self) -> rusqlite::Result<Connection> {
        let mode = if self.writable {
            OpenFlags::SQLITE_OPEN_READ_WRITE
        } else {
            OpenFlags::SQLITE_OPEN_READ_ONLY
        };
        let create = if self.uri.ends_with("vfs=memdb") {
            OpenFlags::SQLITE_OPEN_CREATE
        } else {
            OpenFlags::empty()
        };
        let flags = OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.uri, flags | mode | create)?;
        connection.busy_timeout(LOCK_WAIT)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
        // A schema made by somebody else runs nothing that could do harm.
        connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, ROW_BYTES_MAX)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        connection.pragma_update(None, "cell_size_check", true)?;
        connection.pragma_update(None, "mmap_size", 0)?;
        connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
        connection.pragma_update(None, "foreign_keys", self.writable)?;
        connection.pragma_update(None, "query_only", !self.writable)?;
        Ok(connection)
    }

    fn refused(&self, source: rusqlite::Error) -> NixDbError {
        NixDbError::Open {
            path: self.path.clone(),
            source: source.into(),
        }
    }
}

impl Deref for Lease<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
            .as_ref()
            .expect("only the end of the lease takes it")
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let connection = self.connection.take();
        // One that is within a transaction still would see old rows: it is closed instead.
        let connection = connection.filter(Connection::is_autocommit);
        let mut idle = self.pool.idle.lock();
        let idle = idle.as_mut().map_err(|error| error.get_mut());
        match idle {
            Ok(idle) => idle.extend(connection),
            Err(idle) => idle.extend(connection),
        }
    }
}

/// Returns whether there is such a table, which is none that runs code when it is read.
pub(super) fn has_table(connection: &Connection, table: &'static str) -> NixDbResult<bool> {
    let text = "select count(*) from sqlite_schema \
                where name = ?1 and type = 'table' and rootpage > 0";
    let mut statement = connection.prepare_cached(text).on("find", table)?;
    let count = statement.query_row([table], |row| row.get::<_, i64>(0));
    Ok(count.on("find", table)? > 0)
}

/// Returns whether rows of a table can be looked up by a column.
fn has_index(
    connection: &Connection,
    table: &'static str,
    column: &'static str,
) -> NixDbResult<bool> {
    let text = "select count(*) from pragma_index_list(?1) l, pragma_index_xinfo(l.name) c \
                where c.seqno = 0 and c.name = ?2 and c.coll = 'BINARY' and l.partial = 0";
    let mut statement = connection.prepare_cached(text).on("inspect", table)?;
    let count = statement.query_row([table, column], |row| row.get::<_, i64>(0));
    Ok(count.on("inspect", table)? > 0)
}
