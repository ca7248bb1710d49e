//! Derivations that are to become valid: their paths and outputs have to be those that follow.
//!
//! Who can name somebody else's path as an output would pass for its deriver.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
};

use nix_core::{
    derivation::{
        CheckError, Derivation, DerivationLookup, DerivationModulo, ModuloError, ModuloMemo,
    },
    hash::Sha256,
    path_info::PathInfo,
    store_path::{StoreDir, StorePath},
};

use super::error::{Error, Result};

/// How many hashes are kept from one registration to the next: of some 300 bytes each.
const MEMO_LEN_MAX: usize = 1 << 18;

/// Checks derivations, and remembers the hashes of those that it came by.
///
/// They stay right for the paths that were checked, as these follow from their contents.
#[derive(Debug, Default)]
pub(crate) struct DerivationChecks {
    memo: Mutex<ModuloMemo>,
}

/// A derivation that is to become valid.
pub(crate) type New<'d> = (&'d PathInfo, &'d Derivation);

impl DerivationChecks {
    /// Checks derivations that become valid together, in any order: that the path of each follows
    /// from its contents, and its outputs and the variables named after them from what it builds.
    ///
    /// Their inputs are among them or valid, and `valid` finds these, each once.
    pub(crate) fn check<'d, L: DerivationLookup<Error = Error>>(
        &self,
        store_dir: &StoreDir,
        new: impl Iterator<Item = New<'d>>,
        valid: &L,
    ) -> Result<()> {
        let mut among = BTreeMap::new();
        for (info, derivation) in new {
            check_path(store_dir, info, derivation)?;
            among.insert(&info.path, derivation);
        }
        if among.is_empty() {
            return Ok(());
        }
        // Invariant: what is remembered is of derivations whose own paths have been checked.
        let memo = mem::take(&mut *self.memo());
        let lookup = Among { new: &among, valid };
        let mut modulo = DerivationModulo::resume(store_dir, &lookup, memo);
        // One without outputs, as Nix's JSON of stores may have it, claims none.
        let mut checks = among.iter().filter(|(_, said)| !said.outputs.is_empty());
        let checked = checks.try_for_each(|(path, derivation)| {
            let checked = derivation.check_outputs(&mut modulo);
            checked.map(drop).map_err(|error| refuse(path, error))
        });
        let memo = modulo.into_memo();
        if memo.len() <= MEMO_LEN_MAX {
            *self.memo() = memo;
        }
        checked
    }

    /// Forgets all hashes, as a path has other contents than it had.
    pub(crate) fn forget(&self) {
        *self.memo() = ModuloMemo::default();
    }

    fn memo(&self) -> MutexGuard<'_, ModuloMemo> {
        // It is only taken and put back.
        self.memo.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Checks that the path of a derivation follows from its text and its references.
fn check_path(store_dir: &StoreDir, info: &PathInfo, derivation: &Derivation) -> Result<()> {
    let compute = |source| Error::Compute {
        name: info.path.name().to_owned(),
        source,
    };
    let text = derivation.to_aterm(store_dir).map_err(compute)?;
    let name = info.path.to_name();
    let computed = store_dir.text_path(&name, Sha256::of(&text), &info.references);
    if computed == info.path {
        return Ok(());
    }
    let path = info.path.clone();
    Err(Error::DerivationPath { path, computed })
}

fn refuse(path: &StorePath, error: CheckError<Error>) -> Error {
    match error {
        CheckError::Modulo(ModuloError::Lookup { source, .. }) => source,
        source => Error::DerivationOutputs {
            path: path.clone(),
            source: Box::new(source),
        },
    }
}

/// Derivations that become valid together, and those that are.
struct Among<'c, L> {
    new: &'c BTreeMap<&'c StorePath, &'c Derivation>,
    valid: &'c L,
}

impl<L: DerivationLookup<Error = Error>> DerivationLookup for Among<'_, L> {
    type Error = Error;

    fn derivation(&self, path: &StorePath) -> Result<Option<Cow<'_, Derivation>>> {
        match self.new.get(path) {
            Some(derivation) => Ok(Some(Cow::Borrowed(derivation))),
            None => self.valid.derivation(path),
        }
    }
}

#[cfg(test)]
mod tests;
