//! What checking the signatures of an object found out.

use alloc::collections::BTreeSet;

use super::{KeyName, Signature, TrustedKeys};

/// What is known of one signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// A trusted key made it.
    Valid,
    /// It bears the name of a trusted key, and that key did not make it.
    Invalid,
    /// No trusted key has its name.
    Unknown,
}

/// The names of the keys whose signatures an object bears, by what they are worth.
///
/// Keys are counted, not signatures: a second signature by the same key proves nothing more. A name
/// is in `invalid` only if no signature under it is valid.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SignatureCheck {
    /// Whether the object proves itself by its content address and needs no signature.
    pub content_addressed: bool,
    /// Trusted keys that signed the object.
    pub valid: BTreeSet<KeyName>,
    /// Trusted keys under whose names there are only forged or damaged signatures.
    pub invalid: BTreeSet<KeyName>,
    /// Keys that would have to be trusted for their signatures to count.
    pub unknown: BTreeSet<KeyName>,
}

impl SignatureCheck {
    /// Checks signatures over a message.
    ///
    /// Without a message no signature can be valid.
    pub(crate) fn new<'a>(
        keys: &TrustedKeys,
        message: Option<&[u8]>,
        signatures: impl IntoIterator<Item = &'a Signature>,
    ) -> Self {
        let mut check = Self::default();
        for signature in signatures {
            let name = signature.key_name.clone();
            let verdict = match message {
                Some(message) => keys.verify(message, signature),
                None if keys.get(name.as_str()).is_some() => Verdict::Invalid,
                None => Verdict::Unknown,
            };
            match verdict {
                Verdict::Valid => check.valid.insert(name),
                Verdict::Invalid => check.invalid.insert(name),
                Verdict::Unknown => check.unknown.insert(name),
            };
        }
        check.invalid.retain(|name| !check.valid.contains(name));
        check
    }

    /// Tells whether at least `needed` trusted keys signed the object, or it needs no signature.
    #[must_use]
    pub fn is_trusted(&self, needed: usize) -> bool {
        self.content_addressed || self.valid.len() >= needed
    }
}
