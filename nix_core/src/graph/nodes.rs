//! Sets of nodes.

use alloc::{vec, vec::Vec};
use core::fmt;

use super::index;

const WORD_BITS: usize = 64;

/// A set of the nodes of a graph, one bit each.
#[derive(Clone, PartialEq, Eq)]
pub struct NodeSet {
    /// Invariant: the bits from `node_count` on are zero.
    words: Vec<u64>,
    node_count: usize,
}

impl NodeSet {
    /// Makes the set that holds none of so many nodes.
    #[must_use]
    pub fn new(node_count: usize) -> Self {
        let words = vec![0; node_count.div_ceil(WORD_BITS)];
        Self { words, node_count }
    }

    /// Adds a node, and returns whether that changed the set: not when it holds the node already,
    /// or there is no such node.
    pub fn insert(&mut self, node: u32) -> bool {
        let at = index(node);
        let word = self.words.get_mut(at / WORD_BITS);
        let Some(word) = word.filter(|_| at < self.node_count) else {
            return false;
        };
        let bit = 1 << (at % WORD_BITS);
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }

    /// Takes a node out, and returns whether it was there.
    pub fn remove(&mut self, node: u32) -> bool {
        let at = index(node);
        let Some(word) = self.words.get_mut(at / WORD_BITS) else {
            return false;
        };
        let bit = 1 << (at % WORD_BITS);
        let was_there = *word & bit != 0;
        *word &= !bit;
        was_there
    }

    /// Returns whether it holds a node.
    #[must_use]
    pub fn contains(&self, node: u32) -> bool {
        let at = index(node);
        let word = self.words.get(at / WORD_BITS);
        word.is_some_and(|word| word >> (at % WORD_BITS) & 1 != 0)
    }

    /// Returns how many nodes it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.words.iter().map(|word| index(word.count_ones())).sum()
    }

    /// Returns whether it holds no node.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// Returns its nodes, in order.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        let words = (0..).step_by(WORD_BITS).zip(&self.words);
        words.flat_map(|(first, word): (u32, &u64)| {
            let rests =
                core::iter::successors(Some(*word), |rest| Some(rest & rest.wrapping_sub(1)));
            let rests = rests.take_while(|rest| *rest != 0);
            rests.map(move |rest| first + rest.trailing_zeros())
        })
    }

    /// Returns the nodes that it does not hold.
    #[must_use]
    pub fn complement(mut self) -> Self {
        let mut left = self.node_count;
        for word in &mut self.words {
            let used = u64::MAX.unbounded_shr(u64::BITS.saturating_sub(bits(left)));
            *word = !*word & used;
            left = left.saturating_sub(WORD_BITS);
        }
        self
    }
}

impl fmt::Debug for NodeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// How many bits of a word are used when so many nodes are left.
fn bits(left: usize) -> u32 {
    u32::try_from(left).unwrap_or(u32::MAX).min(u64::BITS)
}
