//! The JSON forms of derivations: what `nix derivation show` prints and `nix derivation add` reads.
//!
//! | version | Nix | store paths | outputs | inputs |
//! | --- | --- | --- | --- | --- |
//! | [unversioned](DerivationJson::Unversioned) | up to 2.31 | full | `hashAlgo: "r:sha256"` or a `method` beside it, base-16 `hash`, `path` | `inputSrcs`, `inputDrvs` |
//! | [3](DerivationJson::V3) | 2.32 | base names | `method`, `hashAlgo`, base-16 `hash` | the same |
//! | [4](DerivationJson::V4) | since 2.33 | base names | `method`, SRI `hash` | `inputs: {srcs, drvs}`, or an array if resolved |
//!
//! Structured attributes are the field `structuredAttrs` since version 3, before they are the
//! variable `__json`. One reader takes every version. It refuses fields without a meaning, which
//! Nix skips, so that nothing that is written in a document is lost.

use alloc::{borrow::ToOwned, collections::BTreeMap, string::ToString};

use serde_json::{Map, Value, json};

use super::{
    ByteString, Derivation, json_fields as fields,
    json_read::{Reader, read_version},
    json_unversioned, json_v3, json_v4,
};
use crate::{
    json::{Cursor, JsonError},
    store_path::{ComputeError, StoreDir, StorePath, StorePathError, StorePathName},
};

/// The most levels of dynamic outputs in JSON, so that [`parse_value`](crate::json::parse_value)
/// reads every document that is printed.
pub const JSON_DYNAMIC_DEPTH_MAX: usize = 56;

/// A version of the JSON form of derivations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DerivationJson {
    /// Without a number. Written as Nix 2.8 does; what later versions changed is read as well.
    Unversioned,
    /// Version 3.
    V3,
    /// Version 4.
    V4,
}

/// Why a derivation cannot be printed as JSON.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ToJsonError {
    /// A string is not UTF-8, which JSON is.
    #[error("{0} is not UTF-8, which JSON must be")]
    NotUtf8(DerivationString),
    /// The structured attributes are no JSON object.
    #[error("the variable `__json` holds no JSON object")]
    StructuredAttrs(#[source] JsonError),
    /// A fixed output can have no path, which the unversioned form states.
    #[error("the fixed output has no path")]
    OutputPath(#[source] ComputeError),
    /// An input has dynamic outputs, which the unversioned form of Nix 2.8 cannot say.
    #[error("the input {0} has dynamic outputs, which this version of the format cannot say")]
    Dynamic(StorePath),
    /// The dynamic outputs of an input are nested deeper than [`JSON_DYNAMIC_DEPTH_MAX`].
    #[error("the dynamic outputs of the input {0} are nested too deeply")]
    TooDeep(StorePath),
    /// There are input derivations where resolved inputs were asked for.
    #[error("the derivation has input derivations, so it is not resolved")]
    NotResolved,
}

/// Why a map of derivations cannot be printed as JSON.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("print the derivation {path} as JSON")]
pub struct WriteDerivationsError {
    /// The derivation.
    pub path: StorePath,
    /// What the version cannot say of it.
    #[source]
    pub source: ToJsonError,
}

/// A string of a derivation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DerivationString {
    /// The system.
    #[error("the system")]
    System,
    /// The builder.
    #[error("the builder")]
    Builder,
    /// The argument with the number, from 0.
    #[error("argument {0}")]
    Arg(usize),
    /// The name of a variable.
    #[error("the name of the variable {0:?}")]
    VariableName(ByteString),
    /// The value of the variable with the name.
    #[error("the value of the variable {0:?}")]
    VariableValue(ByteString),
}

impl Derivation {
    /// Reads one derivation in any version of the format.
    ///
    /// The name, without `.drv`, is what the file or the key of a map says: Nix did not state it in
    /// the derivation before 2.15. A name that is stated must be the same.
    ///
    /// Output paths are not checked, except that of a fixed output where it is stated.
    ///
    /// # Errors
    /// Fails at the first place that is missing, unknown, of the wrong type, malformed, or at odds
    /// with another one.
    ///
    /// # Examples
    /// ```
    /// use nix_core::{
    ///     derivation::{Derivation, DerivationJson},
    ///     json::parse_value,
    ///     store_path::StoreDir,
    /// };
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let store_dir = StoreDir::default();
    /// let value = parse_value(
    ///     br#"{"name": "hello", "version": 4, "outputs": {"out": {"method": "nar", "hashAlgo": "sha256"}},
    ///         "inputs": {"srcs": [], "drvs": {}}, "system": "x86_64-linux", "builder": "/bin/sh",
    ///         "args": [], "env": {}}"#,
    /// )?;
    /// let drv = Derivation::from_json(&store_dir, None, &value)?;
    /// assert_eq!(drv.to_json(&store_dir, DerivationJson::V4)?, value);
    /// let old = drv.to_json(&store_dir, DerivationJson::Unversioned)?;
    /// assert_eq!(old["outputs"]["out"]["hashAlgo"], "r:sha256");
    /// # Ok(())
    /// # }
    /// ```
    pub fn from_json(
        store_dir: &StoreDir,
        name: Option<&StorePathName>,
        value: &Value,
    ) -> Result<Self, JsonError> {
        read_derivation(store_dir, name, &Cursor::root(value))
    }

