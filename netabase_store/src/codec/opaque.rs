//! Fields that only their own serde implementation reads: a length, then bincode's bytes.

use bincode::{
    config,
    enc::write::Writer,
    error::{DecodeError, EncodeError},
    serde as bincode_serde,
};
use serde::{Serialize, de::DeserializeOwned};

use super::fields::in_field;
use crate::{
    schema::Shape,
    value::{VALUE_BYTES_MAX, ValueError, ValueReader, ValueWriter},
};

/// The most that bincode counts for one byte: 16, for a `u128` below 251.
const CLAIM_FACTOR: usize = 16;

/// Writes a field through serde.
///
/// # Errors
/// Fails, naming the field, when its serde implementation does; nothing is written then.
pub fn encode_serde_field<T: Serialize>(
    writer: &mut ValueWriter<'_>,
    value: &T,
    field: &str,
) -> Result<(), ValueError> {
    let out = writer.buffer();
    let start = out.len();
    let written = bincode_serde::encode_into_writer(value, Append(out), config::standard());
    if let Err(error) = written {
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
    let start = reader.clone();
    let bytes = reader.take(count)?;
    let (value, read) = decode_limited(bytes).map_err(|error| start.error(error.to_string()))?;
    if read != count {
        return Err(start.error(format!("its value ends after {read} of {count} bytes")));
    }
    Ok(value)
}

/// Reads under the lowest limit that no value of `bytes` can reach.
///
/// bincode sets memory aside for a string before it looks for its bytes; the limit, a constant,
/// bounds that.
fn decode_limited<T: DeserializeOwned>(bytes: &[u8]) -> Result<(T, usize), DecodeError> {
    macro_rules! tiers {
        ($($bits:literal)*) => {{
            let claims = bytes.len().saturating_mul(CLAIM_FACTOR);
            $(if claims <= tier_bytes($bits) {
                let config = config::standard().with_limit::<{ tier_bytes($bits) }>();
                return bincode_serde::decode_from_slice(bytes, config);
            })*
            Err(DecodeError::LimitExceeded)
        }};
    }
    tiers!(20 22 24 26 28 30 32 34)
}

/// Returns a limit of so many bits, or the most that one allocation can have.
const fn tier_bytes(bits: u32) -> usize {
    if bits < isize::BITS - 1 {
        1 << bits
    } else {
        isize::MAX.cast_unsigned()
    }
}

// The largest payload stays below the last tier.
const _: () = assert!(VALUE_BYTES_MAX.saturating_mul(CLAIM_FACTOR) <= 1 << 34);

/// Appends what bincode writes.
struct Append<'a>(&'a mut Vec<u8>);

impl Writer for Append<'_> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}
