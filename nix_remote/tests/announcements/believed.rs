//! Time, signer and signature: what of them is believed.

use nix_core::signature::{SecretKey, SignatureError, TrustedKeys};
use nix_remote::peers::announcement::{
    Announcement, CLOCK_SKEW_SECONDS_MAX, Key, LIFETIME_SECONDS_MAX, SignError, SignerId, Signers,
    Statement, Term, VerifyError,
};

use crate::support::{
    HEADER, NOW, TERM, addressed, dir, key, key_of, object, sign, statements, trusting,
};

/// The order of the group, least significant byte first.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

fn verify_at(announcement: &Announcement, now: u64) -> Result<(), VerifyError> {
    announcement.verify(&dir(), Signers::Any, now)
}

fn verify_by(announcement: &Announcement, keys: &TrustedKeys) -> Result<(), VerifyError> {
    announcement.verify(&dir(), Signers::Trusted(keys), NOW)
}

/// The announcement with other bytes at a place.
fn patched(announcement: &Announcement, at: usize, bytes: &[u8]) -> Announcement {
    let mut changed = announcement.as_bytes().to_vec();
    changed[at..at + bytes.len()].copy_from_slice(bytes);
    Announcement::decode(&announcement.key().to_bytes(), &changed).unwrap()
}

#[test]
fn an_announcement_holds_from_its_issue_to_its_last_second() {
    let skew = CLOCK_SKEW_SECONDS_MAX;
    for statement in statements() {
        let ours = sign(&statement);
        let Term {
            issued_at,
            not_after,
            ..
        } = TERM;
        for now in [issued_at - skew, issued_at, not_after] {
            assert_eq!(verify_at(&ours, now), Ok(()));
        }
        let now = issued_at - skew - 1;
        let early = VerifyError::NotYetIssued { issued_at, now };
        assert_eq!(verify_at(&ours, now), Err(early));
        let now = not_after + 1;
        let late = VerifyError::Expired { not_after, now };
        assert_eq!(verify_at(&ours, now), Err(late));
        let early = VerifyError::NotYetIssued { issued_at, now: 0 };
        assert_eq!(verify_at(&ours, 0), Err(early));
        let now = u64::MAX;
        let late = VerifyError::Expired { not_after, now };
        assert_eq!(verify_at(&ours, now), Err(late));
    }
}

#[test]
fn an_announcement_that_would_hold_too_long_is_neither_made_nor_believed() {
    let term = |not_after| Term { not_after, ..TERM };
    let statement = Statement::PathInfo(object());
    let longest = NOW + LIFETIME_SECONDS_MAX;
    assert!(Announcement::sign(&dir(), &statement, term(longest), &key()).is_ok());
    for not_after in [longest + 1, u64::MAX] {
        let seconds = not_after - NOW;
        let refused = Announcement::sign(&dir(), &statement, term(not_after), &key());
        let lifetime = VerifyError::Lifetime { seconds };
        assert_eq!(refused, Err(SignError::Refused(lifetime.clone())));
        let forged = patched(&sign(&statement), HEADER - 8, &not_after.to_be_bytes());
        assert_eq!(verify_at(&forged, NOW), Err(lifetime));
    }
}

#[test]
fn only_trusted_keys_are_believed_whatever_their_names() {
    let [info, by_content, realisation, legacy] = statements().map(|statement| sign(&statement));
    let other = SecretKey::from_seed("another-name".parse().unwrap(), &[7; 32]);
    for ours in [&info, &realisation, &legacy] {
        assert_eq!(verify_by(ours, &trusting(&key())), Ok(()));
        assert_eq!(verify_by(ours, &trusting(&other)), Ok(()));
        let untrusted = Err(VerifyError::Untrusted(*ours.signer()));
        assert_eq!(verify_by(ours, &trusting(&key_of(8))), untrusted);
        assert_eq!(verify_by(ours, &TrustedKeys::default()), untrusted);
    }
    assert_eq!(verify_by(&by_content, &TrustedKeys::default()), Ok(()));
}

#[test]
fn an_announcement_of_one_signer_is_refused_under_the_key_of_another() {
    let victim = SignerId::of(&key_of(8).public_key());
    for statement in statements() {
        let ours = sign(&statement);
        let stolen = Key::of(&statement, victim).to_bytes();
        if let Statement::ContentAddressed(..) = statement {
            let renamed = patched(&ours, HEADER, &victim.0);
            assert_eq!(
                verify_at(&renamed, NOW),
                Err(VerifyError::Signature(victim))
            );
            continue;
        }
        let forged = Announcement::decode(&stolen, ours.as_bytes()).unwrap();
        assert_eq!(forged.signer(), &victim);
        assert_eq!(verify_at(&forged, NOW), Err(VerifyError::Signature(victim)));
    }
}

