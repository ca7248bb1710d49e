//! What nodes say that is not true.

use nix_core::hash::Sha256;
use nix_remote::peers::{
    announcement::{ENVELOPE_BYTES_MAX, Key, Object, SIGNATURE_BYTES, SignerId, Statement},
    transfer::{RESPONSE_BYTES_MAX, Response},
};

use crate::{
    corpus::{CACHES, Corpus, GROUP, STRANGER, Thing, key, sign, term},
    dice::Dice,
    outputs::Output,
    peer::Word,
};

/// How many records come of a node that has no end of them.
const FLOOD: u64 = 80;

/// A kind of records that are not what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lie {
    /// A true one of which a bit was changed.
    Forged,
    /// A true one of another path.
    OtherKey,
    /// One that somebody signed whom nobody trusts.
    Stranger,
    /// More bytes than any has.
    Oversized,
    /// One that held until yesterday.
    Expired,
    /// One that will hold tomorrow.
    Early,
    /// One whose content address is that of other bytes than it speaks of.
    OtherBytes,
    /// Many bytes that are no record.
    Garbage,
    /// One that held until there was a newer one: in time, and signed by a cache.
    Replayed,
    /// One whose content address leads to the path, and whose root to other bytes.
    FalseRoot,
    /// One whose content address leads to the path, and whose hash is of other bytes than its root.
    FalseHash,
    /// One whose content address leads to the path, and that is of the archive of something else.
    OtherArchive,
}

impl Lie {
    pub(crate) const ALL: [Self; 12] = [
        Self::Forged,
        Self::OtherKey,
        Self::Stranger,
        Self::Oversized,
        Self::Expired,
        Self::Early,
        Self::OtherBytes,
        Self::Garbage,
        Self::Replayed,
        Self::FalseRoot,
        Self::FalseHash,
        Self::OtherArchive,
    ];

    /// Whether nothing is wrong with a record itself.
    pub(crate) const fn is_well_signed(self) -> bool {
        matches!(
            self,
            Self::Replayed | Self::FalseRoot | Self::FalseHash | Self::OtherArchive
        )
    }
}

/// A record, and what is wrong with it.
pub(crate) type Told = (Vec<u8>, Option<Lie>);

/// Makes lies about what stands under a key.
pub(crate) fn records(corpus: &Corpus, about: &Key, dice: &mut Dice, unix: u64) -> Vec<Told> {
    let (digest, signer) = match about {
        Key::PathInfo {
            signer,
            path_digest,
        } => (*path_digest, Some(*signer)),
        Key::ContentAddressed { path_digest } => (*path_digest, None),
        Key::Realisation { signer, output } => {
            let is_it = |one: &&Output| Sha256::of(one.text.as_bytes()) == *output;
            let output = corpus.outputs.iter().find(is_it);
            return output.map_or_else(Vec::new, |output| {
                of_output(corpus, output, *signer, dice, unix)
            });
        }
    };
    let Some(thing) = corpus.of_digest(digest) else {
        return Vec::new();
    };
    let lie = dice.pick(&Lie::ALL);
    if lie == Lie::Garbage {
        let count = if dice.percent(20) { FLOOD } else { 1 };
        return (0..count)
            .map(|_| (dice.roll().to_be_bytes().to_vec(), Some(Lie::Garbage)))
            .collect();
    }
    let told = tell(corpus, thing, signer, lie, dice, unix);
    told.map(|bytes| (bytes, Some(lie))).into_iter().collect()
}

/// Makes lies about what a signer says of an output.
fn of_output(
    corpus: &Corpus,
    output: &Output,
    signer: SignerId,
    dice: &mut Dice,
    unix: u64,
) -> Vec<Told> {
    let cache = CACHES[0];
    if signer != SignerId::of(&key(cache).public_key()) {
        return Vec::new();
    }
    let says = |path, at, seed| {
        let statement = output.says(path, CACHES[0]);
        sign(&statement, term(at, at), seed).as_bytes().to_vec()
    };
    let truth = || says(&output.path, unix, cache);
    let lies = [
        Lie::Forged,
        Lie::OtherKey,
        Lie::Stranger,
        Lie::Oversized,
        Lie::Expired,
        Lie::Early,
    ];
    let lie = dice.pick(&lies);
    let bytes = match lie {
        Lie::Forged => forge(truth(), dice),
        Lie::OtherKey => {
            let others = corpus.outputs.iter();
            let mut others = others.filter(|other| other.text != output.text);
            let other = others.next().unwrap();
            let statement = other.says(&other.path, cache);
            sign(&statement, term(unix, unix), cache)
                .as_bytes()
                .to_vec()
        }
        Lie::Stranger => says(&output.other, unix, STRANGER),
        Lie::Oversized => {
            let mut bytes = truth();
            bytes.resize(ENVELOPE_BYTES_MAX + 1 + dice.below(100_000) as usize, 7);
            bytes
        }
        Lie::Expired => says(&output.other, unix - 72 * 3600, cache),
        _ => says(&output.other, unix + 24 * 3600, cache),
    };
    vec![(bytes, Some(lie))]
}

