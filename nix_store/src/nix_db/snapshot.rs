//! Questions about one moment of a database.

use std::collections::{BTreeMap, BTreeSet};

use nix_core::{
    content_address::ContentAddress,
    hash::{Hash, HashError, Sha256},
    path_info::PathInfo,
    signature::Signature,
    store_path::{OutputName, StoreDir, StorePath},
};
use rusqlite::{Params, Row, Transaction};

use crate::store::Direction;

use super::{
    column::{Ascending, Columns},
    error::{NixDbError, NixDbResult, SqliteContext},
};

const PATHS: &str = "ValidPaths";
const REFS: &str = "Refs";
const OUTPUTS: &str = "DerivationOutputs";

/// The columns of a path that [`path_info`] reads. Numbers of rows are read as `rowid`, which is
/// looked up in logarithmic time whatever somebody declared.
const INFO: &str = "rowid, path, hash, registrationTime, deriver, narSize, ultimate, sigs, ca";

/// One moment of a database.
pub(super) struct Snapshot<'c> {
    pub(super) txn: Transaction<'c>,
    pub(super) store_dir: &'c StoreDir,
}

impl Snapshot<'_> {
    /// Calls `each` for every row of an answer, and returns the first thing that it returns.
    pub(super) fn rows<T>(
        &self,
        table: &'static str,
        query: &str,
        params: impl Params,
        mut each: impl FnMut(&Columns<'_>) -> NixDbResult<Option<T>>,
    ) -> NixDbResult<Option<T>> {
        let mut statement = self.txn.prepare_cached(query).on("read", table)?;
        let mut rows = statement.query(params).on("read", table)?;
        while let Some(row) = rows.next().on("read", table)? {
            if let Some(found) = each(&Columns::new(row, table)?)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Collects one thing of every row of an answer.
    fn collect<T: Ord>(
        &self,
        table: &'static str,
        query: &str,
        params: impl Params,
        each: impl Fn(&Columns<'_>) -> NixDbResult<T>,
    ) -> NixDbResult<BTreeSet<T>> {
        let mut found = BTreeSet::new();
        let mut order = Ascending::new(table);
        self.rows(table, query, params, |row| {
            order.check(row.id, row.id)?;
            found.insert(each(row)?);
            Ok(None::<()>)
        })?;
        Ok(found)
    }

    pub(super) fn path(&self, row: &Columns<'_>, at: usize) -> NixDbResult<StorePath> {
        row.parse(at, "path", |text| self.store_dir.parse_canonical(text))
    }

    /// Returns the number of the row of a path.
    pub(super) fn id(&self, path: &StorePath) -> NixDbResult<Option<i64>> {
        let query = "select rowid, path from ValidPaths where path = ?1";
        self.rows(PATHS, query, [self.store_dir.print(path)], |row| {
            same(row, &self.path(row, 1)?, path)?;
            Ok(Some(row.id))
        })
    }

    pub(super) fn path_info(&self, path: &StorePath) -> NixDbResult<Option<PathInfo>> {
        let query = format!("select {INFO} from ValidPaths where path = ?1");
        let info = self.rows(PATHS, &query, [self.store_dir.print(path)], |row| {
            let info = path_info(row, self.store_dir)?;
            same(row, &info.path, path)?;
            Ok(Some((row.id, info)))
        })?;
        let Some((id, mut info)) = info else {
            return Ok(None);
        };
        let query = "select r.rowid, r.reference, v.path from Refs r \
                     left join ValidPaths v on v.rowid = r.reference \
                     where r.referrer = ?1 order by r.reference";
        let mut order = Ascending::new(REFS);
        self.rows(REFS, query, [id], |row| {
            order.check(row.id, row.integer(1, "reference")?)?;
            info.references
                .insert(self.joined_path(row, 2, "reference")?);
            Ok(None::<()>)
        })?;
        Ok(Some(info))
    }

    fn joined_path(
        &self,
        row: &Columns<'_>,
        at: usize,
        column: &'static str,
    ) -> NixDbResult<StorePath> {
        row.parse_joined(at, column, |text| self.store_dir.parse_canonical(text))
    }

    pub(super) fn valid_paths(&self) -> NixDbResult<BTreeSet<StorePath>> {
        let query = "select rowid, path from ValidPaths order by rowid";
        self.collect(PATHS, query, [], |row| self.path(row, 1))
    }

    pub(super) fn referrers(&self, path: &StorePath) -> NixDbResult<BTreeSet<StorePath>> {
        let Some(id) = self.id(path)? else {
            return Ok(BTreeSet::new());
        };
        let query = "select r.rowid, v.path from Refs r \
                     left join ValidPaths v on v.rowid = r.referrer \
                     where r.reference = ?1 order by r.rowid";
        self.collect(REFS, query, [id], |row| {
            self.joined_path(row, 1, "referrer")
        })
    }

    pub(super) fn valid_derivers(&self, path: &StorePath) -> NixDbResult<BTreeSet<StorePath>> {
        let query = "select o.rowid, v.path from DerivationOutputs o \
                     left join ValidPaths v on v.rowid = o.drv \
                     where o.path = ?1 order by o.rowid";
        let path = self.store_dir.print(path);
        self.collect(OUTPUTS, query, [path], |row| {
            self.joined_path(row, 1, "drv")
        })
    }

    pub(super) fn outputs(&self, drv: i64) -> NixDbResult<BTreeMap<OutputName, StorePath>> {
        let query = "select rowid, id, path from DerivationOutputs where drv = ?1 order by rowid";
        let mut outputs = BTreeMap::new();
        let mut order = Ascending::new(OUTPUTS);
        self.rows(OUTPUTS, query, [drv], |row| {
            order.check(row.id, row.id)?;
            outputs.insert(row.parse(1, "id", OutputName::new)?, self.path(row, 2)?);
            Ok(None::<()>)
        })?;
        Ok(outputs)
    }

    pub(super) fn path_from_hash_part(&self, hash_part: &str) -> NixDbResult<Option<StorePath>> {
        let prefix = format!("{}/{hash_part}-", self.store_dir.as_str());
        let query = "select rowid, path from ValidPaths where path >= ?1 order by path limit 1";
        self.rows(PATHS, query, [&prefix], |row| {
            let is_it = row.text(1, "path")?.starts_with(&prefix);
            is_it.then(|| self.path(row, 1)).transpose()
        })
    }

    /// Returns everything that the rows lead to, themselves among it.
    pub(super) fn closure(
        &self,
        ids: BTreeSet<i64>,
        direction: Direction,
    ) -> NixDbResult<BTreeSet<StorePath>> {
        let found = self.closure_ids(ids, direction)?;
        found.into_iter().map(|id| self.path_of(id)).collect()
    }

    /// Returns the numbers of everything that the rows lead to, by one question a row.
    pub(super) fn closure_ids(
        &self,
        mut found: BTreeSet<i64>,
        direction: Direction,
    ) -> NixDbResult<BTreeSet<i64>> {
        let (query, column) = match direction {
            Direction::References => (
                "select rowid, reference from Refs where referrer = ?1 order by reference",
                "reference",
            ),
            Direction::Referrers => (
                "select rowid, referrer from Refs where reference = ?1 order by rowid",
                "referrer",
            ),
        };
        let mut open: Vec<i64> = found.iter().copied().collect();
        while let Some(id) = open.pop() {
            let mut order = Ascending::new(REFS);
            self.rows(REFS, query, [id], |row| {
                let next = row.integer(1, column)?;
                match direction {
                    Direction::References => order.check(row.id, next)?,
                    Direction::Referrers => order.check(row.id, row.id)?,
                }
                if found.insert(next) {
                    open.push(next);
                }
                Ok(None::<()>)
            })?;
        }
        Ok(found)
    }

    pub(super) fn path_of(&self, id: i64) -> NixDbResult<StorePath> {
        let query = "select rowid, path from ValidPaths where rowid = ?1";
        let path = self.rows(PATHS, query, [id], |row| self.path(row, 1).map(Some))?;
        path.ok_or(NixDbError::Dangling {
            table: PATHS,
            row: id,
            column: "id",
        })
    }

    /// Calls `each` for every path in the order of their numbers; two cursors run side by side, one
    /// over the paths and one over the references.
    pub(super) fn for_each_path<E: From<NixDbError>>(
        &self,
        each: &mut dyn FnMut(PathInfo) -> Result<(), E>,
    ) -> Result<(), E> {
        let query = format!("select {INFO} from ValidPaths order by rowid");
        let mut paths = self.txn.prepare_cached(&query).on("read", PATHS)?;
        let mut paths = paths.query([]).on("read", PATHS)?;
        let query = "select r.rowid, r.referrer, r.reference, v.path from Refs r \
                     left join ValidPaths v on v.rowid = r.reference \
                     order by r.referrer, r.reference";
        let mut references = self.txn.prepare_cached(query).on("read", REFS)?;
        let mut references = References {
            rows: references.query([]).on("read", REFS)?,
            order: Ascending::new(REFS),
            next: None,
            store_dir: self.store_dir,
        };
        references.advance()?;
        let mut order = Ascending::new(PATHS);
        while let Some(row) = paths.next().on("read", PATHS)? {
            let row = Columns::new(row, PATHS)?;
            order.check(row.id, row.id)?;
            let mut info = path_info(&row, self.store_dir)?;
            info.references = references.of(row.id)?;
            each(info)?;
        }
        references.expect_end()?;
        Ok(())
    }
}

/// The references of all paths, in the order of who refers.
struct References<'a> {
    rows: rusqlite::Rows<'a>,
    order: Ascending<(i64, i64)>,
    next: Option<Reference>,
    store_dir: &'a StoreDir,
}

/// One of them.
struct Reference {
    row: i64,
    referrer: i64,
    path: StorePath,
}

impl References<'_> {
    fn advance(&mut self) -> NixDbResult<()> {
        let row: Option<&Row<'_>> = self.rows.next().on("read", REFS)?;
        self.next = match row {
            None => None,
            Some(row) => {
                let row = Columns::new(row, REFS)?;
                let referrer = row.integer(1, "referrer")?;
                let reference = row.integer(2, "reference")?;
                self.order.check(row.id, (referrer, reference))?;
                let parse = |text: &str| self.store_dir.parse_canonical(text);
                Some(Reference {
                    row: row.id,
                    referrer,
                    path: row.parse_joined(3, "reference", parse)?,
                })
            }
        };
        Ok(())
    }

    /// Takes those of one path, which come next.
    fn of(&mut self, id: i64) -> NixDbResult<BTreeSet<StorePath>> {
        let mut found = BTreeSet::new();
        while let Some(next) = self.next.take_if(|next| next.referrer == id) {
            found.insert(next.path);
            self.advance()?;
        }
        match &self.next {
            Some(next) if next.referrer < id => Err(next.dangling()),
            _ => Ok(found),
        }
    }

    fn expect_end(&self) -> NixDbResult<()> {
        match &self.next {
            Some(next) => Err(next.dangling()),
            None => Ok(()),
        }
    }
}

impl Reference {
    fn dangling(&self) -> NixDbError {
        NixDbError::Dangling {
            table: REFS,
            row: self.row,
            column: "referrer",
        }
    }
}

/// Checks that an index led to the row that was asked for.
fn same(row: &Columns<'_>, found: &StorePath, asked: &StorePath) -> NixDbResult<()> {
    let (table, row) = (PATHS, row.id);
    if found == asked {
        Ok(())
    } else {
        Err(NixDbError::Order { table, row })
    }
}

/// Reads the columns of [`INFO`].
fn path_info(row: &Columns<'_>, store_dir: &StoreDir) -> NixDbResult<PathInfo> {
    let parse_path = |text: &str| store_dir.parse_canonical(text);
    let parse_hash = |text: &str| -> Result<Sha256, HashError> {
        Hash::parse_prefixed(text).and_then(Sha256::try_from)
    };
    let parse_address = |text: &str| match text {
        "" => Ok(None),
        text => text.parse::<ContentAddress>().map(Some),
    };
    Ok(PathInfo {
        path: row.parse(1, "path", parse_path)?,
        nar_hash: row.parse(2, "hash", parse_hash)?,
        registration_time: row.count(3, "registrationTime")?,
        deriver: row.parse_optional(4, "deriver", parse_path)?,
        nar_size: row.count(5, "narSize")?,
        ultimate: row.optional_integer(6, "ultimate")? == Some(1),
        signatures: row.words(7, "sigs", str::parse::<Signature>)?,
        content_address: row.parse_optional(8, "ca", parse_address)?.flatten(),
        references: BTreeSet::new(),
    })
}
