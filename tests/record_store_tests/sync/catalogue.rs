//! Where each known bug of record stores is shown not to be one of ours.
//!
//! What is wrong with libp2p's `MemoryStore`, or with how Kademlia uses a store:
//!
//! | finding | test |
//! | --- | --- |
//! | 1: a store that waits for the disk stops the whole swarm | `finding_1_no_call_of_the_swarm_waits_for_a_disk_that_stands_still` |
//! | 2: the jobs copy the whole store into memory | `finding_2_walks_read_one_row_at_a_time_while_others_write`, `jobs_are_off_and_lives_are_limited` |
//! | 3: after a restart nothing is announced for hours | `finding_3_what_this_node_announces_is_due_at_once_after_a_restart`, `what_was_never_announced_goes_out_at_the_first_poll_after_a_restart`, `a_killed_process_forgets_nothing_that_is_due_and_announces_nothing_too_early` |
//! | 4: strangers fill the store, and expired entries stay | `finding_4_strangers_cannot_fill_the_store_against_its_own_node`, `finding_4_providers_of_others_are_swept_though_nobody_asks` |
//! | 5: a saturated key drops the node itself and says yes | `finding_5_a_node_can_provide_a_saturated_key` |
//! | 6: answers that are too large blind a lookup | `finding_6_an_answer_always_fits_into_a_packet`, `finding_6_one_provider_of_a_thousand_addresses_hides_nobody`, `finding_6_twenty_providers_of_sixteen_addresses_are_heard_of` |
//! | 7: a key with one provider takes 4 KB | `finding_7_a_key_with_one_provider_takes_a_sixth_of_their_memory_at_most` |
//! | 8: a filtered record is acknowledged before it is judged | `finding_8_a_publisher_is_told_that_its_record_was_refused` |
//! | 9: a received record without an end lives for ever | `finding_9_a_record_of_others_without_an_end_gets_one`, `finding_9_what_comes_over_the_wire_has_an_end` |
//! | 10: the crates that move contents do not build, or bring another network | `finding_10_nothing_depends_on_another_stack_for_contents` |
//!
//! What was wrong with other persistent record stores:
//!
//! | store | bug | test |
//! | --- | --- | --- |
//! | Autonomi | publisher, expiry and providers are dropped | `autonomi_publisher_expiry_and_providers_are_not_dropped_on_the_way_to_disk` |
//! | Autonomi | a read races with the write before it | `autonomi_what_is_put_is_read_at_once_while_it_is_written` |
//! | Autonomi | reads and writes block the tasks of the network | `finding_1_no_call_of_the_swarm_waits_for_a_disk_that_stands_still` |
//! | Autonomi | an eviction sorts all keys | `autonomi_an_eviction_does_not_look_at_every_key` |
//! | Autonomi | what cannot be read is deleted | `no_flipped_bit_passes_for_an_entry_and_the_others_are_served` |
//! | Subspace | the database grows without end (1388) | `subspace_1388_bytes_stay_under_the_limit` |
//! | Subspace | requests wait for the disk (1680) | `subspace_1680_no_call_waits_for_the_disk` |
//! | Subspace | own entries are evicted (1028) | `subspace_1028_own_records_are_not_evicted_by_nearer_ones` |
//! | Subspace | removing one provider forgets the key of the others | `subspace_removing_one_provider_keeps_the_key_counted` |
//! | Subspace, Telcoin | a damaged row is a panic | `no_flipped_bit_passes_for_an_entry_and_the_others_are_served`, `rows_that_are_not_ours_at_all_are_left_out` |
//! | Subspace | times lose their last digits | `what_is_put_is_got_bit_by_bit_and_gone_when_removed` |
//! | Telcoin | overwriting counts twice (421) | `telcoin_421_overwriting_does_not_count_twice` |
//! | Telcoin | removing what is absent wraps a count (1005) | `telcoin_1005_removing_what_is_absent_changes_no_count` |
//! | Telcoin | rows are never evicted (682) | `telcoin_682_what_has_expired_leaves_the_disk` |
//! | Telcoin | a full store refuses refreshes and itself (1195) | `telcoin_1195_a_full_store_takes_refreshes_and_what_is_its_own` |
//! | Telcoin | providers pass without the checks of records (1001) | `telcoin_1001_providers_are_held_to_limits_as_records_are`, `the_rule_for_provider_records_decides_what_is_stored` |
//! | Telcoin | the same bytes again do not live longer (1367) | `telcoin_1367_the_same_bytes_again_live_longer`, `the_same_record_again_lengthens_its_life_and_changes_nothing_else` |
//! | Telcoin | an instant before the machine's first is a panic | `telcoin_what_expired_before_the_machine_started_is_past` |
//! | Telcoin | a failure of the disk is told as too large a value | `telcoin_a_failing_disk_does_not_make_values_too_large`, `when_the_disk_fails_reads_go_on_writes_are_refused_and_health_says_why` |
//! | HotShot | one change writes the whole store | `hotshot_one_change_writes_one_row_and_not_the_whole_store` |
//! | HotShot | a save that failed is forgotten | `when_the_disk_fails_reads_go_on_writes_are_refused_and_health_says_why` |
//! | HotShot | a cut save damages the file | `a_killed_process_on_redb_keeps_what_was_promised`, `a_killed_process_on_sled_keeps_what_was_promised` |
//! | HotShot | unsigned records are valid, unreadable ones are said to be stored | `hotshot_what_nobody_vouches_for_is_refused_and_never_said_to_be_stored` |
//! | netabase, 2025 | one key sees the providers of a longer one | `netabase_2025_key_ab_does_not_see_providers_of_abc` |
//! | netabase, 2025 | all providers are the node's own, and stay | `netabase_2025_provided_are_own_keys_alone_and_leave_when_removed` |
//! | netabase, 2025 | the limits are not enforced on disk | `netabase_2025_providers_of_a_key_are_capped_on_disk_too` |
//! | netabase, 2025 | each write is a commit | `a_batch_is_one_commit_and_comes_by_itself` |
//! | netabase, 2025 | each call leaks the name of a table | `netabase_2025_nothing_is_leaked` |
//! | litep2p | a node evicts itself from a key (665) | `litep2p_665_a_node_does_not_evict_itself_from_a_key` |
//! | Redis | the network is waited for in the trait | `finding_1_no_call_of_the_swarm_waits_for_a_disk_that_stands_still` |
//! | Ceramic | entries lie in memory and on disk twice | `finding_7_a_key_with_one_provider_takes_a_sixth_of_their_memory_at_most`, `subspace_1388_bytes_stay_under_the_limit` |
//! | various | a failing disk is told as a full store, and nowhere else | `when_the_disk_fails_reads_go_on_writes_are_refused_and_health_says_why` |

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// How the names begin of tests that are about somebody's bug.
const PREFIXES: [&str; 7] = [
    "finding_",
    "autonomi_",
    "subspace_",
    "telcoin_",
    "hotshot_",
    "netabase_2025_",
    "litep2p_",
];

