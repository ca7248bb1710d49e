//! Many worlds, and what holds in all of them.

use std::env;

use crate::{
    counts::Counts,
    dice::ms,
    lies::Lie,
    setup::{HEAL_MS, world},
};

/// How many worlds are run.
const SEEDS: u64 = 200;

/// Names one world to be run alone.
const SEED: &str = "NETABASE_WORLD_SEED";

/// How long it takes at most until all have what they want, once the faults are over.
const CONTENT_MS: u64 = 480_000;

/// What has to happen in some world, or the others prove nothing.
const FAULTS: [&str; 50] = [
    "losses",
    "duplicates",
    "reorders",
    "partitions",
    "messages cut off",
    "messages to nobody",
    "answers to who is no more",
    "restarts",
    "lost disks",
    "bans for what is not proven",
    "bans for what is no response",
    "bans for another kind",
    "false providers",
    "false roots believed",
    "false hashes believed",
    "archives of other contents believed",
    "replays in time",
    "equivocations",
    "equivocations found out",
    "betrayals",
    "contradictions",
    "conflicts",
    "equivocations of outputs found out",
    "outputs of other paths",
    "outputs kept private",
    "archives with another hash",
    "archives refused by a store",
    "other archives of those that stalled",
    "other archives of those with another hash",
    "other archives of those that were refused",
    "downloads joined",
    "downloads of another size",
    "groups of parts served",
    "groups of parts served that nobody fetches",
    "silent peers",
    "downloads whose peers are silent",
    "words of others kept",
    "records beyond the most",
    "records known already",
    "lookups joined",
    "lookups spared",
    "subjects absent",
    "subjects unanswered",
    "downloads without a peer",
    "busy answers",
    "downloads resumed",
    "commits",
    "objects kept private",
    "objects announced again",
    "objects as somebody trusted gave them",
];

/// Each world checks at every step what is believed, written, committed, added, announced and held.
/// Eight minutes after the faults are over all honest nodes have what they want.
#[test]
fn nothing_but_what_is_vouched_for_is_stored_and_all_is_had_once_the_faults_are_over() {
    let one = env::var(SEED).ok().map(|seed| seed.parse().unwrap());
    let seeds = one.map_or(0..SEEDS, |seed: u64| seed..seed + 1);
    let mut counts = Counts::default();
    for seed in seeds {
        let result = std::panic::catch_unwind(|| {
            let mut world = world(seed);
            world.run(ms(HEAL_MS + CONTENT_MS));
            assert!(world.is_content(), "{}", world.report());
            world.counts
        });
        assert!(
            result.is_ok(),
            "the world of {SEED}={seed} failed, see above"
        );
        counts.merge(&result.unwrap());
    }
    if one.is_none() {
        check_faults(&counts);
    }
}

fn check_faults(counts: &Counts) {
    for fault in FAULTS {
        let count = counts.of.get(fault).copied();
        assert!(count > Some(0), "no {fault} in any world: {counts:?}");
    }
    for lie in Lie::ALL {
        let by_lookups = counts.refused_by_lookups.get(&lie).copied();
        let by_stores = counts.refused_by_stores.get(&lie).copied();
        assert!(by_stores > Some(0), "{lie:?} was not put: {counts:?}");
        let is_due = by_lookups > Some(0) || lie.is_well_signed();
        assert!(is_due, "{lie:?} was not told: {counts:?}");
    }
}

#[test]
fn a_world_runs_the_same_way_each_time() {
    for seed in 0..3 {
        let run = || {
            let mut world = world(seed);
            world.run(ms(HEAL_MS + CONTENT_MS));
            (world.now, world.trace, world.sent, world.counts)
        };
        assert_eq!(run(), run(), "seed {seed}");
    }
}
