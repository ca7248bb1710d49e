//! What a node answers, to commands of its own process and of others.

use std::{collections::BTreeMap, process, time::Instant};

use libp2p::{Multiaddr, PeerId, multiaddr::Protocol};
use nix_core::{
    signature::{PublicKey, TrustedKeys},
    store_path::StorePath,
};
use nix_remote::peers::{
    lookup::{Refused, Subject},
    node::{DownloadStatus, FetchError, Fetched, FindError, NodeHandle, Status, Totals},
    transfer::GROUP_BYTES,
};
use nix_store::{
    local::LocalStore,
    store::{Error as StoreError, ReadStore},
};
use tokio::{
    sync::mpsc::Sender,
    task::spawn_blocking,
    time::{Duration, interval},
};

use super::{
    announced::Telling,
    explain::{self, Around, Sought},
    find,
    protocol::{
        AnnouncementCounts, Answer, DownloadReport, EVIDENCE_MAX, EvidenceReport, Failure,
        FetchReport, InboundCounts, Kind, Progress, Refusal, RefusedCounts, Request, StatusReport,
    },
};
use crate::error::with_causes;

/// How often it is said how far a fetch is.
const PROGRESS_EVERY: Duration = Duration::from_millis(200);

/// A node, and what is asked of it.
pub(super) struct Answering {
    pub(super) node: NodeHandle,
    pub(super) store: LocalStore,
    pub(super) trusted: TrustedKeys,
    /// How many peers the node was told to begin with.
    pub(super) bootstrap: usize,
    pub(super) announces_with: PublicKey,
    /// Where metrics are served.
    pub(super) metrics: Option<String>,
    pub(super) started: Instant,
}

impl Answering {
    /// Answers a request, and says meanwhile how far it is, to who listens.
    pub(super) async fn answer(&self, request: Request, progress: Sender<Progress>) -> Answer {
        let answer = match request {
            Request::Status => self.status().await,
            Request::Find { path } => self.find(&path).await,
            Request::FindOutput { output } => self.find_output(&output).await,
            Request::Evidence { after } => self.evidence(after).await,
            Request::Fetch { paths } => self.fetch(&paths, progress).await,
        };
        answer.unwrap_or_else(Answer::Refused)
    }

    async fn status(&self) -> Result<Answer, Refusal> {
        let status = self.node.status().await.map_err(explain::stopped)?;
        Ok(Answer::Status(Box::new(self.report(&status))))
    }

    async fn evidence(&self, after: usize) -> Result<Answer, Refusal> {
        let all = self.node.evidence().await.map_err(explain::stopped)?;
        let telling = self.telling();
        let some = all.iter().skip(after).take(EVIDENCE_MAX);
        Ok(Answer::Evidence(EvidenceReport {
            kept: all.len(),
            contradictions: some.map(|one| telling.seen(one)).collect(),
        }))
    }

    async fn find(&self, path: &str) -> Result<Answer, Refusal> {
        let path = self.parse(path)?;
        match self.node.find(&path).await {
            Ok(found) => {
                let refused = self.refused(&path).await?;
                let report = self.telling().found(&path, &found, &refused);
                Ok(Answer::Found(Box::new(report)))
            }
            Err(error) => Err(self.not_found(error, Sought::Path, &path).await?),
        }
    }

    async fn find_output(&self, output: &str) -> Result<Answer, Refusal> {
        let output = find::output_of(self.store.store_dir(), output).map_err(|error| {
            let message = format!("{output:?} names no output: {}", with_causes(&error));
            Refusal::new(Kind::Output, message)
        })?;
        match self.node.find_realisation(&output).await {
            Ok(found) => {
                let refused = self.refused(&output).await?;
                let report = self.telling().realised(&output, &found, &refused);
                Ok(Answer::Realised(Box::new(report)))
            }
            Err(error) => Err(self.not_found(error, Sought::Output, &output).await?),
        }
    }

