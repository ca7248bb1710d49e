//! A new database, filled row by row.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use nix_core::{
    graph::{Cycle, Graph, PathCycle},
    path_info::PathInfo,
    realisation::{LegacyRealisation, Realisation},
    store_path::{OutputName, StoreDir, StorePath},
};
use rusqlite::{Connection, params};

use crate::store::{AnyRealisation, Error, Result};

use super::{
    error::{NixDbError, NixDbResult, SqliteContext},
    options::{SCHEMA_VERSION, check_schema_file},
    realisation::{BY_HASH, BY_PATH, DEPENDENT},
    register_realisation::drv_hash,
    row::{PathRow, words},
    schema::{self, CA_SCHEMA_VERSION, NixSchema, Realisations},
    temp::{Temp, refuse_existing, sync_folder, write_version},
};

/// References by path wait here until all paths have their numbers.
const WAITING: &str = "
create temp table WaitingRefs (referrer integer not null, reference text not null);
create temp table WaitingRealisationsRefs (
    referrer integer not null, drvPath text not null, outputName text not null
);
";

/// A database of Nix that is being made.
///
/// A reference may come before the path that it leads to. Nothing lies at
/// the path before [`finish`](Self::finish) has found everything in order: until then the rows are
/// in a file with a name of its own beside it, which is removed when the exporter is dropped.
/// Memory does not depend on the number of rows, but for a look for circles at the end, which takes
/// 16 bytes a reference.
///
/// # Examples
/// ```
/// use nix_core::{hash::Sha256, path_info::PathInfo};
/// use nix_store::{StoreDir, nix_db::{Exporter, NixDbOptions, NixSchema, StoreDb}};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("db.sqlite");
/// let dir = StoreDir::default();
/// let mut exporter = Exporter::create(&path, dir.clone(), NixSchema::default())?;
/// let hello = dir.parse("/nix/store/g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-hello")?;
/// exporter.path(&PathInfo::new(hello.clone(), Sha256::of(b"the archive"), 11), &[].into())?;
/// assert_eq!(exporter.finish()?.paths, 1);
///
/// let db = StoreDb::open(&path, &NixDbOptions::default())?;
/// assert_eq!(db.valid_paths()?, [hello].into());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Exporter {
    connection: Connection,
    temp: Temp,
    path: PathBuf,
    store_dir: StoreDir,
    schema: NixSchema,
    realisations: Realisations,
    report: ExportReport,
}

/// What was exported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExportReport {
    /// The valid paths.
    pub paths: u64,
    /// Their references.
    pub references: u64,
    /// The outputs of derivations whose paths are known.
    pub outputs: u64,
    /// The realisations of both kinds.
    pub realisations: u64,
    /// The derivations of which nothing is known but the path, so that their outputs do not lead to
    /// them.
    pub derivations_unknown: u64,
}

impl Exporter {
    /// Begins a database for `path`, beside which the file `schema` will lie, and `ca-schema` where
    /// the schema has it.
    ///
    /// # Errors
    /// Fails when the file exists, when a file `schema` is there that says another version, and when
    /// the directory cannot be written.
    pub fn create(
        path: impl AsRef<Path>,
        store_dir: StoreDir,
        schema: NixSchema,
    ) -> NixDbResult<Self> {
        let path = path.as_ref().to_owned();
        refuse_existing(&path)?;
        check_schema_file(&path)?;
        let temp = Temp::beside(&path)?;
        let opened = Connection::open(&temp.path);
        let connection = opened.map_err(|source| NixDbError::Open {
            path: temp.path.clone(),
            source: source.into(),
        })?;
        // Whole or not at all is what the temporary file sees to.
        let begun =
            connection.execute_batch("pragma journal_mode = off; pragma synchronous = off;");
        begun.on("create", "ValidPaths")?;
        let made = [schema::TABLES, WAITING].concat();
        let begun = connection.execute_batch(&format!("begin; {made}"));
        begun.on("create", "ValidPaths")?;
        Ok(Self {
            connection,
            temp,
            path,
            store_dir,
            schema,
            realisations: Realisations::default(),
            report: ExportReport::default(),
        })
    }

