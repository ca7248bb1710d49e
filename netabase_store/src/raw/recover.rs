//! Salvaging a damaged store: its records to a new one, and what was lost.

mod batch;
mod record_store;

use std::{fs, io, path::Path};

use super::{RawStore, check::check_schema, halves::in_halves, load::RawLoader};
use crate::{
    backends::{Backend, FoundRow, OpenBackend, Wanted, Wreck},
    copy::{create_aside, partial_of},
    envelope,
    error::{Result, StoreError},
    meta::{self, Described, FORMAT_VERSION},
    schema::DefinitionSchema,
    tables::{Layout, META_TABLE},
};
#[cfg(feature = "libp2p")]
use crate::{records::salvage, tables::RECORDS_TABLE};

use self::batch::Batch;
pub use self::record_store::RecoveredRecordStore;

/// What was recovered of a damaged store, and what was lost as far as that can be known.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Recovery {
    /// The models, in the order of the definition.
    pub models: Vec<RecoveredModel>,
    /// The record store of Kademlia, where there is one and the feature `libp2p` is on.
    pub record_store: Option<RecoveredRecordStore>,
    /// Where the description of the store comes from.
    pub description: Description,
    /// How many pages with records or with the description could not be read.
    pub pages_unreadable: u64,
    /// Whether the last commit could not be found, so that the one before it is what was recovered.
    pub is_older: bool,
    /// The tables with rows that belong to no model: they are not recovered.
    pub tables_left: Vec<String>,
}

/// What was recovered of a model.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct RecoveredModel {
    /// The model's discriminant.
    pub name: String,
    /// How many records the new store has.
    pub records: u64,
    /// How many of them stood where the last commit could not be read: such a record is one that was
    /// written, but may be an older version of what was lost, or may have been removed.
    pub uncertain: u64,
    /// Of how many of those there were several versions, of which the newest is not known.
    pub ambiguous: u64,
    /// How many rows were found in their place and could not be read.
    pub unreadable: u64,
    /// How many uncertain records were left out because others have their unique values.
    pub conflicts: u64,
    /// How many records the store said that it had, where that can be read.
    pub expected: Option<u64>,
}

impl RecoveredModel {
    /// Returns how many records are missing, where that can be known.
    #[must_use]
    pub fn lost(&self) -> Option<u64> {
        Some(self.expected?.saturating_sub(self.records))
    }

    fn is_whole(&self) -> bool {
        let doubts = self.uncertain + self.unreadable + self.conflicts;
        doubts == 0 && self.expected == Some(self.records)
    }
}

/// Where the description of a recovered store comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Description {
    /// From the last commit of the store.
    Found,
    /// From another page of the store; it may be that of an earlier definition.
    Uncertain,
    /// It was lost, and the given one took its place.
    Given,
}

impl Recovery {
    /// Returns whether nothing was lost: the new store has exactly the records of the last commit.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let is_read = self.pages_unreadable == 0 && !self.is_older && self.tables_left.is_empty();
        is_read
            && self.description == Description::Found
            && self.models.iter().all(RecoveredModel::is_whole)
            && self
                .record_store
                .as_ref()
                .is_none_or(RecoveredRecordStore::is_whole)
    }

    /// Returns how many records of models the new store has.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.models.iter().map(|model| model.records).sum()
    }
}

