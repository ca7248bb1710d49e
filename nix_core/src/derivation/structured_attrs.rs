//! Structured attributes: the JSON object that a derivation carries in its variable `__json`.

use alloc::{borrow::ToOwned, string::String};

use serde_json::{Map, Value};

use super::{ByteString, Derivation, JsonLayout};
use crate::json::{Cursor, JsonError, parse_value};

/// The variable that holds structured attributes.
pub const STRUCTURED_ATTRS_VARIABLE: &str = "__json";

/// The structured attributes of a derivation.
///
/// In a [`Derivation`], as in its ATerm, they are the exact bytes of the variable `__json`. Read and
/// printed again these bytes stay the same where they are spelt as [`JsonLayout::COMPACT`] spells
/// them, as those of Nix are. Of equal keys the last one counts.
///
/// # Examples
/// ```
/// use nix_core::derivation::StructuredAttrs;
/// let attrs = StructuredAttrs::parse(br#"{"outputs": ["out"], "debug": true}"#)?;
/// assert_eq!(attrs.get("debug"), Some(&true.into()));
/// assert_eq!(attrs.print(), r#"{"debug":true,"outputs":["out"]}"#);
/// # Ok::<(), nix_core::json::JsonError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StructuredAttrs(Map<String, Value>);

impl StructuredAttrs {
    /// Reads the value of the variable.
    ///
    /// # Errors
    /// Fails if it is no JSON, no object, or nested deeper than 128 levels.
    pub fn parse(text: &[u8]) -> Result<Self, JsonError> {
        Self::from_json(&parse_value(text)?)
    }

    /// Takes a JSON value.
    ///
    /// # Errors
    /// Fails if it is no object.
    pub fn from_json(value: &Value) -> Result<Self, JsonError> {
        Self::from_cursor(&Cursor::root(value))
    }

    pub(super) fn from_cursor(cursor: &Cursor<'_>) -> Result<Self, JsonError> {
        let attrs = cursor
            .object()?
            .map(|(name, attr)| (name.to_owned(), attr.value().clone()));
        Ok(Self(attrs.collect()))
    }

    /// Returns the attribute of the name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// Returns all attributes.
    #[must_use]
    pub const fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }

    /// Returns all attributes as a JSON object.
    #[must_use]
    pub fn into_json(self) -> Value {
        Value::Object(self.0)
    }

    /// Returns the value of the variable, on one line with sorted keys, as Nix writes it.
    #[must_use]
    pub fn print(&self) -> String {
        JsonLayout::COMPACT.print_object(&self.0)
    }
}

impl Derivation {
    /// Reads the structured attributes, if the derivation has some.
    ///
    /// # Errors
    /// Fails as [`StructuredAttrs::parse`] does.
    pub fn structured_attrs(&self) -> Result<Option<StructuredAttrs>, JsonError> {
        let variable = self.env.get(STRUCTURED_ATTRS_VARIABLE.as_bytes());
        variable
            .map(|text| StructuredAttrs::parse(text))
            .transpose()
    }

    /// Gives the derivation structured attributes in the place of those it has.
    pub fn set_structured_attrs(&mut self, attrs: &StructuredAttrs) {
        let value = ByteString::from(attrs.print());
        self.env.insert(STRUCTURED_ATTRS_VARIABLE.into(), value);
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_nix_wrote_is_printed_as_it_was() {
        for text in [
            "{}",
            r#"{"a":null,"b":true,"c":[1,-2,3.5,1e+20,1e-05],"d":{"e":"\u0001\n\"\\/"}}"#,
            "{\"A\":\"\u{e9}\",\"a\":1,\"\u{e9}\":2}",
        ] {
            let attrs = StructuredAttrs::parse(text.as_bytes()).expect("attributes");
            assert_eq!(attrs.print(), text);
        }
    }

    #[test]
    fn attributes_are_found_by_name() {
        let attrs = StructuredAttrs::parse(br#"{"a":1,"b":null}"#).expect("attributes");
        assert_eq!(attrs.get("a"), Some(&Value::from(1)));
        assert_eq!(attrs.get("b"), Some(&Value::Null));
        assert_eq!(attrs.get("c"), None);
        assert_eq!(Value::Object(attrs.as_map().clone()), attrs.into_json());
    }

    #[test]
    fn other_spellings_have_the_same_attributes() {
        for text in [
            r#" { "b" : 2 , "a" : 1 } "#,
            r#"{"a":7,"a":1,"b":2}"#,
            r#"{"\u0061":1,"b":2}"#,
        ] {
            let attrs = StructuredAttrs::parse(text.as_bytes()).expect("attributes");
            assert_eq!(attrs.print(), r#"{"a":1,"b":2}"#);
        }
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for text in [
            "",
            "null",
            "[]",
            "\"{}\"",
            "1",
            "{",
            "{}{}",
            "{\"a\":}",
            "{\"a\":\"\u{1}\"}",
        ] {
            assert!(StructuredAttrs::parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(StructuredAttrs::parse(b"{\"a\":\"\xff\"}").is_err());
        let deep: Vec<u8> = b"{\"a\":".repeat(200);
        assert!(StructuredAttrs::parse(&deep).is_err());
    }

    proptest! {
        #[test]
        fn printing_twice_changes_nothing(text in "[{}\\[\\]:,\"0-9eE.+a-c-]{0,40}") {
            for text in [text.clone(), alloc::format!("{{\"a\":[{text}]}}")] {
                let Ok(attrs) = StructuredAttrs::parse(text.as_bytes()) else { continue };
                let printed = attrs.print();
                prop_assert_eq!(StructuredAttrs::parse(printed.as_bytes()), Ok(attrs.clone()));
            }
        }
    }
}
