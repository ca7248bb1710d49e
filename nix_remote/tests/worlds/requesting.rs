//! What downloads ask of others, and what comes of it.

use nix_remote::peers::transfer::{
    Failure, LIE_BYTES_MAX, Output, Receiving, Request, RequestId, Response,
};

use crate::{
    corpus::Root,
    downloading::{Active, HASHED_MS},
    network::Message,
    world::{Done, World},
};

/// What a response with groups begins with.
const PROOF: u8 = 4;

impl World {
    fn active(&mut self, node: u32, root: &Root) -> &mut Active {
        self.mind(node).downloads.get_mut(root).unwrap()
    }

    pub(crate) fn do_output(&mut self, node: u32, root: Root, output: Output<u32>) {
        match output {
            Output::Send { peer, id, request } => self.request(node, root, peer, id, request),
            Output::Cancel { id, .. } => {
                self.active(node, &root).in_flight.remove(&id);
                let requests = &mut self.mind(node).requests;
                requests.retain(|_, request| *request != (root, id));
            }
            Output::Write(verified) => {
                let mut pairs = verified.pairs();
                for (offset, bytes) in verified.groups() {
                    let pairs = std::mem::take(&mut pairs);
                    self.write(node, &root, offset as usize, bytes, pairs);
                }
            }
            Output::Commit { held } => {
                let truth = &self.corpus.contents[&root];
                let disk = &mut self.peers[node as usize].disk;
                let part = disk.parts.get_mut(&truth.blob).unwrap();
                let is_there = part.has(&held, &truth.bytes);
                part.commit(held.clone());
                assert!(is_there, "{}: commits what is not there", self.name());
                self.counts.add("commits");
                let later = self.dice.below(HASHED_MS);
                self.disk_done(node, later, Done::Committed(root, held));
            }
            Output::Silent { peer } => self.check_silent(node, &root, peer),
            Output::Ban { peer, why } => self.ban(node, peer, &why),
            Output::Finished => {
                // Now and then it is a large one.
                let most = self.dice.pick(&[8, 8, 8, 20_000]);
                let later = HASHED_MS + self.dice.below(most);
                self.disk_done(node, later, Done::Finished(root));
            }
            Output::Stalled(_) => self.counts.add("stalls"),
        }
    }

    fn request(&mut self, node: u32, root: Root, to: u32, id: RequestId, request: Request) {
        let range = match request {
            Request::Get { range, .. } => Some(range),
            Request::Have { .. } => None,
        };
        let mind = self.mind(node);
        let is_banned = mind.banned.contains(&to);
        let active = mind.downloads.get_mut(&root).unwrap();
        active.in_flight.insert(id, (to, range));
        self.requests += 1;
        let (number, life) = (self.requests, self.peers[node as usize].life);
        self.mind(node).requests.insert(number, (root, id));
        let message = Message::Request(number, request);
        if is_banned {
            // Whoever is banned is not sent anything: there is no connection.
            return self.lose(node, to, life, &message);
        }
        self.send(node, to, life, message);
    }

    pub(crate) fn on_response(&mut self, from: u32, node: u32, number: u64, bytes: Vec<u8>) {
        let now = self.now;
        if self.mind(node).banned.contains(&from) {
            return;
        }
        let Some((root, id)) = self.mind(node).requests.remove(&number) else {
            return self.counts.add("answers that come too late");
        };
        let active = self.active(node, &root);
        let sent = active.in_flight.remove(&id);
        let is_of_groups = sent.is_some_and(|(_, range)| range.is_some());
        let Some(download) = &mut active.download else {
            return;
        };
        let wasted = download.counts().wasted_bytes;
        let (mut is_busy, mut is_of_part) = (false, false);
        match sent.and_then(|(_, range)| range) {
            Some(range) if bytes.first() == Some(&PROOF) => {
                let receiving = Receiving::new(download.blob(), range).unwrap();
                let received = receiving.read(&mut &bytes[1..]).unwrap();
                download.on_received(&from, id, received, now);
            }
            // Nobody reads groups that were not asked for.
            None if bytes.first() == Some(&PROOF) => {
                download.on_failure(&from, id, Failure::Malformed, now);
            }
            _ => match Response::decode(bytes) {
                Ok(response) => {
                    is_busy = matches!(response, Response::Busy { .. });
                    is_of_part = matches!(response, Response::Partial { .. });
                    download.on_response(&from, id, response, now);
                }
                Err(_) => download.on_failure(&from, id, Failure::Malformed, now),
            },
        }
        let wasted = download.counts().wasted_bytes - wasted;
        let limit = LIE_BYTES_MAX as u64;
        if is_of_groups || is_busy {
            active.gave_at.insert(from, now);
        }
        assert!(wasted <= limit, "{}: {wasted} bytes wasted", self.name());
        self.check_download(node, &root);
        if is_of_part {
            self.counts.add("answers of who has a part");
        }
    }

    /// Some of a response gets to the node that waits for it.
    pub(crate) fn on_bytes(&mut self, from: u32, node: u32, number: u64) {
        let now = self.now;
        let mind = self.mind(node);
        let Some((root, id)) = mind.requests.get(&number).copied() else {
            return;
        };
        let active = self.active(node, &root);
        let sent = active.in_flight.get(&id);
        if sent.is_some_and(|(_, range)| range.is_some()) {
            active.gave_at.insert(from, now);
        }
        if let Some(download) = &mut active.download {
            download.on_bytes(&from, id, now);
        }
    }

    pub(crate) fn on_failed(&mut self, peer: u32, node: u32, number: u64) {
        let now = self.now;
        let Some((root, id)) = self.mind(node).requests.remove(&number) else {
            return;
        };
        let active = self.active(node, &root);
        active.in_flight.remove(&id);
        if let Some(download) = &mut active.download {
            download.on_failure(&peer, id, Failure::Lost, now);
        }
    }
}
