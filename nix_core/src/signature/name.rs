//! The names of keys.

use alloc::sync::Arc;
use core::{borrow::Borrow, cmp::Ordering, fmt, iter, str::FromStr};

use super::SignatureError;

/// The name of a key, such as `cache.example.org-1`.
///
/// Invariant: not empty, no `:` (it ends the name in a text), no white space and no control
/// characters (signatures are stored separated by spaces and printed one a line).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(Arc<str>);

impl KeyName {
    /// Checks a name.
    ///
    /// # Errors
    /// Fails where the invariant of the type does not hold.
    pub fn new(name: &str) -> Result<Self, SignatureError> {
        if name.is_empty() {
            return Err(SignatureError::EmptyName);
        }
        let refused = |&(_, c): &(usize, char)| c == ':' || c.is_whitespace() || c.is_control();
        match name.char_indices().find(refused) {
            Some((position, symbol)) => Err(SignatureError::NameSymbol { position, symbol }),
            None => Ok(Self(name.into())),
        }
    }

    /// Returns the name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Compares two names as the texts that begin with them and a `:` compare.
    pub(super) fn cmp_as_text(&self, other: &Self) -> Ordering {
        let left = self.0.bytes().chain(iter::once(b':'));
        left.cmp(other.0.bytes().chain(iter::once(b':')))
    }
}

impl AsRef<str> for KeyName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for KeyName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyName({:?})", self.as_str())
    }
}

impl FromStr for KeyName {
    type Err = SignatureError;

    fn from_str(name: &str) -> Result<Self, SignatureError> {
        Self::new(name)
    }
}

/// Generates names of keys.
#[cfg(any(test, feature = "test"))]
pub fn arb_key_name() -> impl proptest::strategy::Strategy<Value = KeyName> {
    use proptest::strategy::Strategy;
    "[!-9;-~]{1,20}|[a-c.0-1-]{1,4}|[\u{e9}\u{4e2d}a]{1,3}"
        .prop_map(|name| KeyName::new(&name).expect("the pattern has neither `:` nor white space"))
}
