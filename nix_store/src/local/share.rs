//! Sharing the files of what is added, as Nix does by its setting `auto-optimise-store`.

use std::{mem, sync::PoisonError};

use nix_core::store_path::StorePath;

use super::LocalStore;
use crate::{
    optimise::{OptimiseOptions, optimise_path},
    store::Error,
};

/// Objects that were added whole, but whose files could not all be shared with others.
#[derive(Debug)]
pub struct NotShared {
    /// How many there are.
    pub objects: u64,
    /// The first of them.
    pub path: StorePath,
    /// Why its files could not be shared.
    pub source: Error,
}

impl LocalStore {
    /// Returns of which objects that were added through this handle and its clones the files could
    /// not be shared, since this was asked last. Only with
    /// [`optimise`](super::LocalOptions::optimise) there can be any.
    ///
    /// Such an object is valid and whole: it only takes more room, until
    /// [`optimise`](crate::optimise::optimise) succeeds.
    #[must_use]
    pub fn take_not_shared(&self) -> Option<NotShared> {
        let not_shared = self.inner.not_shared.lock();
        mem::take(&mut *not_shared.unwrap_or_else(PoisonError::into_inner))
    }

    /// Shares the files of objects that have become valid, where the store is to. No lock is held.
    pub(super) fn optimise_new<'p>(&self, paths: impl IntoIterator<Item = &'p StorePath>) {
        if !self.options().optimise {
            return;
        }
        for path in paths {
            if let Err(source) = optimise_path(self, path, &OptimiseOptions::default()) {
                self.note_not_shared(path, source);
            }
        }
    }

    fn note_not_shared(&self, path: &StorePath, source: Error) {
        let not_shared = self.inner.not_shared.lock();
        let mut not_shared = not_shared.unwrap_or_else(PoisonError::into_inner);
        match &mut *not_shared {
            Some(known) => known.objects += 1,
            none => {
                *none = Some(NotShared {
                    objects: 1,
                    path: path.clone(),
                    source,
                });
            }
        }
    }
}
