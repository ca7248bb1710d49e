//! Peers that are asked and give nothing.

use std::time::Duration;

use nix_remote::peers::transfer::{
    Download, Failure, GroupSet, Output, PEERS_MAX, Request, RequestId, Response, SILENT_AFTER,
    Stall, prove,
};

use crate::{
    hand::{Hand, gets},
    support::{GROUP, Held, held, range},
    world::{full, ms},
};

/// Returns the outputs from one time to another, each with when it came; what `answer` says to a
/// request is its response, 1 ms later.
fn play(
    hand: &mut Hand<'_>,
    (from, until): (Duration, Duration),
    mut answer: impl FnMut(u32, &Request) -> Option<Response>,
) -> Vec<(Duration, Output<u32>)> {
    let mut seen = Vec::new();
    let mut next = Some(from);
    while let Some(now) = next.filter(|now| *now <= until) {
        let outputs = hand.outputs(now);
        next = hand.download.wake_at();
        for output in &outputs {
            let Output::Send { peer, id, request } = output else {
                continue;
            };
            if let Some(response) = answer(*peer, request) {
                let now = now + ms(1);
                hand.download.on_response(peer, *id, response, now);
                next = Some(now);
            }
        }
        seen.extend(outputs.into_iter().map(|output| (now, output)));
    }
    seen
}

fn silences(seen: &[(Duration, Output<u32>)]) -> Vec<(Duration, u32)> {
    let silences = seen.iter().filter_map(|(at, output)| match output {
        Output::Silent { peer } => Some((*at, *peer)),
        _ => None,
    });
    silences.collect()
}

fn stalls(seen: &[(Duration, Output<u32>)]) -> Vec<(Duration, Stall)> {
    let stalls = seen.iter().filter_map(|(at, output)| match output {
        Output::Stalled(stall) => Some((*at, *stall)),
        _ => None,
    });
    stalls.collect()
}

fn haves(outputs: &[Output<u32>]) -> Vec<(u32, RequestId)> {
    let haves = outputs.iter().filter_map(|output| match output {
        Output::Send {
            peer,
            id,
            request: Request::Have { .. },
        } => Some((*peer, *id)),
        _ => None,
    });
    haves.collect()
}

#[test]
fn a_peer_that_never_answers_is_silent_after_ten_seconds_and_then_nobody_is_waited_for() {
    let blob = held(9 * GROUP);
    let mut hand = Hand::new(&blob);
    assert!(hand.download.add_peer(1, ms(0)));
    let seen = play(&mut hand, (ms(0), ms(59_000)), |_, _| None);
    assert_eq!(silences(&seen), [(SILENT_AFTER, 1)]);
    assert_eq!(stalls(&seen), [(SILENT_AFTER, Stall::Silent)]);
    assert_eq!(hand.download.silent_peers(), 1);
    assert!(hand.download.is_stalled());
}

#[test]
fn a_peer_that_cannot_be_reached_is_silent_too() {
    let blob = held(9 * GROUP);
    let mut hand = Hand::new(&blob);
    assert!(hand.download.add_peer(1, ms(0)));
    let mut now = ms(0);
    let mut stalled = None;
    while stalled.is_none() && now < ms(60_000) {
        let outputs = hand.outputs(now);
        for (peer, id) in haves(&outputs) {
            hand.download.on_failure(&peer, id, Failure::Lost, now);
        }
        let is_stall = |output: &Output<u32>| *output == Output::Stalled(Stall::Silent);
        stalled = outputs.iter().any(is_stall).then_some(now);
        now = hand.download.wake_at().unwrap();
    }
    assert_eq!(stalled, Some(SILENT_AFTER));
}

