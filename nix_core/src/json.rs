//! Reading JSON that Nix prints: errors say at which place of the document.

mod cursor;

use alloc::string::String;
use core::fmt;

use serde_json::Value;

pub(crate) use self::cursor::Cursor;

/// Why a JSON document is not what it should be, and where.
///
/// # Examples
/// ```
/// use nix_core::content_address::ContentAddress;
///
/// let value = nix_core::json::parse_value(br#"{"method": "nar", "hash": 7}"#)?;
/// let error = ContentAddress::from_json(&value).unwrap_err();
/// assert_eq!(error.to_string(), "at .hash: expected a string, found a number");
/// # Ok::<(), nix_core::json::JsonError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonError {
    path: String,
    kind: JsonErrorKind,
}

/// Why a place of a JSON document is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonErrorKind {
    /// The text is no JSON, or something follows it.
    #[error("malformed JSON at line {line}, column {column}")]
    Syntax {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// A field is missing.
    #[error("missing field")]
    Missing,
    /// A field is there that has no meaning.
    #[error("unknown field")]
    Unknown,
    /// The value is of another type.
    #[error("expected {expected}, found {found}")]
    Type {
        /// What should stand here.
        expected: &'static str,
        /// What stands here.
        found: &'static str,
    },
    /// The value is of the right type, but has another error, which the text states.
    #[error("{0}")]
    Value(String),
}

impl JsonError {
    pub(crate) const fn new(path: String, kind: JsonErrorKind) -> Self {
        Self { path, kind }
    }

    /// Returns an error of the place that the fields `way` lead to.
    #[must_use]
    pub fn at(way: &[&str], kind: JsonErrorKind) -> Self {
        Self::new(cursor::way_path(way), kind)
    }

    /// Returns the error of a document that stands at the place `way` of another, as one of that.
    #[must_use]
    pub fn within(self, way: &[&str]) -> Self {
        let mut path = cursor::way_path(way);
        path.push_str(&self.path);
        Self::new(path, self.kind)
    }

    /// Returns the place, as in `.outputs.out.hash`; empty for the whole document.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns what is wrong there.
    #[must_use]
    pub const fn kind(&self) -> &JsonErrorKind {
        &self.kind
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.path {
            "" => write!(f, "{}", self.kind),
            path => write!(f, "at {path}: {}", self.kind),
        }
    }
}

impl core::error::Error for JsonError {}

/// Parses one JSON value and nothing after it; of equal keys the last one counts, as in Nix.
///
/// # Errors
/// Fails when the text is malformed or nested 128 levels deep or deeper.
pub fn parse_value(text: &[u8]) -> Result<Value, JsonError> {
    serde_json::from_slice(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        JsonError::new(String::new(), JsonErrorKind::Syntax { line, column })
    })
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use serde_json::json;

    use super::*;

    #[test]
    fn malformed_texts_are_refused_with_their_place() {
        let check = |text: &str, line, column| {
            let error = parse_value(text.as_bytes()).unwrap_err();
            assert_eq!(
                error.kind(),
                &JsonErrorKind::Syntax { line, column },
                "{text}"
            );
            assert_eq!(error.path(), "");
        };
        check("", 1, 0);
        check("{\n  \"a\": }", 2, 8);
        check("{} x", 1, 4);
        check("{}{}", 1, 3);
        check("[1,]", 1, 4);
        assert!(parse_value(b"\"\xff\"").is_err());
        let error = parse_value(b"[1,]").unwrap_err();
        assert_eq!(error.to_string(), "malformed JSON at line 1, column 4");
    }

    #[test]
    fn deep_nesting_is_refused_and_not_recursed_into() {
        let nested = |depth| [b"[".repeat(depth), b"]".repeat(depth)].concat();
        assert!(parse_value(&nested(127)).is_ok());
        assert!(parse_value(&nested(128)).is_err());
        assert!(parse_value(&b"[".repeat(1_000_000)).is_err());
    }

    #[test]
    fn errors_of_a_part_become_errors_of_the_whole() {
        let error = JsonError::at(&["b c"], JsonErrorKind::Missing);
        assert_eq!(error.path(), r#"["b c"]"#);
        assert_eq!(
            error.within(&["a", "x.drv"]).path(),
            r#".a["x.drv"]["b c"]"#
        );
        assert_eq!(JsonError::at(&[], JsonErrorKind::Missing).path(), "");
    }

    #[test]
    fn of_equal_keys_the_last_one_counts() {
        assert_eq!(parse_value(br#"{"a": 1, "a": 2}"#), Ok(json!({"a": 2})));
    }
}
