//! A place in a JSON document.

use alloc::{
    format,
    rc::Rc,
    string::{String, ToString},
    vec::Vec,
};

use serde_json::Value;

use super::{JsonError, JsonErrorKind};

/// A place in a JSON document, which knows the way to itself for errors.
///
/// The way is printed only when there is an error; a step costs no more than a counter.
#[derive(Clone)]
pub(crate) struct Cursor<'a> {
    value: &'a Value,
    way: Option<Rc<Step<'a>>>,
    key: Key<'a>,
}

struct Step<'a> {
    parent: Option<Rc<Self>>,
    key: Key<'a>,
}

#[derive(Clone, Copy)]
enum Key<'a> {
    Root,
    Field(&'a str),
    Index(usize),
}

impl<'a> Cursor<'a> {
    /// Stands at the whole document.
    pub(crate) const fn root(value: &'a Value) -> Self {
        let (way, key) = (None, Key::Root);
        Self { value, way, key }
    }

    /// Returns the value as it is.
    pub(crate) const fn value(&self) -> &'a Value {
        self.value
    }

    /// Returns a field that must be there.
    pub(crate) fn field(&self, name: &'a str) -> Result<Self, JsonError> {
        let missing = || JsonError::new(self.path_of(name), JsonErrorKind::Missing);
        self.optional(name)?.ok_or_else(missing)
    }

    /// Returns a field, or nothing where it is absent.
    pub(crate) fn optional(&self, name: &'a str) -> Result<Option<Self>, JsonError> {
        let Value::Object(fields) = self.value else {
            return Err(self.mistyped("an object"));
        };
        let field = fields.get(name);
        Ok(field.map(|value| Self::child(value, Key::Field(name), &self.step())))
    }

    /// Returns a field, or nothing where it is absent or null.
    pub(crate) fn nullable(&self, name: &'a str) -> Result<Option<Self>, JsonError> {
        Ok(self.optional(name)?.filter(|field| !field.value.is_null()))
    }

    /// Fails when there is a field with another name.
    pub(crate) fn only_fields(&self, names: &[&str]) -> Result<(), JsonError> {
        for (name, field) in self.object()? {
            if !names.contains(&name) {
                return Err(JsonError::new(field.path(), JsonErrorKind::Unknown));
            }
        }
        Ok(())
    }

    pub(crate) fn string(&self) -> Result<&'a str, JsonError> {
        self.value.as_str().ok_or_else(|| self.mistyped("a string"))
    }

    pub(crate) fn u64(&self) -> Result<u64, JsonError> {
        let number = self.value.as_u64();
        number.ok_or_else(|| self.mistyped("a whole number that is not negative"))
    }

    pub(crate) fn bool(&self) -> Result<bool, JsonError> {
        self.value
            .as_bool()
            .ok_or_else(|| self.mistyped("a boolean"))
    }

    /// Returns the elements of an array.
    pub(crate) fn array(&self) -> Result<impl Iterator<Item = Self> + use<'a>, JsonError> {
        let Value::Array(elements) = self.value else {
            return Err(self.mistyped("an array"));
        };
        let step = self.step();
        let elements = elements.iter().enumerate();
        Ok(elements.map(move |(at, value)| Self::child(value, Key::Index(at), &step)))
    }

    /// Returns the fields of an object, in the order of the map: sorted by name, unless another crate
    /// of the program asked serde_json to keep that of the text.
    pub(crate) fn object(
        &self,
    ) -> Result<impl Iterator<Item = (&'a str, Self)> + use<'a>, JsonError> {
        let Value::Object(fields) = self.value else {
            return Err(self.mistyped("an object"));
        };
        let step = self.step();
        let field = move |(name, value): (&'a String, &'a Value)| {
            (name.as_str(), Self::child(value, Key::Field(name), &step))
        };
        Ok(fields.iter().map(field))
    }

    /// Parses the string that stands here.
    pub(crate) fn parse_with<T, E: core::error::Error>(
        &self,
        parse: impl FnOnce(&'a str) -> Result<T, E>,
    ) -> Result<T, JsonError> {
        parse(self.string()?).map_err(|error| self.error(error))
    }

    /// Makes an error of this place out of another one and its causes.
    pub(crate) fn error(&self, error: impl core::error::Error) -> JsonError {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            message.push_str(": ");
            message.push_str(&error.to_string());
            cause = error.source();
        }
        self.invalid(message)
    }

    /// Makes an error of this place that says why the value is wrong.
    pub(crate) fn invalid(&self, why: impl Into<String>) -> JsonError {
        JsonError::new(self.path(), JsonErrorKind::Value(why.into()))
    }

    /// Returns the way to this place, as in `.outputs.out.hash`.
    pub(crate) fn path(&self) -> String {
        let mut keys = Vec::from([self.key]);
        let mut way = self.way.as_ref();
        while let Some(step) = way {
            keys.push(step.key);
            way = step.parent.as_ref();
        }
        let mut path = String::new();
        for key in keys.iter().rev() {
            push_key(&mut path, key);
        }
        path
    }

    fn path_of(&self, name: &str) -> String {
        let mut path = self.path();
        push_key(&mut path, &Key::Field(name));
        path
    }

    fn mistyped(&self, expected: &'static str) -> JsonError {
        let found = match self.value {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) if expected.starts_with("a whole number") => "another number",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "an array",
            Value::Object(_) => "an object",
        };
        JsonError::new(self.path(), JsonErrorKind::Type { expected, found })
    }

    fn child(value: &'a Value, key: Key<'a>, step: &Rc<Step<'a>>) -> Self {
        let way = Some(Rc::clone(step));
        Self { value, way, key }
    }

    fn step(&self) -> Rc<Step<'a>> {
        let (parent, key) = (self.way.clone(), self.key);
        Rc::new(Step { parent, key })
    }
}