    /// Returns the JSON form; [`JsonLayout`](super::JsonLayout) prints it.
    ///
    /// The unversioned form is that of Nix 2.8, which does not state the name. Of structured
    /// attributes the newer versions keep the meaning but not the spelling.
    ///
    /// # Errors
    /// Fails if the version cannot say what the derivation holds.
    pub fn to_json(
        &self,
        store_dir: &StoreDir,
        version: DerivationJson,
    ) -> Result<Value, ToJsonError> {
        let fields = match version {
            DerivationJson::Unversioned => json_unversioned::write(self, store_dir)?,
            DerivationJson::V3 => json_v3::write(self)?,
            DerivationJson::V4 => json_v4::write(self)?,
        };
        Ok(Value::Object(fields))
    }

    /// Returns the form of version 4 for a resolved derivation, whose inputs are an array of paths.
    ///
    /// # Errors
    /// Fails if there are input derivations, and as [`to_json`](Self::to_json) does.
    pub fn to_resolved_json(&self) -> Result<Value, ToJsonError> {
        if !self.inputs.derivations.is_empty() {
            return Err(ToJsonError::NotResolved);
        }
        let mut written = json_v4::write(self)?;
        let sources = fields::base_names(&self.inputs.sources);
        written.insert("inputs".to_owned(), sources);
        Ok(Value::Object(written))
    }
}

fn read_derivation<'a>(
    store_dir: &'a StoreDir,
    name: Option<&'a StorePathName>,
    cursor: &Cursor<'a>,
) -> Result<Derivation, JsonError> {
    let version = read_version(cursor)?;
    let reader = Reader { store_dir, version };
    reader.derivation(name, cursor)
}

/// Reads a map of derivations by path, as `nix derivation show` (before Nix 2.15
/// `nix show-derivation`) prints it in any version, with or without the wrapper that has the field
/// `derivations`.
///
/// Each key must be the path of a derivation with the name inside; whether it is the right path is
/// for [`Derivation::path`] to say.
///
/// # Errors
/// Fails as [`Derivation::from_json`] does, and at a key that is no path of a derivation.
pub fn read_derivations(
    store_dir: &StoreDir,
    value: &Value,
) -> Result<BTreeMap<StorePath, Derivation>, JsonError> {
    let root = Cursor::root(value);
    let map = match root.optional("derivations")? {
        Some(map) => {
            root.only_fields(&["derivations", "version"])?;
            let version = root.optional("version")?;
            json_v4::check_wrapper(version.as_ref())?;
            map
        }
        None => root,
    };
    let mut derivations = BTreeMap::new();
    for (key, cursor) in map.object()? {
        let path = read_key(store_dir, key).map_err(|error| cursor.error(error))?;
        let Some(name) = path.to_name().without_derivation_suffix() else {
            return Err(cursor.invalid("the path is not that of a derivation"));
        };
        let derivation = read_derivation(store_dir, Some(&name), &cursor)?;
        if derivations.insert(path, derivation).is_some() {
            return Err(cursor.invalid("the derivation is there twice"));
        }
    }
    Ok(derivations)
}

fn read_key(store_dir: &StoreDir, key: &str) -> Result<StorePath, StorePathError> {
    if key.starts_with('/') {
        store_dir.parse(key)
    } else {
        StorePath::from_base_name(key)
    }
}

/// Returns the map of derivations by path that Nix prints in the version: full paths in the
/// unversioned form, base names since 3, the wrapper with the field `derivations` since 4.
///
/// # Errors
/// Fails at the first derivation that the version cannot say.
pub fn write_derivations<'a>(
    store_dir: &StoreDir,
    version: DerivationJson,
    derivations: impl IntoIterator<Item = (&'a StorePath, &'a Derivation)>,
) -> Result<Value, WriteDerivationsError> {
    let mut map = Map::new();
    for (path, derivation) in derivations {
        let value = derivation.to_json(store_dir, version);
        let value = value.map_err(|source| WriteDerivationsError {
            path: path.clone(),
            source,
        })?;
        let key = match version {
            DerivationJson::Unversioned => store_dir.print(path),
            DerivationJson::V3 | DerivationJson::V4 => path.to_string(),
        };
        map.insert(key, value);
    }
    Ok(match version {
        DerivationJson::Unversioned | DerivationJson::V3 => Value::Object(map),
        DerivationJson::V4 => json!({ "derivations": map, "version": 4 }),
    })
}

#[cfg(test)]
mod tests;
