//! When a node says what of its own store.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use nix_core::store_path::StorePath;
use tokio::sync::oneshot;

use super::{
    announcer::Announcer,
    error::AnnounceError,
    shares::Shared,
    task::{Done, Task},
};
use crate::peers::transfer::Blob;

/// The announcements that are being made, and when all are looked at again.
#[derive(Default)]
pub(super) struct Announcing {
    waiting: BTreeMap<u64, oneshot::Sender<Result<Blob, AnnounceError>>>,
    next: u64,
    /// What was announced by itself since the node started.
    single: BTreeSet<StorePath>,
    is_in_round: bool,
    next_round: Duration,
    last: RoundCounts,
}

/// What has come of looking at all that is to be announced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RoundCounts {
    /// Objects that are announced.
    pub announced: usize,
    /// Realisations that are announced.
    pub realisations: usize,
    /// Objects that a root leads to, and that are private: neither signed by a trusted key nor
    /// content-addressed.
    pub private: usize,
    /// Objects that could not be announced.
    pub failed: usize,
    /// Roots that the store does not have.
    pub missing_roots: usize,
}

impl Task {
    /// Announces a path for a caller.
    pub(super) fn announce(
        &mut self,
        path: StorePath,
        reply: oneshot::Sender<Result<Blob, AnnounceError>>,
    ) {
        let announcer = self.announcer();
        let number = announcer.number;
        let shared = self.shares.objects().get(&path).cloned();
        self.announcing.waiting.insert(number, reply);
        self.run_blocking(
            move || announcer.announce(&path, shared.as_ref()),
            move |made| {
                let made = made.unwrap_or(Err(AnnounceError::Aborted));
                Done::Announced(number, made)
            },
        );
    }

    pub(super) fn on_announced(&mut self, number: u64, made: Result<Shared, AnnounceError>) {
        let result = made.map(|shared| {
            self.announcing.single.insert(shared.path.clone());
            let blob = shared.blob;
            self.share(shared);
            blob
        });
        if let Some(reply) = self.announcing.waiting.remove(&number) {
            // Whoever asked may have gone.
            let _ = reply.send(result);
        }
    }

    /// Looks at all that is to be announced, where it is time.
    pub(super) fn advance_announcing(&mut self) {
        let now = self.now();
        if self.announcing.is_in_round || now < self.announcing.next_round {
            return;
        }
        self.announcing.is_in_round = true;
        self.announcing.next_round = now.saturating_add(self.config.limits.announce_every);
        let announcer = self.announcer();
        let shared = self.shares.objects().clone();
        let (roots, single) = (self.config.roots.clone(), self.announcing.single.clone());
        let done = self.done.clone();
        self.run_blocking(
            move || announcer.round(&roots, &single, shared, &done),
            |counts| Done::RoundEnded(counts.unwrap_or(Err(AnnounceError::Aborted))),
        );
    }

    pub(super) fn on_round_ended(&mut self, ended: Result<RoundCounts, AnnounceError>) {
        self.announcing.is_in_round = false;
        match ended {
            Ok(counts) => {
                if counts != self.announcing.last {
                    tracing::info!(?counts, "looked at all that is to be announced");
                }
                self.announcing.last = counts;
            }
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "cannot announce");
            }
        }
    }

    /// Shares nothing of an object any more.
    pub(super) fn unshare(&mut self, path: &StorePath) {
        let Some(shared) = self.shares.remove(path) else {
            return;
        };
        tracing::info!(%path, "the object is not shared any more");
        let is_last = self.unshare_if_gone(shared.blob.root());
        let announcer = self.announcer();
        self.run_aside(move || announcer.forget(&shared, is_last));
    }

    pub(super) fn announcing_wakes_at(&self) -> Option<Duration> {
        (!self.announcing.is_in_round).then_some(self.announcing.next_round)
    }

    pub(super) const fn last_round(&self) -> RoundCounts {
        self.announcing.last
    }

    pub(super) fn announcer(&mut self) -> Announcer {
        self.announcing.next += 1;
        Announcer {
            local: *self.swarm.local_peer_id(),
            store: self.store.clone(),
            spool: self.spool.clone(),
            database: self.database.clone(),
            records: self.records.clone(),
            trusted: self.config.trusted.clone(),
            key: self.config.key.clone(),
            number: self.announcing.next,
            stop: self.stop.clone(),
            views: self.reader.views.clone(),
        }
    }
}
