//! Making graphs.

use alloc::{vec, vec::Vec};

use super::{Graph, index};

/// Why there is no graph of some nodes and edges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GraphError {
    /// There are 2^32 nodes or edges, or more.
    #[error("a graph of {0} nodes or edges is too large")]
    TooLarge(usize),
    /// An edge begins or ends at a node that does not exist.
    #[error("edge {edge} leads from {from} to {to}, and one of them does not exist")]
    Edge {
        /// Which edge it is.
        edge: usize,
        /// Where it begins.
        from: u32,
        /// Where it ends.
        to: u32,
    },
}

impl Graph {
    /// Makes a graph of a number of nodes and the edges between them, in any order.
    ///
    /// # Errors
    /// Fails when an edge has a node that does not exist, or there are 2^32 nodes or edges.
    pub fn new(node_count: usize, edges: &[(u32, u32)]) -> Result<Self, GraphError> {
        for count in [node_count, edges.len()] {
            u32::try_from(count).map_err(|_| GraphError::TooLarge(count))?;
        }
        let is_wrong = |(_, (from, to)): &(usize, &(u32, u32))| index(*from.max(to)) >= node_count;
        if let Some((edge, &(from, to))) = edges.iter().enumerate().find(is_wrong) {
            return Err(GraphError::Edge { edge, from, to });
        }
        Ok(Self::packed(node_count, || edges.iter().copied()))
    }

    /// Returns the graph with every edge turned round, whose closures are those of referrers.
    #[must_use]
    pub fn reversed(&self) -> Self {
        let turned = |from| self.successors(from).iter().map(move |to| (*to, from));
        Self::packed(self.node_count(), || self.nodes().flat_map(turned))
    }

    /// Packs edges whose nodes exist, and which are fewer than 2^32; each node keeps their order.
    fn packed<I: Iterator<Item = (u32, u32)>>(nodes: usize, edges: impl Fn() -> I) -> Self {
        // First how many edges each node has, then the next free place of each, then their ends.
        let mut places = vec![0_u32; nodes];
        let mut edge_count = 0;
        for (from, _) in edges() {
            *place(&mut places, from) += 1;
            edge_count += 1;
        }
        let mut start = 0;
        for place in &mut places {
            start += core::mem::replace(place, start);
        }
        let mut targets = vec![0; edge_count];
        for (from, to) in edges() {
            let place = place(&mut places, from);
            *targets
                .get_mut(index(*place))
                .expect("the edges were counted") = to;
            *place += 1;
        }
        let mut starts = Vec::with_capacity(nodes + 1);
        starts.push(0);
        starts.append(&mut places);
        Self { starts, targets }
    }
}

fn place(places: &mut [u32], node: u32) -> &mut u32 {
    places.get_mut(index(node)).expect("the node was checked")
}
