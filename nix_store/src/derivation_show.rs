//! Reads what `nix derivation show` prints (up to Nix 2.8: `nix show-derivation`), in every version.
//!
//! The input is a map from path to derivation, or the wrapper
//! `{"version": 4, "derivations": {..}}` around one (since Nix 2.33). Paths are full paths or base
//! names; a hash in any form becomes `<algorithm>:<nix32>`. Structured attributes that stand beside
//! the environment become its variable `__json`, which is where derivations themselves have them.

use std::{collections::BTreeMap, io::Read};

use serde::Deserialize;
use serde_json::Value;

use crate::{
    ShapeError, StoreDir,
    content_address::{Method, check_output_method},
    db::{
        models::{Derivation, DerivationOutput, InputDerivation},
        path_name,
    },
    hash::canonical_hash,
    json::HashJson,
};

/// The newest version of the format that is known.
pub const VERSION_MAX: u64 = 4;

/// What can be wrong with an input.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The input is not a map of derivations.
    #[error("read derivations")]
    Json(#[from] serde_json::Error),
    /// The format is newer than this program.
    #[error("version {0} of the format is not known: 1 to {VERSION_MAX} are")]
    Version(u64),
    /// A text has not the shape it should have.
    #[error("read the derivation {path:?}")]
    Shape {
        /// The derivation.
        path: String,
        /// What is wrong.
        #[source]
        source: ShapeError,
    },
    /// A derivation needs what only another derivation will name.
    #[error("the derivation {path:?} has dynamic inputs, which are not supported")]
    Dynamic {
        /// The derivation.
        path: String,
    },
}

/// Reads all derivations of an input, sorted by path.
///
/// # Errors
/// Fails at the first derivation that cannot be read.
pub fn read(input: impl Read, store_dir: &StoreDir) -> Result<Vec<Derivation>, Error> {
    let shown: Shown = serde_json::from_reader(input)?;
    if let Some(version) = shown.version.filter(|version| *version > VERSION_MAX) {
        return Err(Error::Version(version));
    }
    let mut all = Vec::with_capacity(shown.derivations.len() + shown.map.len());
    for (path, shown) in shown.derivations.into_iter().chain(shown.map) {
        if shown.inputs().any(|(_, input)| input.is_dynamic()) {
            return Err(Error::Dynamic { path });
        }
        match shown.into_derivation(&path, store_dir) {
            Ok(derivation) => all.push(derivation),
            Err(source) => return Err(Error::Shape { path, source }),
        }
    }
    all.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    Ok(all)
}

/// A wrapper or a plain map.
#[derive(Deserialize)]
struct Shown {
    version: Option<u64>,
    #[serde(default)]
    derivations: BTreeMap<String, DerivationJson>,
    #[serde(flatten)]
    map: BTreeMap<String, DerivationJson>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DerivationJson {
    outputs: BTreeMap<String, OutputJson>,
    #[serde(default)]
    input_drvs: BTreeMap<String, InputJson>,
    #[serde(default)]
    input_srcs: Vec<String>,
    #[serde(default)]
    inputs: InputsJson,
    system: String,
    builder: String,
    args: Vec<String>,
    env: BTreeMap<String, String>,
    structured_attrs: Option<Value>,
}

#[derive(Deserialize, Default)]
struct InputsJson {
    #[serde(default)]
    drvs: BTreeMap<String, InputJson>,
    #[serde(default)]
    srcs: Vec<String>,
}

/// The outputs of an input, alone or beside those that its outputs name.
#[derive(Deserialize)]
#[serde(untagged)]
enum InputJson {
    Outputs(Vec<String>),
    Tree {
        outputs: Vec<String>,
        #[serde(rename = "dynamicOutputs", default)]
        dynamic_outputs: BTreeMap<String, Value>,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OutputJson {
    path: Option<String>,
    method: Option<String>,
    hash_algo: Option<String>,
    hash: Option<HashJson>,
}

impl DerivationJson {
    fn inputs(&self) -> impl Iterator<Item = (&String, &InputJson)> {
        self.input_drvs.iter().chain(&self.inputs.drvs)
    }

    fn into_derivation(mut self, path: &str, dir: &StoreDir) -> Result<Derivation, ShapeError> {
        let path = dir.full_path(path)?;
        let outputs = self
            .outputs
            .into_iter()
            .map(|(name, output)| output.named(name, dir));
        let drvs = self.input_drvs.into_iter().chain(self.inputs.drvs);
        let drvs = drvs.map(|(path, input)| {
            let path = dir.full_path(&path)?;
            Ok(InputDerivation {
                path,
                outputs: input.outputs(),
            })
        });
        let srcs = self.input_srcs.iter().chain(&self.inputs.srcs);
        if let Some(attrs) = self.structured_attrs {
            self.env.insert("__json".to_owned(), attrs.to_string());
        }
        Ok(Derivation {
            name: derivation_name(&path).to_owned(),
            path,
            outputs: outputs.collect::<Result<_, _>>()?,
            input_derivations: drvs.collect::<Result<_, ShapeError>>()?,
            input_sources: srcs
                .map(|path| dir.full_path(path))
                .collect::<Result<_, _>>()?,
            system: self.system,
            builder: self.builder,
            args: self.args,
            env: self.env,
        })
    }
}

impl InputJson {
    fn is_dynamic(&self) -> bool {
        matches!(self, Self::Tree { dynamic_outputs, .. } if !dynamic_outputs.is_empty())
    }

    fn outputs(self) -> Vec<String> {
        match self {
            Self::Outputs(outputs) | Self::Tree { outputs, .. } => outputs,
        }
    }
}

impl OutputJson {
    fn named(self, name: String, store_dir: &StoreDir) -> Result<DerivationOutput, ShapeError> {
        let prefix = match &self.method {
            Some(method) => Method::parse(method)?.prefix(),
            None => "",
        };
        let mut method = self
            .hash_algo
            .map(|algorithm| format!("{prefix}{algorithm}"));
        let hash = match self.hash {
            Some(hash) => Some(output_hash(hash, method.as_deref())?),
            None => None,
        };
        // Since version 4 the hash alone names the algorithm.
        if let (None, Some((algorithm, _))) =
            (&method, hash.as_ref().and_then(|h| h.split_once(':')))
        {
            method = Some(format!("{prefix}{algorithm}"));
        }
        if let Some(method) = &method {
            check_output_method(method)?;
        }
        let path = self
            .path
            .map(|path| store_dir.full_path(&path))
            .transpose()?;
        Ok(DerivationOutput {
            name,
            path,
            method,
            hash,
        })
    }
}

fn derivation_name(path: &str) -> &str {
    let name = path_name(path);
    name.strip_suffix(".drv").unwrap_or(name)
}

/// Returns the canonical hash; one that names no algorithm is of the method's.
fn output_hash(hash: HashJson, method: Option<&str>) -> Result<String, ShapeError> {
    let text = hash.into_text();
    match method.and_then(|method| method.rsplit(':').next()) {
        Some(algorithm) if !text.contains([':', '-']) => {
            canonical_hash(&format!("{algorithm}:{text}"))
        }
        _ => canonical_hash(&text),
    }
}
