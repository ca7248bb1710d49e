//! A peer that others download from.

use std::time::Duration;

use nix_remote::peers::transfer::{
    Answer, GroupSet, Limits, ReadId, Request, Response, Server, prove,
};

use crate::support::{Dice, GROUP, Held};

/// How a node behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    Honest,
    /// Tells lies of all kinds once it has given so many true answers.
    LiesAfter(u32),
    /// Takes requests and says nothing.
    Silent,
    /// Has no time in so many of 100 cases.
    Busy(u64),
    /// Says that it has the blob, and mostly does not know it.
    Forgetful,
    /// Says that the blob has another size.
    OtherSize,
}

pub(crate) struct Node<'a> {
    pub(crate) manner: Manner,
    pub(crate) latency: Duration,
    pub(crate) is_alive: bool,
    pub(crate) sent_bytes: u64,
    held: &'a Held,
    server: Server<u8>,
    rate: u64,
    free_at: Duration,
    answers: u32,
}

/// What a node sends.
pub(crate) struct Sent {
    /// When the first byte of it arrives, and when the last.
    pub(crate) begins: Duration,
    pub(crate) at: Duration,
    pub(crate) bytes: Vec<u8>,
    /// What is still being read.
    pub(crate) read: Option<ReadId>,
}

impl<'a> Node<'a> {
    pub(crate) fn new(
        held: &'a Held,
        manner: Manner,
        groups: GroupSet,
        limits: Limits,
        rate: u64,
        latency: Duration,
    ) -> Self {
        let mut server = Server::new(limits);
        assert!(server.share(held.blob, groups));
        Self {
            manner,
            latency,
            is_alive: false,
            sent_bytes: 0,
            held,
            server,
            rate,
            free_at: Duration::ZERO,
            answers: 0,
        }
    }

    pub(crate) fn is_liar(&self) -> bool {
        matches!(self.manner, Manner::LiesAfter(_) | Manner::OtherSize)
    }

    pub(crate) fn done(&mut self, read: ReadId) {
        self.server.done(read);
    }

    /// Answers a request, if at all, at the rate of its line.
    pub(crate) fn answer(
        &mut self,
        request: &Request,
        now: Duration,
        dice: &mut Dice,
    ) -> Option<Sent> {
        if !self.is_alive || self.manner == Manner::Silent {
            return None;
        }
        let (response, read) = self.respond(request, now, dice);
        let mut bytes = response.encode();
        if let (Manner::LiesAfter(answers), Request::Get { .. }) = (self.manner, request) {
            self.answers += 1;
            if self.answers > answers {
                lie(&mut bytes, dice);
            }
        }
        let nanos = bytes.len() as u64 * 1_000_000_000 / self.rate;
        let begins = self.free_at.max(now) + self.latency;
        self.free_at = self.free_at.max(now) + Duration::from_nanos(nanos);
        self.sent_bytes += bytes.len() as u64;
        let at = self.free_at + self.latency;
        Some(Sent {
            begins,
            at,
            bytes,
            read,
        })
    }

    fn respond(
        &mut self,
        request: &Request,
        now: Duration,
        dice: &mut Dice,
    ) -> (Response, Option<ReadId>) {
        let size = self.held.blob.size();
        let is_get = matches!(request, Request::Get { .. });
        match self.manner {
            Manner::OtherSize => return (Response::Complete { size: size + 1 }, None),
            Manner::Forgetful if is_get && dice.percent(80) => return (Response::Unknown, None),
            Manner::Busy(chance) if dice.percent(chance) => {
                let retry_after_ms = dice.below(300) as u32;
                return (Response::Busy { retry_after_ms }, None);
            }
            _ => {}
        }
        match self.server.on_request(&0, request, now) {
            Answer::Now(response) => (response, None),
            Answer::Read(read) => {
                let held = self.held;
                let proof = prove(&read.blob, read.range, &held.bytes, &held.outboard).unwrap();
                (Response::Proof(proof), Some(read.id))
            }
        }
    }
}

/// Makes of a true response one that is not.
fn lie(bytes: &mut Vec<u8>, dice: &mut Dice) {
    let last = bytes.len() - 1;
    match dice.below(6) {
        0 => {
            let bit = dice.below(8 * last as u64 + 8) as usize;
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        1 => bytes.push(0),
        2 => bytes.truncate(dice.below(last as u64 + 1) as usize),
        3 => *bytes = vec![9; 100],
        4 => *bytes = Response::Proof(vec![7; 4 * GROUP]).encode(),
        _ => *bytes = Response::Complete { size: 77 }.encode(),
    }
}
