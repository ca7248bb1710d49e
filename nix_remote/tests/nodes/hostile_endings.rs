//! Downloads that end before their time, and those that go on after it.

use std::time::Duration;

use nix_core::path_info::PathInfo;
use nix_remote::peers::{
    node::{FetchError, ObjectError},
    transfer::{GROUP_BYTES, Request, Stall},
};
use nix_store::store::ReadStore;
use tokio::time::timeout;

use crate::{
    hostile::{Hostile, Role},
    nodes::{honest, start_at, start_with, status_when},
    processes::{Other, Task},
    raw::Reply,
    seeds::{Seed, fetch_watched},
    support::{PATIENCE, add, address, archive, new_folder, open_store},
};

/// How long it takes at most until a silent peer is not waited for any more, and others were looked
/// for.
const SILENCE_WITHIN: Duration = Duration::from_secs(20);

/// How much may be fetched again after an end before its time.
const REFETCHED_BYTES_MAX: u64 = 4 << 20;

#[tokio::test]
async fn a_download_that_ends_with_its_node_at_half_goes_on_after_a_restart() {
    let first = honest(4 << 20);
    let info = add(&first.store, "large", 16 << 20, &[]);
    first.node.announce(&info.path).await.unwrap();
    let from = address(&first).await;
    let folder = new_folder();
    let (store, node) = start_at(folder.path(), |config| {
        config.bootstrap = vec![from.clone()]
    });
    let fetching = tokio::spawn({
        let (node, path) = (node.clone(), info.path.clone());
        async move { node.fetch([path]).await }
    });
    let half = 8 << 20;
    let status = status_when(&node, |status| {
        let download = status.downloads.first();
        download.is_some_and(|download| download.counts.verified_bytes >= half)
    })
    .await;
    node.shutdown().await.unwrap();
    let stopped = fetching.await.unwrap();
    assert!(matches!(stopped, Err(FetchError::Stopped(_))));
    assert!(!store.is_valid(&info.path).unwrap());
    drop((store, node));

    let (store, node) = start_at(folder.path(), |config| config.bootstrap = vec![from]);
    let (fetched, seen) = fetch_watched(&node, &info).await;
    assert_eq!(fetched.unwrap().added, [info.path.clone()].into());
    assert!(archive(&store, &info.path) == archive(&first.store, &info.path));
    let seen = seen.unwrap();
    let held = u64::from(seen.groups_held) * GROUP_BYTES;
    let resumed = held - seen.counts.verified_bytes;
    let before = status.downloads.first().unwrap().counts.verified_bytes;
    assert!(
        resumed + REFETCHED_BYTES_MAX >= before,
        "{resumed} {before}"
    );
    node.shutdown().await.unwrap();
    first.node.shutdown().await.unwrap();
}

