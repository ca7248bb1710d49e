//! Reading values in the form that records have: bytes of the value codec, walked by shape.

use super::{
    PARTS_FREE, PARTS_PER_BYTE, SHAPE_DEPTH_MAX, UNDESCRIBED, Value, known, named, too_deep,
};
use crate::{
    codec::{EMPTY_ELEMENTS_MAX, in_field},
    schema::{Fields, ModelSchema, NamedType, Shape, TypeBody},
    value::{NetabaseValue, VALUE_DEPTH_MAX, ValueError, ValueReader},
};

const WIDTH: &str = "the description names a number of a width that there is not";

/// Reads the fields of a record.
///
/// # Errors
/// Fails, naming the field, when the bytes are not exactly one record of the model.
pub(crate) fn decode_fields<'s>(
    model: &'s ModelSchema,
    types: &'s [NamedType],
    payload: &[u8],
) -> Result<Vec<(&'s str, Value<'s>)>, ValueError> {
    let mut reader = ValueReader::new(payload);
    let fields = Decoder::new(types, &mut reader).named(&model.fields)?;
    reader.finish()?;
    Ok(fields)
}

/// Reads values by their shapes.
pub(super) struct Decoder<'s, 'r, 'b> {
    types: &'s [NamedType],
    reader: &'r mut ValueReader<'b>,
    parts_left: usize,
    depth: u32,
    named_depth: u32,
}

impl<'s, 'r, 'b> Decoder<'s, 'r, 'b> {
    pub(super) fn new(types: &'s [NamedType], reader: &'r mut ValueReader<'b>) -> Self {
        let parts_left = reader.remaining().saturating_mul(PARTS_PER_BYTE);
        let parts_left = parts_left.saturating_add(PARTS_FREE);
        Self {
            types,
            reader,
            parts_left,
            depth: 0,
            named_depth: 0,
        }
    }

    pub(super) fn value(&mut self, shape: &'s Shape) -> Result<Value<'s>, ValueError> {
        if self.depth == SHAPE_DEPTH_MAX {
            return Err(self.reader.error(too_deep(SHAPE_DEPTH_MAX)));
        }
        match self.parts_left.checked_sub(1) {
            Some(left) => self.parts_left = left,
            None => return Err(self.reader.error("more parts than the bytes can stand for")),
        }
        self.depth += 1;
        let value = match shape {
            Shape::Array(item, count) => self.array(item, *count),
            Shape::Sequence(item) => self.sequence(item),
            Shape::Map(key, value) => self.map(key, value),
            Shape::Option(item) => self.option(item),
            Shape::Tuple(items) => self.tuple(items),
            Shape::Reverse(item) => self.value(item),
            Shape::Named(number) => self.named_type(*number),
            _ => self.leaf(shape),
        };
        self.depth -= 1;
        value
    }

    fn leaf(&mut self, shape: &Shape) -> Result<Value<'s>, ValueError> {
        let reader = &mut *self.reader;
        Ok(match shape {
            Shape::Unit => Value::Unit,
            Shape::Bool => Value::Bool(bool::decode_value(reader)?),
            Shape::Char => Value::Char(char::decode_value(reader)?),
            Shape::Unsigned(bits) => Value::Unsigned(match bits {
                8 => reader.get_u8()?.into(),
                16 => reader.get_u16()?.into(),
                32 => reader.get_u32()?.into(),
                64 => reader.get_u64()?.into(),
                128 => reader.get_u128()?,
                _ => return Err(reader.error(WIDTH)),
            }),
            Shape::Signed(bits) => Value::Signed(match bits {
                8 => i8::decode_value(reader)?.into(),
                16 => i16::decode_value(reader)?.into(),
                32 => i32::decode_value(reader)?.into(),
                64 => i64::decode_value(reader)?.into(),
                128 => i128::decode_value(reader)?,
                _ => return Err(reader.error(WIDTH)),
            }),
            Shape::Float(32) => Value::Float32(f32::decode_value(reader)?.to_bits()),
            Shape::Float(64) => Value::Float64(f64::decode_value(reader)?.to_bits()),
            Shape::Float(_) => return Err(reader.error(WIDTH)),
            Shape::Text => Value::Text(String::decode_value(reader)?),
            // What only serde reads stands behind its length, as a byte string does.
            Shape::Bytes | Shape::Opaque(_) => Value::Bytes(Vec::decode_value(reader)?),
            Shape::Known(name) => Value::Text(known::decode_value(name, reader)?),
            _ => return Err(reader.error(UNDESCRIBED)),
        })
    }

