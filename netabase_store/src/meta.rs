//! The stored description: format, schema, and indexes that are to be rebuilt.
//!
//! Layout of the table `__netabase_meta__`:
//! - `format`: the magic `netabase`, then the format version, 4 bytes big-endian
//! - `schema`: the definition's schema in the value codec, then 8 bytes of checksum
//! - `rebuild/<table>`: empty; the index table has to be built from its records on the next open
//!   by a program that has the model

use std::{path::Path, sync::Arc};

use crate::{
    backends::{Backend, End, Rows, Snapshot, Span},
    checksum::{ROW_CHECKSUM_BYTES, TableSeed},
    error::{EncodingDecodingError, Result, StoreError},
    inner::{Durability, Inner},
    schema::DefinitionSchema,
    tables::{META, META_TABLE},
    txn::WriteCore,
    value::{NetabaseValue, ValueReader, ValueWriter},
};

/// The format that this version writes, and the highest it reads.
pub const FORMAT_VERSION: u32 = 1;

const MAGIC: &[u8] = b"netabase";
const FORMAT_KEY: &[u8] = b"format";
const SCHEMA_KEY: &[u8] = b"schema";
const REBUILD_PREFIX: &[u8] = b"rebuild/";

/// What a store says about itself.
#[derive(Debug)]
pub(crate) struct Stored {
    /// The version of the format that it is written in.
    pub(crate) format: u32,
    pub(crate) schema: DefinitionSchema,
    /// The index tables that are to be rebuilt.
    pub(crate) rebuild: Vec<String>,
}

/// Reads the description.
///
/// # Errors
/// Fails when it is missing, damaged, or of a newer format.
pub(crate) fn read<S: Snapshot>(snapshot: &Arc<S>, path: &Path) -> Result<Stored> {
    let not_a_store = |what: &str| StoreError::NotAStore {
        path: path.into(),
        what: what.into(),
    };
    let format = snapshot.get(META, FORMAT_KEY, <[u8]>::to_vec)?;
    let format = format.ok_or_else(|| not_a_store("its description names no format"))?;
    let found = format_of(&format);
    let found = found.ok_or_else(|| not_a_store("its description does not begin as one"))?;
    if found > FORMAT_VERSION {
        return Err(StoreError::NewerFormat {
            found,
            supported: FORMAT_VERSION,
        }
        .into());
    }
    let schema = snapshot.get(META, SCHEMA_KEY, decode_schema)?;
    let schema = schema.ok_or_else(|| not_a_store("its description has no schema"))??;
    Ok(Stored {
        format: found,
        schema,
        rebuild: read_rebuild(snapshot)?,
    })
}

/// What a row of the description says that proves itself.
#[derive(Debug)]
pub(crate) enum Described {
    /// The version of the format.
    Format(u32),
    Schema(DefinitionSchema),
}

/// Reads a row of a description that may be damaged.
pub(crate) fn describes(key: &[u8], value: &[u8]) -> Option<Described> {
    match key {
        FORMAT_KEY => format_of(value).map(Described::Format),
        SCHEMA_KEY => decode_schema(value).ok().map(Described::Schema),
        _ => None,
    }
}

fn format_of(value: &[u8]) -> Option<u32> {
    let version = value.strip_prefix(MAGIC)?.try_into().ok()?;
    Some(u32::from_be_bytes(version))
}

fn read_rebuild<S: Snapshot>(snapshot: &Arc<S>) -> Result<Vec<String>> {
    let mut rows = snapshot.rows(META, &Span::prefix(REBUILD_PREFIX.to_vec()))?;
    let mut tables = Vec::new();
    while let Some(table) = rows.step(End::Front, |key, _| {
        String::from_utf8_lossy(key.get(REBUILD_PREFIX.len()..).unwrap_or_default()).into_owned()
    })? {
        tables.push(table);
    }
    Ok(tables)
}

fn decode_schema(row: &[u8]) -> Result<DefinitionSchema> {
    let (table, key) = (META_TABLE.to_owned(), "schema".to_owned());
    let Some((body, sum)) = row.split_last_chunk::<ROW_CHECKSUM_BYTES>() else {
        return Err(EncodingDecodingError::Checksum { table, key }.into());
    };
    if TableSeed::of(META_TABLE).row(SCHEMA_KEY, body) != *sum {
        return Err(EncodingDecodingError::Checksum { table, key }.into());
    }
    let mut reader = ValueReader::new(body);
    let schema = DefinitionSchema::decode_value(&mut reader).and_then(|schema| {
        reader.finish()?;
        Ok(schema)
    });
    schema.map_err(|source| EncodingDecodingError::BincodeDecode { table, key, source }.into())
}

/// Writes the description of a new store, as one durable commit.
pub(crate) fn write_schema<B: Backend>(
    inner: &Arc<Inner<B>>,
    schema: &DefinitionSchema,
) -> Result<()> {
    let core = inner.begin()?;
    edit_schema(&core, schema)?;
    core.commit(Durability::Immediate)
}

/// Writes the description inside a transaction.
pub(crate) fn edit_schema<B: Backend>(
    core: &WriteCore<B>,
    schema: &DefinitionSchema,
) -> Result<()> {
    let mut format = MAGIC.to_vec();
    format.extend_from_slice(&FORMAT_VERSION.to_be_bytes());
    core.edit(META, FORMAT_KEY.to_vec(), Some(format.into()));
    let mut row = Vec::new();
    schema
        .encode_value(&mut ValueWriter::new(&mut row))
        .map_err(|source| EncodingDecodingError::BincodeEncode {
            model: schema.name.clone(),
            source,
        })?;
    let sum = TableSeed::of(META_TABLE).row(SCHEMA_KEY, &row);
    row.extend_from_slice(&sum);
    core.edit(META, SCHEMA_KEY.to_vec(), Some(row.into()));
    Ok(())
}

/// Notes that index tables are to be rebuilt on the next open by a program that has their models.
pub(crate) fn edit_rebuild<B: Backend>(core: &WriteCore<B>, tables: &[String]) {
    for table in tables {
        core.edit(META, rebuild_key(table), Some(Vec::new().into()));
    }
}

/// Notes that index tables have been rebuilt.
pub(crate) fn edit_rebuilt<B: Backend>(core: &WriteCore<B>, tables: &[String]) {
    for table in tables {
        core.edit(META, rebuild_key(table), None);
    }
}

fn rebuild_key(table: &str) -> Vec<u8> {
    [REBUILD_PREFIX, table.as_bytes()].concat()
}
