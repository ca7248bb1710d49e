//! Integers, `bool` and `char`: big-endian, the sign bit flipped.

use crate::{
    key::{KeyError, KeyReader, NetabaseKey},
    schema::{Shape, Types},
};

macro_rules! fixed_width {
    ($($int:ident $shape:ident $bits:literal $flip:expr;)*) => {$(
        impl NetabaseKey for $int {
            type Indexed = Self;

            #[inline]
            fn encode_key(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&(*self ^ $flip).to_be_bytes());
            }

            #[inline]
            fn decode_key(reader: &mut KeyReader<'_>) -> Result<Self, KeyError> {
                let bytes = reader.take(concat!($bits, "-bit integer"))?;
                Ok(Self::from_be_bytes(bytes) ^ $flip)
            }

            #[inline]
            fn skip_key(reader: &mut KeyReader<'_>) -> Result<(), KeyError> {
                reader.skip(size_of::<Self>(), concat!($bits, "-bit integer"))
            }

            fn key_shape(_: &mut Types) -> Shape {
                Shape::$shape($bits)
            }
        }
    )*};
}

fixed_width! {
    u16 Unsigned 16 0;
    u32 Unsigned 32 0;
    u64 Unsigned 64 0;
    u128 Unsigned 128 0;
    i8 Signed 8 Self::MIN;
    i16 Signed 16 Self::MIN;
    i32 Signed 32 Self::MIN;
    i64 Signed 64 Self::MIN;
    i128 Signed 128 Self::MIN;
}

impl NetabaseKey for u8 {
    type Indexed = Self;

    #[inline]
    fn encode_key(&self, out: &mut Vec<u8>) {
        out.push(*self);
    }

    #[inline]
    fn decode_key(reader: &mut KeyReader<'_>) -> Result<Self, KeyError> {
        reader.take("8-bit integer").map(Self::from_be_bytes)
    }

    #[inline]
    fn skip_key(reader: &mut KeyReader<'_>) -> Result<(), KeyError> {
        reader.skip(1, "8-bit integer")
    }

    fn key_shape(_: &mut Types) -> Shape {
        Shape::Unsigned(8)
    }

    #[inline]
    fn __encode_key_slice(items: &[Self], out: &mut Vec<u8>) {
        out.extend_from_slice(items);
    }

    #[inline]
    fn __decode_key_array<const N: usize>(
        reader: &mut KeyReader<'_>,
    ) -> Result<[Self; N], KeyError> {
        reader.take("byte array")
    }

    #[inline]
    fn __skip_key_array(count: usize, reader: &mut KeyReader<'_>) -> Result<(), KeyError> {
        reader.skip(count, "byte array")
    }
}

macro_rules! pointer_width {
    ($($int:ident $wide:ident $shape:ident;)*) => {$(
        impl NetabaseKey for $int {
            type Indexed = Self;

            #[inline]
            fn encode_key(&self, out: &mut Vec<u8>) {
                (*self as $wide).encode_key(out);
            }

            #[inline]
            fn decode_key(reader: &mut KeyReader<'_>) -> Result<Self, KeyError> {
                let at = reader.position();
                let wide = $wide::decode_key(reader)?;
                Self::try_from(wide)
                    .map_err(|_| KeyError::Invalid { at, what: "pointer-sized integer" })
            }

            #[inline]
            fn skip_key(reader: &mut KeyReader<'_>) -> Result<(), KeyError> {
                $wide::skip_key(reader)
            }

            fn key_shape(_: &mut Types) -> Shape {
                Shape::$shape(64)
            }
        }
    )*};
}

pointer_width! {
    usize u64 Unsigned;
    isize i64 Signed;
}

impl NetabaseKey for bool {
    type Indexed = Self;

    #[inline]
    fn encode_key(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    #[inline]
    fn decode_key(reader: &mut KeyReader<'_>) -> Result<Self, KeyError> {
        let at = reader.position();
        match reader.take("bool")? {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(KeyError::Invalid { at, what: "bool" }),
        }
    }

    #[inline]
    fn skip_key(reader: &mut KeyReader<'_>) -> Result<(), KeyError> {
        reader.skip(1, "bool")
    }

    fn key_shape(_: &mut Types) -> Shape {
        Shape::Bool
    }
}

impl NetabaseKey for char {
    type Indexed = Self;

    #[inline]
    fn encode_key(&self, out: &mut Vec<u8>) {
        u32::from(*self).encode_key(out);
    }

    #[inline]
    fn decode_key(reader: &mut KeyReader<'_>) -> Result<Self, KeyError> {
        let at = reader.position();
        let number = reader.take("char").map(u32::from_be_bytes)?;
        Self::from_u32(number).ok_or(KeyError::Invalid { at, what: "char" })
    }

    #[inline]
    fn skip_key(reader: &mut KeyReader<'_>) -> Result<(), KeyError> {
        reader.skip(4, "char")
    }

    fn key_shape(_: &mut Types) -> Shape {
        Shape::Char
    }
}
