//! Verification: every record readable, every index exactly what its records say.

use crate::{
    backends::{Backend, End, Span},
    definition::{ModelVisitor, NetabaseDefinitionTrait},
    envelope,
    error::{Difference, NetabaseError, Result, StoreError},
    key::decode_key,
    model::NetabaseModelTrait,
    plan::{Entries, entry_key, entry_value},
    raw::split_entry,
    reader::Reader,
    schema::{DefinitionSchema, ModelSchema, NamedType},
    tables::{IndexTable, Layout, ModelTables},
};

/// How many problems a report names.
const PROBLEMS_MAX: usize = 100;

/// What a verification found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// How many records were read.
    pub records: u64,
    /// How many index entries the records call for; of a scrub, how many it read.
    pub entries: u64,
    /// How many problems there are. A damaged entry may be two: its record misses it, and it is none.
    pub problem_count: u64,
    /// The first hundred problems, one sentence each.
    pub problems: Vec<String>,
}

impl Report {
    /// Returns whether nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.problem_count == 0
    }

    pub(crate) fn problem(&mut self, text: impl FnOnce() -> String) {
        self.problem_count += 1;
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(text());
        }
    }
}

/// Hears of a problem, and fails to end the verification.
pub(crate) type Found<'a> = dyn FnMut(NetabaseError) -> Result<()> + 'a;

/// Verifies all models of `D`.
pub(crate) fn verify<D: NetabaseDefinitionTrait, B: Backend>(
    reader: &Reader<B>,
    layout: &Layout,
) -> Result<Report> {
    let mut report = Report::default();
    let (records, entries) = visit::<D, B>(reader, layout, &mut |error| {
        report.problem(|| describe(&error));
        Ok(())
    })?;
    (report.records, report.entries) = (records, entries);
    Ok(report)
}

/// Fails with the first problem of any model of `D`.
pub(crate) fn check<D: NetabaseDefinitionTrait, B: Backend>(
    reader: &Reader<B>,
    layout: &Layout,
) -> Result<()> {
    visit::<D, B>(reader, layout, &mut Err).map(drop)
}

fn visit<D: NetabaseDefinitionTrait, B: Backend>(
    reader: &Reader<B>,
    layout: &Layout,
    found: &mut Found<'_>,
) -> Result<(u64, u64)> {
    let mut work = Verify {
        reader,
        layout,
        schema: &D::schema(),
        found,
        records: 0,
        entries: 0,
    };
    D::__visit_models(&mut work)?;
    Ok((work.records, work.entries))
}

struct Verify<'a, 'f, B: Backend> {
    reader: &'a Reader<B>,
    layout: &'a Layout,
    schema: &'a DefinitionSchema,
    found: &'a mut Found<'f>,
    records: u64,
    entries: u64,
}

impl<D, B: Backend> ModelVisitor<D> for Verify<'_, '_, B> {
    fn visit<M: NetabaseModelTrait<D>>(&mut self) -> Result<()> {
        let Some(check) = ModelCheck::of(self.reader, self.layout, self.schema, M::DISCRIMINANT)
        else {
            return Ok(());
        };
        let mut entries_of = typed_entries::<D, M>(check.tables);
        let (records, entries) = check.all(|_| true, &mut entries_of, self.found)?;
        self.records += records;
        self.entries += entries;
        Ok(())
    }
}

/// Returns what reads a row of `M`, adds its entries, and says whether it has the key that it stands
/// under.
pub(crate) fn typed_entries<D, M: NetabaseModelTrait<D>>(
    tables: &ModelTables,
) -> impl FnMut(&[u8], &[u8], &mut Entries) -> Result<bool> {
    move |key, row, entries| {
        let record = envelope::decode::<D, M>(&tables.rows, key, row)?;
        record.__encode_entries(entries);
        let mut primary = Vec::new();
        record.__encode_primary_key(&mut primary);
        Ok(primary == key && decode_key::<M::PrimaryKey>(key).is_ok())
    }
}

/// What the rows of a model are checked with. In all methods `entries_of` reads a row, adds its
/// entries, and returns whether the record has the key that it stands under.
pub(crate) struct ModelCheck<'a, B: Backend> {
    pub(crate) reader: &'a Reader<B>,
    pub(crate) tables: &'a ModelTables,
    pub(crate) schema: &'a ModelSchema,
    pub(crate) types: &'a [NamedType],
}

impl<'a, B: Backend> ModelCheck<'a, B> {
    pub(crate) fn of(
        reader: &'a Reader<B>,
        layout: &'a Layout,
        schema: &'a DefinitionSchema,
        model: &str,
    ) -> Option<Self> {
        let mut models = schema.models.iter();
        Some(Self {
            reader,
            tables: layout.model(model)?,
            schema: models.find(|schema| schema.discriminant == model)?,
            types: &schema.types,
        })
    }

