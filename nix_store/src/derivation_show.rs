//! Reads what `nix derivation show` prints (up to Nix 2.8: `nix show-derivation`), in every version.
//!
//! The input is a map from path to derivation, or the wrapper
//! `{"version": 4, "derivations": {..}}` around one (since Nix 2.33); [`nix_core::derivation`] says
//! what the versions are. Structured attributes that stand beside the environment become its
//! variable `__json`, which is where derivations themselves have them.

use std::io::Read;

use nix_core::{
    derivation::read_derivations,
    json::JsonError,
    store_path::{StoreDir, StorePath},
};
use serde_json::Value;

use crate::{FieldError, db::models::Derivation};

/// What can be wrong with an input.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The input is not JSON, or could not be read.
    #[error("read derivations")]
    Json(#[from] serde_json::Error),
    /// The JSON is not that of derivations.
    #[error("read derivations")]
    Derivations(#[from] JsonError),
    /// A derivation says what cannot be stored.
    #[error("store the derivation {path}")]
    Store {
        /// The derivation.
        path: StorePath,
        /// What cannot be stored.
        #[source]
        source: FieldError,
    },
}

/// Reads all derivations of an input, sorted by path.
///
/// # Errors
/// Fails at the first derivation that cannot be read or stored.
pub fn read(input: impl Read, store_dir: &StoreDir) -> Result<Vec<Derivation>, Error> {
    let value: Value = serde_json::from_reader(input)?;
    let derivations = read_derivations(store_dir, &value)?;
    let rows = derivations.into_iter().map(|(path, derivation)| {
        let row = Derivation::from_derivation(store_dir, &path, &derivation);
        row.map_err(|source| Error::Store { path, source })
    });
    rows.collect()
}
