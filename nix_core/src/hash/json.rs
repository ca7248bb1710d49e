//! Hashes in JSON.

use serde_json::Value;

use super::{Hash, HashFormat};
use crate::json::{Cursor, JsonError};

impl Hash {
    /// Returns the JSON form, the text of SRI.
    #[must_use]
    pub fn to_json(&self) -> Value {
        Value::String(self.to_text(HashFormat::Sri))
    }

    /// Reads a hash from JSON: a text that names its algorithm, or, as some versions print it, an
    /// object with `algorithm`, `hash` and perhaps `format`.
    ///
    /// # Errors
    /// Fails when the value is neither, or malformed.
    ///
    /// # Examples
    /// ```
    /// use nix_core::hash::{Algorithm, Hash};
    ///
    /// let hash = Hash::of(Algorithm::Sha256, b"");
    /// assert_eq!(Hash::from_json(&hash.to_json()), Ok(hash));
    /// ```
    pub fn from_json(value: &Value) -> Result<Self, JsonError> {
        Self::from_cursor(&Cursor::root(value))
    }

    /// Reads a hash where a cursor stands, as [`from_json`](Self::from_json) does.
    pub(crate) fn from_cursor(cursor: &Cursor<'_>) -> Result<Self, JsonError> {
        if !cursor.value().is_object() {
            return cursor.parse_with(Self::parse_prefixed);
        }
        cursor.only_fields(&["algorithm", "format", "hash"])?;
        if let Some(format) = cursor.optional("format")? {
            match format.string()? {
                "base16" | "base32" | "nix32" | "base64" | "sri" => {}
                _ => return Err(format.invalid("unknown format of a hash")),
            }
        }
        let algorithm = cursor.field("algorithm")?.parse_with(str::parse)?;
        let hash = cursor.field("hash")?;
        hash.parse_with(|text| Self::parse(text, Some(algorithm)))
    }
}
