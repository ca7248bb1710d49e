//! One entry of an input, and the wrapper around all of them.

use nix_core::{
    content_address::ContentAddress,
    hash::{Algorithm, Hash, Sha256},
    path_info::PathInfo,
    signature::Signature,
    store_path::{StoreDir, StorePath, StorePathError},
};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    field::{FieldError, FieldErrorKind, read, read_list, read_option},
    path_info::{ErrorKind, VERSION_MAX},
};

/// A path info as any version prints it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Info {
    path: Option<String>,
    valid: Option<bool>,
    version: Option<u64>,
    store_dir: Option<String>,
    nar_hash: Option<Value>,
    nar_size: Option<u64>,
    references: Option<Vec<String>>,
    ca: Option<Value>,
    deriver: Option<String>,
    registration_time: Option<u64>,
    signatures: Option<Vec<Value>>,
    ultimate: Option<bool>,
}

impl Info {
    /// Returns the path info, or nothing where the entry says that its path does not exist.
    pub(crate) fn into_path_info(
        self,
        key: Option<String>,
        store_dir: &StoreDir,
    ) -> Result<Option<PathInfo>, ErrorKind> {
        check_version(self.version)?;
        check_store_dir(self.store_dir, store_dir)?;
        let path = |text: &str| parse_path(store_dir, text);
        let key = key.or(self.path).ok_or(ErrorKind::NoPath)?;
        let key = read("path", &key, path)?;
        if self.valid == Some(false) {
            return Ok(None);
        }
        let nar_hash = self.nar_hash.ok_or(ErrorKind::Missing("narHash"))?;
        let references = self.references.ok_or(ErrorKind::Missing("references"))?;
        let signatures = self.signatures.unwrap_or_default().into_iter().enumerate();
        Ok(Some(PathInfo {
            path: key,
            nar_hash: read_nar_hash(&nar_hash)?,
            nar_size: self.nar_size.ok_or(ErrorKind::Missing("narSize"))?,
            registration_time: self.registration_time.unwrap_or_default(),
            deriver: read_option("deriver", self.deriver.as_deref(), path)?,
            references: read_list("references", &references, path)?,
            signatures: signatures
                .map(|(at, signature)| read_signature(at, &signature))
                .collect::<Result<_, _>>()?,
            content_address: match self.ca {
                Some(address) => read_content_address(&address)?,
                None => None,
            },
            ultimate: self.ultimate.unwrap_or_default(),
        }))
    }
}

/// What the members around the entries say.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Wrapper {
    version: Option<u64>,
    store_dir: Option<String>,
}

impl Wrapper {
    pub(crate) fn check(self, store_dir: &StoreDir) -> Result<(), ErrorKind> {
        check_version(self.version)?;
        check_store_dir(self.store_dir, store_dir)
    }
}

fn check_version(version: Option<u64>) -> Result<(), ErrorKind> {
    match version {
        Some(version) if !(1..=VERSION_MAX).contains(&version) => Err(ErrorKind::Version(version)),
        _ => Ok(()),
    }
}

fn check_store_dir(found: Option<String>, expected: &StoreDir) -> Result<(), ErrorKind> {
    match found {
        Some(found) if found != expected.as_str() => Err(ErrorKind::StoreDir {
            found,
            expected: expected.clone(),
        }),
        _ => Ok(()),
    }
}

/// Reads a full path or a base name: which of them stands there does not depend on the version that
/// the entry states, since it may stand under a key of another version.
fn parse_path(store_dir: &StoreDir, text: &str) -> Result<StorePath, StorePathError> {
    if text.starts_with('/') {
        store_dir.parse(text)
    } else {
        StorePath::from_base_name(text)
    }
}

/// Reads the hash of an archive; a digest that names no algorithm is taken for SHA-256.
fn read_nar_hash(value: &Value) -> Result<Sha256, FieldError> {
    let error = |kind: FieldErrorKind| FieldError::new("narHash", &shown(value), kind);
    let hash = match value {
        Value::String(text) => Hash::parse(text, Some(Algorithm::Sha256)).map_err(Into::into),
        value => Hash::from_json(value).map_err(Into::into),
    };
    let digest = hash.and_then(|hash| Ok(Sha256::try_from(hash)?));
    digest.map_err(error)
}

/// Reads a content address; an empty text stands for none.
fn read_content_address(value: &Value) -> Result<Option<ContentAddress>, FieldError> {
    match value {
        Value::String(text) if text.is_empty() => Ok(None),
        Value::String(text) => read("ca", text, |text| text.parse().map(Some)),
        value => {
            let address = ContentAddress::from_json(value).map(Some);
            address.map_err(|error| FieldError::new("ca", &shown(value), error))
        }
    }
}

fn read_signature(at: usize, value: &Value) -> Result<Signature, FieldError> {
    let signature = match value {
        Value::String(text) => text.parse().map_err(FieldErrorKind::Signature),
        value => Signature::from_json(value).map_err(FieldErrorKind::from),
    };
    let field = || format!("signatures[{at}]");
    signature.map_err(|kind| FieldError::new(field(), &shown(value), kind))
}

/// Returns a text as it is, and other JSON as it is written.
fn shown(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}
