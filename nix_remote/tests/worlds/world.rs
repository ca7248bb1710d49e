//! A world in virtual time: nodes, what happens to them, and what has happened.

use std::{collections::BTreeMap, time::Duration};

use nix_core::store_path::StorePath;
use nix_remote::peers::{
    lookup::QuestionId,
    transfer::{GroupSet, ReadId},
};

use crate::{
    corpus::{BEGIN, Corpus, Root},
    counts::Counts,
    dice::{Dice, ms},
    network::{Faults, Message},
    peer::{Mind, Peer},
};

/// How many bytes each node can send in a second at least, once the faults are over.
const HEALED_RATE: u64 = 200_000;

#[derive(Debug, Clone)]
pub(crate) enum Event {
    Arrive {
        from: u32,
        to: u32,
        life: u32,
        number: u64,
        message: Message,
    },
    Failed {
        node: u32,
        life: u32,
        request: u64,
        peer: u32,
    },
    Bytes {
        node: u32,
        life: u32,
        request: u64,
        peer: u32,
    },
    Disk {
        node: u32,
        life: u32,
        done: Done,
    },
    QueryOver {
        node: u32,
        life: u32,
        id: QuestionId,
    },
    AskOver {
        node: u32,
        life: u32,
        ask: u64,
    },
    ReadEnds {
        node: u32,
        life: u32,
        read: ReadId,
    },
    Down {
        node: u32,
        loses_disk: bool,
    },
    Up(u32),
    Republish(u32),
    Mislead(u32),
    Betray(u32),
    Heal,
}

/// What the disk of a node has done.
#[derive(Debug, Clone)]
pub(crate) enum Done {
    Checked(u64, StorePath),
    Opened(Root),
    Committed(Root, GroupSet),
    Finished(Root),
    GivenUp(Root),
    Added(u64, StorePath),
}

pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) corpus: &'static Corpus,
    pub(crate) now: Duration,
    pub(crate) heals_at: Duration,
    pub(crate) peers: Vec<Peer>,
    pub(crate) faults: Faults,
    pub(crate) counts: Counts,
    /// The most bytes that a download had asked for and not written.
    pub(crate) peak_bytes: u64,
    /// What happened, folded into a number.
    pub(crate) trace: u64,
    pub(crate) dice: Dice,
    /// How many messages were sent, and how many of them were requests for archives.
    pub(crate) sent: u64,
    pub(crate) requests: u64,
    /// The last message that arrived of those between two nodes.
    pub(crate) arrived: BTreeMap<(u32, u32), u64>,
    /// The archives that each node could not have, or that were not those announced, and since when
    /// it knows.
    pub(crate) aside: Vec<BTreeMap<Root, Duration>>,
    /// Who keeps what stands under a key.
    pub(crate) keepers: BTreeMap<Vec<u8>, Vec<u32>>,
    wakes: Vec<Option<Duration>>,
    events: BTreeMap<(Duration, u64), Event>,
    next_event: u64,
}

impl World {
    pub(crate) fn new(seed: u64, corpus: &'static Corpus, dice: Dice, peers: Vec<Peer>) -> Self {
        Self {
            seed,
            corpus,
            now: Duration::ZERO,
            heals_at: Duration::ZERO,
            faults: Faults::default(),
            counts: Counts::default(),
            peak_bytes: 0,
            trace: 0,
            dice,
            sent: 0,
            requests: 0,
            arrived: BTreeMap::new(),
            keepers: BTreeMap::new(),
            aside: vec![BTreeMap::new(); peers.len()],
            wakes: vec![None; peers.len()],
            events: BTreeMap::new(),
            next_event: 0,
            peers,
        }
    }

    pub(crate) fn name(&self) -> String {
        format!("seed {} at {:?}", self.seed, self.now)
    }

    pub(crate) fn at(&mut self, time: Duration, event: Event) {
        self.next_event += 1;
        self.events.insert((time, self.next_event), event);
    }

    pub(crate) fn disk_done(&mut self, node: u32, later: u64, done: Done) {
        let life = self.peers[node as usize].life;
        self.at(self.now + ms(later), Event::Disk { node, life, done });
    }

    pub(crate) fn mind(&mut self, node: u32) -> &mut Mind {
        &mut self.peers[node as usize].mind
    }

    /// What the clock of a node says, in seconds since 1970.
    pub(crate) fn unix(&self, node: u32) -> u64 {
        BEGIN + self.now.as_secs() + self.peers[node as usize].ahead
    }

    /// Whether all honest nodes have what they want.
    pub(crate) fn is_content(&self) -> bool {
        let mut honest = self.peers.iter().filter(|peer| peer.is_honest());
        honest.all(|peer| peer.is_up && peer.has_all_it_wants())
    }

    /// Tells who does not have what, and what happened.
    pub(crate) fn report(&self) -> String {
        let honest = self.peers.iter().filter(|peer| peer.is_honest());
        let lacks = honest.map(|peer| {
            let paths: Vec<_> = peer.idle_wants().collect();
            let outputs: Vec<_> = peer.outputs.difference(&peer.realised).collect();
            let jobs: Vec<_> = peer.mind.jobs.values().map(|job| &job.root).collect();
            let name = peer.name;
            format!("{name} lacks {paths:?} and {outputs:?}, fetches {jobs:?}\n")
        });
        let lacks: String = lacks.collect();
        format!("{}: {lacks}{:?}", self.name(), self.counts)
    }

