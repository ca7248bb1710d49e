//! A node: its disk, which outlives it, and its machines, which do not.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use nix_core::store_path::StorePath;
use nix_remote::peers::{
    announcement::Announcement,
    lookup::{
        Archive, Closure, ClosureLimits, LookupLimits, Lookups, Question, QuestionId, Subject,
    },
    transfer::{GroupSet, Limits, RequestId, Server},
};

use crate::{
    corpus::{Corpus, Root, TRUSTED, dir},
    disk::Disk,
    downloading::{Active, Queued},
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

/// How many closures a node fetches at a time, and how many archives it downloads.
pub(crate) const JOBS_MAX: usize = 2;
pub(crate) const DOWNLOADS_MAX: usize = 3;

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
    /// Is trusted, and says of some paths what is not so; to every second one who keeps its word
    /// the truth, where it has two faces.
    Traitor {
        word: Word,
        has_two_faces: bool,
    },
}

/// What a traitor says of the archive of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    /// That it is another one.
    Archive,
    /// The root of another one.
    Root,
    /// The hash of another one.
    Hash,
    /// That it is longer.
    Size,
}

/// How a liar serves what it says it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Truly, also what nobody vouches for.
    Truly,
    /// Tells lies of all kinds now and then.
    Falsely,
    /// Not at all.
    Silently,
    /// It says what it has, and gives nothing of it.
    Mutely,
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
    /// The outputs whose paths it wants to know, and those that it does.
    pub(crate) outputs: BTreeSet<String>,
    pub(crate) realised: BTreeSet<String>,
    pub(crate) disk: Disk,
    pub(crate) mind: Mind,
}

/// What a restart costs.
#[derive(Debug)]
pub(crate) struct Mind {
    pub(crate) lookups: Lookups<u32>,
    pub(crate) queries: BTreeMap<QuestionId, Query>,
    /// What is looked up, since when, and the closures that wait for it.
    pub(crate) waiting: BTreeMap<Subject, (VecDeque<Duration>, Vec<u64>)>,
    /// What was believed of all that is looked up, by [`place`](crate::finding::place).
    pub(crate) believed: BTreeMap<Vec<u8>, Vec<Announcement>>,
    pub(crate) outputs_at: Duration,
    pub(crate) server: Server<u32>,
    /// Where the bytes are of archives in files.
    pub(crate) files: BTreeMap<Root, Source>,
    pub(crate) jobs: BTreeMap<u64, Job>,
    pub(crate) next_job: u64,
    /// Since when each path may be fetched again.
    pub(crate) retry_at: BTreeMap<StorePath, Duration>,
    pub(crate) downloads: BTreeMap<Root, Active>,
    /// Downloads for which there is no room yet.
    pub(crate) queued: VecDeque<Queued>,
    /// The questions who has an archive that is downloaded, and who has not answered yet.
    pub(crate) asking: BTreeMap<u64, (Root, BTreeSet<u32>)>,
    pub(crate) next_ask: u64,
    /// The requests whose responses are waited for, by their numbers among all there are.
    pub(crate) requests: BTreeMap<u64, (Root, RequestId)>,
    pub(crate) banned: BTreeSet<u32>,
}

/// Where the bytes of an archive are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// In a file of which some groups are there.
    Part,
    /// In a file that is whole.
    File,
    /// In the store.
    Object(StorePath),
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
    pub(crate) root: StorePath,
    pub(crate) closure: Closure,
    /// What is missing: the archives that it may have, to be tried in turn. Never none.
    pub(crate) wanted: BTreeMap<StorePath, VecDeque<Archive<u32>>>,
    /// What was added, by the roots of its archive.
    pub(crate) added: BTreeMap<Root, StorePath>,
}

