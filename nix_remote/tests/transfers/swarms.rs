//! Downloads among peers of all kinds, in virtual time.

use std::{env, sync::LazyLock, time::Duration};

use nix_remote::peers::transfer::{
    GROUPS_IN_FLIGHT_MAX, GroupSet, LIE_BYTES_MAX, Limits, REQUEST_GROUPS_MAX, Stall,
};

use crate::{
    node::{Manner, Node},
    support::{Dice, GROUP, Held, held},
    world::{Event, Faults, Record, World, full, ms},
};

/// How many worlds are run.
const SEEDS: u64 = 200;

/// Names one world to be run alone.
const SEED: &str = "NETABASE_TRANSFER_SEED";

const MIB: u64 = 1 << 20;

static BLOBS: LazyLock<Vec<Held>> = LazyLock::new(|| {
    let sizes = [
        1,
        GROUP,
        5 * GROUP + 7,
        33 * GROUP - 1,
        64 * GROUP,
        97 * GROUP + 1234,
    ];
    sizes.into_iter().map(held).collect()
});

/// Returns a world with faults of all kinds, which heal after 40 s.
fn world(seed: u64) -> World<'static> {
    let mut dice = Dice::new(seed);
    let blob = &BLOBS[dice.below(BLOBS.len() as u64) as usize];
    let mut world = World::new(seed, blob);
    let partition = dice.percent(40).then(|| {
        let from = dice.below(20_000);
        (ms(from), ms(from + dice.below(15_000)))
    });
    world.faults = Faults {
        loss_percent: [0, 0, 5, 20][dice.below(4) as usize],
        double_percent: dice.below(15),
        jitter_ms: dice.below(100),
        partition,
    };
    for name in 0..=dice.below(6) as u32 {
        let node = stranger(blob, &mut dice);
        world.nodes.insert(name, node);
        world.at(ms(dice.below(3000)), Event::Join(name));
        if dice.percent(20) {
            world.at(ms(dice.below(30_000)), Event::Die(name));
        }
    }
    let records = [Record::Kept, Record::Stale, Record::Lost, Record::Damaged];
    for _ in 0..dice.below(3) {
        let record = records[dice.below(4) as usize];
        world.at(ms(dice.below(38_000)), Event::Kill(record));
    }
    let honest = world.nodes.len() as u32;
    let node = Node::new(
        blob,
        Manner::Honest,
        full(blob),
        Limits::default(),
        MIB,
        ms(40),
    );
    world.nodes.insert(honest, node);
    world.at(ms(39_000), Event::Join(honest));
    world.at(ms(40_000), Event::Heal);
    world
}

