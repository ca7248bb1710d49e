//! A closure is the same by single look-ups and by one walk over all references.
#![cfg(all(feature = "store", unix))]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};

use netabase_store::MemoryStore;
use nix_store::{
    db::{
        Closure, ClosureError,
        models::{StoreDefinition, StorePath},
    },
    store::Direction,
};

/// Enough for a store of which a closure is read by one walk.
const MANY: u64 = 2000;

type Graph = BTreeMap<String, BTreeSet<String>>;

fn path(number: u64) -> String {
    format!("/nix/store/{number:032}-path")
}

/// Numbers that look random and are the same each time.
fn mix(number: u64) -> u64 {
    let mixed = (number ^ (number >> 15)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed ^ (mixed >> 29)
}

/// Returns a graph with circles and many parts.
fn graph(count: u64) -> Graph {
    let edges = |number| {
        let targets = (0..mix(number) % 4).map(|turn| path(mix(number * 7 + turn) % count));
        (path(number), targets.collect())
    };
    (0..count).map(edges).collect()
}

fn store(graph: &Graph) -> MemoryStore<StoreDefinition> {
    let store = MemoryStore::new();
    let rows = graph.iter().map(|(path, references)| StorePath {
        path: path.clone(),
        nar_hash: String::new(),
        nar_size: 1,
        registration_time: 0,
        deriver: None,
        references: references.iter().cloned().collect(),
        signatures: Vec::new(),
        content_address: None,
        ultimate: false,
    });
    store.open_tree::<StorePath>().put_many(rows).unwrap();
    store
}

fn turned(graph: &Graph) -> Graph {
    let mut turned = Graph::new();
    for (path, references) in graph {
        for reference in references {
            let referrers = turned.entry(reference.clone()).or_default();
            referrers.insert(path.clone());
        }
    }
    turned
}

fn expected(graph: &Graph, start: &[String]) -> BTreeSet<String> {
    let mut found: BTreeSet<String> = start.iter().cloned().collect();
    let mut open = start.to_vec();
    while let Some(path) = open.pop() {
        let next = graph.get(&path).into_iter().flatten();
        open.extend(next.filter(|next| found.insert((*next).clone())).cloned());
    }
    found
}

#[test]
fn small_and_large_closures_are_what_the_references_lead_to() {
    let graph = graph(MANY);
    let store = store(&graph);
    let paths = store.open_tree::<StorePath>();
    let turned = turned(&graph);
    let mut sizes = BTreeSet::new();
    for number in 0..60 {
        let start = [path(number), path(number + 1)];
        for (direction, graph) in [
            (Direction::References, &graph),
            (Direction::Referrers, &turned),
        ] {
            let closure = Closure::new(&paths, start.clone(), direction).unwrap();
            let wanted = expected(graph, &start);
            assert!(closure.iter().eq(&wanted), "{direction:?} of {start:?}");
            assert_eq!((closure.len(), closure.is_empty()), (wanted.len(), false));
            sizes.insert(wanted.len());
        }
    }
    // Both ways were taken.
    assert!(sizes.first().is_some_and(|size| *size < 100), "{sizes:?}");
    assert!(sizes.last().is_some_and(|size| *size > 1000), "{sizes:?}");
}

#[test]
fn no_beginning_has_no_closure() {
    let store = store(&graph(10));
    let paths = store.open_tree::<StorePath>();
    let closure = Closure::new(&paths, [], Direction::Referrers).unwrap();
    assert!(closure.is_empty());
}

#[test]
fn a_reference_that_leads_to_nothing_is_named_however_large_the_closure() {
    for count in [20, MANY] {
        // A chain, whose first path refers to what is not there.
        let mut graph: Graph = (1..count)
            .map(|number| (path(number), [path(number - 1)].into()))
            .collect();
        let gone = path(count + 7);
        graph.insert(path(0), [gone.clone()].into());
        let store = store(&graph);
        let paths = store.open_tree::<StorePath>();
        let start = [path(count - 1)];
        match Closure::new(&paths, start, Direction::References) {
            Err(ClosureError::Dangling { referrer, path: to }) => {
                assert_eq!((referrer, to), (path(0), gone.clone()));
            }
            other => panic!("{count}: {other:?}"),
        }
        // Who asks what refers to it is answered.
        let closure = Closure::new(&paths, [gone], Direction::Referrers).unwrap();
        assert_eq!(closure.len() as u64, count + 1);
    }
}
