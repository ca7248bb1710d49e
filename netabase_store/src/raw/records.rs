//! The records of a model, one after another.

use std::{collections::HashMap, sync::Arc};

use super::{Fields, RawModel, RawStore};
use crate::{
    backends::{Backend, End, Span, hex},
    dynamic::{KeyCursor, Value},
    error::{EncodingDecodingError, Result},
    key::KeyError,
    plan::entry_primary,
    query::Split,
    reader::{MergedRows, Reader},
    schema::{IndexSchema, ModelSchema, NamedType},
    tables::{IndexTable, ModelTables},
};

/// A record of a raw store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawRecord<'s> {
    /// The primary key.
    pub key: Value<'s>,
    /// The fields, in the order of the model.
    pub fields: Vec<(&'s str, Value<'s>)>,
    /// The values that the record has in each computed index, ascending; an index that is to be
    /// rebuilt is left out.
    pub computed: Vec<(&'s str, Vec<Value<'s>>)>,
}

/// The encoded values that records have in computed indexes, by primary key.
type Computed = HashMap<Vec<u8>, Vec<(usize, Vec<u8>)>>;

/// A walk over the records of a model, from [`RawModel::records`]; it ends after the first error.
pub struct RawRecords<'a, B: Backend> {
    store: &'a RawStore<B>,
    schema: &'a ModelSchema,
    tables: &'a Arc<ModelTables>,
    rows: Option<MergedRows<B>>,
    computed: Computed,
}

impl<'a, B: Backend> RawRecords<'a, B> {
    pub(super) fn new(model: &RawModel<'a, B>) -> Result<Self> {
        let RawModel {
            store,
            schema,
            tables,
        } = *model;
        let reader = store.inner.reader()?;
        let mut computed = Computed::new();
        for (position, index, table) in kept(store, schema, tables) {
            read_entries(
                &reader,
                position,
                index,
                table,
                &store.schema.types,
                &mut computed,
            )?;
        }
        let rows = Some(reader.rows(tables.rows.id, &Span::ALL)?);
        Ok(Self {
            store,
            schema,
            tables,
            rows,
            computed,
        })
    }

    fn step(&mut self) -> Result<Option<RawRecord<'a>>> {
        let Some(rows) = &mut self.rows else {
            return Ok(None);
        };
        let (store, schema, tables) = (self.store, self.schema, self.tables);
        let read = rows.step(End::Front, |key, row| {
            let fields = store.decode_row(schema, tables, key, row)?;
            let types = &store.schema.types;
            let primary = Value::decode_key(&schema.primary_shape, types, key)
                .map_err(|source| bad_key(&tables.rows.name, key, source))?;
            Ok::<_, crate::NetabaseError>((key.to_vec(), primary, fields))
        })?;
        read.transpose()?
            .map(|(key, primary, fields)| self.record(&key, primary, fields))
            .transpose()
    }

    fn record(
        &mut self,
        key: &[u8],
        primary: Value<'a>,
        fields: Fields<'a>,
    ) -> Result<RawRecord<'a>> {
        let held = self.computed.remove(key).unwrap_or_default();
        let mut computed = Vec::new();
        for (position, index, table) in kept(self.store, self.schema, self.tables) {
            let values = held
                .iter()
                .filter(|(held, _)| *held == position)
                .map(|(_, value)| {
                    Value::decode_key(&index.shape, &self.store.schema.types, value)
                        .map_err(|source| bad_key(&table.table, value, source))
                });
            computed.push((index.name.as_str(), values.collect::<Result<_>>()?));
        }
        Ok(RawRecord {
            key: primary,
            fields,
            computed,
        })
    }
}

impl<'a, B: Backend> Iterator for RawRecords<'a, B> {
    type Item = Result<RawRecord<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        let stepped = self.step();
        if !matches!(stepped, Ok(Some(_))) {
            self.rows = None;
        }
        stepped.transpose()
    }
}

impl<B: Backend> std::fmt::Debug for RawRecords<'_, B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RawRecords")
            .field("schema", self.schema)
            .finish_non_exhaustive()
    }
}

/// Yields the computed indexes whose entries hold.
fn kept<'a, B: Backend>(
    store: &'a RawStore<B>,
    schema: &'a ModelSchema,
    tables: &'a ModelTables,
) -> impl Iterator<Item = (usize, &'a IndexSchema, &'a IndexTable)> {
    let both = schema.indexes.iter().zip(&tables.indexes).enumerate();
    let computed =
        both.filter(|(_, (index, table))| index.computed && !store.pending.contains(&table.table));
    computed.map(|(position, (index, table))| (position, index, table))
}

fn read_entries<B: Backend>(
    reader: &Reader<B>,
    position: usize,
    index: &IndexSchema,
    table: &IndexTable,
    types: &[NamedType],
    computed: &mut Computed,
) -> Result<()> {
    let mut rows = reader.rows(table.id, &Span::ALL)?;
    while let Some(read) = rows.step(End::Front, |key, value| {
        let (held, primary) = split_entry(index, table, types, key, value)?;
        computed
            .entry(primary.to_vec())
            .or_default()
            .push((position, held.to_vec()));
        Ok::<_, crate::NetabaseError>(())
    })? {
        read?;
    }
    Ok(())
}

/// Returns the encoded value of an index entry and the primary key that it names.
///
/// # Errors
/// Fails when its checksum does not hold, or when it does not begin with a value of the index.
pub(crate) fn split_entry<'e>(
    index: &IndexSchema,
    table: &IndexTable,
    types: &[NamedType],
    key: &'e [u8],
    value: &'e [u8],
) -> Result<(&'e [u8], &'e [u8])> {
    let mut cursor = KeyCursor::new(types, key);
    cursor
        .value(&index.shape)
        .map_err(|source| bad_key(&table.table, key, source))?;
    let end = cursor.position();
    match (
        key.get(..end),
        entry_primary(table, key, value, Split::At(end)),
    ) {
        (Some(held), Some(primary)) if !table.unique || end == key.len() => Ok((held, primary)),
        _ => {
            let (table, key) = (table.table.clone(), hex(key));
            Err(EncodingDecodingError::Checksum { table, key }.into())
        }
    }
}

fn bad_key(table: &str, key: &[u8], source: KeyError) -> crate::NetabaseError {
    let (table, key) = (table.to_owned(), hex(key));
    EncodingDecodingError::Key { table, key, source }.into()
}
