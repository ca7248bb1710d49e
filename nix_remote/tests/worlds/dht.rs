//! The DHT: which nodes keep what, what they take, and what they answer.

use nix_core::hash::Sha256;
use nix_remote::peers::{
    announcement::{
        Announcement, DecodeError, Kind, PROVIDER_KEY_BYTES, Signers, VerifyError, provider_key,
    },
    lookup::Question,
};

use crate::{
    corpus::{Root, dir},
    dice::ms,
    disk::Kept,
    lies::{self, Lie},
    network::{Asker, Message},
    world::{Event, World},
};

/// How many nodes keep a record.
pub(crate) const KEEPERS: usize = 4;

/// The most providers that a node names.
const PROVIDERS_NAMED_MAX: usize = 20;

/// How many a liar names.
const FALSE_PROVIDERS_MAX: u32 = 100;

/// Why a node does not keep a record.
#[derive(Debug)]
enum Refused {
    Decode(DecodeError),
    Verify(VerifyError),
    /// It has a newer one.
    Older,
}

/// The bytes of the key that a question is about.
pub(crate) fn key_of(question: &Question) -> Vec<u8> {
    match question {
        Question::Record(key) => key.to_bytes(),
        Question::Providers(root) => provider_key(root).to_vec(),
    }
}

impl World {
    /// The nodes that are nearest to a key.
    pub(crate) fn keepers(&mut self, key: &[u8]) -> Vec<u32> {
        if let Some(keepers) = self.keepers.get(key) {
            return keepers.clone();
        }
        let place = Sha256::of(key).0;
        let distance = |name: &u32| {
            let other = Sha256::of(&name.to_be_bytes()).0;
            let pairs = place.into_iter().zip(other);
            pairs.map(|(one, other)| one ^ other).collect::<Vec<_>>()
        };
        let mut names: Vec<_> = (0..self.peers.len() as u32).collect();
        names.sort_by_cached_key(distance);
        names.truncate(KEEPERS);
        self.keepers.insert(key.to_vec(), names.clone());
        names
    }

    /// Sends out what a node has published, to be kept by others.
    pub(crate) fn republish(&mut self, node: u32) {
        let peer = &self.peers[node as usize];
        if peer.is_up {
            let life = peer.life;
            let published = peer.disk.published.clone();
            let provided = peer.disk.provided.clone();
            for (key, value) in published {
                self.publish(node, life, &key, &value);
            }
            for root in provided {
                self.provide(node, life, &root);
            }
        }
        self.at(self.now + ms(25_000), Event::Republish(node));
    }

    pub(crate) fn publish(&mut self, node: u32, life: u32, key: &[u8], value: &[u8]) {
        for keeper in self.keepers(key) {
            let put = Message::Put(key.to_vec(), value.to_vec(), None);
            self.send(node, keeper, life, put);
        }
    }

    /// Says that a node has an archive.
    pub(crate) fn provide(&mut self, node: u32, life: u32, root: &Root) {
        let key = provider_key(root).to_vec();
        for keeper in self.keepers(&key) {
            self.send(node, keeper, life, Message::Provide(key.clone()));
        }
    }

    /// Says that a node has an archive, and says so again from time to time.
    pub(crate) fn provide_own(&mut self, node: u32, root: &Root) {
        let peer = &mut self.peers[node as usize];
        peer.disk.provided.insert(*root);
        let life = peer.life;
        self.provide(node, life, root);
    }

    /// Keeps what another one announced, so that it is found when that one has gone.
    pub(crate) fn keep(&mut self, node: u32, announcement: &Announcement) {
        let (key, value) = (announcement.key().to_bytes(), announcement.as_bytes());
        self.on_put(node, key, value.to_vec(), None);
        self.counts.add("words of others kept");
    }

    /// Keeps a record for others, if it is believed and not older than what is there.
    pub(crate) fn on_put(&mut self, node: u32, key: Vec<u8>, value: Vec<u8>, lie: Option<Lie>) {
        let unix = self.unix(node);
        let records = &mut self.peers[node as usize].disk.records;
        let kept = records.get(&key);
        if kept.is_some_and(|kept| kept.value == value) {
            return;
        }
        match judge(kept, &key, &value, unix) {
            Ok(()) => {
                records.insert(key, Kept { value });
                assert!(
                    lie.is_none_or(Lie::is_well_signed),
                    "{}: {node} keeps a record that is {lie:?}",
                    self.name()
                );
            }
            Err(refused) => self.refused_by_store(lie, &refused),
        }
    }

