//! Any statement, and any bytes.

use std::collections::BTreeSet;

use nix_core::{
    content_address::{ContentAddress, ContentAddressMethod},
    hash::{Hash, Sha256},
    path_info::{PathInfo, arb_path_info},
    realisation::{arb_legacy_realisation, arb_realisation},
    store_path::{References, StorePath, arb_store_path, arb_store_path_name},
};
use nix_remote::peers::announcement::{
    Announcement, Key, LIFETIME_SECONDS_MAX, Object, Signers, Statement, Term,
};
use proptest::{collection::btree_set, prelude::*};

use crate::support::{dir, is_taken, key, sign, statements};

fn arb_info() -> impl Strategy<Value = Statement> {
    let parts = (arb_path_info(), any::<[u8; 32]>(), 0..=8_u8);
    parts.prop_map(|(mut info, root, log)| {
        info.nar_size = info.nar_size.max(1);
        Statement::PathInfo(Object::new(&info, root, log))
    })
}

fn arb_addressed() -> impl Strategy<Value = Statement> {
    let parts = (
        arb_store_path_name(),
        any::<[u8; 32]>(),
        btree_set(arb_store_path(), 0..4),
        any::<bool>(),
        prop::sample::select(vec![ContentAddressMethod::Text, ContentAddressMethod::Nar]),
    );
    parts.prop_map(|(name, digest, others, to_itself, method)| {
        let address = ContentAddress::new(method, Hash::from(Sha256(digest))).unwrap();
        let self_reference = to_itself && method == ContentAddressMethod::Nar;
        let needs = References {
            others: others.clone(),
            self_reference,
        };
        let path = dir().fixed_path(&name, &address, &needs).unwrap();
        let itself: BTreeSet<StorePath> =
            self_reference.then(|| path.clone()).into_iter().collect();
        let mut info = PathInfo::new(path, Sha256(digest), 1);
        info.references = others.into_iter().chain(itself).collect();
        Statement::ContentAddressed(Object::new(&info, [0; 32], 0), address)
    })
}

fn arb_statement() -> impl Strategy<Value = Statement> {
    let realisation = arb_realisation().prop_map(Statement::Realisation);
    let legacy = arb_legacy_realisation().prop_map(Statement::LegacyRealisation);
    prop_oneof![arb_info(), arb_addressed(), realisation, legacy]
}

fn arb_term() -> impl Strategy<Value = Term> {
    let last = u64::MAX - LIFETIME_SECONDS_MAX;
    let parts = (any::<u64>(), 0..last, 1..=LIFETIME_SECONDS_MAX);
    parts.prop_map(|(sequence, issued_at, lifetime)| Term {
        sequence,
        issued_at,
        not_after: issued_at + lifetime,
    })
}

proptest! {
    #[test]
    fn what_is_signed_is_read_and_believed(statement in arb_statement(), term in arb_term()) {
        let ours = Announcement::sign(&dir(), &statement, term, &key()).unwrap();
        let dht_key = ours.key().to_bytes();
        prop_assert_eq!(Key::parse(&dht_key), Ok(*ours.key()));
        let theirs = Announcement::decode(&dht_key, ours.as_bytes()).unwrap();
        prop_assert_eq!(&theirs, &ours);
        prop_assert_eq!((theirs.statement(), theirs.term()), (&statement, term));
        let trusted = crate::support::trusting(&key());
        let signers = Signers::Trusted(&trusted);
        prop_assert_eq!(theirs.verify(&dir(), signers, term.not_after), Ok(()));
    }

    #[test]
    fn a_flipped_bit_is_refused(statement in arb_statement(), at: prop::sample::Index, bit in 0..8_u8) {
        let ours = sign(&statement);
        let mut bytes = ours.as_bytes().to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        prop_assert!(!is_taken(&ours.key().to_bytes(), &bytes));
    }

    #[test]
    fn a_truncated_announcement_is_refused(statement in arb_statement(), at: prop::sample::Index) {
        let ours = sign(&statement);
        let length = at.index(ours.as_bytes().len());
        prop_assert!(Announcement::decode(&ours.key().to_bytes(), &ours.as_bytes()[..length]).is_err());
    }

    /// Whatever bytes are taken: signed anew by who wrote them, they are the same bytes. Else there
    /// would be two envelopes of one statement.
    #[test]
    fn what_is_read_has_no_other_envelope(
        kind in 0..4_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let ours = sign(&statements()[kind]);
        let mut bytes = ours.as_bytes().to_vec();
        let body = bytes.len() - 64;
        for (at, byte) in changes {
            bytes[at.index(body)] = byte;
        }
        if let Ok(read) = Announcement::decode(&ours.key().to_bytes(), &bytes)
            && let Ok(again) = Announcement::sign(&dir(), read.statement(), read.term(), &key())
            && again.signer() == read.signer()
        {
            prop_assert_eq!(&again.as_bytes()[..body], &bytes[..body]);
        }
    }

    #[test]
    fn no_bytes_are_too_odd_to_be_refused(
        kind in prop::sample::select(vec![(54, *b"n1", b'n'), (22, *b"c1", b'c'), (66, *b"r1", b'r')]),
        body in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        let (length, namespace, code) = kind;
        let dht_key: Vec<u8> = namespace.into_iter().chain([7; 64]).take(length).collect();
        let header = [&b"nixk\x01"[..], &[code], &[0; 23], &[1]].concat();
        prop_assert!(!is_taken(&dht_key, &[&header[..], &body].concat()));
        prop_assert!(!is_taken(&dht_key, &body));
    }
}