    /// Adds a path, and the outputs whose paths are known, where it is a derivation.
    ///
    /// # Errors
    /// Fails when the path was added before, on numbers that Nix cannot store, and when the file
    /// cannot be written.
    pub fn path(
        &mut self,
        info: &PathInfo,
        outputs: &BTreeMap<OutputName, StorePath>,
    ) -> NixDbResult<()> {
        let id = self.report.paths + 1;
        let id = i64::try_from(id).map_err(|_| NixDbError::Number {
            path: info.path.clone(),
            column: "id",
        })?;
        PathRow::new(&self.store_dir, info)?.insert(&self.connection, Some(id))?;
        for reference in &info.references {
            let text = "insert into temp.WaitingRefs values (?1, ?2)";
            let reference = self.store_dir.print(reference);
            self.execute("Refs", text, params![id, reference])?;
        }
        for (name, path) in outputs {
            let text = "insert into DerivationOutputs (drv, id, path) values (?1, ?2, ?3)";
            let path = self.store_dir.print(path);
            self.execute("DerivationOutputs", text, params![id, name.as_str(), path])?;
        }
        self.report.paths += 1;
        self.report.outputs += outputs.len() as u64;
        Ok(())
    }

    /// Adds a realisation, after the path that it leads to. The tables of either kind are made when
    /// the first one comes.
    ///
    /// # Errors
    /// Fails when the path was not added, and when the file cannot be written.
    pub fn realisation(&mut self, realisation: &AnyRealisation) -> Result<()> {
        match realisation {
            AnyRealisation::Hash(realisation) => self.by_hash(realisation)?,
            AnyRealisation::Path(realisation) => self.by_path(realisation)?,
        }
        self.report.realisations += 1;
        Ok(())
    }

    fn by_hash(&mut self, of: &LegacyRealisation) -> Result<()> {
        if !self.realisations.by_hash {
            let made = self.connection.execute_batch(schema::REALISATIONS);
            made.on("create", BY_HASH)?;
            self.realisations.by_hash = true;
        }
        let path = self.store_dir.print(&of.out_path);
        let text = "insert into Realisations (drvPath, outputName, outputPath, signatures) \
                    select ?1, ?2, id, ?4 from ValidPaths where path = ?3";
        let mut statement = self.connection.prepare_cached(text).on("write", BY_HASH)?;
        let name = of.id.output_name.as_str();
        let params = params![drv_hash(&of.id), name, path, words(&of.signatures)];
        if statement.execute(params).on("write", BY_HASH)? == 0 {
            let path = of.out_path.clone();
            return Err(Error::NotValid { path });
        }
        let id = self.connection.last_insert_rowid();
        for dependent in of.dependent_realisations.keys() {
            let text = "insert into temp.WaitingRealisationsRefs values (?1, ?2, ?3)";
            let params = params![id, drv_hash(dependent), dependent.output_name.as_str()];
            self.execute(DEPENDENT, text, params)?;
        }
        Ok(())
    }

    fn by_path(&mut self, of: &Realisation) -> NixDbResult<()> {
        if !self.realisations.by_path {
            let made = self.connection.execute_batch(schema::BUILD_TRACE);
            made.on("create", BY_PATH)?;
            self.realisations.by_path = true;
        }
        let text = "insert into BuildTraceV3 (drvPath, outputName, outputPath, signatures) \
                    values (?1, ?2, ?3, ?4)";
        let params = params![
            of.key.drv_path.base_name(),
            of.key.output_name.as_str(),
            self.store_dir.print(&of.value.out_path),
            words(&of.value.signatures)
        ];
        self.execute(BY_PATH, text, params)
    }

    fn execute(
        &self,
        table: &'static str,
        text: &str,
        params: impl rusqlite::Params,
    ) -> NixDbResult<()> {
        let mut statement = self.connection.prepare_cached(text).on("write", table)?;
        statement.execute(params).on("write", table)?;
        Ok(())
    }

    /// Counts a derivation of which only the path is known.
    pub(super) fn unknown_derivation(&mut self) {
        self.report.derivations_unknown += 1;
    }

    pub(super) fn report(&self) -> ExportReport {
        self.report
    }

    /// Puts the database in its place, synced to disk.
    ///
    /// # Errors
    /// Fails when a reference leads to a path that is not there, when references form a circle, when
    /// a file has come to lie there meanwhile, and when the disk refuses.
    pub fn finish(mut self) -> Result<ExportReport> {
        self.check_references()?;
        self.place_references()?;
        self.check_circles()?;
        let done = self.schema.finish(self.realisations);
        let done = format!("{done} commit; pragma journal_mode = wal;");
        let finished = self.connection.execute_batch(&done);
        finished.on("finish", "ValidPaths")?;
        let Self {
            connection, temp, ..
        } = self;
        let closed = connection.close().map_err(|(_, error)| error);
        closed.on("close", "ValidPaths")?;
        temp.publish(&self.path)?;
        let ca_schema = self.schema == NixSchema::V2_8 && self.realisations.by_hash;
        let versions = [
            ("schema", SCHEMA_VERSION, true),
            ("ca-schema", CA_SCHEMA_VERSION, ca_schema),
        ];
        for (name, version, _) in versions.iter().filter(|(_, _, is_there)| *is_there) {
            write_version(&self.path.with_file_name(name), version)?;
        }
        sync_folder(&self.path)?;
        Ok(self.report)
    }

