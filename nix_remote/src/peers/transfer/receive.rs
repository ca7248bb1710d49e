//! What comes from peers: what they have, groups that are verified before they are written, and lies.

use std::time::Duration;

use super::{
    download::{BANNED_MAX, Download, Failure, Lie, Output, RequestId, Sent},
    groups::GroupRange,
    message::Response,
    peer::{Holding, Peer},
    proof::ProofError,
    receiving::Received,
    verified::Verified,
};

/// After how long a peer that lacks something is asked again what it has.
const ASK_AGAIN: Duration = Duration::from_secs(10);

impl<P: Clone + Ord> Download<P> {
    /// Takes the response to a request. One that nobody waits for any more is dropped.
    ///
    /// Groups come better by [`on_received`](Self::on_received): of a response that is there as a whole
    /// all of it may be a lie.
    pub fn on_response(&mut self, peer: &P, id: RequestId, response: Response, now: Duration) {
        self.pass(now);
        let sent = self.take_request(peer, id);
        let is_of_groups = sent.as_ref().is_some_and(|sent| sent.range.is_some());
        if is_of_groups || matches!(response, Response::Proof(_) | Response::Busy { .. }) {
            self.gave(peer);
        }
        let Some(sent) = sent else {
            self.counts.late_bytes += proof_len(&response);
            return;
        };
        match (sent.range, response) {
            (_, Response::Busy { retry_after_ms }) => {
                let wait = Duration::from_millis(retry_after_ms.into());
                self.set_back(&sent, Some(wait));
            }
            (None, Response::Unknown) => self.said(&sent, Holding::Nothing),
            (None, Response::Complete { size }) => self.said_size(&sent, size, Holding::All),
            (None, Response::Partial { size, held }) => {
                self.said_size(&sent, size, Holding::Some(held));
            }
            (Some(range), Response::Proof(proof)) => match Received::of(&self.blob, range, proof) {
                Ok(received) => self.on_groups(&sent, range, received),
                Err(source) => self.on_lie(&sent, source, 0),
            },
            (Some(_), Response::Unknown) => {
                self.set_back(&sent, None);
                self.said(&sent, Holding::Nothing);
            }
            (None, response @ Response::Proof(_))
            | (Some(_), response @ (Response::Complete { .. } | Response::Partial { .. })) => {
                self.counts.wasted_bytes += proof_len(&response);
                self.release(&sent);
                self.ban(&sent.peer, Lie::OtherKind);
            }
        }
    }

    /// Takes the groups that came for a request. Those that nobody waits for any more are dropped;
    /// those of another blob, or other ones than were asked for, are as good as lost.
    pub fn on_received(&mut self, peer: &P, id: RequestId, received: Received, now: Duration) {
        self.pass(now);
        self.gave(peer);
        let Some(sent) = self.take_request(peer, id) else {
            self.counts.late_bytes += count_of(received.bytes());
            return;
        };
        match sent.range {
            Some(range) if received.is_of(&self.blob, range) => {
                self.on_groups(&sent, range, received);
            }
            _ => self.set_back(&sent, None),
        }
    }

    /// Takes note that bytes of the response to a request come, also to one that was given up: the
    /// peer is slow then and not silent. Those of what it has count for nothing.
    pub fn on_bytes(&mut self, peer: &P, id: RequestId, now: Duration) {
        self.pass(now);
        let sent = self.requests.get(&id);
        if sent.is_none_or(|sent| sent.range.is_some()) {
            self.gave(peer);
        }
    }

    /// Takes note that a peer gave something: one that was silent may be hoped for again.
    fn gave(&mut self, peer: &P) {
        let now = self.now;
        let peer = self.peers.get_mut(peer);
        if peer.is_some_and(|peer| peer.gave(now)) {
            self.hope();
        }
    }

    /// Takes note that a request has no response.
    pub fn on_failure(&mut self, peer: &P, id: RequestId, failure: Failure, now: Duration) {
        self.pass(now);
        let Some(sent) = self.take_request(peer, id) else {
            return;
        };
        match failure {
            Failure::Lost => self.set_back(&sent, None),
            Failure::Malformed => {
                self.release(&sent);
                self.ban(&sent.peer, Lie::Malformed);
            }
        }
    }

