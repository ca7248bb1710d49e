//! Why a record is not taken.

use std::{error::Error, sync::Arc};

/// Why a record is not taken; [`reason`](Self::reason) is what to count by.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// The key has no bytes.
    #[error("the key is empty")]
    EmptyKey,
    /// The key is longer than the limits allow.
    #[error("a key of {bytes} bytes exceeds the maximum of {max}")]
    KeyTooLong {
        /// Its length.
        bytes: usize,
        /// The longest that is allowed.
        max: usize,
    },
    /// No validator is registered for the key.
    #[error("the key belongs to no namespace known here")]
    UnknownNamespace,
    /// The value has no bytes.
    #[error("the value is empty")]
    EmptyValue,
    /// The value is larger than the limits allow.
    #[error("a value of {bytes} bytes exceeds the maximum of {max}")]
    ValueTooLarge {
        /// Its length.
        bytes: usize,
        /// The largest that is allowed.
        max: usize,
    },
    /// A lookup gave a record of another key.
    #[error("the record is of another key than the one that was asked for")]
    OtherKey,
    /// A newer record is there.
    #[error("a newer record is stored")]
    Older,
    /// The validator refused the record.
    #[error("the validator refused the record")]
    Invalid(#[source] Arc<dyn Error + Send + Sync>),
    /// The validator panicked over the record.
    #[error("the validator panicked")]
    Panicked,
}

/// The kind of a [`Rejection`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
#[repr(usize)]
pub enum Reason {
    /// [`Rejection::EmptyKey`].
    EmptyKey,
    /// [`Rejection::KeyTooLong`].
    KeyTooLong,
    /// [`Rejection::UnknownNamespace`].
    UnknownNamespace,
    /// [`Rejection::EmptyValue`].
    EmptyValue,
    /// [`Rejection::ValueTooLarge`].
    ValueTooLarge,
    /// [`Rejection::OtherKey`].
    OtherKey,
    /// [`Rejection::Older`].
    Older,
    /// [`Rejection::Invalid`].
    Invalid,
    /// [`Rejection::Panicked`].
    Panicked,
}

impl Rejection {
    /// Refuses a record for a cause of the validator's own: an error, or a text.
    pub fn invalid(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Invalid(Arc::from(cause.into()))
    }

    /// Returns the kind.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::EmptyKey => Reason::EmptyKey,
            Self::KeyTooLong { .. } => Reason::KeyTooLong,
            Self::UnknownNamespace => Reason::UnknownNamespace,
            Self::EmptyValue => Reason::EmptyValue,
            Self::ValueTooLarge { .. } => Reason::ValueTooLarge,
            Self::OtherKey => Reason::OtherKey,
            Self::Older => Reason::Older,
            Self::Invalid(_) => Reason::Invalid,
            Self::Panicked => Reason::Panicked,
        }
    }
}

impl Reason {
    /// All kinds.
    pub const ALL: [Self; 9] = [
        Self::EmptyKey,
        Self::KeyTooLong,
        Self::UnknownNamespace,
        Self::EmptyValue,
        Self::ValueTooLarge,
        Self::OtherKey,
        Self::Older,
        Self::Invalid,
        Self::Panicked,
    ];
}
