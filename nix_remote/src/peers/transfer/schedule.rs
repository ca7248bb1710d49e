//! Who is asked for what, and when.

use std::time::Duration;

use super::{
    download::{
        COMMIT_AFTER, COMMIT_BYTES, Download, GROUPS_IN_FLIGHT_MAX, Output, REQUESTS_MAX,
        RequestId, Sent, Stall,
    },
    groups::GroupRange,
    message::Request,
    peer::{Holding, Peer},
};

/// After how long without a verified byte a download is said to stand still.
const STALLED_AFTER: Duration = Duration::from_secs(60);

/// How often requests are looked at that take longer than expected.
const OVERDUE_EVERY: Duration = Duration::from_millis(250);

/// How many times as fast a peer must be as another, to be asked for the same.
const LEAD: u32 = 2;

impl<P: Clone + Ord> Download<P> {
    /// Returns what is to be done next; `None` where there is nothing until something happens or it
    /// is [`wake_at`](Self::wake_at).
    pub fn poll(&mut self, now: Duration) -> Option<Output<P>> {
        self.pass(now);
        if self.outputs.is_empty() && !self.is_finished() {
            self.hush();
            self.expire();
            self.ask();
            self.fetch();
            self.commit_if_due();
            self.stall_if_due();
        }
        self.outputs.pop_front()
    }

    /// Returns when to poll again though nothing happened; `None` where there is no need to.
    #[must_use]
    pub fn wake_at(&self) -> Option<Duration> {
        if !self.outputs.is_empty() {
            return Some(self.now);
        }
        if self.is_finished() {
            return None;
        }
        let now = self.now;
        let gets = self.requests.values().filter(|sent| sent.range.is_some());
        let expected = gets.map(|sent| match sent.expected {
            expected if expected > now => expected,
            _ => now + OVERDUE_EVERY,
        });
        let deadlines = self.requests.values().map(|sent| sent.deadline);
        let silent = self.peers.values().filter_map(Peer::silent_at);
        let asking = self.peers.values().filter_map(|peer| peer.ask_at);
        let resting = self.peers.values().map(|peer| peer.rests_until);
        let commit = self.uncommitted.map(|(since, _)| since + COMMIT_AFTER);
        let stalled = (!self.is_stalled).then_some(self.progress_at + STALLED_AFTER);
        let times = expected.chain(deadlines).chain(asking).chain(resting);
        let times = times.chain(commit).chain(stalled).chain(silent);
        times.filter(|at| *at > now).min()
    }

    /// Returns the requests to a peer.
    pub(super) fn requests_of(&self, peer: &P) -> Vec<RequestId> {
        let sent = self.requests.iter().filter(|(_, sent)| sent.peer == *peer);
        sent.map(|(id, _)| *id).collect()
    }

    /// Takes a request out of those in flight, where it was sent to the peer.
    pub(super) fn take_request(&mut self, peer: &P, id: RequestId) -> Option<Sent<P>> {
        self.requests.get(&id).filter(|sent| sent.peer == *peer)?;
        let sent = self.requests.remove(&id)?;
        if let (Some(range), Some(peer)) = (sent.range, self.peers.get_mut(peer)) {
            peer.requests -= 1;
            peer.groups -= u32::from(range.count());
        }
        Some(sent)
    }

    /// Takes a request out of those in flight, and lets others be asked for its groups.
    pub(super) fn take_back(&mut self, id: RequestId) {
        let sent = self.requests.get(&id).map(|sent| sent.peer.clone());
        let sent = sent.and_then(|peer| self.take_request(&peer, id));
        if let Some(sent) = sent {
            self.release(&sent);
        }
    }

    /// Lets others be asked for the groups of a request that is no longer in flight, except those
    /// that are there or that another request is for.
    pub(super) fn release(&mut self, sent: &Sent<P>) {
        let Some(range) = sent.range else {
            return;
        };
        if self.twin(range).is_some() {
            return;
        }
        for group in range.groups().filter(|group| !self.held.contains(*group)) {
            self.taken.remove(group);
            self.cursor = self.cursor.min(group);
        }
        self.releases += 1;
    }

    /// Lets a peer rest that did not answer the request or, as it says, has no time for `wait`, and
    /// others be asked for its groups.
    pub(super) fn set_back(&mut self, sent: &Sent<P>, wait: Option<Duration>) {
        self.release(sent);
        if let Some(peer) = self.peers.get_mut(&sent.peer) {
            match wait {
                Some(wait) => peer.busy(wait, self.now, &mut self.random),
                None => peer.set_back(self.now, &mut self.random),
            }
            if sent.range.is_none() {
                peer.ask_at = Some(peer.rests_until);
            }
        }
    }

