//! Which records are taken from others.

use std::{
    cmp::Ordering,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use libp2p::{
    PeerId,
    kad::{ProviderRecord, Record, RecordKey},
};
use netabase_store::records::{Reason, Validators};
use nix_core::{
    hash::Sha256,
    path_info::PathInfo,
    signature::SecretKey,
    store_path::{StoreDir, StorePath, StorePathName},
};
use nix_remote::peers::{
    announcement::{Announcement, Kind, Object, Statement, Term, nar_provider_key, provider_key},
    validators::{Keeps, validators},
};

const NOW: u64 = 1_700_000_000;

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NOW)
}

fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed("cache-1".parse().unwrap(), &[seed; 32])
}

fn announced(seed: u8, sequence: u64) -> Announcement {
    let path = StorePath::new([1; 20], &StorePathName::new("hello").unwrap());
    let info = PathInfo::new(path, Sha256([2; 32]), 77);
    let statement = Statement::PathInfo(Object::new(&info, [3; 32], 4));
    let term = Term {
        sequence,
        issued_at: NOW,
        not_after: NOW + 3600,
    };
    Announcement::sign(&StoreDir::default(), &statement, term, &key(seed)).unwrap()
}

fn record(announcement: &Announcement) -> Record {
    let key = announcement.key().to_bytes();
    Record::new(key, announcement.as_bytes().to_vec())
}

fn rules(keeps: Keeps) -> Validators {
    validators(&StoreDir::default(), keeps).unwrap()
}

fn judge(rules: &Validators, record: &Record, now: SystemTime) -> Result<(), Reason> {
    let judged = rules.validate(record, now);
    judged.map_err(|refused| refused.reason())
}

#[test]
fn an_announcement_is_taken_under_its_own_key_and_in_its_time() {
    let rules = rules(Keeps::Anybody);
    let good = record(&announced(7, 1));
    assert_eq!(judge(&rules, &good, now()), Ok(()));
    let late = now() + Duration::from_secs(3601);
    assert_eq!(judge(&rules, &good, late), Err(Reason::Invalid));
    assert_eq!(
        judge(&rules, &good, UNIX_EPOCH - Duration::from_secs(1)),
        Err(Reason::Invalid)
    );

    let other_key = Record {
        key: record(&announced(8, 1)).key,
        ..good.clone()
    };
    assert_eq!(judge(&rules, &other_key, now()), Err(Reason::Invalid));
    for kind in Kind::ALL {
        let key = [kind.namespace().as_slice(), &[9; 20]].concat();
        let other_kind = Record::new(key, good.value.clone());
        assert_eq!(judge(&rules, &other_kind, now()), Err(Reason::Invalid));
    }
    let unknown = Record::new(b"z1key".to_vec(), good.value);
    assert_eq!(
        judge(&rules, &unknown, now()),
        Err(Reason::UnknownNamespace)
    );
}

#[test]
fn a_node_that_keeps_what_trusted_signers_say_refuses_others() {
    let trusted = key(7).public_key().to_string().parse().unwrap();
    let rules = rules(Keeps::Trusted(trusted));
    assert_eq!(judge(&rules, &record(&announced(7, 1)), now()), Ok(()));
    let refused = judge(&rules, &record(&announced(8, 1)), now());
    assert_eq!(refused, Err(Reason::Invalid));
}

#[test]
fn the_newer_announcement_replaces_the_older_and_anything_that_is_none() {
    let rules = rules(Keeps::Anybody);
    let [old, new] = [1, 2].map(|sequence| record(&announced(7, sequence)));
    let compare = |left: &[u8], right: &[u8]| rules.compare(&old.key, left, right).unwrap();
    assert_eq!(compare(&new.value, &old.value), Ordering::Greater);
    assert_eq!(compare(&old.value, &new.value), Ordering::Less);
    assert_eq!(compare(&old.value, b"none"), Ordering::Greater);
    assert_eq!(compare(&old.value, &old.value), Ordering::Equal);
}

#[test]
fn providers_are_taken_of_archives_and_of_nothing_else() {
    let rules = rules(Keeps::Anybody);
    let is_taken = |key: &[u8]| {
        let key = RecordKey::new(&key);
        let record = ProviderRecord::new(key, PeerId::random(), Vec::new());
        rules.validate_provider(&record, now()).is_ok()
    };
    let [blake3, sha256] = [provider_key(&[7; 32]), nar_provider_key(&Sha256([7; 32]))];
    assert!(is_taken(&blake3));
    assert!(is_taken(&sha256));
    assert!(!is_taken(b"n1"));
    assert!(!is_taken(&[&blake3[..], b"more"].concat()));
    assert!(!is_taken(&[0x1e; 34]));
}
