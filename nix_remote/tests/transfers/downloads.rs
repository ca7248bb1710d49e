//! How a download treats its peers, rule by rule.

use std::collections::BTreeSet;

use nix_remote::peers::transfer::{
    Download, Failure, GROUPS_IN_FLIGHT_MAX, Lie, Output, ProofError, REQUEST_GROUPS_MAX,
    REQUESTS_MAX, Response,
};

use crate::{
    hand::{Hand, Sent, bans, gets, written},
    support::{GROUP, held, range},
    world::{full, ms},
};

#[test]
fn the_size_is_proven_before_anything_else_is_asked_for() {
    let blob = held(40 * GROUP + 9);
    let mut hand = Hand::new(&blob);
    let complete = hand.complete();
    let first = gets(&hand.join(1, &complete, ms(0)));
    assert_eq!(first.len(), 1);
    assert_eq!(first[0].2, range(40, 1));
    assert!(gets(&hand.join(2, &complete, ms(5))).is_empty());
    assert!(!hand.download.size_is_proven());
    let next = hand.answer(first[0], ms(10));
    assert!(hand.download.size_is_proven());
    assert_eq!(written(&next), [(40 * GROUP as u64, 9)]);
    assert_eq!(gets(&next).len(), 8);
}

#[test]
fn requests_grow_to_1_mib_and_no_more_are_in_flight_than_may_be() {
    let blob = held(300 * GROUP);
    let mut hand = Hand::new(&blob);
    let mut sent = hand.begin(1);
    assert_eq!(sent.len(), 4);
    let complete = hand.complete();
    for peer in 2..12 {
        sent.extend(gets(&hand.join(peer, &complete, ms(10))));
    }
    assert_eq!(hand.download.requests_in_flight(), REQUESTS_MAX);
    let of_new = |sent: &Sent| sent.0 > 1 && sent.2.count() > 1;
    assert!(
        !sent.iter().any(of_new),
        "a stranger is asked for more than 64 KiB"
    );
    for at in 0..40 {
        let one = sent.remove(0);
        sent.extend(gets(&hand.answer(one, ms(20 + at))));
        let requests = hand.download.requests_in_flight();
        let groups = hand.download.groups_in_flight();
        assert!(requests <= REQUESTS_MAX);
        assert!(groups < GROUPS_IN_FLIGHT_MAX + u32::from(REQUEST_GROUPS_MAX));
        assert!(requests == REQUESTS_MAX || groups >= GROUPS_IN_FLIGHT_MAX);
    }
    assert!(sent.iter().any(|sent| sent.2.count() == REQUEST_GROUPS_MAX));
}

#[test]
fn a_liar_is_banned_at_the_cost_of_its_lie_and_others_get_its_requests() {
    let blob = held(40 * GROUP);
    let mut hand = Hand::new(&blob);
    let of_liar = hand.begin(1);
    let (_, id, asked) = of_liar[0];
    let Response::Proof(mut forged) = hand.proof(asked) else {
        panic!("another response");
    };
    forged[0] ^= 1;
    let length = forged.len() as u64;
    hand.download
        .on_response(&1, id, Response::Proof(forged), ms(20));
    let outputs = hand.outputs(ms(20));
    assert!(matches!(
        bans(&outputs)[..],
        [(1, Lie::Proof(ProofError::Wrong(_)))]
    ));
    assert!(written(&outputs).is_empty());
    assert!(hand.download.counts().wasted_bytes <= length);
    assert_eq!(hand.download.requests_in_flight(), 0);
    let cancelled = outputs
        .iter()
        .filter(|output| matches!(output, Output::Cancel { .. }));
    assert_eq!(cancelled.count(), of_liar.len() - 1);
    assert!(!hand.download.add_peer(1, ms(21)));
    // What it was asked for comes after all, and is of no use.
    assert!(hand.answer(of_liar[1], ms(22)).is_empty());
    let complete = hand.complete();
    let again = gets(&hand.join(2, &complete, ms(23)));
    assert_eq!(again[0].2.first(), asked.first());
}

#[test]
fn what_stands_before_a_lie_is_kept() {
    let blob = held(40 * GROUP);
    let mut hand = Hand::new(&blob);
    let mut sent = hand.begin(1);
    let wide = loop {
        let one = sent.remove(0);
        if one.2.count() == REQUEST_GROUPS_MAX {
            break one;
        }
        sent.extend(gets(&hand.answer(one, ms(20))));
    };
    let before = hand.download.counts();
    let Response::Proof(mut forged) = hand.proof(wide.2) else {
        panic!("another response");
    };
    *forged.last_mut().unwrap() ^= 1;
    hand.download
        .on_response(&1, wide.1, Response::Proof(forged), ms(30));
    let outputs = hand.outputs(ms(30));
    assert_eq!(bans(&outputs).len(), 1);
    let offset = u64::from(wide.2.first()) * GROUP as u64;
    assert_eq!(
        written(&outputs),
        [(offset, (usize::from(REQUEST_GROUPS_MAX) - 1) * GROUP)]
    );
    assert_eq!(
        hand.download.counts().wasted_bytes - before.wasted_bytes,
        GROUP as u64
    );
    assert!(!hand.download.held().contains(wide.2.end() - 1));
}

