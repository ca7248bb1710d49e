use alloc::{
    collections::{BTreeMap, BTreeSet},
    format,
    string::ToString,
    vec,
    vec::Vec,
};

use proptest::prelude::*;

use super::*;
use crate::store_path::{StorePath, StorePathName};

type Model = BTreeMap<u32, Vec<u32>>;

fn arb_edges() -> impl Strategy<Value = (u32, Vec<(u32, u32)>)> {
    (1_u32..40).prop_flat_map(|nodes| {
        let edges = prop::collection::vec((0..nodes, 0..nodes), 0..80);
        (Just(nodes), edges)
    })
}

/// Nodes that can be reached, by adding what is referred to until nothing changes.
fn reached(model: &Model, roots: &[u32]) -> BTreeSet<u32> {
    let mut reached: BTreeSet<u32> = roots.iter().copied().collect();
    loop {
        let more: BTreeSet<u32> = reached
            .iter()
            .flat_map(|node| &model[node])
            .copied()
            .collect();
        if more.is_subset(&reached) {
            return reached;
        }
        reached.extend(more);
    }
}

fn model(nodes: u32, edges: &[(u32, u32)]) -> Model {
    let mut model: Model = (0..nodes).map(|node| (node, Vec::new())).collect();
    for (from, to) in edges {
        model.get_mut(from).unwrap().push(*to);
    }
    model
}

fn set(nodes: u32, members: impl IntoIterator<Item = u32>) -> NodeSet {
    let mut set = NodeSet::new(index(nodes));
    members.into_iter().for_each(|node| {
        set.insert(node);
    });
    set
}

fn path(name: &str) -> StorePath {
    StorePath::new([0; 20], &StorePathName::new(name).unwrap())
}

#[test]
fn edges_must_begin_and_end_at_nodes() {
    let error = |edge, from, to| Err(GraphError::Edge { edge, from, to });
    assert_eq!(Graph::new(2, &[(0, 1), (1, 2)]), error(1, 1, 2));
    assert_eq!(Graph::new(0, &[(0, 0)]), error(0, 0, 0));
    let graph = Graph::new(0, &[]).unwrap();
    assert_eq!((graph.node_count(), graph.edge_count()), (0, 0));
    assert_eq!(graph.topological_order(), Ok(vec![]));
}

#[test]
fn a_node_that_does_not_exist_reaches_nothing() {
    let graph = Graph::new(2, &[(0, 1)]).unwrap();
    assert!(graph.reachable([2, u32::MAX]).is_empty());
    assert!(graph.successors(u32::MAX).is_empty());
    assert_eq!(graph.dead([7]).len(), 2);
}

#[test]
fn referrers_come_first_and_the_order_is_that_of_nix() {
    // Each node is visited in order, what it refers to before it, and the whole is turned round.
    let graph = Graph::new(6, &[(5, 2), (5, 0), (4, 0), (4, 1), (2, 3), (3, 1)]).unwrap();
    assert_eq!(graph.topological_order(), Ok(vec![5, 4, 2, 3, 1, 0]));
    let members = set(6, [0, 1, 5]);
    assert_eq!(graph.topological_order_of(&members), Ok(vec![5, 1, 0]));
}

#[test]
fn a_circle_is_an_error_that_names_it() {
    let graph = Graph::new(5, &[(0, 1), (1, 2), (2, 3), (3, 1), (3, 4)]).unwrap();
    let error = graph.topological_order().unwrap_err();
    assert_eq!(error, Cycle(vec![1, 2, 3]));
    let message = "nodes refer to each other in a circle: 1 -> 2 -> 3 -> 1";
    assert_eq!(error.to_string(), message);
    assert_eq!(
        graph.topological_order_of(&set(5, [0, 1, 2, 4])),
        Ok(vec![4, 0, 1, 2])
    );
    let looped = Graph::new(2, &[(0, 0), (0, 1), (1, 1)]).unwrap();
    assert_eq!(looped.topological_order(), Ok(vec![0, 1]));
    let long = Cycle((0..100).collect()).to_string();
    assert!(long.ends_with("9 -> 90 more -> 0"), "{long}");
}

#[test]
fn a_chain_of_a_million_is_walked_without_recursion() {
    let length = 1_000_000;
    let edges: Vec<_> = (1..length).map(|node| (node - 1, node)).collect();
    let graph = Graph::new(index(length), &edges).unwrap();
    assert_eq!(graph.reachable([0]).len(), index(length));
    assert_eq!(graph.topological_order().unwrap().len(), index(length));
}

