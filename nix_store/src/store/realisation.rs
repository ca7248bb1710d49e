//! Realisations of both kinds.

use std::fmt;

use nix_core::{
    realisation::{DrvOutput, LegacyDrvOutput, LegacyRealisation, MergeError, Realisation},
    store_path::StorePath,
};

/// An output of a content-addressed derivation, named as either kind of Nix names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RealisationId {
    /// By the derivation's hash modulo, as up to Nix 2.34.
    Hash(LegacyDrvOutput),
    /// By the path of the resolved derivation, as since then.
    Path(DrvOutput),
}

/// Where such an output lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnyRealisation {
    /// Named by the derivation's hash modulo.
    Hash(LegacyRealisation),
    /// Named by the path of the resolved derivation.
    Path(Realisation),
}

impl AnyRealisation {
    /// Returns what is realised.
    #[must_use]
    pub fn id(&self) -> RealisationId {
        match self {
            Self::Hash(realisation) => RealisationId::Hash(realisation.id.clone()),
            Self::Path(realisation) => RealisationId::Path(realisation.key.clone()),
        }
    }

    /// Returns where it lies.
    #[must_use]
    pub fn out_path(&self) -> &StorePath {
        match self {
            Self::Hash(realisation) => &realisation.out_path,
            Self::Path(realisation) => &realisation.value.out_path,
        }
    }

    /// Takes the signatures of another realisation that says the same.
    ///
    /// # Errors
    /// Fails where the other says something else; then nothing changes.
    pub fn join(&mut self, other: Self) -> Result<(), MergeError> {
        let ids = (self.id(), other.id());
        match (self, other) {
            (Self::Hash(ours), Self::Hash(theirs)) => ours.merge(theirs),
            (Self::Path(ours), Self::Path(theirs)) => ours.merge(theirs),
            _ => Err(MergeError::Output {
                ours: ids.0.to_string(),
                theirs: ids.1.to_string(),
            }),
        }
    }
}

impl fmt::Display for RealisationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hash(id) => id.fmt(f),
            Self::Path(id) => id.fmt(f),
        }
    }
}