#[test]
fn an_announcement_of_one_path_is_refused_under_the_key_of_another() {
    let ours = sign(&Statement::PathInfo(object()));
    let signer = *ours.signer();
    let other = Key::PathInfo {
        signer,
        path_digest: [9; 20],
    };
    let moved = Announcement::decode(&other.to_bytes(), ours.as_bytes()).unwrap();
    assert_eq!(verify_at(&moved, NOW), Err(VerifyError::Signature(signer)));
}

#[test]
fn sequence_and_term_are_signed() {
    for statement in statements() {
        let ours = sign(&statement);
        let refused = Err(VerifyError::Signature(*ours.signer()));
        let later = (TERM.not_after + 60).to_be_bytes();
        let newer = (TERM.sequence + 1).to_be_bytes();
        let earlier = (TERM.issued_at - 1).to_be_bytes();
        for (at, bytes) in [(6, newer), (14, earlier), (22, later)] {
            assert_eq!(verify_at(&patched(&ours, at, &bytes), NOW), refused);
        }
    }
}

#[test]
fn a_signature_by_nix_over_the_same_bytes_is_none_of_an_announcement() {
    let ours = sign(&Statement::PathInfo(object()));
    let at = ours.as_bytes().len() - 64;
    // Without the prefix and the key of the DHT, and with the key alone.
    let unsigned = &ours.as_bytes()[..at];
    for message in [
        unsigned.to_vec(),
        [&ours.key().to_bytes(), unsigned].concat(),
        [&b"nix-kad/1\0"[..], unsigned].concat(),
    ] {
        let forged = patched(&ours, at, &key().sign(&message).bytes);
        let refused = Err(VerifyError::Signature(*ours.signer()));
        assert_eq!(verify_at(&forged, NOW), refused);
    }
}

#[test]
fn a_signature_whose_s_is_not_reduced_is_refused() {
    let ours = sign(&Statement::PathInfo(object()));
    let at = ours.as_bytes().len() - 32;
    let mut scalar = ours.as_bytes()[at..].to_vec();
    let mut carry = 0;
    for (byte, add) in scalar.iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    assert_eq!(carry, 0);
    let refused = Err(VerifyError::Signature(*ours.signer()));
    assert_eq!(verify_at(&patched(&ours, at, &scalar), NOW), refused);
}

#[test]
fn signers_with_whose_key_anybody_could_sign_are_refused() {
    let mut identity = [0; 32];
    identity[0] = 1;
    // For the first one, a signature of the identity and zero holds over every message.
    let no_point = [2; 32];
    for signer in [identity, [0; 32], no_point].map(SignerId) {
        for statement in statements() {
            let dht_key = Key::of(&statement, signer);
            let mut bytes = sign(&statement).as_bytes().to_vec();
            let at = bytes.len() - 64;
            bytes[at..].copy_from_slice(&[identity, [0; 32]].concat());
            if let Statement::ContentAddressed(..) = statement {
                bytes[HEADER..HEADER + 32].copy_from_slice(&signer.0);
            }
            let forged = Announcement::decode(&dht_key.to_bytes(), &bytes).unwrap();
            let source = SignatureError::NotAKey;
            let refused = Err(VerifyError::NotAKey { signer, source });
            assert_eq!(verify_at(&forged, NOW), refused);
        }
    }
}

#[test]
fn what_costs_least_is_checked_first() {
    // Wrong in all respects: each right one uncovers the next.
    let (mut object, address) = addressed([].into());
    let right = Statement::ContentAddressed(object.clone(), address);
    object.path = crate::support::path(1, "source");
    let refused = Announcement::sign(
        &dir(),
        &Statement::ContentAddressed(object, address),
        TERM,
        &key(),
    );
    assert!(matches!(
        refused,
        Err(SignError::Refused(VerifyError::Path { .. }))
    ));

    let signature_at = |ours: &Announcement| ours.as_bytes().len() - 64;
    let ours = sign(&right);
    let forged = patched(&ours, signature_at(&ours), &[0; 64]);
    let late = verify_at(&forged, TERM.not_after + 1);
    assert!(matches!(late, Err(VerifyError::Expired { .. })), "{late:?}");

    let ours = sign(&Statement::PathInfo(crate::support::object()));
    let forged = patched(&ours, signature_at(&ours), &[0; 64]);
    let nobody = TrustedKeys::default();
    let late = forged.verify(&dir(), Signers::Trusted(&nobody), TERM.not_after + 1);
    assert!(matches!(late, Err(VerifyError::Expired { .. })), "{late:?}");
    let signer = *forged.signer();
    assert_eq!(
        verify_by(&forged, &nobody),
        Err(VerifyError::Untrusted(signer))
    );
    assert_eq!(
        verify_by(&forged, &trusting(&key())),
        Err(VerifyError::Signature(signer))
    );
}
