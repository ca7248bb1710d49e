//! Closures, liveness and order in a graph as large as a large store's.

use nix_core::graph::Graph;
use petgraph::{
    algo,
    csr::Csr,
    graph::{DiGraph, NodeIndex},
    visit::{Dfs, Reversed, Walker},
};

use super::{
    options::Options,
    race::{self, Goal, Race, Unit},
};
use crate::Random;

const NODES: u32 = 1_000_000;
const EDGES_A_NODE: u64 = 10;
const ROOTS: u32 = 1_000;
const ROOTS_APART: u32 = 500;
const SECONDS: f64 = 1.0;

/// Measures the graph, and returns tables.
#[must_use]
pub fn run(options: &Options) -> String {
    let edges = edges();
    let graph = Graph::new(NODES as usize, &edges).unwrap();
    let mut sorted = edges.clone();
    sorted.sort_unstable();
    sorted.dedup();
    let other = DiGraph::<(), ()>::from_edges(&edges);
    let packed: Csr<(), ()> = Csr::from_sorted_edges(&sorted).unwrap();
    let rounds = options.rounds;
    let race = |title| Race::new(title, Unit::Work, 1);

    let building = race("make it of its edges")
        .with("ours", || {
            Graph::new(NODES as usize, &edges).unwrap().edge_count() as u64
        })
        .with("petgraph Graph", || {
            DiGraph::<(), ()>::from_edges(&edges).edge_count() as u64
        })
        .run(rounds);
    let closure = race("closure of the newest object")
        .with("ours", || graph.reachable([NODES - 1]).len() as u64)
        .with("petgraph Graph, Dfs", || {
            Dfs::new(&other, NodeIndex::new(NODES as usize - 1))
                .iter(&other)
                .count() as u64
        })
        .with("petgraph Csr, Dfs", || {
            Dfs::new(&packed, NODES - 1).iter(&packed).count() as u64
        })
        .run(rounds);
    let referrers = race("closure of the referrers of the oldest")
        .with("ours, turned round each time", || {
            graph.reversed().reachable([0]).len() as u64
        })
        .with("petgraph Graph, Reversed", || {
            let turned = Reversed(&other);
            Dfs::new(turned, NodeIndex::new(0)).iter(turned).count() as u64
        })
        .run(rounds);
    let liveness = liveness(&graph, &other, &packed).run(rounds);
    let order = race("topological order")
        .with("ours", || graph.topological_order().unwrap().len() as u64)
        .with("petgraph Graph, toposort", || {
            algo::toposort(&other, None).unwrap().len() as u64
        })
        .run(rounds);
    let goals = [&building, &closure, &referrers, &liveness, &order]
        .into_iter()
        .map(|outcome| Goal::below(outcome.title(), outcome.seconds(), SECONDS, "seconds"));
    let goals = race::goals(&goals.collect::<Vec<_>>());
    format!(
        "{NODES} nodes, {} edges.\n\n{}\n{goals}",
        edges.len(),
        race::table(&[building, closure, referrers, liveness, order]),
    )
}

fn liveness<'a>(graph: &'a Graph, other: &'a DiGraph<(), ()>, packed: &'a Csr<(), ()>) -> Race<'a> {
    Race::new("what 1,000 roots leave dead", Unit::Work, 1)
        .with("ours", move || sum(graph.dead(roots()).iter()))
        .with("petgraph Graph, Dfs", move || {
            let mut search = Dfs::empty(other);
            for root in roots() {
                search.move_to(NodeIndex::new(root as usize));
                while search.next(other).is_some() {}
            }
            sum((0..NODES).filter(|node| !search.discovered.contains(*node as usize)))
        })
        .with("petgraph Csr, Dfs", move || {
            let mut search = Dfs::empty(packed);
            for root in roots() {
                search.move_to(root);
                while search.next(packed).is_some() {}
            }
            sum((0..NODES).filter(|node| !search.discovered.contains(*node as usize)))
        })
}

fn roots() -> impl Iterator<Item = u32> {
    (0..ROOTS).map(|root| NODES - 1 - root * ROOTS_APART)
}

/// Edges from newer nodes to older ones, most of them to a few that nearly all need, as in a store.
fn edges() -> Vec<(u32, u32)> {
    let mut random = Random::new(3);
    let mut edges = Vec::new();
    for node in 1..NODES {
        for _ in 0..EDGES_A_NODE {
            let to = match random.below(4) {
                0 => random.below(u64::from(node).min(1_000)),
                _ => u64::from(node) - 1 - random.below(u64::from(node).min(10_000)),
            };
            edges.push((node, to as u32));
        }
    }
    edges
}

fn sum(nodes: impl Iterator<Item = u32>) -> u64 {
    nodes.fold(0, |sum: u64, node| {
        sum.wrapping_mul(31).wrapping_add(u64::from(node))
    })
}
