//! A node: its disk, which outlives it, and its machines, which do not.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use nix_core::{path_info::PathInfo, store_path::StorePath};
use nix_remote::peers::{
    announcement::Announcement,
    lookup::{Closure, ClosureLimits, LookupLimits, Lookups, Question, QuestionId},
    transfer::{Blob, Download, GroupSet, Limits, RequestId, Server},
};

use crate::{
    corpus::{Corpus, Root, TRUSTED, dir},
    disk::Disk,
};

pub(crate) const LOOKUPS: LookupLimits = LookupLimits {
    deadline: Duration::from_secs(5),
    grace: Duration::from_millis(500),
    questions_max: 12,
    searches_max: 4,
};

pub(crate) const CLOSURES: ClosureLimits = ClosureLimits {
    paths_max: 100,
    resolves_max: 4,
    fetches_max: 3,
};

const SERVING: Limits = Limits {
    bytes_per_second: 4 << 20,
    total_bytes_per_second: 0,
    burst_bytes: 2 << 20,
    reads_max: 6,
    reads_per_peer_max: 4,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Honest,
    /// Lies about records and providers, and about archives where the second is so.
    Liar(Manner),
    /// Is trusted, and says two things of one path.
    Equivocator {
        is_consistent: bool,
    },
}

/// How a liar serves what it says it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Truly, also what nobody vouches for.
    Truly,
    /// Tells lies of all kinds now and then.
    Falsely,
    Silently,
}

#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) name: u32,
    pub(crate) role: Role,
    pub(crate) is_up: bool,
    /// Counts the restarts.
    pub(crate) life: u32,
    /// How far its clock is ahead, in seconds.
    pub(crate) ahead: u64,
    pub(crate) latency: Duration,
    /// How many bytes it can send in a second.
    pub(crate) rate: u64,
    pub(crate) free_at: Duration,
    /// Whose key it announces with.
    pub(crate) key: u8,
    /// What it had from the beginning, and has a copy of elsewhere.
    pub(crate) backup: BTreeSet<StorePath>,
    pub(crate) wants: BTreeSet<StorePath>,
    pub(crate) disk: Disk,
    pub(crate) mind: Mind,
}

/// What a restart costs.
#[derive(Debug)]
pub(crate) struct Mind {
    pub(crate) lookups: Lookups<u32>,
    pub(crate) queries: BTreeMap<QuestionId, Query>,
    /// Since when each path is looked up.
    pub(crate) since: BTreeMap<StorePath, Duration>,
    /// What was believed of each path that is looked up.
    pub(crate) believed: BTreeMap<[u8; 20], Vec<Announcement>>,
    pub(crate) server: Server<u32>,
    pub(crate) job: Option<Job>,
    pub(crate) jobs: u64,
    pub(crate) retry_at: Duration,
    pub(crate) downloads: BTreeMap<Root, Active>,
    /// The requests whose responses are waited for, by their numbers among all there are.
    pub(crate) requests: BTreeMap<u64, (Root, RequestId)>,
    pub(crate) banned: BTreeSet<u32>,
}

/// A question to the DHT.
#[derive(Debug)]
pub(crate) struct Query {
    pub(crate) question: Question,
    pub(crate) waits_for: BTreeSet<u32>,
    pub(crate) answers: usize,
    pub(crate) judged: usize,
}

/// A closure that is fetched.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) number: u64,
    pub(crate) closure: Closure,
    pub(crate) found: BTreeMap<StorePath, Wanted>,
}

/// An object that is missing.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) info: PathInfo,
    pub(crate) root: Root,
    pub(crate) providers: Vec<u32>,
}

/// A download and what waits for it.
#[derive(Debug)]
pub(crate) struct Active {
    pub(crate) blob: Blob,
    pub(crate) nar_hash: nix_core::hash::Sha256,
    pub(crate) providers: Vec<u32>,
    pub(crate) download: Option<Download<u32>>,
    pub(crate) waiters: Vec<(u64, StorePath)>,
    /// The bytes that each request may bring.
    pub(crate) in_flight: BTreeMap<RequestId, (u32, u64)>,
    pub(crate) written: u64,
}

impl Mind {
    pub(crate) fn new(now: Duration) -> Self {
        Self {
            lookups: Lookups::new(dir(), TRUSTED.clone(), LOOKUPS),
            queries: BTreeMap::new(),
            since: BTreeMap::new(),
            believed: BTreeMap::new(),
            server: Server::new(SERVING),
            job: None,
            jobs: 0,
            retry_at: now,
            downloads: BTreeMap::new(),
            requests: BTreeMap::new(),
            banned: BTreeSet::new(),
        }
    }
}

impl Active {
    /// Takes note that there is no connection to a peer any more.
    pub(crate) fn peer_gone(&mut self, peer: u32, now: Duration) {
        if let Some(download) = &mut self.download {
            download.peer_gone(&peer, now);
        }
        self.in_flight.retain(|_, (to, _)| *to != peer);
    }
}

impl Peer {
    pub(crate) fn is_honest(&self) -> bool {
        self.role == Role::Honest
    }

    pub(crate) fn is_liar(&self) -> bool {
        matches!(self.role, Role::Liar(_))
    }

    pub(crate) fn has_all_it_wants(&self) -> bool {
        let mut wants = self.wants.iter();
        wants.all(|path| self.disk.store.contains_key(path))
    }

    /// Shares all of an archive.
    pub(crate) fn share(&mut self, blob: Blob) {
        let mut held = GroupSet::new(blob.groups());
        (0..blob.groups()).for_each(|group| assert!(held.insert(group)));
        assert!(self.mind.server.share(blob, held));
    }

    /// Takes from the copy what it has from the beginning.
    pub(crate) fn restore(&mut self, corpus: &Corpus) {
        for path in &self.backup {
            let thing = corpus.of(path);
            let object = (thing.info.clone(), thing.root);
            self.disk.store.entry(path.clone()).or_insert(object);
        }
    }

    /// Begins with what is on the disk.
    pub(crate) fn start(&mut self, corpus: &Corpus, now: Duration) {
        self.is_up = true;
        self.life += 1;
        self.mind = Mind::new(now);
        let whole: Vec<_> = self.disk.whole.iter().copied().collect();
        for root in whole {
            self.share(corpus.contents[&root].blob);
        }
    }

    /// Returns when to look after it though nothing happened.
    pub(crate) fn wake_at(&self) -> Option<Duration> {
        if !self.is_up {
            return None;
        }
        let mind = &self.mind;
        let downloads = mind.downloads.values();
        let downloads = downloads.filter_map(|active| active.download.as_ref()?.wake_at());
        let is_idle = mind.job.is_none() && self.is_honest() && !self.has_all_it_wants();
        let retry = is_idle.then_some(mind.retry_at);
        downloads.chain(mind.lookups.wake_at()).chain(retry).min()
    }
}
