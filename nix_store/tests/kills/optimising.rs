//! Sharing equal files.

use std::collections::{BTreeMap, BTreeSet};

use nix_core::path_info::PathInfo;
use nix_store::{
    local::LocalStore,
    optimise::{OptimiseOptions, OptimiseReport, optimise},
    store::{ReadStore, WriteStore},
};

use crate::{
    harness::{Campaign, at_work, say, told},
    place::{Place, check},
    sample::{add_archive, archive, make_small_files, make_tree},
};

pub(crate) const KILLS: u32 = 60;

/// How many objects are new each time.
const OBJECTS: u64 = 5;

fn run(store: &LocalStore, mut told: impl FnMut()) -> OptimiseReport {
    let report = optimise(store, &OptimiseOptions::default(), &mut |_| told());
    report.expect("nothing refuses")
}

#[test]
fn child() {
    let Some(told) = told() else {
        return;
    };
    let store = crate::place::open(&told.root);
    at_work(|| {
        run(&store, || say("one"));
    });
}

fn objects(store: &LocalStore, round: u64) -> Vec<PathInfo> {
    let numbers = round * OBJECTS..(round + 1) * OBJECTS;
    numbers
        .map(|number| {
            let archive = archive(|folder| {
                make_tree(folder, number);
                make_small_files(folder);
            });
            add_archive(store, &format!("tree-{number}"), &archive)
        })
        .collect()
}

#[test]
fn every_file_is_whole_with_its_permissions_and_time_and_the_next_run_shares_the_rest() {
    let place = Place::new();
    let root = place.path("store");
    let mut campaign = Campaign::new("optimising::child", KILLS, 2 * OBJECTS);
    let mut added: BTreeMap<u64, Vec<PathInfo>> = BTreeMap::new();
    let mut round = 0;
    while campaign.goes_on() {
        round += 1;
        let store = place.store("store");
        added.insert(round, objects(&store, round));
        drop(store);
        campaign.kill_in_store(&root, "");

        let store = place.store("store");
        let found = check(&store);
        assert_eq!(found.leftovers, 0);
        let expected = added.values().flatten().map(|info| info.path.clone());
        assert_eq!(found.valid, expected.collect::<BTreeSet<_>>());
        if round % 3 == 0 {
            run(&store, || {});
            check(&store);
            // Whatever the one before had done, it is as if it had come to its end.
            let report = run(&store, || {});
            assert_eq!((report.linked, report.first, report.skipped), (0, 0, 0));
        }
        if let Some(old) = round.checked_sub(2).and_then(|old| added.remove(&old)) {
            let old = old.into_iter().map(|info| info.path).collect();
            store.delete(&old).expect("deleted");
        }
        assert_eq!(store.valid_paths().expect("paths").len() % 5, 0);
    }
}
