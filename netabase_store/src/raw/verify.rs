//! Verification without the types: records and field indexes in full, computed indexes as far as
//! the description goes.

use std::collections::HashMap;

use super::{RawModel, RawStore, records::split_entry, undecodable};
use crate::{
    backends::{Backend, End, Span},
    dynamic::{Value, encode_primary},
    error::Result,
    plan::Entries,
    reader::Reader,
    schema::IndexSchema,
    tables::{IndexTable, ModelTables},
    verify::{ModelCheck, Report, describe},
};

pub(super) fn verify<B: Backend>(store: &RawStore<B>, reader: &Reader<B>) -> Result<Report> {
    let mut report = Report::default();
    let types = &store.schema.types;
    for RawModel { schema, tables, .. } in store.models() {
        let is_covered =
            |position: usize| schema.indexes.get(position).is_some_and(|i| !i.computed);
        let check = ModelCheck {
            reader,
            tables,
            schema,
            types,
        };
        let mut entries_of = |key: &[u8], row: &[u8], entries: &mut Entries| {
            let fields = store.decode_row(schema, tables, key, row)?;
            store.add_entries(schema, tables, key, &fields, entries)?;
            let primary = encode_primary(schema, types, &fields)
                .map_err(|source| undecodable(tables, key, source))?;
            Ok(primary == key && Value::decode_key(&schema.primary_shape, types, key).is_ok())
        };
        let (records, entries) = check.all(is_covered, &mut entries_of, &mut |error| {
            report.problem(|| describe(&error));
            Ok(())
        })?;
        report.records += records;
        report.entries += entries;
        for (index, table) in schema.indexes.iter().zip(&tables.indexes) {
            if index.computed && !store.pending.contains(&table.table) {
                Computed {
                    store,
                    reader,
                    tables,
                    index,
                    table,
                }
                .verify(&mut report)?;
            }
        }
    }
    Ok(report)
}

/// What a computed index is checked with.
struct Computed<'a, B: Backend> {
    store: &'a RawStore<B>,
    reader: &'a Reader<B>,
    tables: &'a ModelTables,
    index: &'a IndexSchema,
    table: &'a IndexTable,
}

impl<B: Backend> Computed<'_, B> {
    fn verify(&self, report: &mut Report) -> Result<()> {
        let table = &self.table.table;
        let name = |key: &[u8]| self.tables.rows.display_key(key);
        let mut named: HashMap<Vec<u8>, u64> = HashMap::new();
        let mut rows = self.reader.rows(self.table.id, &Span::ALL)?;
        while let Some(read) = rows.step(End::Front, |key, value| {
            report.entries += 1;
            let types = &self.store.schema.types;
            match split_entry(self.index, self.table, types, key, value) {
                Err(error) => report.problem(|| describe(&error)),
                Ok((_, primary)) => {
                    if self
                        .reader
                        .get(self.tables.rows.id, primary, |_| ())?
                        .is_none()
                    {
                        report.problem(|| {
                            format!("{table} names {}, which has no record", name(primary))
                        });
                    } else if !self.index.each {
                        *named.entry(primary.to_vec()).or_default() += 1;
                    }
                }
            }
            Ok::<_, crate::NetabaseError>(())
        })? {
            read?;
        }
        for (key, count) in named.iter().filter(|(_, count)| **count > 1) {
            report.problem(|| format!("{table} names {} {count} times", name(key)));
        }
        if !self.index.each && !self.index.sparse {
            let records = self.reader.len(self.tables.rows.id)?;
            let found = named.len();
            if u64::try_from(found) != Ok(records) {
                report.problem(|| format!("{table} names {found} of {records} records"));
            }
        }
        Ok(())
    }
}
