//! Downloads by the swarm, each with a thread that writes.

use std::{io, time::Duration};

use libp2p::PeerId;
use nix_core::{hash::Sha256, store_path::StorePath};
use tokio::{
    sync::mpsc::{self, Sender},
    task::JoinHandle,
};

use super::{
    error::ObjectError,
    handle::DownloadStatus,
    task::Task,
    writer::{self, Work},
};
use crate::peers::transfer::{
    Blob, Download, Failure, GroupSet, Output, Request, RequestId, Response,
};

/// How many pieces of an archive, of 256 KiB at most, wait to be written.
const WRITES_MAX: usize = 16;

/// A download and who waits for it.
pub(super) struct Active {
    blob: Blob,
    nar_hash: Sha256,
    providers: Vec<PeerId>,
    /// Invariant: there once the files are open.
    download: Option<Download<PeerId>>,
    work: Sender<Work>,
    writer: JoinHandle<()>,
    waiters: Vec<(u64, StorePath)>,
}

/// What a download wants of the swarm.
enum Want {
    Send(PeerId, RequestId, Request),
    Cancel(RequestId),
    Ban(PeerId),
    Fail(ObjectError),
}

impl Active {
    /// Returns when to poll at the latest, unless it waits for the disk.
    pub(super) fn wake_at(&self) -> Option<Duration> {
        let download = self.download.as_ref()?;
        download.wake_at().filter(|_| self.work.capacity() > 0)
    }

    pub(super) fn status(&self) -> Option<DownloadStatus> {
        let download = self.download.as_ref()?;
        Some(DownloadStatus {
            blob: self.blob,
            groups_held: download.held().len(),
            counts: download.counts(),
        })
    }

    pub(super) fn on_response(
        &mut self,
        peer: PeerId,
        id: RequestId,
        response: Result<Response, Failure>,
        now: Duration,
    ) {
        let Some(download) = &mut self.download else {
            return;
        };
        match response {
            Ok(response) => download.on_response(&peer, id, response, now),
            Err(failure) => download.on_failure(&peer, id, failure, now),
        }
    }

    pub(super) fn on_peer_gone(&mut self, peer: &PeerId, now: Duration) {
        if let Some(download) = &mut self.download {
            download.peer_gone(peer, now);
        }
    }

    /// Ends the download; the thread writes what it was sent.
    pub(super) fn end(self) -> JoinHandle<()> {
        self.writer
    }

    /// Goes on until something is wanted of the swarm, or there is nothing to do for now.
    fn next(&mut self, now: Duration) -> Option<Want> {
        let download = self.download.as_mut()?;
        loop {
            // Without room nothing is polled: what is verified meanwhile stays in the download.
            let room = self.work.try_reserve().ok()?;
            match download.poll(now)? {
                Output::Send { peer, id, request } => return Some(Want::Send(peer, id, request)),
                Output::Cancel { id, .. } => return Some(Want::Cancel(id)),
                Output::Ban { peer, .. } => return Some(Want::Ban(peer)),
                Output::Stalled(stall) => return Some(Want::Fail(ObjectError::Stalled(stall))),
                Output::Write {
                    offset,
                    bytes,
                    outboard,
                } => room.send(Work::Write {
                    offset,
                    bytes,
                    outboard,
                }),
                Output::Commit { held } => room.send(Work::Commit(held)),
                Output::Finished => room.send(Work::Finish(self.nar_hash)),
            }
        }
    }
}

impl Task {
    /// Downloads a blob, or lets a waiter wait for it that is being downloaded already.
    pub(super) fn download(
        &mut self,
        blob: Blob,
        nar_hash: Sha256,
        providers: &[PeerId],
        waiter: (u64, StorePath),
    ) {
        let local = *self.swarm.local_peer_id();
        let others = providers.iter().filter(|peer| **peer != local);
        if let Some(active) = self.fetching.active.get_mut(blob.root()) {
            active.waiters.push(waiter);
            return;
        }
        let (work, to_do) = mpsc::channel(WRITES_MAX);
        let writer = writer::start(self.spool.clone(), blob, to_do, self.done.clone());
        let active = Active {
            blob,
            nar_hash,
            providers: others.copied().collect(),
            download: None,
            work,
            writer,
            waiters: vec![waiter],
        };
        self.fetching.active.insert(*blob.root(), active);
    }

    pub(super) fn on_opened(&mut self, root: &[u8; 32], held: Result<GroupSet, io::Error>) {
        let (now, seed) = (self.now(), seed(root));
        let Some(active) = self.fetching.active.get_mut(root) else {
            return;
        };
        match held {
            Ok(held) => {
                let resumed = Download::resume(active.blob, held, seed, now);
                let mut download = resumed.unwrap_or_else(|| Download::new(active.blob, seed, now));
                for peer in &active.providers {
                    download.add_peer(*peer, now);
                }
                active.download = Some(download);
            }
            Err(error) => self.on_fetched(root, Err(ObjectError::Spool(error))),
        }
    }

    /// Takes note that an archive is there, or cannot be had.
    pub(super) fn on_fetched(&mut self, root: &[u8; 32], result: Result<(), ObjectError>) {
        let Some(active) = self.fetching.active.remove(root) else {
            return;
        };
        if result.is_ok() {
            self.share(active.blob);
        }
        self.requests.retain(|_, (of, _)| of != root);
        self.downloaded(active.waiters, result);
    }

    /// Does what a download says, as far as it can.
    pub(super) fn advance_download(&mut self, root: &[u8; 32]) {
        let now = self.now();
        while let Some(active) = self.fetching.active.get_mut(root) {
            match active.next(now) {
                Some(Want::Send(peer, id, request)) => {
                    let blobs = &mut self.swarm.behaviour_mut().blobs;
                    let sent = blobs.send_request(&peer, request);
                    self.requests.insert(sent, (*root, id));
                }
                Some(Want::Cancel(id)) => {
                    self.requests.retain(|_, sent| *sent != (*root, id));
                }
                Some(Want::Ban(peer)) => self.ban(peer),
                Some(Want::Fail(error)) => return self.on_fetched(root, Err(error)),
                None => return,
            }
        }
    }
}

/// Returns what waits of different downloads differ by.
fn seed(root: &[u8; 32]) -> u64 {
    root.first_chunk()
        .map_or(0, |start| u64::from_be_bytes(*start))
}
