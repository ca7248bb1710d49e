//! What nodes announce, and what those say who are not to be believed.

use nix_core::store_path::StorePath;
use nix_remote::peers::{
    announcement::{Announcement, Key, Object, SignerId, Statement, announceable},
    transfer::GROUP_LOG,
};

use crate::{
    corpus::{CACHES, TRAITOR, TRUSTED, dir, key, sign, term},
    dice::ms,
    lies,
    network::Message,
    outputs::allows,
    peer::Role,
    world::{Event, World},
};

impl World {
    /// Announces an object of a node's store with the outputs that it is, if they may be announced.
    pub(crate) fn announce(&mut self, node: u32, path: &StorePath) {
        let corpus = self.corpus;
        let (info, root) = self.peers[node as usize].disk.store[path].clone();
        let roots = [path.clone()].into();
        let allowed = announceable([&info], &roots, &dir(), &TRUSTED).unwrap();
        let Some(allowed) = allowed.first() else {
            return self.counts.add("objects kept private");
        };
        let peer = &mut self.peers[node as usize];
        peer.share(corpus, path, &root);
        self.check_announced(node, path, &root);
        let is_new = self.state(node, &allowed.statement(root, GROUP_LOG));
        self.provide_own(node, &root);
        self.counts.add(match is_new {
            true => "objects announced",
            false => "objects announced again",
        });
        for output in corpus.outputs.iter().filter(|output| output.path == *path) {
            let statement = output.known();
            let is_allowed = allows(allowed, &statement);
            assert_ne!(is_allowed, output.is_private, "{}", self.name());
            if is_allowed {
                self.state(node, &statement);
                self.counts.add("outputs announced");
            } else {
                self.counts.add("outputs kept private");
            }
        }
    }

    /// Announces a statement, and goes on doing so; returns whether it is new.
    fn state(&mut self, node: u32, statement: &Statement) -> bool {
        let unix = self.unix(node);
        let peer = &mut self.peers[node as usize];
        let made = sign(statement, term(unix, unix), peer.key);
        let (key, life) = (made.key().to_bytes(), peer.life);
        let published = &mut peer.disk.published;
        let before = published.insert(key.clone(), made.as_bytes().to_vec());
        self.publish(node, life, &key, made.as_bytes());
        before.is_none()
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

    /// Says of paths and outputs, with a key that is trusted, what is not so; the truth to some of
    /// those who keep it, where the traitor has two faces.
    pub(crate) fn betray(&mut self, node: u32) {
        let Role::Traitor { word, .. } = self.peers[node as usize].role else {
            return;
        };
        let (corpus, life) = (self.corpus, self.peers[node as usize].life);
        let signed = corpus.public().iter().filter(|thing| !thing.is_addressed());
        let addressed = corpus.public().iter().filter(|thing| thing.is_addressed());
        for thing in signed.take(2).chain(addressed.take(2)) {
            let truth = Statement::PathInfo(thing.truth());
            self.say(node, [truth, lies::traitors_word(corpus, thing, word)]);
            for root in [thing.junk, thing.root] {
                self.provide(node, life, &root);
            }
        }
        for output in corpus.outputs.iter().skip(1).take(2) {
            let words = [&output.path, &output.other];
            self.say(node, words.map(|path| output.says(path, TRAITOR)));
        }
    }

    fn say(&mut self, node: u32, words: [Statement; 2]) {
        let Role::Traitor { has_two_faces, .. } = self.peers[node as usize].role else {
            return;
        };
        let (unix, life) = (self.unix(node), self.peers[node as usize].life);
        let made = words.map(|one| sign(&one, term(unix, unix), TRAITOR));
        let key = made[0].key().to_bytes();
        for (place, keeper) in self.keepers(&key).into_iter().enumerate() {
            let face = if has_two_faces { place % 2 } else { 1 };
            let bytes = made[face].as_bytes().to_vec();
            self.send(node, keeper, life, Message::Put(key.clone(), bytes, None));
        }
        self.counts.add(match has_two_faces {
            true => "equivocations",
            false => "betrayals",
        });
    }

    /// Sends lies to those who keep records, and says to have what it may not have.
    ///
    /// Under the key of a content-addressed path the last word counts, whoever says it: so there is
    /// an end to that once the faults are over.
    pub(crate) fn mislead(&mut self, node: u32) {
        if self.now >= self.heals_at {
            return;
        }
        let corpus = self.corpus;
        let life = self.peers[node as usize].life;
        let signer = SignerId::of(&key(CACHES[0]).public_key());
        for thing in corpus.public() {
            self.mislead_about(node, &Key::of(&thing.says(thing.truth()), signer));
            for root in [thing.root, thing.junk, corpus.poison] {
                if self.dice.percent(60) {
                    self.provide(node, life, &root);
                }
            }
        }
        for output in &corpus.outputs {
            self.mislead_about(node, &Key::of_output(&output.text, signer));
        }
        let later = self.dice.below(12_000);
        self.at(self.now + ms(12_000 + later), Event::Mislead(node));
    }

    fn mislead_about(&mut self, node: u32, about: &Key) {
        let (unix, life) = (self.unix(node), self.peers[node as usize].life);
        let records = lies::records(self.corpus, about, &mut self.dice, unix);
        for (bytes, lie) in records.into_iter().take(2) {
            for keeper in self.keepers(&about.to_bytes()) {
                let put = Message::Put(about.to_bytes(), bytes.clone(), lie);
                self.send(node, keeper, life, put);
            }
        }
    }

    /// The object that a record is of.
    pub(crate) fn object_of(announcement: &Announcement) -> &Object {
        match announcement.statement() {
            Statement::PathInfo(object) | Statement::ContentAddressed(object, _) => object,
            _ => unreachable!("it is of an output"),
        }
    }
}
