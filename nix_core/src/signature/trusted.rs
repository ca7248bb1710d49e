//! The set of public keys that somebody trusts.

use alloc::collections::{BTreeMap, btree_map::Entry};
use core::str::FromStr;

use super::{KeyName, PublicKey, Signature, SignatureError, Verdict};

/// Public keys by their names, such as the setting `trusted-public-keys` lists.
///
/// Invariant: a name has one key. Two keys of one name are refused, because which of them is
/// trusted would depend on their order.
///
/// # Examples
/// ```
/// use nix_core::signature::TrustedKeys;
///
/// let keys: TrustedKeys = "a-1:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo= \
///     a-1:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
///     .parse()?;
/// assert_eq!(keys.len(), 1);
/// # Ok::<(), nix_core::signature::TrustedKeysError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedKeys(BTreeMap<KeyName, PublicKey>);

/// Why a list of trusted keys is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TrustedKeysError {
    /// An item of the list is no public key.
    #[error("item {index} of the trusted keys is no public key")]
    Key {
        /// The item, counted from 0.
        index: usize,
        /// What is wrong with it.
        #[source]
        source: SignatureError,
    },
    /// Two different keys have one name.
    #[error("two trusted keys have the name {name}")]
    Conflict {
        /// The name.
        name: KeyName,
    },
}

impl TrustedKeys {
    /// Adds a key; a key that is there already stays.
    ///
    /// # Errors
    /// Fails where another key has the same name.
    pub fn insert(&mut self, key: PublicKey) -> Result<(), TrustedKeysError> {
        match self.0.entry(key.name().clone()) {
            Entry::Vacant(entry) => {
                entry.insert(key);
                Ok(())
            }
            Entry::Occupied(entry) if *entry.get() == key => Ok(()),
            Entry::Occupied(entry) => Err(TrustedKeysError::Conflict {
                name: entry.key().clone(),
            }),
        }
    }

    /// Returns the key of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&PublicKey> {
        self.0.get(name)
    }

    /// Returns the keys in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &PublicKey> {
        self.0.values()
    }

    /// Returns how many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Tells whether no key is trusted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Checks one signature over a message.
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &Signature) -> Verdict {
        match self.0.get(&signature.key_name) {
            None => Verdict::Unknown,
            Some(key) if key.verify(message, signature) => Verdict::Valid,
            Some(_) => Verdict::Invalid,
        }
    }
}

impl FromStr for TrustedKeys {
    type Err = TrustedKeysError;

    /// Reads a list separated by white space, as in `nix.conf`.
    fn from_str(text: &str) -> Result<Self, TrustedKeysError> {
        let mut keys = Self::default();
        for (index, item) in text.split_ascii_whitespace().enumerate() {
            let key = item.parse();
            keys.insert(key.map_err(|source| TrustedKeysError::Key { index, source })?)?;
        }
        Ok(keys)
    }
}
