//! SQLite with a write-ahead log: a table with indexes, and one of references.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, Row, Transaction, TransactionBehavior, params};

use crate::{CACHE_BYTES, Layer, Record};

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS info (
        path TEXT PRIMARY KEY,
        nar_hash TEXT NOT NULL,
        nar_size INTEGER NOT NULL,
        registration_time INTEGER NOT NULL,
        deriver TEXT,
        refs BLOB NOT NULL,
        signatures BLOB NOT NULL,
        content_address TEXT
    );
    CREATE INDEX IF NOT EXISTS hash ON info (nar_hash);
    CREATE INDEX IF NOT EXISTS time ON info (registration_time);
    CREATE INDEX IF NOT EXISTS deriver ON info (deriver) WHERE deriver IS NOT NULL;
    CREATE TABLE IF NOT EXISTS reference (
        target TEXT NOT NULL,
        path TEXT NOT NULL,
        PRIMARY KEY (target, path)
    ) WITHOUT ROWID;
";
const PUT: &str = "REPLACE INTO info VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
const GET: &str = "SELECT * FROM info WHERE path = ?1";
const BY_DERIVER: &str = "SELECT * FROM info WHERE deriver = ?1";
const BY_TIME: &str = "SELECT * FROM info WHERE registration_time >= ?1 AND registration_time < ?2";
const BY_TIME_KEYS: &str =
    "SELECT path FROM info WHERE registration_time >= ?1 AND registration_time < ?2";
const REFERRERS: &str = "SELECT path FROM reference WHERE target = ?1";
const ITERATE: &str = "SELECT * FROM info";
const ADD_TIME: &str = "UPDATE info SET registration_time = registration_time + ?2 WHERE path = ?1";
const ADD_SIZE: &str = "UPDATE info SET nar_size = nar_size + ?2 WHERE path = ?1";
const DELETE: &str = "DELETE FROM info WHERE path = ?1";
const REFER: &str = "INSERT INTO reference VALUES (?1, ?2)";
const UNREFER: &str = "DELETE FROM reference WHERE target = ?1 AND path = ?2";

/// A SQLite file, and the connection that writes.
pub struct Sqlite {
    path: PathBuf,
    connection: Connection,
}

/// A connection inside a transaction that reads.
pub struct Held(Connection);

fn connect(path: &Path) -> Connection {
    let connection = Connection::open(path).unwrap();
    let kibibytes = CACHE_BYTES / 1024;
    let settings = format!(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -{kibibytes};"
    );
    connection.execute_batch(&settings).unwrap();
    connection.set_prepared_statement_cache_capacity(32);
    connection
}

fn list(list: &[String]) -> Vec<u8> {
    bincode::encode_to_vec(list, bincode::config::standard()).unwrap()
}

fn read_list(bytes: &[u8]) -> Vec<String> {
    let read = bincode::decode_from_slice(bytes, bincode::config::standard());
    read.unwrap().0
}

fn read(row: &Row<'_>) -> rusqlite::Result<Record> {
    Ok(Record {
        path: row.get(0)?,
        nar_hash: row.get(1)?,
        nar_size: row.get(2)?,
        registration_time: row.get(3)?,
        deriver: row.get(4)?,
        references: read_list(row.get_ref(5)?.as_blob()?),
        signatures: read_list(row.get_ref(6)?.as_blob()?),
        content_address: row.get(7)?,
    })
}

fn get(connection: &Connection, path: &str) -> Option<Record> {
    let mut get = connection.prepare_cached(GET).unwrap();
    let mut found = get.query_map([path], read).unwrap();
    found.next().map(Result::unwrap)
}

fn records(connection: &Connection, query: &str, values: impl rusqlite::Params) -> u64 {
    let mut query = connection.prepare_cached(query).unwrap();
    let found = query.query_map(values, read).unwrap();
    found.map(|record| record.unwrap().sum()).sum()
}

