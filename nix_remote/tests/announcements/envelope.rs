//! An announcement has one envelope, and nothing else is one.

use std::collections::BTreeSet;

use nix_core::{
    hash::{Algorithm, Sha256},
    signature::{KeyName, Signature, SignatureForm},
    store_path::StorePath,
};
use nix_remote::peers::announcement::{
    Announcement, CHUNK_LOG_MAX, DecodeError, ENVELOPE_BYTES_MAX, KeyError, Kind,
    NIX_SIGNATURES_MAX, References, SignError, Statement,
};

use crate::support::{HEADER, TERM, addressed, dir, is_taken, key, object, path, sign, statements};

/// Where the fields of a signed path info stand that come after the header.
const NAR_SIZE: usize = HEADER + 32;
const CHUNK_LOG: usize = NAR_SIZE + 8 + 32;
const NAME: usize = CHUNK_LOG + 1;
const REFERENCE_COUNT: usize = NAME + 1 + "hello-2.12".len();
const REFERENCE_FORM: usize = REFERENCE_COUNT + 4;

/// Where the content address stands of a content-addressed one.
const METHOD: usize = HEADER + 32 + 32 + 8 + 32 + 1;

fn decode(announcement: &Announcement, bytes: &[u8]) -> Result<Announcement, DecodeError> {
    Announcement::decode(&announcement.key().to_bytes(), bytes)
}

/// What becomes of an announcement of the statement with other bytes at a place.
fn patched(statement: &Statement, at: usize, bytes: &[u8]) -> Result<Announcement, DecodeError> {
    let announcement = sign(statement);
    let mut changed = announcement.as_bytes().to_vec();
    changed[at..at + bytes.len()].copy_from_slice(bytes);
    decode(&announcement, &changed)
}

fn patched_object(at: usize, bytes: &[u8]) -> DecodeError {
    patched(&Statement::PathInfo(object()), at, bytes).unwrap_err()
}

#[test]
fn announcements_of_every_kind_are_read_as_they_are_signed() {
    let kinds = Kind::ALL.into_iter().chain([Kind::Realisation]);
    for (statement, kind) in statements().into_iter().zip(kinds) {
        let ours = sign(&statement);
        assert_eq!(ours.key().kind(), kind);
        assert_eq!(ours.key().to_bytes().len(), kind.key_len());
        assert_eq!(decode(&ours, ours.as_bytes()), Ok(ours.clone()));
        assert_eq!((ours.statement(), ours.term()), (&statement, TERM));
        assert!(is_taken(&ours.key().to_bytes(), ours.as_bytes()));
    }
}

#[test]
fn every_truncation_is_refused() {
    for statement in statements() {
        let ours = sign(&statement);
        for length in 0..ours.as_bytes().len() {
            let refused = decode(&ours, &ours.as_bytes()[..length]);
            assert!(
                matches!(refused, Err(DecodeError::Truncated(_))),
                "{length}: {refused:?}"
            );
        }
    }
}

#[test]
fn every_flipped_bit_of_key_or_envelope_is_refused() {
    for statement in statements() {
        let ours = sign(&statement);
        let dht_key = ours.key().to_bytes();
        let whole = [&dht_key[..], ours.as_bytes()].concat();
        for bit in 0..whole.len() * 8 {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let (key, bytes) = flipped.split_at(dht_key.len());
            assert!(!is_taken(key, bytes), "bit {bit}");
        }
    }
}

#[test]
fn bytes_after_the_signature_are_refused() {
    for statement in statements() {
        let ours = sign(&statement);
        let longer = [ours.as_bytes(), &[0]].concat();
        assert_eq!(
            decode(&ours, &longer),
            Err(DecodeError::Trailing { bytes: 1 })
        );
    }
}

#[test]
fn oversized_bytes_are_refused_before_anything_else() {
    let bytes = ENVELOPE_BYTES_MAX + 1;
    let refused = Announcement::decode(b"nonsense", &vec![0; bytes]);
    assert_eq!(refused, Err(DecodeError::TooLarge { bytes }));
    let largest = Announcement::decode(b"nonsense", &vec![0; bytes - 1]);
    assert_eq!(largest, Err(DecodeError::Key(KeyError::Namespace)));
}

