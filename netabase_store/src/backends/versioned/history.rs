//! What open snapshots still see of the past: which commits they hold, and the values since then.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
};

use super::live::{Edited, SharedBytes};
#[cfg(test)]
use crate::schedules::{Bug, planted};
use crate::{
    backends::{End, Span},
    threads::{AtomicBool, AtomicUsize},
};

/// The images of each key that has any.
type Images<B> = BTreeMap<B, Vec<Image<B>>>;

/// A commit, and how many snapshots hold it.
#[derive(Debug, Default)]
pub(super) struct Pin {
    commit: u64,
    snapshots: AtomicUsize,
    // Set before the writer reads `snapshots`, and read after a snapshot has left it: so either the
    // writer sees that nobody is left, or the last to leave sees that it has to tidy up.
    passed: AtomicBool,
}

impl Pin {
    fn at(commit: u64) -> Arc<Self> {
        Arc::new(Self {
            commit,
            ..Self::default()
        })
    }

    /// Gives up one snapshot; returns whether the past has to be tidied up after it.
    pub(super) fn release(&self) -> bool {
        #[cfg(test)]
        if planted(Bug::LookedBeforeLeaving) {
            let has_passed = self.passed.load(Ordering::SeqCst);
            return self.snapshots.fetch_sub(1, Ordering::SeqCst) == 1 && has_passed;
        }
        self.snapshots.fetch_sub(1, Ordering::SeqCst) == 1 && self.passed.load(Ordering::SeqCst)
    }
}

/// The commits that matter: the last one, and those before it that snapshots hold.
#[derive(Debug)]
pub(super) struct Timeline<B> {
    last: Arc<Pin>,
    held: BTreeMap<u64, Held<B>>,
    tables: Vec<History<B>>,
}

/// A commit before the last, held by snapshots.
#[derive(Debug)]
struct Held<B> {
    /// For each table, the rows gained by then.
    gains: Vec<i64>,
    /// The images left after this commit and before the next one that is held.
    images: Vec<(usize, B)>,
}

/// The values that the keys of a table had before commits that an open snapshot must not see.
#[derive(Debug)]
pub(super) struct History<B> {
    // Invariant: the images of a key ascend by commit, and some open snapshot sees each of them.
    images: Images<B>,
    /// The rows when the store was opened, once they have been counted.
    rows: Option<i64>,
    /// The rows gained since, as far as commits were observed.
    gain: i64,
}

/// The value of a key from before a commit.
#[derive(Debug)]
pub(super) struct Image<B> {
    commit: u64,
    before: Option<B>,
}

/// A commit while it is made.
#[derive(Debug)]
pub(super) struct Commit<B> {
    number: u64,
    /// The latest commit that a snapshot holds.
    newest_held: Option<u64>,
    /// The rows gained before, if a snapshot holds the commit before this one.
    gains: Option<Vec<i64>>,
    images: Vec<(usize, B)>,
}

impl<B> Default for Timeline<B> {
    fn default() -> Self {
        Self {
            last: Arc::default(),
            held: BTreeMap::new(),
            tables: Vec::new(),
        }
    }
}

impl<B: SharedBytes> Timeline<B> {
    pub(super) fn add_table(&mut self, counted: bool) {
        let rows = counted.then_some(0);
        self.tables.push(History {
            images: BTreeMap::new(),
            rows,
            gain: 0,
        });
    }

    /// Holds the last commit for a new snapshot.
    pub(super) fn pin(&self) -> Arc<Pin> {
        self.last.snapshots.fetch_add(1, Ordering::SeqCst);
        Arc::clone(&self.last)
    }

    /// Returns what a snapshot has to look up before it reads a table, if there is anything.
    #[inline]
    pub(super) fn history(&self, place: usize, pin: &Pin) -> Option<&History<B>> {
        if pin.commit == self.last.commit {
            return None;
        }
        self.tables
            .get(place)
            .filter(|history| !history.images.is_empty())
    }

