//! What can go wrong between a model and a record of the DHT.

use crate::error::NetabaseError;

/// A model that becomes no record, or a record that is no model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The key does not begin with [`TYPED_NAMESPACE`](super::TYPED_NAMESPACE).
    #[error("the key is not that of a typed record")]
    ForeignKey,
    /// The key ends before the primary key.
    #[error("the key of a typed record ends inside the model's name")]
    KeyTruncated,
    /// The definition has no model of this name.
    #[error("the definition has no model {discriminant}")]
    UnknownModel {
        /// The name, with bytes that are not ASCII escaped.
        discriminant: String,
    },
    /// The record was written by a program with another version of the model.
    #[error("a record of {model} has schema version {found}, this program's is {expected}")]
    SchemaVersion {
        /// The model's discriminant.
        model: &'static str,
        /// The record's version.
        found: u16,
        /// The program's version.
        expected: u16,
    },
    /// The value is not what was written for the key.
    #[error("read a record of {model}")]
    Damaged {
        /// The model's discriminant.
        model: &'static str,
        /// What is wrong with it.
        source: Box<NetabaseError>,
    },
    /// The value holds a record that belongs under another key.
    #[error("a record of {model} stands under the key of another one")]
    OtherKey {
        /// The model's discriminant.
        model: &'static str,
    },
    /// The model cannot be encoded.
    #[error("encode a record of {model}")]
    Encode {
        /// The model's discriminant.
        model: &'static str,
        /// Why.
        source: Box<NetabaseError>,
    },
    /// The encoded model is larger than the DHT takes.
    #[error("a record of {model} with {bytes} bytes exceeds the maximum of {max}")]
    TooLarge {
        /// The model's discriminant.
        model: &'static str,
        /// The length of the value.
        bytes: usize,
        /// The largest that is allowed.
        max: usize,
    },
    /// The key is longer than the DHT takes.
    #[error("a key of {model} with {bytes} bytes exceeds the maximum of {max}")]
    KeyTooLong {
        /// The model's discriminant.
        model: &'static str,
        /// The length of the key.
        bytes: usize,
        /// The longest that is allowed.
        max: usize,
    },
    /// The store failed, or refused the record.
    #[error("file or read a typed record")]
    Store(#[source] Box<NetabaseError>),
}

impl RecordError {
    pub(super) fn store(source: NetabaseError) -> Self {
        Self::Store(Box::new(source))
    }

    /// Whether the record is simply none of this definition's: to be kept as a plain one.
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        matches!(
            self,
            Self::ForeignKey | Self::KeyTruncated | Self::UnknownModel { .. }
        )
    }
}
