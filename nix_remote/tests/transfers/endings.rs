//! How a download ends, stands still and goes on, rule by rule.

use nix_remote::peers::transfer::{
    BANNED_MAX, COMMIT_AFTER, COMMIT_BYTES, Download, Failure, GroupSet, Lie, NEWCOMERS_HELP_FOR,
    Output, PEERS_MAX, Request, Response, Stall,
};

use crate::{
    hand::{Hand, bans, gets, written},
    node::Manner,
    support::{GROUP, held, range},
    world::{Event, World, full, ms},
};

#[test]
fn in_the_end_the_fast_ask_again_for_what_the_slow_are_to_send() {
    let blob = held(9 * GROUP);
    let mut hand = Hand::new(&blob);
    let slow = hand.begin(1);
    let complete = hand.complete();
    let mut fast = gets(&hand.join(2, &complete, ms(11)));
    let mut now = ms(12);
    while hand.download.held().len() < 9 {
        let next = fast.pop();
        let outputs = match next {
            Some(sent) => hand.answer(sent, now),
            None => hand.outputs(hand.download.wake_at().unwrap()),
        };
        now = now.max(hand.download.wake_at().unwrap_or(now).min(now + ms(200)));
        for sent in gets(&outputs) {
            assert_eq!(sent.0, 2);
            fast.push(sent);
        }
        assert!(now < ms(9000), "the slow one was waited for");
    }
    assert!(hand.download.is_finished());
    // The slow one sends it too, later.
    assert!(hand.answer(slow[0], now).is_empty());
    let counts = hand.download.counts();
    assert_eq!(counts.verified_bytes, blob.blob.size());
    assert_eq!(counts.doubled_groups, 8);
    assert!(counts.late_bytes >= GROUP as u64);
}

#[test]
fn what_is_written_is_committed_after_five_seconds_and_in_the_end() {
    let blob = held(5 * GROUP);
    let mut hand = Hand::new(&blob);
    let sent = hand.begin(1);
    let wake = hand.download.wake_at().unwrap();
    assert!(wake <= ms(10) + COMMIT_AFTER);
    hand.answer(sent[0], ms(20));
    hand.download.peer_gone(&1, ms(20));
    let due = ms(10) + COMMIT_AFTER;
    let early = hand.outputs(due - ms(1));
    assert!(
        !early
            .iter()
            .any(|output| matches!(output, Output::Commit { .. }))
    );
    let outputs = hand.outputs(due);
    let held = hand.download.held().clone();
    assert!(outputs.contains(&Output::Commit { held }));
    let complete = hand.complete();
    let mut sent = gets(&hand.join(2, &complete, due));
    let mut last = Vec::new();
    while let Some(next) = sent.pop() {
        last = hand.answer(next, due + ms(10));
        sent.extend(gets(&last));
    }
    let held = full(&blob);
    assert_eq!(
        last[last.len() - 2..],
        [Output::Commit { held }, Output::Finished]
    );
    assert_eq!(hand.download.wake_at(), None);
}

#[test]
fn what_is_given_up_is_written_and_committed_and_nothing_is_asked_any_more() {
    let blob = held(5 * GROUP);
    let mut hand = Hand::new(&blob);
    let sent = hand.begin(1);
    let (peer, id, range) = sent[0];
    let proof = hand.proof(range);
    hand.download.on_response(&peer, id, proof, ms(20));
    let held = hand.download.held().clone();
    assert_eq!(held.len(), 1 + u32::from(range.count()));
    let left = hand.download.give_up();
    assert_eq!(written(&left), [(0, usize::from(range.count()) * GROUP)]);
    assert_eq!(left.last(), Some(&Output::Commit { held: held.clone() }));
    assert_eq!(left.len(), 2);

    let resumed = Download::<u32>::resume(blob.blob, held, 1, ms(0)).unwrap();
    assert!(resumed.give_up().is_empty());
}

#[test]
fn what_is_written_is_committed_after_64_mib() {
    let blob = held(COMMIT_BYTES as usize + 40 * GROUP);
    let mut world = World::new(1, &blob);
    for _ in 0..4 {
        world.node(Manner::Honest, 1 << 30, ms(1));
    }
    let end = world.run(COMMIT_AFTER - ms(1));
    assert!(world.is_finished && world.has_all(), "{end:?}");
    assert_eq!(world.commits, 2);
}

#[test]
fn a_download_that_is_complete_is_finished_at_once() {
    let blob = held(3 * GROUP);
    let mut done = Download::<u32>::resume(blob.blob, full(&blob), 1, ms(0)).unwrap();
    assert_eq!(done.poll(ms(0)), Some(Output::Finished));
    assert_eq!(done.poll(ms(0)), None);
    let other = GroupSet::new(4);
    assert!(Download::<u32>::resume(blob.blob, other, 1, ms(0)).is_none());
}