fn tests() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn root() -> PathBuf {
    tests().join("../..")
}

/// Returns the text of every source in a folder.
fn sources(folder: &Path) -> Vec<String> {
    let mut folders = vec![folder.to_owned()];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder of sources") {
            let path = entry.expect("it can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|of| of == "rs") {
                sources.push(fs::read_to_string(path).expect("it can be read"));
            }
        }
    }
    assert!(!sources.is_empty());
    sources
}

/// Returns the names of all functions in a folder.
fn functions(folder: &Path) -> BTreeSet<String> {
    let names_of = |source: &String| {
        let functions = source.split("fn ").skip(1);
        let names = functions.filter_map(|rest| rest.split(['(', '<']).next().map(str::to_owned));
        names.collect::<Vec<_>>()
    };
    sources(folder).iter().flat_map(names_of).collect()
}

#[test]
fn the_catalogue_names_tests_that_there_are_and_all_of_those_about_bugs() {
    let head = include_str!("catalogue.rs").lines();
    let head = head.take_while(|line| line.starts_with("//!"));
    let rows: Vec<_> = head.filter(|line| line.starts_with("//! | ")).collect();
    let named = rows
        .iter()
        .flat_map(|row| row.split('`').skip(1).step_by(2));
    let named: BTreeSet<_> = named.map(str::to_owned).collect();
    for number in 1..=10 {
        let of_number = format!("//! | {number}: ");
        assert!(
            rows.iter().any(|row| row.starts_with(&of_number)),
            "{number}"
        );
    }
    let ours = functions(&tests());
    let store = functions(&root().join("netabase_store/src/records"));
    for name in &named {
        assert!(
            ours.contains(name) || store.contains(name),
            "there is no {name}"
        );
    }
    let is_about_a_bug = |name: &&String| PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    for name in ours.iter().filter(is_about_a_bug) {
        assert!(named.contains(name), "the catalogue is without {name}");
    }
}

#[test]
fn finding_10_nothing_depends_on_another_stack_for_contents() {
    let lock = fs::read_to_string(root().join("Cargo.lock")).expect("it is committed");
    let packages = lock.lines().filter_map(|line| {
        let name = line.strip_prefix("name = \"")?;
        name.strip_suffix('"')
    });
    let packages: BTreeSet<_> = packages.collect();
    assert!(packages.contains("libp2p-kad"), "it lists what there is");
    for other in ["beetswap", "core2", "iroh", "iroh-blobs", "libp2p-bitswap"] {
        assert!(!packages.contains(other), "{other}");
    }
}

#[test]
fn netabase_2025_nothing_is_leaked() {
    for source in sources(&root().join("netabase_store/src/records")) {
        let leaks = ["Box::leak", ".leak()", "mem::forget"];
        let lines = source.lines();
        let leaking = lines.filter(|line| leaks.iter().any(|leak| line.contains(leak)));
        assert_eq!(leaking.collect::<Vec<_>>(), [""; 0]);
    }
}
