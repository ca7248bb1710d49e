//! Downloads whose peers are played by hand.

use std::time::Duration;

use nix_remote::peers::transfer::{
    Download, GroupRange, Lie, Output, Request, RequestId, Response, Verified, prove,
};

use crate::{
    support::Held,
    world::{full, ms},
};

pub(crate) type Sent = (u32, RequestId, GroupRange);

/// A download whose peers are played by hand.
pub(crate) struct Hand<'a> {
    pub(crate) held: &'a Held,
    pub(crate) download: Download<u32>,
}

impl<'a> Hand<'a> {
    pub(crate) fn new(held: &'a Held) -> Self {
        let download = Download::new(held.blob, 7, Duration::ZERO);
        Self { held, download }
    }

    pub(crate) fn outputs(&mut self, now: Duration) -> Vec<Output<u32>> {
        std::iter::from_fn(|| self.download.poll(now)).collect()
    }

    /// Adds a peer that says this of what it has, 4 ms later; returns what follows.
    pub(crate) fn join(&mut self, peer: u32, says: &Response, now: Duration) -> Vec<Output<u32>> {
        assert!(self.download.add_peer(peer, now));
        let asked = self.outputs(now);
        let id = asked.iter().find_map(|output| match output {
            Output::Send {
                peer: to,
                id,
                request: Request::Have { .. },
            } if *to == peer => Some(*id),
            _ => None,
        });
        let now = now + ms(4);
        self.download
            .on_response(&peer, id.unwrap(), says.clone(), now);
        self.outputs(now)
    }

    pub(crate) fn complete(&self) -> Response {
        Response::held(&self.held.blob, &full(self.held))
    }

    /// Answers with the truth; returns what follows.
    pub(crate) fn answer(&mut self, sent: Sent, now: Duration) -> Vec<Output<u32>> {
        let (peer, id, range) = sent;
        self.download.on_response(&peer, id, self.proof(range), now);
        self.outputs(now)
    }

    pub(crate) fn proof(&self, range: GroupRange) -> Response {
        let held = self.held;
        Response::Proof(prove(&held.blob, range, &held.bytes, &held.outboard).unwrap())
    }

    /// Lets a peer join and prove the size; returns the requests that it gets then.
    pub(crate) fn begin(&mut self, peer: u32) -> Vec<Sent> {
        let complete = self.complete();
        let first = gets(&self.join(peer, &complete, ms(0)));
        gets(&self.answer(first[0], ms(10)))
    }
}

pub(crate) fn gets(outputs: &[Output<u32>]) -> Vec<Sent> {
    let gets = outputs.iter().filter_map(|output| match output {
        Output::Send {
            peer,
            id,
            request: Request::Get { range, .. },
        } => Some((*peer, *id, *range)),
        _ => None,
    });
    gets.collect()
}

pub(crate) fn bans(outputs: &[Output<u32>]) -> Vec<(u32, &Lie)> {
    let bans = outputs.iter().filter_map(|output| match output {
        Output::Ban { peer, why } => Some((*peer, why)),
        _ => None,
    });
    bans.collect()
}

pub(crate) fn written(outputs: &[Output<u32>]) -> Vec<(u64, usize)> {
    let writes = outputs.iter().filter_map(|output| match output {
        Output::Write(verified) => Some(verified),
        _ => None,
    });
    // Groups that stand behind each other count as one.
    let mut written: Vec<(u64, usize)> = Vec::new();
    for (offset, bytes) in writes.flat_map(Verified::groups) {
        match written.last_mut() {
            Some((start, length)) if *start + *length as u64 == offset => *length += bytes.len(),
            _ => written.push((offset, bytes.len())),
        }
    }
    written
}
