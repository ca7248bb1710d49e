//! One entry of an input, and the wrapper around all of them.

use serde::Deserialize;

use crate::{
    StoreDir,
    db::models::StorePath,
    hash::canonical_nar_hash,
    json::{ContentAddressJson, HashJson, SignatureJson},
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
    nar_hash: Option<HashJson>,
    nar_size: Option<u64>,
    references: Option<Vec<String>>,
    ca: Option<ContentAddressJson>,
    deriver: Option<String>,
    registration_time: Option<u64>,
    signatures: Option<Vec<SignatureJson>>,
    ultimate: Option<bool>,
}

impl Info {
    /// Returns the store path, or nothing where the entry says that it does not exist.
    pub(crate) fn into_store_path(
        self,
        key: Option<String>,
        store_dir: &StoreDir,
    ) -> Result<Option<StorePath>, ErrorKind> {
        check_version(self.version)?;
        check_store_dir(self.store_dir, store_dir)?;
        let path = store_dir.full_path(&key.or(self.path).ok_or(ErrorKind::NoPath)?)?;
        if self.valid == Some(false) {
            return Ok(None);
        }
        let nar_hash = self
            .nar_hash
            .ok_or(ErrorKind::Missing("narHash"))?
            .into_text();
        let references = self.references.ok_or(ErrorKind::Missing("references"))?;
        let references = references.iter().map(|text| store_dir.full_path(text));
        let signatures = self.signatures.unwrap_or_default().into_iter();
        Ok(Some(StorePath {
            path,
            nar_hash: canonical_nar_hash(&nar_hash)?,
            nar_size: self.nar_size.ok_or(ErrorKind::Missing("narSize"))?,
            registration_time: self.registration_time.unwrap_or_default(),
            deriver: self
                .deriver
                .map(|text| store_dir.full_path(&text))
                .transpose()?,
            references: as_set(references.collect::<Result<_, _>>()?),
            signatures: as_set(
                signatures
                    .map(SignatureJson::checked)
                    .collect::<Result<_, _>>()?,
            ),
            content_address: match self.ca {
                Some(address) => address.canonical()?,
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

fn as_set(mut texts: Vec<String>) -> Vec<String> {
    texts.sort_unstable();
    texts.dedup();
    texts
}
