//! The order in which nothing comes after what it refers to.

use alloc::vec::Vec;
use core::fmt;

use super::{Graph, NodeSet};

/// How many nodes of a circle a message shows.
const SHOWN_MAX: usize = 10;

/// Nodes that refer to each other in a circle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("nodes refer to each other in a circle: {}", Circle(.0))]
pub struct Cycle(
    /// The nodes, each referring to the next and the last one to the first.
    pub Vec<u32>,
);

/// Writes the first of the nodes of a circle, and the first one again.
pub(super) struct Circle<'c, T>(pub(super) &'c [T]);

impl<T: fmt::Display> fmt::Display for Circle<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for node in self.0.iter().take(SHOWN_MAX) {
            write!(f, "{node} -> ")?;
        }
        match self.0.len().saturating_sub(SHOWN_MAX) {
            0 => {}
            more => write!(f, "{more} more -> ")?,
        }
        self.0.first().map_or(Ok(()), |first| write!(f, "{first}"))
    }
}

impl Graph {
    /// Returns all nodes so that each comes before those it refers to.
    ///
    /// A node may refer to itself. The order is a function of the graph alone: Nix's, where the
    /// nodes are numbered in the order of its set and the edges of each go by number.
    ///
    /// # Errors
    /// Fails when nodes refer to each other in a circle, and names such a circle.
    pub fn topological_order(&self) -> Result<Vec<u32>, Cycle> {
        let members = NodeSet::new(self.node_count()).complement();
        self.topological_order_of(&members)
    }

    /// Returns the nodes of a set so that each comes before those it refers to, as if there were no
    /// others.
    ///
    /// # Errors
    /// Fails as [`topological_order`](Self::topological_order) does.
    pub fn topological_order_of(&self, members: &NodeSet) -> Result<Vec<u32>, Cycle> {
        let mut walk = Walk {
            graph: self,
            members,
            begun: NodeSet::new(self.node_count()),
            open: NodeSet::new(self.node_count()),
            way: Vec::new(),
            done: Vec::new(),
        };
        for root in members.iter() {
            walk.visit(root)?;
        }
        walk.done.reverse();
        Ok(walk.done)
    }
}

/// A walk that finishes what a node refers to before the node.
struct Walk<'g> {
    graph: &'g Graph,
    members: &'g NodeSet,
    begun: NodeSet,
    /// The nodes of `way`.
    open: NodeSet,
    /// The nodes from the root to the current one, each with the edges that are left.
    way: Vec<(u32, &'g [u32])>,
    done: Vec<u32>,
}

impl Walk<'_> {
    fn visit(&mut self, root: u32) -> Result<(), Cycle> {
        self.begin(root);
        while let Some((node, edges)) = self.way.last_mut() {
            let (node, rest) = (*node, *edges);
            let Some((target, rest)) = rest.split_first() else {
                self.way.pop();
                self.open.remove(node);
                self.done.push(node);
                continue;
            };
            *edges = rest;
            if *target != node && self.open.contains(*target) {
                return Err(self.cycle(*target));
            }
            if self.members.contains(*target) {
                self.begin(*target);
            }
        }
        Ok(())
    }

    fn begin(&mut self, node: u32) {
        if self.begun.insert(node) {
            self.open.insert(node);
            self.way.push((node, self.graph.successors(node)));
        }
    }

    /// The circle that the current node closes by referring to one on the way to it.
    fn cycle(&self, target: u32) -> Cycle {
        let nodes = self.way.iter().map(|(node, _)| *node);
        Cycle(nodes.skip_while(|node| *node != target).collect())
    }
}
