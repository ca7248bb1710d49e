//! Downloads by the swarm, each with a thread that writes.

use std::{collections::BTreeSet, io, time::Duration};

use libp2p::PeerId;
use nix_core::{hash::Sha256, store_path::StorePath};
use tokio::{
    sync::mpsc::{self, Sender},
    task::JoinHandle,
};

use super::{
    error::ObjectError,
    handle::DownloadStatus,
    hearing::{Asked, Heard, InFlight},
    shares::Source,
    spool::hex,
    task::Task,
    writer::{self, Work},
};
use crate::peers::{
    announcement::Announcement,
    codec::Arrival,
    transfer::{
        Blob, Download, Failure, GroupRange, GroupSet, Lie, Output, Request, RequestId, Stall,
    },
};

/// How many pieces of an archive, of 1 MiB at most, wait to be written.
const WRITES_MAX: usize = 8;

/// With how many peers a download does not ask for more at once.
const PEERS_ENOUGH: usize = 4;

/// How long after it asked who has its archive a download asks again.
const ASK_EVERY: Duration = Duration::from_secs(30);

/// The same while it has too few peers.
const ASK_SOON: Duration = Duration::from_secs(5);

/// How long a download that is stalled waits for another peer.
const STALLED_FOR: Duration = Duration::from_secs(15);

/// A download for which there is no room yet.
pub(super) struct Queued {
    pub(super) blob: Blob,
    pub(super) nar_hash: Sha256,
    /// What was believed of it.
    pub(super) announcement: Announcement,
    pub(super) providers: BTreeSet<PeerId>,
    /// The closures that wait for it, and for which path.
    pub(super) waiters: Vec<(u64, StorePath)>,
}

/// A download and who waits for it.
pub(super) struct Active {
    wanted: Queued,
    /// Invariant: there once the files are open, until it is given up.
    download: Option<Download<PeerId>>,
    /// How it was when it was given up.
    ended: Option<DownloadStatus>,
    work: Sender<Work>,
    writer: JoinHandle<()>,
    /// When to ask who else has the archive.
    ask_at: Duration,
    is_asking: bool,
    /// Why it is stalled, and until when another peer is waited for.
    stalled: Option<(Stall, Duration)>,
    /// Whether others were told that some of it is here.
    is_shared: bool,
}

/// What a download wants of the swarm.
enum Want {
    Send(PeerId, RequestId, Request),
    Cancel(RequestId),
    Ban(PeerId, Lie),
    Providers,
    Fail(ObjectError),
}

impl Active {
    /// Returns when to poll at the latest, unless it waits for the disk.
    pub(super) fn wake_at(&self) -> Option<Duration> {
        let download = self.download.as_ref()?;
        let polled = download.wake_at().filter(|_| self.work.capacity() > 0);
        let asks = !self.is_asking && !download.is_finished();
        let asked = asks.then_some(self.ask_at);
        let given_up = self.stalled.as_ref().map(|(_, until)| *until);
        [polled, asked, given_up].into_iter().flatten().min()
    }

    pub(super) fn status(&self) -> Option<DownloadStatus> {
        let Some(download) = &self.download else {
            return self.ended.clone();
        };
        let waiters = self.wanted.waiters.iter();
        Some(DownloadStatus {
            paths: waiters.map(|(_, path)| path.clone()).collect(),
            blob: self.wanted.blob,
            sources: download.peers(),
            groups_held: download.held().len(),
            counts: download.counts(),
        })
    }

    /// Returns what a request is for, where it is for groups.
    const fn groups_of(&self, request: &Request) -> Option<(Blob, GroupRange)> {
        match request {
            Request::Get { range, .. } => Some((self.wanted.blob, *range)),
            Request::Have { .. } => None,
        }
    }

    fn asks_every(&self) -> Duration {
        let download = self.download.as_ref();
        let peers = download.map_or(0, |download| download.peers() - download.silent_peers());
        if peers >= PEERS_ENOUGH {
            ASK_EVERY
        } else {
            ASK_SOON
        }
    }

    /// Takes note of who has the archive.
    fn add_peers(&mut self, peers: impl IntoIterator<Item = PeerId>, now: Duration) {
        for peer in peers {
            match &mut self.download {
                Some(download) => {
                    download.add_peer(peer, now);
                }
                None => {
                    self.wanted.providers.insert(peer);
                }
            }
        }
    }

    pub(super) fn on_response(
        &mut self,
        peer: PeerId,
        id: RequestId,
        response: Result<Arrival, Failure>,
        now: Duration,
    ) {
        let Some(download) = &mut self.download else {
            return;
        };
        match response {
            Ok(Arrival::Message(response)) => download.on_response(&peer, id, response, now),
            Ok(Arrival::Groups(received)) => download.on_received(&peer, id, received, now),
            Err(failure) => download.on_failure(&peer, id, failure, now),
        }
    }

