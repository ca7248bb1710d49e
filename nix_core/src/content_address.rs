//! How the contents of a store object are hashed, and the texts that say it.

mod text;

use serde_json::{Value, json};

use crate::{
    hash::{Algorithm, Hash, HashError},
    json::{Cursor, JsonError},
};

/// What of an object is hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ContentAddressMethod {
    /// The bytes of a file, whose references are part of its path: derivations, `toFile`.
    Text,
    /// The bytes of a file without references.
    Flat,
    /// The archive of any tree of files.
    Nar,
    /// The object that git would make of a tree of files; experimental in Nix.
    Git,
}

impl ContentAddressMethod {
    /// Every method.
    pub const ALL: [Self; 4] = [Self::Text, Self::Flat, Self::Nar, Self::Git];

    /// Returns the name in JSON: `text`, `flat`, `nar` or `git`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Flat => "flat",
            Self::Nar => "nar",
            Self::Git => "git",
        }
    }

    /// Returns what stands before the algorithm in derivations: `text:`, nothing, `r:` or `git:`.
    #[must_use]
    pub const fn aterm_prefix(self) -> &'static str {
        match self {
            Self::Text => "text:",
            Self::Flat => "",
            Self::Nar => "r:",
            Self::Git => "git:",
        }
    }

    /// Checks that the method can have a hash of the algorithm: text has SHA-256, git has SHA-1 or
    /// SHA-256.
    ///
    /// # Errors
    /// Fails when it cannot.
    pub const fn check(self, algorithm: Algorithm) -> Result<(), ContentAddressError> {
        let allowed = match self {
            Self::Text => matches!(algorithm, Algorithm::Sha256),
            Self::Git => matches!(algorithm, Algorithm::Sha1 | Algorithm::Sha256),
            Self::Flat | Self::Nar => true,
        };
        if allowed {
            Ok(())
        } else {
            Err(ContentAddressError::Algorithm {
                method: self,
                algorithm,
            })
        }
    }
}

/// A method and the hash it gives, enough to check contents and to compute a path.
///
/// # Examples
/// ```
/// use nix_core::content_address::{ContentAddress, ContentAddressMethod};
///
/// let text = "fixed:r:sha256:0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73";
/// let address: ContentAddress = text.parse()?;
/// assert_eq!(address.method, ContentAddressMethod::Nar);
/// assert_eq!(address.to_string(), text);
/// # Ok::<(), nix_core::content_address::ContentAddressError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentAddress {
    /// What is hashed.
    pub method: ContentAddressMethod,
    /// What came out.
    pub hash: Hash,
}

/// A method and an algorithm: how contents yet to be made will be addressed.
///
/// # Examples
/// ```
/// use nix_core::content_address::MethodAlgorithm;
///
/// let floating = MethodAlgorithm::from_aterm("r:sha256")?;
/// assert_eq!(floating.to_string(), "fixed:r:sha256");
/// # Ok::<(), nix_core::content_address::ContentAddressError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MethodAlgorithm {
    /// What is hashed.
    pub method: ContentAddressMethod,
    /// By which algorithm.
    pub algorithm: Algorithm,
}

/// Why a text is no content address, or a method and an algorithm do not go together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContentAddressError {
    /// The text begins with neither `text:` nor `fixed:`.
    #[error("a content address begins with `text:` or `fixed:`")]
    Prefix,
    /// No method has the name.
    #[error("unknown content address method {0:?}, expected text, flat, nar or git")]
    UnknownMethod(alloc::string::String),
    /// The method cannot have a hash of the algorithm.
    #[error("contents addressed by {method} cannot be hashed by {algorithm}")]
    Algorithm {
        /// The method.
        method: ContentAddressMethod,
        /// The algorithm.
        algorithm: Algorithm,
    },
    /// The hash or its algorithm is malformed.
    #[error("the hash of the content address is malformed")]
    Hash(#[source] HashError),
}

impl ContentAddress {
    /// Puts a method and a hash together.
    ///
    /// # Errors
    /// Fails as [`ContentAddressMethod::check`] does.
    pub fn new(method: ContentAddressMethod, hash: Hash) -> Result<Self, ContentAddressError> {
        method.check(hash.algorithm())?;
        Ok(Self { method, hash })
    }

    /// Checks that method and hash go together, which only a value made field by field can violate.
    ///
    /// # Errors
    /// Fails as [`ContentAddressMethod::check`] does.
    pub fn check(&self) -> Result<(), ContentAddressError> {
        self.method.check(self.hash.algorithm())
    }

    /// Returns the method and the algorithm without the digest.
    #[must_use]
    pub fn method_algorithm(&self) -> MethodAlgorithm {
        MethodAlgorithm {
            method: self.method,
            algorithm: self.hash.algorithm(),
        }
    }

    /// Returns the JSON form, `{"hash": <SRI>, "method": <name>}`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "hash": self.hash.to_json(),
            "method": self.method.as_str(),
        })
    }

    /// Reads the JSON form.
    ///
    /// # Errors
    /// Fails when the value is no object of exactly these two fields, or one of them is malformed.
    pub fn from_json(value: &Value) -> Result<Self, JsonError> {
        Self::from_cursor(&Cursor::root(value))
    }

    /// Reads the JSON form where a cursor stands.
    pub(crate) fn from_cursor(cursor: &Cursor<'_>) -> Result<Self, JsonError> {
        cursor.only_fields(&["hash", "method"])?;
        let method = cursor.field("method")?.parse_with(str::parse)?;
        let hash = Hash::from_cursor(&cursor.field("hash")?)?;
        Self::new(method, hash).map_err(|error| cursor.error(error))
    }
}

impl MethodAlgorithm {
    /// Puts a method and an algorithm together.
    ///
    /// # Errors
    /// Fails as [`ContentAddressMethod::check`] does.
    pub fn new(
        method: ContentAddressMethod,
        algorithm: Algorithm,
    ) -> Result<Self, ContentAddressError> {
        method.check(algorithm)?;
        Ok(Self { method, algorithm })
    }
}

/// Generates any method.
#[cfg(any(test, feature = "test"))]
pub fn arb_method() -> impl proptest::strategy::Strategy<Value = ContentAddressMethod> {
    proptest::sample::select(&ContentAddressMethod::ALL[..])
}

/// Generates any content address that is valid.
#[cfg(any(test, feature = "test"))]
pub fn arb_content_address() -> impl proptest::strategy::Strategy<Value = ContentAddress> {
    use proptest::strategy::Strategy;

    (arb_method(), crate::hash::arb_hash()).prop_filter_map("a valid pair", |(method, hash)| {
        ContentAddress::new(method, hash).ok()
    })
}

#[cfg(test)]
mod tests;
