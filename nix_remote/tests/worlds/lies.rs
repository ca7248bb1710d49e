//! What nodes say that is not true.

use nix_core::{hash::Sha256, path_info::PathInfo};
use nix_remote::peers::{
    announcement::{
        Announcement, ENVELOPE_BYTES_MAX, Key, Object, SIGNATURE_BYTES, SignerId, Statement,
    },
    transfer::{GROUP_LOG, RESPONSE_BYTES_MAX, Response},
};

use crate::{
    corpus::{CACHES, Corpus, GROUP, STRANGER, Thing, key, sign, term},
    dice::Dice,
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
}

impl Lie {
    pub(crate) const ALL: [Self; 10] = [
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
    ];

    /// Whether nothing is wrong with a record itself.
    pub(crate) const fn is_well_signed(self) -> bool {
        matches!(self, Self::Replayed | Self::FalseRoot)
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
        Key::Realisation { .. } => return Vec::new(),
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
            let statement = thing.says(thing.info.nar_hash, thing.root);
            let early = sign(&statement, term(tomorrow, tomorrow), CACHES[0]);
            early.as_bytes().to_vec()
        }
        Lie::OtherBytes if is_addressed => other_bytes(corpus, thing, unix),
        Lie::FalseRoot if is_addressed => false_root(thing, unix).as_bytes().to_vec(),
        _ => return None,
    };
    Some(bytes)
}

/// Under the key of a content-addressed path anybody may announce another root.
fn false_root(thing: &Thing, unix: u64) -> Announcement {
    let statement = thing.says(thing.info.nar_hash, thing.junk);
    sign(&statement, term(u64::MAX, unix), STRANGER)
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
    let statement = thing.says(thing.info.nar_hash, thing.root);
    let seed = if is_addressed { STRANGER } else { CACHES[0] };
    sign(&statement, term(unix, unix), seed).as_bytes().to_vec()
}

fn forge(mut bytes: Vec<u8>, dice: &mut Dice) -> Vec<u8> {
    let bit = dice.below(8 * bytes.len() as u64) as usize;
    bytes[bit / 8] ^= 1 << (bit % 8);
    bytes
}

/// What the equivocator says of a thing beside the truth: another archive, or the root of another
/// archive than the hash is of.
pub(crate) fn other_word(thing: &Thing, junk_hash: Sha256, is_consistent: bool) -> Statement {
    if !is_consistent {
        return thing.says(thing.info.nar_hash, thing.junk);
    }
    let info = PathInfo {
        nar_hash: junk_hash,
        signatures: [].into(),
        ..thing.info.clone()
    };
    Statement::PathInfo(Object::new(&info, thing.junk, GROUP_LOG))
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
