//! Processes that add, root, share and collect at once, one of which dies.

use std::collections::BTreeSet;

use nix_core::store_path::StorePath;
use nix_store::{
    gc::{GcOptions, add_root, collect},
    local::LocalStore,
    optimise::{OptimiseOptions, optimise},
    store::ReadStore,
};

use crate::{
    harness::{Campaign, Killed, Other, at_work, say, told},
    place::{Place, check},
    sample::{add_tree, name},
};

pub(crate) const KILLS: u32 = 20;

/// How many times a process that nobody kills does what it does.
const TURNS: u64 = 3;

#[test]
fn child() {
    let Some(told) = told() else {
        return;
    };
    let store = crate::place::open(&told.root);
    let (name, turns) = told.task.split_once(' ').expect("two words");
    let turns = turns.parse().expect("a number");
    at_work(|| (0..turns).for_each(|turn| take_turn(&store, name, turn)));
}

/// Adds what the other adds as well, and what is only its own, of which a part is needed; shares
/// files and collects.
fn take_turn(store: &LocalStore, own: &str, turn: u64) {
    let common = add_tree(store, "common", turn).path;
    let text = format!("{own} {turn}");
    let added = store.add_text(&name("own"), text.as_bytes(), &[common].into());
    let path = added.expect("added").path;
    let root = format!("{own}-{turn}").replace(' ', "-");
    add_root(store, &root, &path).expect("a root");
    say(&format!("+{path}"));
    add_tree(store, "waste", turn);
    optimise(store, &OptimiseOptions::default(), &mut |_| {}).expect("nothing refuses");
    say("shared");
    let options = GcOptions {
        slice: 2,
        ..GcOptions::default()
    };
    collect(store, &options, &mut |_| {}).expect("a collection");
    say("collected");
    for path in store.valid_paths().expect("paths") {
        // The other one may just be deleting it.
        if let Some(info) = store.path_info(&path).expect("read") {
            assert_eq!(info.path, path);
        }
    }
}

fn rooted(killed: &Killed) -> BTreeSet<StorePath> {
    let paths = killed.said.iter().filter_map(|said| said.strip_prefix('+'));
    paths
        .map(|path| StorePath::from_base_name(path).expect("a path"))
        .collect()
}

#[test]
fn who_is_left_comes_to_its_end_and_nothing_that_either_needs_is_lost() {
    let place = Place::new();
    let root = place.path("store");
    drop(place.store("store"));
    let mut campaign = Campaign::new("together::child", KILLS, 10);
    let mut round = 0;
    while campaign.goes_on() {
        round += 1;
        let start = |name: &str, turns: u64| {
            Other::start("together::child", &root, &format!("{name}-{round} {turns}"))
        };
        let [victim, other] = [start("victim", 1000), start("other", TURNS)];
        let killed = campaign.kill_started(victim);
        let other = other.finish();
        assert!(other.has_ended);

        let store = place.store("store");
        let found = check(&store);
        found.has_all(&rooted(&killed));
        found.has_all(&rooted(&other));
        // Whoever was killed between making a root and saying so may have one more.
        clear(&store);
        let found = check(&store);
        assert_eq!((found.valid.len(), found.leftovers), (0, 0));
    }
}

/// Removes all roots, and with them everything.
fn clear(store: &LocalStore) {
    let roots = store.layout().state_dir.join("gcroots");
    std::fs::remove_dir_all(&roots).expect("a folder");
    std::fs::create_dir(&roots).expect("a folder");
    collect(store, &GcOptions::default(), &mut |_| {}).expect("a collection");
}