fn stranger(blob: &'static Held, dice: &mut Dice) -> Node<'static> {
    let manner = match dice.below(9) {
        0 | 1 => Manner::LiesAfter(dice.below(6) as u32),
        2 => Manner::Silent,
        3 => Manner::Busy(dice.below(101)),
        4 => Manner::Forgetful,
        5 => Manner::OtherSize,
        _ => Manner::Honest,
    };
    let mut groups = full(blob);
    if dice.percent(40) {
        for group in 0..blob.blob.groups() {
            if dice.percent(50) {
                groups.remove(group);
            }
        }
    }
    let limits = Limits {
        bytes_per_second: [64, 1, 4][dice.below(3) as usize] * MIB,
        burst_bytes: 2 * MIB,
        reads_max: 1 + dice.below(4) as usize,
        reads_per_peer_max: 4,
        total_bytes_per_second: 0,
    };
    let rate = [20_000, 300_000, 3_000_000, 30_000_000][dice.below(4) as usize];
    let latency = ms(1 + dice.below(150));
    Node::new(blob, manner, groups, limits, rate, latency)
}

/// The world checks what is written, what is in flight, what a lie costs and who is banned. Two
/// minutes after the faults are over all has arrived.
#[test]
fn all_that_is_written_is_proven_and_all_arrives_once_the_faults_are_over() {
    let seeds = match env::var(SEED) {
        Ok(one) => {
            let seed = one.parse().unwrap();
            seed..seed + 1
        }
        Err(_) => 0..SEEDS,
    };
    for seed in seeds {
        let result = std::panic::catch_unwind(|| {
            let mut world = world(seed);
            world.run(ms(160_000));
            assert!(world.is_finished, "not finished: {:?}", world.stalls);
            assert!(world.has_all(), "the bytes are not those of the blob");
            let counts = world.download.counts();
            let lies = world.banned.len() * LIE_BYTES_MAX;
            let doubled = counts.doubled_groups * GROUP as u64;
            assert!(counts.wasted_bytes <= lies as u64 + doubled, "{counts:?}");
            let groups = GROUPS_IN_FLIGHT_MAX + u32::from(REQUEST_GROUPS_MAX);
            assert!(world.peak_bytes < u64::from(groups) * GROUP as u64);
        });
        assert!(
            result.is_ok(),
            "the world of {SEED}={seed} failed, see above"
        );
    }
}

#[test]
fn a_world_runs_the_same_way_each_time() {
    for seed in 0..12 {
        let run = || {
            let mut world = world(seed);
            let end = world.run(ms(600_000));
            (end, world.trace, world.download.counts())
        };
        assert_eq!(run(), run(), "seed {seed}");
    }
}

/// Returns bytes per second of virtual time.
fn rate(world: &mut World<'_>) -> u64 {
    let time = world.run(ms(1_000_000));
    assert!(world.is_finished && world.has_all());
    (u128::from(world.held.blob.size()) * 1_000_000_000 / time.as_nanos()) as u64
}

static LARGE: LazyLock<Held> = LazyLock::new(|| held(512 * GROUP));

#[test]
fn three_peers_give_nearly_three_times_as_much_as_one() {
    for latency in [1, 20, 80] {
        let mut one = World::new(1, &LARGE);
        one.node(Manner::Honest, MIB, ms(latency));
        let mut three = World::new(1, &LARGE);
        for _ in 0..3 {
            three.node(Manner::Honest, MIB, ms(latency));
        }
        let (alone, together) = (rate(&mut one), rate(&mut three));
        assert!(alone * 100 >= MIB * 95, "{alone} alone at {latency} ms");
        assert!(
            together * 10 >= MIB * 27,
            "{together} together at {latency} ms"
        );
    }
}

/// Four requests of 64 KiB in each 400 ms would be 640 KiB a second.
#[test]
fn more_is_asked_at_a_time_of_a_peer_that_is_fast_and_far_away() {
    let mut world = World::new(1, &LARGE);
    world.node(Manner::Honest, 100 * MIB, ms(200));
    let far = rate(&mut world);
    assert!(far >= 4 * MIB, "{far}");
}

#[test]
fn a_peer_of_four_kilobytes_a_second_is_still_of_use() {
    let blob = &BLOBS[2];
    let mut world = World::new(1, blob);
    world.node(Manner::Honest, 4000, ms(10));
    let end = world.run(ms(3_600_000));
    assert!(world.is_finished && world.has_all(), "{end:?}");
    assert_eq!(world.silent, [0; 0], "it is slow and not silent");
}

#[test]
fn three_peers_whose_budgets_are_small_give_what_their_budgets_allow() {
    let mut world = World::new(1, &LARGE);
    let limits = Limits {
        bytes_per_second: MIB,
        burst_bytes: MIB,
        ..Limits::default()
    };
    for name in 0..3 {
        let node = Node::new(
            &LARGE,
            Manner::Honest,
            full(&LARGE),
            limits,
            50 * MIB,
            ms(5),
        );
        world.nodes.insert(name, node);
        world.at(Duration::ZERO, Event::Join(name));
    }
    let together = rate(&mut world);
    assert!(together * 10 >= MIB * 27, "{together}");
}

#[test]
fn a_liar_a_slow_peer_and_one_that_dies_midway_cost_little() {
    let mut world = World::new(3, &LARGE);
    world.node(Manner::Honest, 2 * MIB, ms(10));
    let liar = world.node(Manner::LiesAfter(5), 2 * MIB, ms(10));
    world.node(Manner::Honest, 20_000, ms(10));
    let dying = world.node(Manner::Honest, 2 * MIB, ms(10));
    world.at(ms(4000), Event::Die(dying));
    let together = rate(&mut world);
    assert_eq!(world.banned, [liar]);
    // 32 MiB at 2 MiB/s take 16 s; with the help of the one that dies after 4 s they take 12.
    assert!(together * 10 >= 2 * MIB * 12, "{together}");
    let counts = world.download.counts();
    assert!(counts.wasted_bytes <= 256 * 1024, "{counts:?}");
    assert!(
        counts.doubled_groups <= 12 * u64::from(REQUEST_GROUPS_MAX),
        "{counts:?}"
    );
}

#[test]
fn after_a_kill_no_more_is_fetched_again_than_in_five_seconds() {
    for at in [3000, 7000, 11_000, 14_500] {
        let mut world = World::new(at, &LARGE);
        for _ in 0..2 {
            world.node(Manner::Honest, MIB, ms(10));
        }
        world.at(ms(at), Event::Kill(Record::Kept));
        world.run(ms(1_000_000));
        assert!(world.is_finished && world.has_all());
        let again = world.written_bytes - LARGE.blob.size();
        assert!(again <= 2 * MIB * 11 / 2, "{again} after {at} ms");
        assert!(again > 0);
    }
}

#[test]
fn a_kill_with_a_stale_a_damaged_or_no_record_costs_more_and_harms_nothing() {
    for record in [Record::Stale, Record::Damaged, Record::Lost] {
        let mut world = World::new(5, &LARGE);
        world.node(Manner::Honest, 2 * MIB, ms(10));
        world.at(ms(12_000), Event::Kill(record));
        world.run(ms(1_000_000));
        assert!(world.is_finished && world.has_all(), "{record:?}");
    }
}

#[test]
fn peers_that_each_have_a_part_are_enough_together() {
    let blob = &BLOBS[5];
    let mut world = World::new(9, blob);
    for part in 0..3 {
        let mut groups = GroupSet::new(blob.blob.groups());
        for group in (0..blob.blob.groups()).filter(|group| group % 3 == part) {
            groups.insert(group);
        }
        let node = Node::new(blob, Manner::Honest, groups, Limits::default(), MIB, ms(5));
        world.nodes.insert(part, node);
        world.at(Duration::ZERO, Event::Join(part));
    }
    world.run(ms(60_000));
    assert!(world.is_finished && world.has_all());
    assert!(!world.stalls.contains(&Stall::NothingHeld));
}