    fn array(&mut self, item: &'s Shape, count: u64) -> Result<Value<'s>, ValueError> {
        if *item == Shape::Unsigned(8) {
            let count = usize::try_from(count).unwrap_or(usize::MAX);
            return Ok(Value::Bytes(self.reader.take(count)?.to_vec()));
        }
        let mut items = Vec::new();
        for _ in 0..count {
            items.push(self.value(item)?);
        }
        Ok(Value::Sequence(items))
    }

    fn sequence(&mut self, item: &'s Shape) -> Result<Value<'s>, ValueError> {
        let mut items = Vec::new();
        self.counted(|decoder| {
            items.push(decoder.value(item)?);
            Ok(())
        })?;
        Ok(Value::Sequence(items))
    }

    fn map(&mut self, key: &'s Shape, value: &'s Shape) -> Result<Value<'s>, ValueError> {
        let mut pairs = Vec::new();
        self.counted(|decoder| {
            pairs.push((decoder.value(key)?, decoder.value(value)?));
            Ok(())
        })?;
        Ok(Value::Map(pairs))
    }

    /// Reads a count and calls `element` as often.
    fn counted(
        &mut self,
        mut element: impl FnMut(&mut Self) -> Result<(), ValueError>,
    ) -> Result<(), ValueError> {
        let start = self.reader.clone();
        let count = usize::try_from(self.reader.get_u64()?).unwrap_or(usize::MAX);
        // Elements take a byte or more each, or all of them none.
        let count_max = self.reader.remaining().max(EMPTY_ELEMENTS_MAX);
        if count > count_max {
            let what = format!("a length of {count} where at most {count_max} can follow");
            return Err(start.error(what));
        }
        for _ in 0..count {
            let before = self.reader.remaining();
            element(self)?;
            if count > EMPTY_ELEMENTS_MAX && self.reader.remaining() == before {
                return Err(start.error(format!("{count} elements that take no bytes")));
            }
        }
        Ok(())
    }

    fn option(&mut self, item: &'s Shape) -> Result<Value<'s>, ValueError> {
        match self.reader.get_u8()? {
            0 => Ok(Value::Option(None)),
            1 => Ok(Value::Option(Some(Box::new(self.value(item)?)))),
            byte => Err(self
                .reader
                .error(format!("{byte} is not the start of an option"))),
        }
    }

    fn tuple(&mut self, items: &'s [Shape]) -> Result<Value<'s>, ValueError> {
        let mut values = Vec::new();
        for item in items {
            values.push(self.value(item)?);
        }
        Ok(Value::Tuple(values))
    }

    fn named(
        &mut self,
        fields: &'s [(String, Shape)],
    ) -> Result<Vec<(&'s str, Value<'s>)>, ValueError> {
        let mut values = Vec::new();
        for (name, shape) in fields {
            match self.value(shape) {
                Ok(value) => values.push((name.as_str(), value)),
                Err(error) => return Err(in_field(error, name)),
            }
        }
        Ok(values)
    }

    fn named_type(&mut self, number: u32) -> Result<Value<'s>, ValueError> {
        let Some(named) = named(self.types, number) else {
            return Err(self.reader.error(UNDESCRIBED));
        };
        if self.named_depth == VALUE_DEPTH_MAX {
            return Err(self.reader.error(too_deep(VALUE_DEPTH_MAX)));
        }
        self.named_depth += 1;
        let value = match &named.body {
            TypeBody::Struct(fields) => self.fields(fields),
            TypeBody::Enum(variants) => self.variant(&named.name, variants),
        };
        self.named_depth -= 1;
        value
    }

    fn variant(
        &mut self,
        name: &str,
        variants: &'s [(String, Fields)],
    ) -> Result<Value<'s>, ValueError> {
        let number = self.reader.variant()?;
        let found = usize::try_from(number)
            .ok()
            .and_then(|number| variants.get(number));
        match found {
            Some((name, fields)) => Ok(Value::Variant(name, Box::new(self.fields(fields)?))),
            None => Err(self.reader.unknown_variant(number, name)),
        }
    }

    fn fields(&mut self, fields: &'s Fields) -> Result<Value<'s>, ValueError> {
        match fields {
            Fields::Unit => Ok(Value::Unit),
            Fields::Tuple(items) => self.tuple(items),
            Fields::Named(fields) => self.named(fields).map(Value::Struct),
        }
    }
}
