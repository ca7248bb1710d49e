//! Everything that paths lead to.

use std::collections::BTreeSet;

use nix_core::store_path::StorePath;

use super::{
    ReadStore,
    error::{Error, Result},
};

/// Which way references are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From an object to what it refers to: its requisites.
    References,
    /// From an object to what refers to it.
    Referrers,
}

/// Returns the paths and everything reachable from them, by one question a path.
///
/// # Errors
/// Fails when the store does, and when one of `paths` is not valid.
pub fn closure<S: ReadStore + ?Sized>(
    store: &S,
    paths: &BTreeSet<StorePath>,
    direction: Direction,
) -> Result<BTreeSet<StorePath>> {
    for path in paths {
        if !store.is_valid(path)? {
            return Err(Error::NotValid { path: path.clone() });
        }
    }
    let mut found = paths.clone();
    let mut open: Vec<StorePath> = paths.iter().cloned().collect();
    while let Some(path) = open.pop() {
        let next = match direction {
            Direction::References => store.path_info(&path)?.map(|info| info.references),
            Direction::Referrers => Some(store.referrers(&path)?),
        };
        for path in next.into_iter().flatten() {
            if found.insert(path.clone()) {
                open.push(path);
            }
        }
    }
    Ok(found)
}