    /// Runs until the faults are over and all have what they want, or the time is over.
    pub(crate) fn run(&mut self, limit: Duration) {
        while self.now <= self.heals_at || !self.is_content() {
            let event = self.events.first_key_value().map(|((at, _), _)| *at);
            let wake = self.wakes.iter().flatten().min().copied();
            let Some(next) = [event, wake].into_iter().flatten().min() else {
                break;
            };
            assert!(next >= self.now, "{}: time goes back", self.name());
            if next > limit {
                break;
            }
            self.now = next;
            if event == Some(next) {
                let (_, event) = self.events.pop_first().unwrap();
                self.happen(event);
            }
            let due = self.wakes.iter().zip(0..);
            let due = due.filter(|(wake, _)| wake.is_some_and(|at| at <= next));
            for node in due.map(|(_, node)| node).collect::<Vec<u32>>() {
                self.drive(node);
            }
        }
    }

    fn happen(&mut self, event: Event) {
        self.note(&event);
        let node = match event {
            Event::Arrive {
                from,
                to,
                life,
                number,
                message,
            } => {
                self.arrive(from, to, life, number, message);
                to
            }
            Event::Failed { node, life, .. }
            | Event::Bytes { node, life, .. }
            | Event::Disk { node, life, .. }
            | Event::QueryOver { node, life, .. }
            | Event::AskOver { node, life, .. }
            | Event::ReadEnds { node, life, .. }
                if !self.lives(node, life) =>
            {
                return;
            }
            Event::Failed {
                node,
                request,
                peer,
                ..
            } => {
                self.on_failed(peer, node, request);
                node
            }
            Event::Bytes {
                node,
                request,
                peer,
                ..
            } => {
                self.on_bytes(peer, node, request);
                node
            }
            Event::Disk { node, done, .. } => {
                self.on_disk(node, done);
                node
            }
            Event::QueryOver { node, id, .. } => {
                self.end_query(node, id);
                node
            }
            Event::AskOver { node, ask, .. } => {
                self.end_ask(node, ask);
                node
            }
            Event::ReadEnds { node, read, .. } => {
                self.read_ends(node, read);
                node
            }
            Event::Down { node, loses_disk } => {
                self.go_down(node, loses_disk);
                node
            }
            Event::Up(node) => {
                self.come_up(node);
                node
            }
            Event::Republish(node) => return self.republish(node),
            Event::Mislead(node) => return self.mislead(node),
            Event::Betray(node) => return self.betray(node),
            Event::Heal => return self.heal(),
        };
        self.drive(node);
    }

    fn on_disk(&mut self, node: u32, done: Done) {
        match done {
            Done::Checked(job, path) => self.on_checked(node, job, &path),
            Done::Opened(root) => self.on_opened(node, &root),
            Done::Committed(root, held) => self.on_committed(node, &root, held),
            Done::Finished(root) => self.on_finished(node, &root),
            Done::GivenUp(root) => self.on_given_up(node, &root),
            Done::Added(job, path) => self.on_added(node, job, &path),
        }
    }

    fn lives(&self, node: u32, life: u32) -> bool {
        let peer = &self.peers[node as usize];
        peer.is_up && peer.life == life
    }

    /// Does what the machines of a node say, until they have nothing more to say.
    pub(crate) fn drive(&mut self, node: u32) {
        let mut rounds = 0;
        while self.peers[node as usize].is_up {
            let mut has_gone_on = self.drive_lookups(node);
            has_gone_on |= self.drive_downloads(node);
            has_gone_on |= self.drive_closures(node);
            has_gone_on |= self.drive_outputs(node);
            self.check_bounds(node);
            if !has_gone_on {
                break;
            }
            rounds += 1;
            assert!(rounds < 1000, "{}: {node} has no rest", self.name());
        }
        let wake = self.peers[node as usize].wake_at();
        let is_later = wake.is_none_or(|at| at > self.now);
        assert!(is_later, "{}: {node} wakes at once", self.name());
        self.wakes[node as usize] = wake;
    }

    fn go_down(&mut self, node: u32, loses_disk: bool) {
        let peer = &mut self.peers[node as usize];
        if !peer.is_up {
            return;
        }
        peer.is_up = false;
        self.aside[node as usize].clear();
        if loses_disk {
            peer.disk = crate::disk::Disk::default();
            self.counts.add("lost disks");
        } else {
            peer.disk.crash(&mut self.dice);
        }
        self.counts.add("restarts");
        // Some see that the connection is gone.
        let now = self.now;
        for other in 0..self.peers.len() as u32 {
            if other != node && self.dice.percent(50) {
                for active in self.mind(other).downloads.values_mut() {
                    active.peer_gone(node, now);
                }
                self.drive(other);
            }
        }
    }

    fn come_up(&mut self, node: u32) {
        let (corpus, now) = (self.corpus, self.now);
        let peer = &mut self.peers[node as usize];
        if !peer.is_up {
            peer.start(corpus, now);
            self.announce_all(node);
        }
    }

    /// Ends all faults: the network is whole, no line is very slow, all nodes are up, lost objects
    /// come back. What outputs were found is forgotten, so that it is to be found once more.
    fn heal(&mut self) {
        self.faults = Faults::default();
        for node in 0..self.peers.len() as u32 {
            let peer = &mut self.peers[node as usize];
            peer.restore(self.corpus);
            peer.rate = peer.rate.max(HEALED_RATE);
            peer.realised.clear();
            self.come_up(node);
            self.announce_all(node);
            self.betray(node);
            self.drive(node);
        }
    }

    fn note(&mut self, event: &Event) {
        let text = match event {
            Event::Arrive {
                from, to, message, ..
            } => {
                let kind = std::mem::discriminant(message);
                format!("{:?} {from} {to} {kind:?}", self.now)
            }
            other => format!("{:?} {other:?}", self.now),
        };
        for byte in text.bytes() {
            self.trace = (self.trace ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}