    async fn not_found(
        &self,
        error: FindError,
        sought: Sought,
        subject: impl Into<Subject>,
    ) -> Result<Refusal, Refusal> {
        let status = self.node.status().await.map_err(explain::stopped)?;
        let why = explain::not_found(error, sought, &self.around(&status));
        self.with_refused(why, subject).await
    }

    /// Adds to why something was not found which records were not believed.
    async fn with_refused(
        &self,
        why: Refusal,
        subject: impl Into<Subject>,
    ) -> Result<Refusal, Refusal> {
        if !matches!(why.kind, Kind::NotAnnounced | Kind::Unanswered) {
            return Ok(why);
        }
        let refused = self.refused(subject).await?;
        Ok(why.having_refused((&refused).into()))
    }

    async fn refused(&self, subject: impl Into<Subject>) -> Result<Refused, Refusal> {
        let refused = self.node.refused(subject).await;
        refused.map_err(explain::stopped)
    }

    async fn fetch(&self, paths: &[String], progress: Sender<Progress>) -> Result<Answer, Refusal> {
        let paths: Vec<_> = paths
            .iter()
            .map(|path| self.parse(path))
            .collect::<Result<_, _>>()?;
        let begun = Instant::now();
        let before = self.node.status().await.map_err(explain::stopped)?;
        let fetched = self.fetch_and_tell(paths, progress).await;
        let after = self.node.status().await.map_err(explain::stopped)?;
        let mut report = match fetched {
            Ok(fetched) => self.added(fetched).await?,
            Err(error) => FetchReport {
                failed: self.failures(error, &after).await?,
                ..FetchReport::default()
            },
        };
        report.seconds = begun.elapsed().as_secs_f64();
        report.sources = sources(&before.totals, &after.totals);
        Ok(Answer::Fetched(report))
    }

    async fn failures(&self, error: FetchError, status: &Status) -> Result<Vec<Failure>, Refusal> {
        let dir = self.store.store_dir();
        let mut failed = Vec::new();
        for (path, why) in explain::failures(error, &self.around(status))? {
            let why = self.with_refused(why, &path).await?;
            let path = dir.print(&path);
            failed.push(Failure { path, why });
        }
        Ok(failed)
    }

    async fn fetch_and_tell(
        &self,
        paths: Vec<StorePath>,
        progress: Sender<Progress>,
    ) -> Result<Fetched, FetchError> {
        let fetch = self.node.fetch(paths);
        tokio::pin!(fetch);
        let mut ticks = interval(PROGRESS_EVERY);
        loop {
            tokio::select! {
                fetched = &mut fetch => return fetched,
                _ = ticks.tick() => {
                    if let Ok(status) = self.node.status().await {
                        // Whoever is slow, or has gone, hears of it another time.
                        let _ = progress.try_send(self.progress(&status));
                    }
                }
            }
        }
    }

    async fn added(&self, fetched: Fetched) -> Result<FetchReport, Refusal> {
        let (store, added) = (self.store.clone(), fetched.added);
        let measured = spawn_blocking(move || measure(&store, added.iter())).await;
        let measured = measured.map_err(|error| Refusal::new(Kind::Node, error.to_string()))?;
        let (added, bytes) =
            measured.map_err(|error| Refusal::new(Kind::Store, with_causes(&error)))?;
        Ok(FetchReport {
            added,
            bytes,
            ..FetchReport::default()
        })
    }

