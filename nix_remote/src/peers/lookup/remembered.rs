//! What is of no use for a while: paths that were looked up in vain, archives that could not be had.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// How long it is remembered that nobody announces a path.
pub const ABSENT_FOR: Duration = Duration::from_secs(60);

/// How long it is remembered that a lookup ended before everybody had answered.
pub const UNANSWERED_FOR: Duration = Duration::from_secs(5);

/// How many such paths are remembered.
pub const ABSENT_MAX: usize = 8192;

/// How long it is remembered that an archive could not be had.
pub const ASIDE_FOR: Duration = Duration::from_secs(600);

/// How many such archives are remembered.
pub const ASIDE_MAX: usize = 1024;

/// Things and until when they are remembered.
///
/// Invariant: both maps hold the same, and at most `max`.
#[derive(Debug)]
pub(super) struct Remembered<T> {
    max: usize,
    until: BTreeMap<T, Duration>,
    ends: BTreeSet<(Duration, T)>,
}

impl<T: Clone + Ord> Remembered<T> {
    /// Remembers nothing yet, and no more than so many things. Not 0.
    pub(super) const fn new(max: usize) -> Self {
        Self {
            max,
            until: BTreeMap::new(),
            ends: BTreeSet::new(),
        }
    }

    /// Remembers a thing; where there are too many, that which would be forgotten first is.
    pub(super) fn remember(&mut self, thing: T, until: Duration) {
        self.forget(&thing);
        if self.until.len() >= self.max {
            self.pop();
        }
        self.ends.insert((until, thing.clone()));
        self.until.insert(thing, until);
    }

    /// Forgets a thing, as when a path was announced since.
    pub(super) fn forget(&mut self, thing: &T) {
        if let Some(until) = self.until.remove(thing) {
            self.ends.remove(&(until, thing.clone()));
        }
    }

    /// Returns until when a thing is remembered, if it is.
    pub(super) fn until(&self, thing: &T) -> Option<Duration> {
        self.until.get(thing).copied()
    }

    /// Whether a thing is remembered.
    pub(super) fn has(&self, thing: &T) -> bool {
        self.until.contains_key(thing)
    }

    /// Forgets whatever has been remembered for long enough.
    pub(super) fn pass(&mut self, now: Duration) {
        while self.ends.first().is_some_and(|(until, _)| *until <= now) {
            self.pop();
        }
    }

    fn pop(&mut self) {
        if let Some((_, thing)) = self.ends.pop_first() {
            self.until.remove(&thing);
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
        let mut absent = Remembered::new(ABSENT_MAX);
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
        let mut absent = Remembered::new(ABSENT_MAX);
        absent.remember(path(1), Duration::from_secs(1));
        absent.remember(path(1), Duration::from_secs(3));
        absent.pass(Duration::from_secs(2));
        assert!(absent.has(&path(1)));
        absent.pass(Duration::from_secs(3));
        assert!(!absent.has(&path(1)));
        assert!(absent.ends.is_empty());
    }
}
