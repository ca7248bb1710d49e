//! Validators: what is refused, and what replaces what.

use std::{
    panic::resume_unwind,
    sync::atomic::{AtomicUsize, Ordering as Atomic},
    time::{Duration, Instant},
};

use libp2p_identity::PeerId;
use libp2p_kad::PeerRecord;

use super::*;

/// Takes values of `v`, a number and anything, and knows the greater number as the newer.
#[derive(Default, Clone)]
pub(crate) struct Numbered(pub(crate) Arc<AtomicUsize>);

impl Validator for Numbered {
    fn validate(&self, _: &RecordKey, value: &[u8], now: SystemTime) -> Result<(), Rejection> {
        self.0.fetch_add(1, Atomic::Relaxed);
        match value {
            // `panic!` would write to the terminal.
            [b'p', ..] => resume_unwind(Box::new("hostile")),
            [b'e', ..] if now > SystemTime::UNIX_EPOCH => Err(Rejection::invalid("it has ended")),
            [b'v' | b'e', _, ..] => Ok(()),
            _ => Err(Rejection::invalid("it has no number")),
        }
    }

    fn compare(&self, _: &RecordKey, left: &[u8], right: &[u8]) -> Ordering {
        if left == b"v!" || right == b"v!" {
            resume_unwind(Box::new("hostile"));
        }
        left.get(1).cmp(&right.get(1))
    }
}

pub(crate) fn numbered() -> Validators {
    Validators::new().with("n/", Numbered::default()).unwrap()
}

fn record(key: &[u8], value: &[u8]) -> Record {
    Record::new(key.to_vec(), value.to_vec())
}

fn verdict(validators: &Validators, key: &[u8], value: &[u8]) -> Option<Reason> {
    let checked = validators.validate(&record(key, value), SystemTime::now());
    checked.err().map(|rejection| rejection.reason())
}

#[test]
fn what_no_rule_allows_is_refused() {
    let long_key = [b"n/".as_slice(), &[0; RECORD_KEY_BYTES_MAX - 1]].concat();
    let fitting_key = &long_key[..RECORD_KEY_BYTES_MAX];
    let long = [b'v'; RECORD_VALUE_BYTES_MAX + 1];
    let cases: [(&[u8], &[u8], Option<Reason>); 12] = [
        (b"n/a", b"v1", None),
        (b"n/", b"v1", None),
        (b"", b"v1", Some(Reason::EmptyKey)),
        (&long_key, b"v1", Some(Reason::KeyTooLong)),
        (fitting_key, b"v1", None),
        (b"n", b"v1", Some(Reason::UnknownNamespace)),
        (b"m/a", b"v1", Some(Reason::UnknownNamespace)),
        (b"N/a", b"v1", Some(Reason::UnknownNamespace)),
        (b"n/a", b"", Some(Reason::EmptyValue)),
        (b"n/a", &long, Some(Reason::ValueTooLarge)),
        (b"n/a", &long[1..], None),
        (b"n/a", b"x1", Some(Reason::Invalid)),
    ];
    let validators = numbered();
    for (key, value, expected) in cases {
        let shown = key.escape_ascii();
        assert_eq!(verdict(&validators, key, value), expected, "{shown}");
    }
    assert_eq!(
        verdict(&Validators::new(), b"n/a", b"v1"),
        Some(Reason::UnknownNamespace)
    );
}

#[test]
fn a_validator_that_panics_has_refused() {
    let validators = numbered();
    assert_eq!(verdict(&validators, b"n/a", b"p1"), Some(Reason::Panicked));
    let key = RecordKey::new(b"n/a");
    let compared = validators.compare(&key, b"v1", b"v!").unwrap_err();
    assert_eq!(compared.reason(), Reason::Panicked);
}

#[test]
fn a_key_belongs_to_its_longest_namespace() {
    let (outer, inner) = (Numbered::default(), Numbered::default());
    let validators = Validators::new()
        .with("n/", outer.clone())
        .and_then(|validators| validators.with("n/deep/", inner.clone()))
        .unwrap();
    for key in ["n/deep/a", "n/deep", "n/other"] {
        assert_eq!(verdict(&validators, key.as_bytes(), b"v1"), None);
    }
    assert_eq!(inner.0.load(Atomic::Relaxed), 1);
    assert_eq!(outer.0.load(Atomic::Relaxed), 2);
}

#[test]
fn namespaces_that_cannot_stand_are_refused() {
    let with = |namespace: &[u8]| numbered().with(namespace, Numbered::default()).map(drop);
    assert_eq!(with(b""), Err(NamespaceError::Empty));
    let bytes = NAMESPACE_BYTES_MAX + 1;
    assert_eq!(
        with(&vec![b'a'; bytes]),
        Err(NamespaceError::TooLong { bytes })
    );
    assert_eq!(with(&[b'a'; NAMESPACE_BYTES_MAX]), Ok(()));
    let namespace = b"n/".to_vec();
    assert_eq!(with(b"n/"), Err(NamespaceError::Taken { namespace }));
}

#[test]
fn sizes_are_those_of_the_limits() {
    let limits = Limits {
        key_bytes_max: 3,
        value_bytes_max: 2,
        ..Limits::default()
    };
    let validators = numbered().with_limits(limits);
    assert_eq!(verdict(&validators, b"n/a", b"v1"), None);
    assert_eq!(
        verdict(&validators, b"n/ab", b"v1"),
        Some(Reason::KeyTooLong)
    );
    assert_eq!(
        verdict(&validators, b"n/a", b"v12"),
        Some(Reason::ValueTooLarge)
    );
}

