//! Stored values: how the fields of a record become bytes.
//!
//! The bytes are those of bincode 2 in its standard configuration; only `codec` names that crate.

mod collections;
mod known;
mod scalars;
#[cfg(feature = "time")]
mod time;

#[cfg(test)]
pub(crate) mod tests;

use crate::schema::{Shape, Types};

pub use crate::codec::{ValueReader, ValueWriter};

/// The largest payload of a record, in bytes.
pub const VALUE_BYTES_MAX: usize = 1 << 30;

/// How deep named types, the only ones that can contain themselves, may nest in a record.
pub const VALUE_DEPTH_MAX: u32 = 128;

/// A type that a record can hold and a tool can read back without knowing it.
///
/// Implemented for the types of the standard library that own plain data, and by
/// `#[derive(NetabaseValue)]` for structs and enums of them. A field of any other type that
/// implements serde's traits is stored by marking it `#[netabase(serde)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be stored in a record",
    label = "not a stored type",
    note = "derive `NetabaseValue` for the type, or mark the field `#[netabase(serde)]` if it implements serde's `Serialize` and `Deserialize`"
)]
pub trait NetabaseValue: Sized + 'static {
    /// The fewest bytes that a value takes.
    const BYTES_MIN: usize;

    /// Writes the value.
    ///
    /// # Errors
    /// Fails when the value cannot be represented, or nests deeper than [`VALUE_DEPTH_MAX`].
    fn encode_value(&self, writer: &mut ValueWriter<'_>) -> Result<(), ValueError>;

    /// Reads a value.
    ///
    /// # Errors
    /// Fails, saying where, when the bytes are not a value of this type.
    fn decode_value(reader: &mut ValueReader<'_>) -> Result<Self, ValueError>;

    /// How the stored description names this type.
    fn value_shape(types: &mut Types) -> Shape;

    /// Writes several values, one after another.
    #[doc(hidden)]
    #[inline]
    fn __encode_slice(items: &[Self], writer: &mut ValueWriter<'_>) -> Result<(), ValueError> {
        for item in items {
            item.encode_value(writer)?;
        }
        Ok(())
    }

    /// Reads `count` values, where `count` has been checked against the bytes left.
    #[doc(hidden)]
    #[inline]
    fn __decode_vec(count: usize, reader: &mut ValueReader<'_>) -> Result<Vec<Self>, ValueError> {
        let mut items = Vec::with_capacity(reader.ahead(count, size_of::<Self>()));
        for _ in 0..count {
            items.push(Self::decode_value(reader)?);
        }
        Ok(items)
    }

    /// Reads `N` values that follow each other.
    #[doc(hidden)]
    #[inline]
    fn __decode_array<const N: usize>(
        reader: &mut ValueReader<'_>,
    ) -> Result<[Self; N], ValueError> {
        let mut slots = [const { None::<Self> }; N];
        for slot in &mut slots {
            *slot = Some(Self::decode_value(reader)?);
        }
        Ok(slots.map(|slot| slot.expect("the loop filled every slot")))
    }

    /// How the stored description names a vector of this type.
    #[doc(hidden)]
    fn __sequence_shape(types: &mut Types) -> Shape {
        Shape::Sequence(Box::new(Self::value_shape(types)))
    }
}

/// A payload that is not what its model says, or a value that has no payload.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("byte {at}: {what}")]
pub struct ValueError {
    /// The offset in the payload.
    pub at: usize,
    /// What is wrong there.
    pub what: String,
}
