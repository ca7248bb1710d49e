//! Downloads, as a node does them, which write at once.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use nix_core::{hash::Sha256, store_path::StorePath};
use nix_remote::peers::{
    announcement::Announcement,
    lookup::Question,
    transfer::{Blob, Download, GroupRange, GroupSet, Output, RequestId, Stall},
};

use crate::{
    corpus::Root,
    dht::key_of,
    dice::ms,
    fetching::Trouble,
    finding::QUERY_MS,
    network::{Asker, Message},
    peer::{DOWNLOADS_MAX, Source},
    world::{Done, Event, World},
};

/// With how many peers a download does not ask for more at once.
const PEERS_ENOUGH: usize = 4;

/// How long after it asked who has its archive a download asks again.
const ASK_EVERY: Duration = Duration::from_secs(30);

/// The same while it has too few peers.
const ASK_SOON: Duration = Duration::from_secs(5);

/// How long a download that is stalled waits for another peer.
const STALLED_FOR: Duration = Duration::from_secs(15);

/// How many milliseconds it takes at least to look at the hash of an archive, which is longer than
/// to make durable what was written before.
pub(crate) const HASHED_MS: u64 = 8;

/// A download for which there is no room yet.
#[derive(Debug)]
pub(crate) struct Queued {
    pub(crate) blob: Blob,
    pub(crate) nar_hash: Sha256,
    pub(crate) announcement: Announcement,
    pub(crate) providers: BTreeSet<u32>,
    /// The closures that wait for it, and for which path.
    pub(crate) waiters: Vec<(u64, StorePath)>,
}

/// A download and what waits for it.
#[derive(Debug)]
pub(crate) struct Active {
    pub(crate) wanted: Queued,
    pub(crate) download: Option<Download<u32>>,
    /// The bytes that each request may bring.
    pub(crate) in_flight: BTreeMap<RequestId, (u32, Option<GroupRange>)>,
    pub(crate) written: u64,
    /// When each peer gave something at last.
    pub(crate) gave_at: BTreeMap<u32, Duration>,
    ask_at: Duration,
    is_asking: bool,
    /// Why it is stalled, and until when another peer is waited for.
    stalled: Option<(Stall, Duration)>,
    is_shared: bool,
}

/// What a download wants.
enum Want {
    Do(Output<u32>),
    Providers,
    Fail(Stall),
}

impl Active {
    /// Takes note that there is no connection to a peer any more.
    pub(crate) fn peer_gone(&mut self, peer: u32, now: Duration) {
        if let Some(download) = &mut self.download {
            download.peer_gone(&peer, now);
        }
        self.in_flight.retain(|_, (to, _)| *to != peer);
    }

    pub(crate) fn wake_at(&self) -> Option<Duration> {
        let download = self.download.as_ref()?;
        let asks = !self.is_asking && !download.is_finished();
        let asked = asks.then_some(self.ask_at);
        let given_up = self.stalled.as_ref().map(|(_, until)| *until);
        let times = [download.wake_at(), asked, given_up];
        times.into_iter().flatten().min()
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

    fn next(&mut self, now: Duration) -> Option<Want> {
        let download = self.download.as_mut()?;
        if !download.is_stalled() {
            self.stalled = None;
        }
        if now >= self.ask_at && !self.is_asking && !download.is_finished() {
            self.is_asking = true;
            return Some(Want::Providers);
        }
        if let Some((stall, _)) = self.stalled.take_if(|(_, until)| now >= *until) {
            return Some(Want::Fail(stall));
        }
        let output = download.poll(now)?;
        match output {
            Output::Silent { .. } => self.ask_at = self.ask_at.min(now + ASK_SOON),
            Output::Stalled(stall) => {
                self.stalled = Some((stall, now + STALLED_FOR));
                self.ask_at = now;
            }
            _ => {}
        }
        Some(Want::Do(output))
    }
}

impl World {
    /// Downloads a blob as soon as there is room, or lets who waits wait for it that is being
    /// downloaded already.
    pub(crate) fn download(&mut self, node: u32, wanted: Queued) {
        let root = *wanted.blob.root();
        let mind = self.mind(node);
        let mut queued = mind.queued.iter_mut();
        let same = match mind.downloads.get_mut(&root) {
            Some(active) => Some(&mut active.wanted),
            None => queued.find(|other| *other.blob.root() == root),
        };
        match same {
            Some(same) => {
                same.waiters.extend(wanted.waiters);
                self.counts.add("downloads joined");
            }
            None => mind.queued.push_back(wanted),
        }
        self.begin_queued(node);
    }