#[test]
fn what_a_silent_peer_was_asked_for_is_taken_back_and_asked_of_another() {
    let blob = held(9 * GROUP);
    let mut hand = Hand::new(&blob);
    let complete = hand.complete();
    let first = gets(&hand.join(1, &complete, ms(0)));
    assert_eq!(first[0].2, range(8, 1));
    let silent_at = ms(4) + SILENT_AFTER;
    let seen = play(&mut hand, (ms(4), silent_at - ms(1)), |_, _| None);
    assert!(seen.is_empty(), "{seen:?}");
    assert_eq!(hand.download.requests_in_flight(), 1);
    let outputs = hand.outputs(silent_at);
    let (peer, id, _) = first[0];
    assert_eq!(
        outputs,
        [
            Output::Cancel { peer, id },
            Output::Silent { peer },
            Output::Stalled(Stall::Silent)
        ]
    );
    assert_eq!(hand.download.requests_in_flight(), 0);
    let again = gets(&hand.join(2, &complete, silent_at));
    assert_eq!((again[0].0, again[0].2), (2, range(8, 1)));
    assert_eq!(hand.download.counts().doubled_groups, 0);
    let next = gets(&hand.answer(again[0], silent_at + ms(10)));
    assert!(!next.is_empty() && next.iter().all(|sent| sent.0 == 2));
}

/// The answer to what it has is nothing that was asked for.
#[test]
fn a_peer_that_says_what_it_has_and_sends_no_group_of_it_is_silent() {
    let blob = held(9 * GROUP);
    let mut groups = GroupSet::new(9);
    groups.insert(8);
    for says in [
        Hand::new(&blob).complete(),
        Response::held(&blob.blob, &groups),
    ] {
        let mut hand = Hand::new(&blob);
        assert!(hand.download.add_peer(1, ms(0)));
        let mut asked = Vec::new();
        let seen = play(&mut hand, (ms(0), ms(55_000)), |_, request| match request {
            Request::Have { .. } => Some(says.clone()),
            Request::Get { range, .. } => {
                asked.push(*range);
                None
            }
        });
        let silent_at = SILENT_AFTER + ms(1);
        assert_eq!(silences(&seen), [(silent_at, 1)]);
        assert_eq!(stalls(&seen), [(silent_at, Stall::Silent)]);
        assert!(hand.download.is_stalled());
        assert!(asked.len() > 2, "it is tried again: {asked:?}");
        assert!(asked.iter().all(|asked| *asked == range(8, 1)));
    }
}

#[test]
fn a_silent_peer_that_gives_something_after_all_is_one_like_others_again() {
    let blob = held(9 * GROUP);
    let mut hand = Hand::new(&blob);
    assert!(hand.download.add_peer(1, ms(0)));
    let mut is_silent = true;
    let seen = play(&mut hand, (ms(0), ms(12_000)), |_, _| None);
    assert_eq!(stalls(&seen), [(SILENT_AFTER, Stall::Silent)]);
    let complete = hand.complete();
    let seen = play(
        &mut hand,
        (ms(12_000), ms(40_000)),
        |_, request| match request {
            Request::Have { .. } => Some(complete.clone()),
            Request::Get { range, .. } => {
                is_silent = false;
                let proof = prove(&blob.blob, *range, &blob.bytes, &blob.outboard);
                Some(Response::Proof(proof.unwrap()))
            }
        },
    );
    assert!(!is_silent && hand.download.is_finished());
    assert_eq!(hand.download.silent_peers(), 0);
    assert!(stalls(&seen).is_empty() && silences(&seen).is_empty());
}

#[test]
fn a_stall_for_silence_ends_with_the_word_that_there_is_no_time_now() {
    let blob = held(9 * GROUP);
    let mut hand = Hand::new(&blob);
    assert!(hand.download.add_peer(1, ms(0)));
    play(&mut hand, (ms(0), ms(20_000)), |_, _| None);
    assert!(hand.download.is_stalled());
    play(&mut hand, (ms(20_000), ms(50_000)), |_, _| {
        Some(Response::Busy { retry_after_ms: 9 })
    });
    assert!(!hand.download.is_stalled());
    assert_eq!(hand.download.silent_peers(), 0);
}

#[test]
fn bytes_of_groups_that_come_slowly_are_not_silence_and_those_of_other_answers_are() {
    let blob = held(9 * GROUP);
    let mut hand = Hand::new(&blob);
    let complete = hand.complete();
    let mut sent = gets(&hand.join(1, &complete, ms(0)));
    let mut now = ms(4);
    while now < ms(45_000) {
        now += ms(3000);
        for (peer, id, _) in &sent {
            hand.download.on_bytes(peer, *id, now);
        }
        let outputs = hand.outputs(now);
        let of_peer = |output: &Output<u32>| matches!(output, Output::Silent { .. });
        assert!(!outputs.iter().any(of_peer), "{now:?}: {outputs:?}");
        sent.extend(gets(&outputs));
    }
    assert!(!hand.download.is_stalled());

    let mut hand = Hand::new(&blob);
    assert!(hand.download.add_peer(1, ms(0)));
    let asked = haves(&hand.outputs(ms(0)));
    for at in 1..10 {
        let (peer, id) = asked[0];
        hand.download.on_bytes(&peer, id, ms(at * 1000));
    }
    let outputs = hand.outputs(SILENT_AFTER);
    assert!(outputs.contains(&Output::Silent { peer: 1 }));
}

