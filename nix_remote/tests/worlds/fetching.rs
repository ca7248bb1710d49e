//! Closures on their way into a store, and the downloads that they need, as a node does them.

use std::collections::BTreeMap;

use nix_core::{hash::Sha256, store_path::StorePath};
use nix_remote::peers::{
    lookup::{Closure, Found, Step},
    transfer::{
        Blob, DOWNLOAD_RESPONSE_BYTES_MAX, Download, Failure, Output, Request, RequestId, Response,
        Stall,
    },
};

use crate::{
    corpus::Root,
    dice::ms,
    network::Message,
    peer::{Active, CLOSURES, Job, Wanted},
    world::{Done, World},
};

/// After how many milliseconds a node tries again to have what it wants.
const RETRY_MS: u64 = 3000;

impl World {
    /// Lets the closure of a node go as far as it can; returns whether that was anywhere.
    pub(crate) fn drive_closure(&mut self, node: u32) -> bool {
        let now = self.now;
        let peer = &mut self.peers[node as usize];
        let is_due = peer.is_honest() && peer.mind.retry_at <= now && !peer.has_all_it_wants();
        if peer.mind.job.is_none() && is_due {
            peer.mind.jobs += 1;
            let closure = Closure::new(peer.wants.iter().cloned(), CLOSURES).unwrap();
            peer.mind.job = Some(Job {
                number: peer.mind.jobs,
                closure,
                found: BTreeMap::new(),
            });
        }
        let mut steps = 0;
        while let Some(job) = &mut self.mind(node).job {
            match job.closure.next_step() {
                Ok(Some(step)) => self.step(node, step),
                Ok(None) if job.closure.is_done() => {
                    let failed = job.closure.failed_paths().count();
                    self.end_job(node, if failed > 0 { "given up" } else { "had" });
                }
                Ok(None) => break,
                Err(_) => self.end_job(node, "not resolved"),
            }
            steps += 1;
        }
        steps > 0
    }

    fn end_job(&mut self, node: u32, how: &str) {
        let retry_at = self.now + ms(RETRY_MS);
        let mind = self.mind(node);
        mind.job = None;
        mind.retry_at = retry_at;
        self.counts.add(match how {
            "had" => "closures had",
            "given up" => "closures given up",
            _ => "closures not resolved",
        });
    }

    fn step(&mut self, node: u32, step: Step) {
        let (later, number) = (self.dice.below(8), self.mind(node).jobs);
        let done = match step {
            Step::Resolve(path) => Done::Checked(number, path),
            Step::Add(path) => Done::Added(number, path),
            Step::Fetch(path) => return self.begin(node, &path),
        };
        self.disk_done(node, later, done);
    }

    /// Takes note that the store was asked for a path.
    pub(crate) fn on_checked(&mut self, node: u32, number: u64, path: &StorePath) {
        let is_present = self.peers[node as usize].disk.store.contains_key(path);
        let is_looked_up = !is_present && self.find(node, path);
        let Some(job) = self.job(node, number) else {
            return;
        };
        if is_present {
            job.closure.present(path);
        } else if !is_looked_up {
            job.closure.unresolved(path);
        }
    }

    pub(crate) fn on_found(&mut self, node: u32, path: &StorePath, found: Option<Found<u32>>) {
        let Some(job) = &mut self.mind(node).job else {
            return;
        };
        let wanted = found.and_then(|found| {
            Some(Wanted {
                info: found.path_info()?,
                root: found.object().blake3_root,
                providers: found.providers().copied().collect(),
            })
        });
        let Some(wanted) = wanted else {
            return job.closure.unresolved(path);
        };
        let missing = job.closure.missing(path, wanted.info.references.clone());
        job.found.insert(path.clone(), wanted);
        if missing.is_err() {
            self.end_job(node, "not resolved");
        }
    }

