//! What a node is asked for while it runs.

use std::collections::BTreeSet;

use libp2p::{Multiaddr, PeerId};
use netabase_store::records::{InboundMetrics, RepublishMetrics};
use nix_core::store_path::StorePath;
use nix_store::store::RealisationId;
use tokio::sync::{mpsc, oneshot};

use super::{
    announcing::RoundCounts,
    error::{AnnounceError, FetchError, FindError, Stopped},
    evidence::Evidence,
    serving::Served,
    totals::Totals,
};
use crate::peers::{
    lookup::{Found, Realised, Refused, Subject},
    transfer::{Blob, Counts},
};

/// A node's handle. Clones speak to the same node, which runs until it is
/// [shut down](Self::shutdown) or the last of them is dropped.
///
/// A call that is dropped is not taken back: what it asked for goes on, and nobody is told.
#[derive(Debug, Clone)]
pub struct NodeHandle {
    pub(super) id: PeerId,
    pub(super) commands: mpsc::Sender<Command>,
}

/// What a node is asked for.
#[derive(Debug)]
pub(super) enum Command {
    Find(StorePath, oneshot::Sender<FindResult>),
    FindOutput(Subject, oneshot::Sender<RealisedResult>),
    Fetch(Vec<StorePath>, oneshot::Sender<Result<Fetched, FetchError>>),
    Announce(StorePath, oneshot::Sender<Result<Blob, AnnounceError>>),
    Refused(Subject, oneshot::Sender<Refused>),
    Evidence(oneshot::Sender<Vec<Evidence>>),
    Status(oneshot::Sender<Status>),
    Shutdown(oneshot::Sender<()>),
}

pub(super) type FindResult = Result<Found<PeerId>, FindError>;
pub(super) type RealisedResult = Result<Realised, FindError>;

/// What a fetch has added to the store.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fetched {
    /// The paths that the store did not have before, in order.
    pub added: BTreeSet<StorePath>,
}

/// How a node is.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Status {
    /// Where it listens.
    pub listeners: Vec<Multiaddr>,
    /// The peers that it is connected to.
    pub connected: BTreeSet<PeerId>,
    /// How many peers' addresses it would begin with after a restart.
    pub known_peers: usize,
    /// How many peers it has nothing to do with any more.
    pub banned_peers: usize,
    /// How many paths it looks up.
    pub lookups: usize,
    /// The archives that it fetches.
    pub downloads: Vec<DownloadStatus>,
    /// How many downloads wait for their turn.
    pub queued: usize,
    /// How many archives it shares.
    pub shared: usize,
    /// What peers were given of them.
    pub served: Served,
    /// How many responses with groups are being read or wait until peers have taken them, each of
    /// 1 MiB at most; [`Limits`](crate::peers::transfer::Limits) bounds them.
    pub responding: usize,
    /// What is announced.
    pub announcing: RoundCounts,
    /// How many records it keeps, those of others among them.
    pub records: usize,
    /// What became of records that others sent.
    pub inbound: InboundMetrics,
    /// How its own announcements go.
    pub republish: RepublishMetrics,
    /// How many contradictions it keeps.
    pub evidence: usize,
    /// What it has done since it started.
    pub totals: Totals,
}

/// How a download is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DownloadStatus {
    /// Of which paths it is the archive.
    pub paths: BTreeSet<StorePath>,
    /// How many peers it asks.
    pub sources: usize,
    /// What is downloaded.
    pub blob: Blob,
    /// How many of its groups are verified.
    pub groups_held: u32,
    /// What it has cost and gained since the node started.
    pub counts: Counts,
}

impl NodeHandle {
    /// Returns the name of the node among its peers.
    #[must_use]
    pub const fn id(&self) -> &PeerId {
        &self.id
    }

    /// Looks a path up: what is announced of it that can be believed, and who has its archive.
    ///
    /// # Errors
    /// Fails where nothing is found before the deadline of the lookup, or was not a short while ago.
    pub async fn find(&self, path: &StorePath) -> Result<Found<PeerId>, FindError> {
        self.ask(|reply| Command::Find(path.clone(), reply)).await?
    }

    /// Looks up which path trusted signers say that an output of a content-addressed derivation has.
    ///
    /// # Errors
    /// Fails as [`find`](Self::find) does.
    pub async fn find_realisation(&self, id: &RealisationId) -> Result<Realised, FindError> {
        let subject = id.into();
        self.ask(|reply| Command::FindOutput(subject, reply))
            .await?
    }

    /// Returns which records the lookup of a path or output did not believe, and why: the one that
    /// goes on, or else the last one, also where [`fetch`](Self::fetch) began it.
    ///
    /// Nothing is returned of a lookup that ended before the last
    /// [`REFUSED_MAX`](crate::peers::lookup::REFUSED_MAX) that refused any.
    ///
    /// # Errors
    /// Fails when the node has been shut down.
    pub async fn refused(&self, subject: impl Into<Subject>) -> Result<Refused, Stopped> {
        let subject = subject.into();
        self.ask(|reply| Command::Refused(subject, reply)).await
    }

    /// Returns the announcements that the node has seen contradict each other, the newest
    /// [`EVIDENCE_MAX`](super::EVIDENCE_MAX) of them, also those of earlier times.
    ///
    /// # Errors
    /// Fails when the node has been shut down.
    pub async fn evidence(&self) -> Result<Vec<Evidence>, Stopped> {
        self.ask(Command::Evidence).await
    }

    /// Fetches paths with all that they refer to into the store, and shares what was fetched.
    ///
    /// # Errors
    /// Fails before anything is fetched where the closure cannot be had as a whole, and after all
    /// that can be has been added where an object could not.
    pub async fn fetch(
        &self,
        paths: impl IntoIterator<Item = StorePath>,
    ) -> Result<Fetched, FetchError> {
        let paths: Vec<_> = paths.into_iter().collect();
        self.ask(|reply| Command::Fetch(paths, reply)).await?
    }

    /// Announces a path of the store and shares its archive; returns what is shared.
    ///
    /// It is announced again in time for as long as the node runs; see
    /// [`NodeConfig::roots`](super::NodeConfig::roots) for what outlives it.
    ///
    /// # Errors
    /// Fails where the node has no key, the path is not valid or private, or its archive is not what
    /// was registered.
    pub async fn announce(&self, path: &StorePath) -> Result<Blob, AnnounceError> {
        self.ask(|reply| Command::Announce(path.clone(), reply))
            .await?
    }

    /// Returns how the node is.
    ///
    /// # Errors
    /// Fails when it has been shut down.
    pub async fn status(&self) -> Result<Status, Stopped> {
        self.ask(Command::Status).await
    }

    /// Shuts the node down: connections are closed, downloads can be resumed, records are on disk.
    ///
    /// # Errors
    /// Fails when that has happened already.
    pub async fn shutdown(&self) -> Result<(), Stopped> {
        self.ask(Command::Shutdown).await
    }

    async fn ask<R>(
        &self,
        command: impl FnOnce(oneshot::Sender<R>) -> Command,
    ) -> Result<R, Stopped> {
        let (reply, answer) = oneshot::channel();
        let sent = self.commands.send(command(reply)).await;
        sent.map_err(|_| Stopped)?;
        answer.await.map_err(|_| Stopped)
    }
}

impl From<&RealisationId> for Subject {
    fn from(id: &RealisationId) -> Self {
        Self::Output(id.to_string())
    }
}
