//! Texts by number: all in one piece of memory, each once.

use std::hash::{BuildHasher, RandomState};

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
    /// Seeded anew each time, because the texts may be chosen by somebody.
    hasher: RandomState,
}

/// A text by its hash.
#[derive(Clone, Copy)]
struct Slot {
    /// The upper half of the hash, so that another text is rarely looked at.
    tag: u32,
    number: u32,
}

impl Slot {
    const EMPTY: Self = Self {
        tag: 0,
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
        let at = index(number);
        let end = |at: usize| self.ends.get(at).map(|end| index(*end));
        let start = at.checked_sub(1).and_then(end).unwrap_or(0);
        let text = end(at).and_then(|end| self.bytes.get(start..end));
        text.expect("texts are asked for by their numbers")
    }

    pub(super) fn find(&self, text: &str) -> Option<u32> {
        let (at, _) = self.place(text)?;
        let found = self.slots.get(at).map(|slot| slot.number);
        found.filter(|number| *number != EMPTY)
    }

    /// Returns the number of a text and whether it is new, or nothing where there is no room.
    pub(super) fn insert(&mut self, text: &str) -> Option<(u32, bool)> {
        if self.ends.len() * 2 >= self.slots.len() {
            self.grow();
        }
        let (at, tag) = self.place(text)?;
        let slot = self.slots.get_mut(at)?;
        if slot.number != EMPTY {
            return Some((slot.number, false));
        }
        let number = u32::try_from(self.ends.len()).ok();
        let number = number.filter(|number| *number != EMPTY)?;
        let end = u32::try_from(self.bytes.len() + text.len()).ok()?;
        *slot = Slot { tag, number };
        self.bytes.push_str(text);
        self.ends.push(end);
        Some((number, true))
    }

    /// Returns the slot of a text, or the empty one where it belongs, and its tag.
    fn place(&self, text: &str) -> Option<(usize, u32)> {
        let mask = self.slots.len().checked_sub(1)?;
        let [tag, low] = halves(self.hasher.hash_one(text));
        let mut at = index(low) & mask;
        loop {
            let slot = self.slots.get(at)?;
            let is_it = slot.number == EMPTY || (slot.tag == tag && self.get(slot.number) == text);
            if is_it {
                return Some((at, tag));
            }
            at = (at + 1) & mask;
        }
    }

    fn grow(&mut self) {
        let slots = (self.slots.len() * 2).max(SLOTS_MIN);
        self.slots = vec![Slot::EMPTY; slots];
        for number in 0..self.count() {
            let place = self.place(self.get(number));
            let (at, tag) = place.expect("half of the slots are empty");
            let slot = self.slots.get_mut(at);
            *slot.expect("a place is a slot's") = Slot { tag, number };
        }
    }
}

/// Returns the upper and the lower half of a hash.
fn halves(hash: u64) -> [u32; 2] {
    let [a, b, c, d, e, f, g, h] = hash.to_be_bytes();
    [[a, b, c, d], [e, f, g, h]].map(u32::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_have_one_number_and_others_have_others() {
        let mut texts = Texts::default();
        let text = |number: u32| format!("text {}", number % 5_000);
        for number in 0..10_000 {
            let is_new = number < 5_000;
            assert_eq!(texts.insert(&text(number)), Some((number % 5_000, is_new)));
        }
        assert_eq!(texts.count(), 5_000);
        for number in 0..5_000 {
            assert_eq!(texts.get(number), text(number));
            assert_eq!(texts.find(&text(number)), Some(number));
        }
        assert_eq!(texts.find("text"), None);
        assert_eq!(Texts::default().find(""), None);
        assert_eq!(texts.insert(""), Some((5_000, true)));
        assert_eq!((texts.get(5_000), texts.find("")), ("", Some(5_000)));
    }
}
