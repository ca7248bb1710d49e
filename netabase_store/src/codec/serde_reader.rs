//! A deserializer of bincode's bytes that holds against any bytes.
//!
//! bincode's own sets memory aside for whatever length it reads and recurses as deep as the bytes
//! say. This one looks for the bytes first and counts how deep it is.

use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, IntoDeserializer, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};

use super::{EMPTY_ELEMENTS_MAX, too_deep};
use crate::value::{NetabaseValue, VALUE_DEPTH_MAX, ValueError, ValueReader};

/// More than can be written, for types whose two serde implementations nest differently.
const DEPTH_MAX: u32 = VALUE_DEPTH_MAX + 32;

/// How large an element is taken to be when memory is set aside for a sequence of them.
const ELEMENT_BYTES: usize = 64;

/// Reads one value through serde, and how many values it is inside of.
pub(super) struct SerdeReader<'r, 'de> {
    reader: &'r mut ValueReader<'de>,
    depth: u32,
}

impl<'r, 'de> SerdeReader<'r, 'de> {
    #[inline]
    pub(super) fn new(reader: &'r mut ValueReader<'de>) -> Self {
        Self { reader, depth: 0 }
    }

    #[inline]
    fn inside(self) -> Result<Self, Refusal> {
        if self.depth == DEPTH_MAX {
            return Err(Refusal(too_deep()));
        }
        Ok(Self {
            reader: self.reader,
            depth: self.depth + 1,
        })
    }

    /// Reads a collection whose length the bytes say.
    #[inline]
    fn counted(mut self) -> Result<Elements<'r, 'de>, Refusal> {
        let left = self.count()?;
        let hint = self.reader.ahead(left, ELEMENT_BYTES);
        Ok(Elements {
            inside: self.inside()?,
            left,
            hint,
        })
    }

    /// Reads a collection whose length the type says.
    #[inline]
    fn fixed(self, left: usize) -> Result<Elements<'r, 'de>, Refusal> {
        Ok(Elements {
            inside: self.inside()?,
            left,
            hint: left,
        })
    }

    /// Reads how many elements follow; how many bytes one takes is not known here.
    #[inline]
    fn count(&mut self) -> Result<usize, Refusal> {
        let count = usize::decode_value(self.reader)?;
        if count > self.reader.remaining().max(EMPTY_ELEMENTS_MAX) {
            return Err(Refusal(format!(
                "a length of {count} is more than can follow"
            )));
        }
        Ok(count)
    }

    #[inline]
    fn bytes(&mut self) -> Result<&'de [u8], Refusal> {
        let count = self.reader.len(1)?;
        Ok(self.reader.take(count)?)
    }
}

macro_rules! scalars {
    ($($method:ident $visit:ident $type:ty;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
            visitor.$visit(<$type>::decode_value(self.reader)?)
        }
    )*};
}

macro_rules! refused {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Refusal> {
            Err(Refusal("the bytes do not say what type they are".to_owned()))
        }
    )*};
}

impl<'de> Deserializer<'de> for SerdeReader<'_, 'de> {
    type Error = Refusal;

    scalars! {
        deserialize_bool visit_bool bool;
        deserialize_i8 visit_i8 i8;
        deserialize_i16 visit_i16 i16;
        deserialize_i32 visit_i32 i32;
        deserialize_i64 visit_i64 i64;
        deserialize_i128 visit_i128 i128;
        deserialize_u8 visit_u8 u8;
        deserialize_u16 visit_u16 u16;
        deserialize_u32 visit_u32 u32;
        deserialize_u64 visit_u64 u64;
        deserialize_u128 visit_u128 u128;
        deserialize_f32 visit_f32 f32;
        deserialize_f64 visit_f64 f64;
        deserialize_char visit_char char;
    }

    refused!(deserialize_any deserialize_identifier deserialize_ignored_any);

