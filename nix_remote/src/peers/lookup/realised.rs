//! What a lookup has found of an output.

use std::cmp::Reverse;

use nix_core::store_path::StorePath;

use crate::peers::announcement::{Announcement, Conflict};

/// Which path an output is said to have, by trusted signers.
///
/// Invariant: there is at least one announcement, all are realisations of one output, each was
/// verified when it came, and each signer has one, the newest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Realised {
    best: Announcement,
    others: Vec<Announcement>,
    conflicts: Vec<Conflict>,
}

impl Realised {
    /// Takes the verified announcements of an output; `None` where there is none.
    pub(super) fn new(
        mut announcements: Vec<Announcement>,
        conflicts: Vec<Conflict>,
    ) -> Option<Self> {
        announcements.sort_by_key(|one| Reverse((one.term().issued_at, one.as_bytes().to_vec())));
        let mut announcements = announcements.into_iter();
        Some(Self {
            best: announcements.next()?,
            others: announcements.collect(),
            conflicts,
        })
    }

    /// Returns the announcement to go by, the newest.
    #[must_use]
    pub const fn best(&self) -> &Announcement {
        &self.best
    }

    /// Returns what the other signers announce.
    #[must_use]
    pub fn others(&self) -> &[Announcement] {
        &self.others
    }

    /// Returns the path that the best announcement gives the output.
    #[must_use]
    pub fn out_path(&self) -> &StorePath {
        let output = self.best.statement().output();
        output.expect("announcements of outputs alone are kept").1
    }

    /// Returns announcements that give the output different paths, older ones of one signer among
    /// them.
    #[must_use]
    pub fn conflicts(&self) -> &[Conflict] {
        &self.conflicts
    }
}
