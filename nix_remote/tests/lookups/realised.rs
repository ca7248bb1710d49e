//! Which path an output is said to have.

use nix_core::{realisation::Realisation, store_path::StorePath};
use nix_remote::peers::{
    announcement::{Announcement, Key, Statement},
    lookup::{Begun, Lookups, Outcome, Question, QuestionId, Realised, Subject},
};

use crate::support::{NOW, asked, at, give, key, lookups, outcome, path, sign, signer};

const OUTPUT: &str = "g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-hello.drv^out";

fn said(to: &StorePath, seed: u8, sequence: u64, issued_at: u64) -> Announcement {
    let mut realisation = Realisation::new(OUTPUT.parse().unwrap(), to.clone());
    realisation.sign(&key(seed));
    sign(
        &Statement::Realisation(realisation),
        seed,
        sequence,
        issued_at,
    )
}

fn begin(lookups: &mut Lookups<u32>) -> Vec<(QuestionId, Question)> {
    let subject = Subject::Output(OUTPUT.to_owned());
    assert_eq!(lookups.find(subject, at(0)), Begun::Started);
    asked(lookups, at(0))
}

fn realised(lookups: &mut Lookups<u32>, questions: &[(QuestionId, Question)]) -> Realised {
    for (id, _) in questions {
        lookups.on_end(*id, true, at(10));
    }
    match outcome(lookups, at(10)) {
        Outcome::Realised(realised) => *realised,
        other => panic!("not found: {other:?}"),
    }
}

#[test]
fn an_output_is_asked_for_of_each_trusted_signer_and_of_nobody_else() {
    let mut lookups = lookups(&[7, 8]);
    let questions: Vec<_> = begin(&mut lookups).into_iter().map(|(_, of)| of).collect();
    let mut expected = [7, 8].map(|seed| Question::Record(Key::of_output(OUTPUT, signer(seed))));
    expected.sort();
    assert_eq!(questions, expected);
}

#[test]
fn an_output_has_the_path_that_was_announced_last_and_nobody_is_asked_for_archives() {
    let mut lookups = lookups(&[7, 8]);
    let questions = begin(&mut lookups);
    let hello = path(1, "hello");
    let older = said(&hello, 7, 5, NOW);
    let newer = said(&hello, 8, 1, NOW + 60);
    for record in [&newer, &older] {
        assert!(give(&mut lookups, &questions, record, at(1)));
    }
    assert!(asked(&mut lookups, at(1)).is_empty());
    let found = realised(&mut lookups, &questions);
    assert_eq!(found.out_path(), &hello);
    assert_eq!(found.best(), &newer);
    assert_eq!(found.others(), [older]);
    assert!(found.conflicts().is_empty());
}

#[test]
fn two_paths_of_one_output_are_kept_as_evidence_whoever_says_so() {
    for (seed, is_equivocation) in [(7, true), (8, false)] {
        let mut lookups = lookups(&[7, 8]);
        let questions = begin(&mut lookups);
        let one = said(&path(1, "hello"), 7, 1, NOW);
        let other = said(&path(2, "hello"), seed, 2, NOW + 1);
        for record in [&one, &other] {
            give(&mut lookups, &questions, record, at(1));
        }
        let found = realised(&mut lookups, &questions);
        assert_eq!(found.out_path(), &path(2, "hello"));
        let [conflict] = found.conflicts() else {
            panic!("{:?}", found.conflicts());
        };
        assert_eq!(conflict.announcements(), [&one, &other]);
        assert_eq!(conflict.is_equivocation(), is_equivocation);
        assert_eq!(conflict.output(), OUTPUT);
    }
}

#[test]
fn an_output_that_nobody_announces_is_not_looked_up_again_for_a_while() {
    let mut lookups = lookups(&[7]);
    let questions = begin(&mut lookups);
    for (id, _) in &questions {
        lookups.on_end(*id, true, at(10));
    }
    assert_eq!(outcome(&mut lookups, at(10)), Outcome::Absent);
    let subject = Subject::Output(OUTPUT.to_owned());
    assert_eq!(lookups.find(subject.clone(), at(20)), Begun::KnownAbsent);
    lookups.forget(&subject);
    assert_eq!(lookups.find(subject, at(20)), Begun::Started);
}
