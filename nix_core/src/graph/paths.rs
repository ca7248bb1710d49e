//! Graphs over store paths.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use super::{Cycle, Graph, GraphError, NodeSet, order::Circle};
use crate::store_path::StorePath;

/// The references between store objects.
///
/// Its order is that of store paths, so every answer is the same wherever it is asked for.
///
/// # Examples
/// ```
/// use nix_core::{graph::PathGraph, store_path::StorePath};
///
/// let path = |name: &str| StorePath::from_base_name(&format!("{}-{name}", "0".repeat(32)));
/// let (app, lib, old) = (path("app")?, path("lib")?, path("old")?);
/// let graph = PathGraph::new([
///     (app.clone(), vec![lib.clone(), app.clone()]),
///     (lib.clone(), vec![]),
///     (old.clone(), vec![lib.clone()]),
/// ])?;
/// assert_eq!(graph.closure([&app])?, [app.clone(), lib.clone()].into());
/// assert_eq!(graph.referrers_closure([&lib])?.len(), 3);
/// assert_eq!(graph.topological_order()?, [old.clone(), app.clone(), lib.clone()]);
/// assert_eq!(graph.dead([&app]), [old].into());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct PathGraph {
    /// Invariant: sorted, each once; the place is the node.
    paths: Vec<StorePath>,
    graph: Graph,
    missing: BTreeSet<StorePath>,
}

/// A path that is not in the graph.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not among the objects")]
pub struct UnknownPath(
    /// The path.
    pub StorePath,
);

/// Store objects that refer to each other in a circle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("store objects refer to each other in a circle: {}", Circle(.0))]
pub struct PathCycle(
    /// The paths, each referring to the next and the last one to the first.
    pub Vec<StorePath>,
);

impl PathGraph {
    /// Takes the objects with their references; of equal objects the last one counts.
    ///
    /// # Errors
    /// Fails when there are 2^32 objects or references, or more.
    pub fn new<R>(objects: impl IntoIterator<Item = (StorePath, R)>) -> Result<Self, GraphError>
    where
        R: IntoIterator<Item = StorePath>,
    {
        let objects: BTreeMap<_, _> = objects.into_iter().collect();
        let (paths, references): (Vec<_>, Vec<_>) = objects.into_iter().unzip();
        let mut missing = BTreeSet::new();
        let mut edges = Vec::new();
        for (from, references) in (0..).zip(references) {
            for reference in references {
                match node(&paths, &reference) {
                    Some(to) => edges.push((from, to)),
                    None => {
                        missing.insert(reference);
                    }
                }
            }
        }
        edges.sort_unstable();
        edges.dedup();
        let graph = Graph::new(paths.len(), &edges)?;
        Ok(Self {
            paths,
            graph,
            missing,
        })
    }

    /// Returns the paths that are referred to, but not among the objects: edges to them are left
    /// out, so a closure is whole only where this is empty.
    #[must_use]
    pub const fn missing(&self) -> &BTreeSet<StorePath> {
        &self.missing
    }

    /// Returns the objects, sorted; the place of each is its node in [`graph`](Self::graph).
    #[must_use]
    pub fn paths(&self) -> &[StorePath] {
        &self.paths
    }

    /// Returns the graph of the places of the objects.
    #[must_use]
    pub const fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Returns everything that the roots need: themselves, what they refer to, and so on.
    ///
    /// # Errors
    /// Fails when a root is not among the objects.
    pub fn closure<'p>(
        &self,
        roots: impl IntoIterator<Item = &'p StorePath>,
    ) -> Result<BTreeSet<StorePath>, UnknownPath> {
        let roots = self.nodes(roots)?;
        Ok(self.paths_of(&self.graph.reachable(roots)).collect())
    }

    /// Returns everything that needs one of the roots: themselves, what refers to them, and so on.
    ///
    /// # Errors
    /// Fails when a root is not among the objects.
    pub fn referrers_closure<'p>(
        &self,
        roots: impl IntoIterator<Item = &'p StorePath>,
    ) -> Result<BTreeSet<StorePath>, UnknownPath> {
        let roots = self.nodes(roots)?;
        Ok(self
            .paths_of(&self.graph.reversed().reachable(roots))
            .collect())
    }

    /// Returns what no root needs; roots that are not among the objects keep nothing alive.
    #[must_use]
    pub fn dead<'p>(&self, roots: impl IntoIterator<Item = &'p StorePath>) -> BTreeSet<StorePath> {
        let roots = roots.into_iter().filter_map(|root| node(&self.paths, root));
        self.paths_of(&self.graph.dead(roots)).collect()
    }

    /// Returns all objects so that each comes before those it refers to; itself does not count.
    ///
    /// # Errors
    /// Fails when objects refer to each other in a circle, and names such a circle.
    pub fn topological_order(&self) -> Result<Vec<StorePath>, PathCycle> {
        let path = |node: u32| self.path(node).cloned();
        match self.graph.topological_order() {
            Ok(order) => Ok(order.into_iter().filter_map(path).collect()),
            Err(Cycle(nodes)) => Err(PathCycle(nodes.into_iter().filter_map(path).collect())),
        }
    }

    fn nodes<'p>(
        &self,
        paths: impl IntoIterator<Item = &'p StorePath>,
    ) -> Result<Vec<u32>, UnknownPath> {
        let node =
            |path: &StorePath| node(&self.paths, path).ok_or_else(|| UnknownPath(path.clone()));
        paths.into_iter().map(node).collect()
    }

    fn paths_of(&self, nodes: &NodeSet) -> impl Iterator<Item = StorePath> {
        nodes.iter().filter_map(|node| self.path(node).cloned())
    }

    fn path(&self, node: u32) -> Option<&StorePath> {
        self.paths.get(usize::try_from(node).ok()?)
    }
}

fn node(paths: &[StorePath], path: &StorePath) -> Option<u32> {
    u32::try_from(paths.binary_search(path).ok()?).ok()
}
