//! Values in the form that keys have: ordered bytes, walked by shape.

use std::cell::OnceCell;

use super::{
    PARTS_FREE, PARTS_PER_BYTE, SHAPE_DEPTH_MAX, UNDESCRIBED, Value, fits, known, mismatch,
    name_of, named, paired, too_deep,
};
use crate::{
    key::{KeyError, KeyReader, NetabaseKey, text::encode_text},
    schema::{Fields, NamedType, Shape, TypeBody},
    value::ValueError,
};

const NO_KEY_TYPE: &str = "type that the description allows in a key";

/// The most variants whose number is one byte.
const BYTE_VARIANTS_MAX: usize = 1 << 8;

/// Reads keys by their shapes, one after another.
pub(crate) struct KeyCursor<'s, 'b> {
    types: &'s [NamedType],
    plain: &'b [u8],
    // What descending keys are read from: all bytes inverted, once one is met.
    inverted: OnceCell<Vec<u8>>,
    is_inverted: bool,
    at: usize,
    parts_left: usize,
    depth: u32,
}

impl<'s, 'b> KeyCursor<'s, 'b> {
    pub(crate) fn new(types: &'s [NamedType], bytes: &'b [u8]) -> Self {
        Self {
            types,
            plain: bytes,
            inverted: OnceCell::new(),
            is_inverted: false,
            at: 0,
            parts_left: bytes.len() * PARTS_PER_BYTE + PARTS_FREE,
            depth: 0,
        }
    }

    /// Returns how many bytes have been read.
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    /// Reads one value.
    ///
    /// # Errors
    /// Fails, saying where, when the bytes do not go on with a key of the shape.
    pub(crate) fn value(&mut self, shape: &'s Shape) -> Result<Value<'s>, KeyError> {
        if self.depth == SHAPE_DEPTH_MAX {
            return Err(self.invalid("key of this depth"));
        }
        match self.parts_left.checked_sub(1) {
            Some(left) => self.parts_left = left,
            None => return Err(self.invalid("key of so many parts")),
        }
        self.depth += 1;
        let value = match shape {
            Shape::Array(item, count) => self.array(item, *count),
            Shape::Option(item) => self.option(item),
            Shape::Tuple(items) => self.tuple(items),
            Shape::Reverse(item) => {
                self.is_inverted = !self.is_inverted;
                let value = self.value(item);
                self.is_inverted = !self.is_inverted;
                value
            }
            Shape::Named(number) => self.named_type(*number),
            _ => self.leaf(shape),
        };
        self.depth -= 1;
        value
    }

    fn leaf(&mut self, shape: &Shape) -> Result<Value<'s>, KeyError> {
        Ok(match shape {
            Shape::Unit => Value::Unit,
            Shape::Bool => Value::Bool(self.read()?),
            Shape::Char => Value::Char(self.read()?),
            Shape::Unsigned(8) => Value::Unsigned(self.read::<u8>()?.into()),
            Shape::Unsigned(16) => Value::Unsigned(self.read::<u16>()?.into()),
            Shape::Unsigned(32) => Value::Unsigned(self.read::<u32>()?.into()),
            Shape::Unsigned(64) => Value::Unsigned(self.read::<u64>()?.into()),
            Shape::Unsigned(128) => Value::Unsigned(self.read()?),
            Shape::Signed(8) => Value::Signed(self.read::<i8>()?.into()),
            Shape::Signed(16) => Value::Signed(self.read::<i16>()?.into()),
            Shape::Signed(32) => Value::Signed(self.read::<i32>()?.into()),
            Shape::Signed(64) => Value::Signed(self.read::<i64>()?.into()),
            Shape::Signed(128) => Value::Signed(self.read()?),
            Shape::Float(32) => Value::Float32(self.read::<f32>()?.to_bits()),
            Shape::Float(64) => Value::Float64(self.read::<f64>()?.to_bits()),
            Shape::Text => Value::Text(self.read()?),
            Shape::Bytes => Value::Bytes(self.read()?),
            Shape::Known(name) => {
                Value::Text(self.with_reader(|reader| known::decode_key(name, reader))?)
            }
            _ => return Err(self.invalid(NO_KEY_TYPE)),
        })
    }

    fn read<K: NetabaseKey>(&mut self) -> Result<K, KeyError> {
        self.with_reader(K::decode_key)
    }

