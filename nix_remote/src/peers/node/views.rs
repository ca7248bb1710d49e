//! Trees of the store whose archives are read.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use nix_core::store_path::StorePath;
use nix_io::nar::{View, ViewError};
use nix_store::local::LocalStore;

use super::shares::ReadError;
use crate::peers::transfer::{Blob, GroupRange, GroupSet, ReadAt};

/// How many trees of the store are remembered, so that their archives are read without a look at
/// all of their files.
const VIEWS_MAX: usize = 32;

/// For how long groups that were found to be true are sent without being hashed again, while no file
/// changes: what many ask for is hashed once, and damage of a disk is found soon.
const CHECKED_FOR: Duration = Duration::from_secs(10 * 60);

/// Trees of the store that were looked at a short while ago.
#[derive(Debug, Clone, Default)]
pub(super) struct Views {
    kept: Arc<Mutex<VecDeque<(StorePath, Slot)>>>,
}

/// A tree; who opens it has the others wait instead of looking too.
type Slot = Arc<Mutex<Option<Arc<Viewed>>>>;

/// A tree, and which groups of its archive were found to be true.
#[derive(Debug)]
pub(super) struct Viewed {
    view: View,
    checked: Mutex<Option<Checked>>,
}

/// Groups that were found to be true, in files that have not changed since.
#[derive(Debug)]
struct Checked {
    root: [u8; 32],
    since: Instant,
    groups: GroupSet,
}

impl Views {
    /// Returns a view of an object's archive.
    pub(super) fn open(
        &self,
        store: &LocalStore,
        path: &StorePath,
    ) -> Result<Arc<Viewed>, ReadError> {
        let slot = self.slot(path);
        let mut slot = lock(&slot);
        if let Some(viewed) = &*slot {
            return Ok(Arc::clone(viewed));
        }
        let view = store.nar_view(path);
        let viewed = Arc::new(Viewed {
            view: view.map_err(|source| ReadError::Object(Box::new(source)))?,
            checked: Mutex::default(),
        });
        *slot = Some(Arc::clone(&viewed));
        Ok(viewed)
    }

    /// Forgets an object, whose files have changed.
    pub(super) fn forget(&self, path: &StorePath) {
        lock(&self.kept).retain(|(other, _)| other != path);
    }

    fn slot(&self, path: &StorePath) -> Slot {
        let mut kept = lock(&self.kept);
        let place = kept.iter().position(|(other, _)| other == path);
        let (path, slot) = match place.and_then(|place| kept.remove(place)) {
            Some(found) => found,
            None => (path.clone(), Slot::default()),
        };
        kept.push_back((path, Arc::clone(&slot)));
        if kept.len() > VIEWS_MAX {
            kept.pop_front();
        }
        slot
    }
}

impl Viewed {
    /// Whether all of these groups were found to be true a short while ago.
    pub(super) fn is_checked(&self, blob: &Blob, range: GroupRange) -> bool {
        let checked = lock(&self.checked);
        checked.as_ref().is_some_and(|checked| {
            checked.root == *blob.root()
                && checked.since.elapsed() < CHECKED_FOR
                && checked.groups.contains_all(range)
        })
    }

    /// Takes note that groups were found to be true, since this was looked at.
    pub(super) fn checked(&self, blob: &Blob, groups: impl Iterator<Item = u32>) {
        let mut checked = lock(&self.checked);
        let kept = checked.take().filter(|checked| {
            checked.root == *blob.root() && checked.since.elapsed() < CHECKED_FOR
        });
        let kept = checked.insert(kept.unwrap_or_else(|| Checked {
            root: *blob.root(),
            since: Instant::now(),
            groups: GroupSet::new(blob.groups()),
        }));
        for group in groups {
            kept.groups.insert(group);
        }
    }
}

impl ReadAt for Viewed {
    type Error = ViewError;

    fn read_exact_at(&self, offset: u64, into: &mut [u8]) -> Result<(), ViewError> {
        self.view.read_exact_at(offset, into)
    }
}

/// Whoever panicked has left nothing half done: a slot is filled by one assignment.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use nix_io::nar::PackOptions;

    use super::*;

    #[test]
    fn groups_that_were_found_to_be_true_are_not_hashed_again_and_no_others() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, [7; 200_000]).unwrap();
        let view = View::open(&file, &PackOptions::default()).unwrap();
        let blob = Blob::new([7; 32], 200_112).unwrap();
        let viewed = Viewed {
            view,
            checked: Mutex::default(),
        };
        let [two, three] = [2, 3].map(|count| GroupRange::new(0, count).unwrap());
        assert!(!viewed.is_checked(&blob, two));
        viewed.checked(&blob, two.groups());
        assert!(viewed.is_checked(&blob, two));
        assert!(!viewed.is_checked(&blob, three));
        let other = Blob::new([8; 32], blob.size()).unwrap();
        assert!(!viewed.is_checked(&other, two));
        viewed.checked(&other, three.groups());
        assert!(viewed.is_checked(&other, three));
        assert!(!viewed.is_checked(&blob, two));
    }
}
