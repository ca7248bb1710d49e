//! From how many keys and values a history draws, and what they look like.

use netabase_store::KEY_BYTES_MAX;
use netabase_tests::Random;

/// No key that a store takes is longer, and each that it does not take is.
pub(super) const KEY_BYTES_SAFE: usize = 1024;

/// How many keys a history has: few that are written again and again, or many.
const KEYS: &[u64] = if cfg!(debug_assertions) {
    &[4, 40, 40, 300]
} else {
    &[4, 40, 40, 300, 300, 3_000, 30_000]
};

/// How many times as many unique values there are as keys.
const UNIQUE_TIMES: &[u64] = &[1, 2, 4, 16];

/// How many bytes a note has at most.
const NOTE_BYTES: &[usize] = &[1, 30, 30, 30, 200, 5_000];

/// What stands before each text of a history with long keys.
const LONG: &str = "a part that all of the texts begin with, over and over again; ";

/// From what a history draws.
#[derive(Debug, Clone)]
pub(super) struct Space {
    pub(super) keys: u64,
    unique: u64,
    shared: u64,
    note_bytes: usize,
    /// Whether numbers reach from the least to the greatest.
    is_spread: bool,
    /// What texts begin with.
    head: String,
}

impl Space {
    pub(super) fn random(random: &mut Random) -> Self {
        let keys = pick(random, KEYS);
        Self {
            keys,
            unique: keys * pick(random, UNIQUE_TIMES),
            shared: 1 + random.below(8),
            note_bytes: pick(random, NOTE_BYTES),
            is_spread: random.one_in(2),
            head: if random.one_in(6) {
                LONG.repeat(4)
            } else {
                String::new()
            },
        }
    }

    pub(super) fn number(&self, random: &mut Random) -> u64 {
        let number = random.below(self.keys);
        if self.is_spread {
            number * (u64::MAX / (self.keys - 1))
        } else {
            number
        }
    }

    /// Returns a customer, of whom there are few, and a number.
    pub(super) fn numbers(&self, random: &mut Random) -> (u64, u32) {
        let number = random.below(self.keys);
        let customers = self.keys.isqrt();
        let small = u32::try_from(number / customers).unwrap_or_default();
        let customer = number % customers;
        if self.is_spread {
            // The first of them, the last, and those between.
            (customer.wrapping_sub(1), small.wrapping_sub(1))
        } else {
            (customer, small)
        }
    }

    pub(super) fn age(&self, random: &mut Random) -> u32 {
        let age = u32::try_from(random.below(self.shared)).unwrap_or_default();
        if self.is_spread {
            age.wrapping_sub(1)
        } else {
            age
        }
    }

    pub(super) fn credit(&self, random: &mut Random) -> f64 {
        match random.below(8) {
            0 => -0.0,
            1 => 0.0,
            2 => f64::MIN,
            3 => f64::INFINITY,
            4 if self.is_spread => f64::NAN,
            5 if self.is_spread => -f64::NAN,
            _ => f64::from(self.age(random)) - 2.5,
        }
    }

    pub(super) fn key_text(&self, random: &mut Random) -> String {
        self.text(random.below(self.keys))
    }

    pub(super) fn unique_text(&self, random: &mut Random) -> String {
        self.text(random.below(self.unique))
    }

    pub(super) fn shared_text(&self, random: &mut Random) -> String {
        self.text(random.below(self.shared))
    }

    /// Returns a text that is too long for a key.
    pub(super) fn endless_text(&self) -> String {
        "endless".repeat(KEY_BYTES_MAX / "endless".len() + 1)
    }

    pub(super) fn bytes(&self, random: &mut Random) -> Vec<u8> {
        spelt(random.below(self.keys), &[0, 1, 0xfe, 0xff]).collect()
    }

    pub(super) fn note(&self, random: &mut Random) -> String {
        ".".repeat(random.index(self.note_bytes))
    }

    fn text(&self, number: u64) -> String {
        let mut text = self.head.clone();
        text.extend(spelt(number, &['a', 'b', '\0', char::MAX]));
        text
    }
}

/// Spells a number, the empty one first, then those of one letter, and so on: many begin with others.
fn spelt<T: Copy>(mut number: u64, letters: &[T]) -> impl Iterator<Item = T> {
    let count = u64::try_from(letters.len()).unwrap_or(1);
    std::iter::from_fn(move || {
        number = number.checked_sub(1)?;
        let letter = usize::try_from(number % count).ok()?;
        number /= count;
        letters.get(letter).copied()
    })
}

/// Returns one of the things.
pub(super) fn pick<T: Copy>(random: &mut Random, things: &[T]) -> T {
    let picked = things.get(random.index(things.len()));
    *picked.expect("an index below the length")
}
