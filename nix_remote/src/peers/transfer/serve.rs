//! What a peer answers, and how much of its disk and line others may have.

use std::{collections::BTreeMap, time::Duration};

use super::{
    blob::Blob,
    groups::{GroupRange, GroupSet},
    message::{RESPONSE_BYTES_MAX, RETRY_AFTER_MS_MAX, Request, Response},
};

/// The most peers whose budgets are kept at a time.
pub const SERVED_PEERS_MAX: usize = 1024;

/// What a request costs a peer's budget beside the bytes of the response.
const REQUEST_COST: u64 = 1024;

/// How long peers are to wait where others have all there is.
const OTHERS_FIRST: Duration = Duration::from_millis(50);

/// How much peers may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How many bytes a peer may have in a second, in the long run. Not 0.
    pub bytes_per_second: u64,
    /// How many bytes all peers may have in a second together; 0 for as many as they can.
    pub total_bytes_per_second: u64,
    /// How many bytes it may have at once after it had none for a while; never less than two
    /// responses have.
    pub burst_bytes: u64,
    /// How many responses may be read from disk, or wait to be sent, at a time: each takes 1 MiB of
    /// memory at most.
    pub reads_max: usize,
    /// How many of them for one peer.
    pub reads_per_peer_max: usize,
}

impl Default for Limits {
    /// 64 MiB a second for each peer, no limit for all, 16 MiB at once, 128 reads, 16 of them for one
    /// peer.
    fn default() -> Self {
        Self {
            bytes_per_second: 64 << 20,
            total_bytes_per_second: 0,
            burst_bytes: 16 << 20,
            reads_max: 128,
            reads_per_peer_max: 16,
        }
    }
}

/// What is to be done with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Send the response.
    Now(Response),
    /// Read the groups, send their proof, and say when that is [done](Server::done).
    Read(Read),
}

/// Groups that are to be read and sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Read {
    /// Its name.
    pub id: ReadId,
    /// The blob.
    pub blob: Blob,
    /// The groups, all of which were shared.
    pub range: GroupRange,
}

/// The name of a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReadId(u64);

/// Decides what peers get.
///
/// Nothing waits in it: whoever asks for more than there is is told to come again. A request costs a
/// look into the blobs that are shared and into the budgets; the disk is read only for what is
/// shared, and paid for before.
///
/// Memory: a bit for each group that is shared, and some bytes for each blob and for at most
/// [`SERVED_PEERS_MAX`] peers.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use nix_remote::peers::transfer::{
///     Answer, Blob, GroupRange, GroupSet, Limits, Request, Response, Server,
/// };
///
/// let blob = Blob::new([7; 32], 100_000)?;
/// let mut held = GroupSet::new(blob.groups());
/// held.insert(1);
/// let mut server = Server::new(Limits::default());
/// server.share(blob, held);
///
/// let range = GroupRange::new(1, 1).ok_or("no range")?;
/// let get = Request::Get { root: [7; 32], range };
/// let Answer::Read(read) = server.on_request(&"peer", &get, Duration::ZERO) else {
///     return Err("refused".into());
/// };
/// assert_eq!((read.blob, read.range), (blob, range));
/// server.done(read.id);
///
/// let other = Request::Have { root: [8; 32] };
/// let answer = server.on_request(&"peer", &other, Duration::ZERO);
/// assert_eq!(answer, Answer::Now(Response::Unknown));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Server<P> {
    limits: Limits,
    shared: BTreeMap<[u8; 32], (Blob, GroupSet)>,
    /// When each peer will have had no more than its share, if that is yet to come.
    even_at: BTreeMap<P, Duration>,
    /// The same of all peers together.
    all_even_at: Duration,
    reads: BTreeMap<ReadId, P>,
    next_id: u64,
}

impl<P: Clone + Ord> Server<P> {
    /// Makes one that shares nothing yet.
    #[must_use]
    pub const fn new(limits: Limits) -> Self {
        Self {
            limits,
            shared: BTreeMap::new(),
            even_at: BTreeMap::new(),
            all_even_at: Duration::ZERO,
            reads: BTreeMap::new(),
            next_id: 0,
        }
    }

    /// Shares groups of a blob, and of that blob no others. A set of another number of groups than
    /// the blob has is not shared; returns whether it is.
    pub fn share(&mut self, blob: Blob, held: GroupSet) -> bool {
        let fits = held.groups() == blob.groups();
        if fits {
            self.shared.insert(*blob.root(), (blob, held));
        }
        fits
    }

    /// Shares nothing of a blob any more.
    pub fn unshare(&mut self, root: &[u8; 32]) {
        self.shared.remove(root);
    }