    #[inline]
    fn deserialize_str<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refusal> {
        let text = std::str::from_utf8(self.bytes()?);
        visitor.visit_borrowed_str(text.map_err(|error| Refusal(error.to_string()))?)
    }

    #[inline]
    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        self.deserialize_str(visitor)
    }

    #[inline]
    fn deserialize_bytes<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refusal> {
        visitor.visit_borrowed_bytes(self.bytes()?)
    }

    #[inline]
    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        self.deserialize_bytes(visitor)
    }

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        match self.reader.get_u8()? {
            0 => visitor.visit_none(),
            1 => visitor.visit_some(self.inside()?),
            byte => Err(Refusal(format!("{byte} is not the start of an option"))),
        }
    }

    #[inline]
    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        visitor.visit_unit()
    }

    #[inline]
    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        visitor.visit_unit()
    }

    #[inline]
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        visitor.visit_newtype_struct(self.inside()?)
    }

    #[inline]
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        visitor.visit_seq(self.counted()?)
    }

    #[inline]
    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        count: usize,
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        visitor.visit_seq(self.fixed(count)?)
    }

    #[inline]
    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        count: usize,
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        self.deserialize_tuple(count, visitor)
    }

    #[inline]
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        visitor.visit_map(self.counted()?)
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        self.deserialize_tuple(fields.len(), visitor)
    }

    #[inline]
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        visitor.visit_enum(self)
    }

    #[inline]
    fn is_human_readable(&self) -> bool {
        false
    }
}

impl<'de> EnumAccess<'de> for SerdeReader<'_, 'de> {
    type Error = Refusal;
    type Variant = Self;

    #[inline]
    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self), Refusal> {
        let number = self.reader.variant()?;
        let variant = seed.deserialize(IntoDeserializer::<Refusal>::into_deserializer(number))?;
        Ok((variant, self))
    }
}

impl<'de> VariantAccess<'de> for SerdeReader<'_, 'de> {
    type Error = Refusal;

    #[inline]
    fn unit_variant(self) -> Result<(), Refusal> {
        Ok(())
    }

    #[inline]
    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Refusal> {
        seed.deserialize(self.inside()?)
    }

    #[inline]
    fn tuple_variant<V: Visitor<'de>>(self, count: usize, visitor: V) -> Result<V::Value, Refusal> {
        self.deserialize_tuple(count, visitor)
    }

    #[inline]
    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        self.deserialize_tuple(fields.len(), visitor)
    }
}

/// The elements of a sequence or a map that are still to be read.
struct Elements<'r, 'de> {
    inside: SerdeReader<'r, 'de>,
    left: usize,
    hint: usize,
}

impl<'de> Elements<'_, 'de> {
    #[inline]
    fn next<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Refusal> {
        let depth = self.inside.depth;
        seed.deserialize(SerdeReader {
            reader: &mut *self.inside.reader,
            depth,
        })
    }
}

impl<'de> SeqAccess<'de> for Elements<'_, 'de> {
    type Error = Refusal;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Refusal> {
        let Some(left) = self.left.checked_sub(1) else {
            return Ok(None);
        };
        self.left = left;
        self.next(seed).map(Some)
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        Some(self.left.min(self.hint))
    }
}

impl<'de> MapAccess<'de> for Elements<'_, 'de> {
    type Error = Refusal;

    #[inline]
    fn next_key_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Refusal> {
        self.next_element_seed(seed)
    }

    #[inline]
    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Refusal> {
        self.next(seed)
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        Some(self.left.min(self.hint))
    }
}

/// Why a value was refused; the reader knows where.
#[derive(Debug)]
pub(super) struct Refusal(String);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refusal {}

impl Error for Refusal {
    fn custom<T: fmt::Display>(what: T) -> Self {
        Self(what.to_string())
    }
}

impl From<ValueError> for Refusal {
    #[inline]
    fn from(error: ValueError) -> Self {
        Self(error.what)
    }
}
