//! What a collection would keep and delete.

use std::collections::BTreeSet;

use nix_core::store_path::StorePath;

use super::{
    GcOptions,
    leftovers::{Entries, in_use},
    plan::Plan,
    roots::candidates,
};
use crate::{local::LocalStore, store::Result};

/// Returns the valid paths that roots lead to. Nothing is locked or changed.
///
/// Memory is in proportion to the number of paths.
///
/// # Errors
/// Fails when roots or the database cannot be read.
pub fn live(store: &LocalStore, options: &GcOptions) -> Result<BTreeSet<StorePath>> {
    let plan = Plan::new(store, options)?;
    Ok(plan
        .live
        .iter()
        .map(|number| plan.table.path(number))
        .collect())
}

/// Returns the paths that no root leads to, and those that lie in the store's directory without
/// being valid or in a process's use. Nothing is locked or changed.
///
/// Memory is in proportion to the number of paths.
///
/// # Errors
/// Fails when roots, the database or the store's directory cannot be read.
pub fn dead(store: &LocalStore, options: &GcOptions) -> Result<BTreeSet<StorePath>> {
    let plan = Plan::new(store, options)?;
    let mut dead: BTreeSet<_> = plan
        .dead
        .iter()
        .map(|number| plan.table.path(*number))
        .collect();
    let in_use = in_use(&candidates(store, false)?);
    let _hold = store.database().hold_to_read()?;
    let mut entries = Entries::open(&store.layout().real_store_dir)?;
    let is_unknown = |path: &StorePath| plan.table.find(path).is_none();
    while let Some(batch) = entries.next_batch(options.slice, is_unknown)? {
        dead.extend(batch.paths(store, &in_use)?);
    }
    Ok(dead)
}
