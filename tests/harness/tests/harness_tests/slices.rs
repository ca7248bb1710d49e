//! A slice of each harness, as much as a debug build does in some seconds.

use std::process::Command;

use netabase_harness::{Harness, Tally, disk::FaultKind, errors, exhaustive, kills, records};
use netabase_tests::cases;

/// Starts this file again as the child that is killed.
pub(crate) fn child() -> Command {
    let mut command = Command::new(std::env::current_exe().expect("the test's own file"));
    command.args([
        "--exact",
        "slices::a_child_writes_until_it_is_killed",
        "--nocapture",
    ]);
    command
}

#[test]
fn a_child_writes_until_it_is_killed() {
    kills::child().expect("the store takes what is written");
    records::kills::child().expect("the record store takes what is written");
}

/// Runs seeds from 0 on.
#[track_caller]
fn run(harness: Harness, seeds: u64) -> Tally {
    let mut all = Tally::default();
    for seed in 0..cases(seeds) {
        match harness.run(seed, None, &child) {
            Ok(tally) => all.add(&tally),
            Err(violation) => panic!("{violation}"),
        }
    }
    all
}

#[test]
fn engines_and_a_map_agree_on_random_use() {
    let tally = run(Harness::Model, 4);
    assert!(tally.cases > 500, "{tally:?}");
}

#[test]
fn killed_writers_lose_nothing_that_was_acknowledged() {
    let tally = run(Harness::Kills, 2);
    // One is of redb, and all of its processes are killed; sled may refuse its own files after one.
    assert!(tally.cases > kills::KILLS, "{tally:?}");
}

#[test]
fn lost_power_loses_nothing_that_was_acknowledged() {
    let tally = run(Harness::Power, 12);
    assert!(tally.also.contains_key("failed again"), "{tally:?}");
}

#[test]
fn every_subset_of_what_a_short_workload_writes_recovers() {
    let tally = run(Harness::Exhaustive, 2);
    assert!(tally.also.contains_key("complete sets"), "{tally:?}");
}

#[test]
fn every_failing_call_of_a_disk_is_told_and_loses_nothing() {
    let mut all = Tally::default();
    for (seed, kind) in (0..cases(3)).zip(FaultKind::ALL.into_iter().cycle()) {
        let swept = errors::sweep(seed, kind, seed.is_multiple_of(2), None);
        all.add(&swept.unwrap_or_else(|violation| panic!("{violation}")));
    }
    assert!(all.also.contains_key("told"), "{all:?}");
}

#[test]
fn damaged_files_give_right_answers_or_typed_errors() {
    let tally = run(Harness::Damage, 4);
    assert!(tally.also.contains_key("told"), "{tally:?}");
    assert!(tally.also.contains_key("read"), "{tally:?}");
}

#[test]
fn record_stores_agree_with_their_rules_on_random_use() {
    let tally = run(Harness::RecordsModel, 8);
    assert!(tally.cases > 500, "{tally:?}");
    let strict = tally.also.get("also on libp2p's own");
    assert!(strict.is_some_and(|count| *count > 0), "{tally:?}");
}

#[test]
fn killed_record_stores_lose_nothing_that_was_acknowledged() {
    let tally = run(Harness::RecordsKills, 3);
    assert!(tally.cases > records::kills::KILLS, "{tally:?}");
}

#[test]
fn lost_power_takes_nothing_from_a_record_store_that_was_acknowledged() {
    let tally = run(Harness::RecordsPower, 8);
    assert!(tally.also.contains_key("failed again"), "{tally:?}");
    assert!(tally.also.contains_key("indexes checked"), "{tally:?}");
}

#[test]
fn every_failing_call_under_a_record_store_is_told_and_loses_nothing() {
    let mut all = Tally::default();
    for (seed, kind) in (0..cases(3)).zip(FaultKind::ALL.into_iter().cycle()) {
        let swept = records::errors::sweep(seed, kind, seed.is_multiple_of(2), None);
        all.add(&swept.unwrap_or_else(|violation| panic!("{violation}")));
    }
    assert!(all.also.contains_key("seen"), "{all:?}");
}

#[test]
fn damaged_record_stores_give_what_was_stored_or_count_what_is_not() {
    let tally = run(Harness::RecordsDamage, 2);
    assert!(tally.also.contains_key("told"), "{tally:?}");
    assert!(tally.also.contains_key("read"), "{tally:?}");
}

/// A branch of the tree became a copy of one above it. With its debug assertions redb panics over it,
/// and without them it walks on and on.
#[test]
fn pages_that_lead_in_a_circle_end_a_walk_with_an_error() {
    let tally = Harness::Damage.run(1054, None, &child);
    assert!(tally.is_ok_and(|tally| tally.also.contains_key("told")));
}

/// redb panicked twice while it closed the file, which ended the process.
#[test]
fn a_damaged_file_that_cannot_be_opened_is_let_go_of_in_peace() {
    let tally = Harness::Damage.run(784, None, &child);
    assert!(tally.is_ok_and(|tally| tally.also.contains_key("told")));
}

/// A value of 49 bytes, "2 at 1" and so on, stands behind its length, which ends in the byte of "1": the
/// harness took that for the value of the twelfth record, and damaged the second.
#[test]
fn the_value_that_is_damaged_is_that_of_the_record_which_is_to_be_missing() {
    let tally = Harness::RecordsDamage.run(50327, None, &child);
    assert!(tally.is_ok_and(|tally| tally.also.contains_key("told")));
}

#[test]
fn workloads_are_all_sequences_of_at_most_three_operations() {
    let all: Vec<_> = (0..exhaustive::workloads())
        .map(exhaustive::workload)
        .collect();
    assert_eq!(all.len(), 1 + 7 + 7 * 7 + 7 * 7 * 7);
    for (at, workload) in all.iter().enumerate() {
        assert!(workload.len() <= 3);
        assert!(!all[..at].contains(workload), "{workload:?} twice");
    }
}
