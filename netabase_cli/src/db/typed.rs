//! JSON read back as the values that a store's description says it is; [`json`](mod@super::json) tells
//! how each is written.

use netabase_store::{Fields, NamedType, Shape, TypeBody, Value};

use super::{json::narrowed, parse::Json};
use crate::error::{Error, Result};

/// How deep shapes may nest, as in a stored value.
const DEPTH_MAX: u32 = 512;

/// Reads JSON by the shapes of a description.
#[derive(Clone, Copy)]
pub(super) struct Reading<'s> {
    types: &'s [NamedType],
    depth: u32,
}

impl<'s> Reading<'s> {
    pub(super) fn new(types: &'s [NamedType]) -> Self {
        Self { types, depth: 0 }
    }

    /// Reads the named fields of a struct or a record: all of them, and no others.
    pub(super) fn named(
        self,
        fields: &'s [(String, Shape)],
        json: Json,
    ) -> Result<Vec<(&'s str, Value<'s>)>> {
        let mut members = match json {
            Json::Object(members) => members,
            other => return Err(expected("an object", &other)),
        };
        let mut values = Vec::new();
        for (position, (name, shape)) in fields.iter().enumerate() {
            let is_named = |(member, _): &(String, Json)| member == name;
            let found = match members.get(position) {
                Some(member) if is_named(member) => Some(position),
                _ => members.iter().position(is_named),
            };
            let Some(member) = found.and_then(|at| members.get_mut(at)) else {
                return Err(misfit(format!("the field `{name}` is missing")));
            };
            let json = std::mem::replace(&mut member.1, Json::Null);
            let value = self
                .value(shape, json)
                .map_err(|error| under(error, &format!(".{name}")))?;
            values.push((name.as_str(), value));
        }
        let is_unknown =
            |(member, _): &&(String, Json)| !fields.iter().any(|(name, _)| name == member);
        if members.len() == fields.len() {
            return Ok(values);
        }
        match members.iter().find(is_unknown) {
            Some((member, _)) => Err(misfit(format!("the unknown field `{member}`"))),
            None => Err(misfit("a field that is there twice")),
        }
    }

