//! Streams on which there is no message, or none that was asked for.

use std::time::Duration;

use nix_remote::peers::transfer::{
    GroupRange, REQUEST_BYTES_MAX, RESPONSE_BYTES_MAX, Request, Response,
};
use tokio::time::{sleep, timeout};

use crate::{
    hostile::{Answers, Hostile, Role},
    nodes::{honest, start_with},
    raw::{Reply, Wire},
    seeds::{Seed, fetch_watched},
    support::{PATIENCE, add, address, archive, key, new_folder, start},
};

/// Says to have everything, and answers every request for groups with the same.
fn answering(seed: &Seed, reply: Reply) -> Answers {
    let seed = seed.clone();
    Box::new(move |request| match request {
        Request::Have { .. } => Reply::Bytes(seed.answer(request)),
        Request::Get { .. } => reply.clone(),
    })
}

#[tokio::test]
async fn who_sends_what_is_no_answer_is_banned_and_others_are_asked() {
    let first = honest(2 << 20);
    let info = add(&first.store, "large", 6 << 20, &[]);
    first.node.announce(&info.path).await.unwrap();
    let seed = Seed::of(&first.store, &info);
    let too_large = vec![4; RESPONSE_BYTES_MAX + 1];
    let size = seed.blob.size();
    let replies = [
        Reply::Endless(vec![4]),
        Reply::Bytes(too_large),
        Reply::Bytes(vec![9; 100]),
        Reply::Bytes(Vec::new()),
        Reply::Bytes(Response::Complete { size }.encode()),
        Reply::Bytes(vec![4; 100]),
    ];
    let mut peers = Vec::new();
    for reply in replies {
        let role = Role {
            provides: vec![*seed.blob.root()],
            answers: Some(answering(&seed, reply)),
            ..Role::default()
        };
        peers.push(Hostile::start(role).await);
    }
    let hostile = peers.iter().map(|peer| peer.address.clone());
    let bootstrap = std::iter::once(address(&first).await).chain(hostile);
    let second = start(new_folder(), bootstrap.collect(), None);
    let (fetched, _) = fetch_watched(&second.node, &info).await;
    assert_eq!(fetched.unwrap().added, [info.path.clone()].into());
    let [theirs, ours] = [&first, &second].map(|peer| archive(&peer.store, &info.path));
    assert!(ours == theirs);
    let status = second.node.status().await.unwrap();
    assert_eq!(status.banned_peers, peers.len());
    assert_eq!(status.connected, [*first.node.id()].into());
    first.node.shutdown().await.unwrap();
    second.node.shutdown().await.unwrap();
}

#[tokio::test]
async fn groups_that_were_not_asked_for_are_not_read() {
    let first = honest(2 << 20);
    let info = add(&first.store, "large", 1 << 20, &[]);
    first.node.announce(&info.path).await.unwrap();
    let seed = Seed::of(&first.store, &info);
    let peer = Hostile::start(Role {
        provides: vec![*seed.blob.root()],
        answers: Some(Box::new(|_| Reply::Bytes(vec![4; 200_000]))),
        ..Role::default()
    })
    .await;
    let bootstrap = vec![address(&first).await, peer.address.clone()];
    let second = start(new_folder(), bootstrap, None);
    let (fetched, seen) = fetch_watched(&second.node, &info).await;
    assert_eq!(fetched.unwrap().added, [info.path.clone()].into());
    assert_eq!(second.node.status().await.unwrap().banned_peers, 1);
    assert_eq!(seen.unwrap().counts.wasted_bytes, 0);
    first.node.shutdown().await.unwrap();
    second.node.shutdown().await.unwrap();
}

#[tokio::test]
async fn what_is_no_request_is_not_answered_and_others_are() {
    let first = start(new_folder(), Vec::new(), Some(key()));
    let info = add(&first.store, "text", 300_000, &[]);
    let root = *first.node.announce(&info.path).await.unwrap().root();
    let peer = Hostile::start(Role::default()).await;
    peer.meet(address(&first).await);

    let have = Request::Have { root }.encode();
    let range = GroupRange::new(0, 1).unwrap();
    let get = Request::Get { root, range }.encode();
    let far = [&[1][..], &root, &[0xff; 4], &[16]].concat();
    let garbage = [
        Vec::new(),
        vec![9],
        vec![0; REQUEST_BYTES_MAX],
        have[..20].to_vec(),
        [&have[..], &[0]].concat(),
        [&get[..], &[0]].concat(),
        far,
        vec![0; 1 << 20],
    ];
    for bytes in garbage {
        let answer = peer.ask(first.node.id(), Wire::Whole(bytes.clone())).await;
        let start: Vec<_> = bytes.iter().take(40).collect();
        assert_eq!(answer, Err(()), "to {start:?}");
    }
    let answer = peer.ask(first.node.id(), Wire::Whole(have)).await.unwrap();
    let size = info.nar_size;
    assert_eq!(Response::decode(answer), Ok(Response::Complete { size }));

    let second = start(new_folder(), vec![address(&first).await], None);
    let (fetched, _) = fetch_watched(&second.node, &info).await;
    assert_eq!(fetched.unwrap().added, [info.path].into());
    first.node.shutdown().await.unwrap();
    second.node.shutdown().await.unwrap();
}

#[tokio::test]
async fn requests_that_never_end_take_no_more_than_their_time_and_no_place_of_others() {
    let first = start_with(|config| {
        config.key = Some(key());
        config.limits.request_timeout = Duration::from_secs(1);
        config.limits.streams_max = 8;
    });
    let info = add(&first.store, "text", 300_000, &[]);
    let root = *first.node.announce(&info.path).await.unwrap().root();
    let peer = Hostile::start(Role::default()).await;
    peer.meet(address(&first).await);
    let have = Request::Have { root }.encode();
    for _ in 0..100 {
        peer.send(first.node.id(), Wire::Open(have[..5].to_vec()));
    }

    let second = start(new_folder(), vec![address(&first).await], None);
    let (fetched, _) = fetch_watched(&second.node, &info).await;
    assert_eq!(fetched.unwrap().added, [info.path].into());
    let answered = async {
        while peer
            .ask(first.node.id(), Wire::Whole(have.clone()))
            .await
            .is_err()
        {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, answered).await.unwrap();
    first.node.shutdown().await.unwrap();
    second.node.shutdown().await.unwrap();
}
