//! Values without parts: unit, `bool`, numbers, `char` and text.

use crate::{
    schema::{Shape, Types},
    value::{NetabaseValue, ValueError, ValueReader, ValueWriter},
};

impl NetabaseValue for () {
    const BYTES_MIN: usize = 0;

    #[inline]
    fn encode_value(&self, _: &mut ValueWriter<'_>) -> Result<(), ValueError> {
        Ok(())
    }

    #[inline]
    fn decode_value(_: &mut ValueReader<'_>) -> Result<Self, ValueError> {
        Ok(())
    }

    fn value_shape(_: &mut Types) -> Shape {
        Shape::Unit
    }
}

impl NetabaseValue for bool {
    const BYTES_MIN: usize = 1;

    #[inline]
    fn encode_value(&self, writer: &mut ValueWriter<'_>) -> Result<(), ValueError> {
        writer.put_u8(u8::from(*self));
        Ok(())
    }

    #[inline]
    fn decode_value(reader: &mut ValueReader<'_>) -> Result<Self, ValueError> {
        match reader.get_u8()? {
            0 => Ok(false),
            1 => Ok(true),
            byte => Err(reader.error(format!("{byte} is not a bool"))),
        }
    }

    fn value_shape(_: &mut Types) -> Shape {
        Shape::Bool
    }
}

impl NetabaseValue for u8 {
    const BYTES_MIN: usize = 1;

    #[inline]
    fn encode_value(&self, writer: &mut ValueWriter<'_>) -> Result<(), ValueError> {
        writer.put_u8(*self);
        Ok(())
    }

    #[inline]
    fn decode_value(reader: &mut ValueReader<'_>) -> Result<Self, ValueError> {
        reader.get_u8()
    }

    fn value_shape(_: &mut Types) -> Shape {
        Shape::Unsigned(8)
    }

    #[inline]
    fn __encode_slice(items: &[Self], writer: &mut ValueWriter<'_>) -> Result<(), ValueError> {
        writer.bytes(items);
        Ok(())
    }

    #[inline]
    fn __decode_vec(count: usize, reader: &mut ValueReader<'_>) -> Result<Vec<Self>, ValueError> {
        reader.take(count).map(<[u8]>::to_vec)
    }

    #[inline]
    fn __decode_array<const N: usize>(
        reader: &mut ValueReader<'_>,
    ) -> Result<[Self; N], ValueError> {
        reader.take_array()
    }

    fn __sequence_shape(_: &mut Types) -> Shape {
        Shape::Bytes
    }
}

