//! The error of a text that has not the shape it should have.

/// How many characters of a foreign text an error repeats.
const EXCERPT_CHARS_MAX: usize = 256;

/// A text that is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {text:?} {why}")]
pub struct ShapeError {
    /// What the text should be.
    pub what: &'static str,
    /// The text, or its beginning where it is long.
    pub text: String,
    /// What is wrong with it.
    pub why: &'static str,
}

impl ShapeError {
    pub(crate) fn new(what: &'static str, text: &str, why: &'static str) -> Self {
        let text = match text.char_indices().nth(EXCERPT_CHARS_MAX) {
            Some((end, _)) => format!("{}..", text.get(..end).unwrap_or_default()),
            None => text.to_owned(),
        };
        Self { what, text, why }
    }
}