    pub(super) fn on_bytes(&mut self, peer: &PeerId, id: RequestId, now: Duration) {
        if let Some(download) = &mut self.download {
            download.on_bytes(peer, id, now);
        }
    }

    pub(super) fn on_peer_gone(&mut self, peer: &PeerId, now: Duration) {
        if let Some(download) = &mut self.download {
            download.peer_gone(peer, now);
        }
    }

    /// Gives the download up, so that it can be resumed; returns what is to be written and committed.
    fn give_up(&mut self) -> Vec<Work> {
        let left = self.download.take().map(Download::give_up);
        let left = left.unwrap_or_default().into_iter();
        left.filter_map(|output| for_disk(output, self.wanted.nar_hash))
            .collect()
    }

    /// Gives the download up; the thread says so once what is verified is on disk.
    fn fail(&mut self, error: ObjectError) {
        self.ended = self.status();
        let mut left = self.give_up();
        left.push(Work::GiveUp(error));
        let to_do = self.work.clone();
        tokio::spawn(async move {
            for work in left {
                if to_do.send(work).await.is_err() {
                    // The thread has ended with an error, and said so.
                    break;
                }
            }
        });
    }

    /// Ends the download so that it can be resumed: the thread writes and commits what is verified.
    pub(super) fn end(mut self) -> JoinHandle<()> {
        let left = self.give_up();
        tokio::spawn(async move {
            for work in left {
                if self.work.send(work).await.is_err() {
                    // The thread has ended with an error, and said so.
                    break;
                }
            }
            drop(self.work);
            // One that failed has said so.
            let _ = self.writer.await;
        })
    }

    /// Returns what is wanted whatever the download says.
    fn next_of_itself(&mut self, now: Duration) -> Option<Want> {
        let download = self.download.as_ref()?;
        if !download.is_stalled() {
            self.stalled = None;
        }
        if now >= self.ask_at && !self.is_asking && !download.is_finished() {
            self.is_asking = true;
            return Some(Want::Providers);
        }
        if let Some((stall, _)) = self.stalled.take_if(|(_, until)| now >= *until) {
            return Some(Want::Fail(ObjectError::Stalled(stall)));
        }
        None
    }

    /// Goes on until something is wanted of the swarm, or there is nothing to do for now.
    fn next(&mut self, now: Duration) -> Option<Want> {
        if let Some(want) = self.next_of_itself(now) {
            return Some(want);
        }
        let download = self.download.as_mut()?;
        loop {
            // Without room nothing is polled: what is verified meanwhile stays in the download.
            let room = self.work.try_reserve().ok()?;
            match download.poll(now)? {
                Output::Send { peer, id, request } => return Some(Want::Send(peer, id, request)),
                Output::Cancel { id, .. } => return Some(Want::Cancel(id)),
                Output::Ban { peer, why } => return Some(Want::Ban(peer, why)),
                Output::Silent { .. } => self.ask_at = self.ask_at.min(now + ASK_SOON),
                Output::Stalled(stall) => {
                    self.stalled = Some((stall, now + STALLED_FOR));
                    self.ask_at = now;
                }
                output => {
                    if let Some(work) = for_disk(output, self.wanted.nar_hash) {
                        room.send(work);
                    }
                }
            }
        }
    }
}

impl Task {
    /// Downloads a blob as soon as there is room, or lets who waits wait for it that is being
    /// downloaded already.
    pub(super) fn download(&mut self, wanted: Queued) {
        let root = wanted.blob.root();
        let queued = self.fetching.queued.iter_mut();
        let active = self.fetching.active.get_mut(root);
        let same = match active {
            Some(active) => Some(&mut active.wanted),
            None => queued.into_iter().find(|other| other.blob.root() == root),
        };
        match same {
            Some(same) => same.waiters.extend(wanted.waiters),
            None => self.fetching.queued.push_back(wanted),
        }
        self.begin_queued();
    }

    fn begin_queued(&mut self) {
        while self.fetching.active.len() < self.config.limits.downloads_max
            && let Some(wanted) = self.fetching.queued.pop_front()
        {
            self.begin_download(wanted);
        }
    }

    fn begin_download(&mut self, mut wanted: Queued) {
        wanted.providers.remove(self.swarm.local_peer_id());
        let (work, to_do) = mpsc::channel(WRITES_MAX);
        let writer = writer::start(
            self.spool.clone(),
            wanted.blob,
            self.reader.buffers.clone(),
            to_do,
            self.done.clone(),
        );
        let now = self.now();
        let has_enough = wanted.providers.len() >= PEERS_ENOUGH;
        let ask_at = if has_enough { now + ASK_EVERY } else { now };
        let root = *wanted.blob.root();
        tracing::debug!(root = %hex(&root), bytes = wanted.blob.size(), "a download begins");
        let active = Active {
            wanted,
            download: None,
            ended: None,
            work,
            writer,
            ask_at,
            is_asking: false,
            stalled: None,
            is_shared: false,
        };
        self.fetching.active.insert(root, active);
    }