impl<B: OpenBackend> RawStore<B> {
    /// Writes every record that can be read of the damaged store at `from` to a new store at `to`,
    /// where nothing may be yet, and says what was lost.
    ///
    /// The engine is not asked: its pages are read as bytes, and a record is taken only where its
    /// checksum says that it was written under its key. Records of the last commit come first; where
    /// a page of it cannot be read, the keys that it may have had are looked for in the rest of the
    /// file. Index entries are built anew, those of computed indexes when a program with the models
    /// opens the new store. Where the store's description of itself is lost, `like` takes its place.
    /// The rows of Kademlia's record store come along in the same way, with the feature `libp2p`; of
    /// those that the last commit does not have, no announcement comes, and one record a key.
    ///
    /// The damaged store is read only, and the new one is complete or absent, also after a crash.
    /// The file is read once or twice, in a thread of its own, while another has the operating system
    /// read it ahead; in memory are the keys of uncertain records, and 16 bytes a record of Kademlia.
    /// The new file may have room between its pages, which later commits fill and
    /// [`compact`](Self::compact) gives back.
    ///
    /// # Errors
    /// Fails when something is at `to`, when nothing is at `from` or others have it open, when it or its
    /// record store was written by a later version, when there is no description, or when the new store
    /// cannot be written. Engines whose files cannot be read without them (sled) are
    /// [`Unsupported`](StoreError::Unsupported).
    pub fn recover(
        from: impl AsRef<Path>,
        to: impl AsRef<Path>,
        like: Option<&DefinitionSchema>,
    ) -> Result<Recovery> {
        Self::recover_and(from.as_ref(), to.as_ref(), like, |_| Ok(()))
    }

