//! Floats, in the order of `total_cmp`: a negative one has all bits inverted, any other its sign.
//!
//! Every bit is kept, so each NaN and both zeros are keys of their own.

use crate::{
    key::{KeyError, KeyReader, NetabaseKey},
    schema::{Shape, Types},
};

macro_rules! float {
    ($($float:ident $bits:ident $width:literal;)*) => {$(
        impl NetabaseKey for $float {
            type Indexed = Self;

            #[inline]
            fn encode_key(&self, out: &mut Vec<u8>) {
                const SIGN: $bits = !($bits::MAX >> 1);
                let bits = self.to_bits();
                let ordered = if bits & SIGN == 0 { bits ^ SIGN } else { !bits };
                out.extend_from_slice(&ordered.to_be_bytes());
            }

            #[inline]
            fn decode_key(reader: &mut KeyReader<'_>) -> Result<Self, KeyError> {
                const SIGN: $bits = !($bits::MAX >> 1);
                let ordered = $bits::from_be_bytes(reader.take("float")?);
                let bits = if ordered & SIGN == 0 { !ordered } else { ordered ^ SIGN };
                Ok(Self::from_bits(bits))
            }

            #[inline]
            fn skip_key(reader: &mut KeyReader<'_>) -> Result<(), KeyError> {
                reader.skip(size_of::<Self>(), "float")
            }

            fn key_shape(_: &mut Types) -> Shape {
                Shape::Float($width)
            }
        }
    )*};
}

float! {
    f32 u32 32;
    f64 u64 64;
}