    /// Begins a commit. No snapshot is taken until it is finished or abandoned.
    pub(super) fn begin(&self) -> Commit<B> {
        self.last.passed.store(true, Ordering::SeqCst);
        let is_held = self.last.snapshots.load(Ordering::SeqCst) > 0;
        let newest_held = if is_held {
            Some(self.last.commit)
        } else {
            self.held.keys().next_back().copied()
        };
        Commit {
            number: self.last.commit + 1,
            newest_held,
            gains: is_held.then(|| self.tables.iter().map(|table| table.gain).collect()),
            images: Vec::new(),
        }
    }

    /// Returns whether the commit has to tell what was there before.
    pub(super) fn is_observed(&self, commit: &Commit<B>) -> bool {
        commit.newest_held.is_some() || self.tables.iter().any(|table| table.rows.is_some())
    }

    /// Takes note of an edit of the commit.
    pub(super) fn observe(&mut self, commit: &mut Commit<B>, edited: Edited<'_, B>) {
        let Some(history) = self.tables.get_mut(edited.place) else {
            return;
        };
        history.gain += i64::from(edited.stored) - i64::from(edited.before.is_some());
        let Some(newest_held) = commit.newest_held else {
            return;
        };
        if let Some(key) = history.leave(edited.key, edited.before, commit.number, newest_held) {
            commit.images.push((edited.place, key));
        }
    }

    /// Makes the commit the last one.
    pub(super) fn finish(&mut self, commit: Commit<B>) {
        let Commit {
            number,
            gains,
            images,
            ..
        } = commit;
        if let Some(gains) = gains {
            self.held.insert(self.last.commit, Held { gains, images });
        } else if let Some(mut newest) = self.held.last_entry() {
            newest.get_mut().images.extend(images);
        }
        self.last = Pin::at(number);
    }

    /// Gives up a commit of which nothing was observed.
    pub(super) fn abandon(&self) {
        self.last.passed.store(false, Ordering::SeqCst);
    }

    /// Forgets a commit that its last snapshot has left. What is returned may take long to drop.
    ///
    /// Whoever asks for it saw the commit without snapshots some time ago. Another one may have been
    /// taken since, before the next commit began; it asks again when it goes.
    pub(super) fn release(&mut self, pin: &Pin) -> Vec<Images<B>> {
        if pin.snapshots.load(Ordering::SeqCst) > 0 {
            return Vec::new();
        }
        let Some(left) = self.held.remove(&pin.commit) else {
            return Vec::new();
        };
        if self.held.is_empty() {
            return self
                .tables
                .iter_mut()
                .map(|table| std::mem::take(&mut table.images))
                .collect();
        }
        let mut before = self.held.range_mut(..pin.commit).next_back();
        for (place, key) in left.images {
            let Some(history) = self.tables.get_mut(place) else {
                continue;
            };
            let older = before.as_ref().map(|(commit, _)| **commit);
            if history.forget(key.as_ref(), pin.commit, older)
                && let Some((_, older)) = &mut before
            {
                older.images.push((place, key));
            }
        }
        Vec::new()
    }

    /// Returns the rows of a table at a commit, if they have been counted.
    pub(super) fn rows(&self, place: usize, pin: &Pin) -> Option<u64> {
        let rows = self.tables.get(place)?.rows? + self.gain(place, pin);
        // Less than none is left only after someone wrote past the store.
        Some(u64::try_from(rows).unwrap_or(0))
    }

    /// Takes note that a table has so many rows at a commit.
    pub(super) fn counted(&mut self, place: usize, pin: &Pin, rows: u64) {
        let gain = self.gain(place, pin);
        if let Some(table) = self.tables.get_mut(place) {
            table.rows = Some(i64::try_from(rows).unwrap_or(i64::MAX) - gain);
        }
    }

    fn gain(&self, place: usize, pin: &Pin) -> i64 {
        if pin.commit == self.last.commit {
            return self.tables.get(place).map_or(0, |table| table.gain);
        }
        // A table that was added later had gained nothing then.
        let held = self.held.get(&pin.commit);
        held.and_then(|held| held.gains.get(place))
            .copied()
            .unwrap_or(0)
    }

