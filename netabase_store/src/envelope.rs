//! The record envelope: what surrounds a payload on disk.
//!
//! Layout of a row's value, format 1:
//! - byte 0: the format, 1: bincode 2 payload, XXH3 checksum
//! - bytes 1..3: the model's schema version, big-endian
//! - the payload
//! - the last 8 bytes: XXH3-64 of all bytes before, combined with that of the key seeded by the
//!   table's name, little-endian

#[cfg(test)]
mod tests;

use crate::{
    checksum::ROW_CHECKSUM_BYTES,
    error::{EncodingDecodingError, NetabaseError, Result, StoreError},
    model::NetabaseModelTrait,
    tables::RowTable,
    value::{VALUE_BYTES_MAX, ValueError, ValueReader, ValueWriter},
};

/// The format that is written.
const FORMAT_BINCODE: u8 = 1;
const HEADER_BYTES: usize = 3;

/// Appends the row of a record to `out`: header, what `payload` writes, checksum.
///
/// # Errors
/// Fails when the payload does, or exceeds [`VALUE_BYTES_MAX`]; `out` is then of no use.
pub(crate) fn seal(
    table: &RowTable,
    key: &[u8],
    out: &mut Vec<u8>,
    payload: impl FnOnce(&mut ValueWriter<'_>) -> Result<(), ValueError>,
) -> Result<()> {
    let start = out.len();
    let [high, low] = table.version.to_be_bytes();
    out.extend_from_slice(&[FORMAT_BINCODE, high, low]);
    payload(&mut ValueWriter::new(out)).map_err(|source| EncodingDecodingError::BincodeEncode {
        model: table.name.clone(),
        source,
    })?;
    let body = out.get(start..).unwrap_or_default();
    refuse_larger(table, body.len())?;
    let sum = table.seed.row(key, body);
    out.extend_from_slice(&sum);
    Ok(())
}

fn refuse_larger(table: &RowTable, bytes: usize) -> Result<(), StoreError> {
    if bytes > VALUE_BYTES_MAX {
        return Err(StoreError::ValueTooLarge {
            table: table.name.clone(),
            bytes,
            max: VALUE_BYTES_MAX,
        });
    }
    Ok(())
}

/// Checks the envelope of a row and returns its payload.
///
/// # Errors
/// Fails, naming table and key, when any bit of the row or its key has changed.
#[inline]
pub(crate) fn open<'a>(table: &RowTable, key: &[u8], row: &'a [u8]) -> Result<&'a [u8]> {
    let Some((body, sum)) = row.split_last_chunk::<ROW_CHECKSUM_BYTES>() else {
        return Err(refuse(table, key, "it is too short"));
    };
    let Some((header, payload)) = body.split_first_chunk::<HEADER_BYTES>() else {
        return Err(refuse(table, key, "it is too short"));
    };
    if table.seed.row(key, body) != *sum {
        return Err(changed(table, key));
    }
    let [format, high, low] = *header;
    if format != FORMAT_BINCODE {
        return Err(refuse(table, key, "its format is not known here"));
    }
    if u16::from_be_bytes([high, low]) != table.version {
        return Err(refuse(table, key, "its schema version is not the model's"));
    }
    Ok(payload)
}

/// Returns whether a row is what was written under this key of this table.
pub(crate) fn proves(table: &RowTable, key: &[u8], row: &[u8]) -> bool {
    let Some((body, sum)) = row.split_last_chunk::<ROW_CHECKSUM_BYTES>() else {
        return false;
    };
    let [high, low] = table.version.to_be_bytes();
    body.starts_with(&[FORMAT_BINCODE, high, low]) && table.seed.row(key, body) == *sum
}

/// Builds the record of a row.
///
/// # Errors
/// Fails, naming table and key, when the row is not what was written for this key.
#[inline]
pub(crate) fn decode<D, M: NetabaseModelTrait<D>>(
    table: &RowTable,
    key: &[u8],
    row: &[u8],
) -> Result<M> {
    decode_payload(table, key, open(table, key, row)?)
}

/// Checks the envelope of a row and hands on its fields.
///
/// # Errors
/// Fails, naming table and key, when the row is not what was written for this key, and when `read`
/// fails.
#[inline]
pub(crate) fn read_fields<R>(
    table: &RowTable,
    key: &[u8],
    row: &[u8],
    read: impl FnOnce(&mut ValueReader<'_>) -> Result<R, ValueError>,
) -> Result<R> {
    let payload = open(table, key, row)?;
    read(&mut ValueReader::new(payload)).map_err(|source| undecodable(table, key, source))
}

/// Builds the record of a row whose key is not known; the caller checks the envelope by the
/// record's own key before it trusts the record.
///
/// # Errors
/// Fails when the row is no envelope or its payload no record.
pub(crate) fn decode_unverified<D, M: NetabaseModelTrait<D>>(
    table: &RowTable,
    row: &[u8],
) -> Result<M> {
    let body = row
        .len()
        .checked_sub(ROW_CHECKSUM_BYTES)
        .and_then(|end| row.get(..end));
    let payload = body.and_then(|body| body.get(HEADER_BYTES..));
    decode_payload(
        table,
        &[],
        payload.ok_or_else(|| refuse(table, &[], "it is too short"))?,
    )
}

#[inline]
fn decode_payload<D, M: NetabaseModelTrait<D>>(
    table: &RowTable,
    key: &[u8],
    payload: &[u8],
) -> Result<M> {
    let mut reader = ValueReader::new(payload);
    let decoded = M::__decode_payload(&mut reader).and_then(|model| {
        reader.finish()?;
        Ok(model)
    });
    decoded.map_err(|source| undecodable(table, key, source))
}

#[cold]
fn undecodable(table: &RowTable, key: &[u8], source: ValueError) -> NetabaseError {
    let (table, key) = (table.name.clone(), table.display_key(key));
    EncodingDecodingError::BincodeDecode { table, key, source }.into()
}

#[cold]
fn changed(table: &RowTable, key: &[u8]) -> NetabaseError {
    let (table, key) = (table.name.clone(), table.display_key(key));
    EncodingDecodingError::Checksum { table, key }.into()
}

#[cold]
fn refuse(table: &RowTable, key: &[u8], what: &'static str) -> NetabaseError {
    let (table, key) = (table.name.clone(), table.display_key(key));
    EncodingDecodingError::Envelope { table, key, what }.into()
}