/// Hears of a download until so many groups are held; returns how many, and how many of them were
/// held when it began.
async fn hear_of(process: &mut Other, least: u64) -> (u64, u64) {
    loop {
        let said = process.hear("holds").await;
        let (held, resumed) = said.split_once(' ').unwrap();
        let [held, resumed] = [held, resumed].map(|number| number.parse().unwrap());
        if held >= least {
            return (held, resumed);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_download_whose_process_is_killed_goes_on_where_it_was_a_few_seconds_before() {
    let first = honest(1 << 20);
    let info = add(&first.store, "large", 10 << 20, &[]);
    first.node.announce(&info.path).await.unwrap();
    let from = address(&first).await.to_string();
    let folder = new_folder();
    let mut process = Other::start(Task::Fetch, folder.path(), &from, &info.path);
    process.hear("ready").await;
    process.go();
    let (held, resumed) = hear_of(&mut process, (7 << 20) / GROUP_BYTES).await;
    assert_eq!(resumed, 0);
    process.kill();

    let mut process = Other::start(Task::Fetch, folder.path(), &from, &info.path);
    process.hear("ready").await;
    process.go();
    let (_, resumed) = hear_of(&mut process, 0).await;
    assert!(resumed > 0);
    let refetched = (held - resumed) * GROUP_BYTES;
    assert!(refetched <= REFETCHED_BYTES_MAX, "{held} {resumed}");
    process.hear("fetched").await;
    process.end().await;
    let store = open_store(&folder.path().join("root"));
    assert!(archive(&store, &info.path) == archive(&first.store, &info.path));
    first.node.shutdown().await.unwrap();
}

/// A closure of two objects of which the second has good peers and the first has bad ones; a third
/// refers to the first.
struct Closure {
    bad: PathInfo,
    user: PathInfo,
    good: PathInfo,
    seeds: [Seed; 3],
}

impl Closure {
    fn new() -> Self {
        let folder = new_folder();
        let store = open_store(folder.path());
        let bad = add(&store, "bad", 300_000, &[]);
        let user = add(&store, "user", 200_000, &[&bad.path]);
        let good = add(&store, "good", 100_000, &[]);
        let seeds = [&bad, &user, &good].map(|info| Seed::of(&store, info));
        Self {
            bad,
            user,
            good,
            seeds,
        }
    }

    /// Starts a peer that announces all, and gives out all but the first.
    async fn announced(&self) -> Hostile {
        let [_, user, good] = self.seeds.clone();
        let infos = [&self.bad, &self.user, &self.good];
        let records = self.seeds.iter().zip(infos);
        let records = records.map(|(seed, info)| seed.record(info));
        let answers = move |request: &_| {
            let seeds = [&user, &good];
            let seed = seeds.into_iter().find(|seed| seed.has(request));
            Reply::Bytes(seed.unwrap_or(&user).answer(request))
        };
        Hostile::start(Role {
            provides: vec![*self.seeds[1].blob.root(), *self.seeds[2].blob.root()],
            records: records.collect(),
            answers: Some(Box::new(answers)),
        })
        .await
    }

    /// Fetches all beside a peer that is said to have the first, and returns why it was not had.
    async fn fetch(&self, bad: Hostile, within: Duration) -> Option<Stall> {
        let others = self.announced().await;
        let node = start_with(|config| {
            config.bootstrap = vec![others.address.clone(), bad.address.clone()];
            config.limits.request_timeout = Duration::from_secs(1);
        });
        let wanted = [self.user.path.clone(), self.good.path.clone()];
        let fetched = timeout(within, node.node.fetch(wanted)).await.unwrap();
        let Err(FetchError::Objects { failed }) = fetched else {
            panic!("{fetched:?}");
        };
        assert!(matches!(
            failed.get(&self.user.path),
            Some(ObjectError::Needs)
        ));
        assert_eq!(failed.len(), 2);
        let valid = node.store.valid_paths().unwrap();
        assert_eq!(valid, [self.good.path.clone()].into());
        node.node.shutdown().await.unwrap();
        match failed.get(&self.bad.path) {
            Some(ObjectError::Stalled(stall)) => Some(*stall),
            _ => None,
        }
    }
}

#[tokio::test]
async fn an_object_whose_only_peer_goes_away_fails_and_others_are_added() {
    let closure = Closure::new();
    let bad = Hostile::start(Role {
        provides: vec![*closure.seeds[0].blob.root()],
        answers: Some(Box::new(|_| Reply::Die)),
        ..Role::default()
    });
    let stall = closure.fetch(bad.await, Duration::from_secs(30)).await;
    assert_eq!(stall, Some(Stall::NoPeer));
}

#[tokio::test]
async fn an_object_that_nobody_has_though_it_was_said_so_fails_and_others_are_added() {
    let closure = Closure::new();
    let other = closure.seeds[1].clone();
    let bad = Hostile::start(Role {
        provides: vec![*closure.seeds[0].blob.root()],
        answers: Some(Box::new(move |request| Reply::Bytes(other.answer(request)))),
        ..Role::default()
    });
    let stall = closure.fetch(bad.await, Duration::from_secs(30)).await;
    assert_eq!(stall, Some(Stall::NothingHeld));
}

#[tokio::test]
async fn an_object_whose_only_peer_never_answers_fails_soon_and_others_are_added() {
    let closure = Closure::new();
    let bad = Hostile::start(Role {
        provides: vec![*closure.seeds[0].blob.root()],
        ..Role::default()
    });
    let stall = closure.fetch(bad.await, SILENCE_WITHIN).await;
    assert_eq!(stall, Some(Stall::Silent));
}

#[tokio::test]
async fn an_object_whose_only_peer_says_that_it_has_it_and_gives_nothing_fails_soon() {
    let closure = Closure::new();
    let seed = closure.seeds[0].clone();
    let bad = Hostile::start(Role {
        provides: vec![*seed.blob.root()],
        answers: Some(Box::new(move |request| match request {
            Request::Have { .. } => Reply::Bytes(seed.answer(request)),
            Request::Get { .. } => Reply::Nothing,
        })),
        ..Role::default()
    });
    let stall = closure.fetch(bad.await, SILENCE_WITHIN).await;
    assert_eq!(stall, Some(Stall::Silent));
}

/// One response takes longer than anybody may be silent.
#[tokio::test]
async fn an_object_whose_only_peer_is_slow_is_waited_for() {
    let first = honest(4 << 20);
    let info = add(&first.store, "text", 50_000, &[]);
    let seed = Seed::of(&first.store, &info);
    let (bytes_per_second, blob) = (50_000 / 12, seed.blob);
    let slow = Hostile::start(Role {
        provides: vec![*blob.root()],
        records: vec![seed.record(&info)],
        answers: Some(Box::new(move |request| match request {
            Request::Have { .. } => Reply::Bytes(seed.answer(request)),
            Request::Get { .. } => Reply::Slowly {
                bytes: seed.answer(request),
                bytes_per_second,
            },
        })),
    })
    .await;
    let second = start_with(|config| {
        config.bootstrap = vec![slow.address.clone()];
        config.limits.request_timeout = PATIENCE;
    });
    let (fetched, _) = fetch_watched(&second.node, &info).await;
    assert_eq!(fetched.unwrap().added, [info.path].into());
    first.node.shutdown().await.unwrap();
    second.node.shutdown().await.unwrap();
}
