//! What counts of what comes.

use std::collections::BTreeSet;

use nix_core::{hash::Sha256, store_path::StorePath};
use nix_remote::peers::{
    announcement::{Key, Object, Statement, VerifyError},
    lookup::{
        ASIDE_FOR, Begun, Found, JUDGED_PER_QUESTION_MAX, LookupOutput, Lookups, Outcome,
        PROVIDERS_PER_ANSWER_MAX, Question, QuestionId, ROOTS_MAX, RecordError,
    },
};

use crate::support::{
    NOW, addressed, asked, at, begin, give, lookups, object, outcome, outputs, path, sign, signed,
    signer,
};

/// Ends all questions and returns what was found.
fn found(lookups: &mut Lookups<u32>, questions: &[(QuestionId, Question)]) -> Found<u32> {
    for (id, _) in questions {
        lookups.on_end(*id, true, at(10));
    }
    loop {
        for output in outputs(lookups, at(10)) {
            match output {
                LookupOutput::Ask { id, .. } => lookups.on_end(id, true, at(10)),
                LookupOutput::Cancel { .. } => {}
                LookupOutput::Done { outcome, .. } => match outcome {
                    Outcome::Found(found) => return *found,
                    other => panic!("not found: {other:?}"),
                },
            }
        }
    }
}

fn hello() -> StorePath {
    path(1, "hello")
}

#[test]
fn a_path_is_asked_for_by_its_content_and_of_each_trusted_signer() {
    let mut lookups = lookups(&[7, 8]);
    let questions = begin(&mut lookups, &hello());
    let path_digest = hello().digest();
    let expected = [
        Key::ContentAddressed { path_digest },
        Key::PathInfo {
            signer: signer(7),
            path_digest,
        },
        Key::PathInfo {
            signer: signer(8),
            path_digest,
        },
    ];
    for key in expected {
        assert!(questions.iter().any(|(_, of)| *of == Question::Record(key)));
    }
    assert_eq!(questions.len(), expected.len());
}

#[test]
fn providers_of_the_archive_are_asked_for_once_something_is_believed() {
    let mut lookups = lookups(&[7]);
    let questions = begin(&mut lookups, &hello());
    let announced = signed(object(&hello(), 2, [].into()), 7, 1, NOW);
    assert!(give(&mut lookups, &questions, &announced, at(1)));
    let providers = asked(&mut lookups, at(1));
    assert_eq!(providers.len(), 1);
    assert_eq!(providers[0].1, Question::Providers([2; 32]));
    lookups.on_providers(providers[0].0, [5, 6], at(2));
    for (id, _) in questions.iter().chain(&providers) {
        lookups.on_end(*id, true, at(3));
    }
    let Outcome::Found(found) = outcome(&mut lookups, at(3)) else {
        panic!("not found");
    };
    assert_eq!(found.best(), &announced);
    assert_eq!(found.providers().collect::<Vec<_>>(), [&5, &6]);
    assert_eq!(found.path_info().unwrap().path, hello());
    assert_eq!(lookups.questions(), 0);
}

#[test]
fn the_newest_word_of_a_signer_counts_whatever_comes_first() {
    for order in [[0, 1], [1, 0]] {
        let mut lookups = lookups(&[7]);
        let questions = begin(&mut lookups, &hello());
        let both = [1, 2].map(|sequence| signed(object(&hello(), 2, [].into()), 7, sequence, NOW));
        for at_place in order {
            give(&mut lookups, &questions, &both[at_place], at(1));
        }
        let found = found(&mut lookups, &questions);
        assert_eq!(found.best(), &both[1]);
        assert!(found.others().is_empty());
        assert!(found.contradictions().is_empty());
    }
}

