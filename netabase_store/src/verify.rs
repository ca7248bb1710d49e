//! Verification: every record readable, every index exactly what its records say.

use crate::{
    backends::{Backend, End, Span},
    definition::{ModelVisitor, NetabaseDefinitionTrait},
    envelope,
    error::Result,
    key::decode_key,
    model::NetabaseModelTrait,
    plan::{Entries, entry_key, entry_value},
    reader::Reader,
    tables::{Layout, ModelTables},
};

/// How many problems a report names.
const PROBLEMS_MAX: usize = 100;

/// What a verification found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// How many records were read.
    pub records: u64,
    /// How many index entries the records call for.
    pub entries: u64,
    /// How many problems there are.
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

/// Verifies all models of `D`.
pub(crate) fn verify<D: NetabaseDefinitionTrait, B: Backend>(
    reader: Reader<B>,
    layout: &Layout,
) -> Result<Report> {
    let mut work = Verify {
        reader,
        layout,
        report: Report::default(),
    };
    D::__visit_models(&mut work)?;
    Ok(work.report)
}

struct Verify<'a, B: Backend> {
    reader: Reader<B>,
    layout: &'a Layout,
    report: Report,
}

impl<D, B: Backend> ModelVisitor<D> for Verify<'_, B> {
    fn visit<M: NetabaseModelTrait<D>>(&mut self) -> Result<()> {
        let Some(model) = self.layout.model(M::DISCRIMINANT) else {
            return Ok(());
        };
        verify_model(
            &self.reader,
            model,
            &mut self.report,
            |_| true,
            |key, row, entries| {
                let record = envelope::decode::<D, M>(&model.rows, key, row)?;
                record.__encode_entries(entries);
                let mut primary = Vec::new();
                record.__encode_primary_key(&mut primary);
                Ok(primary == key && decode_key::<M::PrimaryKey>(key).is_ok())
            },
        )
    }
}

/// Verifies one model; `entries_of` reads a row, adds its entries in the indexes that `is_covered`
/// picks by position, and returns whether the record has the key that it stands under.
pub(crate) fn verify_model<B: Backend>(
    reader: &Reader<B>,
    model: &ModelTables,
    report: &mut Report,
    is_covered: impl Fn(usize) -> bool,
    mut entries_of: impl FnMut(&[u8], &[u8], &mut Entries) -> Result<bool>,
) -> Result<()> {
    let mut expected = vec![0_u64; model.indexes.len()];
    let mut entries = Entries::default();
    let mut rows = reader.rows(model.rows.id, &Span::ALL)?;
    while let Some(read) = rows.step(End::Front, |key, row| {
        report.records += 1;
        entries.clear();
        let name = |key: &[u8]| format!("{} {}", model.rows.name, model.rows.display_key(key));
        match entries_of(key, row, &mut entries) {
            Err(error) => report.problem(|| format!("{}: {}", name(key), describe(&error))),
            Ok(false) => report.problem(|| format!("{} stands under another key", name(key))),
            Ok(true) => {
                for ((position, index), count) in
                    model.indexes.iter().enumerate().zip(&mut expected)
                {
                    for value in entries.of(position) {
                        *count += 1;
                        let entry = entry_key(index, value, key);
                        let wanted = entry_value(index, &entry, key);
                        let held = reader.get(index.id, &entry, |found| *found == *wanted)?;
                        if held != Some(true) {
                            report.problem(|| format!("{} is not in {}", name(key), index.table));
                        }
                    }
                }
            }
        }
        Ok::<_, crate::NetabaseError>(())
    })? {
        read?;
    }
    for (position, (index, expected)) in model.indexes.iter().zip(expected).enumerate() {
        if !is_covered(position) {
            continue;
        }
        report.entries += expected;
        let found = count(reader, index.id)?;
        if found != expected {
            let table = &index.table;
            report.problem(|| format!("{table} has {found} entries, its records have {expected}"));
        }
    }
    Ok(())
}

fn count<B: Backend>(reader: &Reader<B>, table: crate::backends::TableId) -> Result<u64> {
    let mut rows = reader.rows(table, &Span::ALL)?;
    let mut count = 0;
    while rows.step(End::Front, |_, _| ())?.is_some() {
        count += 1;
    }
    Ok(count)
}

/// An error and its causes in one line.
pub(crate) fn describe(error: &crate::NetabaseError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