    /// Forgets the slower one of two requests for the same groups.
    pub(super) fn cancel_twin(&mut self, range: GroupRange) {
        let Some(id) = self.twin(range) else {
            return;
        };
        let sent = self.requests.get(&id).cloned();
        let sent = sent.and_then(|sent| self.take_request(&sent.peer, id));
        let sent = sent.expect("it is in flight");
        if let Some(peer) = self.peers.get_mut(&sent.peer) {
            peer.overtaken(range.count().into(), sent.at, self.now);
        }
        let peer = sent.peer;
        self.outputs.push_back(Output::Cancel { peer, id });
    }

    fn twin(&self, range: GroupRange) -> Option<RequestId> {
        let mut sent = self.requests.iter();
        let found = sent.find(|(_, sent)| sent.range == Some(range));
        found.map(|(id, _)| *id)
    }

    /// Takes back what silent peers were asked for, and asks them again what they have.
    fn hush(&mut self) {
        let now = self.now;
        let is_due = |peer: &Peer| peer.silent_at().is_some_and(|at| at <= now);
        let due = self.peers.iter().filter(|(_, peer)| is_due(peer));
        let due: Vec<_> = due.map(|(name, _)| name.clone()).collect();
        for name in due {
            let mut is_asked = false;
            for id in self.requests_of(&name) {
                let is_get = |sent: &Sent<P>| sent.range.is_some();
                if !self.requests.get(&id).is_some_and(is_get) {
                    is_asked = true;
                    continue;
                }
                self.take_back(id);
                let peer = name.clone();
                self.outputs.push_back(Output::Cancel { peer, id });
            }
            let Some(peer) = self.peers.get_mut(&name) else {
                continue;
            };
            let is_new = peer.hush(now, &mut self.random);
            if !is_asked {
                peer.ask_at.get_or_insert(peer.rests_until);
            }
            if is_new {
                self.outputs.push_back(Output::Silent { peer: name });
            }
        }
    }

    /// Gives up on requests whose time is over.
    fn expire(&mut self) {
        let over = self.requests.iter();
        let over = over.filter(|(_, sent)| sent.deadline <= self.now);
        let over: Vec<_> = over.map(|(id, sent)| (*id, sent.peer.clone())).collect();
        for (id, peer) in over {
            let Some(sent) = self.take_request(&peer, id) else {
                continue;
            };
            self.set_back(&sent, None);
            self.outputs.push_back(Output::Cancel { peer, id });
        }
    }

    /// Asks peers what they have.
    fn ask(&mut self) {
        let now = self.now;
        let is_due = |peer: &Peer| {
            let is_due = peer.ask_at.is_some_and(|at| at <= now);
            is_due && peer.rests_until <= now
        };
        let due = self.peers.iter().filter(|(_, peer)| is_due(peer));
        let due: Vec<_> = due.map(|(name, _)| name.clone()).collect();
        for name in due {
            if let Some(peer) = self.peers.get_mut(&name) {
                peer.ask_at = None;
            }
            self.send(name, None);
        }
    }

    /// Asks peers for groups, and the fastest ones again for what the slowest ones are still to
    /// send once there is nothing else to ask for.
    fn fetch(&mut self) {
        let first = self.taken.first_absent(None, self.cursor, 1);
        self.cursor = first.map_or(self.blob.groups(), GroupRange::first);
        while self.has_room() {
            let Some((peer, range)) = self.next_range().or_else(|| self.next_twin()) else {
                break;
            };
            for group in range.groups() {
                self.taken.insert(group);
            }
            self.send(peer, Some(range));
        }
    }

    fn has_room(&self) -> bool {
        let is_within = self.requests_in_flight() < REQUESTS_MAX;
        is_within && self.groups_in_flight() < GROUPS_IN_FLIGHT_MAX
    }

    /// Returns peers that may be asked for groups, the one that is expected to send them first in
    /// front, and those that were silent at last.
    fn ready(&self) -> Vec<(Duration, &P, &Peer)> {
        let ready = self.peers.iter();
        let ready = ready.filter(|(_, peer)| peer.held().is_some() && peer.has_room(self.now));
        let mut ready: Vec<_> = ready
            .map(|(name, peer)| (peer.estimate(peer.span().into()), name, peer))
            .collect();
        ready.sort_by_key(|(estimate, name, peer)| (peer.is_silent, *estimate, *name));
        ready
    }

    /// Returns groups that nobody was asked for, and whom to ask.
    fn next_range(&mut self) -> Option<(P, GroupRange)> {
        if self.all_is_taken() {
            return None;
        }
        let names: Vec<_> = self
            .ready()
            .iter()
            .map(|(_, name, _)| (*name).clone())
            .collect();
        names.into_iter().find_map(|name| {
            let range = self.range_for(&name)?;
            Some((name, range))
        })
    }