#[test]
fn answers_to_what_was_not_asked_are_lies() {
    let blob = held(9 * GROUP);
    let some = {
        let mut groups = full(&blob);
        groups.remove(0);
        Response::held(&blob.blob, &groups)
    };
    let complete = Response::Complete {
        size: blob.blob.size(),
    };
    for wrong in [some, complete] {
        let mut hand = Hand::new(&blob);
        let (_, id, _) = hand.begin(1)[0];
        hand.download.on_response(&1, id, wrong, ms(20));
        assert!(matches!(
            bans(&hand.outputs(ms(20)))[..],
            [(1, Lie::OtherKind)]
        ));
    }
    let mut hand = Hand::new(&blob);
    let outputs = hand.join(1, &Response::Proof(vec![1]), ms(0));
    assert!(matches!(bans(&outputs)[..], [(1, Lie::OtherKind)]));
    let mut hand = Hand::new(&blob);
    let (_, id, _) = hand.begin(1)[0];
    hand.download.on_failure(&1, id, Failure::Malformed, ms(20));
    assert!(matches!(
        bans(&hand.outputs(ms(20)))[..],
        [(1, Lie::Malformed)]
    ));
}

#[test]
fn nobody_can_answer_for_another_peer_or_twice() {
    let blob = held(9 * GROUP);
    let mut hand = Hand::new(&blob);
    let sent = hand.begin(1);
    let complete = hand.complete();
    hand.join(2, &complete, ms(10));
    let (_, id, asked) = sent[0];
    let junk = Response::Proof(vec![0; 100]);
    hand.download.on_response(&2, id, junk.clone(), ms(20));
    assert!(bans(&hand.outputs(ms(20))).is_empty());
    assert_eq!(written(&hand.answer(sent[0], ms(21))).len(), 1);
    hand.download.on_response(&1, id, junk, ms(22));
    let response = hand.proof(asked);
    hand.download.on_response(&1, id, response, ms(23));
    let outputs = hand.outputs(ms(23));
    assert!(bans(&outputs).is_empty() && written(&outputs).is_empty());
    assert!(hand.download.counts().late_bytes > GROUP as u64);
}

#[test]
fn a_busy_peer_is_left_alone_for_as_long_as_it_says_and_not_much_longer() {
    let blob = held(9 * GROUP);
    let mut hand = Hand::new(&blob);
    let sent = hand.begin(1);
    let retry_after_ms = 3000;
    for (_, id, _) in sent {
        hand.download
            .on_response(&1, id, Response::Busy { retry_after_ms }, ms(20));
    }
    assert!(hand.outputs(ms(20)).is_empty());
    let wake = hand.download.wake_at().unwrap();
    assert!(wake >= ms(3020) && wake <= ms(4520), "{wake:?}");
    assert!(gets(&hand.outputs(wake - ms(1))).is_empty());
    // Three quarters of the window of 4.
    assert_eq!(gets(&hand.outputs(wake)).len(), 3);
}

#[test]
fn a_peer_that_gives_as_much_as_it_may_is_asked_again_as_soon_as_it_says() {
    let blob = held(64 * GROUP);
    let mut hand = Hand::new(&blob);
    let mut sent = hand.begin(1);
    let mut now = ms(20);
    // One request is served every 10 ms, and all others are told to come back then.
    let mut served = 0;
    while !sent.is_empty() && now < ms(2000) {
        let first = sent.remove(0);
        sent.extend(gets(&hand.answer(first, now)));
        served += 1;
        for (_, id, _) in std::mem::take(&mut sent) {
            let busy = Response::Busy { retry_after_ms: 10 };
            hand.download.on_response(&1, id, busy, now);
        }
        sent = gets(&hand.outputs(now));
        while sent.is_empty() && !hand.download.is_finished() {
            now = hand.download.wake_at().unwrap();
            sent = gets(&hand.outputs(now));
        }
    }
    assert!(hand.download.is_finished(), "{served} served by {now:?}");
    assert!(now < ms(600), "{now:?} for {served} responses");
}

/// Else all that were turned away at once would come back at once.
#[test]
fn how_long_a_busy_peer_is_left_alone_depends_on_the_seed() {
    let blob = held(9 * GROUP);
    let wakes = (0..8).map(|seed| {
        let mut hand = Hand::new(&blob);
        hand.download = Download::new(blob.blob, seed, ms(0));
        for (_, id, _) in hand.begin(1) {
            let retry_after_ms = 3000;
            hand.download
                .on_response(&1, id, Response::Busy { retry_after_ms }, ms(20));
        }
        assert!(hand.outputs(ms(20)).is_empty());
        hand.download.wake_at().unwrap()
    });
    let wakes: BTreeSet<_> = wakes.collect();
    assert!(wakes.len() > 6, "{wakes:?}");
}

