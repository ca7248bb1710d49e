//! The texts of content addresses: `fixed:r:sha256:<base 32>`, and `r:sha256` in derivations.

use alloc::{format, string::String};
use core::{fmt, str::FromStr};

use super::{ContentAddress, ContentAddressError, ContentAddressMethod, MethodAlgorithm};
use crate::hash::{Algorithm, Hash, HashError};

impl MethodAlgorithm {
    /// Returns the text in derivations, `r:sha256`.
    #[must_use]
    pub fn aterm(&self) -> String {
        format!("{}{}", self.method.aterm_prefix(), self.algorithm)
    }

    /// Parses the text in derivations.
    ///
    /// # Errors
    /// Fails when the algorithm is unknown, or does not go with the method.
    pub fn from_aterm(text: &str) -> Result<Self, ContentAddressError> {
        let (method, rest) = split_aterm(text);
        Self::new(method, parse_algorithm(rest)?)
    }
}

/// Writes `text:sha256`, or `fixed:` and the text in derivations.
impl fmt::Display for MethodAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", prefix(self.method), self.algorithm)
    }
}

impl FromStr for MethodAlgorithm {
    type Err = ContentAddressError;

    fn from_str(text: &str) -> Result<Self, ContentAddressError> {
        let (method, rest) = split_prefix(text)?;
        Self::new(method, parse_algorithm(rest)?)
    }
}

/// Writes `text:sha256:<base 32>`, or `fixed:` with the method, the algorithm and the hash.
impl fmt::Display for ContentAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", prefix(self.method), self.hash)
    }
}

impl FromStr for ContentAddress {
    type Err = ContentAddressError;

    /// Parses the text; the bytes of the hash may be in base 16, 32 or 64.
    fn from_str(text: &str) -> Result<Self, ContentAddressError> {
        let (method, rest) = split_prefix(text)?;
        let no_algorithm = ContentAddressError::Hash(HashError::NoAlgorithm);
        let (algorithm, hash) = rest.split_once(':').ok_or(no_algorithm)?;
        let hash = Hash::parse_bare(hash, parse_algorithm(algorithm)?);
        Self::new(method, hash.map_err(ContentAddressError::Hash)?)
    }
}

impl fmt::Display for ContentAddressMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for ContentAddressMethod {
    type Err = ContentAddressError;

    fn from_str(text: &str) -> Result<Self, ContentAddressError> {
        let named = |method: &Self| method.as_str() == text;
        let known = Self::ALL.into_iter().find(named);
        known.ok_or_else(|| ContentAddressError::UnknownMethod(text.into()))
    }
}

const fn prefix(method: ContentAddressMethod) -> &'static str {
    match method {
        ContentAddressMethod::Text => "text:",
        ContentAddressMethod::Flat => "fixed:",
        ContentAddressMethod::Nar => "fixed:r:",
        ContentAddressMethod::Git => "fixed:git:",
    }
}

fn split_prefix(text: &str) -> Result<(ContentAddressMethod, &str), ContentAddressError> {
    if let Some(rest) = text.strip_prefix("text:") {
        return Ok((ContentAddressMethod::Text, rest));
    }
    let rest = text
        .strip_prefix("fixed:")
        .ok_or(ContentAddressError::Prefix)?;
    match split_aterm(rest) {
        // `fixed:text:` is nothing: what follows is no algorithm.
        (ContentAddressMethod::Text, _) => Ok((ContentAddressMethod::Flat, rest)),
        split => Ok(split),
    }
}

fn split_aterm(text: &str) -> (ContentAddressMethod, &str) {
    for method in ContentAddressMethod::ALL {
        match text.strip_prefix(method.aterm_prefix()) {
            Some(rest) if method != ContentAddressMethod::Flat => return (method, rest),
            _ => {}
        }
    }
    (ContentAddressMethod::Flat, text)
}

fn parse_algorithm(text: &str) -> Result<Algorithm, ContentAddressError> {
    text.parse().map_err(ContentAddressError::Hash)
}