    fn refused_by_store(&mut self, lie: Option<Lie>, refused: &Refused) {
        let Some(lie) = lie else {
            // One that is true may come late.
            assert!(
                matches!(
                    refused,
                    Refused::Older | Refused::Verify(VerifyError::Expired { .. })
                ),
                "{}: {refused:?}",
                self.name()
            );
            return self.counts.add("late records");
        };
        let is_due = match (lie, refused) {
            (Lie::Oversized, Refused::Decode(DecodeError::TooLarge { .. })) => true,
            (Lie::Oversized, _) => false,
            (Lie::Expired, Refused::Verify(VerifyError::Expired { .. })) => true,
            (Lie::Early, Refused::Verify(VerifyError::NotYetIssued { .. })) => true,
            (Lie::Expired | Lie::Early, _) => false,
            (lie, refused) if lie.is_well_signed() => matches!(refused, Refused::Older),
            _ => true,
        };
        assert!(is_due, "{}: {lie:?} is {refused:?}", self.name());
        *self.counts.refused_by_stores.entry(lie).or_default() += 1;
    }

    /// Keeps who has an archive.
    pub(crate) fn on_provide(&mut self, from: u32, node: u32, key: Vec<u8>) {
        assert_eq!(key.len(), PROVIDER_KEY_BYTES);
        let disk = &mut self.peers[node as usize].disk;
        disk.providers.entry(key).or_default().insert(from);
    }

    /// Answers a question.
    pub(crate) fn on_find(
        &mut self,
        from: u32,
        node: u32,
        life: u32,
        asker: Asker,
        question: &Question,
    ) {
        let lies = self.peers[node as usize].is_liar();
        let answer = if lies {
            self.false_answer(node, asker, question)
        } else {
            self.true_answer(node, asker, question)
        };
        if let Some(answer) = answer {
            self.send(node, from, life, answer);
        }
    }

    fn true_answer(&self, node: u32, asker: Asker, question: &Question) -> Option<Message> {
        let (disk, key) = (&self.peers[node as usize].disk, key_of(question));
        Some(match question {
            Question::Record(_) => {
                let kept = disk.records.get(&key);
                let kept = kept.map(|kept| (kept.value.clone(), None));
                Message::Records(asker, kept.into_iter().collect())
            }
            Question::Providers(_) => {
                let providers = disk.providers.get(&key).into_iter().flatten();
                let providers = providers.take(PROVIDERS_NAMED_MAX);
                Message::Providers(asker, providers.copied().collect())
            }
        })
    }

    fn false_answer(&mut self, node: u32, asker: Asker, question: &Question) -> Option<Message> {
        if self.dice.percent(20) {
            return None;
        }
        let unix = self.unix(node);
        match question {
            Question::Record(key) => {
                let records = lies::records(self.corpus, key, &mut self.dice, unix);
                Some(Message::Records(asker, records))
            }
            Question::Providers(_) => {
                self.counts.add("false providers");
                let nobody = 1000 + self.dice.below(1000) as u32;
                let count = self.dice.pick(&[0, 5, FALSE_PROVIDERS_MAX]);
                let anybody = self.dice.below(self.peers.len() as u64) as u32;
                let providers = (nobody..nobody + count).chain([anybody]);
                Some(Message::Providers(asker, providers.collect()))
            }
        }
    }
}

/// Judges a record as a node does that keeps announcements of anybody.
fn judge(kept: Option<&Kept>, key: &[u8], value: &[u8], unix: u64) -> Result<(), Refused> {
    let found = Announcement::decode(key, value).map_err(Refused::Decode)?;
    let verified = found.verify(&dir(), Signers::Any, unix);
    verified.map_err(Refused::Verify)?;
    let Some(kept) = kept else {
        return Ok(());
    };
    let before = Announcement::decode(key, &kept.value).unwrap();
    if before.compare(&found).is_some_and(|order| order.is_gt()) {
        return Err(Refused::Older);
    }
    assert!(rank(&before) <= rank(&found), "a newer record was replaced");
    Ok(())
}

/// The place of an announcement among those of its key.
pub(crate) fn rank(announcement: &Announcement) -> (u64, u64) {
    let term = announcement.term();
    match announcement.key().kind() {
        Kind::ContentAddressed => (term.issued_at, term.sequence),
        Kind::PathInfo | Kind::Realisation => (term.sequence, term.issued_at),
    }
}
