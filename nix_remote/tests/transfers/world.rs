//! A network in virtual time: one peer that downloads, others that serve, lie, are slow or die.

use std::{collections::BTreeMap, time::Duration};

use nix_remote::peers::transfer::{
    Download, Failure, GROUPS_IN_FLIGHT_MAX, GroupRange, GroupSet, LIE_BYTES_MAX, Limits, Output,
    REQUEST_GROUPS_MAX, REQUESTS_MAX, Receiving, Request, RequestId, Response, ResumeRecord,
    SILENT_AFTER, Stall, Verified,
};

use crate::{
    node::{Manner, Node},
    support::{Dice, GROUP, Held},
};

/// What a response with groups begins with.
const PROOF: u8 = 4;

pub(crate) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// What the network does to messages until it is healed.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Faults {
    pub(crate) loss_percent: u64,
    pub(crate) double_percent: u64,
    pub(crate) jitter_ms: u64,
    pub(crate) partition: Option<(Duration, Duration)>,
}

/// What becomes of the resume record when the process is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Record {
    Kept,
    Stale,
    Lost,
    Damaged,
}

#[derive(Debug, Clone)]
pub(crate) enum Event {
    Request(u32, RequestId, u32, Request),
    ReadEnds(u32, nix_remote::peers::transfer::ReadId),
    Response(u32, RequestId, u32, Option<Vec<u8>>),
    Bytes(u32, RequestId, u32),
    Die(u32),
    Join(u32),
    Kill(Record),
    Heal,
}

/// What the disk of the one that downloads has.
#[derive(Debug)]
struct Disk {
    bytes: Vec<u8>,
    outboard: Vec<u8>,
    record: Option<Vec<u8>>,
    record_before: Option<Vec<u8>>,
}

impl Disk {
    /// An empty one of the size of a blob.
    fn new(held: &Held) -> Self {
        Self {
            bytes: vec![0; held.bytes.len()],
            outboard: vec![0; held.outboard.len()],
            record: None,
            record_before: None,
        }
    }
}

pub(crate) struct World<'a> {
    pub(crate) seed: u64,
    pub(crate) held: &'a Held,
    pub(crate) now: Duration,
    pub(crate) nodes: BTreeMap<u32, Node<'a>>,
    pub(crate) download: Download<u32>,
    pub(crate) faults: Faults,
    pub(crate) is_finished: bool,
    pub(crate) banned: Vec<u32>,
    pub(crate) stalls: Vec<Stall>,
    pub(crate) silent: Vec<u32>,
    /// How many bytes were written, over all lives of the process.
    pub(crate) written_bytes: u64,
    /// The most bytes in flight or waiting to be written.
    pub(crate) peak_bytes: u64,
    pub(crate) commits: u32,
    /// What happened, folded into a number.
    pub(crate) trace: u64,
    disk: Disk,
    dice: Dice,
    events: BTreeMap<(Duration, u64), Event>,
    next_event: u64,
    life: u32,
    in_flight: BTreeMap<RequestId, (u32, Option<GroupRange>)>,
    /// When each node gave something at last.
    gave_at: BTreeMap<u32, Duration>,
}

impl<'a> World<'a> {
    pub(crate) fn new(seed: u64, held: &'a Held) -> Self {
        Self {
            seed,
            held,
            now: Duration::ZERO,
            nodes: BTreeMap::new(),
            download: Download::new(held.blob, seed, Duration::ZERO),
            faults: Faults::default(),
            is_finished: false,
            banned: Vec::new(),
            stalls: Vec::new(),
            silent: Vec::new(),
            written_bytes: 0,
            peak_bytes: 0,
            commits: 0,
            trace: 0,
            disk: Disk::new(held),
            dice: Dice::new(seed ^ 0xd1ce),
            events: BTreeMap::new(),
            next_event: 0,
            life: 0,
            in_flight: BTreeMap::new(),
            gave_at: BTreeMap::new(),
        }
    }