#[test]
fn keys_of_no_kind_and_of_another_length_are_refused() {
    let ours = sign(&Statement::PathInfo(object()));
    let good = ours.key().to_bytes();
    let refused = |key: &[u8]| match Announcement::decode(key, ours.as_bytes()) {
        Err(DecodeError::Key(error)) => error,
        other => panic!("{other:?}"),
    };
    for key in [&b""[..], b"n", b"n2", b"N1", b"x1aaaaaaaaaaaaaaaaaaaa"] {
        assert_eq!(refused(key), KeyError::Namespace);
    }
    let expected = good.len();
    for found in [2, 34, expected - 1] {
        let length = KeyError::Length { expected, found };
        assert_eq!(refused(&good[..found]), length);
    }
    let found = expected + 1;
    let length = KeyError::Length { expected, found };
    assert_eq!(refused(&[&good[..], b"0"].concat()), length);
}

#[test]
fn an_announcement_under_a_key_of_another_kind_is_refused() {
    let all = statements().map(|statement| sign(&statement));
    for one in &all {
        for other in all
            .iter()
            .filter(|other| other.key().kind() != one.key().kind())
        {
            let refused = decode(other, one.as_bytes());
            let expected = other.key().to_bytes()[0];
            let found = one.key().to_bytes()[0];
            assert_eq!(refused, Err(DecodeError::Kind { expected, found }));
        }
    }
}

#[test]
fn other_formats_and_versions_are_refused() {
    assert_eq!(patched_object(0, b"nixx"), DecodeError::Magic);
    for version in [0, 2, 255] {
        assert_eq!(patched_object(4, &[version]), DecodeError::Version(version));
    }
}

#[test]
fn a_term_that_ends_as_it_begins_is_refused() {
    assert_eq!(
        patched_object(22, &TERM.issued_at.to_be_bytes()),
        DecodeError::Term
    );
    assert_eq!(patched_object(22, &[0; 8]), DecodeError::Term);
}

#[test]
fn fields_of_an_object_that_mean_nothing_are_refused() {
    assert_eq!(
        patched_object(NAR_SIZE, &[0; 8]),
        DecodeError::NarSizeUnknown
    );
    let log = CHUNK_LOG_MAX + 1;
    assert_eq!(
        patched_object(CHUNK_LOG, &[log]),
        DecodeError::ChunkLog(log)
    );
    for name in [*b"h/", *b".-", [0, b'a'], [0xc3, 0xa9]] {
        assert!(
            matches!(patched_object(NAME + 1, &name), DecodeError::Name(_)),
            "{name:?}"
        );
    }
    let not_utf8 = patched_object(NAME + 1, &[0xff]);
    assert!(
        matches!(not_utf8, DecodeError::Text { field: "name", .. }),
        "{not_utf8:?}"
    );
    assert!(matches!(patched_object(NAME, &[0]), DecodeError::Name(_)));
    assert_eq!(
        patched_object(REFERENCE_FORM, &[2]),
        DecodeError::ReferenceForm(2)
    );
}

#[test]
fn a_count_of_references_that_cannot_follow_is_refused_at_once() {
    for count in [40, u32::MAX] {
        let refused = patched_object(REFERENCE_COUNT, &count.to_be_bytes());
        assert_eq!(refused, DecodeError::Truncated("references"));
    }
}

#[test]
fn references_out_of_order_and_doubled_are_refused() {
    let mut one = object();
    one.references = References::Listed([path(1, "aa"), path(2, "aa")].into());
    let item = 20 + 1 + 2;
    let signed = sign(&Statement::PathInfo(one.clone()));
    let list = signed.as_bytes()[REFERENCE_FORM + 1..][..2 * item].to_vec();
    let (first, second) = list.split_at(item);
    for wrong in [[second, first].concat(), [first, first].concat()] {
        let refused = patched(
            &Statement::PathInfo(one.clone()),
            REFERENCE_FORM + 1,
            &wrong,
        );
        assert_eq!(refused, Err(DecodeError::ReferenceOrder { index: 1 }));
    }
}