    fn said_size(&mut self, sent: &Sent<P>, said: u64, holding: Holding) {
        let proven = self.blob.size();
        if said == proven {
            self.said(sent, holding);
        } else if self.size_is_proven {
            self.ban(&sent.peer, Lie::Size { said, proven });
        } else {
            self.said(sent, Holding::OtherSize(said));
        }
    }

    fn said(&mut self, sent: &Sent<P>, holding: Holding) {
        let Some(peer) = self.peers.get_mut(&sent.peer) else {
            return;
        };
        if sent.range.is_none() {
            peer.said(self.now.saturating_sub(sent.at));
            peer.heard();
        }
        let has_all = holding == Holding::All;
        peer.ask_at = (!has_all).then_some(self.now + ASK_AGAIN);
        let is_new = peer.holding != holding && !peer.is_silent;
        peer.holding = holding;
        peer.dry = None;
        if is_new {
            self.hope();
        }
    }

    /// Writes what a response proves, and bans its peer where that is not all of it.
    fn on_groups(&mut self, sent: &Sent<P>, range: GroupRange, received: Received) {
        let Received { proof, pairs, .. } = received;
        let unproven = proof.len() - received.verified;
        let mut groups = received.groups;
        // They come in order.
        let mut numbers = range.groups();
        groups.retain(|(_, place)| {
            let group = numbers.next();
            group.is_some_and(|group| self.take_group(group, place.len()))
        });
        if !groups.is_empty() {
            let verified = Verified {
                proof,
                groups,
                pairs,
            };
            self.outputs.push_back(Output::Write(verified));
        }
        // What stands before a lie is as good as the truth.
        if !self.size_is_proven && self.held.contains(self.blob.groups() - 1) {
            self.prove_size();
        }
        if let Some(source) = received.wrong {
            return self.on_lie(sent, source, unproven);
        }
        let count = range.count().into();
        let now = self.now;
        if let Some(peer) = self.peers.get_mut(&sent.peer) {
            peer.delivered(count, sent.at, now);
        }
        self.cancel_twin(range);
        self.finish_if_full();
    }

    fn on_lie(&mut self, sent: &Sent<P>, source: ProofError, bytes: usize) {
        self.counts.wasted_bytes += count_of(bytes);
        self.release(sent);
        self.ban(&sent.peer, Lie::Proof(source));
        self.finish_if_full();
    }

    /// Takes note of a group that is verified; returns whether it was not there before.
    fn take_group(&mut self, group: u32, bytes: usize) -> bool {
        let length = count_of(bytes);
        if !self.held.insert(group) {
            self.counts.wasted_bytes += length;
            return false;
        }
        self.taken.insert(group);
        self.counts.verified_bytes += length;
        self.progress_at = self.now;
        self.verified_at = self.now;
        self.is_stalled = false;
        let (_, uncommitted) = self.uncommitted.get_or_insert((self.now, 0));
        *uncommitted += length;
        true
    }

    fn prove_size(&mut self) {
        self.size_is_proven = true;
        let proven = self.blob.size();
        let other = |(peer, state): (&P, &Peer)| match state.holding {
            Holding::OtherSize(said) => Some((peer.clone(), said)),
            _ => None,
        };
        let liars: Vec<_> = self.peers.iter().filter_map(other).collect();
        for (peer, said) in liars {
            self.ban(&peer, Lie::Size { said, proven });
        }
    }

    fn ban(&mut self, peer: &P, why: Lie) {
        self.peers.remove(peer);
        for id in self.requests_of(peer) {
            self.take_back(id);
            let peer = peer.clone();
            self.outputs.push_back(Output::Cancel { peer, id });
        }
        if self.banned.len() == BANNED_MAX {
            self.banned.pop_front();
        }
        self.banned.push_back(peer.clone());
        let peer = peer.clone();
        self.outputs.push_back(Output::Ban { peer, why });
    }

    pub(super) fn finish_if_full(&mut self) {
        if !self.held.is_full() || self.is_finished {
            return;
        }
        self.is_finished = true;
        for (id, sent) in std::mem::take(&mut self.requests) {
            let peer = sent.peer;
            self.outputs.push_back(Output::Cancel { peer, id });
        }
        self.commit();
        self.outputs.push_back(Output::Finished);
    }
}

fn count_of(bytes: usize) -> u64 {
    u64::try_from(bytes).expect("a pointer has 64 bits or fewer")
}

fn proof_len(response: &Response) -> u64 {
    match response {
        Response::Proof(proof) => count_of(proof.len()),
        _ => 0,
    }
}
