//! The value codec: the bytes of bincode 2 in its standard configuration.
//!
//! - an integer up to 250 is one byte; a larger one is a tag and the fewest of 2, 4, 8 or 16 bytes
//!   that hold it, little-endian; a signed one is zigzagged first; 8-bit integers are always one byte
//! - a length or the number of a variant is such an integer
//! - floats are little-endian, a `char` is its UTF-8
//!
//! Scalars are written and read here, in line. A field that only serde knows is written by bincode
//! itself, and read here, where its lengths and its depth are bounded.

mod bounded;
mod fields;
mod opaque;
mod reader;
mod serde_reader;
mod writer;

#[cfg(test)]
mod tests;

pub(crate) use fields::in_field;
pub use fields::name_field;
pub use opaque::{decode_serde_field, encode_serde_field, opaque_shape};
pub use reader::ValueReader;
pub use writer::ValueWriter;

use crate::value::VALUE_DEPTH_MAX;

/// The most elements of a collection whose elements take no bytes.
pub(crate) const EMPTY_ELEMENTS_MAX: usize = 65_536;

const VARINT_BYTE_MAX: u8 = 250;
const TAG_16: u8 = 251;
const TAG_32: u8 = 252;
const TAG_64: u8 = 253;
const TAG_128: u8 = 254;

#[cold]
fn too_deep() -> String {
    format!("values nest deeper than {VALUE_DEPTH_MAX}")
}