/// Returns the place that fields lead to.
pub(super) fn way_path(way: &[&str]) -> String {
    let mut path = String::new();
    for name in way {
        push_key(&mut path, &Key::Field(name));
    }
    path
}

fn push_key(path: &mut String, key: &Key<'_>) {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    match key {
        Key::Root => {}
        Key::Field(name) if !name.is_empty() && name.bytes().all(is_plain) => {
            path.push('.');
            path.push_str(name);
        }
        Key::Field(name) => path.push_str(&format!("[{name:?}]")),
        Key::Index(at) => path.push_str(&format!("[{at}]")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check<T>(result: Result<T, JsonError>, message: &str) {
        let error = result.err().expect("an error");
        assert_eq!(error.to_string(), message);
    }

    #[test]
    fn errors_name_the_place() {
        let value = json!({"outputs": {"out": {"sizes": [1, -2, 1.5]}, "a b": null}});
        let root = Cursor::root(&value);
        let outputs = root.field("outputs").unwrap();
        let out = outputs.field("out").unwrap();
        check(root.field("name"), "at .name: missing field");
        check(out.field("hash"), "at .outputs.out.hash: missing field");
        check(root.string(), "expected a string, found an object");
        let sizes: Vec<_> = out.field("sizes").unwrap().array().unwrap().collect();
        assert_eq!(sizes[0].u64(), Ok(1));
        let unsigned = "expected a whole number that is not negative, found another number";
        check(
            sizes[1].u64(),
            &format!("at .outputs.out.sizes[1]: {unsigned}"),
        );
        check(
            sizes[2].u64(),
            &format!("at .outputs.out.sizes[2]: {unsigned}"),
        );
        check(
            sizes[2].bool(),
            "at .outputs.out.sizes[2]: expected a boolean, found a number",
        );
        check(
            out.array(),
            "at .outputs.out: expected an array, found an object",
        );
        let null = outputs.field("a b").unwrap();
        check(
            null.object(),
            r#"at .outputs["a b"]: expected an object, found null"#,
        );
        check(
            null.field("x"),
            r#"at .outputs["a b"]: expected an object, found null"#,
        );
        check(
            outputs.only_fields(&["out"]),
            r#"at .outputs["a b"]: unknown field"#,
        );
        assert_eq!(outputs.only_fields(&["a b", "other", "out"]), Ok(()));
    }

    #[test]
    fn only_nullable_fields_may_be_null() {
        let value = json!({"null": null, "some": true});
        let root = Cursor::root(&value);
        assert!(root.optional("absent").unwrap().is_none());
        assert!(root.nullable("absent").unwrap().is_none());
        assert!(root.nullable("null").unwrap().is_none());
        let null = root.optional("null").unwrap().unwrap();
        assert!(null.value().is_null());
        assert_eq!(root.nullable("some").unwrap().unwrap().bool(), Ok(true));
    }

    #[test]
    fn errors_of_values_are_told_with_their_causes() {
        let value = json!({"path": "g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-", "not": 1});
        let root = Cursor::root(&value);
        let path = root.field("path").unwrap();
        let why = "at .path: the name of the store path is invalid: the name is empty";
        check(
            path.parse_with(crate::store_path::StorePath::from_base_name),
            why,
        );
        check::<()>(Err(path.invalid("twice")), "at .path: twice");
        let number = root.field("not").unwrap();
        check(
            number.parse_with(str::parse::<u8>),
            "at .not: expected a string, found a number",
        );
    }
}
