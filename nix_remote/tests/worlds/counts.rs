//! What happened in a world, so that it can be seen that all of it did.

use std::collections::BTreeMap;

use crate::lies::Lie;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) of: BTreeMap<&'static str, u64>,
    /// Which lies lookups refused, and which ones those who store records.
    pub(crate) refused_by_lookups: BTreeMap<Lie, u64>,
    pub(crate) refused_by_stores: BTreeMap<Lie, u64>,
}

impl Counts {
    pub(crate) fn add(&mut self, what: &'static str) {
        *self.of.entry(what).or_default() += 1;
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (what, count) in &other.of {
            *self.of.entry(what).or_default() += count;
        }
        for (lie, count) in &other.refused_by_lookups {
            *self.refused_by_lookups.entry(*lie).or_default() += count;
        }
        for (lie, count) in &other.refused_by_stores {
            *self.refused_by_stores.entry(*lie).or_default() += count;
        }
    }
}
