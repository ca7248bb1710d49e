//! Hashes that outlive one computation.

use alloc::collections::BTreeMap;

use crate::store_path::StorePath;

use super::{DerivationLookup, DerivationModulo, Known, Rule, StoreDir};

/// What is known of each derivation; nothing while its inputs are being hashed.
pub(super) type Hashes = BTreeMap<StorePath, Option<Known>>;

/// The hashes of derivations that were seen, for a later computation over the same store.
///
/// They stay right as long as the lookup answers the same for a path, which it does where the path
/// of a derivation follows from its contents.
///
/// # Examples
/// ```
/// use std::collections::BTreeMap;
/// use nix_core::{
///     derivation::{Derivation, DerivationModulo, ModuloMemo},
///     store_path::{StoreDir, StorePathName},
/// };
///
/// let store_dir = StoreDir::default();
/// let text = br#"Derive([("out","","","")],[],[],"x86_64-linux","/bin/sh",[],[("out","")])"#;
/// let drv = Derivation::parse_aterm(&store_dir, StorePathName::new("hello")?, text)?;
/// let path = drv.path(&store_dir)?;
/// let store = BTreeMap::from([(path.clone(), drv)]);
///
/// let mut modulo = DerivationModulo::resume(&store_dir, &store, ModuloMemo::default());
/// let hash = modulo.input(&path)?;
/// let memo = modulo.into_memo();
/// assert_eq!(memo.len(), 1);
///
/// // What is known is not looked up again.
/// let empty = BTreeMap::new();
/// let mut modulo = DerivationModulo::resume(&store_dir, &empty, memo);
/// assert_eq!(modulo.input(&path)?, hash);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct ModuloMemo {
    current: Hashes,
    former: Hashes,
}

impl ModuloMemo {
    pub(super) const fn new() -> Self {
        Self {
            current: Hashes::new(),
            former: Hashes::new(),
        }
    }

    /// Returns how many hashes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.current.len() + self.former.len()
    }

    /// Returns whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) const fn hashes(&self, rule: Rule) -> &Hashes {
        match rule {
            Rule::Current => &self.current,
            Rule::Former => &self.former,
        }
    }

    pub(super) const fn hashes_mut(&mut self, rule: Rule) -> &mut Hashes {
        match rule {
            Rule::Current => &mut self.current,
            Rule::Former => &mut self.former,
        }
    }
}

impl<'a, L: DerivationLookup + ?Sized> DerivationModulo<'a, L> {
    /// Returns a computation that knows what an earlier one has seen.
    #[must_use]
    pub const fn resume(store_dir: &'a StoreDir, lookup: &'a L, memo: ModuloMemo) -> Self {
        Self {
            store_dir,
            lookup,
            memo,
        }
    }

    /// Returns what was seen, for a later computation.
    #[must_use]
    pub fn into_memo(self) -> ModuloMemo {
        self.memo
    }
}
