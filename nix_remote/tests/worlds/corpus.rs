//! The objects that there are, and what is said of them: true, old, expired and false.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use nix_core::{
    content_address::{ContentAddress, ContentAddressMethod},
    hash::{Hash, Sha256},
    path_info::PathInfo,
    signature::{SecretKey, TrustedKeys},
    store_path::{References, StoreDir, StorePath, StorePathName},
};
use nix_remote::peers::{
    announcement::{Announcement, LIFETIME_SECONDS_MAX, Object, SignerId, Statement, Term},
    transfer::{Blob, BlobHasher, GROUP_BYTES, GROUP_LOG},
};

use crate::{dice::Dice, outputs::Output};

pub(crate) type Root = [u8; 32];

pub(crate) const GROUP: usize = GROUP_BYTES as usize;

/// When worlds begin, in seconds since 1970.
pub(crate) const BEGIN: u64 = 1_700_000_000;

/// Whose announcements are believed: two caches, and one that says what is not so.
pub(crate) const CACHES: [u8; 2] = [1, 3];
pub(crate) const TRAITOR: u8 = 2;
pub(crate) const STRANGER: u8 = 99;

const CORPORA: u64 = 8;

pub(crate) static ALL: LazyLock<Vec<Corpus>> =
    LazyLock::new(|| (0..CORPORA).map(Corpus::new).collect());

/// Bytes with all that is known of them.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) blob: Blob,
    pub(crate) bytes: Vec<u8>,
    pub(crate) outboard: Vec<u8>,
    pub(crate) nar_hash: Sha256,
    /// What stands for the hash of the archive without the own hash part of its object.
    pub(crate) masked: Sha256,
}

/// A store object.
#[derive(Debug)]
pub(crate) struct Thing {
    pub(crate) info: PathInfo,
    pub(crate) root: Root,
    /// Other bytes of the same length.
    pub(crate) junk: Root,
    pub(crate) is_private: bool,
    /// What a cache said of it an hour ago, and three days ago; not of content-addressed ones.
    pub(crate) old: Option<Announcement>,
    pub(crate) expired: Option<Announcement>,
    /// What a stranger says of it, of bytes that nobody vouches for.
    pub(crate) strange: Announcement,
}

#[derive(Debug)]
pub(crate) struct Corpus {
    /// References before referrers; the last one is private.
    pub(crate) things: Vec<Thing>,
    pub(crate) outputs: Vec<Output>,
    pub(crate) contents: BTreeMap<Root, Content>,
    /// What nobody vouches for.
    pub(crate) poison: Root,
}

pub(crate) fn dir() -> StoreDir {
    StoreDir::default()
}

static KEYS: LazyLock<Vec<SecretKey>> = LazyLock::new(|| {
    let name = |seed| format!("cache-{seed}").parse().unwrap();
    let keys = (0..128).map(|seed| SecretKey::from_seed(name(seed), &[seed; 32]));
    keys.collect()
});

pub(crate) fn key(seed: u8) -> &'static SecretKey {
    &KEYS[usize::from(seed)]
}

/// Whether the word of a signer is taken.
pub(crate) fn is_trusted(signer: &SignerId) -> bool {
    TRUSTED_SIGNERS.contains(signer)
}

static TRUSTED_SIGNERS: LazyLock<[SignerId; 3]> = LazyLock::new(|| {
    [CACHES[0], CACHES[1], TRAITOR].map(|seed| SignerId::of(&key(seed).public_key()))
});

pub(crate) static TRUSTED: LazyLock<TrustedKeys> = LazyLock::new(|| {
    let mut keys = TrustedKeys::default();
    for seed in [CACHES[0], CACHES[1], TRAITOR] {
        keys.insert(key(seed).public_key()).unwrap();
    }
    keys
});

/// A term of the longest lifetime.
pub(crate) const fn term(sequence: u64, issued_at: u64) -> Term {
    Term {
        sequence,
        issued_at,
        not_after: issued_at + LIFETIME_SECONDS_MAX,
    }
}

pub(crate) fn sign(statement: &Statement, term: Term, seed: u8) -> Announcement {
    Announcement::sign(&dir(), statement, term, key(seed)).unwrap()
}

impl Content {
    /// Whether a store takes this for an object: it has the hash and the size that were announced,
    /// and leads to the content address if there is one.
    pub(crate) fn is_of(&self, info: &PathInfo) -> bool {
        let addresses = [self.nar_hash, self.masked].map(Hash::from);
        let is_addressed = |address: ContentAddress| addresses.contains(&address.hash);
        (self.nar_hash, self.blob.size()) == (info.nar_hash, info.nar_size)
            && info.content_address.is_none_or(is_addressed)
    }
}

impl Thing {
    pub(crate) fn is_addressed(&self) -> bool {
        self.info.content_address.is_some()
    }

    /// Whether its content address is the very hash that is announced with it, so that nobody can
    /// announce another one.
    pub(crate) fn is_addressed_by_nar_hash(&self) -> bool {
        let address = self.info.content_address;
        address.is_some_and(|address| address.hash == Hash::from(self.info.nar_hash))
    }

    /// What is said of an archive with this root, hash and size.
    pub(crate) fn object(&self, nar_hash: Sha256, nar_size: u64, root: Root) -> Object {
        let info = PathInfo {
            nar_hash,
            nar_size,
            ..self.info.clone()
        };
        Object::new(&info, root, GROUP_LOG)
    }