#[test]
fn a_peer_that_is_always_busy_cannot_make_others_ask_all_the_time() {
    let blob = held(9 * GROUP);
    let mut hand = Hand::new(&blob);
    let mut sent = hand.begin(1);
    let mut now = ms(20);
    let mut asked = 0;
    while now < ms(60_000) {
        for (peer, id, _) in std::mem::take(&mut sent) {
            let busy = Response::Busy { retry_after_ms: 0 };
            hand.download.on_response(&peer, id, busy, now);
            asked += 1;
        }
        assert!(asked < 20, "{asked} requests by {now:?}");
        sent = gets(&hand.outputs(now));
        if sent.is_empty() {
            now = hand.download.wake_at().unwrap();
        }
    }
    assert!(asked > 5, "it is not forgotten");
}

#[test]
fn a_request_that_takes_too_long_is_given_to_others() {
    let blob = held(9 * GROUP);
    let mut hand = Hand::new(&blob);
    let sent = hand.begin(1);
    let mut outputs = Vec::new();
    let mut now = ms(10);
    while !outputs
        .iter()
        .any(|output| matches!(output, Output::Cancel { .. }))
    {
        now = hand.download.wake_at().unwrap();
        assert!(now < ms(60_000));
        outputs = hand.outputs(now);
    }
    assert!(now >= ms(2000) && now <= ms(30_000), "{now:?}");
    assert_eq!(hand.download.requests_in_flight(), 0);
    let complete = hand.complete();
    let again = gets(&hand.join(2, &complete, now));
    assert_eq!(again[0].2.first(), sent[0].2.first());
}

#[test]
fn what_a_peer_that_is_gone_was_asked_for_is_asked_of_others() {
    let blob = held(9 * GROUP);
    let mut hand = Hand::new(&blob);
    let sent = hand.begin(1);
    hand.download.peer_gone(&1, ms(20));
    assert_eq!(hand.download.requests_in_flight(), 0);
    let complete = hand.complete();
    let again = gets(&hand.join(2, &complete, ms(21)));
    assert_eq!(again[0].2.first(), sent[0].2.first());
    assert!(hand.download.add_peer(1, ms(22)), "it did nothing wrong");
}

#[test]
fn a_slow_peer_is_asked_for_as_much_at_a_time_as_it_sends_soon() {
    let blob = held(360 * GROUP);
    for (millis_per_group, most) in [(60, 1), (28, 3), (1, REQUEST_GROUPS_MAX)] {
        let mut hand = Hand::new(&blob);
        let mut sent = hand.begin(1);
        let (mut now, mut last) = (20, 0);
        while let Some(one) = sent.first().copied() {
            sent.remove(0);
            now += millis_per_group * u64::from(one.2.count());
            let new = gets(&hand.answer(one, ms(now)));
            last = new.first().map_or(last, |new| new.2.count());
            sent.extend(new);
            // Those at the end are for what is left.
            if hand.download.held().len() > 200 {
                break;
            }
        }
        assert_eq!(last, most, "{millis_per_group} ms for a group");
    }
}

#[test]
fn a_peer_that_failed_is_asked_for_less_at_a_time() {
    let blob = held(60 * GROUP);
    let mut hand = Hand::new(&blob);
    let mut sent = hand.begin(1);
    while sent[0].2.count() < REQUEST_GROUPS_MAX {
        let one = sent.remove(0);
        sent.extend(gets(&hand.answer(one, ms(20))));
    }
    for (_, id, _) in sent {
        hand.download.on_failure(&1, id, Failure::Lost, ms(30));
    }
    let rested = hand.download.wake_at().unwrap();
    let again = gets(&hand.outputs(rested));
    assert_eq!(again[0].2.count(), REQUEST_GROUPS_MAX / 2);
}

#[test]
fn no_peer_is_asked_for_the_same_while_it_may_still_send_it() {
    let blob = held(3 * GROUP);
    let mut hand = Hand::new(&blob);
    hand.begin(1);
    loop {
        let now = hand.download.wake_at().unwrap();
        let outputs = hand.outputs(now);
        if outputs
            .iter()
            .any(|output| matches!(output, Output::Cancel { .. }))
        {
            break;
        }
        assert!(gets(&outputs).is_empty(), "asked again at {now:?}");
    }
}

#[test]
fn a_peer_that_was_overtaken_comes_after_the_one_that_overtook_it() {
    let blob = held(40 * GROUP);
    let mut hand = Hand::new(&blob);
    let complete = hand.complete();
    let slow = gets(&hand.join(1, &complete, ms(0)));
    let fast = gets(&hand.join(2, &complete, ms(500)));
    assert_eq!(fast[0].2, slow[0].2);
    let next = gets(&hand.answer(fast[0], ms(530)));
    assert_eq!(next[0].0, 2);
    assert!(next.iter().any(|sent| sent.0 == 1), "it may be of use yet");
}
