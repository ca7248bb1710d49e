//! Values whose types are known only from the stored description.
//!
//! Each function walks a [`Shape`] and the bytes side by side. Neither is trusted: how deep it goes
//! and how many values it builds are bounded, whatever a description or a length claims.

mod calendar;
mod decode;
mod encode;
mod entries;
mod keys;
mod known;

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod tests;

use std::fmt;

pub(crate) use self::{
    decode::decode_fields,
    encode::encode_fields,
    entries::{add_entries, encode_primary},
    keys::KeyCursor,
};

use crate::{
    backends::hex,
    key::{KeyError, KeyReader},
    schema::{Fields, NamedType, Shape},
    value::{ValueError, ValueReader, ValueWriter},
};

/// How deep shapes may nest in one value, named types and what lies between them.
const SHAPE_DEPTH_MAX: u32 = 512;

/// How many parts a value may have beside those that its bytes account for.
const PARTS_FREE: usize = 1 << 17;

/// How many parts of a value may stand for one byte.
const PARTS_PER_BYTE: usize = 16;

const UNDESCRIBED: &str = "the description names a type that it does not describe";

/// A value of any stored type, read by its description alone.
///
/// Names are those of the description. Decoding takes at most 16 parts for each byte, and 2^17 more;
/// what a description or a length claims beyond that is an error.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Value<'s> {
    /// `()` or a struct without fields.
    Unit,
    /// A `bool`.
    Bool(bool),
    /// A `char`.
    Char(char),
    /// An unsigned integer of any width.
    Unsigned(u128),
    /// A signed integer of any width.
    Signed(i128),
    /// The bits of an `f32`.
    Float32(u32),
    /// The bits of an `f64`.
    Float64(u64),
    /// A string; or a time, an address or a UUID, as text that names it exactly.
    Text(String),
    /// A byte string or an array of bytes; or a value that only its own serde implementation reads.
    Bytes(Vec<u8>),
    /// An array, a vector or a set.
    Sequence(Vec<Value<'s>>),
    /// A map, in its stored order.
    Map(Vec<(Value<'s>, Value<'s>)>),
    /// A value or nothing.
    Option(Option<Box<Value<'s>>>),
    /// A tuple, or a struct whose fields have no names.
    Tuple(Vec<Value<'s>>),
    /// A struct whose fields have names.
    Struct(Vec<(&'s str, Value<'s>)>),
    /// A variant of an enum: its name, and its fields as a unit, tuple or struct.
    Variant(&'s str, Box<Value<'s>>),
}

// What the bound on parts means in bytes.
const _: () = assert!(size_of::<(&str, Value<'_>)>() <= 48);

impl<'s> Value<'s> {
    /// Reads a whole value in the form that records have.
    ///
    /// # Errors
    /// Fails, saying where, when the bytes are not exactly one value of the shape.
    pub fn decode(
        shape: &'s Shape,
        types: &'s [NamedType],
        bytes: &[u8],
    ) -> Result<Self, ValueError> {
        let mut reader = ValueReader::new(bytes);
        let value = decode::Decoder::new(types, &mut reader).value(shape)?;
        reader.finish()?;
        Ok(value)
    }

    /// Appends the value in the form that records have.
    ///
    /// # Errors
    /// Fails when the value is not one of the shape; `out` is then of no use.
    pub fn encode(
        &self,
        shape: &Shape,
        types: &[NamedType],
        out: &mut Vec<u8>,
    ) -> Result<(), ValueError> {
        encode::Encoder::new(types, &mut ValueWriter::new(out)).value(shape, self)
    }

    /// Reads a whole value in the form that keys have.
    ///
    /// # Errors
    /// Fails, saying where, when the bytes are not exactly one key of the shape.
    pub fn decode_key(
        shape: &'s Shape,
        types: &'s [NamedType],
        bytes: &[u8],
    ) -> Result<Self, KeyError> {
        let mut cursor = KeyCursor::new(types, bytes);
        let value = cursor.value(shape)?;
        let mut rest = KeyReader::new(bytes);
        rest.skip(cursor.position(), "key")?;
        rest.finish()?;
        Ok(value)
    }

    /// Appends the value in the form that keys have.
    ///
    /// # Errors
    /// Fails when the value is not one of the shape; `out` is then of no use.
    pub fn encode_key(
        &self,
        shape: &Shape,
        types: &[NamedType],
        out: &mut Vec<u8>,
    ) -> Result<(), ValueError> {
        keys::KeyEncoder::new(types, out).value(shape, self)
    }

    /// Names the value's kind, for an error that expected another.
    fn kind(&self) -> &'static str {
        match self {
            Self::Unit => "a unit",
            Self::Bool(_) => "a bool",
            Self::Char(_) => "a char",
            Self::Unsigned(_) | Self::Signed(_) => "an integer",
            Self::Float32(_) | Self::Float64(_) => "a float",
            Self::Text(_) => "a text",
            Self::Bytes(_) => "a byte string",
            Self::Sequence(_) => "a sequence",
            Self::Map(_) => "a map",
            Self::Option(_) => "an option",
            Self::Tuple(_) => "a tuple",
            Self::Struct(_) => "a struct",
            Self::Variant(..) => "a variant",
        }
    }
}

/// As a person would write it.
impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unit => f.write_str("()"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Char(value) => write!(f, "{value:?}"),
            Self::Unsigned(value) => write!(f, "{value}"),
            Self::Signed(value) => write!(f, "{value}"),
            Self::Float32(bits) => write!(f, "{:?}", f32::from_bits(*bits)),
            Self::Float64(bits) => write!(f, "{:?}", f64::from_bits(*bits)),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Bytes(bytes) => f.write_str(&hex(bytes)),
            Self::Sequence(items) => list(f, "[", items, "]", |f, item| item.fmt(f)),
            Self::Map(pairs) => list(f, "{", pairs, "}", |f, (key, value)| {
                write!(f, "{key}: {value}")
            }),
            Self::Option(None) => f.write_str("None"),
            Self::Option(Some(value)) => write!(f, "Some({value})"),
            Self::Tuple(items) => list(f, "(", items, ")", |f, item| item.fmt(f)),
            Self::Struct(fields) => list(f, "{", fields, "}", |f, (name, value)| {
                write!(f, "{name}: {value}")
            }),
            Self::Variant(name, fields) => match &**fields {
                Self::Unit => f.write_str(name),
                fields @ Self::Tuple(_) => write!(f, "{name}{fields}"),
                fields => write!(f, "{name} {fields}"),
            },
        }
    }
}

fn list<T>(
    f: &mut fmt::Formatter<'_>,
    open: &str,
    items: &[T],
    close: &str,
    write: impl Fn(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    f.write_str(open)?;
    for (position, item) in items.iter().enumerate() {
        f.write_str(if position == 0 { "" } else { ", " })?;
        write(f, item)?;
    }
    f.write_str(close)
}

/// Returns a key as a person would write it, or its bytes where they are no key of the type.
pub(crate) fn display_key(shape: &Shape, types: &[NamedType], key: &[u8]) -> String {
    match Value::decode_key(shape, types, key) {
        Ok(value) => value.to_string(),
        Err(_) => hex(key),
    }
}

/// Returns a named type by its number.
fn named(types: &[NamedType], number: u32) -> Option<&NamedType> {
    types.get(usize::try_from(number).ok()?)
}

/// Returns the value of the field `name`, which most often stands at `position`.
fn field<'v, 's>(
    fields: &'v [(&'s str, Value<'s>)],
    position: usize,
    name: &str,
) -> Option<&'v Value<'s>> {
    let is_named = |field: &&'v (&'s str, Value<'s>)| field.0 == name;
    let found = fields
        .get(position)
        .filter(is_named)
        .or_else(|| fields.iter().find(is_named));
    found.map(|(_, value)| value)
}

/// Says what a value is and what it should have been.
fn mismatch(expected: impl fmt::Display, found: &Value<'_>) -> String {
    format!("{} where {expected} is expected", found.kind())
}

fn missing(name: &str) -> String {
    format!("the field `{name}` is missing")
}

/// Pairs the fields of a type with those of a value, in the type's order.
///
/// # Errors
/// Says what is missing or too much.
fn paired<'a, 's>(
    fields: &'a Fields,
    value: &'a Value<'s>,
) -> Result<Vec<(&'a Shape, &'a Value<'s>)>, String> {
    match (fields, value) {
        (Fields::Unit, Value::Unit) => Ok(Vec::new()),
        (Fields::Tuple(shapes), Value::Tuple(items)) if shapes.len() == items.len() => {
            Ok(shapes.iter().zip(items).collect())
        }
        (Fields::Named(shapes), Value::Struct(values)) if shapes.len() == values.len() => {
            let pair = |(position, (name, shape)): (usize, &'a (String, Shape))| {
                let value = field(values, position, name);
                value
                    .map(|value| (shape, value))
                    .ok_or_else(|| missing(name))
            };
            shapes.iter().enumerate().map(pair).collect()
        }
        (Fields::Unit, found) => Err(mismatch("a unit", found)),
        (Fields::Tuple(shapes), found) => {
            Err(mismatch(format_args!("a tuple of {}", shapes.len()), found))
        }
        (Fields::Named(shapes), found) => Err(mismatch(
            format_args!("a struct of {} fields", shapes.len()),
            found,
        )),
    }
}

/// Returns whether there are integers of `bits`, and `needed` bits are no more.
fn fits(bits: u8, needed: u32) -> bool {
    matches!(bits, 8 | 16 | 32 | 64 | 128) && needed <= u32::from(bits)
}

/// Names a shape in an error.
fn name_of(shape: &Shape) -> &str {
    match shape {
        Shape::Unit => "a unit",
        Shape::Bool => "a bool",
        Shape::Char => "a char",
        Shape::Unsigned(_) => "an unsigned integer",
        Shape::Signed(_) => "a signed integer",
        Shape::Float(32) => "a float of 32 bits",
        Shape::Float(_) => "a float of 64 bits",
        Shape::Text => "a text",
        Shape::Bytes | Shape::Opaque(_) => "a byte string",
        Shape::Array(..) => "an array of another length",
        Shape::Sequence(_) => "a sequence",
        Shape::Map(..) => "a map",
        Shape::Option(_) => "an option",
        Shape::Tuple(_) => "a tuple of another length",
        Shape::Known(name) => name,
        Shape::Reverse(_) | Shape::Named(_) => "another value",
    }
}

fn too_deep(depth_max: u32) -> String {
    format!("values nest deeper than {depth_max}")
}
