//! Deleting paths by name.

use std::collections::{BTreeMap, BTreeSet};

use nix_core::store_path::StorePath;

use super::{
    GcLock,
    aside::set_aside,
    plan::known_outputs,
    roots::{RootLink, candidates},
};
use crate::{
    local::LocalStore,
    store::{Deleted, Error, Result},
};

/// Deletes paths: all of them, or none. Of paths that are not valid what lies in their place goes.
///
/// With `ignore_liveness` only temporary roots are heeded, not others.
///
/// # Errors
/// Fails with [`Error::Alive`] when a root leads to one of them, also as the derivation that
/// something alive was built by; with [`Error::HasReferrers`] when another path refers to one of
/// them; when the store may only be read, and when it cannot be written.
pub fn delete(
    store: &LocalStore,
    paths: &BTreeSet<StorePath>,
    ignore_liveness: bool,
) -> Result<Deleted> {
    store.writable()?;
    let private = store.private_dir()?;
    let lock = GcLock::exclusive(store.layout())?;
    let roots = candidates(store, true)?.roots.into_iter();
    let is_heeded = |link: &RootLink| !ignore_liveness || matches!(link, RootLink::Temporary(_));
    let roots = roots.filter(|root| is_heeded(&root.link));
    let roots: BTreeMap<_, _> = roots.map(|root| (root.target, root.link)).collect();
    check_dead(store, paths, &roots, ignore_liveness)?;
    let deleted = store.database().delete(paths)?;
    for path in paths {
        // What the transaction did not name was not valid before it, and is not now.
        set_aside(store, &private, path.base_name().as_ref())?;
    }
    drop(lock);
    let bytes = private.clear()?;
    let paths = deleted;
    Ok(Deleted { paths, bytes })
}

/// Fails where a root leads to one of the paths, found by going from the paths to what needs them.
fn check_dead(
    store: &LocalStore,
    paths: &BTreeSet<StorePath>,
    roots: &BTreeMap<StorePath, RootLink>,
    ignore_liveness: bool,
) -> Result<()> {
    let _hold = store.database().hold_to_read()?;
    let mut seen = BTreeSet::new();
    for path in paths {
        let mut waiting = vec![path.clone()];
        while let Some(user) = waiting.pop() {
            if !seen.insert(user.clone()) {
                continue;
            }
            if let Some(link) = roots.get(&user) {
                let (path, root) = (path.clone(), link.to_string());
                return Err(Error::Alive { path, root });
            }
            waiting.extend(store.database().referrers(&user)?);
            if !ignore_liveness {
                waiting.extend(built_by(store, &user)?);
            }
        }
    }
    Ok(())
}

/// Returns the outputs of a derivation that keep it alive.
fn built_by(store: &LocalStore, path: &StorePath) -> Result<Vec<StorePath>> {
    if !path.is_derivation() {
        return Ok(Vec::new());
    }
    let mut built = Vec::new();
    for output in known_outputs(store, path)? {
        let info = store.database().path_info(&output)?;
        if info.is_some_and(|info| info.deriver.as_ref() == Some(path)) {
            built.push(output);
        }
    }
    Ok(built)
}
