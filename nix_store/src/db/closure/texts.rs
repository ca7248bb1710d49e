//! Texts by number: all in one piece of memory, each once.

use std::{
    hash::{BuildHasher, RandomState},
    ops::Range,
};

/// How many slots the smallest table has.
const SLOTS_MIN: usize = 64;

/// Stands in an empty slot.
const EMPTY: u32 = u32::MAX;

/// Distinct texts, numbered in the order in which they came.
#[derive(Default)]
pub(super) struct Texts {
    /// The texts, one after the other.
    bytes: String,
    /// Where each ends.
    ends: Vec<u32>,
    /// By the hashes of the texts; a power of two, half of them empty.
    slots: Vec<Slot>,
    hasher: TextHasher,
}

/// A text by its hash.
#[derive(Clone, Copy)]
struct Slot {
    /// Its lower bits say where the search for a slot begins, the others that a text is rarely
    /// looked at which is another; and no text is hashed again when the table grows.
    hash: u32,
    number: u32,
}

impl Slot {
    const EMPTY: Self = Self {
        hash: 0,
        number: EMPTY,
    };
}

/// Returns a number as an index.
pub(super) fn index(number: u32) -> usize {
    usize::try_from(number).expect("an address has 32 bits at least")
}

impl Texts {
    /// Returns how many there are.
    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.ends.len()).expect("no more are inserted")
    }

    pub(super) fn get(&self, number: u32) -> &str {
        let text = self.bytes.get(self.range(number));
        text.expect("texts are asked for by their numbers")
    }

    /// Returns where a text lies.
    fn range(&self, number: u32) -> Range<usize> {
        let at = index(number);
        let end = |at: usize| self.ends.get(at).map_or(0, |end| index(*end));
        at.checked_sub(1).map_or(0, end)..end(at)
    }

    /// Sorts numbers by their texts.
    pub(super) fn sort(&self, numbers: &mut [u32]) {
        numbers.sort_unstable_by(|a, b| self.get(*a).cmp(self.get(*b)));
    }

    /// Returns the number of a text and whether it is new, or nothing where there is no room.
    pub(super) fn insert(&mut self, text: &str) -> Option<(u32, bool)> {
        self.insert_hashed(text, self.hasher.hash(text.as_bytes()))
    }

    /// Returns the numbers of many texts, in their order, or nothing where there is no room.
    ///
    /// Nearly all of the time goes by waiting for memory: so what is asked of it for one text does
    /// not wait for the one before.
    pub(super) fn insert_all<'t>(
        &mut self,
        texts: impl Iterator<Item = &'t str> + Clone,
    ) -> Option<Vec<u32>> {
        let likely: Vec<_> = texts
            .clone()
            .map(|text| self.hasher.hash(text.as_bytes()))
            .map(|hash| (hash, self.likely(hash)))
            .collect();
        let ranges: Vec<_> = likely.iter().map(|(_, it)| self.range(*it)).collect();
        let likely = likely.into_iter().zip(ranges);
        let numbers = texts.zip(likely).map(|(text, ((hash, number), range))| {
            let is_it =
                number != EMPTY && self.bytes.as_bytes().get(range) == Some(text.as_bytes());
            if is_it {
                return Some(number);
            }
            self.insert_hashed(text, hash).map(|(number, _)| number)
        });
        numbers.collect()
    }

    /// Returns the number of the first text that has a hash.
    fn likely(&self, hash: u32) -> u32 {
        let Some(mask) = self.slots.len().checked_sub(1) else {
            return EMPTY;
        };
        let mut at = index(hash) & mask;
        while let Some(slot) = self.slots.get(at) {
            if slot.hash == hash || slot.number == EMPTY {
                return slot.number;
            }
            at = (at + 1) & mask;
        }
        EMPTY
    }

    fn insert_hashed(&mut self, text: &str, hash: u32) -> Option<(u32, bool)> {
        if self.ends.len() * 2 >= self.slots.len() {
            self.grow();
        }
        let mask = self.slots.len().checked_sub(1)?;
        let mut at = index(hash) & mask;
        loop {
            let slot = *self.slots.get(at)?;
            if slot.number == EMPTY {
                break;
            }
            if slot.hash == hash && self.get(slot.number) == text {
                return Some((slot.number, false));
            }
            at = (at + 1) & mask;
        }
        let number = u32::try_from(self.ends.len()).ok();
        let number = number.filter(|number| *number != EMPTY)?;
        let end = u32::try_from(self.bytes.len() + text.len()).ok()?;
        *self.slots.get_mut(at)? = Slot { hash, number };
        self.bytes.push_str(text);
        self.ends.push(end);
        Some((number, true))
    }

    fn grow(&mut self) {
        let count = (self.slots.len() * 2).max(SLOTS_MIN);
        let old = std::mem::replace(&mut self.slots, vec![Slot::EMPTY; count]);
        let mask = count - 1;
        for slot in old.into_iter().filter(|slot| slot.number != EMPTY) {
            let mut at = index(slot.hash) & mask;
            while self.slots.get(at).is_some_and(|it| it.number != EMPTY) {
                at = (at + 1) & mask;
            }
            let empty = self.slots.get_mut(at);
            *empty.expect("half of the slots are empty") = slot;
        }
    }
}

/// Hashes texts with keys that nobody knows: the texts may be chosen by somebody, who would have
/// them all in one place.
struct TextHasher {
    start: u64,
    factor: u64,
}