#[test]
fn no_references_have_one_form() {
    let mut one = object();
    one.references = References::Digest {
        count: 0,
        digest: Sha256::of(b""),
    };
    let refused = Announcement::sign(&dir(), &Statement::PathInfo(one), TERM, &key());
    assert_eq!(refused, Err(SignError::Form(DecodeError::DigestOfNothing)));
}

#[test]
fn signatures_out_of_order_and_too_many_are_refused() {
    let signature = |index: usize| Signature {
        key_name: KeyName::new(&format!("k{index}")).unwrap(),
        bytes: [1; 64],
    };
    let with = |count| {
        let mut one = object();
        one.signatures = (0..count).map(signature).collect();
        Statement::PathInfo(one)
    };
    let two = with(2);
    let item = 1 + 2 + 64;
    let at = sign(&two).as_bytes().len() - 64 - 2 * item;
    let list = sign(&two).as_bytes()[at..][..2 * item].to_vec();
    let (first, second) = list.split_at(item);
    for wrong in [[second, first].concat(), [first, first].concat()] {
        let refused = patched(&two, at, &wrong);
        assert_eq!(refused, Err(DecodeError::SignatureOrder { index: 1 }));
    }
    let named = patched(&two, at, b"\x02k:").unwrap_err();
    assert!(matches!(named, DecodeError::KeyName(_)), "{named:?}");
    let count = NIX_SIGNATURES_MAX + 1;
    let coded = u8::try_from(count).unwrap();
    let refused = patched(&two, at - 1, &[coded]);
    assert_eq!(refused, Err(DecodeError::SignatureCount { count }));
    sign(&with(NIX_SIGNATURES_MAX));
    let refused = Announcement::sign(&dir(), &with(count), TERM, &key());
    assert_eq!(refused, Err(SignError::SignatureCount { count }));
}

#[test]
fn the_longest_name_of_a_key_is_carried_and_a_longer_one_refused() {
    let with = |length| {
        let mut one = object();
        let key_name = KeyName::new(&"k".repeat(length)).unwrap();
        let bytes = [1; 64];
        one.signatures = [Signature { key_name, bytes }].into();
        Announcement::sign(&dir(), &Statement::PathInfo(one), TERM, &key())
    };
    assert!(with(255).is_ok());
    assert!(matches!(with(256), Err(SignError::KeyName(_))));
}

fn many(count: u8) -> BTreeSet<StorePath> {
    (0..count).map(|byte| path(byte, "a-reference")).collect()
}

#[test]
fn references_are_listed_where_they_fit_and_told_by_digest_where_not() {
    let with = |count| {
        let mut one = object();
        one.references = References::Listed(many(count));
        sign(&Statement::PathInfo(one))
    };
    let listed = with(117);
    assert!(listed.as_bytes().len() <= ENVELOPE_BYTES_MAX);
    let told = with(150);
    // A reference has 32 bytes, so that one of these is within a signature's length of the maximum.
    for count in 110..130 {
        assert!(with(count).as_bytes().len() <= ENVELOPE_BYTES_MAX);
    }
    assert!(told.as_bytes().len() < 500);
    let (Statement::PathInfo(listed), Statement::PathInfo(told)) =
        (listed.statement(), told.statement())
    else {
        panic!("another kind");
    };
    assert_eq!(listed.references, References::Listed(many(117)));
    assert_eq!(
        (told.references.listed(), told.references.count()),
        (None, 150)
    );
    assert!(told.to_path_info(many(150)).is_some());
    assert_eq!(told.to_path_info(many(149)), None);
    let mut others = many(149);
    others.insert(path(200, "a-reference"));
    assert_eq!(told.to_path_info(others), None);
    assert_eq!(listed.to_path_info(many(118)), None);
}

#[test]
fn a_content_addressed_object_needs_all_its_references() {
    let (mut one, address) = addressed(many(2));
    one.references = one.references.to_digest();
    let statement = Statement::ContentAddressed(one, address);
    let refused = Announcement::sign(&dir(), &statement, TERM, &key());
    assert_eq!(
        refused,
        Err(SignError::Form(DecodeError::ReferencesMissing))
    );
    let (one, address) = addressed(many(150));
    let statement = Statement::ContentAddressed(one, address);
    let refused = Announcement::sign(&dir(), &statement, TERM, &key());
    assert!(
        matches!(refused, Err(SignError::TooLarge { bytes }) if bytes > ENVELOPE_BYTES_MAX),
        "{refused:?}"
    );
}

