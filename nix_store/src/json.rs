//! Values that Nix prints in several shapes.

use serde::Deserialize;

use crate::{
    content_address::{Method, canonical_content_address},
    shape::ShapeError,
    signature::check_signature,
};

/// A hash: a text in any form, or its parts.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum HashJson {
    Text(String),
    Parts { algorithm: String, hash: String },
}

impl HashJson {
    pub(crate) fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Parts { algorithm, hash } => format!("{algorithm}:{hash}"),
        }
    }
}

/// A content address: a text, or its method and hash.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum ContentAddressJson {
    Text(String),
    Parts { method: String, hash: HashJson },
}

impl ContentAddressJson {
    /// Returns the canonical text; an empty text stands for none.
    pub(crate) fn canonical(self) -> Result<Option<String>, ShapeError> {
        match self {
            Self::Text(text) if text.is_empty() => Ok(None),
            Self::Text(text) => canonical_content_address(&text).map(Some),
            Self::Parts { method, hash } => {
                Method::parse(&method)?.address(&hash.into_text()).map(Some)
            }
        }
    }
}

/// A signature: a text, or the key's name and the bytes.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum SignatureJson {
    Text(String),
    Parts {
        #[serde(rename = "keyName")]
        key_name: String,
        sig: String,
    },
}

impl SignatureJson {
    /// Returns the text, checked.
    pub(crate) fn checked(self) -> Result<String, ShapeError> {
        let text = match self {
            Self::Text(text) => text,
            Self::Parts { key_name, sig } => format!("{key_name}:{sig}"),
        };
        check_signature(&text)?;
        Ok(text)
    }
}
