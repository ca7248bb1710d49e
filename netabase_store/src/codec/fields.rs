//! The fields of a record: their values, and their names when something is wrong with them.

use crate::value::{NetabaseValue, ValueError, ValueReader, ValueWriter};

/// Writes a field's value.
///
/// # Errors
/// Fails, naming the field, when the value does.
#[inline]
pub fn encode_field<T: NetabaseValue>(
    writer: &mut ValueWriter<'_>,
    value: &T,
    field: &str,
) -> Result<(), ValueError> {
    value
        .encode_value(writer)
        .map_err(|error| in_field(error, field))
}

/// Reads a field's value.
///
/// # Errors
/// Fails, naming the field, when the value does.
#[inline]
pub fn decode_field<T: NetabaseValue>(
    reader: &mut ValueReader<'_>,
    field: &str,
) -> Result<T, ValueError> {
    T::decode_value(reader).map_err(|error| in_field(error, field))
}

#[cold]
pub(crate) fn in_field(error: ValueError, field: &str) -> ValueError {
    ValueError {
        at: error.at,
        what: format!("field `{field}`: {}", error.what),
    }
}
