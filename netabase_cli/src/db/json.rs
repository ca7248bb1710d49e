//! Values as JSON, so that [`typed`](super::typed) reads back what is written here.
//!
//! - integers beyond 53 bits are strings of digits
//! - a float that JSON lacks is `"inf"`, `"-inf"` or `"NaN:"` and its bits
//! - a `char` is a string, bytes are a string of hexadecimal digits
//! - a map is an object where its keys are text, else an array of pairs
//! - nothing is `null`; a value that is there is itself, or `{"some": ..}` where it could be `null`
//! - a tuple is an array, one of a single part is that part, and so are structs without names
//! - a variant is its name, or an object of its name and its fields

use std::io::{self, Write};

use netabase_store::Value;

/// The largest integer that every reader of JSON keeps: 2^53 - 1.
const INTEGER_MAX: u128 = (1 << 53) - 1;

/// Writes a value without spaces or line breaks.
pub(super) fn write_value(value: &Value<'_>, out: &mut dyn Write) -> io::Result<()> {
    match value {
        Value::Bool(value) => write!(out, "{value}"),
        Value::Char(value) => write_text(value.encode_utf8(&mut [0; 4]), out),
        Value::Unsigned(number) if *number <= INTEGER_MAX => write!(out, "{number}"),
        Value::Unsigned(number) => write!(out, "\"{number}\""),
        Value::Signed(number) if number.unsigned_abs() <= INTEGER_MAX => write!(out, "{number}"),
        Value::Signed(number) => write!(out, "\"{number}\""),
        Value::Float32(bits) => write_f32(*bits, out),
        Value::Float64(bits) => write_f64(*bits, out),
        Value::Text(text) => write_text(text, out),
        Value::Bytes(bytes) => write_hex(bytes, out),
        Value::Sequence(items) => write_list(items, out, write_value),
        Value::Map(pairs) => write_map(pairs, out),
        Value::Option(Some(value)) if may_be_null(value) => {
            out.write_all(b"{\"some\":")?;
            write_value(value, out)?;
            out.write_all(b"}")
        }
        Value::Option(Some(value)) => write_value(value, out),
        Value::Tuple(items) => match items.as_slice() {
            [only] => write_value(only, out),
            items => write_list(items, out, write_value),
        },
        Value::Struct(fields) => write_fields(fields, out),
        Value::Variant(name, fields) if **fields == Value::Unit => write_text(name, out),
        Value::Variant(name, fields) => {
            out.write_all(b"{")?;
            write_text(name, out)?;
            out.write_all(b":")?;
            write_value(fields, out)?;
            out.write_all(b"}")
        }
        // A unit, and an option without a value.
        _ => out.write_all(b"null"),
    }
}

/// Writes an object of named values.
pub(super) fn write_fields(fields: &[(&str, Value<'_>)], out: &mut dyn Write) -> io::Result<()> {
    out.write_all(b"{")?;
    for (position, (name, value)) in fields.iter().enumerate() {
        out.write_all(if position == 0 { b"" } else { b"," })?;
        write_text(name, out)?;
        out.write_all(b":")?;
        write_value(value, out)?;
    }
    out.write_all(b"}")
}

/// Writes an array.
pub(super) fn write_list<T>(
    items: &[T],
    out: &mut dyn Write,
    write: impl Fn(&T, &mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    out.write_all(b"[")?;
    for (position, item) in items.iter().enumerate() {
        out.write_all(if position == 0 { b"" } else { b"," })?;
        write(item, out)?;
    }
    out.write_all(b"]")
}

/// Writes a string.
pub(super) fn write_text(text: &str, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(out, text).map_err(io::Error::from)
}

fn write_map(pairs: &[(Value<'_>, Value<'_>)], out: &mut dyn Write) -> io::Result<()> {
    let named = |(key, value): &(Value<'_>, Value<'_>), out: &mut dyn Write| {
        write_value(key, out)?;
        out.write_all(b":")?;
        write_value(value, out)
    };
    if !pairs.iter().all(|(key, _)| matches!(key, Value::Text(_))) {
        return write_list(pairs, out, |(key, value), out| {
            out.write_all(b"[")?;
            write_value(key, out)?;
            out.write_all(b",")?;
            write_value(value, out)?;
            out.write_all(b"]")
        });
    }
    out.write_all(b"{")?;
    for (position, pair) in pairs.iter().enumerate() {
        out.write_all(if position == 0 { b"" } else { b"," })?;
        named(pair, out)?;
    }
    out.write_all(b"}")
}

/// Returns whether values like this one can be `null`.
fn may_be_null(value: &Value<'_>) -> bool {
    match value {
        Value::Unit | Value::Option(_) => true,
        Value::Tuple(items) => matches!(items.as_slice(), [only] if may_be_null(only)),
        _ => false,
    }
}

/// Writes the shortest decimal that is read back as the same float, by way of an `f64`.
fn write_f32(bits: u32, out: &mut dyn Write) -> io::Result<()> {
    let float = f32::from_bits(bits);
    if !float.is_finite() {
        return write_special(float.is_nan(), float > 0.0, &format!("{bits:08x}"), out);
    }
    let shortest = format!("{float:?}");
    let read = shortest.parse::<f64>().map(narrowed);
    if read.is_ok_and(|read| read.to_bits() == bits) {
        return out.write_all(shortest.as_bytes());
    }
    write!(out, "{:?}", f64::from(float))
}

fn write_f64(bits: u64, out: &mut dyn Write) -> io::Result<()> {
    let float = f64::from_bits(bits);
    if !float.is_finite() {
        return write_special(float.is_nan(), float > 0.0, &format!("{bits:016x}"), out);
    }
    write!(out, "{float:?}")
}

fn write_special(
    is_nan: bool,
    is_positive: bool,
    bits: &str,
    out: &mut dyn Write,
) -> io::Result<()> {
    match (is_nan, is_positive) {
        (true, _) => write!(out, "\"NaN:{bits}\""),
        (false, true) => out.write_all(b"\"inf\""),
        (false, false) => out.write_all(b"\"-inf\""),
    }
}

/// Returns the nearest `f32`.
#[expect(
    clippy::cast_possible_truncation,
    reason = "rounding is what is asked for"
)]
pub(super) fn narrowed(float: f64) -> f32 {
    float as f32
}

fn write_hex(bytes: &[u8], out: &mut dyn Write) -> io::Result<()> {
    out.write_all(b"\"")?;
    bytes
        .iter()
        .try_for_each(|byte| write!(out, "{byte:02x}"))?;
    out.write_all(b"\"")
}
