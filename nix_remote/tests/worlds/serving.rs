//! What nodes serve.

use nix_remote::peers::transfer::{Answer, Read, ReadId, Request, Response, prove};

use crate::{
    dice::ms,
    lies,
    network::Message,
    peer::{Manner, Role, Source},
    world::{Event, World},
};

impl World {
    /// Answers a request for an archive.
    pub(crate) fn on_request(
        &mut self,
        from: u32,
        node: u32,
        life: u32,
        number: u64,
        request: &Request,
    ) {
        let request = Request::decode(&request.encode()).unwrap();
        let role = self.peers[node as usize].role;
        let response = match role {
            Role::Honest => self.answer(from, node, &request),
            Role::Liar(Manner::Silently) => return,
            Role::Liar(Manner::Mutely) if matches!(request, Request::Get { .. }) => return,
            Role::Traitor { .. } | Role::Liar(_) => self.anything(&request),
        };
        let mut bytes = response.encode();
        if role == Role::Liar(Manner::Falsely) && self.dice.percent(60) {
            lies::response(&mut bytes, &mut self.dice);
        }
        self.send(node, from, life, Message::Response(number, bytes));
    }

    /// What an honest node answers: of what it has, and within its limits.
    fn answer(&mut self, from: u32, node: u32, request: &Request) -> Response {
        let now = self.now;
        match self.mind(node).server.on_request(&from, request, now) {
            Answer::Now(response) => {
                if matches!(response, Response::Busy { .. }) {
                    self.counts.add("busy answers");
                }
                response
            }
            Answer::Read(read) => {
                let (life, id) = (self.peers[node as usize].life, read.id);
                self.at(
                    now + ms(3),
                    Event::ReadEnds {
                        node,
                        life,
                        read: id,
                    },
                );
                self.read(node, &read, request)
            }
        }
    }

    /// Makes the proof of groups of what a node shares: they are there, as they are to be.
    fn read(&mut self, node: u32, read: &Read, request: &Request) -> Response {
        let root = read.blob.root();
        let truth = self.proof(request);
        let peer = &self.peers[node as usize];
        match peer.source(root) {
            None => panic!("{}: {node} shares what is nowhere", self.name()),
            Some(Source::Object(path)) => {
                let is_of_store = peer.disk.store[&path].1 == *root;
                assert!(is_of_store, "{}: {path} has another archive", self.name());
            }
            Some(Source::File) => assert!(peer.disk.whole.contains(root), "{}", self.name()),
            Some(Source::Part) => {
                let part = &peer.disk.parts[&read.blob];
                let is_idle = !peer.mind.downloads.contains_key(root);
                let proof = prove(&read.blob, read.range, &part.bytes, &part.outboard);
                let proof = proof.map(Response::Proof);
                let is_true = proof.as_ref() == Ok(&truth);
                assert!(is_true, "{}: {node} shares what is not there", self.name());
                self.counts.add("groups of parts served");
                if is_idle {
                    self.counts
                        .add("groups of parts served that nobody fetches");
                }
            }
        }
        truth
    }

    /// What a node answers that has whatever there is.
    fn anything(&self, request: &Request) -> Response {
        match (self.corpus.contents.get(request.root()), request) {
            (None, _) => Response::Unknown,
            (Some(content), Request::Have { .. }) => Response::Complete {
                size: content.blob.size(),
            },
            (Some(_), Request::Get { .. }) => self.proof(request),
        }
    }

    fn proof(&self, request: &Request) -> Response {
        let Request::Get { root, range } = request else {
            return Response::Unknown;
        };
        let content = &self.corpus.contents[root];
        let proof = prove(&content.blob, *range, &content.bytes, &content.outboard);
        Response::Proof(proof.unwrap())
    }

    pub(crate) fn read_ends(&mut self, node: u32, read: ReadId) {
        self.mind(node).server.done(read);
    }
}
