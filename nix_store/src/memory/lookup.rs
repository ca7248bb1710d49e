//! The valid derivations of a store in memory.

use std::borrow::Cow;

use nix_core::{
    derivation::{Derivation, DerivationLookup},
    store_path::{StoreDir, StorePath},
};

use crate::store::{Error, Result, parse_derivation, read_derivation};

use super::view::View;

/// Finds derivations in memory, then in the store below.
pub(super) struct Lookup<'a> {
    pub(super) view: View<'a>,
    pub(super) store_dir: &'a StoreDir,
}

impl DerivationLookup for Lookup<'_> {
    type Error = Error;

    fn derivation(&self, path: &StorePath) -> Result<Option<Cow<'_, Derivation>>> {
        if !path.is_derivation() {
            return Ok(None);
        }
        if let Some(nar) = self.view.nar(path) {
            let derivation = parse_derivation(self.store_dir, path, &mut &*nar)?;
            return Ok(Some(Cow::Owned(derivation)));
        }
        let Some(lower) = self.view.lower else {
            return Ok(None);
        };
        match read_derivation(lower, path) {
            Ok(derivation) => Ok(Some(Cow::Owned(derivation))),
            Err(Error::NotValid { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