#[test]
fn the_word_of_a_trusted_signer_counts_before_what_anybody_says_of_an_archive() {
    let (object, by_content) = addressed(2, [].into());
    let path = object.path.clone();
    let mut lookups = lookups(&[7]);
    let questions = begin(&mut lookups, &path);
    let anybody = sign(&by_content, 99, 1, NOW + 60);
    let trusted = signed(object, 7, 1, NOW);
    give(&mut lookups, &questions, &anybody, at(1));
    give(&mut lookups, &questions, &trusted, at(1));
    let found = found(&mut lookups, &questions);
    assert_eq!(found.best(), &trusted);
    assert_eq!(found.others(), [anybody]);
    assert!(found.path_info().unwrap().content_address.is_some());
}

#[test]
fn two_words_that_cannot_both_be_true_are_kept_as_evidence() {
    let mut lookups = lookups(&[7, 8]);
    let questions = begin(&mut lookups, &hello());
    let one = signed(object(&hello(), 2, [].into()), 7, 1, NOW);
    let same_signer = signed(object(&hello(), 3, [].into()), 7, 2, NOW);
    let other_signer = signed(object(&hello(), 3, [].into()), 8, 1, NOW);
    for announcement in [&one, &same_signer, &other_signer] {
        give(&mut lookups, &questions, announcement, at(1));
    }
    let found = found(&mut lookups, &questions);
    let [contradiction] = found.contradictions() else {
        panic!("{} contradictions", found.contradictions().len());
    };
    assert!(contradiction.is_equivocation());
    assert_eq!(contradiction.announcements(), [&one, &same_signer]);
}

#[test]
fn references_that_are_announced_by_their_digest_are_learnt_from_another_announcement() {
    let references = [path(3, "glibc")].into();
    let (mut object, by_content) = addressed(2, references);
    let path = object.path.clone();
    let mut lookups = lookups(&[7]);
    let questions = begin(&mut lookups, &path);
    object.references = object.references.to_digest();
    let digest_only = signed(object, 7, 1, NOW);
    give(&mut lookups, &questions, &digest_only, at(1));
    give(
        &mut lookups,
        &questions,
        &sign(&by_content, 99, 1, NOW),
        at(1),
    );
    let found = found(&mut lookups, &questions);
    assert_eq!(found.best(), &digest_only);
    assert_eq!(found.references().unwrap().len(), 1);
}

#[test]
fn what_is_forged_or_expired_or_of_another_name_is_refused() {
    let mut lookups = lookups(&[7]);
    let questions = begin(&mut lookups, &hello());
    let of_seven = questions.iter().find(|(_, of)| match of {
        Question::Record(key) => matches!(key, Key::PathInfo { .. }),
        Question::Providers(_) => false,
    });
    let id = of_seven.unwrap().0;
    let announced = signed(object(&hello(), 2, [].into()), 7, 1, NOW);

    let mut forged = announced.as_bytes().to_vec();
    *forged.last_mut().unwrap() ^= 1;
    let refused = lookups.on_record(id, &forged, at(1), NOW);
    assert!(matches!(
        refused,
        Err(RecordError::Verify(VerifyError::Signature(_)))
    ));

    let refused = lookups.on_record(id, announced.as_bytes(), at(1), NOW + 3601);
    assert!(matches!(
        refused,
        Err(RecordError::Verify(VerifyError::Expired { .. }))
    ));

    let other = signed(object(&path(1, "goodbye"), 2, [].into()), 7, 1, NOW);
    let refused = lookups.on_record(id, other.as_bytes(), at(1), NOW);
    assert!(matches!(refused, Err(RecordError::OtherPath { .. })));

    let of_other = signed(object(&hello(), 2, [].into()), 8, 1, NOW);
    let refused = lookups.on_record(id, of_other.as_bytes(), at(1), NOW);
    assert!(refused.is_err());
    assert!(asked(&mut lookups, at(1)).is_empty());
}

#[test]
fn no_more_than_so_many_different_records_are_judged() {
    let mut lookups = lookups(&[7]);
    let questions = begin(&mut lookups, &hello());
    let id = questions[0].0;
    for number in 0..JUDGED_PER_QUESTION_MAX {
        let refused = lookups.on_record(id, &number.to_be_bytes(), at(1), NOW);
        assert!(matches!(refused, Err(RecordError::Decode(_))));
    }
    assert_eq!(
        lookups.on_record(id, &0_usize.to_be_bytes(), at(1), NOW),
        Ok(false)
    );
    let refused = lookups.on_record(id, b"one more", at(1), NOW);
    assert_eq!(refused, Err(RecordError::TooMany));
}

