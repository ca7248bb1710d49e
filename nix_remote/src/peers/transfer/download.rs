//! A download of one blob from many peers at once, as a machine that is told what happens and says
//! what to do.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use super::{
    blob::Blob,
    groups::{GroupRange, GroupSet},
    message::Request,
    peer::Peer,
    proof::ProofError,
    random::Random,
    verified::Verified,
};

/// The most requests for groups that are in flight for a download.
pub const REQUESTS_MAX: usize = 16;

/// For how many groups requests are in flight at most before another is sent, which are 6 MiB.
pub const GROUPS_IN_FLIGHT_MAX: u32 = 96;

/// The most peers that a download has at a time.
pub const PEERS_MAX: usize = 32;

/// How many peers a download remembers not to take again.
pub const BANNED_MAX: usize = 256;

/// After how many bytes what was written is to be made durable.
pub const COMMIT_BYTES: u64 = 32 * 1024 * 1024;

/// How long after the first byte what was written is to be made durable, if it is less than
/// [`COMMIT_BYTES`].
pub const COMMIT_AFTER: Duration = Duration::from_secs(5);

/// After how long a peer that was asked and gave nothing is silent: no byte, and no word that it has
/// no time.
pub const SILENT_AFTER: Duration = Duration::from_secs(10);

/// For how long after the last byte that was verified newcomers have a download that is stalled go
/// on: whoever names new peers without end does not keep it from being given up.
pub const NEWCOMERS_HELP_FOR: Duration = Duration::from_secs(120);

/// The name of a request within its download.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(u64);

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output<P> {
    /// Send a request, and tell the download what comes of it.
    Send {
        /// To whom.
        peer: P,
        /// Its name.
        id: RequestId,
        /// The request.
        request: Request,
    },
    /// Forget a request; whatever still comes of it is of no use.
    Cancel {
        /// To whom it was sent.
        peer: P,
        /// Its name.
        id: RequestId,
    },
    /// Write groups to the blob, and the hashes that proved them to the outboard.
    Write(Verified),
    /// Make durable what was written, and then remember that these groups are.
    Commit {
        /// All groups that were written.
        held: GroupSet,
    },
    /// Have nothing more to do with a peer.
    Ban {
        /// The peer.
        peer: P,
        /// What it did.
        why: Lie,
    },
    /// Look for others: a peer gave nothing for [`SILENT_AFTER`]. What it was asked for is asked of
    /// others.
    Silent {
        /// The peer.
        peer: P,
    },
    /// All is written and committed; nothing more follows.
    Finished,
    /// Nothing goes on, and nothing will by itself, or not soon. Said once, until something does.
    Stalled(Stall),
}

/// What only a peer does that lies or is broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Lie {
    /// It sent groups that are not those of the blob.
    #[error("the groups are not proven")]
    Proof(#[source] ProofError),
    /// It sent what is no response.
    #[error("the response has no known form")]
    Malformed,
    /// It answered something that it was not asked.
    #[error("the response is to another kind of request")]
    OtherKind,
    /// It speaks of a blob of another size than the one that is proven.
    #[error("the blob is said to have {said} bytes and has {proven}")]
    Size {
        /// What it said.
        said: u64,
        /// What is true.
        proven: u64,
    },
}

/// Why nothing goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Stall {
    /// There is no peer.
    #[error("there is no peer")]
    NoPeer,
    /// Nobody has what is missing.
    #[error("no peer has what is missing")]
    NothingHeld,
    /// Whoever has the blob says that it has another size than was announced.
    #[error("peers say that the blob has {said} bytes, where {announced} were announced")]
    OtherSize {
        /// What one of them said.
        said: u64,
        /// What was announced.
        announced: u64,
    },
    /// The peers that should have it give nothing, whatever they are asked.
    #[error("the peers that should have it do not answer")]
    Silent,
    /// Peers that should have it have sent nothing for a minute.
    #[error("no peer has sent anything for a minute")]
    NoProgress,
}

/// Why there is no response to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// It got lost, was refused, or took too long.
    Lost,
    /// What came is no response.
    Malformed,
}

/// What a download has cost and gained so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Bytes of the blob that were verified and written.
    pub verified_bytes: u64,
    /// Bytes of responses that were not those of the blob, or that were there already.
    pub wasted_bytes: u64,
    /// Bytes of responses that nobody waited for any more.
    pub late_bytes: u64,
    /// Groups that were asked for again because one peer was slower than another.
    pub doubled_groups: u64,
}

