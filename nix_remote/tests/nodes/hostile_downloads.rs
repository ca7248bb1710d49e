//! Downloads from peers of which some lie, dawdle or die.

use nix_core::{hash::Sha256, path_info::PathInfo};
use nix_remote::peers::{
    node::FetchError,
    transfer::{LIE_BYTES_MAX, Request},
};
use nix_store::store::ReadStore;

use crate::{
    hostile::{Answers, Hostile, Role},
    nodes::honest,
    raw::Reply,
    seeds::{Seed, fetch_watched},
    support::{add, address, archive, new_folder, start},
};

/// What a slow peer sends in a second.
const SLOW: usize = 10 * 1024;

/// Answers honestly so many times, and then always with a wrong byte.
fn lying(seed: &Seed, truths: usize) -> Answers {
    let (seed, mut truths) = (seed.clone(), truths);
    Box::new(move |request| {
        let mut bytes = seed.answer(request);
        if matches!(request, Request::Get { .. }) {
            if truths == 0 {
                *bytes.last_mut().unwrap() ^= 1;
            }
            truths = truths.saturating_sub(1);
        }
        Reply::Bytes(bytes)
    })
}

fn slow(seed: &Seed) -> Answers {
    let seed = seed.clone();
    Box::new(move |request| match request {
        Request::Have { .. } => Reply::Bytes(seed.answer(request)),
        Request::Get { .. } => Reply::Slowly {
            bytes: seed.answer(request),
            bytes_per_second: SLOW,
        },
    })
}

/// Answers so many times, and then is gone.
fn dying(seed: &Seed, answers: usize) -> Answers {
    let (seed, mut answers) = (seed.clone(), answers);
    Box::new(move |request| {
        if answers == 0 {
            return Reply::Die;
        }
        answers -= 1;
        Reply::Bytes(seed.answer(request))
    })
}

async fn seeder(seed: &Seed, answers: Answers) -> Hostile {
    Hostile::start(Role {
        provides: vec![*seed.blob.root()],
        answers: Some(answers),
        ..Role::default()
    })
    .await
}

#[tokio::test]
async fn one_that_lies_one_that_dawdles_and_one_that_dies_keep_nobody_from_the_object() {
    let first = honest(4 << 20);
    let info = add(&first.store, "large", 8 << 20, &[]);
    first.node.announce(&info.path).await.unwrap();
    let seed = Seed::of(&first.store, &info);
    let liar = seeder(&seed, lying(&seed, 0)).await;
    let slow = seeder(&seed, slow(&seed)).await;
    let dying = seeder(&seed, dying(&seed, 10)).await;

    let hostile = [&liar, &slow, &dying].map(|peer| peer.address.clone());
    let bootstrap = [vec![address(&first).await], hostile.to_vec()].concat();
    let second = start(new_folder(), bootstrap, None);
    let found = second.node.find(&info.path).await.unwrap();
    assert_eq!(found.providers().count(), 4);
    let (fetched, seen) = fetch_watched(&second.node, &info).await;
    assert_eq!(fetched.unwrap().added, [info.path.clone()].into());
    let [theirs, ours] = [&first, &second].map(|peer| archive(&peer.store, &info.path));
    assert!(ours == theirs);

    let status = second.node.status().await.unwrap();
    assert_eq!(status.banned_peers, 1);
    assert!(!status.connected.contains(&liar.id));
    assert!(!status.connected.contains(&dying.id));
    assert!(status.connected.contains(&slow.id));
    let counts = seen.unwrap().counts;
    let wasted = counts.wasted_bytes + counts.late_bytes;
    assert!(wasted > 0);
    assert!(wasted <= 256 * 1024, "{counts:?}");
    assert!(counts.doubled_groups > 0, "{counts:?}");
    first.node.shutdown().await.unwrap();
    second.node.shutdown().await.unwrap();
}

#[tokio::test]
async fn one_that_lies_after_it_was_trusted_with_much_costs_one_group() {
    let first = honest(4 << 20);
    let info = add(&first.store, "large", 8 << 20, &[]);
    first.node.announce(&info.path).await.unwrap();
    let seed = Seed::of(&first.store, &info);
    let liar = seeder(&seed, lying(&seed, 4)).await;
    let bootstrap = vec![address(&first).await, liar.address.clone()];
    let second = start(new_folder(), bootstrap, None);
    let (fetched, seen) = fetch_watched(&second.node, &info).await;
    assert_eq!(fetched.unwrap().added, [info.path.clone()].into());
    assert_eq!(second.node.status().await.unwrap().banned_peers, 1);
    let counts = seen.unwrap().counts;
    let wasted = counts.wasted_bytes + counts.late_bytes;
    let most = u64::try_from(LIE_BYTES_MAX).unwrap();
    assert!(wasted > 0 && wasted <= most, "{counts:?}");
    first.node.shutdown().await.unwrap();
    second.node.shutdown().await.unwrap();
}

#[tokio::test]
async fn where_all_lie_nothing_is_added_and_all_are_banned() {
    let first = honest(4 << 20);
    let info = add(&first.store, "text", 300_000, &[]);
    let seed = Seed::of(&first.store, &info);
    let mut liars = Vec::new();
    for _ in 0..3 {
        let role = Role {
            provides: vec![*seed.blob.root()],
            records: vec![seed.record(&info)],
            answers: Some(lying(&seed, 0)),
        };
        liars.push(Hostile::start(role).await);
    }
    let bootstrap = liars.iter().map(|liar| liar.address.clone()).collect();
    let second = start(new_folder(), bootstrap, None);
    let (fetched, _) = fetch_watched(&second.node, &info).await;
    assert!(fetched.is_err());
    assert!(second.store.valid_paths().unwrap().is_empty());
    let status = second.node.status().await.unwrap();
    assert_eq!((status.banned_peers, status.shared), (3, 0));
    assert!(status.connected.is_empty());
    first.node.shutdown().await.unwrap();
    second.node.shutdown().await.unwrap();
}

/// Two objects are fetched at once, of which one is said to have the archive of the other with a false
/// hash: whichever of them asks for that archive first.
#[tokio::test]
async fn a_false_hash_of_an_archive_keeps_nobody_from_the_object_that_has_it() {
    for is_first in [true, false] {
        let first = honest(4 << 20);
        let mut infos = [("one", 300_000), ("other", 400_000)]
            .map(|(name, bytes)| add(&first.store, name, bytes, &[]));
        infos.sort_by(|left, right| left.path.cmp(&right.path));
        if is_first {
            infos.reverse();
        }
        let [info, other] = infos;
        first.node.announce(&info.path).await.unwrap();
        let said = PathInfo {
            nar_hash: Sha256([9; 32]),
            nar_size: info.nar_size,
            ..other
        };
        let liar = Hostile::start(Role {
            records: vec![Seed::of(&first.store, &info).record(&said)],
            ..Role::default()
        })
        .await;
        let bootstrap = vec![address(&first).await, liar.address.clone()];
        let second = start(new_folder(), bootstrap, None);
        let wanted = [info.path.clone(), said.path.clone()];
        let failed = match second.node.fetch(wanted).await {
            Err(FetchError::Objects { failed }) => failed,
            other => panic!("{other:?}"),
        };
        assert_eq!(failed.into_keys().collect::<Vec<_>>(), [said.path]);
        let paths = second.store.valid_paths().unwrap();
        assert_eq!(paths.into_iter().collect::<Vec<_>>(), [info.path]);
        first.node.shutdown().await.unwrap();
        second.node.shutdown().await.unwrap();
    }
}
