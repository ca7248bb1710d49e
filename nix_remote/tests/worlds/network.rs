//! Messages, and what becomes of them on their way.

use std::time::Duration;

use nix_remote::peers::{
    lookup::{Question, QuestionId},
    transfer::Request,
};

use crate::{
    dice::ms,
    lies::{Lie, Told},
    world::{Event, World},
};

/// What the network does to messages until it is healed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults {
    pub(crate) loss_percent: u64,
    pub(crate) double_percent: u64,
    pub(crate) jitter_ms: u64,
    /// From when until when which nodes, a bit each, do not reach the others.
    pub(crate) partitions: Vec<(Duration, Duration, u64)>,
}

/// What asks a question.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Asker {
    Lookup(QuestionId),
    Download(u64),
}

#[derive(Debug, Clone)]
pub(crate) enum Message {
    Find(Asker, Question),
    Records(Asker, Vec<Told>),
    Providers(Asker, Vec<u32>),
    Put(Vec<u8>, Vec<u8>, Option<Lie>),
    Provide(Vec<u8>),
    /// With the number of a request among all there are.
    Request(u64, Request),
    Response(u64, Vec<u8>),
}

impl Message {
    fn bytes(&self) -> u64 {
        match self {
            Self::Response(_, bytes) => bytes.len() as u64,
            _ => 100,
        }
    }

    /// The request to which no response will come if this gets lost, and whether this is it.
    fn request(&self) -> Option<(u64, bool)> {
        match self {
            Self::Request(request, _) => Some((*request, true)),
            Self::Response(request, _) => Some((*request, false)),
            _ => None,
        }
    }
}

impl World {
    /// Sends a message that belongs to the life `life` of the node that asked first.
    pub(crate) fn send(&mut self, from: u32, to: u32, life: u32, message: Message) {
        self.sent += 1;
        let number = self.sent;
        let arrive = |message| Event::Arrive {
            from,
            to,
            life,
            number,
            message,
        };
        if from == to {
            return self.at(self.now, arrive(message));
        }
        if self.is_lost(from, to) {
            return self.lose(from, to, life, &message);
        }
        let sender = &mut self.peers[from as usize];
        let nanos = message.bytes() * 1_000_000_000 / sender.rate;
        let mut some = sender.free_at.max(self.now) + sender.latency;
        sender.free_at = sender.free_at.max(self.now) + Duration::from_nanos(nanos);
        let at = sender.free_at + sender.latency;
        let jitter = self.jitter();
        if let Message::Response(request, _) = message {
            while some < at {
                let bytes = Event::Bytes {
                    node: to,
                    life,
                    request,
                    peer: from,
                };
                self.at(some + jitter, bytes);
                some += ms(1000);
            }
        }
        if self.dice.percent(self.faults.double_percent) {
            let later = at + jitter + self.jitter() + ms(1);
            self.counts.add("duplicates");
            self.at(later, arrive(message.clone()));
        }
        self.at(at + jitter, arrive(message));
    }

    /// Tells the one that asked, if at all, that there will be no response.
    pub(crate) fn lose(&mut self, from: u32, to: u32, life: u32, message: &Message) {
        let Some((request, is_request)) = message.request() else {
            return;
        };
        if self.dice.percent(50) {
            let (node, peer) = if is_request { (from, to) } else { (to, from) };
            let failed = Event::Failed {
                node,
                life,
                request,
                peer,
            };
            self.at(self.now + ms(80), failed);
        }
    }

    /// A message gets to a node.
    pub(crate) fn arrive(&mut self, from: u32, to: u32, life: u32, number: u64, message: Message) {
        let last = self.arrived.entry((from, to)).or_default();
        if number < *last {
            self.counts.add("reorders");
        }
        *last = number.max(*last);
        if !self.peers[to as usize].is_up {
            return self.lose(from, to, life, &message);
        }
        match message {
            Message::Find(asker, question) => self.on_find(from, to, life, asker, &question),
            Message::Put(key, value, lie) => self.on_put(to, key, value, lie),
            Message::Provide(key) => self.on_provide(from, to, key),
            Message::Request(number, request) => {
                self.on_request(from, to, life, number, &request);
            }
            Message::Records(..) | Message::Providers(..) | Message::Response(..)
                if self.peers[to as usize].life != life =>
            {
                self.counts.add("answers to who is no more");
            }
            Message::Records(Asker::Lookup(id), records) => {
                self.on_records(from, to, id, &records);
            }
            Message::Records(Asker::Download(_), _) => {
                panic!("{}: a download asks for records", self.name());
            }
            Message::Providers(Asker::Lookup(id), providers) => {
                self.on_providers(from, to, id, providers);
            }
            Message::Providers(Asker::Download(ask), providers) => {
                self.on_more_providers(from, to, ask, providers);
            }
            Message::Response(number, bytes) => self.on_response(from, to, number, bytes),
        }
    }

    fn is_lost(&mut self, from: u32, to: u32) -> bool {
        if to as usize >= self.peers.len() {
            self.counts.add("messages to nobody");
            return true;
        }
        let side = |mask: u64, node: u32| mask >> node & 1;
        let mut cuts = self.faults.partitions.iter();
        let is_cut = cuts.any(|(begin, end, mask)| {
            (*begin..*end).contains(&self.now) && side(*mask, from) != side(*mask, to)
        });
        if is_cut {
            self.counts.add("messages cut off");
            return true;
        }
        let is_lost = self.dice.percent(self.faults.loss_percent);
        if is_lost {
            self.counts.add("losses");
        }
        is_lost
    }

    fn jitter(&mut self) -> Duration {
        Duration::from_micros(self.dice.below(1000 * self.faults.jitter_ms + 1))
    }
}
