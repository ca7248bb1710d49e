//! Graphs of objects that refer to each other: what is reachable, in which order, what is dead.
//!
//! [`Graph`] numbers its nodes and packs its edges; [`PathGraph`] is one over store paths. Nothing
//! here recurses, so that a chain of references may be as long as memory allows.

mod build;
mod nodes;
mod order;
mod paths;

use alloc::vec::Vec;

pub use self::{
    build::GraphError,
    nodes::NodeSet,
    order::Cycle,
    paths::{PathCycle, PathGraph, UnknownPath},
};

/// A graph whose nodes are the numbers below a count, packed into two arrays.
///
/// An edge leads from what refers to what is referred to. Four bytes an edge and four a node.
///
/// # Examples
/// ```
/// use nix_core::graph::Graph;
///
/// // 0 refers to 1 and 2, both refer to 3; nothing refers to 4.
/// let graph = Graph::new(5, &[(0, 1), (0, 2), (1, 3), (2, 3)])?;
/// assert_eq!(graph.reachable([1]).iter().collect::<Vec<_>>(), [1, 3]);
/// assert_eq!(graph.reversed().reachable([3]).iter().collect::<Vec<_>>(), [0, 1, 2, 3]);
/// assert_eq!(graph.dead([0]).iter().collect::<Vec<_>>(), [4]);
/// assert_eq!(graph.topological_order()?, [4, 0, 2, 1, 3]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Graph {
    /// Where the edges of each node begin in `targets`; at the end their number.
    ///
    /// Invariant: one more than there are nodes, not falling.
    starts: Vec<u32>,
    /// Invariant: each is below the number of nodes.
    targets: Vec<u32>,
}

impl Graph {
    /// Returns how many nodes there are.
    #[must_use]
    pub const fn node_count(&self) -> usize {
        self.starts.len() - 1
    }

    /// Returns how many edges there are, equal ones counted each.
    #[must_use]
    pub const fn edge_count(&self) -> usize {
        self.targets.len()
    }

    /// Returns the nodes that a node refers to, in the order in which the edges were given.
    ///
    /// A node that does not exist refers to nothing.
    #[must_use]
    pub fn successors(&self, node: u32) -> &[u32] {
        self.edges(node).unwrap_or_default()
    }

    /// Returns the nodes that can be reached from the roots, themselves included: their closure.
    ///
    /// Roots that do not exist are left out.
    #[must_use]
    pub fn reachable(&self, roots: impl IntoIterator<Item = u32>) -> NodeSet {
        let mut reached = NodeSet::new(self.node_count());
        let mut waiting = Vec::new();
        for root in roots {
            if reached.insert(root) {
                waiting.push(root);
            }
            while let Some(node) = waiting.pop() {
                for target in self.successors(node) {
                    if reached.insert(*target) {
                        waiting.push(*target);
                    }
                }
            }
        }
        reached
    }

    /// Returns the nodes that cannot be reached from the roots.
    #[must_use]
    pub fn dead(&self, roots: impl IntoIterator<Item = u32>) -> NodeSet {
        self.reachable(roots).complement()
    }

    /// Returns every node, in order.
    fn nodes(&self) -> impl Iterator<Item = u32> + use<> {
        0..u32::try_from(self.node_count()).expect("a graph has fewer than 2^32 nodes")
    }

    fn edges(&self, node: u32) -> Option<&[u32]> {
        let node = index(node);
        let (from, to) = (*self.starts.get(node)?, *self.starts.get(node + 1)?);
        self.targets.get(index(from)..index(to))
    }
}

/// A number of a node or an edge as an index.
const fn index(number: u32) -> usize {
    const { assert!(usize::BITS >= u32::BITS, "addresses have 32 bits at least") };
    number as usize
}

#[cfg(test)]
mod tests;