    fn telling(&self) -> Telling<'_> {
        Telling {
            dir: self.store.store_dir(),
            trusted: &self.trusted,
        }
    }

    fn around<'a>(&'a self, status: &'a Status) -> Around<'a> {
        Around {
            status,
            trusted: &self.trusted,
            bootstrap: self.bootstrap,
        }
    }

    fn parse(&self, path: &str) -> Result<StorePath, Refusal> {
        let parsed = self.store.store_dir().parse(path);
        parsed.map_err(|error| {
            let message = format!("{path:?} is no path of this store: {}", with_causes(&error));
            Refusal::new(Kind::Path, message)
        })
    }

    fn progress(&self, status: &Status) -> Progress {
        let downloads = status.downloads.iter();
        Progress {
            lookups: status.lookups,
            downloads: downloads.map(|one| self.download(one)).collect(),
        }
    }

    fn download(&self, download: &DownloadStatus) -> DownloadReport {
        let path = download.paths.first();
        let held = u64::from(download.groups_held) * GROUP_BYTES;
        DownloadReport {
            path: path.map_or_else(String::new, |path| {
                self.store.store_dir().display(path).to_string()
            }),
            bytes: download.blob.size(),
            bytes_held: held.min(download.blob.size()),
            bytes_verified: download.counts.verified_bytes,
            bytes_wasted: download.counts.wasted_bytes + download.counts.late_bytes,
            sources: download.sources,
        }
    }

    fn report(&self, status: &Status) -> StatusReport {
        let id = *self.node.id();
        let Progress { lookups, downloads } = self.progress(status);
        let all = |ended: u64, active: fn(&DownloadReport) -> u64| {
            ended + downloads.iter().map(active).sum::<u64>()
        };
        StatusReport {
            id: id.to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            process: process::id(),
            uptime_seconds: self.started.elapsed().as_secs(),
            announces_with: self.announces_with.to_string(),
            trusted_keys: self.trusted.iter().map(ToString::to_string).collect(),
            metrics: self.metrics.clone(),
            listeners: status.listeners.iter().map(|at| named(at, id)).collect(),
            connected: status.connected.iter().map(ToString::to_string).collect(),
            known_peers: status.known_peers,
            banned_peers: status.banned_peers,
            connections_refused: RefusedCounts {
                of_address: status.totals.refused.of_address,
                of_limits: status.totals.refused.of_limits,
                of_peer: status.totals.refused.of_peer,
            },
            shared: status.shared,
            records: status.records,
            evidence: status.evidence,
            announcements: AnnouncementCounts {
                objects: status.announcing.announced,
                private: status.announcing.private,
                refused: status.announcing.failed,
                realisations: status.announcing.realisations,
                missing_roots: status.announcing.missing_roots,
                succeeded: status.republish.succeeded,
                failed: status.republish.failed,
                overdue: status.republish.behind,
            },
            inbound: InboundCounts {
                accepted: status.inbound.accepted,
                refused: status.inbound.refused_total(),
                dropped: status.inbound.dropped,
            },
            lookups,
            bytes_verified: all(status.totals.verified_bytes, |one| one.bytes_verified),
            bytes_wasted: all(status.totals.wasted_bytes, |one| one.bytes_wasted),
            bytes_served: status.served.bytes,
            downloads,
        }
    }
}

/// Returns an address with the name of the node.
pub(super) fn named(address: &Multiaddr, id: PeerId) -> String {
    address.clone().with(Protocol::P2p(id)).to_string()
}

/// Returns the paths as they are printed, and how many bytes their archives have.
fn measure<'p>(
    store: &LocalStore,
    paths: impl Iterator<Item = &'p StorePath>,
) -> Result<(Vec<String>, u64), StoreError> {
    let (mut printed, mut bytes) = (Vec::new(), 0);
    for path in paths {
        bytes += store.path_info(path)?.map_or(0, |info| info.nar_size);
        printed.push(store.store_dir().display(path).to_string());
    }
    Ok((printed, bytes))
}

/// Returns who has sent something between two times.
fn sources(before: &Totals, after: &Totals) -> Vec<String> {
    let sent = |totals: &BTreeMap<PeerId, u64>, peer| totals.get(peer).copied().unwrap_or(0);
    let after = after.received_bytes.iter();
    let more = after.filter(|&(peer, bytes)| *bytes > sent(&before.received_bytes, peer));
    more.map(|(peer, _)| peer.to_string()).collect()
}
