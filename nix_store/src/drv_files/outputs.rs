//! What builds of one hash resulted in.

use std::{collections::BTreeMap, fmt, str::FromStr};

use nix_core::{
    derivation::JsonLayout,
    hash::{Hash, HashFormat, Sha256},
    path_info::PathInfo,
    store_path::{OutputName, StorePath, StorePathNameError},
};
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::{Value, json};

use super::{DrvFileError, RESULTS_MAX};

/// The version of the format.
const VERSION: u64 = 1;

/// One output as it was built.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct BuiltOutput {
    /// Where it lies.
    #[serde(deserialize_with = "from_text")]
    pub path: StorePath,
    /// The hash of its archive.
    #[serde(deserialize_with = "sha256")]
    pub nar_hash: Sha256,
    /// The size of that archive in bytes.
    pub nar_size: u64,
}

/// What one build resulted in: each output of the derivation.
pub type BuildOutputs = BTreeMap<OutputName, BuiltOutput>;

/// What the builds of one build hash resulted in: each result once, the first one seen first.
///
/// As JSON it is `{"results": [{"out": {"narHash": .., "narSize": .., "path": ..}}], "version": 1}`,
/// paths as base names and hashes as SRI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outputs {
    // Invariant: 1 to RESULTS_MAX, distinct.
    results: Vec<BuildOutputs>,
}

/// What came of recording the outputs of a build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResultState {
    /// It is the first result of the build hash.
    First,
    /// A build resulted in the same before.
    Known,
    /// No build resulted in this before, but others did in something else, which is kept too: the
    /// build is not reproducible.
    Differs,
    /// As [`Differs`](Self::Differs), but [`RESULTS_MAX`] results are there, so it was not kept.
    Full,
}

impl From<&PathInfo> for BuiltOutput {
    fn from(info: &PathInfo) -> Self {
        Self {
            path: info.path.clone(),
            nar_hash: info.nar_hash,
            nar_size: info.nar_size,
        }
    }
}

impl Outputs {
    pub(super) fn new(first: BuildOutputs) -> Self {
        let results = vec![first];
        Self { results }
    }

    /// Returns the results, the first one seen first.
    #[must_use]
    pub fn results(&self) -> &[BuildOutputs] {
        &self.results
    }

    /// Returns whether two builds resulted in different outputs.
    #[must_use]
    pub const fn is_not_reproducible(&self) -> bool {
        self.results.len() > 1
    }

    /// Returns the JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let results: Vec<Value> = self.results.iter().map(result_to_json).collect();
        json!({ "results": results, "version": VERSION })
    }

    /// Adds a result that is not there.
    pub(super) fn add(&mut self, result: BuildOutputs) -> ResultState {
        if self.results.contains(&result) {
            return ResultState::Known;
        }
        if self.results.len() >= RESULTS_MAX {
            return ResultState::Full;
        }
        self.results.push(result);
        ResultState::Differs
    }

    pub(super) fn print(&self) -> String {
        JsonLayout::PRETTY.print(&self.to_json())
    }

    pub(super) fn parse(text: &[u8]) -> Result<Self, DrvFileError> {
        let written: Written = serde_json::from_slice(text)?;
        if written.version != VERSION {
            return Err(DrvFileError::Version(written.version));
        }
        let found = written.results.len();
        let mut results = written.results.into_iter().map(result_of);
        let Some(first) = results.next().filter(|_| found <= RESULTS_MAX) else {
            return Err(DrvFileError::Results(found));
        };
        let mut outputs = Self::new(first);
        for result in results {
            outputs.add(result);
        }
        Ok(outputs)
    }
}

/// The text of a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    version: u64,
    results: Vec<WrittenResult>,
}

pub(super) type WrittenResult = BTreeMap<WrittenName, BuiltOutput>;

/// The name of an output.
#[derive(PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct WrittenName(OutputName);

impl TryFrom<String> for WrittenName {
    type Error = StorePathNameError;

    fn try_from(text: String) -> Result<Self, StorePathNameError> {
        OutputName::new(&text).map(Self)
    }
}

pub(super) fn result_of(written: WrittenResult) -> BuildOutputs {
    let outputs = written.into_iter();
    outputs.map(|(name, output)| (name.0, output)).collect()
}

pub(super) fn result_to_json(result: &BuildOutputs) -> Value {
    let output = |(name, output): (&OutputName, &BuiltOutput)| {
        let hash = Hash::from(output.nar_hash).to_text(HashFormat::Sri);
        let (path, size) = (output.path.base_name(), output.nar_size);
        let output = json!({ "path": path, "narHash": hash, "narSize": size });
        (name.to_string(), output)
    };
    Value::Object(result.iter().map(output).collect())
}

pub(super) fn from_text<'de, D: Deserializer<'de>, T>(deserializer: D) -> Result<T, D::Error>
where
    T: FromStr,
    T::Err: fmt::Display,
{
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(D::Error::custom)
}

fn sha256<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Sha256, D::Error> {
    let text = String::deserialize(deserializer)?;
    let hash = Hash::parse(&text, None).map_err(D::Error::custom)?;
    Sha256::try_from(hash).map_err(D::Error::custom)
}
