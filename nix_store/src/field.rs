//! The error of a field that does not hold what it should, and reading fields.

use nix_core::{
    content_address::ContentAddressError,
    hash::HashError,
    json::JsonError,
    realisation::DrvOutputError,
    signature::SignatureError,
    store_path::{ComputeError, StorePath, StorePathError, StorePathNameError},
};

/// How many characters of a foreign text an error repeats.
const EXCERPT_CHARS_MAX: usize = 256;

/// A field of a row, or a member of an input, that does not hold what it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {text:?}")]
pub struct FieldError {
    /// The field, as in `references[3]` or `outputs[0].hash`.
    pub field: String,
    /// What it holds, or the beginning where that is long.
    pub text: String,
    /// What is wrong with it.
    #[source]
    pub kind: FieldErrorKind,
}

/// What is wrong with a field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FieldErrorKind {
    /// It is no store path of the store dir.
    #[error(transparent)]
    Path(#[from] StorePathError),
    /// It is no name of a store path or of an output.
    #[error(transparent)]
    Name(#[from] StorePathNameError),
    /// It is no hash, or one of another algorithm.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// It is no content address.
    #[error(transparent)]
    ContentAddress(#[from] ContentAddressError),
    /// It is no signature.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// It names no output of a derivation.
    #[error(transparent)]
    DrvOutput(#[from] DrvOutputError),
    /// It is JSON of another shape.
    #[error(transparent)]
    Json(Box<JsonError>),
    /// It is a hash or a content address in another form than the one that rows have.
    #[error("it should be written {0:?}")]
    NotCanonical(String),
    /// It stands in a list that has each thing once.
    #[error("it stands there twice")]
    Twice,
    /// It is the name of a derivation whose path has another one.
    #[error("the path of the derivation has another name")]
    OtherName,
    /// It is the path of a fixed output, whose hash gives another one.
    #[error("the path that follows from the hash is {0}")]
    OtherPath(StorePath),
    /// It is a fixed output that can have no path.
    #[error(transparent)]
    Compute(#[from] ComputeError),
    /// It is an output of no kind: neither path, method nor hash go with the other two.
    #[error("no kind of output has these of path, method and hash")]
    NoKind,
    /// It is a string that is not UTF-8, which rows are.
    #[error("it is not UTF-8")]
    NotUtf8,
    /// It is an input whose outputs are derivations in turn, which rows cannot say.
    #[error("dynamic outputs cannot be stored")]
    Dynamic,
    /// It is a realisation that others depend on, which Nix has had no place for since 2.35.
    #[error("a realisation of this kind depends on no other")]
    Dependent,
}

impl From<JsonError> for FieldErrorKind {
    fn from(error: JsonError) -> Self {
        Self::Json(Box::new(error))
    }
}

impl FieldError {
    pub(crate) fn new(
        field: impl Into<String>,
        text: &str,
        kind: impl Into<FieldErrorKind>,
    ) -> Self {
        let text = match text.char_indices().nth(EXCERPT_CHARS_MAX) {
            Some((end, _)) => format!("{}..", text.get(..end).unwrap_or_default()),
            None => text.to_owned(),
        };
        Self {
            field: field.into(),
            text,
            kind: kind.into(),
        }
    }

    /// Says in which larger field the field stands.
    pub(crate) fn within(mut self, outer: &str) -> Self {
        self.field = format!("{outer}.{}", self.field);
        self
    }
}

/// Reads a field.
pub(crate) fn read<T, E: Into<FieldErrorKind>>(
    field: &str,
    text: &str,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, FieldError> {
    parse(text).map_err(|kind| FieldError::new(field, text, kind))
}

/// Reads a field that may be absent.
pub(crate) fn read_option<T, E: Into<FieldErrorKind>>(
    field: &str,
    text: Option<&str>,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<Option<T>, FieldError> {
    text.map(|text| read(field, text, parse)).transpose()
}

/// Reads every text of a list.
pub(crate) fn read_list<'t, T, E: Into<FieldErrorKind>, C: FromIterator<T>>(
    field: &str,
    texts: impl IntoIterator<Item = &'t String>,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<C, FieldError> {
    let read = |(at, text): (usize, &String)| {
        parse(text).map_err(|kind| FieldError::new(format!("{field}[{at}]"), text, kind))
    };
    texts.into_iter().enumerate().map(read).collect()
}

/// Parses a text that must be written as its value is printed.
pub(crate) fn canonical<T: ToString, E: Into<FieldErrorKind>>(
    text: &str,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, FieldErrorKind> {
    let value = parse(text).map_err(Into::into)?;
    let printed = value.to_string();
    if printed == text {
        Ok(value)
    } else {
        Err(FieldErrorKind::NotCanonical(printed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_in_the_error() {
        let error = FieldError::new("path", &"\u{e9}".repeat(1 << 20), FieldErrorKind::Twice);
        assert_eq!(error.text.chars().count(), EXCERPT_CHARS_MAX + 2);
        assert!(
            error
                .within("outputs[1]")
                .field
                .starts_with("outputs[1].path")
        );
    }
}