    /// Adds a node that is there from the beginning.
    pub(crate) fn node(&mut self, manner: Manner, rate: u64, latency: Duration) -> u32 {
        let name = self.nodes.len() as u32;
        let all = full(self.held);
        let node = Node::new(self.held, manner, all, Limits::default(), rate, latency);
        self.nodes.insert(name, node);
        self.at(Duration::ZERO, Event::Join(name));
        name
    }

    pub(crate) fn at(&mut self, time: Duration, event: Event) {
        self.next_event += 1;
        self.events.insert((time, self.next_event), event);
    }

    /// Runs until the download is finished or the time is over; returns when it ended.
    pub(crate) fn run(&mut self, limit: Duration) -> Duration {
        self.drive();
        while !self.is_finished {
            let event = self.events.first_key_value().map(|((at, _), _)| *at);
            let wake = self.download.wake_at();
            let Some(next) = [event, wake].into_iter().flatten().min() else {
                break;
            };
            assert!(next >= self.now, "{}: time goes back", self.name());
            if next > limit {
                break;
            }
            self.now = next;
            if event == Some(next) {
                let (_, event) = self.events.pop_first().unwrap();
                self.happen(event);
            }
            self.drive();
        }
        self.now
    }

    pub(crate) fn name(&self) -> String {
        format!("seed {} at {:?}", self.seed, self.now)
    }