    /// Checks all records, and the indexes that `is_covered` picks by position; returns how many
    /// records there are, and how many entries they call for.
    pub(crate) fn all(
        &self,
        is_covered: impl Fn(usize) -> bool,
        entries_of: &mut impl FnMut(&[u8], &[u8], &mut Entries) -> Result<bool>,
        found: &mut Found<'_>,
    ) -> Result<(u64, u64)> {
        let (mut records, mut called) = (0, 0);
        let mut right = vec![0_u64; self.tables.indexes.len()];
        let mut entries = Entries::default();
        let mut rows = self.reader.rows(self.tables.rows.id, &Span::ALL)?;
        while let Some(checked) = rows.step(End::Front, |key, row| {
            records += 1;
            let mut count = |position: usize, is_right: bool| {
                called += 1;
                if let Some(right) = right.get_mut(position) {
                    *right += u64::from(is_right);
                }
            };
            self.row(key, row, &mut entries, entries_of, &mut count, found)
        })? {
            checked?;
        }
        for (position, right) in right.into_iter().enumerate() {
            // Where all entries are those of records, none is left to look at.
            if is_covered(position) && self.count(position)? != right {
                self.index(position, &mut entries, entries_of, found)?;
            }
        }
        Ok((records, called))
    }

    /// Checks a record and that its entries are there; calls `count` for each.
    pub(crate) fn row(
        &self,
        key: &[u8],
        row: &[u8],
        entries: &mut Entries,
        entries_of: &mut impl FnMut(&[u8], &[u8], &mut Entries) -> Result<bool>,
        count: &mut impl FnMut(usize, bool),
        found: &mut Found<'_>,
    ) -> Result<()> {
        entries.clear();
        match entries_of(key, row, entries) {
            Err(error) => return found(error),
            Ok(false) => {
                let (model, key) = self.named(key);
                return found(StoreError::Misplaced { model, key }.into());
            }
            Ok(true) => {}
        }
        for (position, index) in self.tables.indexes.iter().enumerate() {
            for value in entries.of(position) {
                let entry = entry_key(index, value, key);
                let wanted = entry_value(index, &entry, key);
                let held = self
                    .reader
                    .get(index.id, &entry, |found| *found == *wanted)?;
                count(position, held == Some(true));
                match held {
                    Some(true) => {}
                    Some(false) => found(self.differs(index, key, Difference::Changed))?,
                    None => found(self.differs(index, key, Difference::Missing))?,
                }
            }
        }
        Ok(())
    }

    /// Checks that each entry of an index is one that a record calls for.
    fn index(
        &self,
        position: usize,
        entries: &mut Entries,
        entries_of: &mut impl FnMut(&[u8], &[u8], &mut Entries) -> Result<bool>,
        found: &mut Found<'_>,
    ) -> Result<()> {
        let Some(index) = self.tables.indexes.get(position) else {
            return Ok(());
        };
        let mut rows = self.reader.rows(index.id, &Span::ALL)?;
        while let Some(checked) = rows.step(End::Front, |key, value| {
            self.entry(position, (key, value), entries, entries_of, found)
        })? {
            checked?;
        }
        Ok(())
    }

    /// Checks that a record calls for an entry. One that cannot be read may.
    pub(crate) fn entry(
        &self,
        position: usize,
        (key, value): (&[u8], &[u8]),
        entries: &mut Entries,
        entries_of: &mut impl FnMut(&[u8], &[u8], &mut Entries) -> Result<bool>,
        found: &mut Found<'_>,
    ) -> Result<()> {
        let (schema, table) = (&self.schema.indexes, &self.tables.indexes);
        let (Some(schema), Some(table)) = (schema.get(position), table.get(position)) else {
            return Ok(());
        };
        let (held, primary) = match split_entry(schema, table, self.types, key, value) {
            Ok(parts) => parts,
            Err(error) => return found(error),
        };
        entries.clear();
        let read = self.reader.get(self.tables.rows.id, primary, |row| {
            entries_of(primary, row, entries)
        })?;
        match read {
            None => found(self.differs(table, primary, Difference::Dangling)),
            Some(Ok(true)) if entries.of(position).all(|value| value != held) => {
                found(self.differs(table, primary, Difference::Surplus))
            }
            Some(_) => Ok(()),
        }
    }

    fn count(&self, position: usize) -> Result<u64> {
        let Some(index) = self.tables.indexes.get(position) else {
            return Ok(0);
        };
        let mut rows = self.reader.rows(index.id, &Span::ALL)?;
        let mut count = 0;
        while rows.step(End::Front, |_, _| ())?.is_some() {
            count += 1;
        }
        Ok(count)
    }

    fn named(&self, key: &[u8]) -> (String, String) {
        let rows = &self.tables.rows;
        (rows.name.clone(), rows.display_key(key))
    }

    fn differs(&self, index: &IndexTable, key: &[u8], difference: Difference) -> NetabaseError {
        let ((model, key), table) = (self.named(key), index.table.clone());
        StoreError::IndexDiffers {
            model,
            table,
            key,
            difference,
        }
        .into()
    }
}

/// An error and its causes in one line.
pub(crate) fn describe(error: &NetabaseError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