    fn begin_queued(&mut self, node: u32) {
        while self.mind(node).downloads.len() < DOWNLOADS_MAX
            && let Some(mut wanted) = self.mind(node).queued.pop_front()
        {
            wanted.providers.remove(&node);
            let has_enough = wanted.providers.len() >= PEERS_ENOUGH;
            let root = *wanted.blob.root();
            let active = Active {
                ask_at: if has_enough {
                    self.now + ASK_EVERY
                } else {
                    self.now
                },
                wanted,
                download: None,
                in_flight: BTreeMap::new(),
                written: 0,
                gave_at: BTreeMap::new(),
                is_asking: false,
                stalled: None,
                is_shared: false,
            };
            self.mind(node).downloads.insert(root, active);
            let later = self.dice.below(8);
            self.disk_done(node, later, Done::Opened(root));
        }
    }

    /// Begins with what was committed.
    pub(crate) fn on_opened(&mut self, node: u32, root: &Root) {
        let (now, seed) = (self.now, self.seed ^ u64::from(node));
        let peer = &mut self.peers[node as usize];
        let Some(active) = peer.mind.downloads.get_mut(root) else {
            return;
        };
        let held = peer.disk.open(active.wanted.blob).held();
        if !held.is_empty() {
            self.counts.add("downloads resumed");
        }
        let mut download = Download::resume(active.wanted.blob, held, seed, now).unwrap();
        // Whoever is banned is not known to be so, and there is no connection.
        for name in &active.wanted.providers {
            download.add_peer(*name, now);
        }
        active.download = Some(download);
    }

    /// Shares with others what is on disk of a download.
    pub(crate) fn on_committed(&mut self, node: u32, root: &Root, held: GroupSet) {
        let peer = &mut self.peers[node as usize];
        let Some(active) = peer.mind.downloads.get_mut(root) else {
            return;
        };
        let is_first = !std::mem::replace(&mut active.is_shared, true);
        let announcement = active.wanted.announcement.clone();
        peer.mind.files.insert(*root, Source::Part);
        assert!(peer.mind.server.share(active.wanted.blob, held));
        if is_first {
            self.provide_own(node, root);
            self.keep(node, &announcement);
        }
    }

    /// Does what the downloads of a node say; returns whether that was anything.
    pub(crate) fn drive_downloads(&mut self, node: u32) -> bool {
        let (now, mut outputs) = (self.now, 0);
        let roots: Vec<_> = self.mind(node).downloads.keys().copied().collect();
        for root in roots {
            while let Some(active) = self.mind(node).downloads.get_mut(&root) {
                let Some(want) = active.next(now) else {
                    break;
                };
                outputs += 1;
                assert!(outputs < 10_000, "{}: no end of outputs", self.name());
                match want {
                    Want::Do(output) => self.do_output(node, root, output),
                    Want::Providers => self.ask_for_providers(node, root),
                    Want::Fail(stall) => {
                        self.counts.add(match stall {
                            Stall::NoPeer => "downloads without a peer",
                            Stall::NothingHeld => "downloads of what nobody has",
                            Stall::OtherSize { .. } => "downloads of another size",
                            Stall::Silent => "downloads whose peers are silent",
                            _ => "downloads without progress",
                        });
                        self.give_up(node, root);
                    }
                }
                self.check_download(node, &root);
            }
        }
        outputs > 0
    }

    /// Gives a download up, once what is verified is on disk.
    fn give_up(&mut self, node: u32, root: Root) {
        let active = self.mind(node).downloads.get_mut(&root).unwrap();
        for output in active.download.take().unwrap().give_up() {
            self.do_output(node, root, output);
        }
        let later = HASHED_MS + self.dice.below(8);
        self.disk_done(node, later, Done::GivenUp(root));
    }

