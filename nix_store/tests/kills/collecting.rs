//! Collecting garbage.

use std::collections::BTreeSet;

use nix_core::store_path::StorePath;
use nix_store::{
    gc::{GcOptions, GcProgress, add_root, collect},
    local::LocalStore,
    optimise::{OptimiseOptions, optimise},
};

use crate::{
    harness::{Campaign, at_work, say, told},
    place::{Place, check, names},
    sample::{add_derivation, add_tree, build, name},
};

pub(crate) const KILLS: u32 = 60;

#[test]
fn child() {
    let Some(told) = told() else {
        return;
    };
    let store = crate::place::open(&told.root);
    let options = GcOptions {
        slice: 3,
        ..GcOptions::default()
    };
    at_work(|| {
        let mut deleted = |progress: &GcProgress<'_>| {
            if let GcProgress::Deleted(_) | GcProgress::Leftover(_) = progress {
                say("deleted");
            }
        };
        collect(&store, &options, &mut deleted).expect("a collection");
    });
}

fn text(store: &LocalStore, text: &str, references: &[&StorePath]) -> StorePath {
    let references = references.iter().copied().cloned().collect();
    let added = store.add_text(&name(text), text.as_bytes(), &references);
    added.expect("added").path
}

/// Adds what is needed: texts that refer to each other, and a build with its derivation.
fn add_needed(store: &LocalStore) -> BTreeSet<StorePath> {
    let leaf = text(store, "leaf", &[]);
    let top = text(store, "top", &[&leaf]);
    let derivation = add_derivation(store, 0);
    let built = build(store, &derivation, 0).path;
    add_root(store, "top", &top).expect("a root");
    add_root(store, "built", &built).expect("a root");
    [leaf, top, derivation, built].into()
}

/// Adds what nobody needs, some of which refers to the rest or to what is needed.
fn add_waste(store: &LocalStore, round: u64, needed: &StorePath) {
    let mut last = needed.clone();
    for number in 0..4 {
        last = text(store, &format!("waste-{round}-{number}"), &[&last, needed]);
    }
    for number in 0..2 {
        add_tree(store, &format!("tree-{number}"), round * 2 + number);
    }
    let derivation = add_derivation(store, round + 1);
    build(store, &derivation, round + 1);
    optimise(store, &OptimiseOptions::default(), &mut |_| {}).expect("nothing refuses");
}

#[test]
fn nothing_that_is_needed_goes_and_the_next_collection_removes_the_rest() {
    let place = Place::new();
    let root = place.path("store");
    let needed = add_needed(&place.store("store"));
    let first = needed.first().expect("a path");
    let mut campaign = Campaign::new("collecting::child", KILLS, 10);
    let mut round = 0;
    while campaign.goes_on() {
        round += 1;
        add_waste(&place.store("store"), round, first);
        campaign.kill_in_store(&root, "");
        let store = place.store("store");
        let found = check(&store);
        found.has_all(&needed);
        // Often the next child finds what the last one left.
        if round % 3 == 0 {
            collect(&store, &GcOptions::default(), &mut |_| {}).expect("a collection");
            let found = check(&store);
            assert_eq!(found.valid, needed);
            assert_eq!(found.leftovers, 0);
            check_links_are_used(&store);
        }
    }
}

/// Asserts that no link of shared files is left that only the objects had that are gone.
fn check_links_are_used(store: &LocalStore) {
    use std::os::unix::fs::MetadataExt;
    let links = store.layout().links_dir();
    for name in names(&links) {
        let metadata = links.join(&name).symlink_metadata().expect("a link");
        assert!(metadata.nlink() > 1, "{name}");
    }
}
