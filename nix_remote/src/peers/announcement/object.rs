//! What a path info says of an object.

use std::collections::BTreeSet;

use nix_core::{hash::Sha256, path_info::PathInfo, signature::Signature, store_path::StorePath};

use super::encode;

/// A store object: its path, what its archive hashes to, and what it refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// The path.
    pub path: StorePath,
    /// The SHA-256 of the archive.
    pub nar_hash: Sha256,
    /// The size of the archive in bytes.
    pub nar_size: u64,
    /// The root of the archive's BLAKE3 tree.
    pub blake3_root: [u8; 32],
    /// The size of the chunks that are verified one by one: 2^this KiB.
    pub chunk_log: u8,
    /// What the object refers to.
    pub references: References,
    /// Nix's own signatures over the path info.
    pub signatures: BTreeSet<Signature>,
}

/// The references of an object, or what tells whether others are the same.
///
/// # Examples
/// ```
/// use nix_remote::peers::announcement::References;
///
/// let all = ["g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-foo".parse()?].into();
/// let listed = References::Listed(all);
/// let digest = listed.to_digest();
/// assert!(digest.is_of(listed.listed().expect("they are listed")));
/// assert!(!digest.is_of(&[].into()));
/// assert_eq!(digest.count(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum References {
    /// All of them, the object itself among them if it refers to itself.
    Listed(BTreeSet<StorePath>),
    /// How many they are, and the SHA-256 of their list in the form of the envelope.
    Digest {
        /// How many they are.
        count: usize,
        /// The SHA-256 of their list.
        digest: Sha256,
    },
}

impl Object {
    /// Takes from a path info what is announced: all but the deriver, the content address, and
    /// what a store knows of its own copy.
    #[must_use]
    pub fn new(info: &PathInfo, blake3_root: [u8; 32], chunk_log: u8) -> Self {
        Self {
            path: info.path.clone(),
            nar_hash: info.nar_hash,
            nar_size: info.nar_size,
            blake3_root,
            chunk_log,
            references: References::Listed(info.references.clone()),
            signatures: info.signatures.clone(),
        }
    }

    /// Returns the path info with references that were learnt elsewhere, whose signatures can then
    /// be checked; `None` where they are not the announced ones.
    #[must_use]
    pub fn to_path_info(&self, references: BTreeSet<StorePath>) -> Option<PathInfo> {
        self.references.is_of(&references).then(|| PathInfo {
            references,
            signatures: self.signatures.clone(),
            ..PathInfo::new(self.path.clone(), self.nar_hash, self.nar_size)
        })
    }
}

impl References {
    /// Returns all of them, unless there is only a digest.
    #[must_use]
    pub const fn listed(&self) -> Option<&BTreeSet<StorePath>> {
        match self {
            Self::Listed(all) => Some(all),
            Self::Digest { .. } => None,
        }
    }

    /// Returns how many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        match self {
            Self::Listed(all) => all.len(),
            Self::Digest { count, .. } => *count,
        }
    }

    /// Tells whether these are all of them.
    #[must_use]
    pub fn is_of(&self, references: &BTreeSet<StorePath>) -> bool {
        match self {
            Self::Listed(all) => all == references,
            Self::Digest { .. } => *self == digest(references),
        }
    }

    /// Returns their count and digest in place of a list.
    #[must_use]
    pub fn to_digest(&self) -> Self {
        self.listed().map_or_else(|| self.clone(), digest)
    }
}

fn digest(references: &BTreeSet<StorePath>) -> References {
    References::Digest {
        count: references.len(),
        digest: Sha256::of(&encode::list(references)),
    }
}
