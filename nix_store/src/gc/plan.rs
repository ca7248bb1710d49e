//! What is alive and what is not, by a table of all paths and the graph of what needs what.
//!
//! With 10^6 paths the table takes about 70 bytes each, and an edge of the graph 12 while it is built.

use nix_core::{
    graph::{Graph, NodeSet},
    path_info::PathInfo,
    store_path::StorePath,
};

use super::{
    GcOptions,
    roots::{Root, candidates},
};
use crate::{
    local::LocalStore,
    store::{Error, Result},
};

/// The valid paths of a moment by number, in their order.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// The base names, one after the other.
    names: String,
    /// Where each ends. Invariant: the names rise.
    ends: Vec<usize>,
    /// The size of each path's archive.
    sizes: Vec<u64>,
}

/// What a collection is going to do.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) table: Table,
    pub(super) live: NodeSet,
    /// Those that are not alive, each before what it refers to.
    pub(super) dead: Vec<u32>,
}

impl Plan {
    pub(super) fn new(store: &LocalStore, options: &GcOptions) -> Result<Self> {
        // What is registered after this is not in the table, and never deleted. So are the paths that
        // only a root can have that is not yet there.
        let table = Table::read(store)?;
        let edges = Edges::read(store, &table, options)?;
        let roots = candidates(store, false)?.roots;
        let count = table.len();
        let references = Graph::new(count, &edges.references).map_err(Error::Graph)?;
        drop(edges.references);
        let kept = Graph::new(count, &edges.kept).map_err(Error::Graph)?;
        drop(edges.kept);
        let live = reach(&table, &[&references, &kept], &roots);
        drop(kept);
        let dead = dead(&references, &live);
        Ok(Self { table, live, dead })
    }

    /// Returns whether a path was alive when the plan was made.
    pub(super) fn is_live(&self, path: &StorePath) -> bool {
        let number = self.table.find(path);
        number.is_some_and(|number| self.live.contains(number))
    }
}

/// Returns what is reached from the roots by the edges of all of the graphs.
fn reach(table: &Table, graphs: &[&Graph], roots: &[Root]) -> NodeSet {
    let mut live = NodeSet::new(table.len());
    let roots = roots.iter().filter_map(|root| table.find(&root.target));
    let mut waiting: Vec<u32> = roots.filter(|root| live.insert(*root)).collect();
    while let Some(node) = waiting.pop() {
        let targets = graphs.iter().flat_map(|graph| graph.successors(node));
        for target in targets {
            if live.insert(*target) {
                waiting.push(*target);
            }
        }
    }
    live
}

/// Returns the others, referrers first.
fn dead(references: &Graph, live: &NodeSet) -> Vec<u32> {
    let dead = live.clone().complement();
    // In a circle, which no store registers, nothing comes first: what refers to itself through
    // others is then deleted together or not at all.
    let order = references.topological_order_of(&dead);
    order.unwrap_or_else(|_| dead.iter().collect())
}

/// Who needs whom.
#[derive(Debug, Default)]
struct Edges {
    /// What files mention.
    references: Vec<(u32, u32)>,
    /// What the options keep alive besides.
    kept: Vec<(u32, u32)>,
}

impl Edges {
    fn read(store: &LocalStore, table: &Table, options: &GcOptions) -> Result<Self> {
        let mut edges = Self::default();
        store.database().for_each_path(&mut |info| {
            edges.add(table, &info, options);
            Ok(())
        })?;
        if options.keep_outputs {
            let _hold = store.database().hold_to_read()?;
            for number in table
                .numbers()
                .filter(|number| table.is_derivation(*number))
            {
                let outputs = known_outputs(store, &table.path(number))?;
                let outputs = outputs.iter().filter_map(|output| table.find(output));
                edges.kept.extend(outputs.map(|output| (number, output)));
            }
        }
        Ok(edges)
    }

    fn add(&mut self, table: &Table, info: &PathInfo, options: &GcOptions) {
        // A path that was registered after the table was made.
        let Some(number) = table.find(&info.path) else {
            return;
        };
        let others = info.references.iter().filter(|path| **path != info.path);
        let targets = others.filter_map(|path| table.find(path));
        self.references
            .extend(targets.map(|target| (number, target)));
        if options.keep_derivations {
            let deriver = info.deriver.as_ref().and_then(|path| table.find(path));
            self.kept.extend(deriver.map(|deriver| (number, deriver)));
        }
    }
}

/// Returns the paths of a derivation's outputs, as far as they are known.
pub(super) fn known_outputs(store: &LocalStore, path: &StorePath) -> Result<Vec<StorePath>> {
    match store.database().derivation_outputs(path) {
        Ok(outputs) => Ok(outputs.into_values().flatten().collect()),
        Err(
            Error::NotValid { .. } | Error::NotADerivation { .. } | Error::UnknownDerivation { .. },
        ) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

impl Table {
    fn read(store: &LocalStore) -> Result<Self> {
        let mut table = Self::default();
        store.database().for_each_path(&mut |info| {
            table.push(&info.path, info.nar_size);
            Ok(())
        })?;
        table.names.shrink_to_fit();
        Ok(table)
    }

    fn push(&mut self, path: &StorePath, size: u64) {
        self.names.push_str(path.base_name());
        self.ends.push(self.names.len());
        self.sizes.push(size);
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    fn numbers(&self) -> impl Iterator<Item = u32> + use<> {
        // More than 2^32 of them are refused when the graph is built.
        0..u32::try_from(self.len()).unwrap_or(u32::MAX)
    }

    fn name(&self, index: usize) -> &str {
        let start = index
            .checked_sub(1)
            .and_then(|before| self.ends.get(before));
        let end = self.ends.get(index).copied().unwrap_or(self.names.len());
        let name = self.names.get(start.copied().unwrap_or(0)..end);
        name.expect("names end where they were pushed")
    }

    fn name_of(&self, number: u32) -> &str {
        self.name(usize::try_from(number).expect("an address has 32 bits at least"))
    }

    fn is_derivation(&self, number: u32) -> bool {
        self.name_of(number).ends_with(".drv")
    }

    pub(super) fn path(&self, number: u32) -> StorePath {
        let path = StorePath::from_base_name(self.name_of(number));
        path.expect("the names are of store paths")
    }

    pub(super) fn size(&self, number: u32) -> u64 {
        let index = usize::try_from(number).expect("an address has 32 bits at least");
        self.sizes.get(index).copied().unwrap_or(0)
    }

    /// Returns the number of a path.
    pub(super) fn find(&self, path: &StorePath) -> Option<u32> {
        let name = path.base_name();
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            if self.name(middle) < name {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let is_there = low < self.len() && self.name(low) == name;
        is_there.then(|| u32::try_from(low).ok()).flatten()
    }
}