    pub(crate) fn on_given_up(&mut self, node: u32, root: &Root) {
        self.on_fetched(node, root, Err(Trouble::Stalled));
    }

    /// Asks who has an archive that is being downloaded.
    fn ask_for_providers(&mut self, node: u32, root: Root) {
        let question = Question::Providers(root);
        let keepers = self.keepers(&key_of(&question));
        let mind = self.mind(node);
        mind.next_ask += 1;
        let ask = mind.next_ask;
        mind.asking
            .insert(ask, (root, keepers.iter().copied().collect()));
        let life = self.peers[node as usize].life;
        self.at(self.now + ms(QUERY_MS), Event::AskOver { node, life, ask });
        for keeper in keepers {
            let find = Message::Find(Asker::Download(ask), question);
            self.send(node, keeper, life, find);
        }
    }

    /// Takes note of who has an archive that is downloaded.
    pub(crate) fn on_more_providers(&mut self, from: u32, node: u32, ask: u64, peers: Vec<u32>) {
        let now = self.now;
        let mind = self.mind(node);
        let Some((root, waits_for)) = mind.asking.get_mut(&ask) else {
            return;
        };
        waits_for.remove(&from);
        let is_last = waits_for.is_empty();
        if let Some(active) = mind.downloads.get_mut(root) {
            for peer in peers.into_iter().filter(|peer| *peer != node) {
                match &mut active.download {
                    Some(download) => {
                        download.add_peer(peer, now);
                    }
                    None => {
                        active.wanted.providers.insert(peer);
                    }
                }
            }
        }
        if is_last {
            self.end_ask(node, ask);
        }
    }

    pub(crate) fn end_ask(&mut self, node: u32, ask: u64) {
        let now = self.now;
        let mind = self.mind(node);
        let Some((root, _)) = mind.asking.remove(&ask) else {
            return;
        };
        let Some(active) = mind.downloads.get_mut(&root) else {
            return;
        };
        active.is_asking = false;
        active.ask_at = now + active.asks_every();
        if let Some((_, until)) = &mut active.stalled {
            *until = now;
        }
        self.counts.add("providers asked for again");
    }

    /// Looks at the hash of an archive of which all groups are there.
    pub(crate) fn on_finished(&mut self, node: u32, root: &Root) {
        let peer = &mut self.peers[node as usize];
        let Some(active) = peer.mind.downloads.get(root) else {
            return;
        };
        let part = peer.disk.parts.remove(&active.wanted.blob).unwrap();
        let (announced, truth) = (active.wanted.nar_hash, &self.corpus.contents[root]);
        let is_whole = part.bytes == truth.bytes && part.outboard == truth.outboard;
        assert!(is_whole, "{}: not the bytes of the root", self.name());
        let result = if truth.nar_hash == announced {
            peer.disk.whole.insert(*root);
            self.counts.add("downloads");
            Ok(())
        } else {
            self.counts.add("archives with another hash");
            Err(Trouble::NarHash)
        };
        self.on_fetched(node, root, result);
    }

    /// Takes note that an archive is there, or cannot be had.
    fn on_fetched(&mut self, node: u32, root: &Root, result: Result<(), Trouble>) {
        let now = self.now;
        let peer = &mut self.peers[node as usize];
        let active = peer.mind.downloads.remove(root).unwrap();
        let wanted = active.wanted;
        peer.mind.requests.retain(|_, (of, _)| of != root);
        if result.is_ok() {
            peer.mind.files.insert(*root, Source::File);
            let whole = GroupSet::full(wanted.blob.groups());
            assert!(peer.mind.server.share(wanted.blob, whole));
        } else {
            if result == Err(Trouble::NarHash) {
                peer.drop_file(root);
            }
            self.set_aside(node, root, now);
        }
        self.begin_queued(node);
        let what = (wanted.blob, wanted.nar_hash);
        self.downloaded(node, what, wanted.waiters, result);
    }

    /// Prefers what others say to an archive that could not be had, or is not the right one.
    pub(crate) fn set_aside(&mut self, node: u32, root: &Root, now: Duration) {
        self.mind(node).lookups.set_aside(*root, now);
        self.aside[node as usize].insert(*root, now);
    }
}
