//! Which objects of a store may be announced.

use std::collections::{BTreeMap, BTreeSet};

use nix_core::{
    content_address::ContentAddress,
    graph::{GraphError, PathGraph, UnknownPath},
    path_info::PathInfo,
    realisation::{LegacyRealisation, Realisation},
    signature::TrustedKeys,
    store_path::{StoreDir, StorePath},
};

use super::{Object, Statement, is_broken};

/// Why others may learn of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grounds {
    /// A trusted key signed it.
    Signed,
    /// It is content-addressed, by a hash that still proves something.
    ContentAddressed(ContentAddress),
}

/// An object that may be announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announceable<'a> {
    /// What is known of it.
    pub info: &'a PathInfo,
    /// Why it may be.
    pub grounds: Grounds,
}

/// Why it cannot be said what may be announced.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// A root is not among the objects.
    #[error("a root of what is announced is unknown")]
    Root(#[source] UnknownPath),
    /// There are too many objects.
    #[error("there are too many objects to find the closure of the roots")]
    Graph(#[source] GraphError),
}

/// Returns the objects that may be announced, in the order of their paths: those in the closure of
/// the roots that a trusted key signed, or that are content-addressed.
///
/// Everything else stays private: what no root leads to, and what was built here and never signed.
/// Without roots nothing is announced. Of equal paths the last info counts. An object that is both
/// signed and content-addressed is announced by its content address. An announcement names the
/// references of its object, private ones too.
///
/// Costs the check of each signature by a trusted key in the closure.
///
/// # Errors
/// Fails where a root is not among the objects, and where there are 2^32 objects or references.
///
/// # Examples
/// ```
/// use nix_core::{hash::Sha256, path_info::PathInfo, signature::SecretKey, store_path::StoreDir};
/// use nix_remote::peers::announcement::{Grounds, announceable};
///
/// let dir = StoreDir::default();
/// let path = "g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-foo".parse()?;
/// let mut info = PathInfo::new(path, Sha256::of(b"the archive"), 11);
/// let roots = [info.path.clone()].into();
/// let key = SecretKey::from_seed("cache-1".parse()?, &[7; 32]);
/// let trusted = key.public_key().to_string().parse()?;
///
/// assert!(announceable([&info], &roots, &dir, &trusted)?.is_empty());
/// info.sign(&dir, &key)?;
/// assert_eq!(announceable([&info], &roots, &dir, &trusted)?[0].grounds, Grounds::Signed);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn announceable<'a>(
    infos: impl IntoIterator<Item = &'a PathInfo>,
    roots: &BTreeSet<StorePath>,
    dir: &StoreDir,
    trusted: &TrustedKeys,
) -> Result<Vec<Announceable<'a>>, PolicyError> {
    let infos: BTreeMap<_, _> = infos.into_iter().map(|info| (&info.path, info)).collect();
    let objects = infos.values();
    let objects = objects.map(|info| (info.path.clone(), info.references.iter().cloned()));
    let graph = PathGraph::new(objects).map_err(PolicyError::Graph)?;
    let closure = graph.closure(roots).map_err(PolicyError::Root)?;
    let infos = closure.iter().filter_map(|path| infos.get(path).copied());
    let allowed = infos.filter_map(|info| {
        let grounds = grounds(info, dir, trusted)?;
        Some(Announceable { info, grounds })
    });
    Ok(allowed.collect())
}

impl Announceable<'_> {
    /// Returns what to announce, given the BLAKE3 root of the archive.
    #[must_use]
    pub fn statement(&self, blake3_root: [u8; 32], chunk_log: u8) -> Statement {
        let object = Object::new(self.info, blake3_root, chunk_log);
        match self.grounds {
            Grounds::Signed => Statement::PathInfo(object),
            Grounds::ContentAddressed(address) => Statement::ContentAddressed(object, address),
        }
    }

    /// Tells whether a realisation may be announced: a trusted key signed it, and its path is this
    /// object's.
    #[must_use]
    pub fn allows(&self, realisation: &Realisation, trusted: &TrustedKeys) -> bool {
        let check = realisation.check_signatures(trusted);
        realisation.value.out_path == self.info.path && !check.valid.is_empty()
    }

    /// Tells the same of a realisation as Nix had them up to 2.34.
    #[must_use]
    pub fn allows_legacy(&self, realisation: &LegacyRealisation, trusted: &TrustedKeys) -> bool {
        let check = realisation.check_signatures(trusted);
        realisation.out_path == self.info.path && !check.valid.is_empty()
    }
}

fn grounds(info: &PathInfo, dir: &StoreDir, trusted: &TrustedKeys) -> Option<Grounds> {
    if let Some(address) = info.content_address
        && !is_broken(address.hash.algorithm())
        && info.is_content_addressed(dir)
    {
        return Some(Grounds::ContentAddressed(address));
    }
    let check = info.check_signatures(dir, trusted);
    (!check.valid.is_empty()).then_some(Grounds::Signed)
}