#[test]
fn what_could_not_be_had_gives_way_to_the_word_of_another_signer() {
    let mut lookups = lookups(&[7, 8]);
    let newer = signed(object(&hello(), 2, [].into()), 7, 1, NOW + 60);
    let older = signed(object(&hello(), 3, [].into()), 8, 1, NOW);
    lookups.set_aside([2; 32], at(0));
    let questions = begin(&mut lookups, &hello());
    give(&mut lookups, &questions, &newer, at(1));
    give(&mut lookups, &questions, &older, at(1));
    let found = found(&mut lookups, &questions);
    assert_eq!(found.best(), &older);
    assert_eq!(found.others(), [newer]);
}

#[test]
fn what_could_not_be_had_gives_way_to_an_older_word_of_its_signer() {
    for order in [[0, 1], [1, 0]] {
        let mut lookups = lookups(&[7]);
        lookups.set_aside([3; 32], at(0));
        let both =
            [(2, 1), (3, 2)].map(|(of, at)| signed(object(&hello(), of, [].into()), 7, at, NOW));
        let questions = begin(&mut lookups, &hello());
        for at_place in order {
            give(&mut lookups, &questions, &both[at_place], at(1));
        }
        let found = found(&mut lookups, &questions);
        assert_eq!(found.best(), &both[0]);
        assert_eq!(found.contradictions().len(), 1);
    }
}

#[test]
fn of_what_could_not_be_had_that_is_tried_first_which_failed_first() {
    let mut lookups = lookups(&[7, 8]);
    let newer = signed(object(&hello(), 2, [].into()), 7, 1, NOW + 60);
    let older = signed(object(&hello(), 3, [].into()), 8, 1, NOW);
    lookups.set_aside([3; 32], at(0));
    lookups.set_aside([2; 32], at(1));
    let questions = begin(&mut lookups, &hello());
    give(&mut lookups, &questions, &newer, at(1));
    give(&mut lookups, &questions, &older, at(1));
    assert_eq!(found(&mut lookups, &questions).best(), &older);
}

#[test]
fn what_could_not_be_had_still_counts_where_there_is_nothing_else() {
    let mut lookups = lookups(&[7]);
    let only = signed(object(&hello(), 2, [].into()), 7, 1, NOW);
    lookups.set_aside([2; 32], at(0));
    let questions = begin(&mut lookups, &hello());
    give(&mut lookups, &questions, &only, at(1));
    assert_eq!(found(&mut lookups, &questions).best(), &only);
}

#[test]
fn an_archive_is_not_set_aside_for_ever() {
    let mut lookups = lookups(&[7, 8]);
    let newer = signed(object(&hello(), 2, [].into()), 7, 1, NOW + 60);
    let older = signed(object(&hello(), 3, [].into()), 8, 1, NOW);
    lookups.set_aside([2; 32], at(0));
    let later = ASIDE_FOR + at(1);
    assert_eq!(lookups.find(hello(), later), Begun::Started);
    let questions = asked(&mut lookups, later);
    give(&mut lookups, &questions, &newer, later);
    give(&mut lookups, &questions, &older, later);
    for (id, _) in &questions {
        lookups.on_end(*id, true, later);
    }
    for (id, _) in asked(&mut lookups, later) {
        lookups.on_end(id, true, later);
    }
    let Outcome::Found(found) = outcome(&mut lookups, later) else {
        panic!("not found");
    };
    assert_eq!(found.best(), &newer);
}

