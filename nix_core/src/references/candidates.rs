//! A set of hash parts that is asked for at every place of long texts.
//!
//! Two steps, since nearly every answer is no: a bitmap small enough for the cache, about one bit in
//! sixteen of which is set, and behind it the sorted hash parts, with an index by their leading
//! bits. The leading bits of hash parts are evenly spread; where an attacker has chosen them, the
//! answer costs a binary search at the worst.

use alloc::{vec, vec::Vec};

use super::window::LEN;
use crate::nix32;

/// How many bits of the bitmap a hash part has, at least.
const FILTER_BITS_PER_CANDIDATE: usize = 16;

/// How many bits eight digits hold.
const KEY_BITS: u32 = 40;

/// The most leading bits that the index goes by.
const INDEX_BITS_MAX: u32 = 24;

/// Spreads the bits of a number over its upper half.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// A set of hash parts, each known by its place in their order.
#[derive(Debug, Clone)]
pub(super) struct Candidates {
    /// Invariant: sorted, each once, base 32.
    parts: Vec<[u8; LEN]>,
    filter: Vec<u64>,
    filter_shift: u32,
    /// For each value of the leading bits the place of the first part that has it or a larger one;
    /// at the end the number of parts.
    index: Vec<usize>,
    index_shift: u32,
}

impl Candidates {
    /// Takes the hash parts; what is not base 32 is left out.
    pub(super) fn new(parts: impl IntoIterator<Item = [u8; LEN]>) -> Self {
        let is_text = |part: &[u8; LEN]| part.iter().all(|byte| nix32::is_digit(*byte));
        let mut parts: Vec<_> = parts.into_iter().filter(is_text).collect();
        parts.sort_unstable();
        parts.dedup();
        let filter_bits = (parts.len() * FILTER_BITS_PER_CANDIDATE)
            .next_power_of_two()
            .max(64);
        let index_bits = parts
            .len()
            .next_power_of_two()
            .trailing_zeros()
            .min(INDEX_BITS_MAX);
        let mut candidates = Self {
            parts,
            filter: vec![0; filter_bits / 64],
            filter_shift: u64::BITS - filter_bits.trailing_zeros(),
            index: Vec::with_capacity((1 << index_bits) + 1),
            index_shift: KEY_BITS - index_bits,
        };
        candidates.fill(1 << index_bits);
        candidates
    }

    pub(super) const fn len(&self) -> usize {
        self.parts.len()
    }

    pub(super) fn parts(&self) -> &[[u8; LEN]] {
        &self.parts
    }

    /// Returns the place of a window of digits among the parts.
    #[inline]
    pub(super) fn place(&self, window: &[u8; LEN]) -> Option<usize> {
        let (word, bit) = self.filter_place(window);
        let may_be = self
            .filter
            .get(word)
            .is_some_and(|bits| bits >> bit & 1 != 0);
        if may_be { self.find(window) } else { None }
    }

    fn find(&self, window: &[u8; LEN]) -> Option<usize> {
        let bucket = usize::try_from(leading(window) >> self.index_shift).ok()?;
        let (from, to) = (*self.index.get(bucket)?, *self.index.get(bucket + 1)?);
        let found = self.parts.get(from..to)?.binary_search(window);
        Some(from + found.ok()?)
    }

    fn fill(&mut self, buckets: u64) {
        for at in 0..self.parts.len() {
            let Some(part) = self.parts.get(at) else {
                break;
            };
            let (word, bit) = self.filter_place(part);
            if let Some(bits) = self.filter.get_mut(word) {
                *bits |= 1 << bit;
            }
        }
        let mut place = 0;
        for bucket in 0..buckets {
            let is_before = |part: &[u8; LEN]| leading(part) >> self.index_shift < bucket;
            while self.parts.get(place).is_some_and(is_before) {
                place += 1;
            }
            self.index.push(place);
        }
        self.index.push(self.parts.len());
    }

    /// Returns the word of the bitmap, and the bit in it, that stand for a window.
    #[inline]
    fn filter_place(&self, window: &[u8; LEN]) -> (usize, u64) {
        let spread = u64::from_le_bytes(head(window)).wrapping_mul(SPREAD);
        let place = spread >> self.filter_shift;
        (
            usize::try_from(place / 64).unwrap_or(usize::MAX),
            place % 64,
        )
    }
}

/// The value of the first eight digits; it sorts as they do.
fn leading(window: &[u8; LEN]) -> u64 {
    head(window).iter().fold(0, |key, digit| {
        key << 5 | u64::from(nix32::digit_value(*digit))
    })
}

#[inline]
fn head(window: &[u8; LEN]) -> [u8; 8] {
    *window.first_chunk().expect("a hash part has eight bytes")
}
