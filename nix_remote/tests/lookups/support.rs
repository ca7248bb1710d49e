//! Announcements, and lookups to ask for them.

use std::{collections::BTreeSet, time::Duration};

use nix_core::{
    content_address::{ContentAddress, ContentAddressMethod},
    hash::{Hash, Sha256},
    path_info::PathInfo,
    signature::{SecretKey, TrustedKeys},
    store_path::{References, StoreDir, StorePath, StorePathName},
};
use nix_remote::peers::{
    announcement::{Announcement, Object, SignerId, Statement, Term},
    lookup::{Begun, LookupLimits, LookupOutput, Lookups, Outcome, Question, QuestionId},
};

/// When all of it happens, in seconds since 1970.
pub(crate) const NOW: u64 = 1_700_000_000;

pub(crate) const LIMITS: LookupLimits = LookupLimits {
    deadline: Duration::from_secs(5),
    grace: Duration::from_millis(500),
    questions_max: 4,
    searches_max: 8,
};

pub(crate) fn at(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed(format!("cache-{seed}").parse().unwrap(), &[seed; 32])
}

pub(crate) fn signer(seed: u8) -> SignerId {
    SignerId::of(&key(seed).public_key())
}

pub(crate) fn trusting(seeds: &[u8]) -> TrustedKeys {
    let mut keys = TrustedKeys::default();
    for seed in seeds {
        keys.insert(key(*seed).public_key()).unwrap();
    }
    keys
}

pub(crate) fn path(byte: u8, name: &str) -> StorePath {
    StorePath::new([byte; 20], &StorePathName::new(name).unwrap())
}

pub(crate) fn lookups(trusted: &[u8]) -> Lookups<u32> {
    Lookups::new(StoreDir::default(), trusting(trusted), LIMITS)
}

/// An object with contents told apart by `contents`.
pub(crate) fn object(path: &StorePath, contents: u8, references: BTreeSet<StorePath>) -> Object {
    let mut info = PathInfo::new(path.clone(), Sha256([contents; 32]), 77);
    info.references = references;
    Object::new(&info, [contents; 32], 4)
}

pub(crate) fn signed(object: Object, seed: u8, sequence: u64, issued_at: u64) -> Announcement {
    sign(&Statement::PathInfo(object), seed, sequence, issued_at)
}

pub(crate) fn sign(statement: &Statement, seed: u8, sequence: u64, issued_at: u64) -> Announcement {
    let term = Term {
        sequence,
        issued_at,
        not_after: issued_at + 3600,
    };
    Announcement::sign(&StoreDir::default(), statement, term, &key(seed)).unwrap()
}

/// An object whose path follows from its archive, which is told apart by `contents`.
pub(crate) fn addressed(contents: u8, references: BTreeSet<StorePath>) -> (Object, Statement) {
    let hash = Hash::from(Sha256([contents; 32]));
    let address = ContentAddress::new(ContentAddressMethod::Nar, hash).unwrap();
    let needs = References {
        others: references.clone(),
        self_reference: false,
    };
    let name = StorePathName::new("source").unwrap();
    let path = StoreDir::default().fixed_path(&name, &address, &needs);
    let object = object(&path.unwrap(), contents, references);
    (object.clone(), Statement::ContentAddressed(object, address))
}

/// All that a lookup does now.
pub(crate) fn outputs(lookups: &mut Lookups<u32>, now: Duration) -> Vec<LookupOutput<u32>> {
    std::iter::from_fn(|| lookups.poll(now)).collect()
}

/// The questions that are asked now.
pub(crate) fn asked(lookups: &mut Lookups<u32>, now: Duration) -> Vec<(QuestionId, Question)> {
    let asked = outputs(lookups, now).into_iter();
    let asked = asked.map(|output| match output {
        LookupOutput::Ask { id, question } => (id, question),
        other => panic!("no question: {other:?}"),
    });
    asked.collect()
}

/// The outcome of the one lookup that ends now.
pub(crate) fn outcome(lookups: &mut Lookups<u32>, now: Duration) -> Outcome<u32> {
    let done = outputs(lookups, now).into_iter();
    let done = done.filter_map(|output| match output {
        LookupOutput::Done { outcome, .. } => Some(outcome),
        LookupOutput::Ask { .. } | LookupOutput::Cancel { .. } => None,
    });
    let mut done: Vec<_> = done.collect();
    assert_eq!(done.len(), 1);
    done.remove(0)
}

/// Begins a lookup, and returns its questions for records.
pub(crate) fn begin(lookups: &mut Lookups<u32>, path: &StorePath) -> Vec<(QuestionId, Question)> {
    assert_eq!(lookups.find(path, at(0)), Begun::Started);
    asked(lookups, at(0))
}

/// Answers the question for the key of an announcement.
pub(crate) fn give(
    lookups: &mut Lookups<u32>,
    questions: &[(QuestionId, Question)],
    announcement: &Announcement,
    now: Duration,
) -> bool {
    let question = Question::Record(*announcement.key());
    let (id, _) = questions.iter().find(|(_, of)| *of == question).unwrap();
    let bytes = announcement.as_bytes();
    lookups.on_record(*id, bytes, now, NOW).unwrap()
}
