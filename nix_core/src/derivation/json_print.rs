//! Printing JSON as Nix prints it: keys sorted by their bytes, numbers in the same spelling.

use alloc::{string::String, vec::Vec};
use core::fmt::Write;

use serde_json::{Map, Number, Value};

use super::json_float;

/// How a JSON document is laid out.
///
/// # Examples
/// ```
/// use nix_core::derivation::JsonLayout;
/// let value = nix_core::json::parse_value(br#"{"b": [1.0, 1e20], "a": {}}"#)?;
/// assert_eq!(JsonLayout::COMPACT.print(&value), r#"{"a":{},"b":[1.0,1e+20]}"#);
/// assert_eq!(
///     JsonLayout::PRETTY.print(&value),
///     "{\n  \"a\": {},\n  \"b\": [\n    1.0,\n    1e+20\n  ]\n}\n",
/// );
/// # Ok::<(), nix_core::json::JsonError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JsonLayout {
    /// How many spaces a level is indented by; `None` puts everything on one line.
    pub indent: Option<usize>,
    /// Whether the document ends in a newline.
    pub newline: bool,
}

impl JsonLayout {
    /// One line without spaces, as Nix writes structured attributes.
    pub const COMPACT: Self = Self {
        indent: None,
        newline: false,
    };

    /// Two spaces a level and a newline at the end, as Nix writes its test data.
    pub const PRETTY: Self = Self {
        indent: Some(2),
        newline: true,
    };

    /// Prints a document; equal values give equal texts.
    ///
    /// Floats have digits that read back as the same float.
    #[must_use]
    pub fn print(self, value: &Value) -> String {
        let mut printer = Printer::new(self);
        let open = printer.value(value);
        printer.finish(open)
    }

    /// Prints an object.
    pub(super) fn print_object(self, fields: &Map<String, Value>) -> String {
        let mut printer = Printer::new(self);
        let open = printer.object(fields);
        printer.finish(Some(open))
    }
}

struct Printer {
    text: String,
    layout: JsonLayout,
}

/// An array or object whose elements are being printed.
struct Open<'a> {
    // In reverse, so that the next one is popped; keys in objects only.
    rest: Vec<(Option<&'a str>, &'a Value)>,
    close: char,
    is_first: bool,
}

impl<'a> Open<'a> {
    fn array(elements: &'a [Value]) -> Self {
        let rest = elements.iter().rev().map(|value| (None, value));
        Self {
            rest: rest.collect(),
            close: ']',
            is_first: true,
        }
    }

    /// Sorts: a map keeps its order where another crate of the program asked serde_json for that.
    fn object(fields: &'a Map<String, Value>) -> Self {
        let fields = fields
            .iter()
            .map(|(key, value)| (Some(key.as_str()), value));
        let mut rest: Vec<_> = fields.collect();
        rest.sort_unstable_by(|(a, _), (b, _)| b.cmp(a));
        Self {
            rest,
            close: '}',
            is_first: true,
        }
    }
}

impl Printer {
    const fn new(layout: JsonLayout) -> Self {
        let text = String::new();
        Self { text, layout }
    }

    /// Prints what is open.
    fn finish(mut self, first: Option<Open<'_>>) -> String {
        let mut open: Vec<Open<'_>> = first.into_iter().collect();
        while let Some(last) = open.last_mut() {
            let next = last.rest.pop();
            let (is_first, close) = (last.is_first, last.close);
            last.is_first = false;
            match next {
                Some((key, value)) => {
                    if !is_first {
                        self.text.push(',');
                    }
                    self.line(open.len());
                    self.key(key);
                    open.extend(self.value(value));
                }
                None => {
                    open.pop();
                    if !is_first {
                        self.line(open.len());
                    }
                    self.text.push(close);
                }
            }
        }
        if self.layout.newline {
            self.text.push('\n');
        }
        self.text
    }

    fn object<'a>(&mut self, fields: &'a Map<String, Value>) -> Open<'a> {
        self.text.push('{');
        Open::object(fields)
    }

    /// Prints a value, of an array or object the opening bracket only.
    fn value<'a>(&mut self, value: &'a Value) -> Option<Open<'a>> {
        match value {
            Value::Null => self.text.push_str("null"),
            Value::Bool(value) => self.text.push_str(if *value { "true" } else { "false" }),
            Value::Number(number) => print_number(&mut self.text, number),
            Value::String(value) => print_string(&mut self.text, value),
            Value::Array(elements) => {
                self.text.push('[');
                return Some(Open::array(elements));
            }
            Value::Object(fields) => return Some(self.object(fields)),
        }
        None
    }

    fn line(&mut self, level: usize) {
        if let Some(indent) = self.layout.indent {
            self.text.push('\n');
            self.text.extend(core::iter::repeat_n(' ', indent * level));
        }
    }

    fn key(&mut self, key: Option<&str>) {
        let Some(key) = key else { return };
        print_string(&mut self.text, key);
        self.text.push(':');
        if self.layout.indent.is_some() {
            self.text.push(' ');
        }
    }
}

fn print_string(out: &mut String, text: &str) {
    out.push('"');
    for char in text.chars() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..='\u{1f}' => push_fmt(out, format_args!("\\u{:04x}", u32::from(char))),
            other => out.push(other),
        }
    }
    out.push('"');
}

fn push_fmt(out: &mut String, what: core::fmt::Arguments<'_>) {
    out.write_fmt(what).expect("a string takes any text");
}

fn print_number(out: &mut String, number: &Number) {
    match (number.is_f64(), number.as_f64()) {
        (true, Some(float)) => print_float(out, float),
        _ => push_fmt(out, format_args!("{number}")),
    }
}

/// Prints as the JSON library of Nix does: plain from 1e-4 up to below 1e15, else with an exponent
/// of at least two digits.
fn print_float(out: &mut String, float: f64) {
    if float.is_sign_negative() {
        out.push('-');
    }
    if float == 0.0 {
        out.push_str("0.0");
        return;
    }
    let (digits, exponent) = json_float::digits(float.abs());
    let count = i32::try_from(digits.len()).expect("there are at most 17");
    // How many digits stand before the point.
    let before = count + exponent;
    match before {
        1..=15 if exponent >= 0 => {
            out.push_str(&digits);
            zeros(out, exponent);
            out.push_str(".0");
        }
        1..=15 => print_point(out, &digits, before),
        -3..=0 => {
            out.push_str("0.");
            zeros(out, -before);
            out.push_str(&digits);
        }
        _ => print_exponent(out, &digits, before - 1),
    }
}

fn zeros(out: &mut String, count: i32) {
    (0..count).for_each(|_| out.push('0'));
}

fn print_point(out: &mut String, digits: &str, before: i32) {
    for (at, digit) in (0..).zip(digits.chars()) {
        if at == before {
            out.push('.');
        }
        out.push(digit);
    }
}

fn print_exponent(out: &mut String, digits: &str, exponent: i32) {
    print_point(out, digits, 1);
    let sign = if exponent < 0 { '-' } else { '+' };
    push_fmt(out, format_args!("e{sign}{:02}", exponent.unsigned_abs()));
}

#[cfg(test)]
mod tests;
