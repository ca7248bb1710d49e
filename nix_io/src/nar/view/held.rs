//! Files and directories that stay open from one read to the next.

use std::{
    fs::File,
    sync::{Arc, Mutex, PoisonError},
};

use super::plan::ROOT;

/// The most files and directories that a [`View`](super::View) holds open between reads, beside the
/// root.
pub const VIEW_OPEN_MAX: usize = 16;

/// The root, and what was used last.
#[derive(Debug)]
pub(super) struct Held {
    root: Option<Arc<File>>,
    /// By their numbers, those used last at the end.
    recent: Mutex<Vec<(usize, Arc<File>)>>,
}

impl Held {
    pub(super) fn new(root: Option<File>) -> Self {
        Self {
            root: root.map(Arc::new),
            recent: Mutex::new(Vec::with_capacity(VIEW_OPEN_MAX)),
        }
    }

    /// Returns what is held under a number.
    pub(super) fn get(&self, number: usize) -> Option<Arc<File>> {
        if number == ROOT {
            return self.root.clone();
        }
        // No panic leaves the list half-changed.
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let at = recent.iter().position(|(held, _)| *held == number)?;
        let found = recent.remove(at);
        let file = Arc::clone(&found.1);
        recent.push(found);
        Some(file)
    }

    /// Holds a file, in the place of the one that was not used for longest where there is no room.
    pub(super) fn put(&self, number: usize, file: Arc<File>) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.retain(|(held, _)| *held != number);
        if recent.len() >= VIEW_OPEN_MAX {
            recent.remove(0);
        }
        recent.push((number, file));
    }
}
