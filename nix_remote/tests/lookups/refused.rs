//! What is kept of records that were not believed.

use nix_remote::peers::{
    announcement::VerifyError,
    lookup::{
        ABSENT_FOR, Begun, JUDGED_PER_QUESTION_MAX, Lookups, Outcome, Question, QuestionId,
        REASONS_MAX, REFUSED_MAX, RecordError, Subject,
    },
};

use crate::support::{NOW, asked, at, begin, give, lookups, object, outcome, path, signed};

fn end(lookups: &mut Lookups<u32>, questions: &[(QuestionId, Question)]) -> Outcome<u32> {
    for (id, _) in questions {
        lookups.on_end(*id, true, at(10));
    }
    outcome(lookups, at(10))
}

/// Gives a lookup records, each of which is refused.
fn refuse(lookups: &mut Lookups<u32>, id: QuestionId, records: impl IntoIterator<Item = Vec<u8>>) {
    for record in records {
        assert!(lookups.on_record(id, &record, at(1), NOW).is_err());
    }
}

/// Returns a record whose signature is not that of its signer.
fn forged(sequence: u64) -> Vec<u8> {
    let object = object(&path(1, "hello"), 2, [].into());
    let mut record = signed(object, 7, sequence, NOW).as_bytes().to_vec();
    *record.last_mut().unwrap() ^= 1;
    record
}

#[test]
fn where_all_records_are_refused_the_lookup_tells_how_many_and_why_also_after_it_has_ended() {
    let hello = path(1, "hello");
    let subject = Subject::from(&hello);
    let mut lookups = lookups(&[7]);
    let questions = begin(&mut lookups, &hello);
    let by_seven = questions[1].0;
    refuse(
        &mut lookups,
        by_seven,
        [forged(1), b"junk".to_vec(), forged(2)],
    );
    // The same record from another peer is no other one.
    assert_eq!(
        lookups.on_record(by_seven, &forged(1), at(1), NOW),
        Ok(false)
    );

    let refused = lookups.refused(&subject);
    assert_eq!(refused.records(), 3);
    let [(first, 2), (RecordError::Decode(_), 1)] = refused.reasons() else {
        panic!("{refused:?}");
    };
    assert!(matches!(
        first,
        RecordError::Verify(VerifyError::Signature(_))
    ));
    assert_eq!(end(&mut lookups, &questions), Outcome::Absent);
    assert_eq!(lookups.refused(&subject), refused);
    assert_eq!(lookups.find(&hello, at(20)), Begun::KnownAbsent);
    assert_eq!(lookups.refused(&subject), refused);
}

#[test]
fn what_is_refused_is_told_beside_what_is_found() {
    let hello = path(1, "hello");
    let mut lookups = lookups(&[7]);
    let questions = begin(&mut lookups, &hello);
    refuse(&mut lookups, questions[1].0, [forged(3)]);
    let good = signed(object(&hello, 2, [].into()), 7, 1, NOW);
    assert!(give(&mut lookups, &questions, &good, at(1)));
    for (id, _) in asked(&mut lookups, at(2)) {
        lookups.on_end(id, true, at(2));
    }
    assert!(matches!(end(&mut lookups, &questions), Outcome::Found(_)));
    assert_eq!(lookups.refused(&hello.into()).records(), 1);
}

#[test]
fn what_the_last_lookup_refused_counts_and_not_what_the_one_before_it_did() {
    let hello = path(1, "hello");
    let subject = Subject::from(&hello);
    let mut lookups = lookups(&[7]);
    let questions = begin(&mut lookups, &hello);
    refuse(&mut lookups, questions[1].0, [forged(1)]);
    assert_eq!(end(&mut lookups, &questions), Outcome::Absent);

    let later = at(10) + ABSENT_FOR;
    assert_eq!(lookups.find(&hello, later), Begun::Started);
    assert!(lookups.refused(&subject).is_empty());
    for (id, _) in asked(&mut lookups, later) {
        lookups.on_end(id, true, later);
    }
    assert_eq!(outcome(&mut lookups, later), Outcome::Absent);
    assert!(lookups.refused(&subject).is_empty());
}

#[test]
fn nobody_can_have_more_reasons_kept_than_so_many_or_those_of_more_lookups() {
    let mut lookups = lookups(&[7]);
    let first = path(0, "hello-0");
    for number in 0..=REFUSED_MAX {
        let digest = u8::try_from(number % 256).unwrap();
        let path = path(digest, &format!("hello-{number}"));
        let questions = begin(&mut lookups, &path);
        // Versions that are not known, each of which is a reason of its own.
        let versions = (2..).map(|version| [&b"nixk"[..], &[version; 300]].concat());
        let id = questions[1].0;
        refuse(&mut lookups, id, versions.take(JUDGED_PER_QUESTION_MAX));
        refuse(&mut lookups, id, [b"more".to_vec(), b"more".to_vec()]);
        let refused = lookups.refused(&path.into());
        let judged = u64::try_from(JUDGED_PER_QUESTION_MAX).unwrap();
        assert_eq!(refused.records(), judged + 2);
        assert_eq!(refused.reasons().len(), REASONS_MAX);
        assert!(!lookups.refused(&first.clone().into()).is_empty());
        assert_eq!(end(&mut lookups, &questions), Outcome::Absent);
    }
    assert!(lookups.refused(&first.into()).is_empty());
    let last = path(0, &format!("hello-{REFUSED_MAX}"));
    assert!(!lookups.refused(&last.into()).is_empty());
}
