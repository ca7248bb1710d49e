//! sled by hand: opened and brought to disk as the typed store does it, and what most people would
//! write on it first, with text keys joined by a separator, in arrival order.

use std::{fs::File, path::Path};

use sled::{
    Db, IVec, Transactional, Tree,
    transaction::{ConflictableTransactionError, TransactionalTree},
};

use super::{
    CACHE_BYTES, Layer, Record, decode, encode,
    layout::{DERIVER, HASH, NAMES, REFERENCE, ROWS, TIME},
    same_layout::{SameLayout, SledTables},
};

/// The typed store's own layout.
pub type SledSame<const CHECKED: bool> = SameLayout<SledTables, CHECKED>;

type Conflict = ConflictableTransactionError<()>;

/// sled's handle and its log file.
pub struct SledLog {
    pub db: Db,
    file: File,
}

impl SledLog {
    /// Opens or creates the folder.
    #[must_use]
    pub fn open(path: &Path) -> Self {
        let config = sled::Config::new().path(path).flush_every_ms(None);
        let db = config.cache_capacity(CACHE_BYTES as u64).open().unwrap();
        let file = File::options().write(true).open(path.join("db")).unwrap();
        Self { db, file }
    }

    /// Brings all that was written to disk; sled's own flush leaves it in the disk's cache.
    pub fn sync(&self) {
        self.db.flush().unwrap();
        self.file.sync_data().unwrap();
    }
}

/// One tree a table, index entries `value|path`.
pub struct SledNaive {
    trees: [Tree; NAMES.len()],
    log: SledLog,
}

fn joined(value: &str, path: &str) -> String {
    format!("{value}|{path}")
}

fn time_text(time: u64) -> String {
    format!("{time:020}")
}

fn entries(record: &Record) -> Vec<(usize, String)> {
    let path = &record.path;
    let mut entries = vec![
        (HASH, joined(&record.nar_hash, path)),
        (TIME, joined(&time_text(record.registration_time), path)),
    ];
    let deriver = record.deriver.iter();
    entries.extend(deriver.map(|value| (DERIVER, joined(value, path))));
    let references = record.references.iter();
    entries.extend(references.map(|value| (REFERENCE, joined(value, path))));
    entries
}

impl SledNaive {
    fn write(&self, work: impl Fn(&[TransactionalTree]) -> Result<(), Conflict>) {
        let done = self.trees.as_slice().transaction(|views| work(views));
        done.unwrap();
        self.log.sync();
    }

    fn read(&self, path: &[u8]) -> u64 {
        decode(&self.trees[ROWS].get(path).unwrap().unwrap()).sum()
    }

    /// The paths of the entries of a text.
    fn found(&self, table: usize, value: &str) -> impl Iterator<Item = IVec> {
        let prefix = joined(value, "");
        let split = prefix.len();
        let found = self.trees[table].scan_prefix(prefix).keys();
        found.map(move |key| key.unwrap().subslice_from(split))
    }

    fn times(&self, from: u64, to: u64) -> impl Iterator<Item = IVec> {
        let (from, to) = (time_text(from), time_text(to));
        let split = from.len() + 1;
        let found = self.trees[TIME].range(from..to).keys();
        found.map(move |key| key.unwrap().subslice_from(split))
    }
}

trait SubsliceFrom {
    fn subslice_from(&self, start: usize) -> IVec;
}

impl SubsliceFrom for IVec {
    fn subslice_from(&self, start: usize) -> IVec {
        self.subslice(start, self.len() - start)
    }
}

fn text_length(path: &IVec) -> u64 {
    std::str::from_utf8(path).unwrap().to_owned().len() as u64
}

impl Layer for SledNaive {
    type Input = Vec<Record>;
    type Held = ();

    fn create(folder: &Path) -> Self {
        let log = SledLog::open(&folder.join("naive.sled"));
        let trees = NAMES.map(|name| log.db.open_tree(name).unwrap());
        Self { trees, log }
    }

    fn prepare(records: &[Record]) -> Vec<Record> {
        records.to_vec()
    }

    fn put_batch(&self, records: Vec<Record>) {
        self.write(|views| {
            let mut buffer = Vec::new();
            for record in &records {
                encode(record, &mut buffer);
                if let Some(old) = views[ROWS].insert(&*record.path, &*buffer)? {
                    for (table, entry) in entries(&decode(&old)) {
                        views[table].remove(&*entry)?;
                    }
                }
                for (table, entry) in entries(record) {
                    views[table].insert(&*entry, b"")?;
                }
            }
            Ok(())
        });
    }

    fn put_each(&self, records: Vec<Record>) {
        for record in records {
            self.put_batch(vec![record]);
        }
    }

    fn update_batch(&self, paths: &[&str], add_time: u64) {
        self.write(|views| {
            let mut buffer = Vec::new();
            for path in paths {
                let mut record = decode(&views[ROWS].get(path)?.unwrap());
                views[TIME].remove(&*joined(&time_text(record.registration_time), path))?;
                record.registration_time += add_time;
                views[TIME].insert(&*joined(&time_text(record.registration_time), path), b"")?;
                encode(&record, &mut buffer);
                views[ROWS].insert(*path, &*buffer)?;
            }
            Ok(())
        });
    }

    fn update_unindexed(&self, paths: &[&str], add_size: u64) {
        self.write(|views| {
            let mut buffer = Vec::new();
            for path in paths {
                let mut record = decode(&views[ROWS].get(path)?.unwrap());
                record.nar_size += add_size;
                encode(&record, &mut buffer);
                views[ROWS].insert(*path, &*buffer)?;
            }
            Ok(())
        });
    }

    fn delete_batch(&self, paths: &[&str]) {
        self.write(|views| {
            for path in paths {
                let old = views[ROWS].remove(*path)?.unwrap();
                for (table, entry) in entries(&decode(&old)) {
                    views[table].remove(&*entry)?;
                }
            }
            Ok(())
        });
    }

    fn hold(&self) {}

    fn gets(&self, (): &(), paths: &[&str]) -> u64 {
        paths.iter().map(|path| self.read(path.as_bytes())).sum()
    }

    fn get_own_txn(&self, path: &str) -> u64 {
        self.read(path.as_bytes())
    }

    fn by_deriver(&self, (): &(), deriver: &str) -> u64 {
        self.found(DERIVER, deriver)
            .map(|path| self.read(&path))
            .sum()
    }

    fn referrers(&self, (): &(), path: &str) -> u64 {
        self.found(REFERENCE, path)
            .map(|path| text_length(&path))
            .sum()
    }

    fn time_range(&self, (): &(), from: u64, to: u64) -> u64 {
        self.times(from, to).map(|path| self.read(&path)).sum()
    }

    fn time_range_keys(&self, (): &(), from: u64, to: u64) -> u64 {
        self.times(from, to).map(|path| text_length(&path)).sum()
    }

    fn iterate(&self, (): &()) -> u64 {
        let rows = self.trees[ROWS].iter().values();
        rows.map(|row| decode(&row.unwrap()).sum()).sum()
    }
}
