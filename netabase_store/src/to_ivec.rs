//! Keys and records as the bytes that every engine stores.

use std::sync::Arc;

use crate::{
    backends::hex,
    envelope,
    error::{EncodingDecodingError, Result},
    key::{NetabaseKey, decode_key, encode_key},
    model::NetabaseModelTrait,
    schema::{DefinitionSchema, Types},
    tables::{Layout, ModelTables},
};

/// A key or a record, to and from the bytes that stand in a table, whatever the engine.
///
/// A key is its ordered encoding. A record is its whole row: format, schema version, payload, and
/// the checksum that ties it to its table and key. Implemented by the derive macros.
pub trait ToIVec: Sized {
    /// Returns the stored bytes.
    ///
    /// # Errors
    /// Fails when a record cannot be represented.
    fn to_ivec(&self) -> Result<Vec<u8>>;

    /// Reads stored bytes.
    ///
    /// # Errors
    /// Fails, saying where, when they are not what [`to_ivec`](Self::to_ivec) gives.
    fn from_ivec(bytes: &[u8]) -> Result<Self>;
}

/// Returns the bytes of a key.
pub fn key_to_ivec<K: NetabaseKey>(key: &K) -> Vec<u8> {
    encode_key(key)
}

/// Reads the bytes of a key that `name` is the type of.
///
/// # Errors
/// Fails when they are not exactly one key.
pub fn key_from_ivec<K: NetabaseKey>(name: &str, bytes: &[u8]) -> Result<K> {
    decode_key(bytes).map_err(|source| {
        let (table, key) = (name.to_owned(), hex(bytes));
        EncodingDecodingError::Key { table, key, source }.into()
    })
}

/// Returns the row of a record.
///
/// # Errors
/// Fails when the record cannot be represented.
pub fn row_to_ivec<D, M: NetabaseModelTrait<D>>(record: &M) -> Result<Vec<u8>> {
    let model = tables_of::<D, M>();
    let (mut key, mut row) = (Vec::new(), Vec::new());
    record.__encode_primary_key(&mut key);
    envelope::seal(&model.rows, &key, &mut row, |writer| {
        record.__encode_payload(writer)
    })?;
    Ok(row)
}

/// Reads the row of a record, whose key the record itself tells.
///
/// # Errors
/// Fails when any bit of the row has changed.
pub fn row_from_ivec<D, M: NetabaseModelTrait<D>>(row: &[u8]) -> Result<M> {
    let model = tables_of::<D, M>();
    let record: M = envelope::decode_unverified(&model.rows, row)?;
    let mut key = Vec::new();
    record.__encode_primary_key(&mut key);
    envelope::open(&model.rows, &key, row)?;
    Ok(record)
}

fn tables_of<D, M: NetabaseModelTrait<D>>() -> Arc<ModelTables> {
    let mut types = Types::default();
    let models = vec![M::schema(&mut types)];
    let schema = DefinitionSchema {
        name: String::new(),
        models,
        types: types.into_named(),
    };
    let layout = Layout::new(&schema);
    let first = layout.models.into_iter().next();
    first.expect("a layout has the tables of every model it is made of")
}