/// Fetches a blob from peers.
///
/// The caller owns sockets, files and the clock: it tells the download of peers and responses and
/// does what [`poll`](Self::poll) says, in that order, until there is nothing to do before
/// [`wake_at`](Self::wake_at). `P` is what it calls its peers. The same inputs and the same seed
/// lead to the same outputs. Who cannot write gives the download up, and resumes what was committed.
///
/// Before anything else the last group is fetched, which proves the size of the blob. Then each peer
/// is sent requests in order, more at a time while that makes it faster, [`REQUESTS_MAX`] in all.
/// In the end the fastest peers ask again for what the slowest ones are still to send. Whoever sends
/// what is not proven is banned, at the cost of [`LIE_BYTES_MAX`](super::LIE_BYTES_MAX) where it is
/// [read as it comes](super::Receiving); whoever gives nothing for [`SILENT_AFTER`] is asked again what
/// it has, and then for one group at a time after all others, and is no reason to wait, until it gives
/// something.
///
/// Memory: the bytes of less than [`GROUPS_IN_FLIGHT_MAX`] groups and one request more, which are 7
/// MiB, either in flight or to be written; twice a bit for each group, and once for each peer that has
/// only a part.
#[derive(Debug)]
pub struct Download<P> {
    pub(super) blob: Blob,
    pub(super) size_is_proven: bool,
    pub(super) held: GroupSet,
    /// Invariant: the groups that are held, and those that some request is for.
    pub(super) taken: GroupSet,
    /// Invariant: every group before it is taken.
    pub(super) cursor: u32,
    /// How often groups were taken back, so that others can be asked for them.
    pub(super) releases: u64,
    pub(super) peers: BTreeMap<P, Peer>,
    pub(super) banned: VecDeque<P>,
    pub(super) requests: BTreeMap<RequestId, Sent<P>>,
    next_id: u64,
    pub(super) outputs: VecDeque<Output<P>>,
    pub(super) random: Random,
    pub(super) now: Duration,
    pub(super) progress_at: Duration,
    /// When it began, or the last byte was verified.
    pub(super) verified_at: Duration,
    pub(super) is_stalled: bool,
    pub(super) is_finished: bool,
    /// Since when something is written that is not committed, and how many bytes.
    pub(super) uncommitted: Option<(Duration, u64)>,
    pub(super) counts: Counts,
}

/// A request in flight.
#[derive(Debug, Clone)]
pub(super) struct Sent<P> {
    pub(super) peer: P,
    /// What it is for; `None` where it asks what the peer has.
    pub(super) range: Option<GroupRange>,
    pub(super) at: Duration,
    pub(super) expected: Duration,
    pub(super) deadline: Duration,
}

impl<P: Clone + Ord> Download<P> {
    /// Begins a download of which nothing is there yet. The seed is for the times of waiting.
    #[must_use]
    pub fn new(blob: Blob, seed: u64, now: Duration) -> Self {
        let held = GroupSet::new(blob.groups());
        Self::begin(blob, held, seed, now)
    }

    /// Goes on with a download of which these groups were written and committed; `None` where the
    /// set is of another number of groups than the blob has.
    ///
    /// They are not verified again.
    #[must_use]
    pub fn resume(blob: Blob, held: GroupSet, seed: u64, now: Duration) -> Option<Self> {
        let fits = held.groups() == blob.groups();
        fits.then(|| Self::begin(blob, held, seed, now))
    }

    fn begin(blob: Blob, held: GroupSet, seed: u64, now: Duration) -> Self {
        let mut download = Self {
            size_is_proven: held.contains(blob.groups() - 1),
            taken: held.clone(),
            held,
            blob,
            cursor: 0,
            releases: 0,
            peers: BTreeMap::new(),
            banned: VecDeque::new(),
            requests: BTreeMap::new(),
            next_id: 0,
            outputs: VecDeque::new(),
            random: Random::new(seed),
            now,
            progress_at: now,
            verified_at: now,
            is_stalled: false,
            is_finished: false,
            uncommitted: None,
            counts: Counts::default(),
        };
        download.finish_if_full();
        download
    }

    /// Returns the blob.
    #[must_use]
    pub const fn blob(&self) -> &Blob {
        &self.blob
    }

