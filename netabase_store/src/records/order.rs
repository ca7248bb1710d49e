//! Distances in order, so that one more costs a push.

use std::{
    collections::BTreeMap,
    ops::Bound::{Excluded, Unbounded},
};

use super::row::Place;

/// How many places lie in a block until it is split.
const BLOCK_PLACES: usize = 128;

/// For how many places more a full block gets memory.
const STEP_PLACES: usize = 32;

/// A set of places, which finds the last and the next one.
///
/// They lie in blocks, each of the places from its key to the next block's, in any order: what is
/// added in random order meets one block, not the many nodes of a tree. Splitting leaves none over its
/// size, wherever the places lie, and no block is empty.
#[derive(Debug, Default)]
pub(super) struct Order {
    blocks: BTreeMap<Place, Vec<Place>>,
}

impl Order {
    /// Makes an order of places, each told once.
    pub(super) fn of(mut places: Vec<Place>) -> Self {
        places.sort_unstable();
        let blocks = places.chunks(BLOCK_PLACES - STEP_PLACES);
        let blocks = blocks.filter_map(|block| Some((*block.first()?, block.to_vec())));
        Self {
            blocks: blocks.collect(),
        }
    }

    /// Adds a place that is not there yet.
    pub(super) fn add(&mut self, at: Place) {
        let Some((_, block)) = self.blocks.range_mut(..=at).next_back() else {
            self.blocks.insert(Place::FIRST, vec![at]);
            return;
        };
        if block.len() == block.capacity() {
            block.reserve_exact(STEP_PLACES);
        }
        block.push(at);
        if block.len() >= BLOCK_PLACES {
            let (_, middle, _) = block.select_nth_unstable(BLOCK_PLACES / 2);
            let middle = *middle;
            let upper = block.split_off(BLOCK_PLACES / 2);
            block.shrink_to(BLOCK_PLACES / 2 + STEP_PLACES);
            self.blocks.insert(middle, upper);
        }
    }

    /// Takes out a place, if it is there.
    pub(super) fn remove(&mut self, at: Place) {
        let Some((key, block)) = self.blocks.range_mut(..=at).next_back() else {
            return;
        };
        if let Some(position) = block.iter().position(|place| *place == at) {
            block.swap_remove(position);
        }
        if block.is_empty() {
            let key = *key;
            self.blocks.remove(&key);
        } else if block.capacity() - block.len() > 2 * STEP_PLACES {
            block.shrink_to(block.len() + STEP_PLACES);
        }
    }

    /// Returns the farthest place.
    pub(super) fn last(&self) -> Option<Place> {
        let (_, block) = self.blocks.last_key_value()?;
        block.iter().max().copied()
    }

    /// Returns the farthest place before `at`.
    pub(super) fn before(&self, at: Place) -> Option<Place> {
        let mut blocks = self.blocks.range(..at).rev();
        let last = |block: &Vec<Place>| block.iter().filter(|place| **place < at).max().copied();
        blocks.find_map(|(_, block)| last(block))
    }

    /// Returns the nearest place that is not before `from`.
    pub(super) fn at_or_after(&self, from: Place) -> Option<Place> {
        let block = self.blocks.range(..=from).next_back();
        let behind = block.and_then(|(_, block)| block.iter().filter(|at| **at >= from).min());
        let next = || {
            let (_, block) = self.blocks.range((Excluded(from), Unbounded)).next()?;
            block.iter().min()
        };
        behind.or_else(next).copied()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// Places that lie far apart, or close together where `is_crowded`.
    fn place(number: u16, is_crowded: bool) -> Place {
        let far = Place::of(&number.to_be_bytes());
        if is_crowded {
            let mut near = Place::FIRST;
            for _ in 0..number % 512 {
                near = near.next().expect("there are many");
            }
            return near;
        }
        far
    }

    fn steps() -> impl Strategy<Value = Vec<(bool, u16, bool)>> {
        let step = (prop::bool::weighted(0.7), 0..2000_u16, any::<bool>());
        proptest::collection::vec(step, 0..3000)
    }

    fn check_blocks(order: &Order) {
        let keys: Vec<_> = order.blocks.keys().copied().collect();
        for (at, (key, block)) in order.blocks.iter().enumerate() {
            assert!(!block.is_empty());
            assert!(block.len() < BLOCK_PLACES);
            assert!(block.capacity() <= block.len() + 2 * STEP_PLACES);
            assert!(block.iter().all(|place| place >= key));
            let next = keys.get(at + 1);
            assert!(next.is_none_or(|next| block.iter().all(|place| place < next)));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn an_order_answers_as_a_sorted_set_does(
            begun in proptest::collection::btree_set(0..2000_u16, 0..1000),
            steps in steps(),
        ) {
            let begun: BTreeSet<_> = begun.into_iter().map(|number| place(number, false)).collect();
            let mut order = Order::of(begun.iter().rev().copied().collect());
            let mut model = begun;
            for (is_added, number, is_crowded) in steps {
                let at = place(number, is_crowded);
                if !is_added {
                    order.remove(at);
                    model.remove(&at);
                } else if model.insert(at) {
                    order.add(at);
                }
                prop_assert_eq!(order.last(), model.last().copied());
                prop_assert_eq!(order.at_or_after(at), model.range(at..).next().copied());
                prop_assert_eq!(order.before(at), model.range(..at).next_back().copied());
                let behind = at.next().expect("there are many");
                prop_assert_eq!(order.at_or_after(behind), model.range(behind..).next().copied());
            }
            check_blocks(&order);
            let first = std::iter::successors(order.at_or_after(Place::FIRST), |at| {
                order.at_or_after(at.next()?)
            });
            prop_assert!(first.eq(model.iter().copied()));
            for at in &model {
                order.remove(*at);
            }
            prop_assert!(order.blocks.is_empty());
            prop_assert_eq!(order.at_or_after(Place::FIRST), None);
        }
    }
}