#[test]
fn a_download_that_is_resumed_asks_for_what_is_missing_alone() {
    let blob = held(9 * GROUP);
    let mut groups = full(&blob);
    groups.remove(2);
    groups.remove(5);
    let mut hand = Hand::new(&blob);
    hand.download = Download::resume(blob.blob, groups, 1, ms(0)).unwrap();
    assert!(hand.download.size_is_proven());
    let complete = hand.complete();
    let sent = gets(&hand.join(1, &complete, ms(0)));
    let asked: Vec<_> = sent.iter().map(|sent| sent.2).collect();
    assert_eq!(asked, [range(2, 1), range(5, 1)]);
}

#[test]
fn it_is_said_once_that_nobody_can_help() {
    let blob = held(9 * GROUP);
    let mut hand = Hand::new(&blob);
    assert_eq!(hand.outputs(ms(0)), [Output::Stalled(Stall::NoPeer)]);
    assert!(hand.outputs(ms(1)).is_empty());
    let outputs = hand.join(1, &Response::Unknown, ms(2));
    assert_eq!(outputs, [Output::Stalled(Stall::NothingHeld)]);
    let (said, announced) = (7, blob.blob.size());
    let outputs = hand.join(2, &Response::Complete { size: 7 }, ms(3));
    let stall = Stall::OtherSize { said, announced };
    assert_eq!(outputs, [Output::Stalled(stall)]);
}

/// As long as the size is not proven, the announcement may be wrong and the peer right.
#[test]
fn who_says_another_size_is_banned_once_the_size_is_proven() {
    let blob = held(9 * GROUP);
    let mut hand = Hand::new(&blob);
    let (said, proven) = (7, blob.blob.size());
    assert!(bans(&hand.join(2, &Response::Complete { size: said }, ms(0))).is_empty());
    let complete = hand.complete();
    let first = gets(&hand.join(1, &complete, ms(1)));
    let outputs = hand.answer(first[0], ms(10));
    let lie = Lie::Size { said, proven };
    assert_eq!(bans(&outputs), [(2, &lie)]);
    let outputs = hand.join(3, &Response::Complete { size: said }, ms(11));
    assert_eq!(bans(&outputs), [(3, &lie)]);
}

#[test]
fn a_minute_without_a_byte_is_a_stall_and_the_next_byte_ends_it() {
    let blob = held(9 * GROUP);
    let mut hand = Hand::new(&blob);
    let mut sent = hand.begin(1);
    let mut now = ms(20);
    let mut stalls = Vec::new();
    // Whoever has no time is not silent, and gives nothing all the same.
    while now < ms(90_000) || sent.is_empty() {
        for (peer, id, _) in std::mem::take(&mut sent) {
            let busy = Response::Busy { retry_after_ms: 50 };
            hand.download.on_response(&peer, id, busy, now);
        }
        for output in hand.outputs(now) {
            match output {
                Output::Stalled(stall) => stalls.push((now, stall)),
                Output::Silent { .. } => panic!("silent at {now:?}"),
                other => sent.extend(gets(&[other])),
            }
        }
        if sent.is_empty() {
            now = hand.download.wake_at().unwrap();
        }
    }
    assert_eq!(stalls, [(ms(60_010), Stall::NoProgress)]);
    let sent = sent.pop().unwrap();
    let written = written(&hand.answer(sent, now)).len();
    assert_eq!(written, 1, "peers are still asked after a stall");
    assert!(!hand.download.is_stalled());
}

#[test]
fn newcomers_without_end_do_not_keep_a_download_going_that_gets_nothing() {
    let blob = held(9 * GROUP);
    let mut hand = Hand::new(&blob);
    let (mut now, mut stalls, mut newcomer) = (ms(0), Vec::new(), 0);
    while now < ms(400_000) {
        let outputs = hand.outputs(now);
        let is_stall = |output: &Output<u32>| matches!(output, Output::Stalled(_));
        if outputs.iter().any(is_stall) {
            stalls.push(now);
        }
        if hand.download.is_stalled() {
            newcomer += 1;
            hand.download.add_peer(newcomer, now);
        }
        now += ms(500);
    }
    let last = stalls.last().copied().unwrap();
    assert!(stalls.len() > 1, "a newcomer is hoped for");
    assert!(last < NEWCOMERS_HELP_FOR + ms(61_000), "{last:?}");
    assert!(hand.download.is_stalled());
}

#[test]
fn a_peer_that_has_nothing_or_never_answers_makes_room_for_another() {
    let blob = held(GROUP);
    let mut hand = Hand::new(&blob);
    hand.join(0, &Response::Unknown, ms(0));
    for peer in 1..PEERS_MAX as u32 {
        assert!(hand.download.add_peer(peer, ms(5)));
    }
    assert!(
        hand.download.add_peer(100, ms(5)),
        "in place of the one that has nothing"
    );
    assert!(!hand.download.add_peer(101, ms(5)));
    let mut now = ms(5);
    while now < ms(120_000) {
        hand.outputs(now);
        now = hand.download.wake_at().unwrap();
    }
    assert!(
        hand.download.add_peer(101, now),
        "in place of one that is silent"
    );
}