    /// Checks that what is referred to is there.
    fn check_references(&self) -> Result<()> {
        let text = "select v.path, w.reference from temp.WaitingRefs w \
                    join ValidPaths v on v.id = w.referrer \
                    where not exists (select 1 from ValidPaths p where p.path = w.reference) \
                    limit 1";
        if let Some((path, reference)) = self.first(text, "Refs")? {
            return Err(Error::ReferenceNotValid {
                path: self.parse(&path)?,
                reference: self.parse(&reference)?,
            });
        }
        if self.realisations.by_path {
            let text = "select b.outputPath, b.outputName from BuildTraceV3 b \
                        where not exists (select 1 from ValidPaths p where p.path = b.outputPath) \
                        limit 1";
            if let Some((path, _)) = self.first(text, BY_PATH)? {
                let path = self.parse(&path)?;
                return Err(Error::NotValid { path });
            }
        }
        if self.realisations.by_hash {
            let text = "select w.drvPath, w.outputName from temp.WaitingRealisationsRefs w \
                        where not exists (select 1 from Realisations r \
                            where r.drvPath = w.drvPath and r.outputName = w.outputName) limit 1";
            if let Some((hash, name)) = self.first(text, DEPENDENT)? {
                let id = format!("{hash}!{name}");
                return Err(NixDbError::NoRealisation { id }.into());
            }
        }
        Ok(())
    }

    fn first(&self, text: &str, table: &'static str) -> NixDbResult<Option<(String, String)>> {
        let mut statement = self.connection.prepare(text).on("read", table)?;
        let mut rows = statement.query([]).on("read", table)?;
        let row = rows.next().on("read", table)?;
        row.map(|row| Ok((row.get(0)?, row.get(1)?)))
            .transpose()
            .on("read", table)
    }

    /// Parses what was printed before.
    fn parse(&self, text: &str) -> Result<StorePath> {
        let parsed = self.store_dir.parse_canonical(text);
        parsed.map_err(|kind| Error::Row {
            path: text.to_owned(),
            source: crate::FieldError::new("path", text, kind),
        })
    }

    fn place_references(&mut self) -> NixDbResult<()> {
        let text = "insert into Refs (referrer, reference) \
                    select w.referrer, v.id from temp.WaitingRefs w \
                    join ValidPaths v on v.path = w.reference order by 1, 2";
        let count = self.connection.execute(text, []).on("write", "Refs")?;
        self.report.references = count as u64;
        if self.realisations.by_hash {
            let text = "insert into RealisationsRefs (referrer, realisationReference) \
                        select w.referrer, min(r.id) from temp.WaitingRealisationsRefs w \
                        join Realisations r \
                        on r.drvPath = w.drvPath and r.outputName = w.outputName \
                        group by w.rowid order by w.rowid";
            self.connection.execute(text, []).on("write", DEPENDENT)?;
        }
        Ok(())
    }

    /// Checks that no path leads back to itself by way of another. Numbers count from 1.
    fn check_circles(&self) -> Result<()> {
        let text = "select referrer, reference from Refs where referrer <> reference \
                    order by referrer, reference";
        let mut statement = self.connection.prepare(text).on("read", "Refs")?;
        let edges = statement.query_map([], |row| {
            let (from, to): (u32, u32) = (row.get(0)?, row.get(1)?);
            Ok((from.saturating_sub(1), to.saturating_sub(1)))
        });
        let edges: rusqlite::Result<Vec<_>> = edges.on("read", "Refs")?.collect();
        let edges = edges.on("read", "Refs")?;
        let count = usize::try_from(self.report.paths).unwrap_or(usize::MAX);
        let graph = Graph::new(count, &edges).map_err(NixDbError::from)?;
        let Err(Cycle(nodes)) = graph.topological_order() else {
            return Ok(());
        };
        let text = "select path, '' from ValidPaths where id = ";
        let path_of = |node: u32| {
            let found = self.first(&format!("{text}{}", u64::from(node) + 1), "ValidPaths")?;
            self.parse(&found.unwrap_or_default().0)
        };
        let paths: Result<_> = nodes.into_iter().map(path_of).collect();
        Err(PathCycle(paths?).into())
    }
}