macro_rules! number {
    ($($number:ident $shape:ident $bits:literal $bytes_min:expr, $encode:expr, $decode:expr;)*) => {$(
        impl NetabaseValue for $number {
            const BYTES_MIN: usize = $bytes_min;

            #[inline]
            fn encode_value(&self, writer: &mut ValueWriter<'_>) -> Result<(), ValueError> {
                let encode: fn(&mut ValueWriter<'_>, Self) = $encode;
                encode(writer, *self);
                Ok(())
            }

            #[inline]
            fn decode_value(reader: &mut ValueReader<'_>) -> Result<Self, ValueError> {
                let decode: fn(&mut ValueReader<'_>) -> Result<Self, ValueError> = $decode;
                decode(reader)
            }

            fn value_shape(_: &mut Types) -> Shape {
                Shape::$shape($bits)
            }
        }
    )*};
}

number! {
    u16 Unsigned 16 1, |writer, value| writer.put_u64(value.into()), |reader| reader.get_u16();
    u32 Unsigned 32 1, |writer, value| writer.put_u64(value.into()), |reader| reader.get_u32();
    u64 Unsigned 64 1, |writer, value| writer.put_u64(value), |reader| reader.get_u64();
    u128 Unsigned 128 1, |writer, value| writer.put_u128(value), |reader| reader.get_u128();
    usize Unsigned 64 1, |writer, value| writer.len(value), |reader| {
        let value = reader.get_u64()?;
        Self::try_from(value).map_err(|_| reader.error(format!("{value} does not fit a usize")))
    };
    i8 Signed 8 1, |writer, value| writer.put_u8(value.cast_unsigned()),
        |reader| reader.get_u8().map(u8::cast_signed);
    i16 Signed 16 1, |writer, value| writer.put_i64(value.into()),
        |reader| reader.get_u16().map(|n| (n >> 1).cast_signed() ^ -(n & 1).cast_signed());
    i32 Signed 32 1, |writer, value| writer.put_i64(value.into()),
        |reader| reader.get_u32().map(|n| (n >> 1).cast_signed() ^ -(n & 1).cast_signed());
    i64 Signed 64 1, |writer, value| writer.put_i64(value),
        |reader| reader.get_u64().map(|n| (n >> 1).cast_signed() ^ -(n & 1).cast_signed());
    i128 Signed 128 1, |writer, value| writer.put_i128(value),
        |reader| reader.get_u128().map(|n| (n >> 1).cast_signed() ^ -(n & 1).cast_signed());
    isize Signed 64 1, |writer, value| writer.put_i64(value as i64), |reader| {
        let value = i64::decode_value(reader)?;
        Self::try_from(value).map_err(|_| reader.error(format!("{value} does not fit an isize")))
    };
    f32 Float 32 4, |writer, value| writer.bytes(&value.to_le_bytes()),
        |reader| reader.take_array().map(Self::from_le_bytes);
    f64 Float 64 8, |writer, value| writer.bytes(&value.to_le_bytes()),
        |reader| reader.take_array().map(Self::from_le_bytes);
}

impl NetabaseValue for char {
    const BYTES_MIN: usize = 1;

    #[inline]
    fn encode_value(&self, writer: &mut ValueWriter<'_>) -> Result<(), ValueError> {
        writer.bytes(self.encode_utf8(&mut [0; 4]).as_bytes());
        Ok(())
    }

    #[inline]
    fn decode_value(reader: &mut ValueReader<'_>) -> Result<Self, ValueError> {
        let start = reader.clone();
        let first = reader.get_u8()?;
        let mut utf8 = [first, 0, 0, 0];
        let count = usize::try_from(first.leading_ones())
            .unwrap_or(usize::MAX)
            .max(1);
        let rest = reader.take(count - 1)?;
        if let Some(to) = utf8.get_mut(1..count) {
            to.copy_from_slice(rest);
        }
        let text = utf8
            .get(..count)
            .and_then(|utf8| std::str::from_utf8(utf8).ok());
        text.and_then(|text| text.chars().next())
            .ok_or_else(|| start.error("not a char"))
    }

    fn value_shape(_: &mut Types) -> Shape {
        Shape::Char
    }
}

impl NetabaseValue for String {
    const BYTES_MIN: usize = 1;

    #[inline]
    fn encode_value(&self, writer: &mut ValueWriter<'_>) -> Result<(), ValueError> {
        writer.len(self.len());
        writer.bytes(self.as_bytes());
        Ok(())
    }

    #[inline]
    fn decode_value(reader: &mut ValueReader<'_>) -> Result<Self, ValueError> {
        get_string(reader)
    }

    fn value_shape(_: &mut Types) -> Shape {
        Shape::Text
    }
}

impl NetabaseValue for Box<str> {
    const BYTES_MIN: usize = 1;

    #[inline]
    fn encode_value(&self, writer: &mut ValueWriter<'_>) -> Result<(), ValueError> {
        writer.len(self.len());
        writer.bytes(self.as_bytes());
        Ok(())
    }

    #[inline]
    fn decode_value(reader: &mut ValueReader<'_>) -> Result<Self, ValueError> {
        get_string(reader).map(String::into_boxed_str)
    }

    fn value_shape(_: &mut Types) -> Shape {
        Shape::Text
    }
}

#[inline]
fn get_string(reader: &mut ValueReader<'_>) -> Result<String, ValueError> {
    let count = reader.len(1)?;
    // Copied first: text that begins at a word's start is checked fastest.
    let bytes = reader.take(count)?.to_vec();
    String::from_utf8(bytes).map_err(|_| reader.error("the string that ends here is not UTF-8"))
}
