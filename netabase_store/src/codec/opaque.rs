//! Fields that only their own serde implementation reads: a length, then bincode's bytes.

use bincode::{config, enc::write::Writer, error::EncodeError, serde::encode_into_writer};
use serde::{Serialize, de::DeserializeOwned};

use super::{bounded::Bounded, fields::in_field, serde_reader::SerdeReader};
use crate::{
    schema::Shape,
    value::{ValueError, ValueReader, ValueWriter},
};

/// Writes a field through serde.
///
/// # Errors
/// Fails, naming the field, when its serde implementation does or when it nests deeper than
/// [`VALUE_DEPTH_MAX`](crate::value::VALUE_DEPTH_MAX); nothing is written then.
pub fn encode_serde_field<T: Serialize>(
    writer: &mut ValueWriter<'_>,
    value: &T,
    field: &str,
) -> Result<(), ValueError> {
    let start = writer.buffer().len();
    let append = Append(writer.buffer());
    if let Err(error) = encode_into_writer(Bounded::new(value), append, config::standard()) {
        writer.buffer().truncate(start);
        return Err(in_field(writer.error(error.to_string()), field));
    }
    let count = writer.buffer().len() - start;
    writer.len(count);
    if let Some(both) = writer.buffer().get_mut(start..) {
        both.rotate_left(count);
    }
    Ok(())
}

/// Reads a field through serde.
///
/// # Errors
/// Fails, naming the field, when the bytes are not exactly one value of its type.
pub fn decode_serde_field<T: DeserializeOwned>(
    reader: &mut ValueReader<'_>,
    field: &str,
) -> Result<T, ValueError> {
    decode_opaque(reader).map_err(|error| in_field(error, field))
}

/// Describes a field that only serde reads, by the name of its type.
#[must_use]
pub fn opaque_shape(type_name: &str) -> Shape {
    Shape::Opaque(type_name.to_owned())
}

fn decode_opaque<T: DeserializeOwned>(reader: &mut ValueReader<'_>) -> Result<T, ValueError> {
    let count = reader.len(1)?;
    let start = reader.position();
    let mut inner = ValueReader::new(reader.take(count)?);
    let read = T::deserialize(SerdeReader::new(&mut inner))
        .map_err(|error| inner.error(error.to_string()))
        .and_then(|value| inner.finish().map(|()| value));
    read.map_err(|error| ValueError {
        at: start + error.at,
        what: error.what,
    })
}

/// Appends what bincode writes.
struct Append<'a>(&'a mut Vec<u8>);

impl Writer for Append<'_> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}
