//! What a store knows of a valid path: hash and size of its archive, references, signatures.
//!
//! The JSON is that of `nix path-info --json`: [`JsonVersion`] says what the versions are.

mod json;
mod listing;
mod trust;

#[cfg(test)]
mod tests;

use alloc::collections::BTreeSet;

use crate::{
    content_address::ContentAddress, hash::Sha256, signature::Signature, store_path::StorePath,
};

pub(crate) use self::json::read_signatures;
pub use self::{
    json::JsonVersion,
    listing::{Listed, listing_from_json, listing_to_json},
    trust::FingerprintError,
};

/// A valid path and what is known of it.
///
/// # Examples
/// ```
/// use nix_core::{hash::Sha256, path_info::PathInfo, signature::SecretKey, store_path::StoreDir};
///
/// let dir = StoreDir::default();
/// let path = dir.parse("/nix/store/g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-foo")?;
/// let mut info = PathInfo::new(path, Sha256::of(b"the archive"), 11);
/// let key = SecretKey::from_seed("cache-1".parse()?, &[7; 32]);
/// info.sign(&dir, &key)?;
///
/// let mut trusted = nix_core::signature::TrustedKeys::default();
/// trusted.insert(key.public_key())?;
/// assert!(info.check_signatures(&dir, &trusted).is_trusted(1));
/// info.nar_size = 12;
/// assert!(!info.check_signatures(&dir, &trusted).is_trusted(1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathInfo {
    /// The path.
    pub path: StorePath,
    /// The derivation that it was built from, if that is known.
    pub deriver: Option<StorePath>,
    /// The hash of the path as an archive.
    pub nar_hash: Sha256,
    /// The size of that archive in bytes; 0 is "unknown" and cannot be signed.
    pub nar_size: u64,
    /// The paths whose hash parts occur in this one, itself among them if it does.
    pub references: BTreeSet<StorePath>,
    /// When the path came into the store, in seconds since 1970; 0 is "unknown".
    pub registration_time: u64,
    /// Whether the store that says so built the path itself.
    pub ultimate: bool,
    /// Signatures over the fingerprint.
    pub signatures: BTreeSet<Signature>,
    /// What the path claims to be the content address of; see [`PathInfo::is_content_addressed`].
    pub content_address: Option<ContentAddress>,
}

impl PathInfo {
    /// Describes a path of which only the archive is known.
    #[must_use]
    pub fn new(path: StorePath, nar_hash: Sha256, nar_size: u64) -> Self {
        Self {
            path,
            deriver: None,
            nar_hash,
            nar_size,
            references: BTreeSet::new(),
            registration_time: 0,
            ultimate: false,
            signatures: BTreeSet::new(),
            content_address: None,
        }
    }
}

/// Generates any path info.
#[cfg(any(test, feature = "test"))]
pub fn arb_path_info() -> impl proptest::strategy::Strategy<Value = PathInfo> {
    use proptest::{collection::btree_set, option, prelude::*};

    use crate::{
        content_address::arb_content_address, signature::arb_signature, store_path::arb_store_path,
    };

    let intrinsic = (
        arb_store_path(),
        any::<[u8; 32]>(),
        any::<u64>(),
        btree_set(arb_store_path(), 0..4),
        any::<bool>(),
        option::of(arb_content_address()),
    );
    let impure = (
        option::of(arb_store_path()),
        any::<u64>(),
        any::<bool>(),
        btree_set(arb_signature(), 0..4),
    );
    (intrinsic, impure).prop_map(|(intrinsic, impure)| {
        let (path, nar_hash, nar_size, mut references, refers_to_itself, content_address) =
            intrinsic;
        let (deriver, registration_time, ultimate, signatures) = impure;
        if refers_to_itself {
            references.insert(path.clone());
        }
        PathInfo {
            path,
            deriver,
            nar_hash: Sha256(nar_hash),
            nar_size,
            references,
            registration_time,
            ultimate,
            signatures,
            content_address,
        }
    })
}
