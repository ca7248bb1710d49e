//! Every planted bug is found by every harness that is to find it.

use netabase_harness::{Harness, Plant, disk::FaultKind, errors, records};

use super::slices::child;

/// The most seeds until a bug shows.
const SEEDS_MAX: u64 = 40;

/// Returns whether some seed of the harness shows the bug.
fn is_found(harness: Harness, plant: Plant) -> bool {
    if matches!(harness, Harness::Errors | Harness::RecordsErrors) {
        // A whole seed is ten sweeps, of which one finds it.
        let kind = match plant {
            Plant::FailedSyncHidden | Plant::ShortWriteHidden => FaultKind::Short,
            _ => FaultKind::Broken,
        };
        let lasts = plant == Plant::FailedSyncHidden;
        let sweep = if harness == Harness::Errors {
            errors::sweep
        } else {
            records::errors::sweep
        };
        let mut seeds = 0..SEEDS_MAX;
        return seeds.any(|seed| sweep(seed, kind, lasts, Some(plant)).is_err());
    }
    let mut seeds = 0..SEEDS_MAX;
    seeds.any(|seed| harness.run(seed, Some(plant), &child).is_err())
}

/// Fails with the bugs that the harness does not find.
#[track_caller]
fn assert_all_found(harness: Harness) {
    let planted = Plant::ALL.iter().copied();
    let planted = planted.filter(|plant| plant.harnesses().contains(&harness));
    let missed: Vec<_> = planted.filter(|plant| !is_found(harness, *plant)).collect();
    assert!(missed.is_empty(), "{} misses {missed:?}", harness.name());
}

#[test]
fn random_use_finds_its_bugs() {
    assert_all_found(Harness::Model);
}

#[test]
fn kills_find_their_bugs() {
    assert_all_found(Harness::Kills);
}

#[test]
fn lost_power_finds_its_bugs() {
    assert_all_found(Harness::Power);
}

#[test]
fn short_workloads_find_their_bugs() {
    assert_all_found(Harness::Exhaustive);
}

#[test]
fn failing_disks_find_their_bugs() {
    assert_all_found(Harness::Errors);
}

#[test]
fn damage_finds_its_bugs() {
    assert_all_found(Harness::Damage);
}

#[test]
fn random_use_of_record_stores_finds_its_bugs() {
    assert_all_found(Harness::RecordsModel);
}

#[test]
fn kills_of_record_stores_find_their_bugs() {
    assert_all_found(Harness::RecordsKills);
}

#[test]
fn power_lost_under_record_stores_finds_its_bugs() {
    assert_all_found(Harness::RecordsPower);
}

#[test]
fn failing_disks_under_record_stores_find_their_bugs() {
    assert_all_found(Harness::RecordsErrors);
}

#[test]
fn damage_to_record_stores_finds_its_bugs() {
    assert_all_found(Harness::RecordsDamage);
}

#[test]
fn at_least_forty_bugs_are_planted() {
    assert!(Plant::ALL.len() >= 40);
    assert!(Plant::ALL.iter().all(|plant| !plant.harnesses().is_empty()));
}