#[test]
fn a_download_has_so_many_peers_and_remembers_so_many_liars() {
    let blob = held(GROUP);
    let mut hand = Hand::new(&blob);
    for peer in 0..PEERS_MAX as u32 {
        assert!(hand.download.add_peer(peer, ms(0)));
    }
    assert!(!hand.download.add_peer(99, ms(0)));
    assert!(hand.download.add_peer(0, ms(0)), "it is one of them");
    let mut hand = Hand::new(&blob);
    for peer in 0..=BANNED_MAX as u32 {
        let outputs = hand.join(peer, &Response::Proof(vec![1]), ms(0));
        assert_eq!(bans(&outputs).len(), 1);
    }
    assert!(
        hand.download.add_peer(0, ms(0)),
        "the first one is forgotten"
    );
    assert!(!hand.download.add_peer(1, ms(0)));
}

#[test]
fn a_peer_that_has_a_part_is_asked_for_that_alone_and_again_what_it_has() {
    let blob = held(9 * GROUP);
    let mut groups = GroupSet::new(9);
    for group in [1, 2, 8] {
        groups.insert(group);
    }
    let mut hand = Hand::new(&blob);
    let partial = Response::held(&blob.blob, &groups);
    let first = gets(&hand.join(1, &partial, ms(0)));
    assert_eq!(first[0].2, range(8, 1));
    let sent = gets(&hand.answer(first[0], ms(10)));
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].2, range(1, 2));
    let outputs = hand.answer(sent[0], ms(20));
    assert!(outputs.contains(&Output::Stalled(Stall::NothingHeld)));
    let mut asked = Vec::new();
    while asked.is_empty() {
        let now = hand.download.wake_at().unwrap();
        assert!(now <= ms(11_000));
        asked = hand.outputs(now);
        asked.retain(|output| matches!(output, Output::Send { .. }));
    }
    let Output::Send {
        id,
        request: Request::Have { .. },
        ..
    } = &asked[0]
    else {
        panic!("another request");
    };
    groups.insert(0);
    let partial = Response::held(&blob.blob, &groups);
    hand.download.on_response(&1, *id, partial, ms(11_000));
    let sent = gets(&hand.outputs(ms(11_000)));
    assert_eq!(sent[0].2, range(0, 1));
}

#[test]
fn a_peer_that_died_and_came_back_is_a_new_one() {
    let blob = held(64 * GROUP);
    let mut world = World::new(2, &blob);
    let name = world.node(Manner::Honest, 1 << 20, ms(5));
    world.at(ms(700), Event::Die(name));
    world.at(ms(20_000), Event::Join(name));
    world.run(ms(60_000));
    assert!(world.is_finished && world.has_all());
    assert!(world.stalls.contains(&Stall::NoPeer));
}

#[test]
fn a_part_that_is_taken_back_is_asked_at_once_of_who_has_only_that() {
    let blob = held(40 * GROUP);
    let mut hand = Hand::new(&blob);
    let sent = hand.begin(1);
    let mut groups = GroupSet::new(40);
    for group in sent[0].2.groups() {
        groups.insert(group);
    }
    let partial = Response::held(&blob.blob, &groups);
    let none = hand.join(2, &partial, ms(10));
    assert!(gets(&none).is_empty(), "the first one was asked for it");
    let (_, id, range) = sent[0];
    hand.download.on_failure(&1, id, Failure::Lost, ms(15));
    let again = gets(&hand.outputs(ms(15)));
    assert_eq!((again[0].0, again[0].2.first()), (2, range.first()));
}

#[test]
fn of_two_that_are_asked_for_the_same_one_may_fail() {
    let blob = held(9 * GROUP);
    let mut hand = Hand::new(&blob);
    let slow = hand.begin(1);
    let complete = hand.complete();
    let fast = gets(&hand.join(2, &complete, ms(400)));
    let (_, id, range) = fast[0];
    hand.download.on_failure(&2, id, Failure::Lost, ms(404));
    let others = gets(&hand.join(3, &complete, ms(405)));
    assert!(!others.is_empty());
    for (_, _, asked) in others {
        let is_whole = slow.iter().any(|sent| sent.2 == asked);
        assert!(
            is_whole,
            "{asked:?} is part of what the slow one was asked for"
        );
    }
    let other = *slow.iter().find(|sent| sent.2 == range).unwrap();
    let outputs = hand.answer(other, ms(500));
    assert_eq!(written(&outputs).len(), 1);
}
