//! What nodes announce and what they serve.

use nix_core::store_path::StorePath;
use nix_remote::peers::{
    announcement::{Announcement, SignerId, Statement, announceable, provider_key},
    transfer::{Answer, GROUP_LOG, ReadId, Request, Response, prove},
};

use crate::{
    corpus::{EQUIVOCATOR, TRUSTED, dir, key, sign, term},
    dice::ms,
    disk::Published,
    lies,
    network::Message,
    peer::{Manner, Role},
    world::{Event, World},
};

impl World {
    /// Announces an object of a node's store, if it may be announced.
    pub(crate) fn announce(&mut self, node: u32, path: &StorePath) {
        let unix = self.unix(node);
        let peer = &mut self.peers[node as usize];
        let (info, root) = peer.disk.store[path].clone();
        let roots = [path.clone()].into();
        let allowed = announceable([&info], &roots, &dir(), &TRUSTED).unwrap();
        let Some(allowed) = allowed.first() else {
            return self.counts.add("objects kept private");
        };
        let statement = allowed.statement(root, GROUP_LOG);
        let secret = key(peer.key);
        let made = Announcement::sign(&dir(), &statement, term(unix, unix), &secret).unwrap();
        let published = Published {
            key: made.key().to_bytes(),
            value: made.as_bytes().to_vec(),
            provider_key: provider_key(&root).to_vec(),
        };
        let before = &peer.disk.published;
        let before = before.get(&published.key).cloned();
        peer.disk.whole.insert(root);
        peer.share(self.corpus.contents[&root].blob);
        let life = peer.life;
        let key = published.key.clone();
        peer.disk.published.insert(key, published.clone());
        self.check_announced(node, path, &root);
        self.publish(node, life, &published);
        self.counts.add(match before {
            Some(_) => "objects announced again",
            None => "objects announced",
        });
    }

    /// Announces all that a node has from the beginning.
    pub(crate) fn announce_all(&mut self, node: u32) {
        let peer = &self.peers[node as usize];
        let paths: Vec<_> = peer.disk.store.keys().cloned().collect();
        for path in paths {
            if self.peers[node as usize].backup.contains(&path) {
                self.announce(node, &path);
            }
        }
    }

    /// Says one thing to some nodes and another one to the others.
    pub(crate) fn equivocate(&mut self, node: u32) {
        let Role::Equivocator { is_consistent } = self.peers[node as usize].role else {
            return;
        };
        let (corpus, unix) = (self.corpus, self.unix(node));
        let life = self.peers[node as usize].life;
        let things = corpus.public().iter();
        let signed = things.filter(|thing| !thing.is_addressed());
        for thing in signed.take(2) {
            let junk_hash = corpus.contents[&thing.junk].nar_hash;
            let truth = thing.says(thing.info.nar_hash, thing.root);
            let other = lies::other_word(thing, junk_hash, is_consistent);
            let made = [truth, other].map(|one| sign(&one, term(unix, unix), EQUIVOCATOR));
            let key = made[0].key().to_bytes();
            for (place, keeper) in self.keepers(&key).into_iter().enumerate() {
                let bytes = made[place % 2].as_bytes().to_vec();
                self.send(node, keeper, life, Message::Put(key.clone(), bytes, None));
            }
            self.provide(node, life, &provider_key(&thing.junk));
            self.counts.add("equivocations");
        }
    }

    /// Sends lies to those who keep records, and says to have what it may not have.
    ///
    /// Under the key of a content-addressed path the last word counts, whoever says it: so there is
    /// an end to that once the faults are over.
    pub(crate) fn mislead(&mut self, node: u32) {
        if self.now >= self.heals_at {
            return;
        }
        let (unix, corpus) = (self.unix(node), self.corpus);
        let life = self.peers[node as usize].life;
        for thing in corpus.public() {
            let signer = SignerId::of(&key(crate::corpus::CACHES[0]).public_key());
            let statement = thing.says(thing.info.nar_hash, thing.root);
            let about = nix_remote::peers::announcement::Key::of(&statement, signer);
            let records = lies::records(corpus, &about, &mut self.dice, unix);
            for (bytes, lie) in records.into_iter().take(2) {
                for keeper in self.keepers(&about.to_bytes()) {
                    let put = Message::Put(about.to_bytes(), bytes.clone(), lie);
                    self.send(node, keeper, life, put);
                }
            }
            for root in [thing.root, thing.junk, corpus.poison] {
                if self.dice.percent(60) {
                    self.provide(node, life, &provider_key(&root));
                }
            }
        }
        let later = self.dice.below(12_000);
        self.at(self.now + ms(4000 + later), Event::Mislead(node));
    }

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
            Role::Equivocator { .. } | Role::Liar(_) => self.anything(&request),
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
                let whole = &self.peers[node as usize].disk.whole;
                assert!(whole.contains(read.blob.root()));
                let life = self.peers[node as usize].life;
                let read = read.id;
                self.at(now + ms(3), Event::ReadEnds { node, life, read });
                self.proof(request)
            }
        }
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

    /// The statement that a record is of, if it is one of an object.
    pub(crate) fn object_of(
        announcement: &Announcement,
    ) -> &nix_remote::peers::announcement::Object {
        match announcement.statement() {
            Statement::PathInfo(object) | Statement::ContentAddressed(object, _) => object,
            _ => unreachable!("no realisation is announced"),
        }
    }
}