    pub(crate) fn has_all(&self) -> bool {
        let disk = &self.disk;
        disk.bytes == self.held.bytes && disk.outboard == self.held.outboard
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Request(to, id, life, request) => self.arrive(to, id, life, &request),
            Event::ReadEnds(node, read) => self.nodes.get_mut(&node).unwrap().done(read),
            Event::Response(from, id, life, bytes) if life == self.life => {
                self.hear(from, id, bytes);
            }
            Event::Bytes(from, id, life) if life == self.life => {
                self.download.on_bytes(&from, id, self.now);
                self.gave_at.insert(from, self.now);
            }
            Event::Response(..) | Event::Bytes(..) => {}
            Event::Die(name) => {
                self.nodes.get_mut(&name).unwrap().is_alive = false;
                self.in_flight.retain(|_, (peer, _)| *peer != name);
                self.download.peer_gone(&name, self.now);
            }
            Event::Join(name) => {
                self.nodes.get_mut(&name).unwrap().is_alive = true;
                let is_taken = self.download.add_peer(name, self.now);
                assert_eq!(is_taken, !self.banned.contains(&name), "{}", self.name());
            }
            Event::Kill(record) => self.kill(record),
            Event::Heal => {
                self.faults = Faults::default();
                for name in self.nodes.keys().copied().collect::<Vec<_>>() {
                    let node = &self.nodes[&name];
                    if node.is_alive && !self.banned.contains(&name) {
                        self.happen(Event::Join(name));
                    }
                }
            }
        }
    }

    /// Starts anew with what is on the disk, where only what was committed is left.
    fn kill(&mut self, record: Record) {
        let disk = std::mem::replace(&mut self.disk, Disk::new(self.held));
        let kept = match record {
            Record::Kept => disk.record,
            Record::Stale => disk.record_before,
            Record::Lost => None,
            Record::Damaged => disk.record.map(|mut bytes| {
                let bit = self.dice.below(8 * bytes.len() as u64) as usize;
                bytes[bit / 8] ^= 1 << (bit % 8);
                bytes
            }),
        };
        let blob = self.held.blob;
        let read = kept
            .as_deref()
            .map(|bytes| ResumeRecord::decode(&blob, bytes));
        if record == Record::Damaged {
            assert!(
                !matches!(read, Some(Ok(_))),
                "{}: damage is believed",
                self.name()
            );
        }
        let groups = match read {
            Some(Ok(record)) => record.held,
            _ => GroupSet::new(blob.groups()),
        };
        for group in (0..blob.groups()).filter(|group| groups.contains(*group)) {
            let start = group as usize * GROUP;
            let end = (start + GROUP).min(disk.bytes.len());
            self.disk.bytes[start..end].copy_from_slice(&disk.bytes[start..end]);
        }
        // Hashes are as good as the bytes that they stand for: some of them may be there for nothing.
        self.disk.outboard = disk.outboard;
        self.disk.record = kept.filter(|_| !groups.is_empty());
        self.life += 1;
        self.in_flight.clear();
        self.gave_at.clear();
        self.banned.clear();
        self.download = Download::resume(blob, groups, self.seed, self.now).unwrap();
        let alive = self.nodes.iter().filter(|(_, node)| node.is_alive);
        for name in alive.map(|(name, _)| *name).collect::<Vec<_>>() {
            self.happen(Event::Join(name));
        }
    }

    /// A request gets to a node.
    fn arrive(&mut self, to: u32, id: RequestId, life: u32, request: &Request) {
        let now = self.now;
        let request = Request::decode(&request.encode()).unwrap();
        let node = self.nodes.get_mut(&to).unwrap();
        let Some(answer) = node.answer(&request, now, &mut self.dice) else {
            return;
        };
        if let Some(read) = answer.read {
            self.at(now + ms(2), Event::ReadEnds(to, read));
        }
        let lost = self.is_lost();
        if lost && self.dice.percent(50) {
            self.at(answer.at, Event::Response(to, id, life, None));
        } else if !lost {
            let jitter = self.jitter();
            let mut some = answer.begins + jitter;
            while request_is_of_groups(&request) && some < answer.at + jitter {
                self.at(some, Event::Bytes(to, id, life));
                some += ms(1000);
            }
            let event = Event::Response(to, id, life, Some(answer.bytes));
            if self.dice.percent(self.faults.double_percent) {
                let later = answer.at + jitter + self.jitter() + ms(1);
                self.at(later, event.clone());
            }
            self.at(answer.at + jitter, event);
        }
    }

    /// A response gets to the download.
    fn hear(&mut self, from: u32, id: RequestId, bytes: Option<Vec<u8>>) {
        let now = self.now;
        let sent = self.in_flight.remove(&id);
        let is_of_groups = sent.is_some_and(|(_, range)| range.is_some());
        let wasted = self.download.counts().wasted_bytes;
        let range = sent.and_then(|(_, range)| range);
        match (bytes, range) {
            (None, _) => self.download.on_failure(&from, id, Failure::Lost, now),
            (Some(bytes), Some(range)) if bytes.first() == Some(&PROOF) => {
                let receiving = Receiving::new(&self.held.blob, range).unwrap();
                let received = receiving.read(&mut &bytes[1..]).unwrap();
                self.gave_at.insert(from, now);
                self.download.on_received(&from, id, received, now);
            }
            (Some(bytes), _) => match Response::decode(bytes) {
                Err(_) => self.download.on_failure(&from, id, Failure::Malformed, now),
                Ok(response) => {
                    let gives = matches!(response, Response::Proof(_) | Response::Busy { .. });
                    if is_of_groups || gives {
                        self.gave_at.insert(from, now);
                    }
                    self.download.on_response(&from, id, response, now);
                }
            },
        }
        let wasted = self.download.counts().wasted_bytes - wasted;
        let limit = LIE_BYTES_MAX as u64;
        assert!(wasted <= limit, "{}: {wasted} bytes wasted", self.name());
    }

    /// Does what the download says.
    fn drive(&mut self) {
        let mut steps = 0;
        while let Some(output) = self.download.poll(self.now) {
            steps += 1;
            assert!(steps < 10_000, "{}: no end of outputs", self.name());
            self.note(&output);
            self.do_output(output);
            self.check_bounds();
        }
        let wake = self.download.wake_at();
        assert!(
            wake.is_none_or(|at| at > self.now),
            "{}: wakes at once",
            self.name()
        );
    }

    fn do_output(&mut self, output: Output<u32>) {
        match output {
            Output::Send { peer, id, request } => self.send(peer, id, request),
            Output::Cancel { id, .. } => {
                self.in_flight.remove(&id);
            }
            Output::Write(verified) => self.write(&verified),
            Output::Commit { held } => {
                self.commits += 1;
                let blob = self.held.blob;
                let record = ResumeRecord { blob, held }.encode();
                self.disk.record_before = self.disk.record.replace(record);
            }
            Output::Ban { peer, why } => {
                let is_liar = self.nodes[&peer].is_liar();
                assert!(is_liar, "{}: {peer} is banned: {why}", self.name());
                self.in_flight.retain(|_, (of, _)| *of != peer);
                self.banned.push(peer);
            }
            Output::Silent { peer } => {
                let gave_at = self.gave_at.get(&peer);
                let is_so = gave_at.is_none_or(|at| self.now >= *at + SILENT_AFTER);
                assert!(is_so, "{}: {peer} is not silent", self.name());
                self.silent.push(peer);
            }
            Output::Finished => self.is_finished = true,
            Output::Stalled(stall) => self.stalls.push(stall),
        }
    }

    fn send(&mut self, peer: u32, id: RequestId, request: Request) {
        assert!(!self.banned.contains(&peer), "{}: asks {peer}", self.name());
        let range = match request {
            Request::Get { range, .. } => Some(range),
            Request::Have { .. } => None,
        };
        assert!(range.is_none_or(|range| range.count() <= REQUEST_GROUPS_MAX));
        self.in_flight.insert(id, (peer, range));
        if !self.is_lost() {
            let latency = self.nodes[&peer].latency;
            let arrives = self.now + latency + self.jitter();
            self.at(arrives, Event::Request(peer, id, self.life, request));
        }
    }

    fn write(&mut self, verified: &Verified) {
        let mut length = 0;
        for (offset, bytes) in verified.groups() {
            let offset = offset as usize;
            let end = offset + bytes.len();
            let truth = &self.held.bytes[offset..end];
            assert!(truth == bytes, "{}: wrong bytes at {offset}", self.name());
            self.disk.bytes[offset..end].copy_from_slice(bytes);
            length += bytes.len();
        }
        assert!((1..=usize::from(REQUEST_GROUPS_MAX) * GROUP).contains(&length));
        let disk = &mut self.disk;
        for (offset, pair) in verified.pairs() {
            let (start, end) = (*offset as usize, *offset as usize + 64);
            assert!(self.held.outboard[start..end] == pair[..], "wrong hashes");
            disk.outboard[start..end].copy_from_slice(pair);
        }
        self.written_bytes += length as u64;
    }

    fn check_bounds(&mut self) {
        let gets = self.in_flight.values().filter_map(|(_, range)| *range);
        let ranges: Vec<_> = gets.collect();
        assert!(ranges.len() <= REQUESTS_MAX, "{}: in flight", self.name());
        let groups = ranges.iter().map(|range| u32::from(range.count()));
        let most = GROUPS_IN_FLIGHT_MAX + u32::from(REQUEST_GROUPS_MAX);
        assert!(groups.sum::<u32>() < most, "{}: in flight", self.name());
        let bytes = ranges
            .iter()
            .map(|range| self.held.blob.bytes_of(*range))
            .sum();
        self.peak_bytes = self.peak_bytes.max(bytes);
    }

    fn note(&mut self, output: &Output<u32>) {
        let text = match output {
            Output::Write(verified) => {
                let groups = verified.groups();
                let groups: Vec<_> = groups.map(|(at, of)| (at, of.len())).collect();
                format!("write {groups:?}")
            }
            other => format!("{other:?}"),
        };
        let line = format!("{:?} {text}", self.now);
        for byte in line.bytes() {
            self.trace = (self.trace ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn is_lost(&mut self) -> bool {
        let cut = self.faults.partition;
        let is_cut = cut.is_some_and(|(from, to)| from <= self.now && self.now < to);
        is_cut || self.dice.percent(self.faults.loss_percent)
    }

    fn jitter(&mut self) -> Duration {
        Duration::from_micros(self.dice.below(1000 * self.faults.jitter_ms + 1))
    }
}

fn request_is_of_groups(request: &Request) -> bool {
    matches!(request, Request::Get { .. })
}

pub(crate) fn full(held: &Held) -> GroupSet {
    GroupSet::full(held.blob.groups())
}