fn paths(connection: &Connection, query: &str, values: impl rusqlite::Params) -> u64 {
    let mut query = connection.prepare_cached(query).unwrap();
    let found = query.query_map(values, |row| row.get::<_, String>(0));
    found.unwrap().map(|path| path.unwrap().len() as u64).sum()
}

fn unrefer(txn: &Transaction<'_>, old: &Record) {
    let mut unrefer = txn.prepare_cached(UNREFER).unwrap();
    for target in &old.references {
        unrefer.execute(params![target, old.path]).unwrap();
    }
}

fn put(txn: &Transaction<'_>, record: &Record) {
    if let Some(old) = get(txn, &record.path) {
        unrefer(txn, &old);
    }
    let values = params![
        record.path,
        record.nar_hash,
        record.nar_size,
        record.registration_time,
        record.deriver,
        list(&record.references),
        list(&record.signatures),
        record.content_address,
    ];
    txn.prepare_cached(PUT).unwrap().execute(values).unwrap();
    let mut refer = txn.prepare_cached(REFER).unwrap();
    for target in &record.references {
        refer.execute(params![target, record.path]).unwrap();
    }
}

impl Sqlite {
    fn write(&self, work: impl FnOnce(&Transaction<'_>)) {
        let behavior = TransactionBehavior::Immediate;
        let txn = Transaction::new_unchecked(&self.connection, behavior).unwrap();
        work(&txn);
        txn.commit().unwrap();
    }

    fn update(&self, query: &str, paths: &[&str], add: u64) {
        self.write(|txn| {
            let mut update = txn.prepare_cached(query).unwrap();
            for path in paths {
                assert_eq!(update.execute(params![path, add]).unwrap(), 1);
            }
        });
    }
}

impl Layer for Sqlite {
    type Input = Vec<Record>;
    type Held = Held;

    fn create(folder: &Path) -> Self {
        let path = folder.join("store.sqlite");
        let connection = connect(&path);
        connection.execute_batch(SCHEMA).unwrap();
        Self { path, connection }
    }

    fn prepare(records: &[Record]) -> Vec<Record> {
        records.to_vec()
    }

    fn put_batch(&self, records: Vec<Record>) {
        self.write(|txn| records.iter().for_each(|record| put(txn, record)));
    }

    fn put_each(&self, records: Vec<Record>) {
        for record in records {
            self.write(|txn| put(txn, &record));
        }
    }

    fn update_batch(&self, paths: &[&str], add_time: u64) {
        self.update(ADD_TIME, paths, add_time);
    }

    fn update_unindexed(&self, paths: &[&str], add_size: u64) {
        self.update(ADD_SIZE, paths, add_size);
    }

    fn delete_batch(&self, paths: &[&str]) {
        self.write(|txn| {
            let mut delete = txn.prepare_cached(DELETE).unwrap();
            for path in paths {
                unrefer(txn, &get(txn, path).unwrap());
                assert_eq!(delete.execute([path]).unwrap(), 1);
            }
        });
    }

    fn hold(&self) -> Held {
        let connection = connect(&self.path);
        connection.execute_batch("BEGIN").unwrap();
        Held(connection)
    }

    fn gets(&self, held: &Held, paths: &[&str]) -> u64 {
        let gets = paths.iter().map(|path| get(&held.0, path).unwrap().sum());
        gets.sum()
    }

    fn get_own_txn(&self, path: &str) -> u64 {
        get(&self.connection, path).unwrap().sum()
    }

    fn by_deriver(&self, held: &Held, deriver: &str) -> u64 {
        records(&held.0, BY_DERIVER, [deriver])
    }

    fn referrers(&self, held: &Held, path: &str) -> u64 {
        paths(&held.0, REFERRERS, [path])
    }

    fn time_range(&self, held: &Held, from: u64, to: u64) -> u64 {
        records(&held.0, BY_TIME, [from, to])
    }

    fn time_range_keys(&self, held: &Held, from: u64, to: u64) -> u64 {
        paths(&held.0, BY_TIME_KEYS, [from, to])
    }

    fn iterate(&self, held: &Held) -> u64 {
        records(&held.0, ITERATE, [])
    }
}
