//! Realisations of both kinds, each in tables of its own.

use nix_core::{
    realisation::{DrvOutput, DrvOutputError, LegacyDrvOutput, LegacyRealisation, Realisation},
    signature::Signature,
    store_path::{OutputName, StorePath, StorePathError},
};

use crate::store::{AnyRealisation, RealisationId};

use super::{
    column::{Ascending, Columns},
    connection::has_table,
    error::{NixDbError, NixDbResult},
    snapshot::Snapshot,
};

pub(super) const BY_HASH: &str = "Realisations";
pub(super) const BY_PATH: &str = "BuildTraceV3";
pub(super) const DEPENDENT: &str = "RealisationsRefs";

/// How many rows are read before they are passed on.
const BATCH_ROWS: i64 = 256;

impl Snapshot<'_> {
    pub(super) fn realisation(&self, id: &RealisationId) -> NixDbResult<Option<AnyRealisation>> {
        match id {
            RealisationId::Hash(id) if has_table(&self.txn, BY_HASH)? => {
                let found = self.realisation_by_hash(id)?;
                Ok(found.map(AnyRealisation::Hash))
            }
            RealisationId::Path(id) if has_table(&self.txn, BY_PATH)? => {
                let found = self.realisation_by_path(id)?;
                Ok(found.map(AnyRealisation::Path))
            }
            RealisationId::Hash(_) | RealisationId::Path(_) => Ok(None),
        }
    }

    fn realisation_by_hash(&self, id: &LegacyDrvOutput) -> NixDbResult<Option<LegacyRealisation>> {
        let query = "select r.rowid, r.drvPath, r.outputName, v.path, r.signatures \
                     from Realisations r left join ValidPaths v on v.rowid = r.outputPath \
                     where r.drvPath = ?1 and r.outputName = ?2 order by r.rowid limit 1";
        let hash = format!("sha256:{}", id.drv_hash.to_base16());
        let params = [hash.as_str(), id.output_name.as_str()];
        let found = self.rows(BY_HASH, query, params, |row| {
            Ok(Some((row.id, self.read_by_hash(row)?)))
        })?;
        found
            .map(|(row, found)| self.with_dependent(row, found))
            .transpose()
    }

    fn read_by_hash(&self, row: &Columns<'_>) -> NixDbResult<LegacyRealisation> {
        let out_path = row.parse_joined(3, "outputPath", |text| self.parse_path(text))?;
        let mut found = LegacyRealisation::new(drv_output(row)?, out_path);
        found.signatures = row.words(4, "signatures", str::parse::<Signature>)?;
        Ok(found)
    }

    fn parse_path(&self, text: &str) -> Result<StorePath, StorePathError> {
        self.store_dir.parse_canonical(text)
    }

    /// Adds what a realisation depends on.
    fn with_dependent(
        &self,
        row: i64,
        mut found: LegacyRealisation,
    ) -> NixDbResult<LegacyRealisation> {
        if !has_table(&self.txn, DEPENDENT)? {
            return Ok(found);
        }
        let query = "select q.rowid, r.drvPath, r.outputName, v.path from RealisationsRefs q \
                     left join Realisations r on r.rowid = q.realisationReference \
                     left join ValidPaths v on v.rowid = r.outputPath \
                     where q.referrer = ?1 and q.realisationReference is not null \
                     order by q.rowid";
        let mut order = Ascending::new(DEPENDENT);
        self.rows(DEPENDENT, query, [row], |row| {
            order.check(row.id, row.id)?;
            let path = row.parse_joined(3, "realisationReference", |text| self.parse_path(text))?;
            found.dependent_realisations.insert(drv_output(row)?, path);
            Ok(None::<()>)
        })?;
        Ok(found)
    }

    fn realisation_by_path(&self, id: &DrvOutput) -> NixDbResult<Option<Realisation>> {
        let query = "select rowid, drvPath, outputName, outputPath, signatures \
                     from BuildTraceV3 \
                     where drvPath = ?1 and outputName = ?2 order by rowid limit 1";
        let params = [id.drv_path.base_name(), id.output_name.as_str()];
        self.rows(BY_PATH, query, params, |row| {
            self.read_by_path(row).map(Some)
        })
    }

    fn read_by_path(&self, row: &Columns<'_>) -> NixDbResult<Realisation> {
        let key = DrvOutput {
            drv_path: row.parse(1, "drvPath", StorePath::from_base_name)?,
            output_name: row.parse(2, "outputName", OutputName::new)?,
        };
        let out_path = row.parse(3, "outputPath", |text| self.parse_path(text))?;
        let mut found = Realisation::new(key, out_path);
        found.value.signatures = row.words(4, "signatures", str::parse::<Signature>)?;
        Ok(found)
    }

    /// Calls `each` for every realisation, the oldest first.
    pub(super) fn for_each_realisation<E: From<NixDbError>>(
        &self,
        each: &mut dyn FnMut(AnyRealisation) -> Result<(), E>,
    ) -> Result<(), E> {
        if has_table(&self.txn, BY_HASH)? {
            let query = "select r.rowid, r.drvPath, r.outputName, v.path, r.signatures \
                         from Realisations r left join ValidPaths v on v.rowid = r.outputPath \
                         where r.rowid > ?1 order by r.rowid limit ?2";
            let read = |row: &Columns<'_>| self.read_by_hash(row);
            self.for_each_batch(BY_HASH, query, read, |row, found| {
                let found = self.with_dependent(row, found)?;
                each(AnyRealisation::Hash(found))
            })?;
        }
        if has_table(&self.txn, BY_PATH)? {
            let query = "select rowid, drvPath, outputName, outputPath, signatures \
                         from BuildTraceV3 where rowid > ?1 order by rowid limit ?2";
            let read = |row: &Columns<'_>| self.read_by_path(row);
            self.for_each_batch(BY_PATH, query, read, |_, found| {
                each(AnyRealisation::Path(found))
            })?;
        }
        Ok(())
    }

    /// Reads all rows of a table, so many at a time that statements about one of them may follow.
    fn for_each_batch<T, E: From<NixDbError>>(
        &self,
        table: &'static str,
        query: &str,
        read: impl Fn(&Columns<'_>) -> NixDbResult<T>,
        mut each: impl FnMut(i64, T) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut order = Ascending::new(table);
        let mut last = i64::MIN;
        loop {
            let mut batch = Vec::new();
            self.rows(table, query, [last, BATCH_ROWS], |row| {
                order.check(row.id, row.id)?;
                batch.push((row.id, read(row)?));
                Ok(None::<()>)
            })?;
            let Some((row, _)) = batch.last() else {
                return Ok(());
            };
            last = *row;
            for (row, found) in batch {
                each(row, found)?;
            }
        }
    }
}

/// Reads the two columns that name an output by its derivation's hash.
fn drv_output(row: &Columns<'_>) -> NixDbResult<LegacyDrvOutput> {
    let hash = row.parse(1, "drvPath", |text| -> Result<_, DrvOutputError> {
        let output: LegacyDrvOutput = format!("{text}!out").parse()?;
        Ok(output.drv_hash)
    })?;
    Ok(LegacyDrvOutput {
        drv_hash: hash,
        output_name: row.parse(2, "outputName", OutputName::new)?,
    })
}