    pub(super) fn on_opened(&mut self, root: &[u8; 32], held: Result<GroupSet, io::Error>) {
        let (now, seed) = (self.now(), seed(root));
        let Some(active) = self.fetching.active.get_mut(root) else {
            return;
        };
        match held {
            Ok(held) => {
                let blob = active.wanted.blob;
                let resumed = Download::resume(blob, held, seed, now);
                let mut download = resumed.unwrap_or_else(|| Download::new(blob, seed, now));
                for peer in &active.wanted.providers {
                    download.add_peer(*peer, now);
                }
                active.download = Some(download);
            }
            Err(error) => self.on_fetched(root, Err(ObjectError::Spool(error))),
        }
    }

    /// Shares with others what is on disk of a download.
    pub(super) fn on_committed(&mut self, root: &[u8; 32], held: GroupSet) {
        let Some(active) = self.fetching.active.get_mut(root) else {
            return;
        };
        if !self.config.share_fetched {
            return;
        }
        let blob = active.wanted.blob;
        let is_first = !std::mem::replace(&mut active.is_shared, true);
        self.shares.add_file(*root, Source::Part);
        self.server.share(blob, held);
        if is_first {
            let announcement = active.wanted.announcement.clone();
            let announcer = self.announcer();
            self.run_aside(move || {
                // Without it nobody asks for the groups that are here, and the download goes on.
                drop(announcer.provide(&blob));
                // Whoever announced it may be gone before it is whole.
                drop(announcer.keep(&announcement));
            });
        }
    }

    /// Takes note of who has an archive that is downloaded, and whether all have been found.
    pub(super) fn on_providers(&mut self, root: &[u8; 32], peers: Vec<PeerId>, is_last: bool) {
        let (now, local) = (self.now(), *self.swarm.local_peer_id());
        let Some(active) = self.fetching.active.get_mut(root) else {
            return;
        };
        active.add_peers(peers.into_iter().filter(|peer| *peer != local), now);
        if is_last {
            active.is_asking = false;
            active.ask_at = now + active.asks_every();
            if let Some((_, until)) = &mut active.stalled {
                *until = now;
            }
        }
    }

    /// Takes note that an archive is there, or cannot be had.
    pub(super) fn on_fetched(&mut self, root: &[u8; 32], result: Result<(), ObjectError>) {
        let Some(active) = self.fetching.active.remove(root) else {
            return;
        };
        self.totals.ended(active.status(), result.is_ok());
        tracing::debug!(root = %hex(root), is_there = result.is_ok(), "a download ended");
        self.requests.retain(|_, sent| sent.root != *root);
        if let Err(ObjectError::NarHash { .. } | ObjectError::Stalled(_)) = &result {
            let now = self.now();
            self.finding.set_aside(root, now);
        }
        if result.is_ok() {
            self.shares.add_file(*root, Source::File);
            if self.config.share_fetched {
                let blob = active.wanted.blob;
                self.server.share(blob, GroupSet::full(blob.groups()));
            }
        } else if matches!(result, Err(ObjectError::NarHash { .. })) {
            self.retract(root);
        }
        self.begin_queued();
        self.downloaded(active.wanted, result);
    }

    /// Does what a download says, as far as it can.
    pub(super) fn advance_download(&mut self, root: &[u8; 32]) {
        let now = self.now();
        while let Some(active) = self.fetching.active.get_mut(root) {
            match active.next(now) {
                Some(Want::Send(peer, id, request)) => {
                    let (root, heard) = (*root, Heard::default());
                    let asked = Asked {
                        request,
                        groups: active.groups_of(&request),
                        heard: heard.clone(),
                    };
                    let blobs = &mut self.swarm.behaviour_mut().blobs;
                    let sent = blobs.send_request(&peer, asked);
                    let in_flight = InFlight {
                        root,
                        peer,
                        id,
                        heard,
                    };
                    self.requests.insert(sent, in_flight);
                }
                Some(Want::Cancel(id)) => {
                    let is_it = |sent: &InFlight| sent.root == *root && sent.id == id;
                    self.requests.retain(|_, sent| !is_it(sent));
                }
                Some(Want::Ban(peer, lie)) => {
                    tracing::warn!(%peer, %lie, root = %hex(root), "a peer is banned");
                    self.ban(peer);
                }
                Some(Want::Providers) => self.ask_for_providers(*root),
                Some(Want::Fail(error)) => return active.fail(error),
                None => return,
            }
        }
    }
}

fn for_disk(output: Output<PeerId>, nar_hash: Sha256) -> Option<Work> {
    match output {
        Output::Write(verified) => Some(Work::Write(verified)),
        Output::Commit { held } => Some(Work::Commit(held)),
        Output::Finished => Some(Work::Finish(nar_hash)),
        _ => None,
    }
}

/// Returns what waits of different downloads differ by.
fn seed(root: &[u8; 32]) -> u64 {
    root.first_chunk()
        .map_or(0, |start| u64::from_be_bytes(*start))
}