    fn with_reader<R>(
        &mut self,
        read: impl FnOnce(&mut KeyReader<'_>) -> Result<R, KeyError>,
    ) -> Result<R, KeyError> {
        let plain = self.plain;
        let bytes = if self.is_inverted {
            self.inverted
                .get_or_init(|| plain.iter().map(|byte| !byte).collect())
        } else {
            plain
        };
        let mut reader = KeyReader::new(bytes);
        reader.skip(self.at, "key")?;
        let value = read(&mut reader)?;
        self.at = reader.position();
        Ok(value)
    }

    fn array(&mut self, item: &'s Shape, count: u64) -> Result<Value<'s>, KeyError> {
        if *item == Shape::Unsigned(8) {
            let count = usize::try_from(count).unwrap_or(usize::MAX);
            let bytes = self.with_reader(|reader| {
                let bytes = reader.rest().get(..count).unwrap_or_default().to_vec();
                reader.skip(count, "byte array").map(|()| bytes)
            });
            return bytes.map(Value::Bytes);
        }
        let mut items = Vec::new();
        for _ in 0..count {
            items.push(self.value(item)?);
        }
        Ok(Value::Sequence(items))
    }

    fn option(&mut self, item: &'s Shape) -> Result<Value<'s>, KeyError> {
        let at = self.at;
        match self.read::<u8>()? {
            0 => Ok(Value::Option(None)),
            1 => Ok(Value::Option(Some(Box::new(self.value(item)?)))),
            _ => Err(KeyError::Invalid { at, what: "option" }),
        }
    }

    fn tuple(&mut self, items: &'s [Shape]) -> Result<Value<'s>, KeyError> {
        let mut values = Vec::new();
        for item in items {
            values.push(self.value(item)?);
        }
        Ok(Value::Tuple(values))
    }

    fn named_type(&mut self, number: u32) -> Result<Value<'s>, KeyError> {
        let Some(named) = named(self.types, number) else {
            return Err(self.invalid(NO_KEY_TYPE));
        };
        match &named.body {
            TypeBody::Struct(fields) => self.fields(fields),
            TypeBody::Enum(variants) => {
                let at = self.at;
                let number = if variants.len() <= BYTE_VARIANTS_MAX {
                    self.read::<u8>()?.into()
                } else {
                    self.read::<u16>()?
                };
                match variants.get(usize::from(number)) {
                    Some((name, fields)) => {
                        Ok(Value::Variant(name, Box::new(self.fields(fields)?)))
                    }
                    None => Err(KeyError::Invalid {
                        at,
                        what: "variant",
                    }),
                }
            }
        }
    }

    fn fields(&mut self, fields: &'s Fields) -> Result<Value<'s>, KeyError> {
        match fields {
            Fields::Unit => Ok(Value::Unit),
            Fields::Tuple(items) => self.tuple(items),
            Fields::Named(fields) => {
                let mut values = Vec::new();
                for (name, shape) in fields {
                    values.push((name.as_str(), self.value(shape)?));
                }
                Ok(Value::Struct(values))
            }
        }
    }

    fn invalid(&self, what: &'static str) -> KeyError {
        KeyError::Invalid { at: self.at, what }
    }
}

/// Writes keys by their shapes.
pub(super) struct KeyEncoder<'t, 'o> {
    types: &'t [NamedType],
    out: &'o mut Vec<u8>,
    start: usize,
    depth: u32,
}

impl<'t, 'o> KeyEncoder<'t, 'o> {
    pub(super) fn new(types: &'t [NamedType], out: &'o mut Vec<u8>) -> Self {
        let start = out.len();
        Self {
            types,
            out,
            start,
            depth: 0,
        }
    }

    pub(super) fn value(&mut self, shape: &Shape, value: &Value<'_>) -> Result<(), ValueError> {
        if self.depth == SHAPE_DEPTH_MAX {
            return Err(self.error(too_deep(SHAPE_DEPTH_MAX)));
        }
        self.depth += 1;
        let written = match (shape, value) {
            (Shape::Array(item, count), Value::Bytes(bytes))
                if **item == Shape::Unsigned(8) && *count == bytes.len() as u64 =>
            {
                self.out.extend_from_slice(bytes);
                Ok(())
            }
            (Shape::Array(item, count), Value::Sequence(items)) if *count == items.len() as u64 => {
                items.iter().try_for_each(|value| self.value(item, value))
            }
            (Shape::Option(_), Value::Option(None)) => {
                self.out.push(0);
                Ok(())
            }
            (Shape::Option(item), Value::Option(Some(value))) => {
                self.out.push(1);
                self.value(item, value)
            }
            (Shape::Tuple(shapes), Value::Tuple(items)) if shapes.len() == items.len() => shapes
                .iter()
                .zip(items)
                .try_for_each(|(shape, value)| self.value(shape, value)),
            (Shape::Reverse(item), value) => self.reversed(item, value),
            (Shape::Named(number), value) => self.named_type(*number, value),
            _ => self.leaf(shape, value),
        };
        self.depth -= 1;
        written
    }

    fn leaf(&mut self, shape: &Shape, value: &Value<'_>) -> Result<(), ValueError> {
        match (shape, value) {
            (Shape::Unit, Value::Unit) => {}
            (Shape::Bool, Value::Bool(value)) => value.encode_key(self.out),
            (Shape::Char, Value::Char(value)) => value.encode_key(self.out),
            (Shape::Unsigned(bits), Value::Unsigned(number)) => {
                self.check_width(*bits, 128 - number.leading_zeros(), value)?;
                self.integer(*bits, *number, 0);
            }
            (Shape::Signed(bits), Value::Signed(number)) => {
                let magnitude = if *number < 0 { !number } else { *number };
                self.check_width(*bits, 129 - magnitude.leading_zeros(), value)?;
                self.integer(*bits, number.cast_unsigned(), 0x80);
            }
            (Shape::Float(32), Value::Float32(bits)) => f32::from_bits(*bits).encode_key(self.out),
            (Shape::Float(64), Value::Float64(bits)) => f64::from_bits(*bits).encode_key(self.out),
            (Shape::Text, Value::Text(text)) => encode_text(text.as_bytes(), self.out),
            (Shape::Bytes, Value::Bytes(bytes)) => encode_text(bytes, self.out),
            (Shape::Known(name), Value::Text(text)) => {
                known::encode_key(name, text, self.out).map_err(|what| self.error(what))?;
            }
            (shape, value) => return Err(self.error(mismatch(name_of(shape), value))),
        }
        Ok(())
    }

    fn check_width(&self, bits: u8, needed: u32, value: &Value<'_>) -> Result<(), ValueError> {
        if fits(bits, needed) {
            return Ok(());
        }
        Err(self.error(format!("{value} is no integer of {bits} bits")))
    }

    /// Writes the low `bits` of a number, the first byte changed by `flip`.
    fn integer(&mut self, bits: u8, number: u128, flip: u8) {
        let bytes = number.to_be_bytes();
        let unused = bytes.len() - usize::from(bits / 8);
        let first = self.out.len();
        self.out.extend(bytes.iter().skip(unused));
        if let Some(first) = self.out.get_mut(first) {
            *first ^= flip;
        }
    }

    fn reversed(&mut self, item: &Shape, value: &Value<'_>) -> Result<(), ValueError> {
        let start = self.out.len();
        self.value(item, value)?;
        for byte in self.out.iter_mut().skip(start) {
            *byte = !*byte;
        }
        Ok(())
    }

    fn named_type(&mut self, number: u32, value: &Value<'_>) -> Result<(), ValueError> {
        let Some(named) = named(self.types, number) else {
            return Err(self.error(UNDESCRIBED));
        };
        let (fields, value) = match (&named.body, value) {
            (TypeBody::Struct(fields), value) => (fields, value),
            (TypeBody::Enum(variants), Value::Variant(variant, fields)) => {
                let mut numbered = (0_u16..).zip(variants);
                let found = numbered.find(|(_, (name, _))| name == variant);
                let Some((number, (_, shapes))) = found else {
                    let name = &named.name;
                    return Err(self.error(format!("{name} has no variant `{variant}`")));
                };
                match u8::try_from(number) {
                    Ok(byte) if variants.len() <= BYTE_VARIANTS_MAX => self.out.push(byte),
                    _ => number.encode_key(self.out),
                }
                (shapes, &**fields)
            }
            (TypeBody::Enum(_), value) => {
                let expected = format_args!("a variant of {}", named.name);
                return Err(self.error(mismatch(expected, value)));
            }
        };
        let pairs = paired(fields, value).map_err(|what| self.error(what))?;
        for (shape, value) in pairs {
            self.value(shape, value)?;
        }
        Ok(())
    }

    fn error(&self, what: impl Into<String>) -> ValueError {
        ValueError {
            at: self.out.len() - self.start,
            what: what.into(),
        }
    }
}