#[test]
fn one_answer_does_not_take_the_places_of_all_providers() {
    let mut lookups = lookups(&[7]);
    let questions = begin(&mut lookups, &hello());
    let announced = signed(object(&hello(), 2, [].into()), 7, 1, NOW);
    give(&mut lookups, &questions, &announced, at(1));
    let (id, _) = asked(&mut lookups, at(1))[0];
    lookups.on_providers(id, 1000..2000, at(2));
    lookups.on_providers(id, [5], at(3));
    lookups.on_end(id, true, at(4));
    let found = found(&mut lookups, &questions);
    assert!(found.providers().any(|provider| *provider == 5));
    assert_eq!(found.providers().count(), 1 + PROVIDERS_PER_ANSWER_MAX);
}

/// Under the key of a content address anybody may speak of archives that nobody has.
#[test]
fn false_archives_without_end_do_not_keep_a_trusted_one_from_being_asked_for() {
    let (object, _) = addressed(2, [].into());
    let mut lookups = lookups(&[7]);
    let questions = begin(&mut lookups, &object.path);
    let mut roots = BTreeSet::new();
    for number in 0..20 {
        let (mut other, by_content) = addressed(2, [].into());
        let Statement::ContentAddressed(_, address) = by_content else {
            panic!("not content-addressed");
        };
        other.blake3_root = [100 + number; 32];
        let statement = Statement::ContentAddressed(other, address);
        let made = sign(&statement, 99, 1, NOW + u64::from(number));
        give(&mut lookups, &questions, &made, at(1));
        for (id, question) in asked(&mut lookups, at(1)) {
            lookups.on_end(id, true, at(1));
            roots.insert(question);
        }
    }
    assert_eq!(roots.len(), ROOTS_MAX);
    let trusted = signed(object, 7, 1, NOW);
    let root = Question::Providers([2; 32]);
    give(&mut lookups, &questions, &trusted, at(2));
    let now_asked = asked(&mut lookups, at(2));
    assert!(now_asked.iter().any(|(_, of)| *of == root));
}

#[test]
fn under_a_content_address_the_newest_word_of_one_does_not_hide_the_word_of_another() {
    let (object, by_content) = addressed(2, [].into());
    let Statement::ContentAddressed(_, address) = by_content else {
        panic!("not content-addressed");
    };
    let mut lookups = lookups(&[]);
    let questions = begin(&mut lookups, &object.path);
    let mut other = object.clone();
    other.blake3_root = [100; 32];
    let honest = Statement::ContentAddressed(object, address);
    let honest = [(1, NOW), (2, NOW + 1)].map(|(at, issued)| sign(&honest, 98, at, issued));
    let poison = sign(
        &Statement::ContentAddressed(other, address),
        99,
        1,
        NOW + 60,
    );
    for record in [&honest[1], &poison, &honest[0]] {
        give(&mut lookups, &questions, record, at(1));
    }
    let found = found(&mut lookups, &questions);
    assert_eq!(found.best(), &poison);
    assert_eq!(found.others(), [honest[1].clone()]);
    let roots: Vec<_> = found
        .archives()
        .iter()
        .map(|archive| archive.root)
        .collect();
    assert_eq!(roots, [[100; 32], [2; 32]]);
}

#[test]
fn a_false_hash_or_size_of_an_archive_does_not_hide_the_true_ones() {
    let object = object(&path(1, "foo"), 1, [].into());
    let mut lookups = lookups(&[7, 8, 9]);
    let questions = begin(&mut lookups, &object.path);
    let (mut other_hash, mut other_size) = (object.clone(), object.clone());
    other_hash.nar_hash = Sha256([99; 32]);
    other_size.nar_size += 1;
    let said = [(7, &object), (8, &other_size), (9, &other_hash)];
    for (later, (seed, object)) in (0..).zip(said) {
        let record = signed(object.clone(), seed, 1, NOW + later);
        give(&mut lookups, &questions, &record, at(1));
    }
    let archives = found(&mut lookups, &questions).archives();
    let claims = archives.iter().map(|archive| {
        let info = &archive.info;
        (archive.root, info.nar_hash, info.nar_size)
    });
    let claim = |of: &Object| (of.blake3_root, of.nar_hash, of.nar_size);
    let expected = [&other_hash, &other_size, &object].map(claim);
    assert_eq!(claims.collect::<Vec<_>>(), expected);
}