    /// Returns groups that nobody was asked for and the peer has: before the size is proven, the
    /// last one alone.
    fn range_for(&mut self, name: &P) -> Option<GroupRange> {
        let peer = self.peers.get_mut(name)?;
        if !self.size_is_proven {
            let last = GroupRange::new(self.blob.groups() - 1, 1);
            return last.filter(|range| peer.holds(*range));
        }
        if peer.dry == Some(self.releases) {
            return None;
        }
        let (held, span) = (peer.held()?, peer.span());
        let range = self.taken.first_absent(held, self.cursor, span);
        peer.dry = range.is_none().then_some(self.releases);
        range
    }

    /// Whether all that may be asked for is.
    fn all_is_taken(&self) -> bool {
        let last = self.blob.groups() - 1;
        let is_proof_taken = !self.size_is_proven && self.taken.contains(last);
        is_proof_taken || self.taken.is_full()
    }

    /// Returns the groups that are expected last, and who would send them earlier.
    fn next_twin(&self) -> Option<(P, GroupRange)> {
        if !self.all_is_taken() {
            return None;
        }
        let mut sent: Vec<_> = self.requests.values().collect();
        sent.retain(|sent| sent.range.is_some_and(|range| self.has_no_twin(range)));
        sent.sort_by_key(|sent| std::cmp::Reverse(self.outlook(sent)));
        let ready = self.ready();
        sent.into_iter().find_map(|sent| {
            let range = sent.range?;
            let is_faster = |(estimate, name, peer): &&(Duration, &P, &Peer)| {
                let is_other = **name != sent.peer && peer.holds(range) && !peer.is_silent;
                is_other && self.now + *estimate * LEAD < self.outlook(sent)
            };
            let (_, name, _) = ready.iter().find(is_faster)?;
            Some(((*name).clone(), range))
        })
    }

    fn has_no_twin(&self, range: GroupRange) -> bool {
        let sent = self.requests.values();
        sent.filter(|sent| sent.range == Some(range)).count() == 1
    }

    /// Returns when an answer is expected by now: one that is overdue in as much time again as has
    /// passed.
    fn outlook(&self, sent: &Sent<P>) -> Duration {
        match sent.expected {
            expected if expected > self.now => expected,
            _ => self.now + self.now.saturating_sub(sent.at),
        }
    }

    fn send(&mut self, name: P, range: Option<GroupRange>) {
        let Some(peer) = self.peers.get_mut(&name) else {
            return;
        };
        peer.asked(range.is_some(), self.now);
        let groups = range.map_or(0, |range| u32::from(range.count()));
        let expected = self.now + peer.estimate(groups);
        let deadline = self.now + peer.patience(groups);
        let root = *self.blob.root();
        let request = match range {
            Some(range) => {
                peer.requests += 1;
                peer.groups += groups;
                Request::Get { root, range }
            }
            None => Request::Have { root },
        };
        let id = self.next_id();
        let sent = Sent {
            peer: name.clone(),
            range,
            at: self.now,
            expected,
            deadline,
        };
        if range.is_some_and(|range| self.twin(range).is_some()) {
            self.counts.doubled_groups += u64::from(groups);
        }
        self.requests.insert(id, sent);
        let peer = name;
        self.outputs.push_back(Output::Send { peer, id, request });
    }

    fn commit_if_due(&mut self) {
        let is_due = |(since, bytes)| bytes >= COMMIT_BYTES || self.now >= since + COMMIT_AFTER;
        if self.uncommitted.is_some_and(is_due) {
            self.commit();
        }
    }

    fn stall_if_due(&mut self) {
        if self.is_stalled {
            return;
        }
        let no_progress = self.is_late().then_some(Stall::NoProgress);
        if let Some(stall) = self.hopeless().or(no_progress) {
            self.is_stalled = true;
            self.outputs.push_back(Output::Stalled(stall));
        }
    }

    /// Goes on where it is stalled, as long as nobody was waited for in vain for too long.
    pub(super) fn hope(&mut self) {
        self.is_stalled &= self.is_late();
    }

    fn is_late(&self) -> bool {
        self.now >= self.progress_at + STALLED_AFTER
    }

    /// Returns why no peer can help, where none can.
    fn hopeless(&self) -> Option<Stall> {
        if self.requests_in_flight() > 0 {
            return None;
        }
        if self.peers.is_empty() {
            return Some(Stall::NoPeer);
        }
        let wanted = |peer: &Peer| {
            let held = peer.held();
            held.is_some_and(|held| self.held.first_absent(held, 0, 1).is_some())
        };
        let may_help = |peer: &&Peer| peer.holding == Holding::Unasked || wanted(peer);
        let mut of_use = self.peers.values().filter(may_help).peekable();
        let are_silent = of_use.peek().is_some();
        if of_use.any(|peer| !peer.is_silent) {
            return None;
        }
        let announced = self.blob.size();
        let other = self.peers.values().find_map(|peer| match peer.holding {
            Holding::OtherSize(said) => Some(Stall::OtherSize { said, announced }),
            _ => None,
        });
        Some(match other {
            Some(other) => other,
            None if are_silent => Stall::Silent,
            None => Stall::NothingHeld,
        })
    }
}
