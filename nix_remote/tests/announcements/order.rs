//! Which of two announcements is the newer one, and which cannot both be true.

use std::cmp::Ordering;

use nix_core::signature::SecretKey;
use nix_remote::peers::announcement::{
    Announcement, Conflict, Signers, Statement, Term, VerifyError,
};

use crate::support::{
    NOW, TERM, dir, key, key_of, legacy_realisation, object, path, realisation, sign, statements,
};

fn signed(statement: &Statement, sequence: u64, issued_at: u64, by: &SecretKey) -> Announcement {
    let term = Term {
        sequence,
        issued_at,
        ..TERM
    };
    Announcement::sign(&dir(), statement, term, by).unwrap()
}

#[track_caller]
fn assert_newer(newer: &Announcement, older: &Announcement) {
    assert_eq!(newer.compare(older), Some(Ordering::Greater));
    assert_eq!(older.compare(newer), Some(Ordering::Less));
    assert_eq!(newer.compare(newer), Some(Ordering::Equal));
}

#[test]
fn a_replayed_announcement_of_a_lower_sequence_is_the_older_one() {
    let [info, _, realisation, legacy] = statements();
    for statement in [info, realisation, legacy] {
        let old = signed(&statement, 3, NOW + 20, &key());
        let new = signed(&statement, 4, NOW, &key());
        assert_newer(&new, &old);
        let later = signed(&statement, 3, NOW + 21, &key());
        assert_newer(&later, &old);
    }
}

#[test]
fn of_two_with_one_term_the_bytes_decide() {
    let [mut one, mut other] = [object(), object()];
    one.nar_size = 1;
    other.nar_size = 2;
    let [one, other] = [one, other].map(|object| sign(&Statement::PathInfo(object)));
    assert_newer(&other, &one);
}

#[test]
fn nobody_keeps_the_place_of_a_content_addressed_path_by_a_high_sequence() {
    let [_, statement, ..] = statements();
    let squatter = signed(&statement, u64::MAX, NOW, &key_of(8));
    let honest = signed(&statement, 0, NOW + 1, &key());
    assert_newer(&honest, &squatter);
    let same_time = signed(&statement, 1, NOW + 1, &key());
    assert_newer(&same_time, &honest);
}

#[test]
fn announcements_of_two_keys_have_no_order() {
    let [info, by_content, realisation, legacy] = statements().map(|statement| sign(&statement));
    assert_eq!(info.compare(&by_content), None);
    assert_eq!(by_content.compare(&realisation), None);
    assert_eq!(realisation.compare(&legacy), None);
    let other = signed(info.statement(), 3, NOW, &key_of(8));
    assert_eq!(info.compare(&other), None);
}

fn says(name: &str, sequence: u64, by: &SecretKey) -> Announcement {
    let statement = Statement::Realisation(realisation(path(6, name)));
    signed(&statement, sequence, NOW, by)
}

#[test]
fn two_paths_of_one_output_are_kept_as_evidence() {
    let (one, other) = (says("hello", 1, &key()), says("goodbye", 1, &key_of(8)));
    let conflict = Conflict::between(&one, &other).unwrap().unwrap();
    assert_eq!(conflict.announcements(), [&one, &other]);
    assert_eq!(conflict.output(), format!("{}^out", path(5, "hello.drv")));
    assert!(!conflict.is_equivocation());
    let changed = says("goodbye", 2, &key());
    let conflict = Conflict::between(&one, &changed).unwrap().unwrap();
    assert!(conflict.is_equivocation());
    // Shown to somebody who knows neither, after both have expired.
    for announcement in conflict.announcements() {
        let dht_key = announcement.key().to_bytes();
        let shown = Announcement::decode(&dht_key, announcement.as_bytes()).unwrap();
        assert!(
            shown
                .verify(&dir(), Signers::Any, TERM.not_after + 1)
                .is_err()
        );
        assert_eq!(shown.verify_signature(Signers::Any), Ok(()));
    }
}

#[test]
fn two_paths_of_an_output_of_an_older_nix_are_evidence_and_two_ways_to_one_path_are_not() {
    let says = |name: &str| legacy_realisation(path(6, name));
    let sign = |one| sign(&Statement::LegacyRealisation(one));
    let (one, other) = (sign(says("hello")), sign(says("goodbye")));
    let conflict = Conflict::between(&one, &other).unwrap().unwrap();
    assert!(conflict.output().starts_with("sha256:0505"));
    let mut otherwise_built = says("hello");
    otherwise_built.dependent_realisations.clear();
    assert_eq!(Conflict::between(&one, &sign(otherwise_built)), Ok(None));
}

#[test]
fn what_does_not_contradict_is_no_conflict() {
    let ours = says("hello", 1, &key());
    assert_eq!(
        Conflict::between(&ours, &says("hello", 2, &key_of(8))),
        Ok(None)
    );
    let mut elsewhere = realisation(path(6, "goodbye"));
    elsewhere.key.output_name = "dev".parse().unwrap();
    let elsewhere = sign(&Statement::Realisation(elsewhere));
    assert_eq!(Conflict::between(&ours, &elsewhere), Ok(None));
    let info = sign(&Statement::PathInfo(object()));
    assert_eq!(Conflict::between(&ours, &info), Ok(None));
    assert_eq!(Conflict::between(&info, &info), Ok(None));
}

#[test]
fn a_forged_announcement_is_evidence_of_nothing() {
    let (ours, theirs) = (says("hello", 1, &key()), says("goodbye", 1, &key_of(8)));
    let mut bytes = theirs.as_bytes().to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    let forged = Announcement::decode(&theirs.key().to_bytes(), &bytes).unwrap();
    let refused = Err(VerifyError::Signature(*theirs.signer()));
    assert_eq!(Conflict::between(&ours, &forged), refused);
    assert_eq!(Conflict::between(&forged, &ours), refused);
}