    /// Returns the groups that are verified and written, or about to be.
    #[must_use]
    pub const fn held(&self) -> &GroupSet {
        &self.held
    }

    /// Whether the size of the blob is proven, and not only announced.
    #[must_use]
    pub const fn size_is_proven(&self) -> bool {
        self.size_is_proven
    }

    /// Whether all is written.
    #[must_use]
    pub const fn is_finished(&self) -> bool {
        self.is_finished
    }

    /// Tells whether it is stalled: it said so, and since then nothing came and no peer was added
    /// that it could hope for.
    #[must_use]
    pub const fn is_stalled(&self) -> bool {
        self.is_stalled
    }

    /// Returns how many peers it has.
    #[must_use]
    pub fn peers(&self) -> usize {
        self.peers.len()
    }

    /// Returns how many of them were silent, and have given nothing since.
    #[must_use]
    pub fn silent_peers(&self) -> usize {
        let silent = self.peers.values().filter(|peer| peer.is_silent);
        silent.count()
    }

    /// Returns what it has cost and gained so far.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// Returns how many requests for groups are in flight.
    #[must_use]
    pub fn requests_in_flight(&self) -> usize {
        let sent = self.requests.values();
        sent.filter(|sent| sent.range.is_some()).count()
    }

    /// Returns for how many groups requests are in flight.
    #[must_use]
    pub fn groups_in_flight(&self) -> u32 {
        let ranges = self.requests.values().filter_map(|sent| sent.range);
        ranges.map(|range| u32::from(range.count())).sum()
    }

    /// Adds a peer that may have the blob, or part of it. Returns whether it is one of the
    /// download's peers now: not where it was banned, or there are [`PEERS_MAX`] others that are of
    /// use. One that has nothing or does not answer makes room for it, and may be added again.
    ///
    /// A download that is stalled goes on with it, unless no byte was verified for
    /// [`NEWCOMERS_HELP_FOR`]: then it stays stalled until the newcomer sends one.
    pub fn add_peer(&mut self, peer: P, now: Duration) -> bool {
        self.pass(now);
        if self.peers.contains_key(&peer) {
            return true;
        }
        if self.banned.contains(&peer) || !self.make_room() {
            return false;
        }
        self.peers.insert(peer, Peer::new(self.now));
        if self.is_stalled && self.now < self.verified_at + NEWCOMERS_HELP_FOR {
            self.is_stalled = false;
            self.progress_at = self.now;
        }
        true
    }

    fn make_room(&mut self) -> bool {
        if self.peers.len() < PEERS_MAX {
            return true;
        }
        let mut peers = self.peers.iter();
        let found = peers.find(|(_, peer)| peer.is_replaceable());
        let found = found.map(|(name, _)| name.clone());
        if let Some(peer) = &found {
            self.peer_gone(peer, self.now);
        }
        found.is_some()
    }

    /// Takes note that a peer cannot be reached any more; what it was asked for is asked of others.
    pub fn peer_gone(&mut self, peer: &P, now: Duration) {
        self.pass(now);
        self.peers.remove(peer);
        for id in self.requests_of(peer) {
            self.take_back(id);
        }
    }

    /// Gives the download up; returns what is still to be written, and the commit of all that was
    /// verified, so that no more is fetched again after a [`resume`](Self::resume) than was in
    /// flight.
    #[must_use]
    pub fn give_up(mut self) -> Vec<Output<P>> {
        self.commit();
        let is_for_disk = |output: &Output<P>| match output {
            Output::Write(_) | Output::Commit { .. } | Output::Finished => true,
            Output::Send { .. } | Output::Cancel { .. } => false,
            Output::Ban { .. } | Output::Silent { .. } | Output::Stalled(_) => false,
        };
        self.outputs.retain(is_for_disk);
        self.outputs.into()
    }

    pub(super) fn commit(&mut self) {
        if self.uncommitted.take().is_some() {
            let held = self.held.clone();
            self.outputs.push_back(Output::Commit { held });
        }
    }

    /// Takes note of the time, which does not go back.
    pub(super) fn pass(&mut self, now: Duration) {
        self.now = self.now.max(now);
    }

    pub(super) fn next_id(&mut self) -> RequestId {
        self.next_id += 1;
        RequestId(self.next_id)
    }
}
