//! What a record's fields say about its keys: the primary key and the entries of its indexes.

use super::{Value, field, missing};
use crate::{
    codec::in_field,
    plan::Entries,
    schema::{IndexSchema, ModelSchema, NamedType, Shape},
    value::ValueError,
};

/// Returns the primary key of a record.
///
/// # Errors
/// Fails when the fields are not those that the description makes the key of.
pub(crate) fn encode_primary(
    model: &ModelSchema,
    types: &[NamedType],
    fields: &[(&str, Value<'_>)],
) -> Result<Vec<u8>, ValueError> {
    let mut out = Vec::new();
    encode_parts(
        &model.primary_fields,
        &model.primary_shape,
        types,
        fields,
        &mut out,
    )?;
    Ok(out)
}

/// Adds the entries of every index over fields; what a function computes is known to its program.
///
/// # Errors
/// Fails, naming the index, when the fields are not of the types that it holds.
pub(crate) fn add_entries(
    model: &ModelSchema,
    types: &[NamedType],
    fields: &[(&str, Value<'_>)],
    entries: &mut Entries,
) -> Result<(), ValueError> {
    for (position, index) in model.indexes.iter().enumerate() {
        if index.computed {
            continue;
        }
        let values =
            index_values(index, types, fields).map_err(|error| in_index(error, &index.name))?;
        for value in values {
            entries.parts(position, |out| out.extend_from_slice(&value));
        }
    }
    Ok(())
}

/// Returns the encoded values of an index, ascending and distinct.
fn index_values(
    index: &IndexSchema,
    types: &[NamedType],
    fields: &[(&str, Value<'_>)],
) -> Result<Vec<Vec<u8>>, ValueError> {
    let encoded = |value: &Value<'_>| {
        let mut out = Vec::new();
        value
            .encode_key(&index.shape, types, &mut out)
            .map(|()| out)
    };
    let only = index.fields.first().filter(|_| index.each || index.sparse);
    let Some(name) = only else {
        let mut out = Vec::new();
        encode_parts(&index.fields, &index.shape, types, fields, &mut out)?;
        return Ok(vec![out]);
    };
    let value = field(fields, 0, name).ok_or_else(|| error(missing(name)))?;
    let values: Result<Vec<_>, _> = match value {
        Value::Option(None) if index.sparse => Ok(Vec::new()),
        Value::Option(Some(value)) if index.sparse => encoded(value).map(|value| vec![value]),
        Value::Sequence(items) if index.each => items.iter().map(encoded).collect(),
        Value::Bytes(bytes) if index.each => bytes
            .iter()
            .map(|byte| encoded(&Value::Unsigned((*byte).into())))
            .collect(),
        _ => Err(error("its field is neither an option nor a collection")),
    };
    let mut values = values?;
    values.sort_unstable();
    values.dedup();
    Ok(values)
}

/// Encodes the named fields: one by the shape itself, several by that of a tuple.
fn encode_parts(
    names: &[String],
    shape: &Shape,
    types: &[NamedType],
    fields: &[(&str, Value<'_>)],
    out: &mut Vec<u8>,
) -> Result<(), ValueError> {
    let shapes = match (names, shape) {
        ([_], shape) => std::slice::from_ref(shape),
        (names, Shape::Tuple(shapes)) if names.len() == shapes.len() => shapes,
        _ => {
            return Err(error(
                "the description has another number of fields than of parts",
            ));
        }
    };
    for (position, (name, shape)) in names.iter().zip(shapes).enumerate() {
        let value = field(fields, position, name).ok_or_else(|| error(missing(name)))?;
        value
            .encode_key(shape, types, out)
            .map_err(|error| in_field(error, name))?;
    }
    Ok(())
}

fn error(what: impl Into<String>) -> ValueError {
    ValueError {
        at: 0,
        what: what.into(),
    }
}

fn in_index(error: ValueError, index: &str) -> ValueError {
    ValueError {
        at: error.at,
        what: format!("index `{index}`: {}", error.what),
    }
}