impl Mind {
    pub(crate) fn new(now: Duration) -> Self {
        Self {
            lookups: Lookups::new(dir(), TRUSTED.clone(), LOOKUPS),
            queries: BTreeMap::new(),
            waiting: BTreeMap::new(),
            believed: BTreeMap::new(),
            outputs_at: now,
            server: Server::new(SERVING),
            files: BTreeMap::new(),
            jobs: BTreeMap::new(),
            next_job: 0,
            retry_at: BTreeMap::new(),
            downloads: BTreeMap::new(),
            queued: VecDeque::new(),
            asking: BTreeMap::new(),
            next_ask: 0,
            requests: BTreeMap::new(),
            banned: BTreeSet::new(),
        }
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
        wants.all(|path| self.disk.store.contains_key(path)) && self.realised == self.outputs
    }

    /// Shares an object of the store.
    pub(crate) fn share(&mut self, corpus: &Corpus, path: &StorePath, root: &Root) {
        let blob = corpus.contents[root].blob;
        self.disk.shared.insert(path.clone(), *root);
        let is_shared = self.mind.server.share(blob, GroupSet::full(blob.groups()));
        assert!(is_shared);
    }

    /// Returns where the bytes of an archive are.
    pub(crate) fn source(&self, root: &Root) -> Option<Source> {
        let mut shared = self.disk.shared.iter();
        match shared.find(|(_, of)| *of == root) {
            Some((path, _)) => Some(Source::Object(path.clone())),
            None => self.mind.files.get(root).cloned(),
        }
    }

    /// Takes note that an archive is in no file any more.
    pub(crate) fn drop_file(&mut self, root: &Root) {
        self.mind.files.remove(root);
        if self.source(root).is_none() {
            self.mind.server.unshare(root);
            self.disk.provided.remove(root);
        }
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
        for (path, root) in self.disk.shared.clone() {
            self.share(corpus, &path, &root);
        }
        self.share_left(corpus);
    }

    /// Shares what fetches have left.
    fn share_left(&mut self, corpus: &Corpus) {
        let whole = self.disk.whole.iter();
        let whole = whole.map(|root| {
            let blob = corpus.contents[root].blob;
            (Source::File, blob, GroupSet::full(blob.groups()))
        });
        let parts = self.disk.parts.values();
        let parts = parts.map(|part| (Source::Part, part.blob, part.held()));
        let left: Vec<_> = whole.chain(parts).collect();
        for (source, blob, held) in left {
            let is_whole = matches!(
                self.source(blob.root()),
                Some(Source::File | Source::Object(_))
            );
            if !held.is_empty() && !is_whole {
                self.mind.files.insert(*blob.root(), source);
                assert!(self.mind.server.share(blob, held));
                self.disk.provided.insert(*blob.root());
            }
        }
    }

    /// Returns when to look after it though nothing happened.
    pub(crate) fn wake_at(&self) -> Option<Duration> {
        if !self.is_up {
            return None;
        }
        let mind = &self.mind;
        let downloads = mind.downloads.values().filter_map(Active::wake_at);
        let wants_outputs = self.is_honest() && self.realised != self.outputs;
        let outputs = wants_outputs.then_some(mind.outputs_at);
        let retries = self.is_honest().then(|| self.retry_at()).flatten();
        let others = [mind.lookups.wake_at(), outputs, retries];
        downloads.chain(others.into_iter().flatten()).min()
    }

    /// The paths that are wanted and neither there nor fetched.
    pub(crate) fn idle_wants(&self) -> impl Iterator<Item = &StorePath> {
        let is_fetched = |path: &StorePath| self.mind.jobs.values().any(|job| job.root == *path);
        let wants = self.wants.iter();
        wants.filter(move |path| !self.disk.store.contains_key(*path) && !is_fetched(path))
    }

    fn retry_at(&self) -> Option<Duration> {
        if self.mind.jobs.len() >= JOBS_MAX {
            return None;
        }
        let retry_at = &self.mind.retry_at;
        let times = self.idle_wants();
        times
            .map(|path| retry_at.get(path).copied().unwrap_or_default())
            .min()
    }
}
