//! What comes from peers: what they have, groups that are verified before they are written, and lies.

use std::time::Duration;

use super::{
    download::{BANNED_MAX, Download, Failure, Lie, Output, REQUEST_GROUPS, RequestId, Sent},
    groups::{GROUP_BYTES, GroupRange},
    message::Response,
    peer::{Holding, Peer},
    proof::{Piece, ProofError, Proven},
};

/// After how long a peer that lacks something is asked again what it has.
const ASK_AGAIN: Duration = Duration::from_secs(10);

impl<P: Clone + Ord> Download<P> {
    /// Takes the response to a request. One that nobody waits for any more is dropped.
    pub fn on_response(&mut self, peer: &P, id: RequestId, response: Response, now: Duration) {
        self.pass(now);
        let Some(sent) = self.take_request(peer, id) else {
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
            (Some(range), Response::Proof(proof)) => self.on_proof(&sent, range, &proof),
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
        }
        let has_all = holding == Holding::All;
        peer.ask_at = (!has_all).then_some(self.now + ASK_AGAIN);
        self.is_stalled &= peer.holding == holding;
        peer.holding = holding;
        peer.dry = None;
    }

    /// Writes what a response proves, and bans its peer where that is not all of it.
    fn on_proof(&mut self, sent: &Sent<P>, range: GroupRange, proof: &[u8]) {
        let pieces = match Proven::new(&self.blob, range, proof) {
            Ok(pieces) => pieces,
            Err(source) => return self.on_lie(sent, source, proof.len()),
        };
        let mut outboard = Vec::new();
        let mut group = range.first();
        let mut taken = 0;
        for piece in pieces {
            match piece {
                Ok(Piece::Pair { offset, bytes }) => {
                    let pair = bytes.try_into().expect("two hashes have 64 bytes");
                    outboard.push((offset, pair));
                    taken += bytes.len();
                }
                Ok(Piece::Group { offset, bytes }) => {
                    self.take_group(group, offset, bytes, &mut outboard);
                    group += 1;
                    taken += bytes.len();
                }
                Err(source) => return self.on_lie(sent, source, proof.len() - taken),
            }
        }
        let groups = range.count().into();
        let now = self.now;
        if let Some(peer) = self.peers.get_mut(&sent.peer) {
            peer.delivered(groups, sent.at, now);
        }
        self.cancel_twin(range);
        if range.end() == self.blob.groups() {
            self.prove_size();
        }
        self.finish_if_full();
    }

    fn on_lie(&mut self, sent: &Sent<P>, source: ProofError, bytes: usize) {
        self.counts.wasted_bytes += count_of(bytes);
        self.release(sent);
        self.ban(&sent.peer, Lie::Proof(source));
        self.finish_if_full();
    }

    /// Takes a group that is verified, unless it is there already.
    fn take_group(
        &mut self,
        group: u32,
        offset: u64,
        bytes: &[u8],
        outboard: &mut Vec<(u64, [u8; 64])>,
    ) {
        let length = count_of(bytes.len());
        if !self.held.insert(group) {
            self.counts.wasted_bytes += length;
            return;
        }
        self.taken.insert(group);
        self.counts.verified_bytes += length;
        self.progress_at = self.now;
        self.is_stalled = false;
        let (_, uncommitted) = self.uncommitted.get_or_insert((self.now, 0));
        *uncommitted += length;
        self.write(offset, bytes, outboard);
    }

    /// Adds to the last output where that is to be written right before.
    fn write(&mut self, offset: u64, bytes: &[u8], outboard: &mut Vec<(u64, [u8; 64])>) {
        let whole = GROUP_BYTES * u64::from(REQUEST_GROUPS);
        if let Some(Output::Write {
            offset: start,
            bytes: before,
            outboard: pairs,
        }) = self.outputs.back_mut()
        {
            let length = count_of(before.len());
            if *start + length == offset && length < whole {
                before.extend_from_slice(bytes);
                pairs.append(outboard);
                return;
            }
        }
        self.outputs.push_back(Output::Write {
            offset,
            bytes: bytes.to_vec(),
            outboard: std::mem::take(outboard),
        });
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