    /// A statement of an archive: by the content address, if there is one.
    pub(crate) fn says(&self, object: Object) -> Statement {
        match self.info.content_address {
            Some(address) => Statement::ContentAddressed(object, address),
            None => Statement::PathInfo(object),
        }
    }

    pub(crate) fn truth(&self) -> Object {
        self.object(self.info.nar_hash, self.info.nar_size, self.root)
    }
}

impl Corpus {
    fn new(number: u64) -> Self {
        let mut dice = Dice::new(number ^ 0xc0_4945);
        let mut corpus = Self {
            things: Vec::new(),
            outputs: Vec::new(),
            contents: BTreeMap::new(),
            poison: [0; 32],
        };
        corpus.poison = corpus.content(&mut dice, 3 * GROUP);
        let count = 5 + dice.below(4) as usize;
        for at in 0..=count {
            let thing = corpus.make(&mut dice, at, at == count);
            corpus.things.push(thing);
        }
        corpus.outputs = Output::some(corpus.public(), &mut dice);
        corpus
    }

    pub(crate) fn of(&self, path: &StorePath) -> &Thing {
        self.of_digest(path.digest()).unwrap()
    }

    pub(crate) fn of_digest(&self, digest: [u8; 20]) -> Option<&Thing> {
        let mut things = self.things.iter();
        things.find(|thing| thing.info.path.digest() == digest)
    }

    /// All things that others may have.
    pub(crate) fn public(&self) -> &[Thing] {
        &self.things[..self.things.len() - 1]
    }

    /// A thing and all that it needs, references first.
    pub(crate) fn closure(&self, path: &StorePath) -> Vec<&Thing> {
        let mut wanted = BTreeSet::from([path.clone()]);
        let mut closure = Vec::new();
        for thing in self.things.iter().rev() {
            if wanted.contains(&thing.info.path) {
                wanted.extend(thing.info.references.iter().cloned());
                closure.push(thing);
            }
        }
        closure.reverse();
        closure
    }

    fn content(&mut self, dice: &mut Dice, size: usize) -> Root {
        let bytes = dice.bytes(size);
        let mut hasher = BlobHasher::new(Vec::new());
        hasher.update(&bytes).unwrap();
        let (blob, outboard) = hasher.finish().unwrap();
        let root = *blob.root();
        let content = Content {
            blob,
            nar_hash: Sha256::of(&bytes),
            masked: Sha256::of(&root),
            bytes,
            outboard,
        };
        self.contents.insert(root, content);
        root
    }

    fn make(&mut self, dice: &mut Dice, at: usize, is_private: bool) -> Thing {
        let size = match dice.below(5) {
            0 => 8 + dice.below(1000) as usize,
            1 => GROUP - 1 + dice.below(3) as usize,
            2 => 5 * GROUP + dice.below(GROUP as u64) as usize,
            3 => 10 * GROUP + dice.below(6) as usize * GROUP,
            _ => 1 + dice.below(1 << 18) as usize,
        };
        let [root, junk] = [(); 2].map(|()| self.content(dice, size));
        let is_addressed = !is_private && dice.percent(35);
        let others = self.things.iter().map(|thing| thing.info.path.clone());
        let others = others.filter(|_| dice.percent(40)).collect();
        let info = self.info(dice, at, root, others, is_addressed, is_private);
        self.thing(info, root, junk, is_private)
    }

    fn info(
        &self,
        dice: &mut Dice,
        at: usize,
        root: Root,
        others: BTreeSet<StorePath>,
        is_addressed: bool,
        is_private: bool,
    ) -> PathInfo {
        let content = &self.contents[&root];
        let name = StorePathName::new(&format!("thing-{at}")).unwrap();
        let refers_to_itself = dice.percent(50);
        let hash = if refers_to_itself {
            content.masked
        } else {
            content.nar_hash
        };
        let address = ContentAddress::new(ContentAddressMethod::Nar, Hash::from(hash));
        let address = address.unwrap();
        let references = References {
            others: others.clone(),
            self_reference: refers_to_itself,
        };
        let path = if is_addressed {
            dir().fixed_path(&name, &address, &references).unwrap()
        } else {
            StorePath::new(dice.bytes(20).try_into().unwrap(), &name)
        };
        let mut info = PathInfo::new(path, content.nar_hash, content.blob.size());
        info.references = others;
        if is_addressed {
            info.content_address = Some(address);
        }
        if refers_to_itself {
            info.references.insert(info.path.clone());
        }
        if !is_private && !is_addressed {
            info.sign(&dir(), key(CACHES[0])).unwrap();
        }
        info
    }

    fn thing(&self, info: PathInfo, root: Root, junk: Root, is_private: bool) -> Thing {
        let other = PathInfo {
            nar_hash: self.contents[&junk].nar_hash,
            ..info.clone()
        };
        let statement = Statement::PathInfo(Object::new(&other, junk, GROUP_LOG));
        let at = |issued_at, sequence| sign(&statement, term(sequence, issued_at), CACHES[0]);
        let is_signed = info.content_address.is_none();
        let poison = &self.contents[&self.poison];
        let strange = PathInfo {
            nar_hash: poison.nar_hash,
            nar_size: poison.blob.size(),
            ..info.clone()
        };
        let strange = Statement::PathInfo(Object::new(&strange, self.poison, GROUP_LOG));
        Thing {
            old: is_signed.then(|| at(BEGIN - 3600, 1)),
            expired: is_signed.then(|| at(BEGIN - 72 * 3600, u64::MAX)),
            strange: sign(&strange, term(u64::MAX, BEGIN), STRANGER),
            info,
            root,
            junk,
            is_private,
        }
    }
}