#[test]
fn provider_records_obey_length_and_rule() {
    let validators = numbered();
    let provider = |key: &[u8]| ProviderRecord::new(key.to_vec(), PeerId::random(), Vec::new());
    let check = |validators: &Validators, record: &ProviderRecord| {
        let checked = validators.validate_provider(record, SystemTime::now());
        checked.err().map(|rejection| rejection.reason())
    };
    let fitting = provider(&[0x1e; PROVIDER_KEY_BYTES_MAX]);
    assert_eq!(check(&validators, &fitting), None);
    assert_eq!(check(&validators, &provider(b"")), Some(Reason::EmptyKey));
    let long = provider(&[0x1e; PROVIDER_KEY_BYTES_MAX + 1]);
    assert_eq!(check(&validators, &long), Some(Reason::KeyTooLong));

    let banned = fitting.provider;
    let validators = validators.with_provider_rule(move |record, _| {
        let is_banned = record.provider == banned;
        is_banned
            .then(|| Rejection::invalid("banned"))
            .map_or(Ok(()), Err)
    });
    assert_eq!(check(&validators, &fitting), Some(Reason::Invalid));
    assert_eq!(check(&validators, &provider(b"other")), None);
    assert_eq!(check(&validators, &long), Some(Reason::KeyTooLong));
}

#[test]
fn the_newer_is_greater_and_only_equal_bytes_are_equal() {
    let validators = numbered();
    let key = RecordKey::new(b"n/a");
    let compare = |left: &[u8], right: &[u8]| validators.compare(&key, left, right).unwrap();
    assert_eq!(compare(b"v2", b"v1"), Ordering::Greater);
    assert_eq!(compare(b"v1zzz", b"v2"), Ordering::Less);
    assert_eq!(compare(b"v1", b"v1"), Ordering::Equal);
    assert_eq!(compare(b"v1a", b"v1b"), Ordering::Less);
    assert_eq!(compare(b"v1b", b"v1a"), Ordering::Greater);
    let foreign = validators.compare(&RecordKey::new(b"m"), b"v1", b"v1");
    assert_eq!(foreign.unwrap_err().reason(), Reason::UnknownNamespace);
}

#[test]
fn the_best_of_a_lookup_is_the_newest_valid_one_in_any_order() {
    let validator = Numbered::default();
    let validators = Validators::new().with("n/", validator.clone()).unwrap();
    let key = RecordKey::new(b"n/a");
    let soon = Instant::now() + Duration::from_secs(60);
    let late = soon + Duration::from_secs(60);
    let peers: Vec<_> = (0..8).map(|_| PeerId::random()).collect();
    let answer = |peer: usize, key: &[u8], value: &[u8], expires| PeerRecord {
        peer: peers.get(peer).copied(),
        record: Record {
            expires,
            ..record(key, value)
        },
    };
    let answers = [
        answer(0, b"n/a", b"v1", None),
        answer(1, b"n/a", b"v7", Some(late)),
        answer(2, b"n/a", b"x9", None),
        answer(3, b"n/b", b"v9", None),
        answer(4, b"n/a", b"v7", Some(soon)),
        answer(5, b"n/a", b"p9", None),
        answer(6, b"n/a", b"e9", None),
        answer(7, b"n/a", &[b'v'; 9999], None),
        answer(8, b"n/a", b"v3", None),
    ];
    for first in 0..answers.len() {
        let mut answers = answers.to_vec();
        answers.rotate_left(first);
        validator.0.store(0, Atomic::Relaxed);
        let found = validators.best(&key, answers, SystemTime::now());
        let best = found.best.unwrap();
        assert_eq!(best.value, b"v7");
        assert_eq!(best.expires, Some(late));
        let of = |list: &[Option<PeerId>], peer: usize| list.contains(&peers.get(peer).copied());
        assert_eq!(found.current.len(), 2);
        assert!(of(&found.current, 1) && of(&found.current, 4));
        assert_eq!(found.outdated.len(), 2);
        assert!(of(&found.outdated, 0) && of(&found.outdated, 8));
        let mut invalid: Vec<_> = found.invalid.iter().collect();
        invalid.sort_by_key(|invalid| peers.iter().position(|peer| Some(*peer) == invalid.peer));
        let reasons: Vec<_> = invalid
            .iter()
            .map(|invalid| invalid.rejection.reason())
            .collect();
        let (invalid, other) = (Reason::Invalid, Reason::OtherKey);
        let (panicked, large) = (Reason::Panicked, Reason::ValueTooLarge);
        assert_eq!(reasons, [invalid, other, panicked, invalid, large]);
        // v1, v3, v7, x9, p9 and e9: each once.
        assert_eq!(validator.0.load(Atomic::Relaxed), 6);
    }
}

#[test]
fn a_lookup_that_found_nothing_valid_has_no_best() {
    let answers = vec![PeerRecord {
        peer: None,
        record: record(b"n/a", b"x"),
    }];
    let found = numbered().best(&RecordKey::new(b"n/a"), answers, SystemTime::now());
    assert_eq!(found.best, None);
    assert_eq!(found.invalid.len(), 1);
}

#[test]
fn never_is_later_than_any_time() {
    assert_eq!(later(Some(1), Some(2)), Some(2));
    assert_eq!(later(Some(2), Some(1)), Some(2));
    assert_eq!(later(None, Some(1)), None);
    assert_eq!(later(Some(1), None), None);
}

#[test]
fn every_rejection_has_a_place_among_the_reasons() {
    for (place, reason) in Reason::ALL.into_iter().enumerate() {
        assert_eq!(reason as usize, place);
    }
    let refused = Rejection::invalid("it has no number");
    let cause = std::error::Error::source(&refused).unwrap();
    assert_eq!(cause.to_string(), "it has no number");
}
