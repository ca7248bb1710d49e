//! Ed25519 signatures, and the keys that make and check them.
//!
//! Signatures, public keys and secret keys are all written `name:base64`, split at the first `:`.
//! The base64 text is the canonical one, padded and without stray bits, so a value has one text.
//!
//! Checking is strict: an `S` that is not reduced, a public key or an `R` of small order and a
//! public key that is no point of the curve are refused.

mod check;
mod key;
mod name;
mod text;
mod trusted;

use alloc::format;
use core::{cmp::Ordering, fmt, str::FromStr};

use data_encoding::BASE64;
use serde_json::{Value, json};

use crate::json::{Cursor, JsonError};

pub use self::{
    check::{SignatureCheck, Verdict},
    key::{PublicKey, SecretKey},
    name::KeyName,
    text::SignatureError,
    trusted::{TrustedKeys, TrustedKeysError},
};

#[cfg(any(test, feature = "test"))]
pub use self::name::arb_key_name;

/// The length of the base64 text of a signature.
const TEXT_LEN: usize = 88;

/// A signature and the name of the key that made it.
///
/// Sorts as its text does, which is how Nix sorts the signatures of a path.
///
/// # Examples
/// ```
/// use nix_core::signature::{SecretKey, Signature};
///
/// let key = SecretKey::from_seed("cache-1".parse()?, &[7; 32]);
/// let signature = key.sign(b"a fingerprint");
/// assert!(key.public_key().verify(b"a fingerprint", &signature));
/// assert!(!key.public_key().verify(b"another one", &signature));
/// assert_eq!(signature.to_string().parse::<Signature>()?, signature);
/// # Ok::<(), nix_core::signature::SignatureError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Signature {
    /// The name of the key.
    pub key_name: KeyName,
    /// The signature proper.
    pub bytes: [u8; 64],
}

/// How a signature is written in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureForm {
    /// The string `name:base64`, as Nix writes it up to 2.34.
    Text,
    /// The object `{"keyName": .., "sig": ..}`, as Nix writes it since 2.35.
    Structured,
}

impl Signature {
    /// Writes the signature as JSON.
    #[must_use]
    pub fn to_json(&self, form: SignatureForm) -> Value {
        match form {
            SignatureForm::Text => Value::String(format!("{self}")),
            SignatureForm::Structured => json!({
                "keyName": self.key_name.as_str(),
                "sig": self.base64().as_str(),
            }),
        }
    }

    /// Reads a signature from JSON, in either form.
    ///
    /// # Errors
    /// Fails on another kind of value, on members that are missing or unknown, and on a text that
    /// is no signature.
    pub fn from_json(value: &Value) -> Result<Self, JsonError> {
        Self::from_cursor(&Cursor::root(value))
    }

    pub(crate) fn from_cursor(cursor: &Cursor<'_>) -> Result<Self, JsonError> {
        if !cursor.value().is_object() {
            return cursor.parse_with(str::parse);
        }
        cursor.only_fields(&["keyName", "sig"])?;
        Ok(Self {
            key_name: cursor.field("keyName")?.parse_with(KeyName::new)?,
            bytes: cursor.field("sig")?.parse_with(text::decode)?,
        })
    }

    fn base64(&self) -> Base64 {
        let mut text = [0; TEXT_LEN];
        BASE64.encode_mut(&self.bytes, &mut text);
        Base64(text)
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.key_name, self.base64().as_str())
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({self})")
    }
}

impl FromStr for Signature {
    type Err = SignatureError;

    fn from_str(text: &str) -> Result<Self, SignatureError> {
        let (key_name, bytes) = text::parse(text)?;
        Ok(Self { key_name, bytes })
    }
}

impl Ord for Signature {
    fn cmp(&self, other: &Self) -> Ordering {
        // A name has no `:`, so the names with a `:` behind them decide wherever they differ.
        self.key_name
            .cmp_as_text(&other.key_name)
            .then_with(|| self.base64().0.cmp(&other.base64().0))
    }
}

impl PartialOrd for Signature {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The base64 text of a signature, on the stack.
struct Base64([u8; TEXT_LEN]);

impl Base64 {
    fn as_str(&self) -> &str {
        str::from_utf8(&self.0).expect("base64 is ASCII")
    }
}

/// Generates any signature; hardly one of them is valid for anything.
#[cfg(any(test, feature = "test"))]
pub fn arb_signature() -> impl proptest::strategy::Strategy<Value = Signature> {
    use proptest::prelude::*;

    let parts = (any::<[u8; 32]>(), any::<[u8; 32]>(), arb_key_name());
    parts.prop_map(|(left, right, key_name)| {
        let mut bytes = [0; 64];
        for (to, from) in bytes.iter_mut().zip(left.into_iter().chain(right)) {
            *to = from;
        }
        Signature { key_name, bytes }
    })
}

#[cfg(test)]
mod tests;
