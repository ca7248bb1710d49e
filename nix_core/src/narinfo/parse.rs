//! The reader of narinfo texts.

use alloc::{collections::BTreeSet, string::ToString};

use super::{COMPRESSION_DEFAULT, DERIVER_UNKNOWN, NarInfo, NarInfoError, NarInfoReason};
use crate::{
    content_address::ContentAddress,
    hash::{Hash, HashError, Sha256},
    path_info::PathInfo,
    signature::Signature,
    store_path::{StoreDir, StorePath, StorePathError},
};

/// What has been read so far; a key that may stand once is something once it stood.
#[derive(Default)]
struct Fields<'a> {
    path: Option<StorePath>,
    url: Option<&'a str>,
    compression: Option<&'a str>,
    file_hash: Option<Hash>,
    file_size: Option<u64>,
    nar_hash: Option<Sha256>,
    nar_size: Option<u64>,
    references: Option<BTreeSet<StorePath>>,
    deriver: Option<Option<StorePath>>,
    signatures: BTreeSet<Signature>,
    content_address: Option<ContentAddress>,
}

pub(super) fn parse(dir: &StoreDir, text: &[u8]) -> Result<NarInfo, NarInfoError> {
    let at = |position| move |reason| NarInfoError { position, reason };
    let text =
        str::from_utf8(text).map_err(|error| at(error.valid_up_to())(NarInfoReason::NotUtf8))?;
    let mut fields = Fields::default();
    let mut position = 0;
    for line in text.split_inclusive('\n') {
        fields.read(dir, line).map_err(at(position))?;
        position += line.len();
    }
    fields.finish().map_err(at(position))
}

impl<'a> Fields<'a> {
    fn read(&mut self, dir: &StoreDir, line: &'a str) -> Result<(), NarInfoReason> {
        let line = line.strip_suffix('\n').ok_or(NarInfoReason::Unfinished)?;
        let (key, value) = split(line).ok_or(NarInfoReason::NoKey)?;
        match key {
            "StorePath" => once("StorePath", &mut self.path, || {
                dir.parse(value).map_err(no_path("StorePath", value))
            }),
            "URL" => once("URL", &mut self.url, || Ok(value)),
            "Compression" => once("Compression", &mut self.compression, || Ok(value)),
            "FileHash" => once("FileHash", &mut self.file_hash, || {
                Hash::parse_prefixed(value).map_err(no_hash("FileHash"))
            }),
            "FileSize" => once("FileSize", &mut self.file_size, || size("FileSize", value)),
            "NarHash" => once("NarHash", &mut self.nar_hash, || {
                let hash = Hash::parse_prefixed(value).and_then(Sha256::try_from);
                hash.map_err(no_hash("NarHash"))
            }),
            "NarSize" => once("NarSize", &mut self.nar_size, || size("NarSize", value)),
            "References" => once("References", &mut self.references, || references(value)),
            "Deriver" => once("Deriver", &mut self.deriver, || deriver(value)),
            "Sig" => {
                let signature = value.parse().map_err(NarInfoReason::Signature)?;
                self.signatures.insert(signature);
                Ok(())
            }
            // As Nix takes it: there is none.
            "CA" if value.is_empty() && self.content_address.is_none() => Ok(()),
            "CA" => once("CA", &mut self.content_address, || {
                value.parse().map_err(NarInfoReason::ContentAddress)
            }),
            _ => Ok(()),
        }
    }

    fn finish(self) -> Result<NarInfo, NarInfoReason> {
        let missing = NarInfoReason::Missing;
        let path = self.path.ok_or(missing("StorePath"))?;
        let url = self.url.ok_or(missing("URL"))?;
        let nar_hash = self.nar_hash.ok_or(missing("NarHash"))?;
        let nar_size = self.nar_size.ok_or(missing("NarSize"))?;
        if nar_size == 0 {
            return Err(NarInfoReason::NarSizeZero);
        }
        let path_info = PathInfo {
            deriver: self.deriver.flatten(),
            references: self.references.unwrap_or_default(),
            signatures: self.signatures,
            content_address: self.content_address,
            ..PathInfo::new(path, nar_hash, nar_size)
        };
        let compression = self.compression.unwrap_or(COMPRESSION_DEFAULT);
        Ok(NarInfo {
            file_hash: self.file_hash,
            file_size: self.file_size,
            ..NarInfo::new(path_info, url, compression)?
        })
    }
}

/// Splits a line at the first `:`, behind which stand a space or nothing.
fn split(line: &str) -> Option<(&str, &str)> {
    let (key, rest) = line.split_once(':')?;
    let value = if rest.is_empty() {
        rest
    } else {
        rest.strip_prefix(' ')?
    };
    Some((key, value))
}

fn once<T>(
    key: &'static str,
    field: &mut Option<T>,
    read: impl FnOnce() -> Result<T, NarInfoReason>,
) -> Result<(), NarInfoReason> {
    if field.is_some() {
        return Err(NarInfoReason::Duplicate(key));
    }
    *field = Some(read()?);
    Ok(())
}

fn size(key: &'static str, value: &str) -> Result<u64, NarInfoReason> {
    // `parse` takes a sign too, which is no part of a size.
    let digits = value.strip_prefix('+').map_or(value, |_| "+");
    digits
        .parse()
        .map_err(|source| NarInfoReason::Size { key, source })
}

fn references(value: &str) -> Result<BTreeSet<StorePath>, NarInfoReason> {
    value
        .split_ascii_whitespace()
        .map(|name| StorePath::from_base_name(name).map_err(no_path("References", name)))
        .collect()
}

fn deriver(value: &str) -> Result<Option<StorePath>, NarInfoReason> {
    if value == DERIVER_UNKNOWN {
        return Ok(None);
    }
    let path = StorePath::from_base_name(value);
    path.map(Some).map_err(no_path("Deriver", value))
}

fn no_path(key: &'static str, value: &str) -> impl FnOnce(StorePathError) -> NarInfoReason {
    move |source| NarInfoReason::Path {
        key,
        value: value.to_string(),
        source,
    }
}

fn no_hash(key: &'static str) -> impl FnOnce(HashError) -> NarInfoReason {
    move |source| NarInfoReason::Hash { key, source }
}
