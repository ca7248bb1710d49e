//! What a binary cache says of a path: its info and where to fetch its archive.
//!
//! The text is that of `<hash part>.narinfo`; [`CacheInfo`] is the text of `nix-cache-info`.

mod cache_info;
mod error;
mod json;
mod parse;

#[cfg(test)]
mod tests;

use alloc::{
    format,
    string::{String, ToString},
};

use crate::{
    hash::Hash,
    path_info::PathInfo,
    store_path::{StoreDir, StorePath},
};

pub use self::{
    cache_info::{CacheInfo, CacheInfoError},
    error::{NarInfoError, NarInfoReason},
};

/// What a missing or empty `Compression` means.
const COMPRESSION_DEFAULT: &str = "bzip2";

/// What some caches write for a deriver that is not known.
const DERIVER_UNKNOWN: &str = "unknown-deriver";

/// The info of a path in a binary cache.
///
/// Registration time and origin belong to a store: the text does not carry them.
///
/// # Examples
/// ```
/// use nix_core::{narinfo::NarInfo, store_path::StoreDir};
///
/// let text = "\
/// StorePath: /nix/store/g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-foo
/// URL: nar/1b8m03r63zqhnjf7l5wnldhh7c134ap5vpj0850ymkq1iyzicy5s.nar.zst
/// Compression: zstd
/// NarHash: sha256:1b8m03r63zqhnjf7l5wnldhh7c134ap5vpj0850ymkq1iyzicy5s
/// NarSize: 1024
/// References: g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-foo
/// ";
/// let dir = StoreDir::default();
/// let info = NarInfo::parse(&dir, text.as_bytes())?;
/// assert_eq!(info.compression(), "zstd");
/// assert_eq!(info.path_info.nar_size, 1024);
/// assert_eq!(info.to_text(&dir), text);
/// # Ok::<(), nix_core::narinfo::NarInfoError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NarInfo {
    /// What is known of the path.
    pub path_info: PathInfo,
    /// The hash of the file at the URL.
    pub file_hash: Option<Hash>,
    /// The size of the file at the URL, in bytes.
    pub file_size: Option<u64>,
    // Invariant: neither is empty nor has a line break.
    url: String,
    compression: String,
}

impl NarInfo {
    /// Describes a path whose archive lies at `url`, which is relative to the cache or absolute.
    ///
    /// `compression` is Nix's name of it: `none`, `xz`, `zstd`, `bzip2`, `gzip`, `br`, and so on.
    ///
    /// # Errors
    /// Fails where the URL is empty, and where a line break is in either text.
    pub fn new(path_info: PathInfo, url: &str, compression: &str) -> Result<Self, NarInfoReason> {
        check_line("URL", url)?;
        check_line("Compression", compression)?;
        if url.is_empty() {
            return Err(NarInfoReason::Missing("URL"));
        }
        let compression = match compression {
            "" => COMPRESSION_DEFAULT,
            name => name,
        };
        Ok(Self {
            path_info,
            file_hash: None,
            file_size: None,
            url: url.to_string(),
            compression: compression.to_string(),
        })
    }

    /// Returns where the archive is, relative to the cache or absolute.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns Nix's name of how the file at the URL is compressed; never empty.
    #[must_use]
    pub fn compression(&self) -> &str {
        &self.compression
    }

    /// Reads the text of a narinfo.
    ///
    /// A line is `Key: value`, and the last one ends too. Unknown keys are passed over; of the known
    /// ones only `Sig` may stand more than once. References and signatures are sets. An empty `CA` is
    /// none, and an empty `Compression` is bzip2.
    ///
    /// # Errors
    /// Fails where a line is none of that, where `StorePath`, `URL`, `NarHash` or `NarSize` is
    /// missing, where the size of the archive is 0, and on a value that is not what its key holds.
    pub fn parse(dir: &StoreDir, text: &[u8]) -> Result<Self, NarInfoError> {
        parse::parse(dir, text)
    }

    /// Writes the text of the narinfo, byte for byte as Nix does.
    ///
    /// It can be read again unless the size of the archive is 0.
    #[must_use]
    pub fn to_text(&self, dir: &StoreDir) -> String {
        let info = &self.path_info;
        let mut text = String::new();
        let mut line = |key: &str, value: &str| {
            for part in [key, ": ", value, "\n"] {
                text.push_str(part);
            }
        };
        line("StorePath", &dir.print(&info.path));
        line("URL", &self.url);
        line("Compression", &self.compression);
        if let Some(hash) = &self.file_hash {
            line("FileHash", &hash.to_string());
        }
        if let Some(size) = self.file_size {
            line("FileSize", &size.to_string());
        }
        line("NarHash", &info.nar_hash.to_string());
        line("NarSize", &info.nar_size.to_string());
        line("References", &join(info.references.iter()));
        if let Some(deriver) = &info.deriver {
            line("Deriver", deriver.base_name());
        }
        for signature in &info.signatures {
            line("Sig", &signature.to_string());
        }
        if let Some(address) = &info.content_address {
            line("CA", &address.to_string());
        }
        text
    }
}

fn check_line(key: &'static str, value: &str) -> Result<(), NarInfoReason> {
    if value.contains('\n') {
        return Err(NarInfoReason::LineBreak(key));
    }
    Ok(())
}

fn join<'a>(paths: impl Iterator<Item = &'a StorePath>) -> String {
    let mut text = String::new();
    for path in paths {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(path.base_name());
    }
    text
}

/// Returns the name of the narinfo of a path in a cache: `<hash part>.narinfo`.
#[must_use]
pub fn file_name(path: &StorePath) -> String {
    format!("{}.narinfo", path.hash_part())
}

/// Generates any narinfo whose text can be read again.
#[cfg(any(test, feature = "test"))]
pub fn arb_narinfo() -> impl proptest::strategy::Strategy<Value = NarInfo> {
    use proptest::{option, prelude::*};

    use crate::{hash::arb_hash, path_info::arb_path_info};

    let file = (option::of(arb_hash()), option::of(any::<u64>()));
    let texts = ("nar/[ -~\u{e9}]{0,20}", "none|xz|zstd|br|[a-z]{0,5}");
    let parts = (arb_path_info(), file, texts);
    parts.prop_map(|(path_info, file, (url, compression))| {
        let path_info = PathInfo {
            nar_size: path_info.nar_size.max(1),
            registration_time: 0,
            ultimate: false,
            ..path_info
        };
        let info = NarInfo::new(path_info, &url, &compression).expect("texts without line breaks");
        NarInfo {
            file_hash: file.0,
            file_size: file.1,
            ..info
        }
    })
}
