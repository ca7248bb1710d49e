//! Registering realisations, each in the table of its kind.

use nix_core::realisation::{LegacyDrvOutput, LegacyRealisation, Realisation};
use rusqlite::params;

use crate::store::{AnyRealisation, Error, Result};

use super::{
    StoreDb,
    connection::has_table,
    error::{NixDbError, NixDbResult},
    realisation::{BY_HASH, BY_PATH, DEPENDENT},
    row::words,
    snapshot::Snapshot,
};

impl StoreDb {
    /// Says where an output lies, in the table of its kind; signatures are joined.
    ///
    /// # Errors
    /// Fails when the output is known to lie elsewhere or to depend on others, when its path is not
    /// valid, when something that it depends on is not registered, when the database has no table of
    /// this kind, and when it cannot be written.
    pub fn register_realisation(&self, realisation: &AnyRealisation) -> Result<()> {
        self.write(|snapshot| {
            let known = snapshot.realisation(&realisation.id())?;
            match (known, realisation) {
                (Some(AnyRealisation::Hash(mut known)), AnyRealisation::Hash(new)) => {
                    known.merge(new.clone())?;
                    Ok(snapshot.sign_by_hash(&known)?)
                }
                (Some(AnyRealisation::Path(mut known)), AnyRealisation::Path(new)) => {
                    known.merge(new.clone())?;
                    Ok(snapshot.sign_by_path(&known)?)
                }
                (_, AnyRealisation::Hash(new)) => snapshot.put_by_hash(new),
                (_, AnyRealisation::Path(new)) => snapshot.put_by_path(new),
            }
        })
    }
}

impl Snapshot<'_> {
    fn sign_by_hash(&self, known: &LegacyRealisation) -> NixDbResult<()> {
        let text = "update Realisations set signatures = ?3 \
                    where drvPath = ?1 and outputName = ?2";
        let hash = drv_hash(&known.id);
        let signatures = words(&known.signatures);
        let params = params![hash, known.id.output_name.as_str(), signatures];
        self.execute(BY_HASH, text, params)
    }

    fn sign_by_path(&self, known: &Realisation) -> NixDbResult<()> {
        let text = "update BuildTraceV3 set signatures = ?3 \
                    where drvPath = ?1 and outputName = ?2";
        let name = known.key.drv_path.base_name();
        let signatures = words(&known.value.signatures);
        let params = params![name, known.key.output_name.as_str(), signatures];
        self.execute(BY_PATH, text, params)
    }

    fn put_by_hash(&self, new: &LegacyRealisation) -> Result<()> {
        self.expect_table(BY_HASH)?;
        let path = &new.out_path;
        let id = self.id(path)?;
        let id = id.ok_or_else(|| Error::NotValid { path: path.clone() })?;
        let text = "insert into Realisations (drvPath, outputName, outputPath, signatures) \
                    values (?1, ?2, ?3, ?4)";
        let hash = drv_hash(&new.id);
        let signatures = words(&new.signatures);
        let params = params![hash, new.id.output_name.as_str(), id, signatures];
        self.execute(BY_HASH, text, params)?;
        let referrer = self.txn.last_insert_rowid();
        for dependent in new.dependent_realisations.keys() {
            let Some(reference) = self.row_by_hash(dependent)? else {
                let id = dependent.to_string();
                return Err(NixDbError::NoRealisation { id }.into());
            };
            let text = "insert into RealisationsRefs (referrer, realisationReference) \
                        values (?1, ?2)";
            self.execute(DEPENDENT, text, [referrer, reference])?;
        }
        Ok(())
    }

    /// Returns the number of the row of a realisation.
    fn row_by_hash(&self, id: &LegacyDrvOutput) -> NixDbResult<Option<i64>> {
        let query = "select rowid from Realisations \
                     where drvPath = ?1 and outputName = ?2 order by rowid limit 1";
        let params = params![drv_hash(id), id.output_name.as_str()];
        self.rows(BY_HASH, query, params, |row| Ok(Some(row.id)))
    }

    fn put_by_path(&self, new: &Realisation) -> Result<()> {
        self.expect_table(BY_PATH)?;
        let path = &new.value.out_path;
        if self.id(path)?.is_none() {
            return Err(Error::NotValid { path: path.clone() });
        }
        let text = "insert into BuildTraceV3 (drvPath, outputName, outputPath, signatures) \
                    values (?1, ?2, ?3, ?4)";
        let params = params![
            new.key.drv_path.base_name(),
            new.key.output_name.as_str(),
            self.store_dir.print(path),
            words(&new.value.signatures)
        ];
        Ok(self.execute(BY_PATH, text, params)?)
    }

    fn expect_table(&self, table: &'static str) -> NixDbResult<()> {
        if has_table(&self.txn, table)? {
            Ok(())
        } else {
            Err(NixDbError::NoTable { table })
        }
    }
}

/// Returns the hash of a derivation as rows have it.
pub(super) fn drv_hash(id: &LegacyDrvOutput) -> String {
    format!("sha256:{}", id.drv_hash.to_base16())
}
