//! Two announcements of a path that cannot both be true.

use nix_core::hash::Sha256;

use crate::peers::announcement::{Announcement, Object, References, Statement};

/// Two announcements that give one path different contents or references.
///
/// Under an input-addressed path that may be a build that is not deterministic; otherwise somebody
/// lies. Both are kept whole, so whoever is shown them can check the signatures.
///
/// Invariant: both are of one path and were believed at the same time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contradiction {
    left: Announcement,
    right: Announcement,
}

impl Contradiction {
    /// Compares two announcements that were both verified.
    pub(super) fn between(left: &Announcement, right: &Announcement) -> Option<Self> {
        let [one, other] = [left, right].map(object_of);
        let (one, other) = (one?, other?);
        let contradict = one.path == other.path && claims(one) != claims(other);
        contradict.then(|| Self {
            left: left.clone(),
            right: right.clone(),
        })
    }

    /// Returns both, the one that was there first before the other.
    #[must_use]
    pub fn announcements(&self) -> [&Announcement; 2] {
        [&self.left, &self.right]
    }

    /// Tells whether one signer said both.
    #[must_use]
    pub fn is_equivocation(&self) -> bool {
        self.left.signer() == self.right.signer()
    }
}

/// Returns the object that an announcement is of, unless it is a realisation.
pub(super) fn object_of(announcement: &Announcement) -> Option<&Object> {
    match announcement.statement() {
        Statement::PathInfo(object) | Statement::ContentAddressed(object, _) => Some(object),
        Statement::Realisation(_) | Statement::LegacyRealisation(_) => None,
    }
}

fn claims(object: &Object) -> (Sha256, u64, [u8; 32], References) {
    let references = object.references.to_digest();
    (
        object.nar_hash,
        object.nar_size,
        object.blake3_root,
        references,
    )
}
