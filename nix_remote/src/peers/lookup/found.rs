//! What a lookup has found.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use nix_core::{content_address::ContentAddress, path_info::PathInfo, store_path::StorePath};

use super::{
    contradiction::{Contradiction, object_of},
    remembered::Remembered,
};
use crate::peers::announcement::{Announcement, Kind, Object, Statement};

/// What is announced of a path, and who has its archive.
///
/// Invariant: there is at least one announcement, all are of objects with one path, each was
/// verified when it came, and of those under one key only the newest is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found<P> {
    best: Announcement,
    others: Vec<Announcement>,
    contradictions: Vec<Contradiction>,
    providers: BTreeMap<[u8; 32], BTreeSet<P>>,
}

/// An archive that a path may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive<P> {
    /// The announcement of it that counts.
    pub announcement: Announcement,
    /// What was announced with it.
    pub info: PathInfo,
    /// The root of its BLAKE3 tree.
    pub root: [u8; 32],
    /// Who is said to have it, as far as was asked.
    pub providers: BTreeSet<P>,
}

impl<P: Ord> Found<P> {
    /// Takes the verified announcements of a path; `None` where there is none.
    pub(super) fn new(
        mut announcements: Vec<Announcement>,
        contradictions: Vec<Contradiction>,
        providers: BTreeMap<[u8; 32], BTreeSet<P>>,
        aside: &Remembered<[u8; 32]>,
    ) -> Option<Self> {
        announcements.sort_by_key(|one| preference(one, aside));
        let mut announcements = announcements.into_iter();
        Some(Self {
            best: announcements.next()?,
            others: announcements.collect(),
            contradictions,
            providers,
        })
    }

    /// Returns the announcement to go by: that of a trusted signer before one that its content
    /// address alone proves, and of those the newest. One whose archive was
    /// [set aside](super::Lookups::set_aside) comes after all others.
    #[must_use]
    pub const fn best(&self) -> &Announcement {
        &self.best
    }

    /// Returns the other announcements, to be tried in this order where the best one turns out to be
    /// wrong.
    #[must_use]
    pub fn others(&self) -> &[Announcement] {
        &self.others
    }

    /// Returns what the best announcement says.
    #[must_use]
    pub fn object(&self) -> &Object {
        object_of(&self.best).expect("announcements of objects alone are kept")
    }

    /// Returns announcements that contradict each other, the older of one key among them.
    #[must_use]
    pub fn contradictions(&self) -> &[Contradiction] {
        &self.contradictions
    }

    /// Returns who is said to have the archive of the best announcement.
    pub fn providers(&self) -> impl Iterator<Item = &P> {
        let providers = self.providers.get(&self.object().blake3_root);
        providers.into_iter().flatten()
    }

    /// Returns the references of the object: the best announcement's, or those that another one
    /// lists and the best one has the digest of. `None` where nobody listed them.
    #[must_use]
    pub fn references(&self) -> Option<&BTreeSet<StorePath>> {
        let all = std::iter::once(&self.best).chain(&self.others);
        let mut listed = all.filter_map(|one| object_of(one)?.references.listed());
        listed.find(|references| self.object().references.is_of(references))
    }

    /// Returns the path info of the object, with the content address that an announcement proved;
    /// `None` where nobody listed the references.
    #[must_use]
    pub fn path_info(&self) -> Option<PathInfo> {
        let references = self.references()?.clone();
        let info = self.object().to_path_info(references)?;
        Some(PathInfo {
            content_address: self.content_address(&info.references),
            ..info
        })
    }

    /// Returns the archives that the path may have, the best announcement's first and each once: what
    /// is to be tried in turn, where one turns out to be wrong or nobody sends it. Where one archive
    /// is announced with several hashes or sizes, each counts: a wrong one does not hide the others.
    ///
    /// All have the same references, those of the best announcement; none is returned where nobody
    /// listed them.
    #[must_use]
    pub fn archives(&self) -> Vec<Archive<P>>
    where
        P: Clone,
    {
        let Some(references) = self.references() else {
            return Vec::new();
        };
        let mut claims = BTreeSet::new();
        let all = std::iter::once(&self.best).chain(&self.others);
        let archives = all.filter_map(|announcement| {
            let object = object_of(announcement)?;
            let info = object.to_path_info(references.clone())?;
            let root = object.blake3_root;
            let claim = (root, info.nar_hash, info.nar_size);
            claims.insert(claim).then(|| Archive {
                announcement: announcement.clone(),
                info: PathInfo {
                    content_address: self.content_address(references),
                    ..info
                },
                root,
                providers: self.providers.get(&root).cloned().unwrap_or_default(),
            })
        });
        archives.collect()
    }

    fn content_address(&self, references: &BTreeSet<StorePath>) -> Option<ContentAddress> {
        let mut all = std::iter::once(&self.best).chain(&self.others);
        all.find_map(|one| match one.statement() {
            Statement::ContentAddressed(object, address) => {
                object.references.is_of(references).then_some(*address)
            }
            _ => None,
        })
    }
}

/// Returns until when the archive of an announcement is set aside, if it is.
pub(super) fn aside_until(
    announcement: &Announcement,
    aside: &Remembered<[u8; 32]>,
) -> Option<Duration> {
    aside.until(&object_of(announcement)?.blake3_root)
}

/// Sorts first what is to be preferred; of what is set aside, that which has been for longest.
fn preference(
    announcement: &Announcement,
    aside: &Remembered<[u8; 32]>,
) -> (Option<Duration>, bool, Reverse<u64>, Reverse<Vec<u8>>) {
    (
        aside_until(announcement, aside),
        announcement.key().kind() != Kind::PathInfo,
        Reverse(announcement.term().issued_at),
        Reverse(announcement.as_bytes().to_vec()),
    )
}

/// Returns the root of the announcement that would be the best one now, and whether a trusted signer
/// made it.
pub(super) fn best_root(
    announcements: &[Announcement],
    aside: &Remembered<[u8; 32]>,
) -> Option<([u8; 32], bool)> {
    let best = announcements.iter();
    let best = best.min_by_key(|one| preference(one, aside))?;
    let is_signed = best.key().kind() == Kind::PathInfo;
    object_of(best).map(|object| (object.blake3_root, is_signed))
}
