//! Garbage collection: which objects are needed, and the removal of the others.
//!
//! An object is alive when a root leads to it: see [`find_roots`]. [`collect`] deletes the others,
//! while stores are read, added to and rooted. It keeps to Nix's rules for processes that share a
//! state directory: [`TempRoots`] and [`GcLock`].

mod add;
mod aside;
mod collect;
mod delete;
mod leftovers;
mod lock;
mod options;
mod plan;
mod process;
mod query;
mod records;
mod roots;
mod shared_links;
mod symlinks;
mod temp;

pub use self::{
    add::{add_indirect_root, add_link, add_root},
    collect::collect,
    delete::delete,
    lock::GcLock,
    options::{GcOptions, GcProgress, GcReport},
    query::{dead, live},
    roots::{NoRoot, Root, RootLink, Roots, find_roots},
    temp::TempRoots,
};

use crate::{local::StoreLayout, store::Result};

/// Removes what crashed processes left of temporary roots, and of roots that they made.
pub(crate) fn sweep(layout: &StoreLayout) -> Result<()> {
    temp::sweep(layout)?;
    add::sweep(layout)
}
