//! Announcements of version 1, byte for byte. A program in another language, which knows the
//! documentation and Ed25519 alone, made the file: a line an announcement, kind, key and envelope.

use nix_core::{realisation::Realisation, store_path::StorePath};
use nix_remote::peers::announcement::{Announcement, Signers, Statement, VerifyError};

use crate::support::{NOW, dir, info, key, key_of, sign, statements, trusting};

const FILE: &str = include_str!("../fixtures/announcements-1.txt");

/// The `S` that goes with the identity as `R` for the first of them: checks that do not look at the
/// order of `R` take the two for a signature.
const S_FOR_IDENTITY: &str = "a07c80488bacb03415793816273eaa045e35e9046c19833444ccf3bc6801760e";

fn hex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    let byte = |pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.map(byte).collect()
}

/// Keys and envelopes.
fn vectors() -> Vec<(Vec<u8>, Vec<u8>)> {
    let lines = FILE.lines().map(|line| {
        let mut words = line.split(' ').skip(1).map(hex);
        (words.next().unwrap(), words.next().unwrap())
    });
    lines.collect()
}

#[test]
fn the_announcements_of_version_1_are_made_and_read_as_ever() {
    assert_eq!(vectors().len(), statements().len());
    for ((dht_key, bytes), statement) in vectors().into_iter().zip(statements()) {
        let ours = sign(&statement);
        assert_eq!(ours.key().to_bytes(), dht_key);
        assert_eq!(ours.as_bytes(), bytes);
        let theirs = Announcement::decode(&dht_key, &bytes).unwrap();
        assert_eq!(theirs.statement(), &statement);
        assert_eq!(theirs.verify(&dir(), Signers::Any, NOW), Ok(()));
    }
}

#[test]
fn the_signatures_of_nix_inside_hold() {
    let trusted = trusting(&key_of(9));
    let [announced, _, output, legacy] = statements();
    let Statement::PathInfo(object) = announced else {
        panic!("another kind");
    };
    let path_info = object.to_path_info(info().references).unwrap();
    assert!(path_info.check_signatures(&dir(), &trusted).is_trusted(1));
    let Statement::Realisation(realisation) = output else {
        panic!("another kind");
    };
    assert!(realisation.check_signatures(&trusted).is_trusted(1));
    let Statement::LegacyRealisation(legacy) = legacy else {
        panic!("another kind");
    };
    assert!(legacy.check_signatures(&trusted).is_trusted(1));
    let other: StorePath = info().path;
    let mut changed: Realisation = realisation;
    changed.value.out_path = other;
    assert!(!changed.check_signatures(&trusted).is_trusted(1));
}

#[test]
fn a_signature_with_an_r_of_small_order_is_refused() {
    let (dht_key, mut bytes) = vectors().swap_remove(0);
    let mut identity = vec![0; 32];
    identity[0] = 1;
    let at = bytes.len() - 64;
    bytes[at..].copy_from_slice(&[identity, hex(S_FOR_IDENTITY)].concat());
    let forged = Announcement::decode(&dht_key, &bytes).unwrap();
    let refused = Err(VerifyError::Signature(*forged.signer()));
    assert_eq!(forged.verify(&dir(), Signers::Any, NOW), refused);
    assert_eq!(forged.signer().0, *key().public_key().as_bytes());
}
