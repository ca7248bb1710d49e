//! Reads what `nix realisation info --json` prints, and the entries of a binary cache's build trace.
//!
//! Up to Nix 2.34 a realisation is `{"id": "sha256:..!out", "outPath": .., ..}`, since then
//! `{"key": {"drvPath": .., "outputName": ..}, "value": {"outPath": .., ..}}`. The input is one of
//! them or an array; paths that have no derivation (`opaquePath`) are passed over.

use std::{collections::BTreeMap, io::Read};

use serde::Deserialize;

use crate::{ShapeError, StoreDir, db::models::Realisation, json::SignatureJson};

/// What can be wrong with an input.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The input is not a list of realisations.
    #[error("read realisations")]
    Json(#[from] serde_json::Error),
    /// A text has not the shape it should have.
    #[error("read the realisation at place {place}")]
    Shape {
        /// The realisation's place in the list, from 0.
        place: usize,
        /// What is wrong.
        #[source]
        source: ShapeError,
    },
}

/// Reads all realisations of an input, in its order.
///
/// # Errors
/// Fails at the first realisation that cannot be read.
pub fn read(input: impl Read, store_dir: &StoreDir) -> Result<Vec<Realisation>, Error> {
    let shown = match serde_json::from_reader(input)? {
        Shown::Many(shown) => shown,
        Shown::One(shown) => vec![shown],
    };
    let mut all = Vec::with_capacity(shown.len());
    for (place, shown) in shown.into_iter().enumerate() {
        let read = shown.into_realisation(store_dir);
        all.extend(read.map_err(|source| Error::Shape { place, source })?);
    }
    Ok(all)
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Shown {
    Many(Vec<RealisationJson>),
    One(RealisationJson),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RealisationJson {
    Hashed {
        id: String,
        #[serde(flatten)]
        value: ValueJson,
    },
    Keyed {
        key: KeyJson,
        value: ValueJson,
    },
    Opaque {
        #[serde(rename = "opaquePath")]
        _path: String,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeyJson {
    drv_path: String,
    output_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ValueJson {
    out_path: String,
    #[serde(default)]
    signatures: Vec<SignatureJson>,
    #[serde(default)]
    dependent_realisations: BTreeMap<String, String>,
}

impl RealisationJson {
    fn into_realisation(self, dir: &StoreDir) -> Result<Option<Realisation>, ShapeError> {
        let (derivation, output, value) = match self {
            Self::Hashed { id, value } => match id.split_once('!') {
                Some((hash, output)) => (hash.to_owned(), output.to_owned(), value),
                None => return Err(ShapeError::new("realisation", &id, "names no output")),
            },
            Self::Keyed { key, value } => (dir.full_path(&key.drv_path)?, key.output_name, value),
            Self::Opaque { .. } => return Ok(None),
        };
        let signatures = value.signatures.into_iter().map(SignatureJson::checked);
        let dependent = value.dependent_realisations.into_iter();
        let realisation = Realisation {
            derivation,
            output,
            out_path: dir.full_path(&value.out_path)?,
            signatures: signatures.collect::<Result<_, _>>()?,
            dependent_realisations: dependent
                .map(|(id, path)| Ok((id, dir.full_path(&path)?)))
                .collect::<Result<_, ShapeError>>()?,
        };
        realisation.check(dir)?;
        Ok(Some(realisation))
    }
}
