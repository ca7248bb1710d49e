//! The names of outputs.

use alloc::{format, string::String};
use core::{fmt, str::FromStr};

use serde_json::{Value, json};

use crate::{
    hash::{Hash, HashError, Sha256},
    json::{Cursor, JsonError},
    store_path::{OutputName, StorePath, StorePathError, StorePathNameError},
};

/// An output of a resolved derivation, written `<base name>^<output>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DrvOutput {
    /// The derivation.
    pub drv_path: StorePath,
    /// Its output.
    pub output_name: OutputName,
}

/// An output of a derivation as Nix named it up to 2.34, written `sha256:<base 16>!<output>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LegacyDrvOutput {
    /// The hash of the derivation modulo.
    pub drv_hash: Sha256,
    /// The output.
    pub output_name: OutputName,
}

/// Why a text names no output of a derivation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DrvOutputError {
    /// The mark between the derivation and the output is missing.
    #[error("there is no `{0}` between the derivation and the output")]
    NoMark(char),
    /// What stands before the mark is no base name of a store path.
    #[error("the derivation is no store path")]
    Path(#[source] StorePathError),
    /// What stands before the mark is no SHA-256.
    #[error("the derivation is no SHA-256")]
    Hash(#[source] HashError),
    /// What stands behind the mark is no name of an output.
    #[error("the name of the output is invalid")]
    Name(#[source] StorePathNameError),
}

impl DrvOutput {
    /// Returns where a binary cache has the value: `build-trace-v2/<base name>/<output>.doi`.
    #[must_use]
    pub fn cache_file(&self) -> String {
        format!("build-trace-v2/{}/{}.doi", self.drv_path, self.output_name)
    }

    /// Writes `{"drvPath": .., "outputName": ..}`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "drvPath": self.drv_path.base_name(),
            "outputName": self.output_name.as_str(),
        })
    }

    /// Reads the JSON of [`DrvOutput::to_json`].
    ///
    /// # Errors
    /// Fails where a member is missing, and on a value that is not what its member holds.
    pub fn from_json(json: &Value) -> Result<Self, JsonError> {
        Self::from_cursor(&Cursor::root(json))
    }

    pub(super) fn from_cursor(object: &Cursor<'_>) -> Result<Self, JsonError> {
        let path = object.field("drvPath")?;
        let name = object.field("outputName")?;
        Ok(Self {
            drv_path: path.parse_with(StorePath::from_base_name)?,
            output_name: name.parse_with(OutputName::new)?,
        })
    }
}

impl fmt::Display for DrvOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}^{}", self.drv_path, self.output_name)
    }
}

impl FromStr for DrvOutput {
    type Err = DrvOutputError;

    fn from_str(text: &str) -> Result<Self, DrvOutputError> {
        let (path, name) = text.rsplit_once('^').ok_or(DrvOutputError::NoMark('^'))?;
        Ok(Self {
            drv_path: StorePath::from_base_name(path).map_err(DrvOutputError::Path)?,
            output_name: OutputName::new(name).map_err(DrvOutputError::Name)?,
        })
    }
}

impl LegacyDrvOutput {
    /// Returns where a binary cache has the realisation: `realisations/<text>.doi`.
    #[must_use]
    pub fn cache_file(&self) -> String {
        format!("realisations/{self}.doi")
    }
}

impl fmt::Display for LegacyDrvOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hash = self.drv_hash.to_base16();
        write!(f, "sha256:{hash}!{}", self.output_name)
    }
}

impl FromStr for LegacyDrvOutput {
    type Err = DrvOutputError;

    fn from_str(text: &str) -> Result<Self, DrvOutputError> {
        let (hash, name) = text.rsplit_once('!').ok_or(DrvOutputError::NoMark('!'))?;
        let hash = Hash::parse_prefixed(hash).and_then(Sha256::try_from);
        Ok(Self {
            drv_hash: hash.map_err(DrvOutputError::Hash)?,
            output_name: OutputName::new(name).map_err(DrvOutputError::Name)?,
        })
    }
}

/// Generates any output of a derivation.
#[cfg(any(test, feature = "test"))]
pub fn arb_drv_output() -> impl proptest::strategy::Strategy<Value = DrvOutput> {
    use proptest::strategy::Strategy;

    use crate::store_path::{arb_output_name, arb_store_path};

    let parts = (arb_store_path(), arb_output_name());
    parts.prop_map(|(drv_path, output_name)| DrvOutput {
        drv_path,
        output_name,
    })
}

/// Generates any output as Nix named it up to 2.34.
#[cfg(any(test, feature = "test"))]
pub fn arb_legacy_drv_output() -> impl proptest::strategy::Strategy<Value = LegacyDrvOutput> {
    use proptest::prelude::*;

    use crate::store_path::arb_output_name;

    let parts = (any::<[u8; 32]>(), arb_output_name());
    parts.prop_map(|(hash, output_name)| LegacyDrvOutput {
        drv_hash: Sha256(hash),
        output_name,
    })
}
