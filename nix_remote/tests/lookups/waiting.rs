//! How long is waited, and for whom.

use nix_remote::peers::lookup::{
    ABSENT_FOR, Begun, LookupOutput, Outcome, PROVIDERS_ENOUGH, PROVIDERS_MAX, UNANSWERED_FOR,
};

use crate::support::{
    LIMITS, NOW, asked, at, begin, give, lookups, object, outcome, outputs, path, signed,
};

#[test]
fn a_path_that_nobody_announces_is_not_looked_up_again_for_a_while() {
    let mut lookups = lookups(&[7]);
    let hello = path(1, "hello");
    for (id, _) in begin(&mut lookups, &hello) {
        lookups.on_end(id, true, at(20));
    }
    assert_eq!(outcome(&mut lookups, at(20)), Outcome::Absent);
    assert_eq!(lookups.find(&hello, at(30)), Begun::KnownAbsent);
    let over = at(20) + ABSENT_FOR;
    assert_eq!(lookups.find(&hello, over - at(1)), Begun::KnownAbsent);
    assert_eq!(lookups.find(&hello, over), Begun::Started);
}

#[test]
fn a_failed_question_says_nothing_of_the_path_and_is_remembered_for_a_moment_only() {
    let mut lookups = lookups(&[7]);
    let hello = path(1, "hello");
    let questions = begin(&mut lookups, &hello);
    lookups.on_end(questions[0].0, true, at(20));
    lookups.on_end(questions[1].0, false, at(20));
    assert_eq!(outcome(&mut lookups, at(20)), Outcome::Unanswered);
    assert_eq!(lookups.find(&hello, at(21)), Begun::KnownAbsent);
    assert_eq!(
        lookups.find(&hello, at(20) + UNANSWERED_FOR),
        Begun::Started
    );
}

#[test]
fn what_is_forgotten_is_looked_up_again() {
    let mut lookups = lookups(&[]);
    let hello = path(1, "hello");
    for (id, _) in begin(&mut lookups, &hello) {
        lookups.on_end(id, true, at(20));
    }
    assert_eq!(outcome(&mut lookups, at(20)), Outcome::Absent);
    lookups.forget(&hello.clone().into());
    assert_eq!(lookups.find(&hello, at(21)), Begun::Started);
}

#[test]
fn a_lookup_ends_at_its_deadline_and_takes_its_questions_back() {
    let mut lookups = lookups(&[7]);
    let questions = begin(&mut lookups, &path(1, "hello"));
    assert_eq!(lookups.wake_at(), Some(LIMITS.deadline));
    assert!(outputs(&mut lookups, LIMITS.deadline - at(1)).is_empty());
    let ended = outputs(&mut lookups, LIMITS.deadline);
    let cancelled = |output: &&LookupOutput<u32>| matches!(output, LookupOutput::Cancel { .. });
    assert_eq!(ended.iter().filter(cancelled).count(), questions.len());
    assert!(ended.contains(&LookupOutput::Done {
        subject: path(1, "hello").into(),
        outcome: Outcome::Unanswered,
    }));
    assert_eq!(lookups.questions(), 0);
    assert_eq!(lookups.wake_at(), None);
}

#[test]
fn other_announcements_have_their_grace_and_no_more() {
    let mut lookups = lookups(&[7, 8]);
    let hello = path(1, "hello");
    let questions = begin(&mut lookups, &hello);
    let announced = signed(object(&hello, 2, [].into()), 7, 1, NOW);
    give(&mut lookups, &questions, &announced, at(100));
    let providers = asked(&mut lookups, at(100))[0].0;
    lookups.on_providers(providers, 0..10, at(150));
    assert!(outputs(&mut lookups, at(599)).is_empty());
    assert_eq!(lookups.wake_at(), Some(at(600)));
    let Outcome::Found(found) = outcome(&mut lookups, at(600)) else {
        panic!("not found");
    };
    assert!(found.providers().count() >= PROVIDERS_ENOUGH);
    assert_eq!(lookups.questions(), 0);
}

#[test]
fn with_few_providers_more_are_waited_for_until_the_deadline() {
    let mut lookups = lookups(&[7]);
    let hello = path(1, "hello");
    let questions = begin(&mut lookups, &hello);
    let announced = signed(object(&hello, 2, [].into()), 7, 1, NOW);
    give(&mut lookups, &questions, &announced, at(100));
    let providers = asked(&mut lookups, at(100))[0].0;
    lookups.on_providers(providers, [1], at(150));
    let ended = outputs(&mut lookups, LIMITS.deadline - at(1));
    let is_cancel = |output: &LookupOutput<u32>| matches!(output, LookupOutput::Cancel { .. });
    assert!(ended.iter().all(is_cancel));
    let found = outcome(&mut lookups, LIMITS.deadline);
    assert!(matches!(found, Outcome::Found(_)));
}

#[test]
fn no_more_providers_are_kept_than_are_of_use() {
    let mut lookups = lookups(&[7]);
    let hello = path(1, "hello");
    let questions = begin(&mut lookups, &hello);
    let announced = signed(object(&hello, 2, [].into()), 7, 1, NOW);
    give(&mut lookups, &questions, &announced, at(1));
    let providers = asked(&mut lookups, at(1))[0].0;
    for first in (0..1_000).step_by(10) {
        lookups.on_providers(providers, first..first + 10, at(2));
    }
    let Outcome::Found(found) = outcome(&mut lookups, LIMITS.deadline) else {
        panic!("not found");
    };
    assert_eq!(found.providers().count(), PROVIDERS_MAX);
}

#[test]
fn no_more_questions_are_open_than_allowed_and_every_path_has_its_turn() {
    let mut lookups = lookups(&[7, 8]);
    for byte in 0..8 {
        assert_eq!(lookups.find(path(byte, "hello"), at(0)), Begun::Started);
    }
    assert_eq!(lookups.find(path(0, "hello"), at(0)), Begun::Joined);
    assert_eq!(lookups.find(path(9, "hello"), at(0)), Begun::Full);
    let mut open = asked(&mut lookups, at(0));
    let mut asked_in_all = open.len();
    while !open.is_empty() {
        assert!(open.len() <= LIMITS.questions_max);
        let (id, _) = open.remove(0);
        lookups.on_end(id, true, at(1));
        let next = outputs(&mut lookups, at(1)).into_iter();
        let next = next.filter_map(|output| match output {
            LookupOutput::Ask { id, question } => Some((id, question)),
            _ => None,
        });
        let before = open.len();
        open.extend(next);
        asked_in_all += open.len() - before;
    }
    assert_eq!(asked_in_all, 8 * 3);
    assert_eq!(lookups.searches(), 0);
}