    #[cfg(test)]
    pub(super) fn images(&self) -> usize {
        self.tables
            .iter()
            .flat_map(|table| table.images.values())
            .map(Vec::len)
            .sum()
    }
}

impl<B: SharedBytes> History<B> {
    /// Returns what the key had at a commit, or `None` if it has not changed since.
    #[inline]
    pub(super) fn at(&self, key: &[u8], pin: &Pin) -> Option<Option<&B>> {
        self.images.get(key).and_then(|images| seen(images, pin))
    }

    /// Walks over the changed keys of a span, each with what it had at a commit as in `at`.
    pub(super) fn walk<'a>(
        &'a self,
        span: &'a Span,
        end: End,
        pin: &'a Pin,
    ) -> Box<dyn Iterator<Item = (&'a B, Option<Option<&'a B>>)> + 'a> {
        let keys = self.images.range::<[u8], _>(span.as_slices());
        let keys = keys.map(|(key, images)| (key, seen(images, pin)));
        match end {
            End::Front => Box::new(keys),
            End::Back => Box::new(keys.rev()),
        }
    }

    /// Keeps the value from before a commit if an open snapshot sees it; returns the key if so.
    fn leave(&mut self, key: &[u8], before: Option<B>, commit: u64, newest: u64) -> Option<B> {
        let image = Image { commit, before };
        if let Some(images) = self.images.get_mut(key) {
            if images.last().is_some_and(|last| last.commit > newest) {
                return None;
            }
            images.push(image);
            return Some(B::from(key));
        }
        let key = B::from(key);
        self.images.insert(key.clone(), vec![image]);
        Some(key)
    }

    /// Drops the image that the snapshots of a commit saw, unless those of an older one do too;
    /// returns whether they do.
    fn forget(&mut self, key: &[u8], commit: u64, older: Option<u64>) -> bool {
        let Some(images) = self.images.get_mut(key) else {
            return false;
        };
        let place = images.partition_point(|image| image.commit <= commit);
        let previous = place
            .checked_sub(1)
            .and_then(|previous| images.get(previous));
        let is_seen = older.is_some_and(|older| previous.is_none_or(|it| it.commit <= older));
        if is_seen {
            return true;
        }
        if place < images.len() {
            images.remove(place);
        }
        if images.is_empty() {
            self.images.remove(key);
        }
        false
    }
}

fn seen<'a, B>(images: &'a [Image<B>], pin: &Pin) -> Option<Option<&'a B>> {
    let image = images.iter().find(|image| image.commit > pin.commit)?;
    Some(image.before.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A snapshot that leaves is held up between giving up its place and asking whether a commit
    /// has begun; meanwhile another one takes the place, and a commit is made.
    #[test]
    fn a_late_leaver_does_not_take_the_past_from_who_came_after() {
        let mut timeline = Timeline::<Arc<[u8]>>::default();
        timeline.add_table(false);
        let leaver = timeline.pin();
        assert_eq!(leaver.snapshots.fetch_sub(1, Ordering::SeqCst), 1);
        let stays = timeline.pin();
        let mut commit = timeline.begin();
        let edited = Edited {
            place: 0,
            key: b"key",
            before: Some(b"old".as_slice().into()),
            stored: true,
        };
        timeline.observe(&mut commit, edited);
        timeline.finish(commit);
        assert!(
            leaver.passed.load(Ordering::SeqCst),
            "so it asks to tidy up"
        );
        drop(timeline.release(&leaver));
        let history = timeline.history(0, &stays).expect("the table has a past");
        let seen = history.at(b"key", &stays).expect("the key has changed");
        assert_eq!(seen.map(|value| &**value), Some(b"old".as_slice()));
        assert!(stays.release());
        drop(timeline.release(&stays));
        assert_eq!(timeline.images(), 0);
    }
}
