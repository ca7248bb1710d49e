//! Reads what `nix realisation info --json` prints, and the entries of a binary cache's build trace.
//!
//! Up to Nix 2.34 a realisation is `{"id": "sha256:..!out", "outPath": .., ..}`, since then
//! `{"key": {"drvPath": .., "outputName": ..}, "value": {"outPath": .., ..}}`. The input is one of
//! them or an array; paths that have no derivation (`opaquePath`) are passed over.

use std::io::Read;

use nix_core::{
    json::JsonError,
    realisation::{LegacyRealisation, Realisation as KeyedRealisation},
    store_path::StoreDir,
};
use serde_json::Value;

use crate::db::models::Realisation;

/// What can be wrong with an input.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The input is not JSON, or could not be read.
    #[error("read realisations")]
    Json(#[from] serde_json::Error),
    /// An item is no realisation.
    #[error("read the realisation at place {place}")]
    Realisation {
        /// The realisation's place in the list, from 0.
        place: usize,
        /// What is wrong.
        #[source]
        source: JsonError,
    },
}

/// Reads all realisations of an input, in its order.
///
/// # Errors
/// Fails at the first realisation that cannot be read.
pub fn read(input: impl Read, store_dir: &StoreDir) -> Result<Vec<Realisation>, Error> {
    let items = match serde_json::from_reader(input)? {
        Value::Array(items) => items,
        item => vec![item],
    };
    let mut rows = Vec::with_capacity(items.len());
    for (place, item) in items.iter().enumerate() {
        let row = read_item(item, store_dir);
        rows.extend(row.map_err(|source| Error::Realisation { place, source })?);
    }
    Ok(rows)
}

fn read_item(item: &Value, store_dir: &StoreDir) -> Result<Option<Realisation>, JsonError> {
    if item.get("opaquePath").is_some() {
        return Ok(None);
    }
    let row = if item.get("key").is_some() {
        Realisation::from_realisation(store_dir, &KeyedRealisation::from_json(item)?)
    } else {
        let realisation = LegacyRealisation::from_json(item)?;
        Realisation::from_legacy_realisation(store_dir, &realisation)
    };
    Ok(Some(row))
}