fn tell(
    corpus: &Corpus,
    thing: &Thing,
    signer: Option<SignerId>,
    lie: Lie,
    dice: &mut Dice,
    unix: u64,
) -> Option<Vec<u8>> {
    let is_of_cache = signer == Some(SignerId::of(&key(CACHES[0]).public_key()));
    let is_addressed = signer.is_none() && thing.is_addressed();
    let truth = || truth(thing, is_addressed, unix);
    let bytes = match lie {
        Lie::Forged if is_of_cache || is_addressed => forge(truth(), dice),
        Lie::OtherKey => {
            let others = corpus.public().iter();
            let mut others = others.filter(|other| other.info.path != thing.info.path);
            let other = others.find_map(|other| other.old.as_ref())?;
            other.as_bytes().to_vec()
        }
        Lie::Stranger => thing.strange.as_bytes().to_vec(),
        Lie::Oversized => {
            let mut bytes = truth();
            bytes.resize(ENVELOPE_BYTES_MAX + 1 + dice.below(100_000) as usize, 7);
            bytes
        }
        Lie::Expired if is_of_cache => thing.expired.as_ref()?.as_bytes().to_vec(),
        Lie::Replayed if is_of_cache => thing.old.as_ref()?.as_bytes().to_vec(),
        Lie::Early if is_of_cache => {
            let tomorrow = unix + 24 * 3600;
            let statement = thing.says(thing.truth());
            let early = sign(&statement, term(tomorrow, tomorrow), CACHES[0]);
            early.as_bytes().to_vec()
        }
        Lie::OtherBytes if thing.is_addressed_by_nar_hash() && is_addressed => {
            other_bytes(corpus, thing, unix)
        }
        Lie::FalseRoot if is_addressed => {
            let other = dice.pick(&[thing.junk, corpus.poison]);
            let size = corpus.contents[&other].blob.size();
            address(thing, thing.object(thing.info.nar_hash, size, other), unix)
        }
        Lie::FalseHash if is_addressed && !thing.is_addressed_by_nar_hash() => {
            let hash = corpus.contents[&thing.junk].nar_hash;
            address(
                thing,
                thing.object(hash, thing.info.nar_size, thing.root),
                unix,
            )
        }
        Lie::OtherArchive if is_addressed && !thing.is_addressed_by_nar_hash() => {
            let other = dice.pick(&[thing.junk, corpus.poison]);
            let content = &corpus.contents[&other];
            let object = thing.object(content.nar_hash, content.blob.size(), other);
            address(thing, object, unix)
        }
        _ => return None,
    };
    Some(bytes)
}

/// Under the key of a content-addressed path anybody may announce another archive.
fn address(thing: &Thing, object: Object, unix: u64) -> Vec<u8> {
    let announcement = sign(&thing.says(object), term(u64::MAX, unix), STRANGER);
    announcement.as_bytes().to_vec()
}

/// Speaks of what nobody vouches for, with a signature that holds.
fn other_bytes(corpus: &Corpus, thing: &Thing, unix: u64) -> Vec<u8> {
    let truth = truth(thing, true, unix);
    let path_digest = thing.info.path.digest();
    let about = Key::ContentAddressed { path_digest }.to_bytes();
    let poison = &corpus.contents[&corpus.poison];
    let mut bytes = truth[..truth.len() - SIGNATURE_BYTES].to_vec();
    bytes[62..94].copy_from_slice(&poison.nar_hash.0);
    bytes[94..102].copy_from_slice(&poison.blob.size().to_be_bytes());
    bytes[102..134].copy_from_slice(poison.blob.root());
    let message = [b"nix-kad/1\0".as_slice(), &about, &bytes].concat();
    bytes.extend_from_slice(&key(STRANGER).sign(&message).bytes);
    bytes
}

fn truth(thing: &Thing, is_addressed: bool, unix: u64) -> Vec<u8> {
    let statement = thing.says(thing.truth());
    let seed = if is_addressed { STRANGER } else { CACHES[0] };
    sign(&statement, term(unix, unix), seed).as_bytes().to_vec()
}

fn forge(mut bytes: Vec<u8>, dice: &mut Dice) -> Vec<u8> {
    let bit = dice.below(8 * bytes.len() as u64) as usize;
    bytes[bit / 8] ^= 1 << (bit % 8);
    bytes
}

/// What a traitor says of a thing.
pub(crate) fn traitors_word(corpus: &Corpus, thing: &Thing, word: Word) -> Statement {
    let (hash, size) = (thing.info.nar_hash, thing.info.nar_size);
    let junk_hash = corpus.contents[&thing.junk].nar_hash;
    Statement::PathInfo(match word {
        Word::Archive => thing.object(junk_hash, size, thing.junk),
        Word::Root => thing.object(hash, size, thing.junk),
        Word::Hash => thing.object(junk_hash, size, thing.root),
        Word::Size => thing.object(hash, size + GROUP as u64, thing.root),
    })
}

/// Makes of a true response to a request one that is not.
pub(crate) fn response(bytes: &mut Vec<u8>, dice: &mut Dice) {
    let last = bytes.len() - 1;
    match dice.below(7) {
        0 => {
            let bit = dice.below(8 * last as u64 + 8) as usize;
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        1 => bytes.push(0),
        2 => bytes.truncate(dice.below(last as u64 + 1) as usize),
        3 => *bytes = vec![9; 100],
        4 => *bytes = Response::Proof(vec![7; 4 * GROUP]).encode(),
        5 => bytes.resize(RESPONSE_BYTES_MAX + 1, 0),
        _ => *bytes = Response::Complete { size: 77 }.encode(),
    }
}
