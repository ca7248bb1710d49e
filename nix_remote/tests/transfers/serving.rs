//! What a server gives, to whom, and how much.

use std::time::Duration;

use nix_remote::peers::transfer::{
    Answer, GroupRange, GroupSet, Limits, Read, Request, Response, SERVED_PEERS_MAX, Server,
};

use crate::{
    support::{GROUP, Held, held, range},
    world::{full, ms},
};

const SMALL: Limits = Limits {
    bytes_per_second: 1 << 20,
    total_bytes_per_second: 0,
    burst_bytes: 0,
    reads_max: 3,
    reads_per_peer_max: 2,
};

fn server(held: &Held, limits: Limits) -> Server<u32> {
    let mut server = Server::new(limits);
    assert!(server.share(held.blob, full(held)));
    server
}

fn get(held: &Held, range: GroupRange) -> Request {
    let root = *held.blob.root();
    Request::Get { root, range }
}

fn read(server: &mut Server<u32>, peer: u32, request: &Request, now: Duration) -> Option<Read> {
    match server.on_request(&peer, request, now) {
        Answer::Read(read) => Some(read),
        Answer::Now(Response::Busy { .. }) => None,
        Answer::Now(other) => panic!("{other:?}"),
    }
}

#[test]
fn what_is_shared_is_known_and_nothing_else() {
    let blob = held(9 * GROUP);
    let root = *blob.blob.root();
    let mut server = Server::new(Limits::default());
    let unknown = Answer::Now(Response::Unknown);
    assert_eq!(
        server.on_request(&1, &Request::Have { root }, ms(0)),
        unknown
    );
    assert_eq!(
        server.on_request(&1, &get(&blob, range(0, 1)), ms(0)),
        unknown
    );
    assert!(!server.share(blob.blob, GroupSet::new(8)));
    let mut some = full(&blob);
    some.remove(3);
    assert!(server.share(blob.blob, some.clone()));
    let have = server.on_request(&1, &Request::Have { root }, ms(0));
    assert_eq!(have, Answer::Now(Response::held(&blob.blob, &some)));
    for wrong in [range(3, 1), range(2, 3), range(8, 2), range(100, 1)] {
        assert_eq!(server.on_request(&1, &get(&blob, wrong), ms(0)), unknown);
    }
    let found = read(&mut server, 1, &get(&blob, range(4, 5)), ms(0)).unwrap();
    assert_eq!((found.blob, found.range), (blob.blob, range(4, 5)));
    server.unshare(&root);
    assert_eq!(
        server.on_request(&1, &Request::Have { root }, ms(0)),
        unknown
    );
}

#[test]
fn a_peer_has_its_share_of_bytes_and_no_more() {
    let blob = held(64 * GROUP);
    let mut server = server(&blob, SMALL);
    let request = get(&blob, range(0, 4));
    let mut bytes = 0;
    for millis in 0..10_000 {
        if let Some(read) = read(&mut server, 1, &request, ms(millis)) {
            bytes += blob.blob.bytes_of(read.range);
            server.done(read.id);
        }
    }
    let most = 10 * SMALL.bytes_per_second + (2 << 20);
    assert!(bytes <= most, "{bytes}");
    assert!(bytes >= most * 9 / 10, "{bytes}");
    let of_other = read(&mut server, 2, &request, ms(10_000));
    assert!(of_other.is_some(), "another one has its own budget");
}

#[test]
fn all_peers_together_have_no_more_than_their_share_and_questions_take_nothing_from_it() {
    let blob = held(64 * GROUP);
    let limits = Limits {
        bytes_per_second: 64 << 20,
        total_bytes_per_second: 1 << 20,
        ..SMALL
    };
    let mut server = server(&blob, limits);
    let unknown = Request::Have { root: [9; 32] };
    for _ in 0..10_000 {
        server.on_request(&0, &unknown, ms(0));
    }
    let mut groups = 0;
    for second in 0..10 {
        for peer in 1..=20 {
            let request = get(&blob, range(peer, 1));
            if let Some(read) = read(&mut server, peer, &request, ms(second * 1000)) {
                server.done(read.id);
                groups += 1;
            }
        }
    }
    // 2 MiB at once, of which twenty ask for a group each; then 16 groups in each of the 9 seconds after
    // it, and what was left of those 2 MiB.
    assert_eq!(groups, 20 + 9 * 16 + 12);
}

#[test]
fn the_largest_request_is_served_however_small_the_budget_and_busy_says_when() {
    let blob = held(64 * GROUP);
    let mut server = server(&blob, SMALL);
    let request = get(&blob, range(0, 16));
    for _ in 0..2 {
        let read = read(&mut server, 1, &request, ms(0)).unwrap();
        server.done(read.id);
    }
    let Answer::Now(Response::Busy { retry_after_ms }) = server.on_request(&1, &request, ms(0))
    else {
        panic!("served beyond the budget");
    };
    let wait = ms(retry_after_ms.into());
    assert!(wait > ms(900) && wait < ms(1100), "{wait:?}");
    assert_eq!(read(&mut server, 1, &request, wait - ms(2)), None);
    assert!(read(&mut server, 1, &request, wait).is_some());
}

#[test]
fn reads_are_limited_and_nothing_waits_for_them() {
    let blob = held(64 * GROUP);
    let limits = Limits {
        burst_bytes: 100 << 20,
        ..SMALL
    };
    let mut server = server(&blob, limits);
    let request = get(&blob, range(0, 1));
    let first = read(&mut server, 1, &request, ms(0)).unwrap();
    assert!(read(&mut server, 1, &request, ms(0)).is_some());
    assert_eq!(read(&mut server, 1, &request, ms(0)), None);
    assert!(read(&mut server, 2, &request, ms(0)).is_some());
    assert_eq!(read(&mut server, 3, &request, ms(0)), None);
    assert_eq!(server.reads(), 3);
    let root = *blob.blob.root();
    let have = server.on_request(&3, &Request::Have { root }, ms(0));
    assert_eq!(
        have,
        Answer::Now(Response::Complete {
            size: blob.blob.size()
        })
    );
    server.done(first.id);
    server.done(first.id);
    assert!(read(&mut server, 3, &request, ms(0)).is_some());
}

#[test]
fn questions_about_unknown_blobs_use_up_the_budget_and_read_nothing() {
    let blob = held(GROUP);
    let mut server = server(&blob, SMALL);
    let have = Request::Have { root: [0; 32] };
    let answers = (0..5000).map(|_| server.on_request(&1, &have, ms(0)));
    let known = answers.filter(|answer| *answer == Answer::Now(Response::Unknown));
    let known = known.count();
    assert!((1900..2100).contains(&known), "{known}");
    assert_eq!(server.reads(), 0);
}

#[test]
fn budgets_are_kept_of_so_many_peers_and_forgotten_when_full() {
    let blob = held(GROUP);
    let mut server = server(&blob, SMALL);
    let have = Request::Have { root: [0; 32] };
    let most = SERVED_PEERS_MAX as u32;
    for peer in 0..most {
        assert_eq!(
            server.on_request(&peer, &have, ms(0)),
            Answer::Now(Response::Unknown)
        );
    }
    let refused = server.on_request(&most, &have, ms(0));
    assert!(matches!(refused, Answer::Now(Response::Busy { .. })));
    assert_eq!(server.budgets(), SERVED_PEERS_MAX);
    let later = server.on_request(&most, &have, ms(1000));
    assert_eq!(later, Answer::Now(Response::Unknown));
    assert_eq!(server.budgets(), 1);
}
