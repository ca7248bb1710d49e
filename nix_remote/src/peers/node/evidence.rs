//! Announcements that contradict each other, kept as evidence.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::SystemTime,
};

use libp2p::PeerId;
use netabase_store::NetabaseError;
use nix_core::hash::Sha256;

use super::{
    rows::{Contradicting, Database},
    task::Task,
};
use crate::peers::{
    announcement::Announcement,
    lookup::{Outcome, Subject},
    validators::unix_seconds,
};

/// How many contradictions a node keeps; then the oldest makes room.
pub const EVIDENCE_MAX: usize = 1024;

/// Two announcements that cannot both be true, of one path or output, whose signatures were checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// When they were seen, in seconds since 1970.
    pub seen: u64,
    /// Both.
    pub announcements: [Announcement; 2],
}

/// The contradictions that a node has seen.
///
/// Invariant: at most [`EVIDENCE_MAX`], each once.
#[derive(Debug, Default)]
pub(super) struct EvidenceBook {
    all: BTreeMap<[u8; 32], Evidence>,
    by_age: BTreeSet<(u64, [u8; 32])>,
}

impl EvidenceBook {
    /// Reads what was kept. A row that is no announcement counts for nothing.
    pub(super) fn load(database: &Database) -> Result<Self, NetabaseError> {
        let mut book = Self::default();
        for row in database.open_tree::<Contradicting>().iter() {
            let (_, row) = row?;
            let left = Announcement::decode(&row.left_key, &row.left);
            let right = Announcement::decode(&row.right_key, &row.right);
            if let (Ok(left), Ok(right)) = (left, right) {
                book.add([left, right], row.seen);
            }
        }
        Ok(book)
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Returns all, the newest first.
    pub(super) fn list(&self) -> Vec<Evidence> {
        let ids = self.by_age.iter().rev();
        let found = ids.filter_map(|(_, id)| self.all.get(id));
        found.cloned().collect()
    }

    /// Takes note of a contradiction; returns the row to be kept and that which makes room, or
    /// nothing where it is known.
    fn add(
        &mut self,
        announcements: [Announcement; 2],
        seen: u64,
    ) -> Option<(Contradicting, Option<[u8; 32]>)> {
        let row = row(&announcements, seen);
        if self.all.contains_key(&row.id) {
            return None;
        }
        let room = self.all.len() >= EVIDENCE_MAX;
        let oldest = room.then(|| self.by_age.pop_first()).flatten();
        let oldest = oldest.map(|(_, id)| id);
        if let Some(id) = &oldest {
            self.all.remove(id);
        }
        self.by_age.insert((seen, row.id));
        let evidence = Evidence {
            seen,
            announcements,
        };
        self.all.insert(row.id, evidence);
        Some((row, oldest))
    }
}

impl Task {
    /// Keeps and reports what contradicts each other among what a lookup has found.
    pub(super) fn keep_evidence(&mut self, subject: &Subject, outcome: &Outcome<PeerId>) {
        let pairs: Vec<_> = match outcome {
            Outcome::Found(found) => {
                let contradictions = found.contradictions().iter();
                contradictions.map(|one| one.announcements()).collect()
            }
            Outcome::Realised(realised) => {
                let conflicts = realised.conflicts().iter();
                conflicts.map(|one| one.announcements()).collect()
            }
            Outcome::Absent | Outcome::Unanswered => return,
        };
        let seen = unix_seconds(SystemTime::now()).unwrap_or_default();
        let mut rows = Vec::new();
        for [left, right] in pairs {
            let both = [left.clone(), right.clone()];
            if let Some(new) = self.evidence.add(both, seen) {
                let signers = [left.signer(), right.signer()];
                tracing::warn!(%subject, ?signers, "announcements contradict each other");
                rows.push(new);
            }
        }
        if !rows.is_empty() {
            let database = self.database.clone();
            self.run_aside(move || {
                if let Err(error) = save(&database, rows) {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(
                        error,
                        "cannot keep announcements that contradict each other"
                    );
                }
            });
        }
    }
}

fn save(
    database: &Database,
    rows: Vec<(Contradicting, Option<[u8; 32]>)>,
) -> Result<(), NetabaseError> {
    let txn = database.begin_write()?;
    let tree = txn.open_tree::<Contradicting>();
    for (row, oldest) in rows {
        if let Some(oldest) = oldest {
            tree.remove(oldest)?;
        }
        tree.put(row)?;
    }
    txn.commit()
}

fn row(announcements: &[Announcement; 2], seen: u64) -> Contradicting {
    let [left, right] = announcements;
    let mut both = [left.as_bytes(), right.as_bytes()];
    both.sort_unstable();
    Contradicting {
        id: Sha256::of(&both.concat()).0,
        seen,
        left_key: left.key().to_bytes(),
        left: left.as_bytes().to_vec(),
        right_key: right.key().to_bytes(),
        right: right.as_bytes().to_vec(),
    }
}
