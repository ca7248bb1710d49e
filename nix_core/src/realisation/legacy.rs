//! Realisations as they were from Nix 2.4 to 2.34.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    format,
    string::{String, ToString},
};
use core::str::FromStr;

use serde_json::{Map, Value, json};

use super::{LegacyDrvOutput, signatures_json};
use crate::{
    json::{Cursor, JsonError},
    path_info::read_signatures,
    signature::{SecretKey, Signature, SignatureCheck, SignatureForm, TrustedKeys},
    store_path::StorePath,
};

/// An output, named by the hash of its derivation modulo, and the path that it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegacyRealisation {
    /// The output.
    pub id: LegacyDrvOutput,
    /// Its path.
    pub out_path: StorePath,
    /// Signatures over the fingerprint.
    pub signatures: BTreeSet<Signature>,
    /// The outputs that its contents depend on, with the paths that they had.
    pub dependent_realisations: BTreeMap<LegacyDrvOutput, StorePath>,
}

impl LegacyRealisation {
    /// States the path of an output that depends on no other, without a signature.
    #[must_use]
    pub fn new(id: LegacyDrvOutput, out_path: StorePath) -> Self {
        Self {
            id,
            out_path,
            signatures: BTreeSet::new(),
            dependent_realisations: BTreeMap::new(),
        }
    }

    /// Returns the text that signatures are over: the compact JSON without the signatures, with
    /// sorted members.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        // No part of it can have a character that JSON escapes. The order of the map is that of its
        // texts: hashes of one length and one digit for four bits, then the names.
        let mut dependencies = String::new();
        for (output, path) in &self.dependent_realisations {
            let comma = if dependencies.is_empty() { "" } else { "," };
            dependencies.push_str(&format!(r#"{comma}"{output}":"{path}""#));
        }
        let (id, path) = (&self.id, &self.out_path);
        format!(r#"{{"dependentRealisations":{{{dependencies}}},"id":"{id}","outPath":"{path}"}}"#)
    }

    /// Adds a signature by `key`, and tells whether it was missing.
    pub fn sign(&mut self, key: &SecretKey) -> bool {
        let signature = key.sign(self.fingerprint().as_bytes());
        self.signatures.insert(signature)
    }

    /// Checks every signature against the keys that are trusted.
    #[must_use]
    pub fn check_signatures(&self, keys: &TrustedKeys) -> SignatureCheck {
        let message = self.fingerprint();
        SignatureCheck::new(keys, Some(message.as_bytes()), &self.signatures)
    }

    /// Writes `{"dependentRealisations": .., "id": .., "outPath": .., "signatures": ..}`.
    #[must_use]
    pub fn to_json(&self, form: SignatureForm) -> Value {
        let dependencies: Map<_, _> = self
            .dependent_realisations
            .iter()
            .map(|(output, path)| (output.to_string(), json!(path.base_name())))
            .collect();
        json!({
            "dependentRealisations": dependencies,
            "id": self.id.to_string(),
            "outPath": self.out_path.base_name(),
            "signatures": signatures_json(&self.signatures, form),
        })
    }

    /// Reads the JSON of [`LegacyRealisation::to_json`], with signatures in either form.
    ///
    /// # Errors
    /// Fails where the name or the path is missing, and on a value that is not what its member
    /// holds.
    pub fn from_json(json: &Value) -> Result<Self, JsonError> {
        Self::from_cursor(&Cursor::root(json))
    }

    pub(crate) fn from_cursor(object: &Cursor<'_>) -> Result<Self, JsonError> {
        let path = object.field("outPath")?;
        let dependencies = object.nullable("dependentRealisations")?;
        Ok(Self {
            id: object.field("id")?.parse_with(str::parse)?,
            out_path: path.parse_with(StorePath::from_base_name)?,
            signatures: read_signatures(object)?,
            dependent_realisations: dependencies
                .map_or(Ok(BTreeMap::new()), |map| read_dependencies(&map))?,
        })
    }
}

fn read_dependencies(map: &Cursor<'_>) -> Result<BTreeMap<LegacyDrvOutput, StorePath>, JsonError> {
    let mut dependencies = BTreeMap::new();
    for (output, path) in map.object()? {
        let output = LegacyDrvOutput::from_str(output).map_err(|error| path.error(error))?;
        let value = path.parse_with(StorePath::from_base_name)?;
        if dependencies.insert(output, value).is_some() {
            return Err(path.invalid("the output stands twice, with its hash in two forms"));
        }
    }
    Ok(dependencies)
}

/// Generates any realisation as Nix had them up to 2.34.
#[cfg(any(test, feature = "test"))]
pub fn arb_legacy_realisation() -> impl proptest::strategy::Strategy<Value = LegacyRealisation> {
    use proptest::{
        collection::{btree_map, btree_set},
        prelude::*,
    };

    use super::arb_legacy_drv_output;
    use crate::{signature::arb_signature, store_path::arb_store_path};

    let parts = (
        arb_legacy_drv_output(),
        arb_store_path(),
        btree_set(arb_signature(), 0..3),
        btree_map(arb_legacy_drv_output(), arb_store_path(), 0..3),
    );
    parts.prop_map(
        |(id, out_path, signatures, dependent_realisations)| LegacyRealisation {
            id,
            out_path,
            signatures,
            dependent_realisations,
        },
    )
}
