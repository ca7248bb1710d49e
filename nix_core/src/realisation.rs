//! Realisations: which path an output of a derivation turned out to have.
//!
//! There are two kinds. Since Nix 2.35 an output is named by the path of a resolved derivation,
//! `<drv>^<output>` ([`Realisation`]); from 2.4 to 2.34 it was named by the hash of the derivation
//! modulo, `sha256:<hash>!<output>` ([`LegacyRealisation`]). Neither can be turned into the other
//! without the derivation.

mod key;
mod legacy;
mod merge;
mod trace;

#[cfg(test)]
mod tests;

use alloc::{collections::BTreeSet, format, string::String};

use serde_json::{Value, json};

use crate::{
    json::{Cursor, JsonError},
    path_info::read_signatures,
    signature::{SecretKey, Signature, SignatureCheck, SignatureForm, TrustedKeys},
    store_path::StorePath,
};

pub use self::{
    key::{DrvOutput, DrvOutputError, LegacyDrvOutput},
    legacy::LegacyRealisation,
    merge::MergeError,
    trace::BuildTrace,
};

#[cfg(any(test, feature = "test"))]
pub use self::{
    key::{arb_drv_output, arb_legacy_drv_output},
    legacy::arb_legacy_realisation,
    trace::arb_build_trace,
};

/// The path that an output has, and who says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnkeyedRealisation {
    /// The path of the output.
    pub out_path: StorePath,
    /// Signatures over the fingerprint of the [`Realisation`].
    pub signatures: BTreeSet<Signature>,
}

/// An output and the path that it has.
///
/// # Examples
/// ```
/// use nix_core::{realisation::Realisation, signature::{SecretKey, TrustedKeys}};
///
/// let mut realisation = Realisation::new(
///     "g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-bar.drv^out".parse()?,
///     "g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-bar".parse()?,
/// );
/// let key = SecretKey::from_seed("cache-1".parse()?, &[7; 32]);
/// realisation.sign(&key);
///
/// let keys: TrustedKeys = key.public_key().to_string().parse()?;
/// assert_eq!(realisation.check_signatures(&keys).valid.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Realisation {
    /// The output.
    pub key: DrvOutput,
    /// Its path.
    pub value: UnkeyedRealisation,
}

impl UnkeyedRealisation {
    /// States a path without a signature.
    #[must_use]
    pub fn new(out_path: StorePath) -> Self {
        Self {
            out_path,
            signatures: BTreeSet::new(),
        }
    }

    /// Writes `{"outPath": .., "signatures": ..}`.
    #[must_use]
    pub fn to_json(&self, form: SignatureForm) -> Value {
        json!({
            "outPath": self.out_path.base_name(),
            "signatures": signatures_json(&self.signatures, form),
        })
    }

    /// Reads the JSON of [`UnkeyedRealisation::to_json`], with signatures in either form.
    ///
    /// # Errors
    /// Fails where the path is missing, and on a value that is not what its member holds.
    pub fn from_json(json: &Value) -> Result<Self, JsonError> {
        Self::from_cursor(&Cursor::root(json))
    }

    pub(crate) fn from_cursor(object: &Cursor<'_>) -> Result<Self, JsonError> {
        let path = object.field("outPath")?;
        Ok(Self {
            out_path: path.parse_with(StorePath::from_base_name)?,
            signatures: read_signatures(object)?,
        })
    }
}

impl Realisation {
    /// States the path of an output, without a signature.
    #[must_use]
    pub fn new(key: DrvOutput, out_path: StorePath) -> Self {
        let value = UnkeyedRealisation::new(out_path);
        Self { key, value }
    }

    /// Returns the text that signatures are over: compact JSON of the output and the path, with
    /// base names and sorted members.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        // None of the three can have a character that JSON escapes.
        let (drv, output) = (&self.key.drv_path, &self.key.output_name);
        let path = &self.value.out_path;
        format!(
            r#"{{"key":{{"drvPath":"{drv}","outputName":"{output}"}},"value":{{"outPath":"{path}"}}}}"#
        )
    }

    /// Adds a signature by `key`, and tells whether it was missing.
    pub fn sign(&mut self, key: &SecretKey) -> bool {
        let signature = key.sign(self.fingerprint().as_bytes());
        self.value.signatures.insert(signature)
    }

    /// Checks every signature against the keys that are trusted.
    #[must_use]
    pub fn check_signatures(&self, keys: &TrustedKeys) -> SignatureCheck {
        let message = self.fingerprint();
        SignatureCheck::new(keys, Some(message.as_bytes()), &self.value.signatures)
    }

    /// Writes `{"key": .., "value": ..}`.
    #[must_use]
    pub fn to_json(&self, form: SignatureForm) -> Value {
        json!({ "key": self.key.to_json(), "value": self.value.to_json(form) })
    }

    /// Reads the JSON of [`Realisation::to_json`], with signatures in either form.
    ///
    /// # Errors
    /// Fails where a member is missing, and on a value that is not what its member holds.
    pub fn from_json(json: &Value) -> Result<Self, JsonError> {
        let object = Cursor::root(json);
        Ok(Self {
            key: DrvOutput::from_cursor(&object.field("key")?)?,
            value: UnkeyedRealisation::from_cursor(&object.field("value")?)?,
        })
    }
}

fn signatures_json(signatures: &BTreeSet<Signature>, form: SignatureForm) -> Value {
    signatures.iter().map(|s| s.to_json(form)).collect()
}

/// Generates any path with any signatures.
#[cfg(any(test, feature = "test"))]
pub fn arb_unkeyed_realisation() -> impl proptest::strategy::Strategy<Value = UnkeyedRealisation> {
    use proptest::{collection::btree_set, prelude::*};

    use crate::{signature::arb_signature, store_path::arb_store_path};

    let parts = (arb_store_path(), btree_set(arb_signature(), 0..3));
    parts.prop_map(|(out_path, signatures)| UnkeyedRealisation {
        out_path,
        signatures,
    })
}

/// Generates any realisation.
#[cfg(any(test, feature = "test"))]
pub fn arb_realisation() -> impl proptest::strategy::Strategy<Value = Realisation> {
    use proptest::prelude::*;

    let parts = (arb_drv_output(), arb_unkeyed_realisation());
    parts.prop_map(|(key, value)| Realisation { key, value })
}