    /// Recovers a store, and calls `finish` with where it lies before it is moved to its place.
    pub(crate) fn recover_and(
        from: &Path,
        to: &Path,
        like: Option<&DefinitionSchema>,
        finish: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<Recovery> {
        let mut wreck = B::salvage(from)?;
        refuse_own_source(from, to)?;
        let mut recovery = None;
        create_aside(to, |partial| {
            let (schema, description) = describe(&mut *wreck, from, like)?;
            let mut found = begin(&schema, description);
            Self::write(partial, &schema, |loader| {
                fill(&mut *wreck, &schema, &mut found, loader)
            })?;
            recovery = Some(found);
            finish(partial)
        })?;
        Ok(recovery.expect("the new store is there, so it was filled"))
    }
}

/// Finds the description of a store: that of its last commit, else one that stands elsewhere and that
/// is the only one, else the given one, else any.
fn describe(
    wreck: &mut dyn Wreck,
    from: &Path,
    like: Option<&DefinitionSchema>,
) -> Result<(DefinitionSchema, Description)> {
    let (mut certain, mut uncertain) = (None, None);
    let mut is_ambiguous = false;
    let wanted = Wanted {
        tables: &[META_TABLE],
        proves: &|_, key, value| meta::describes(key, value).is_some(),
    };
    wreck.rows(&wanted, &mut |row| {
        match meta::describes(row.key, row.value) {
            Some(Described::Format(found)) if row.is_certain && found > FORMAT_VERSION => {
                let supported = FORMAT_VERSION;
                return Err(StoreError::NewerFormat { found, supported }.into());
            }
            Some(Described::Schema(schema)) if check_schema(&schema).is_ok() => {
                is_ambiguous |= row.is_ambiguous;
                let place = if row.is_certain {
                    &mut certain
                } else {
                    &mut uncertain
                };
                *place = Some(schema);
            }
            _ => {}
        }
        Ok(())
    })?;
    let given = || like.cloned().map(|schema| (schema, Description::Given));
    let elsewhere = uncertain.map(|schema| (schema, Description::Uncertain));
    let described = match certain {
        Some(schema) => Some((schema, Description::Found)),
        None if is_ambiguous => given().or(elsewhere),
        None => elsewhere.or_else(given),
    };
    described.ok_or_else(|| {
        let what = "nothing in it says what it held: name a store of the same definition";
        let (path, what) = (from.into(), what.to_owned());
        StoreError::NotAStore { path, what }.into()
    })
}

/// Returns a recovery that has found nothing yet.
fn begin(schema: &DefinitionSchema, description: Description) -> Recovery {
    let models = schema.models.iter().map(|model| RecoveredModel {
        name: model.discriminant.clone(),
        ..RecoveredModel::default()
    });
    Recovery {
        models: models.collect(),
        record_store: None,
        description,
        pages_unreadable: 0,
        is_older: false,
        tables_left: Vec::new(),
    }
}

/// Adds every record that can be found to the new store, and notes what became of it.
fn fill<B: Backend>(
    wreck: &mut dyn Wreck,
    schema: &DefinitionSchema,
    recovery: &mut Recovery,
    loader: &mut RawLoader<'_, B>,
) -> Result<()> {
    let layout = Layout::new(schema);
    let rows = layout.models.iter().map(|model| &model.rows);
    let mut tables: Vec<_> = rows.map(|rows| rows.name.as_str()).collect();
    // Behind the models, and only for what is lost of it.
    tables.push(META_TABLE);
    #[cfg(feature = "libp2p")]
    let (records, mut record_rows) = (tables.len(), record_store::RecordRows::default());
    #[cfg(feature = "libp2p")]
    tables.push(RECORDS_TABLE);
    let proves = |table: usize, key: &[u8], row: &[u8]| match layout.models.get(table) {
        Some(model) => envelope::proves(&model.rows, key, row),
        #[cfg(feature = "libp2p")]
        None if table == records => salvage::proves(key, row),
        None => meta::describes(key, row).is_some(),
    };
    let wanted = Wanted {
        tables: &tables,
        proves: &proves,
    };
    let models = &mut recovery.models;
    let mut add = |row: FoundRow<'_>| match models.get_mut(row.table) {
        Some(model) => {
            let added = loader.add_row(row.table, row.key, row.value);
            note(model, &row, added)
        }
        #[cfg(feature = "libp2p")]
        None if row.table == records => record_rows.take(&row, loader),
        None => Ok(()),
    };
    let losses = in_halves(
        |hand| {
            let mut batch = Batch::default();
            let losses = wreck.rows(&wanted, &mut |row| {
                batch.push(&row);
                if batch.is_full() {
                    hand(std::mem::take(&mut batch))?;
                }
                Ok(())
            })?;
            hand(batch)?;
            Ok(losses)
        },
        |batch| batch.rows().try_for_each(&mut add),
    )?;
    #[cfg(feature = "libp2p")]
    if let Some(losses) = losses.tables.get(records) {
        recovery.record_store = record_rows.finish(losses, loader)?;
    }
    for (model, losses) in recovery.models.iter_mut().zip(losses.tables) {
        model.unreadable += losses.refused;
        model.expected = losses.expected;
    }
    let indexes = || layout.models.iter().flat_map(|model| &model.indexes);
    let is_index = |name: &str| indexes().any(|index| index.table == name);
    let others = losses.others.into_iter();
    recovery.tables_left = others.filter(|name| !is_index(name)).collect();
    recovery.pages_unreadable = losses.pages;
    recovery.is_older = losses.is_older;
    Ok(())
}

/// Notes what became of a record.
fn note(model: &mut RecoveredModel, row: &FoundRow<'_>, added: Result<()>) -> Result<()> {
    match added {
        Ok(()) => {
            model.records += 1;
            model.uncertain += u64::from(!row.is_certain);
            model.ambiguous += u64::from(row.is_ambiguous);
        }
        Err(error) if error.is_conflict() => model.conflicts += 1,
        Err(error) if error.is_corrupt() => model.unreadable += 1,
        Err(error) => return Err(error),
    }
    Ok(())
}

/// Refuses a damaged store where the new one would be written: what is left there of an earlier
/// attempt is removed.
fn refuse_own_source(from: &Path, to: &Path) -> Result<()> {
    let places = (fs::canonicalize(from), fs::canonicalize(partial_of(to)));
    let (Ok(source), Ok(partial)) = places else {
        return Ok(());
    };
    if source != partial {
        return Ok(());
    }
    Err(StoreError::Io {
        action: "write the new store over its source",
        path: source,
        source: io::ErrorKind::InvalidInput.into(),
    }
    .into())
}
