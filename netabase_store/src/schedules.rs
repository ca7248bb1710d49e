//! The orders in which the threads of a store can run, many of them: what they promise each other
//! holds in all.
//!
//! A scenario runs on one thread of the machine, as tasks between which a scheduler of `shuttle`
//! chooses wherever one of them touches a lock, an atomic or the engine. Half of the schedules choose
//! evenly, half let one task go first and change their minds a few times (PCT). Schedules follow
//! from a seed, which is told when one fails; `NETABASE_SCHEDULE` runs those of a seed alone, and
//! `NETABASE_CASES` runs so many times as many.
//!
//! A test that finds nothing may be blind: each [`Bug`] is planted in turn, in the production code,
//! and has to be found by the scenario that is named with it.

mod commits;
pub(crate) mod engine;
pub(crate) mod locks;
mod snapshots;
pub(crate) mod tasks;
pub(crate) mod time;

use std::{
    any::Any,
    cell::Cell,
    env,
    panic::{AssertUnwindSafe, catch_unwind},
};

use shuttle::{
    Config, FailurePersistence, MaxSteps, Runner,
    scheduler::{PctScheduler, RandomScheduler},
};

/// How many schedules follow from a seed: those of PCT learn from the first how long they are.
const SCHEDULES: usize = 25;

/// How many seeds of a scenario are explored, unless the environment asks for more.
const SEEDS: u64 = 20;

/// After how many seeds a planted bug has to be found.
const SEEDS_PLANTED: u64 = 120;

/// How often a schedule of the second kind changes its mind.
const CHANGES: usize = 3;

/// What a task has for its frames.
const STACK_BYTES: usize = 256 << 10;

/// Who takes more steps is going in a circle.
const STEPS_MAX: usize = 50_000;

/// What can be wrong on purpose, and only in the unit tests of this crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    not(feature = "libp2p"),
    expect(dead_code, reason = "some are those of the record store")
)]
pub(crate) enum Bug {
    /// A follower is answered, and not woken.
    FollowerNotWoken,
    /// A leader that found nobody waiting does not say that it leads no more.
    LeadKept,
    /// A group is answered before it is committed.
    AnsweredBeforeCommit,
    /// A commit that fails is told to the leader alone.
    FailureKeptByLeader,
    /// What a refused write has edited stays in the group.
    RefusedEditsKept,
    /// A follower's write is made twice.
    MadeTwice,
    /// The writer's lock is freed, and nobody woken.
    TurnNotPassedOn,
    /// The writer's lock is not asked whether it is free.
    TwoWriters,
    /// A sync covers the commits that came while it ran.
    SyncCoversLater,
    /// Of those who wait for a sync one is woken.
    OneSyncerWoken,
    /// A sync that failed is tried again, and believed.
    SyncRetried,
    /// A snapshot is kept that was taken before the last commit.
    OldSnapshotKept,
    /// Who leaves a commit looks whether the past has to be tidied up, and leaves after that.
    LookedBeforeLeaving,
    /// The thread that syncs later is not woken by who comes before it waits.
    WakeForgotten,
    /// The thread that syncs later is not told of the end.
    EndNotTold,
    /// A lock that a thread died with is refused to all others.
    PoisonObeyed,
    /// Records that gather are not waited for.
    FlushTooEarly,
    /// A commit of records is done when it begins.
    DoneBeforeCommit,
    /// The end of a commit of records is told to nobody.
    DoneNotTold,
    /// A record store ends while rows wait.
    EndLeavesRows,
    /// That a commit of records failed is told to nobody.
    FailureNotTold,
    /// The thread of a record store is not woken when the first row comes.
    RowsNotTold,
    /// More rows of records are taken than may wait.
    BoundIgnored,
    /// A job of a peer is queued, and nobody woken.
    JobNotTold,
    /// The end of a queue is told to one of those who take from it.
    OneTakerTold,
}

thread_local! {
    static EXPLORING: Cell<bool> = const { Cell::new(false) };
    static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
}

/// Whether the caller is a task of a scenario.
pub(crate) fn is_exploring() -> bool {
    EXPLORING.get()
}

/// Whether a bug is planted where the caller runs.
pub(crate) fn planted(bug: Bug) -> bool {
    PLANTED.get() == Some(bug)
}

/// Returns what went wrong in a schedule of a seed.
fn run(scenario: fn(), seed: u64) -> Result<(), Box<dyn Any + Send>> {
    let mut config = Config::new();
    config.stack_size = STACK_BYTES;
    config.failure_persistence = FailurePersistence::None;
    config.max_steps = MaxSteps::FailAfter(STEPS_MAX);
    EXPLORING.set(true);
    let ended = catch_unwind(AssertUnwindSafe(|| match seed % 2 {
        0 => Runner::new(RandomScheduler::new_from_seed(seed, SCHEDULES), config).run(scenario),
        _ => Runner::new(
            PctScheduler::new_from_seed(seed, CHANGES, SCHEDULES),
            config,
        )
        .run(scenario),
    }));
    EXPLORING.set(false);
    ended.map(drop)
}

/// Returns the first seed whose schedule goes wrong.
fn first_wrong(scenario: fn(), seeds: u64) -> Option<u64> {
    (0..seeds).find(|seed| run(scenario, *seed).is_err())
}

/// Fails with the seed of a schedule in which a scenario goes wrong.
#[track_caller]
pub(crate) fn explore(scenario: fn()) {
    let number = |name| {
        env::var(name)
            .ok()
            .map(|text| text.parse::<u64>().expect("a number"))
    };
    let wrong = match number("NETABASE_SCHEDULE") {
        Some(seed) => run(scenario, seed).is_err().then_some(seed),
        None => first_wrong(scenario, SEEDS * number("NETABASE_CASES").unwrap_or(1)),
    };
    assert_eq!(wrong, None, "run it alone by NETABASE_SCHEDULE");
}

/// Fails unless each bug, once planted, is found by the scenario.
#[track_caller]
pub(crate) fn finds(bugs: &[Bug], scenario: fn()) {
    for bug in bugs {
        PLANTED.set(Some(*bug));
        let found = first_wrong(scenario, SEEDS_PLANTED);
        PLANTED.set(None);
        assert!(found.is_some(), "{bug:?} is not found");
    }
}