    /// Decides what a peer gets. Times never go back.
    pub fn on_request(&mut self, peer: &P, request: &Request, now: Duration) -> Answer {
        let read = match (request, self.shared.get(request.root())) {
            (_, None) => Err(Response::Unknown),
            (Request::Have { .. }, Some((blob, held))) => Err(Response::held(blob, held)),
            (Request::Get { range, .. }, Some((blob, held))) if held.contains_all(*range) => {
                Ok((*blob, *range))
            }
            (Request::Get { .. }, Some(_)) => Err(Response::Unknown),
        };
        let cost = match &read {
            Ok((blob, range)) => blob.bytes_of(*range),
            Err(Response::Partial { held, .. }) => u64::from(held.groups() / 8),
            Err(_) => 0,
        };
        if read.is_ok() && self.is_crowded(peer) {
            return Answer::Now(busy(OTHERS_FIRST));
        }
        let sent = if read.is_ok() { cost } else { 0 };
        if let Err(wait) = self.pay(peer, REQUEST_COST + cost, sent, now) {
            return Answer::Now(busy(wait));
        }
        match read {
            Ok((blob, range)) => Answer::Read(self.begin(peer, blob, range)),
            Err(response) => Answer::Now(response),
        }
    }

    /// Takes note that a read has ended: its response was sent, or will not be.
    pub fn done(&mut self, id: ReadId) {
        self.reads.remove(&id);
    }

    /// Returns how many reads have begun and not ended.
    #[must_use]
    pub fn reads(&self) -> usize {
        self.reads.len()
    }

    /// Returns how many peers have a budget that is kept.
    #[must_use]
    pub fn budgets(&self) -> usize {
        self.even_at.len()
    }

    fn begin(&mut self, peer: &P, blob: Blob, range: GroupRange) -> Read {
        self.next_id += 1;
        let id = ReadId(self.next_id);
        self.reads.insert(id, peer.clone());
        Read { id, blob, range }
    }

    fn is_crowded(&self, peer: &P) -> bool {
        let of_peer = self.reads.values().filter(|reader| *reader == peer);
        let is_own = of_peer.count() >= self.limits.reads_per_peer_max;
        is_own || self.reads.len() >= self.limits.reads_max
    }

    /// Takes bytes off a peer's budget, and those that are sent off that of all, or says after how
    /// long they are there. Who asks for what is not there takes nothing from others.
    fn pay(&mut self, peer: &P, bytes: u64, sent: u64, now: Duration) -> Result<(), Duration> {
        if !self.even_at.contains_key(peer) {
            self.make_room(now)?;
        }
        let before = self.even_at.get(peer).copied().unwrap_or(now);
        let own = self.paid(before, bytes, self.limits.bytes_per_second.max(1), now)?;
        let all = match self.limits.total_bytes_per_second {
            rate if rate > 0 && sent > 0 => self.paid(self.all_even_at, sent, rate, now)?,
            _ => self.all_even_at,
        };
        self.even_at.insert(peer.clone(), own);
        self.all_even_at = all;
        Ok(())
    }

    /// Returns when a budget will be even that pays for bytes now, or after how long it can.
    fn paid(
        &self,
        even_at: Duration,
        bytes: u64,
        rate: u64,
        now: Duration,
    ) -> Result<Duration, Duration> {
        let after = even_at.max(now) + time_of(bytes, rate);
        // Who asks a little after enough is there finds the rest when it asks again.
        let least = 2 * u64::try_from(RESPONSE_BYTES_MAX).expect("1 MiB");
        let latest = now + time_of(self.limits.burst_bytes.max(least), rate);
        if after > latest {
            return Err(after - latest);
        }
        Ok(after)
    }

    /// Forgets the budgets that are full, where there are too many to take in one more.
    fn make_room(&mut self, now: Duration) -> Result<(), Duration> {
        if self.even_at.len() >= SERVED_PEERS_MAX {
            self.even_at.retain(|_, even_at| *even_at > now);
        }
        if self.even_at.len() >= SERVED_PEERS_MAX {
            return Err(OTHERS_FIRST);
        }
        Ok(())
    }
}

/// Returns in how much time so many bytes may be had.
fn time_of(bytes: u64, rate: u64) -> Duration {
    let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(rate);
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

fn busy(wait: Duration) -> Response {
    let millis = wait.as_nanos().div_ceil(1_000_000);
    let millis = u32::try_from(millis).unwrap_or(u32::MAX);
    let retry_after_ms = millis.min(RETRY_AFTER_MS_MAX);
    Response::Busy { retry_after_ms }
}
