//! Where input derivations come from.

use alloc::{borrow::Cow, collections::BTreeMap};
use core::convert::Infallible;

use crate::store_path::StorePath;

use super::super::Derivation;

/// Finds derivations by their store paths.
///
/// The answers are trusted: that they are what lies at the path, and that the output paths they
/// state were checked when they came there. Hashing reads input derivations as they are.
pub trait DerivationLookup {
    /// Why a derivation could not be looked up.
    type Error;

    /// Returns the derivation at a store path, or nothing where there is none.
    ///
    /// # Errors
    /// Fails when the derivation is there but cannot be read.
    fn derivation(&self, path: &StorePath) -> Result<Option<Cow<'_, Derivation>>, Self::Error>;
}

impl DerivationLookup for BTreeMap<StorePath, Derivation> {
    type Error = Infallible;

    fn derivation(&self, path: &StorePath) -> Result<Option<Cow<'_, Derivation>>, Infallible> {
        Ok(self.get(path).map(Cow::Borrowed))
    }
}
