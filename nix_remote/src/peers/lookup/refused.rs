//! Records that lookups did not believe, and why.

use std::collections::{BTreeMap, VecDeque};

use super::{search::RecordError, subject::Subject};

/// How many different reasons are kept of a lookup, the first ones.
pub const REASONS_MAX: usize = 8;

/// Of how many lookups that have ended it is kept what they refused, the last ones.
pub const REFUSED_MAX: usize = 256;

/// The records that a lookup did not believe, and why.
///
/// A record that comes from several peers counts once, unless more came than are judged.
///
/// Invariant: at most [`REASONS_MAX`] reasons, each once; some where there are records.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Refused {
    records: u64,
    reasons: Vec<(RecordError, u64)>,
}

/// What was refused by lookups that have ended, and refused something.
///
/// Invariant: both hold the same, and at most [`REFUSED_MAX`].
#[derive(Debug, Default)]
pub(super) struct RefusedBook {
    all: BTreeMap<Subject, Refused>,
    by_age: VecDeque<Subject>,
}

impl Refused {
    /// Returns how many records were refused.
    #[must_use]
    pub const fn records(&self) -> u64 {
        self.records
    }

    /// Returns why, each reason with the number of its records and the one that came first before
    /// the others. Where there were more reasons than are kept, the numbers do not add up to
    /// [`records`](Self::records).
    #[must_use]
    pub fn reasons(&self) -> &[(RecordError, u64)] {
        &self.reasons
    }

    /// Tells whether nothing was refused.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.records == 0
    }

    pub(super) fn add(&mut self, reason: &RecordError) {
        self.records = self.records.saturating_add(1);
        let mut known = self.reasons.iter_mut();
        if let Some((_, records)) = known.find(|(known, _)| known == reason) {
            *records = records.saturating_add(1);
        } else if self.reasons.len() < REASONS_MAX {
            self.reasons.push((reason.clone(), 1));
        }
    }
}

impl RefusedBook {
    /// Takes note of what the last lookup of something refused.
    pub(super) fn keep(&mut self, subject: &Subject, refused: Refused) {
        if self.all.remove(subject).is_some() {
            self.by_age.retain(|other| other != subject);
        }
        if refused.is_empty() {
            return;
        }
        if self.by_age.len() >= REFUSED_MAX
            && let Some(oldest) = self.by_age.pop_front()
        {
            self.all.remove(&oldest);
        }
        self.by_age.push_back(subject.clone());
        self.all.insert(subject.clone(), refused);
    }

    pub(super) fn of(&self, subject: &Subject) -> Option<&Refused> {
        self.all.get(subject)
    }
}