    /// Reads a value.
    pub(super) fn value(mut self, shape: &'s Shape, json: Json) -> Result<Value<'s>> {
        if self.depth == DEPTH_MAX {
            return Err(misfit(format!("types that nest deeper than {DEPTH_MAX}")));
        }
        self.depth += 1;
        match (shape, json) {
            (Shape::Array(item, count), json) => self.array(item, *count, json),
            (Shape::Sequence(item), json) => self.items(item, json).map(Value::Sequence),
            (Shape::Map(key, value), json) => self.map(key, value, json),
            (Shape::Option(_), Json::Null) => Ok(Value::Option(None)),
            (Shape::Option(item), json) => self.some(item, json),
            (Shape::Tuple(shapes), json) => self.tuple(shapes, json),
            (Shape::Reverse(item), json) => self.value(item, json),
            (Shape::Named(number), json) => self.named_type(*number, json),
            (shape, json) => leaf(shape, json),
        }
    }

    fn array(self, item: &'s Shape, count: u64, json: Json) -> Result<Value<'s>> {
        if *item == Shape::Unsigned(8) {
            return leaf(&Shape::Bytes, json);
        }
        let items = self.items(item, json)?;
        if items.len() as u64 != count {
            return Err(misfit(format!(
                "{} elements where {count} are expected",
                items.len()
            )));
        }
        Ok(Value::Sequence(items))
    }

    fn items(self, item: &'s Shape, json: Json) -> Result<Vec<Value<'s>>> {
        let items = array_of(json)?.into_iter().enumerate();
        let items = items.map(|(position, json)| {
            self.value(item, json)
                .map_err(|error| under(error, &format!("[{position}]")))
        });
        items.collect()
    }

    fn map(self, key: &'s Shape, value: &'s Shape, json: Json) -> Result<Value<'s>> {
        let pairs = match json {
            Json::Object(members) => members
                .into_iter()
                .map(|(name, json)| [Json::Text(name), json])
                .collect(),
            json => array_of(json)?
                .into_iter()
                .map(|pair| {
                    let pair = <[Json; 2]>::try_from(array_of(pair)?);
                    pair.map_err(|_| misfit("an entry of a map that is no pair"))
                })
                .collect::<Result<Vec<_>>>()?,
        };
        let pairs = pairs
            .into_iter()
            .enumerate()
            .map(|(position, [first, second])| {
                let place = |error| under(error, &format!("[{position}]"));
                let key = self.value(key, first).map_err(place)?;
                Ok((key, self.value(value, second).map_err(place)?))
            });
        pairs.collect::<Result<_>>().map(Value::Map)
    }

    fn some(self, item: &'s Shape, json: Json) -> Result<Value<'s>> {
        let json = match json {
            json if !self.may_be_null(item, 0) => json,
            Json::Object(members) => match <[(String, Json); 1]>::try_from(members) {
                Ok([(name, json)]) if name == "some" => json,
                _ => return Err(misfit("an object that is not {\"some\": ..}")),
            },
            other => return Err(expected("null or {\"some\": ..}", &other)),
        };
        let value = self.value(item, json)?;
        Ok(Value::Option(Some(Box::new(value))))
    }

    /// Returns whether values of the shape can be written as `null`.
    fn may_be_null(self, shape: &Shape, depth: u32) -> bool {
        let of_fields = |shapes: &[Shape]| match shapes {
            [only] => depth < DEPTH_MAX && self.may_be_null(only, depth + 1),
            _ => false,
        };
        match shape {
            Shape::Unit | Shape::Option(_) => true,
            Shape::Tuple(shapes) => of_fields(shapes),
            Shape::Reverse(item) => of_fields(std::slice::from_ref(item)),
            Shape::Named(number) => match self.body(*number) {
                Some(TypeBody::Struct(Fields::Unit)) => true,
                Some(TypeBody::Struct(Fields::Tuple(shapes))) => of_fields(shapes),
                _ => false,
            },
            _ => false,
        }
    }

    fn tuple(self, shapes: &'s [Shape], json: Json) -> Result<Value<'s>> {
        if let [only] = shapes {
            return Ok(Value::Tuple(vec![self.value(only, json)?]));
        }
        let items = array_of(json)?;
        if items.len() != shapes.len() {
            let (found, wanted) = (items.len(), shapes.len());
            return Err(misfit(format!("{found} parts where {wanted} are expected")));
        }
        let parts = shapes
            .iter()
            .zip(items)
            .enumerate()
            .map(|(position, (shape, json))| {
                self.value(shape, json)
                    .map_err(|error| under(error, &format!("[{position}]")))
            });
        parts.collect::<Result<_>>().map(Value::Tuple)
    }

    fn body(self, number: u32) -> Option<&'s TypeBody> {
        let named = usize::try_from(number)
            .ok()
            .and_then(|number| self.types.get(number));
        named.map(|named| &named.body)
    }

    fn named_type(self, number: u32, json: Json) -> Result<Value<'s>> {
        match self.body(number) {
            Some(TypeBody::Struct(fields)) => self.fields(fields, json),
            Some(TypeBody::Enum(variants)) => self.variant(variants, json),
            _ => Err(misfit("a type that the schema does not describe")),
        }
    }

    fn variant(self, variants: &'s [(String, Fields)], json: Json) -> Result<Value<'s>> {
        let (name, json) = match json {
            Json::Text(name) => (name, Json::Null),
            Json::Object(members) => match <[(String, Json); 1]>::try_from(members) {
                Ok([member]) => member,
                Err(_) => return Err(misfit("an object of more than one variant")),
            },
            other => return Err(expected("the name of a variant", &other)),
        };
        let Some((variant, fields)) = variants.iter().find(|(variant, _)| *variant == name) else {
            return Err(misfit(format!("the unknown variant `{name}`")));
        };
        let fields = self
            .fields(fields, json)
            .map_err(|error| under(error, &format!(".{name}")))?;
        Ok(Value::Variant(variant, Box::new(fields)))
    }

    fn fields(self, fields: &'s Fields, json: Json) -> Result<Value<'s>> {
        match fields {
            Fields::Tuple(shapes) => self.tuple(shapes, json),
            Fields::Named(fields) => self.named(fields, json).map(Value::Struct),
            _ => leaf(&Shape::Unit, json),
        }
    }
}

/// Reads a value without parts.
fn leaf<'s>(shape: &Shape, json: Json) -> Result<Value<'s>> {
    Ok(match (shape, json) {
        (Shape::Unit, Json::Null) => Value::Unit,
        (Shape::Bool, Json::Bool(value)) => Value::Bool(value),
        (Shape::Char, Json::Text(text)) => {
            let mut chars = text.chars();
            match (chars.next(), chars.next()) {
                (Some(char), None) => Value::Char(char),
                _ => return Err(misfit("a string that is not one character")),
            }
        }
        (Shape::Unsigned(_), Json::Unsigned(number)) => Value::Unsigned(number.into()),
        (Shape::Unsigned(_), Json::Text(text)) => Value::Unsigned(number_of(&text)?),
        (Shape::Signed(_), Json::Unsigned(number)) => Value::Signed(number.into()),
        (Shape::Signed(_), Json::Signed(number)) => Value::Signed(number.into()),
        (Shape::Signed(_), Json::Text(text)) => Value::Signed(number_of(&text)?),
        (Shape::Float(32), Json::Text(text)) => {
            let (above, below) = (f32::INFINITY.to_bits(), f32::NEG_INFINITY.to_bits());
            let bits = u32::try_from(special(&text, above.into(), below.into())?);
            Value::Float32(bits.map_err(|_| misfit("a float of more than 32 bits"))?)
        }
        (Shape::Float(32), json) => Value::Float32(narrowed(float(&json)?).to_bits()),
        (Shape::Float(_), Json::Text(text)) => {
            let (above, below) = (f64::INFINITY.to_bits(), f64::NEG_INFINITY.to_bits());
            Value::Float64(special(&text, above, below)?)
        }
        (Shape::Float(_), json) => Value::Float64(float(&json)?.to_bits()),
        (Shape::Text | Shape::Known(_), Json::Text(text)) => Value::Text(text),
        (Shape::Bytes | Shape::Opaque(_), Json::Text(text)) => Value::Bytes(hex(&text)?),
        (shape, json) => {
            let name = shape.to_text(&[]);
            return Err(misfit(format!(
                "{} where `{name}` is expected",
                json.kind()
            )));
        }
    })
}

fn number_of<T: std::str::FromStr + ToString>(text: &str) -> Result<T> {
    let number = text
        .parse::<T>()
        .ok()
        .filter(|number| number.to_string() == text);
    number.ok_or_else(|| misfit(format!("{text:?}, which is no integer")))
}

fn float(json: &Json) -> Result<f64> {
    match json {
        Json::Float(float) => Ok(*float),
        Json::Unsigned(number) => Ok(*number as f64),
        Json::Signed(number) => Ok(*number as f64),
        other => Err(expected("a number", other)),
    }
}

/// Reads the bits of a float that JSON lacks.
fn special(text: &str, infinity: u64, negative_infinity: u64) -> Result<u64> {
    let nan = |bits: &str| u64::from_str_radix(bits, 16).ok();
    match text {
        "inf" => Ok(infinity),
        "-inf" => Ok(negative_infinity),
        text => match text.strip_prefix("NaN:").and_then(nan) {
            Some(bits) => Ok(bits),
            None => Err(misfit(format!("{text:?}, which is no float"))),
        },
    }
}

fn hex(text: &str) -> Result<Vec<u8>> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let bytes = pairs
        .iter()
        .map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?));
    let bytes: Option<Vec<u8>> = bytes.collect();
    bytes
        .filter(|_| rest.is_empty())
        .ok_or_else(|| misfit("a string that is not hexadecimal"))
}

fn array_of(json: Json) -> Result<Vec<Json>> {
    match json {
        Json::Array(items) => Ok(items),
        other => Err(expected("an array", &other)),
    }
}

fn expected(what: &str, found: &Json) -> Error {
    misfit(format!("{} where {what} is expected", found.kind()))
}

/// Returns an error at the place that is being read.
pub(super) fn misfit(what: impl Into<String>) -> Error {
    Error::Misfit {
        path: String::new(),
        what: what.into(),
    }
}

/// Puts a step before the path of an error.
pub(super) fn under(error: Error, step: &str) -> Error {
    match error {
        Error::Misfit { path, what } => Error::Misfit {
            path: format!("{step}{path}"),
            what,
        },
        other => other,
    }
}