#[test]
fn silent_peers_make_room_for_others_and_keep_it_where_nobody_comes() {
    let blob = held(9 * GROUP);
    let mut hand = Hand::new(&blob);
    for peer in 0..PEERS_MAX as u32 {
        assert!(hand.download.add_peer(peer, ms(0)));
    }
    play(&mut hand, (ms(0), SILENT_AFTER - ms(1)), |_, _| None);
    assert!(!hand.download.add_peer(100, SILENT_AFTER - ms(1)));
    let seen = play(&mut hand, (SILENT_AFTER, SILENT_AFTER), |_, _| None);
    assert_eq!(silences(&seen).len(), PEERS_MAX);
    assert_eq!(hand.download.peers(), PEERS_MAX);
    assert!(hand.download.add_peer(100, SILENT_AFTER));
    assert!(!hand.download.is_stalled(), "the newcomer is hoped for");
}

/// Returns a download that lacks these groups, whose one peer said at once that it has all and then
/// nothing for so long that it is asked again what it has: with the time and the name of that request.
fn hushed<'a>(blob: &'a Held, lacks: &[u32]) -> (Hand<'a>, Duration, RequestId) {
    let mut groups = full(blob);
    for group in lacks {
        groups.remove(*group);
    }
    let mut hand = Hand::new(blob);
    hand.download = Download::resume(blob.blob, groups, 7, ms(0)).unwrap();
    assert!(hand.download.add_peer(1, ms(0)));
    let complete = hand.complete();
    let (_, first) = haves(&hand.outputs(ms(0)))[0];
    hand.download.on_response(&1, first, complete, ms(1));
    assert!(gets(&hand.outputs(ms(1))).len() > lacks.len() / 4);
    loop {
        let now = hand.download.wake_at().unwrap();
        if let Some((_, id)) = haves(&hand.outputs(now)).first() {
            assert!(now > SILENT_AFTER);
            return (hand, now, *id);
        }
    }
}

#[test]
fn a_peer_that_was_silent_is_asked_for_one_group_at_a_time() {
    let blob = held(9 * GROUP);
    let (mut hand, now, id) = hushed(&blob, &[1, 2, 3, 4, 5, 6]);
    let complete = hand.complete();
    hand.download.on_response(&1, id, complete, now + ms(1));
    let asked = gets(&hand.outputs(now + ms(1)));
    assert_eq!((asked.len(), asked[0].2), (1, range(1, 1)));
}

#[test]
fn a_peer_that_was_silent_comes_after_all_others_however_fast_it_was() {
    let blob = held(9 * GROUP);
    let (mut hand, now, id) = hushed(&blob, &[2]);
    assert!(hand.download.add_peer(2, now));
    let (_, other) = haves(&hand.outputs(now))[0];
    let (complete, now) = (hand.complete(), now + ms(50));
    hand.download.on_response(&1, id, complete.clone(), now);
    hand.download.on_response(&2, other, complete, now);
    let asked = gets(&hand.outputs(now));
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert_eq!((asked[0].0, asked[0].2), (2, range(2, 1)));
}

#[test]
fn where_some_are_silent_and_others_have_nothing_it_is_said_that_they_are_silent() {
    let blob = held(9 * GROUP);
    let mut hand = Hand::new(&blob);
    hand.join(2, &Response::Unknown, ms(0));
    assert!(hand.download.add_peer(1, ms(10)));
    let seen = play(&mut hand, (ms(10), ms(11_000)), |peer, _| {
        (peer == 2).then_some(Response::Unknown)
    });
    assert_eq!(stalls(&seen), [(ms(10) + SILENT_AFTER, Stall::Silent)]);
}