    /// Begins to download an archive, unless it is there or being downloaded.
    fn begin(&mut self, node: u32, path: &StorePath) {
        let peer = &mut self.peers[node as usize];
        let job = peer.mind.job.as_mut().unwrap();
        let wanted = job.found[path].clone();
        let waiter = (job.number, path.clone());
        if peer.disk.whole.contains(&wanted.root) {
            return job.closure.fetched(path);
        }
        if let Some(active) = peer.mind.downloads.get_mut(&wanted.root) {
            return active.waiters.push(waiter);
        }
        let Ok(blob) = Blob::new(wanted.root, wanted.info.nar_size) else {
            return job.closure.failed(path);
        };
        let active = Active {
            blob,
            nar_hash: wanted.info.nar_hash,
            providers: wanted.providers,
            download: None,
            waiters: vec![waiter],
            in_flight: BTreeMap::new(),
            written: 0,
        };
        peer.mind.downloads.insert(wanted.root, active);
        let later = self.dice.below(8);
        self.disk_done(node, later, Done::Opened(wanted.root));
    }

    /// Begins with what was committed.
    pub(crate) fn on_opened(&mut self, node: u32, root: &Root) {
        let (now, seed) = (self.now, self.seed ^ u64::from(node));
        let peer = &mut self.peers[node as usize];
        let Some(active) = peer.mind.downloads.get_mut(root) else {
            return;
        };
        let held = peer.disk.open(active.blob).held();
        if !held.is_empty() {
            self.counts.add("downloads resumed");
        }
        let mut download = Download::resume(active.blob, held, seed, now).unwrap();
        let banned = &peer.mind.banned;
        let others = active.providers.iter().filter(|name| **name != node);
        for name in others.filter(|name| !banned.contains(name)) {
            download.add_peer(*name, now);
        }
        active.download = Some(download);
    }

    /// Does what the downloads of a node say; returns whether that was anything.
    pub(crate) fn drive_downloads(&mut self, node: u32) -> bool {
        let mut outputs = 0;
        let roots: Vec<_> = self.mind(node).downloads.keys().copied().collect();
        for root in roots {
            while let Some(output) = self.poll(node, &root) {
                outputs += 1;
                assert!(outputs < 10_000, "{}: no end of outputs", self.name());
                self.do_output(node, root, output);
                self.check_download(node, &root);
            }
        }
        outputs > 0
    }

    fn poll(&mut self, node: u32, root: &Root) -> Option<Output<u32>> {
        let now = self.now;
        let active = self.mind(node).downloads.get_mut(root)?;
        active.download.as_mut()?.poll(now)
    }

    fn active(&mut self, node: u32, root: &Root) -> &mut Active {
        self.mind(node).downloads.get_mut(root).unwrap()
    }

    fn do_output(&mut self, node: u32, root: Root, output: Output<u32>) {
        match output {
            Output::Send { peer, id, request } => self.request(node, root, peer, id, request),
            Output::Cancel { id, .. } => {
                self.active(node, &root).in_flight.remove(&id);
                let requests = &mut self.mind(node).requests;
                requests.retain(|_, request| *request != (root, id));
            }
            Output::Write {
                offset,
                bytes,
                outboard,
            } => self.write(node, &root, offset as usize, &bytes, &outboard),
            Output::Commit { held } => {
                let disk = &mut self.peers[node as usize].disk;
                let part = disk.parts.get_mut(&root).unwrap();
                let is_there = part.has(&held, &self.corpus.contents[&root].bytes);
                part.commit(held);
                assert!(is_there, "{}: commits what is not there", self.name());
                self.counts.add("commits");
            }
            Output::Ban { peer, why } => self.ban(node, peer, &why),
            Output::Finished => {
                let later = self.dice.below(8);
                self.disk_done(node, later, Done::Finished(root));
            }
            Output::Stalled(stall) => {
                self.counts.add(match stall {
                    Stall::NoPeer => "stalls without a peer",
                    Stall::NothingHeld => "stalls where nobody has it",
                    Stall::OtherSize { .. } => "stalls of another size",
                    _ => "stalls without progress",
                });
                self.on_fetched(node, &root, false);
            }
        }
    }

