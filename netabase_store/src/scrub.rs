//! Verification in steps, beside readers and writers.
//!
//! A step looks at one snapshot, so what a writer does between two steps is never taken for damage:
//! each record is compared with its entries, and each entry with its record, at one commit.

use std::{fmt, marker::PhantomData, ops::Bound, sync::Arc};

use crate::{
    backends::{Backend, End, Span},
    definition::{ModelVisitor, NetabaseDefinitionTrait},
    error::{NetabaseError, Result, StoreError},
    inner::Inner,
    model::NetabaseModelTrait,
    page::Cursor,
    plan::Entries,
    reader::Reader,
    schema::DefinitionSchema,
    verify::{ModelCheck, Report, describe, typed_entries},
};

/// How many rows a step reads, unless told otherwise.
const ROWS_PER_STEP: usize = 1_000;

/// How a store is scrubbed; the default is from the beginning, 1,000 rows a step.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct ScrubOptions {
    rows_per_step: usize,
    from: Option<Cursor>,
}

impl ScrubOptions {
    /// Returns the default.
    pub fn new() -> Self {
        Self {
            rows_per_step: ROWS_PER_STEP,
            from: None,
        }
    }

    /// Sets how many records or index entries a step reads at most, at least 1.
    pub fn rows_per_step(mut self, rows: usize) -> Self {
        self.rows_per_step = rows.max(1);
        self
    }

    /// Goes on from where an earlier scrub was, as [`Scrub::position`] told.
    pub fn resume(mut self, position: Cursor) -> Self {
        self.from = Some(position);
        self
    }
}

impl Default for ScrubOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// What a step of a scrub looked at, and what it found.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct ScrubStep {
    /// How many records were read.
    pub records: u64,
    /// How many index entries were read.
    pub entries: u64,
    /// What is wrong.
    pub findings: Vec<NetabaseError>,
}

/// A verification that goes on step by step, from [`Store::scrub`](crate::Store::scrub).
///
/// Each `next` is a step, which reads a bounded number of rows, holds no more than those in memory,
/// and holds up no writer. Where the engine cannot read a table, the step is an error, and the next
/// one begins with the table after it.
#[must_use = "a scrub reads nothing until it is iterated"]
pub struct Scrub<D, B: Backend> {
    inner: Arc<Inner<B>>,
    schema: DefinitionSchema,
    rows_per_step: usize,
    table: Option<Table>,
    last: Vec<u8>,
    report: Report,
    definition: PhantomData<fn() -> D>,
}

/// A table by its model and its index, or by the model alone for the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Table {
    model: usize,
    index: Option<usize>,
}

impl<D: NetabaseDefinitionTrait, B: Backend> Scrub<D, B> {
    pub(crate) fn new(inner: &Arc<Inner<B>>, options: &ScrubOptions) -> Result<Self> {
        let mut scrub = Self {
            inner: Arc::clone(inner),
            schema: D::schema(),
            rows_per_step: options.rows_per_step,
            table: None,
            last: Vec::new(),
            report: Report::default(),
            definition: PhantomData,
        };
        scrub.table = scrub.first_of(0);
        let Some(from) = &options.from else {
            return Ok(scrub);
        };
        while let Some(table) = scrub.table {
            if let Ok(last) = from.last(scrub.name(table), false) {
                scrub.last = last.to_vec();
                return Ok(scrub);
            }
            scrub.table = scrub.after(table);
        }
        let what = "the store has no such table";
        Err(StoreError::Cursor { what }.into())
    }

    /// Returns where the next step begins, to be stored and [resumed](ScrubOptions::resume) from;
    /// none at the end.
    #[must_use]
    pub fn position(&self) -> Option<Cursor> {
        self.table
            .map(|table| Cursor::new(self.name(table), false, &self.last))
    }

