//! What was found where the last commit cannot be read: which keys are missing, and what of them
//! stands elsewhere.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::xxh3_64;

use super::pages::PageFile;
use crate::{
    backends::{FoundRow, Take, Wanted},
    error::Result,
};

/// How a row was found; the first is believed most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Source {
    /// In a page of the last commit that is damaged, or below one.
    Damaged,
    /// In a commit before the last.
    Older,
    /// In a page that no commit names any more.
    Anywhere,
}

/// The keys of a table that the last commit may have and that cannot be read: spans from after one
/// key up to and with another, ascending.
#[derive(Debug, Default)]
pub(super) struct Gaps(Vec<Gap>);

/// A span of keys: after the first, up to and with the last.
pub(super) type Gap = (Option<Vec<u8>>, Option<Vec<u8>>);

impl Gaps {
    pub(super) fn push(&mut self, gap: Gap) {
        self.0.push(gap);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn contains(&self, key: &[u8]) -> bool {
        let is_before = |gap: &Gap| gap.1.as_deref().is_some_and(|last| last < key);
        let at = self.0.partition_point(is_before);
        self.0
            .get(at)
            .is_some_and(|(after, _)| after.as_deref().is_none_or(|after| after < key))
    }
}

/// The rows that may fill the gaps, by table and key, each by its place in the file.
#[derive(Debug, Default)]
pub(super) struct Candidates(BTreeMap<(usize, Vec<u8>), Candidate>);

#[derive(Debug, Clone, Copy)]
struct Candidate {
    source: Source,
    at: u64,
    bytes: usize,
    hash: u64,
    is_ambiguous: bool,
}

impl Candidates {
    /// Adds a row, unless there is one that is believed more. Of two that are believed alike the
    /// first stays.
    pub(super) fn offer(
        &mut self,
        table: usize,
        (key, value): (&[u8], &[u8]),
        source: Source,
        at: u64,
    ) {
        let new = Candidate {
            source,
            at,
            bytes: value.len(),
            hash: xxh3_64(value),
            is_ambiguous: false,
        };
        let held = self.0.entry((table, key.to_vec())).or_insert(new);
        if source < held.source {
            *held = new;
        } else if held.source != Source::Damaged && held.hash != new.hash {
            // What no commit names may be older than the commit before the last, or newer.
            held.is_ambiguous = true;
        }
    }

    /// Forgets the rows whose keys are not missing.
    pub(super) fn retain(&mut self, gaps: &[Gaps]) {
        self.0
            .retain(|(table, key), _| gaps.get(*table).is_some_and(|gaps| gaps.contains(key)));
    }

    /// Hands out every row, after a last look whether it proves itself.
    pub(super) fn take(
        &self,
        file: &mut PageFile,
        wanted: &Wanted<'_>,
        take: &mut Take<'_>,
    ) -> Result<()> {
        let mut value = Vec::new();
        for ((table, key), candidate) in &self.0 {
            let is_read = file.read(candidate.at, candidate.bytes, &mut value);
            if is_read && (wanted.proves)(*table, key, &value) {
                take(FoundRow {
                    table: *table,
                    key,
                    value: &value,
                    is_certain: false,
                    is_ambiguous: candidate.is_ambiguous,
                })?;
            }
        }
        Ok(())
    }
}