    fn request(&mut self, node: u32, root: Root, to: u32, id: RequestId, request: Request) {
        let bytes = match request {
            Request::Get { range, .. } => self.active(node, &root).blob.bytes_of(range),
            Request::Have { .. } => 0,
        };
        let mind = self.mind(node);
        let is_banned = mind.banned.contains(&to);
        let active = mind.downloads.get_mut(&root).unwrap();
        active.in_flight.insert(id, (to, bytes));
        self.requests += 1;
        let (number, life) = (self.requests, self.peers[node as usize].life);
        self.mind(node).requests.insert(number, (root, id));
        if is_banned {
            // Whoever is banned is not sent anything: there is no connection.
            return self.lose(node, to, life, &Message::Request(number, request));
        }
        self.send(node, to, life, Message::Request(number, request));
    }

    pub(crate) fn on_response(&mut self, from: u32, node: u32, number: u64, bytes: Vec<u8>) {
        let now = self.now;
        if self.mind(node).banned.contains(&from) {
            return;
        }
        let Some((root, id)) = self.mind(node).requests.remove(&number) else {
            return self.counts.add("answers that come too late");
        };
        let active = self.active(node, &root);
        active.in_flight.remove(&id);
        let Some(download) = &mut active.download else {
            return;
        };
        let wasted = download.counts().wasted_bytes;
        match Response::decode(bytes) {
            Ok(response) => download.on_response(&from, id, response, now),
            Err(_) => download.on_failure(&from, id, Failure::Malformed, now),
        }
        let wasted = download.counts().wasted_bytes - wasted;
        let limit = DOWNLOAD_RESPONSE_BYTES_MAX as u64;
        assert!(wasted <= limit, "{}: {wasted} bytes wasted", self.name());
        self.check_download(node, &root);
    }

    pub(crate) fn on_failed(&mut self, peer: u32, node: u32, number: u64) {
        let now = self.now;
        let Some((root, id)) = self.mind(node).requests.remove(&number) else {
            return;
        };
        let active = self.active(node, &root);
        active.in_flight.remove(&id);
        if let Some(download) = &mut active.download {
            download.on_failure(&peer, id, Failure::Lost, now);
        }
    }

    /// Checks the hash of an archive of which all groups are there.
    pub(crate) fn on_finished(&mut self, node: u32, root: &Root) {
        let peer = &mut self.peers[node as usize];
        let Some(active) = peer.mind.downloads.get(root) else {
            return;
        };
        let part = peer.disk.parts.remove(root).unwrap();
        let (announced, truth) = (active.nar_hash, &self.corpus.contents[root]);
        let is_whole = part.bytes == truth.bytes && part.outboard == truth.outboard;
        assert!(is_whole, "{}: not the bytes of the root", self.name());
        let is_announced = Sha256::of(&part.bytes) == announced;
        assert_eq!(is_announced, truth.nar_hash == announced);
        if is_announced {
            peer.disk.whole.insert(*root);
            peer.share(truth.blob);
            self.counts.add("downloads");
        } else {
            self.counts.add("archives with another hash");
        }
        self.on_fetched(node, root, is_announced);
    }

    /// Takes note that an archive is there, or cannot be had.
    fn on_fetched(&mut self, node: u32, root: &Root, is_there: bool) {
        let now = self.now;
        let mind = self.mind(node);
        let active = mind.downloads.remove(root).unwrap();
        mind.requests.retain(|_, (of, _)| of != root);
        if !is_there {
            mind.lookups.set_aside(*root, now);
            self.aside[node as usize].insert(*root, now);
        }
        for (number, path) in active.waiters {
            let Some(job) = self.job(node, number) else {
                continue;
            };
            if is_there {
                job.closure.fetched(&path);
            } else {
                job.closure.failed(&path);
            }
        }
    }

    /// Takes note that an object can be added to the store.
    pub(crate) fn on_added(&mut self, node: u32, number: u64, path: &StorePath) {
        let Some(job) = self.job(node, number) else {
            return;
        };
        let wanted = job.found[path].clone();
        job.closure.added(path);
        self.add(node, wanted);
        if self.dice.percent(50) {
            self.announce(node, path);
        }
    }

    /// The closure with this number, if it has not ended.
    fn job(&mut self, node: u32, number: u64) -> Option<&mut Job> {
        let job = self.mind(node).job.as_mut();
        job.filter(|job| job.number == number)
    }
}
