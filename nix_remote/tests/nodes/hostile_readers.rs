//! Peers that ask for much and read nothing of it.

use std::time::Duration;

use nix_remote::peers::transfer::{GroupRange, Limits, Request, Response};
use tokio::time::{sleep, timeout};

use crate::{
    hostile::{Hostile, Role},
    nodes::{start_with, status_when},
    raw::Wire,
    support::{PATIENCE, add, address, archive, key, new_folder, start},
};

const READS_MAX: usize = 8;
const READS_PER_PEER_MAX: usize = 3;

/// Asks for the first 16 groups of a blob, which are more than a stream takes that nobody reads.
fn most_of(root: [u8; 32]) -> Vec<u8> {
    let range = GroupRange::new(0, 16).unwrap();
    Request::Get { root, range }.encode()
}

#[tokio::test]
async fn responses_that_nobody_reads_are_bounded_and_others_are_served_meanwhile() {
    let first = start_with(|config| {
        config.key = Some(key());
        config.limits.request_timeout = Duration::from_secs(600);
        config.limits.serve = Limits {
            reads_max: READS_MAX,
            reads_per_peer_max: READS_PER_PEER_MAX,
            ..Limits::default()
        };
    });
    let info = add(&first.store, "large", 4 << 20, &[]);
    let root = *first.node.announce(&info.path).await.unwrap().root();
    let mut peers = Vec::new();
    for expected in [READS_PER_PEER_MAX, 2 * READS_PER_PEER_MAX] {
        let peer = Hostile::start(Role::default()).await;
        peer.meet(address(&first).await);
        for _ in 0..READS_PER_PEER_MAX {
            peer.send(first.node.id(), Wire::Unread(most_of(root)));
        }
        let made = u64::try_from(expected).unwrap();
        status_when(&first.node, |status| {
            (status.responding, status.served.responses) == (expected, made)
        })
        .await;
        // Until they are read it gets no more, and no more is read from the disk for it.
        for _ in 0..10 {
            let answer = peer.ask(first.node.id(), Wire::Whole(most_of(root))).await;
            let answer = Response::decode(answer.unwrap());
            assert!(matches!(answer, Ok(Response::Busy { .. })), "{answer:?}");
        }
        for _ in 0..20 {
            peer.send(first.node.id(), Wire::Unread(most_of(root)));
        }
        let status = first.node.status().await.unwrap();
        assert_eq!(
            (status.responding, status.served.responses),
            (expected, made)
        );
        peers.push(peer);
    }

    let second = start(new_folder(), vec![address(&first).await], None);
    let fetched = async {
        let fetch = second.node.fetch([info.path.clone()]);
        tokio::pin!(fetch);
        loop {
            tokio::select! {
                fetched = &mut fetch => return fetched,
                () = sleep(Duration::from_millis(2)) => {
                    let status = first.node.status().await.unwrap();
                    assert!(status.responding <= READS_MAX, "{}", status.responding);
                }
            }
        }
    };
    let fetched = timeout(PATIENCE, fetched).await.unwrap();
    assert_eq!(fetched.unwrap().added, [info.path.clone()].into());
    assert!(archive(&second.store, &info.path) == archive(&first.store, &info.path));

    // Of those who go nothing is left.
    drop(peers);
    status_when(&first.node, |status| status.responding == 0).await;
    first.node.shutdown().await.unwrap();
    second.node.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_response_that_nobody_reads_is_given_up_after_the_time_of_a_request() {
    let first = start_with(|config| {
        config.key = Some(key());
        config.limits.request_timeout = Duration::from_secs(1);
    });
    let info = add(&first.store, "large", 2 << 20, &[]);
    let root = *first.node.announce(&info.path).await.unwrap().root();
    let peer = Hostile::start(Role::default()).await;
    peer.meet(address(&first).await);
    peer.send(first.node.id(), Wire::Unread(most_of(root)));
    status_when(&first.node, |status| status.served.responses == 1).await;
    let status = status_when(&first.node, |status| status.responding == 0).await;
    assert_eq!(status.connected, [peer.id].into());
    first.node.shutdown().await.unwrap();
}