impl Default for TextHasher {
    /// Takes new keys.
    fn default() -> Self {
        let random = RandomState::new();
        Self {
            start: random.hash_one(0_u8),
            // Odd, so that a product says all that its factor does.
            factor: random.hash_one(1_u8) | 1,
        }
    }
}

impl TextHasher {
    fn hash(&self, text: &[u8]) -> u32 {
        let (words, tail) = text.as_chunks::<8>();
        let mut hash = self.start ^ u64::try_from(text.len()).unwrap_or(u64::MAX);
        for word in words {
            hash = self.folded(hash ^ u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        for (to, from) in last.iter_mut().zip(tail) {
            *to = *from;
        }
        hash = self.folded(hash ^ u64::from_le_bytes(last));
        let [a, b, c, d, ..] = self.folded(hash).to_le_bytes();
        u32::from_le_bytes([a, b, c, d])
    }

    /// Multiplies by the secret factor, and lays both halves of the product over each other.
    #[inline]
    fn folded(&self, word: u64) -> u64 {
        let product = u128::from(word) * u128::from(self.factor);
        let [low, high] = [product & u128::from(u64::MAX), product >> 64];
        u64::try_from(low ^ high).expect("halves of 128 bits have 64")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: impl Fn(u32) -> String) {
        let mut texts = Texts::default();
        for number in 0..10_000 {
            let is_new = number < 5_000;
            let inserted = texts.insert(&text(number % 5_000));
            assert_eq!(inserted, Some((number % 5_000, is_new)));
        }
        assert_eq!(texts.count(), 5_000);
        check_all(&text);
        for number in 0..5_000 {
            assert_eq!(texts.get(number), text(number));
        }
    }

    /// Numbers the same texts many at a time: new ones and known ones, and some twice in one go.
    fn check_all(text: impl Fn(u32) -> String) {
        let mut texts = Texts::default();
        for start in (0..5_000).step_by(250) {
            let numbers: Vec<u32> = (start / 2..start + 250).chain(start..start + 250).collect();
            let these: Vec<String> = numbers.iter().map(|number| text(*number)).collect();
            let inserted = texts.insert_all(these.iter().map(String::as_str));
            assert_eq!(inserted, Some(numbers));
        }
        assert_eq!(texts.count(), 5_000);
    }

    #[test]
    fn equal_texts_have_one_number_and_others_have_others() {
        check(|number| format!("text {number}"));
        let mut texts = Texts::default();
        assert_eq!(texts.insert(""), Some((0, true)));
        assert_eq!(texts.insert("\0"), Some((1, true)));
        assert_eq!(texts.insert("\0\0\0\0\0\0\0\0"), Some((2, true)));
        assert_eq!(texts.insert(""), Some((0, false)));
        assert_eq!(texts.get(1), "\0");
    }

    #[test]
    fn texts_that_share_a_long_beginning_or_end_have_numbers_of_their_own() {
        let zeros = "0".repeat(200);
        check(|number| format!("/nix/store/{zeros}{number:05}"));
        check(|number| format!("{number:05}{zeros}"));
        check(|number| format!("{zeros}{number:05}{zeros}"));
        check(|number| "z".repeat(index(number)));
    }

    #[test]
    fn texts_of_one_hash_have_numbers_of_their_own() {
        let same = || Texts {
            hasher: TextHasher {
                start: 0,
                factor: 0,
            },
            ..Texts::default()
        };
        let these: Vec<String> = (0..300).map(|number| format!("text {number}")).collect();
        let numbers: Vec<u32> = (0..300).collect();
        let (mut one_by_one, mut at_once) = (same(), same());
        for _ in 0..2 {
            for (text, number) in these.iter().zip(&numbers) {
                assert_eq!(one_by_one.insert(text).unwrap().0, *number);
            }
            let inserted = at_once.insert_all(these.iter().map(String::as_str));
            assert_eq!(inserted, Some(numbers.clone()));
        }
    }

    /// How far the searches for all texts go, by the number of texts.
    fn steps(texts: &Texts) -> usize {
        let mask = texts.slots.len() - 1;
        let slots = texts.slots.iter().enumerate();
        let used = slots.filter(|(_, slot)| slot.number != EMPTY);
        used.map(|(at, slot)| at.wrapping_sub(index(slot.hash)) & mask)
            .sum()
    }

    #[test]
    fn texts_that_differ_in_few_bits_are_found_in_few_steps() {
        let shapes: [fn(u32) -> String; 4] = [
            |number| format!("/nix/store/00000000{number:024}-path"),
            |number| format!("/nix/store/{number:08}000000000000000000000000-path"),
            |number| format!("/nix/store/{}-{number}", "0".repeat(32)),
            |number| char::from_u32(0x1_0000 + number).map(String::from).unwrap(),
        ];
        for (turn, shape) in shapes.into_iter().enumerate() {
            let mut texts = Texts::default();
            for number in 0..20_000 {
                texts.insert(&shape(number)).unwrap();
            }
            // Half full, a table of random places takes half a step on average.
            assert!(steps(&texts) < 20_000, "{turn}: {}", steps(&texts));
        }
    }

    #[test]
    fn numbers_are_sorted_by_their_texts() {
        let mut texts = Texts::default();
        for text in ["b", "", "a/b", "a", "B"] {
            texts.insert(text).unwrap();
        }
        let mut numbers = [0, 1, 2, 3, 4];
        texts.sort(&mut numbers);
        assert_eq!(numbers, [1, 4, 3, 2, 0]);
    }
}
