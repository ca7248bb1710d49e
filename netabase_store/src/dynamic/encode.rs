//! Writing values in the form that records have: bytes of the value codec, walked by shape.

use super::{
    SHAPE_DEPTH_MAX, UNDESCRIBED, Value, field, fits, known, mismatch, missing, name_of, named,
    paired, too_deep,
};
use crate::{
    codec::{EMPTY_ELEMENTS_MAX, in_field},
    schema::{Fields, ModelSchema, NamedType, Shape, TypeBody},
    value::{NetabaseValue, VALUE_DEPTH_MAX, ValueError, ValueWriter},
};

/// Writes the fields of a record, in the model's order.
///
/// # Errors
/// Fails, naming the field, when one is missing or not of its type.
pub(crate) fn encode_fields(
    model: &ModelSchema,
    types: &[NamedType],
    fields: &[(&str, Value<'_>)],
    writer: &mut ValueWriter<'_>,
) -> Result<(), ValueError> {
    let (found, count) = (fields.len(), model.fields.len());
    if found > count {
        let what = format!("{found} fields where `{}` has {count}", model.discriminant);
        return Err(writer.error(what));
    }
    let mut encoder = Encoder::new(types, writer);
    for (position, (name, shape)) in model.fields.iter().enumerate() {
        match field(fields, position, name) {
            Some(value) => encoder
                .value(shape, value)
                .map_err(|error| in_field(error, name))?,
            None => return Err(encoder.writer.error(missing(name))),
        }
    }
    Ok(())
}

/// Writes values by their shapes.
pub(super) struct Encoder<'t, 'w, 'o> {
    types: &'t [NamedType],
    writer: &'w mut ValueWriter<'o>,
    depth: u32,
    named_depth: u32,
}

impl<'t, 'w, 'o> Encoder<'t, 'w, 'o> {
    pub(super) fn new(types: &'t [NamedType], writer: &'w mut ValueWriter<'o>) -> Self {
        Self {
            types,
            writer,
            depth: 0,
            named_depth: 0,
        }
    }

    pub(super) fn value(&mut self, shape: &Shape, value: &Value<'_>) -> Result<(), ValueError> {
        if self.depth == SHAPE_DEPTH_MAX {
            return Err(self.writer.error(too_deep(SHAPE_DEPTH_MAX)));
        }
        self.depth += 1;
        let written = match (shape, value) {
            (Shape::Array(item, count), Value::Bytes(bytes))
                if **item == Shape::Unsigned(8) && *count == bytes.len() as u64 =>
            {
                self.writer.bytes(bytes);
                Ok(())
            }
            (Shape::Array(item, count), Value::Sequence(items)) if *count == items.len() as u64 => {
                items.iter().try_for_each(|value| self.value(item, value))
            }
            (Shape::Sequence(item), Value::Sequence(items)) => {
                self.counted(items, |encoder, value| encoder.value(item, value))
            }
            (Shape::Map(key_shape, value_shape), Value::Map(pairs)) => {
                self.counted(pairs, |encoder, (key, value)| {
                    encoder.value(key_shape, key)?;
                    encoder.value(value_shape, value)
                })
            }
            (Shape::Option(_), Value::Option(None)) => {
                self.writer.put_u8(0);
                Ok(())
            }
            (Shape::Option(item), Value::Option(Some(value))) => {
                self.writer.put_u8(1);
                self.value(item, value)
            }
            (Shape::Tuple(shapes), Value::Tuple(items)) if shapes.len() == items.len() => shapes
                .iter()
                .zip(items)
                .try_for_each(|(shape, value)| self.value(shape, value)),
            (Shape::Reverse(item), value) => self.value(item, value),
            (Shape::Named(number), value) => self.named_type(*number, value),
            _ => self.leaf(shape, value),
        };
        self.depth -= 1;
        written
    }

    fn leaf(&mut self, shape: &Shape, value: &Value<'_>) -> Result<(), ValueError> {
        let writer = &mut *self.writer;
        match (shape, value) {
            (Shape::Unit, Value::Unit) => {}
            (Shape::Bool, Value::Bool(value)) => value.encode_value(writer)?,
            (Shape::Char, Value::Char(value)) => value.encode_value(writer)?,
            (Shape::Unsigned(bits), Value::Unsigned(number)) => unsigned(writer, *bits, *number)?,
            (Shape::Signed(bits), Value::Signed(number)) => signed(writer, *bits, *number)?,
            (Shape::Float(32), Value::Float32(bits)) => {
                f32::from_bits(*bits).encode_value(writer)?;
            }
            (Shape::Float(64), Value::Float64(bits)) => {
                f64::from_bits(*bits).encode_value(writer)?;
            }
            (Shape::Text, Value::Text(text)) => text.encode_value(writer)?,
            (Shape::Bytes | Shape::Opaque(_), Value::Bytes(bytes)) => bytes.encode_value(writer)?,
            (Shape::Known(name), Value::Text(text)) => known::encode_value(name, text, writer)?,
            (shape, value) => return Err(writer.error(mismatch(name_of(shape), value))),
        }
        Ok(())
    }

    fn counted<T>(
        &mut self,
        items: &[T],
        mut element: impl FnMut(&mut Self, &T) -> Result<(), ValueError>,
    ) -> Result<(), ValueError> {
        self.writer.len(items.len());
        for item in items {
            let before = self.writer.position();
            element(self, item)?;
            if items.len() > EMPTY_ELEMENTS_MAX && self.writer.position() == before {
                let what = format!("{} elements that take no bytes", items.len());
                return Err(self.writer.error(what));
            }
        }
        Ok(())
    }

    fn named_type(&mut self, number: u32, value: &Value<'_>) -> Result<(), ValueError> {
        let Some(named) = named(self.types, number) else {
            return Err(self.writer.error(UNDESCRIBED));
        };
        if self.named_depth == VALUE_DEPTH_MAX {
            return Err(self.writer.error(too_deep(VALUE_DEPTH_MAX)));
        }
        self.named_depth += 1;
        let written = match &named.body {
            TypeBody::Struct(fields) => self.fields(fields, value),
            TypeBody::Enum(variants) => self.variant(&named.name, variants, value),
        };
        self.named_depth -= 1;
        written
    }

    fn variant(
        &mut self,
        name: &str,
        variants: &[(String, Fields)],
        value: &Value<'_>,
    ) -> Result<(), ValueError> {
        let Value::Variant(variant, fields) = value else {
            return Err(self
                .writer
                .error(mismatch(format_args!("a variant of {name}"), value)));
        };
        let mut numbered = (0_u32..).zip(variants);
        let Some((number, (_, shapes))) = numbered.find(|(_, (name, _))| name == variant) else {
            return Err(self
                .writer
                .error(format!("{name} has no variant `{variant}`")));
        };
        self.writer.variant(number);
        self.fields(shapes, fields)
    }

    fn fields(&mut self, fields: &Fields, value: &Value<'_>) -> Result<(), ValueError> {
        let pairs = paired(fields, value).map_err(|what| self.writer.error(what))?;
        for (shape, value) in pairs {
            self.value(shape, value)?;
        }
        Ok(())
    }
}

fn unsigned(writer: &mut ValueWriter<'_>, bits: u8, number: u128) -> Result<(), ValueError> {
    if !fits(bits, 128 - number.leading_zeros()) {
        return Err(writer.error(format!("{number} is no unsigned integer of {bits} bits")));
    }
    match u8::try_from(number) {
        Ok(byte) if bits == 8 => writer.put_u8(byte),
        _ => writer.put_u128(number),
    }
    Ok(())
}

fn signed(writer: &mut ValueWriter<'_>, bits: u8, number: i128) -> Result<(), ValueError> {
    let magnitude = if number < 0 { !number } else { number };
    if !fits(bits, 129 - magnitude.leading_zeros()) {
        return Err(writer.error(format!("{number} is no signed integer of {bits} bits")));
    }
    match i8::try_from(number) {
        Ok(byte) if bits == 8 => writer.put_u8(byte.cast_unsigned()),
        _ => writer.put_i128(number),
    }
    Ok(())
}