#[test]
fn content_addresses_that_nothing_has_or_that_prove_nothing_are_refused() {
    let [_, statement, ..] = statements();
    let patched = |at, byte| patched(&statement, at, &[byte]).unwrap_err();
    assert_eq!(patched(METHOD, 4), DecodeError::Method(4));
    assert_eq!(patched(METHOD + 1, 5), DecodeError::Algorithm(5));
    for (code, algorithm) in [(0, Algorithm::Md5), (1, Algorithm::Sha1)] {
        assert_eq!(
            patched(METHOD + 1, code),
            DecodeError::BrokenHash(algorithm)
        );
    }
    // A text by BLAKE3.
    let both = crate::envelope::patched(&statement, METHOD, &[0, 4]);
    assert!(
        matches!(both, Err(DecodeError::ContentAddress(_))),
        "{both:?}"
    );
}

/// The announcement of a realisation with another text for its JSON.
fn with_json(json: &str) -> Result<Announcement, DecodeError> {
    let [_, _, statement, _] = statements();
    let ours = sign(&statement);
    let length = u16::try_from(json.len()).unwrap().to_be_bytes();
    let header = &ours.as_bytes()[..HEADER];
    decode(
        &ours,
        &[header, &length, json.as_bytes(), &[0; 64]].concat(),
    )
}

#[test]
fn a_realisation_has_one_form_and_belongs_under_its_key() {
    let [_, _, Statement::Realisation(realisation), legacy] = statements() else {
        panic!("another kind");
    };
    let json = realisation.to_json(SignatureForm::Structured).to_string();
    assert!(with_json(&json).is_ok());
    let text_form = realisation.to_json(SignatureForm::Text).to_string();
    let spaced = json.replace(':', ": ");
    let doubled = json.replace("\"value\":", "\"value\":1,\"value\":");
    for other in [format!("{json} "), text_form, doubled] {
        assert_eq!(with_json(&other), Err(DecodeError::JsonForm), "{other}");
    }
    for other in ["", "{", "[]", "null", &spaced[1..], &"[".repeat(3000)] {
        let refused = with_json(other);
        assert!(matches!(refused, Err(DecodeError::Json(_))), "{other}");
    }
    for other in [
        json.replace("hello.drv", "other.drv"),
        json.replace("\"outputName\":\"out\"", "\"outputName\":\"dev\""),
    ] {
        assert_ne!(other, json);
        assert_eq!(with_json(&other), Err(DecodeError::OtherOutput));
    }
    let Statement::LegacyRealisation(legacy) = legacy else {
        panic!("another kind");
    };
    let legacy = legacy.to_json(SignatureForm::Structured).to_string();
    assert_eq!(with_json(&legacy), Err(DecodeError::OtherOutput));
    assert_eq!(with_json(&format!(" {legacy}")), Err(DecodeError::JsonForm));
    let mixed = json.replace("{\"key\"", "{\"id\":\"\",\"key\"");
    assert!(matches!(with_json(&mixed), Err(DecodeError::Json(_))));
}

#[test]
fn a_realisation_with_too_many_signatures_is_refused() {
    let [_, _, Statement::Realisation(mut realisation), _] = statements() else {
        panic!("another kind");
    };
    for index in 0..NIX_SIGNATURES_MAX {
        realisation.value.signatures.insert(Signature {
            key_name: KeyName::new(&format!("k{index}")).unwrap(),
            bytes: [1; 64],
        });
    }
    let count = NIX_SIGNATURES_MAX + 1;
    assert_eq!(realisation.value.signatures.len(), count);
    let statement = Statement::Realisation(realisation);
    let refused = Announcement::sign(&dir(), &statement, TERM, &key());
    let expected = SignError::Form(DecodeError::SignatureCount { count });
    assert_eq!(refused, Err(expected));
}
