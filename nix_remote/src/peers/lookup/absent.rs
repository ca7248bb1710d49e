//! Paths that were looked up in vain a short while ago.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use nix_core::store_path::StorePath;

/// How long it is remembered that nobody announces a path.
pub const ABSENT_FOR: Duration = Duration::from_secs(60);

/// How long it is remembered that a lookup ended before everybody had answered.
pub const UNANSWERED_FOR: Duration = Duration::from_secs(5);

/// How many such paths are remembered.
pub const ABSENT_MAX: usize = 8192;

/// Paths and until when they are not looked up again.
///
/// Invariant: both hold the same, and at most [`ABSENT_MAX`].
#[derive(Debug, Default)]
pub(super) struct Absent {
    until: BTreeMap<StorePath, Duration>,
    ends: BTreeSet<(Duration, StorePath)>,
}

impl Absent {
    /// Remembers a path; where there are too many, that which would be forgotten first is.
    pub(super) fn remember(&mut self, path: StorePath, until: Duration) {
        self.forget(&path);
        if self.until.len() >= ABSENT_MAX {
            self.pop();
        }
        self.ends.insert((until, path.clone()));
        self.until.insert(path, until);
    }

    /// Forgets a path, as when it was announced since.
    pub(super) fn forget(&mut self, path: &StorePath) {
        if let Some(until) = self.until.remove(path) {
            self.ends.remove(&(until, path.clone()));
        }
    }

    /// Whether a path is remembered.
    pub(super) fn has(&self, path: &StorePath) -> bool {
        self.until.contains_key(path)
    }

    /// Forgets whatever has been remembered for long enough.
    pub(super) fn pass(&mut self, now: Duration) {
        while self.ends.first().is_some_and(|(until, _)| *until <= now) {
            self.pop();
        }
    }

    fn pop(&mut self) {
        if let Some((_, path)) = self.ends.pop_first() {
            self.until.remove(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    use nix_core::store_path::{StorePath, StorePathName};

    use super::*;

    fn path(number: usize) -> StorePath {
        let mut digest = [0; 20];
        let bytes = number.to_be_bytes();
        digest[..bytes.len()].copy_from_slice(&bytes);
        StorePath::new(digest, &StorePathName::new("foo").unwrap())
    }

    #[test]
    fn what_would_be_forgotten_first_makes_room() {
        let mut absent = Absent::default();
        absent.remember(path(0), Duration::from_secs(1));
        for number in 1..=ABSENT_MAX {
            absent.remember(path(number), Duration::from_secs(2));
        }
        assert!(!absent.has(&path(0)));
        assert!(absent.has(&path(1)));
        assert_eq!(absent.until.len(), ABSENT_MAX);
        assert_eq!(absent.ends.len(), ABSENT_MAX);
    }

    #[test]
    fn a_path_is_remembered_until_its_time_and_once() {
        let mut absent = Absent::default();
        absent.remember(path(1), Duration::from_secs(1));
        absent.remember(path(1), Duration::from_secs(3));
        absent.pass(Duration::from_secs(2));
        assert!(absent.has(&path(1)));
        absent.pass(Duration::from_secs(3));
        assert!(!absent.has(&path(1)));
        assert!(absent.ends.is_empty());
    }
}