    /// Returns what all steps so far have found.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.report
    }

    fn first_of(&self, model: usize) -> Option<Table> {
        let is_there = model < self.inner.layout.models.len();
        is_there.then_some(Table { model, index: None })
    }

    fn after(&self, table: Table) -> Option<Table> {
        let index = table.index.map_or(0, |index| index + 1);
        let model = self.inner.layout.models.get(table.model)?;
        if index < model.indexes.len() {
            let (model, index) = (table.model, Some(index));
            return Some(Table { model, index });
        }
        self.first_of(table.model + 1)
    }

    fn name(&self, table: Table) -> &str {
        let Some(model) = self.inner.layout.models.get(table.model) else {
            return "";
        };
        let index = table.index.map(|index| model.indexes.get(index));
        match index {
            None => &model.rows.name,
            Some(index) => index.map_or("", |index| &index.table),
        }
    }

    fn step(&mut self, table: Table) -> Result<ScrubStep> {
        let reader = self.inner.reader()?;
        let mut work = Work {
            scrub: self,
            table,
            reader: &reader,
            step: ScrubStep::default(),
            last: None,
        };
        D::__visit_models(&mut work)?;
        let (step, last) = (work.step, work.last);
        match last {
            Some(last) => self.last = last,
            None => self.end(table),
        }
        Ok(step)
    }

    fn end(&mut self, table: Table) {
        self.table = self.after(table);
        self.last.clear();
    }
}

impl<D: NetabaseDefinitionTrait, B: Backend> Iterator for Scrub<D, B> {
    type Item = Result<ScrubStep>;

    fn next(&mut self) -> Option<Self::Item> {
        let table = self.table?;
        let stepped = self.step(table);
        match &stepped {
            Ok(step) => {
                self.report.records += step.records;
                self.report.entries += step.entries;
                for finding in &step.findings {
                    self.report.problem(|| describe(finding));
                }
            }
            Err(error) => {
                self.report.problem(|| describe(error));
                self.end(table);
            }
        }
        Some(stepped)
    }
}

impl<D, B: Backend> fmt::Debug for Scrub<D, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scrub")
            .field("table", &self.table)
            .field("report", &self.report)
            .finish_non_exhaustive()
    }
}

/// One step, done by the model whose turn it is.
struct Work<'a, D, B: Backend> {
    scrub: &'a Scrub<D, B>,
    table: Table,
    reader: &'a Reader<B>,
    step: ScrubStep,
    // The key up to which the table has been read, while there may be more.
    last: Option<Vec<u8>>,
}

impl<D: NetabaseDefinitionTrait, B: Backend> ModelVisitor<D> for Work<'_, D, B> {
    fn visit<M: NetabaseModelTrait<D>>(&mut self) -> Result<()> {
        let (scrub, table) = (self.scrub, self.table);
        let layout = &scrub.inner.layout;
        let tables = layout.models.get(table.model);
        if tables.is_none_or(|tables| tables.rows.name != M::DISCRIMINANT) {
            return Ok(());
        }
        let check = ModelCheck::of(self.reader, layout, &scrub.schema, M::DISCRIMINANT);
        let Some(check) = check else {
            return Ok(());
        };
        let mut entries_of = typed_entries::<D, M>(check.tables);
        let (step, last) = (&mut self.step, &mut self.last);
        let findings = &mut step.findings;
        let found = &mut |error| {
            findings.push(error);
            Ok(())
        };
        let mut entries = Entries::default();
        let index = table
            .index
            .and_then(|index| check.tables.indexes.get(index));
        let id = index.map_or(check.tables.rows.id, |index| index.id);
        let mut rows = self.reader.rows(id, &after(&scrub.last))?;
        for number in 1..=scrub.rows_per_step {
            let read = rows.step(End::Front, |key, row| {
                if number == scrub.rows_per_step {
                    *last = Some(key.to_vec());
                }
                match table.index {
                    None => {
                        step.records += 1;
                        check.row(
                            key,
                            row,
                            &mut entries,
                            &mut entries_of,
                            &mut |_, _| (),
                            found,
                        )
                    }
                    Some(index) => {
                        step.entries += 1;
                        check.entry(index, (key, row), &mut entries, &mut entries_of, found)
                    }
                }
            })?;
            match read {
                Some(checked) => checked?,
                None => break,
            }
        }
        Ok(())
    }
}

/// The rows after a key; all of them where there was none.
fn after(last: &[u8]) -> Span {
    if last.is_empty() {
        return Span::ALL;
    }
    Span {
        lower: Bound::Excluded(last.to_vec()),
        upper: Bound::Unbounded,
    }
}