#[test]
fn sets_hold_what_was_put_in_at_every_border_of_words() {
    for nodes in [0, 1, 63, 64, 65, 128, 130] {
        let members: Vec<u32> = (0..nodes).filter(|node| node % 3 == 0).collect();
        let mut some = set(nodes, members.iter().copied());
        assert_eq!(some.iter().collect::<Vec<_>>(), members);
        assert_eq!(some.len(), members.len());
        assert_eq!(some.is_empty(), members.is_empty());
        let others = some.clone().complement();
        assert_eq!(others.len(), index(nodes) - members.len());
        assert!(others.iter().all(|node| !some.contains(node)));
        assert_eq!(others.complement(), some);
        assert!(!some.insert(nodes));
        assert!(!some.contains(nodes));
        for node in members {
            assert!(some.remove(node));
            assert!(!some.remove(node));
        }
        assert!(some.is_empty());
    }
}

#[test]
fn paths_that_are_referred_to_and_missing_are_told() {
    let (a, b, lost) = (path("a"), path("b"), path("lost"));
    let objects = [
        (a.clone(), vec![b.clone(), lost.clone()]),
        (b.clone(), vec![]),
    ];
    let graph = PathGraph::new(objects).unwrap();
    assert_eq!(graph.paths(), [a.clone(), b.clone()]);
    assert_eq!(graph.missing(), &[lost.clone()].into());
    assert_eq!(graph.closure([&a]), Ok([a.clone(), b.clone()].into()));
    assert_eq!(graph.closure([&lost]), Err(UnknownPath(lost.clone())));
    assert_eq!(
        graph.referrers_closure([&b]),
        Ok([a.clone(), b.clone()].into())
    );
    assert_eq!(graph.dead([&lost, &b]), [a].into());
}

#[test]
fn store_objects_in_a_circle_are_named() {
    let (a, b) = (path("a"), path("b"));
    let objects = [(a.clone(), [b.clone()]), (b.clone(), [a.clone()])];
    let error = PathGraph::new(objects)
        .unwrap()
        .topological_order()
        .unwrap_err();
    let message = format!("store objects refer to each other in a circle: {a} -> {b} -> {a}");
    assert_eq!(error.to_string(), message);
    assert_eq!(error, PathCycle(vec![a, b]));
}

proptest! {
    #[test]
    fn closures_and_the_dead_are_those_of_the_model(
        (nodes, edges) in arb_edges(),
        roots in prop::collection::vec(0_u32..40, 0..5),
    ) {
        let roots: Vec<_> = roots.into_iter().map(|root| root % nodes).collect();
        let graph = Graph::new(index(nodes), &edges).unwrap();
        let expected = reached(&model(nodes, &edges), &roots);
        prop_assert_eq!(graph.reachable(roots.iter().copied()), set(nodes, expected.clone()));
        let dead = (0..nodes).filter(|node| !expected.contains(node));
        prop_assert_eq!(graph.dead(roots.iter().copied()), set(nodes, dead));
        let turned: Vec<_> = edges.iter().map(|(from, to)| (*to, *from)).collect();
        let referrers = reached(&model(nodes, &turned), &roots);
        prop_assert_eq!(graph.reversed().reachable(roots), set(nodes, referrers));
    }

    #[test]
    fn edges_are_kept_in_their_order((nodes, edges) in arb_edges()) {
        let graph = Graph::new(index(nodes), &edges).unwrap();
        for (node, targets) in model(nodes, &edges) {
            prop_assert_eq!(graph.successors(node), targets);
        }
        prop_assert_eq!(graph.reversed().edge_count(), edges.len());
    }

    #[test]
    fn orders_hold_each_node_once_and_circles_are_circles((nodes, edges) in arb_edges()) {
        let graph = Graph::new(index(nodes), &edges).unwrap();
        match graph.topological_order() {
            Ok(order) => {
                let place: BTreeMap<_, _> = order.iter().zip(0..).collect();
                prop_assert_eq!((place.len(), order.len()), (index(nodes), index(nodes)));
                for (from, to) in &edges {
                    prop_assert!(from == to || place[from] < place[to]);
                }
            }
            Err(Cycle(circle)) => {
                prop_assert!(circle.len() > 1);
                let next = circle.iter().cycle().skip(1);
                for (from, to) in circle.iter().zip(next) {
                    prop_assert!(edges.contains(&(*from, *to)));
                }
            }
        }
    }

    #[test]
    fn edges_that_go_one_way_have_an_order((nodes, edges) in arb_edges()) {
        let down = edges.into_iter().map(|(a, b)| (a.max(b), a.min(b)));
        let graph = Graph::new(index(nodes), &down.collect::<Vec<_>>()).unwrap();
        prop_assert!(graph.topological_order().is_ok());
    }
}
