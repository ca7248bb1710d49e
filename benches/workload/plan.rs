//! What is asked of every layer: the same records, keys and ranges in the same order.

use std::collections::HashMap;

use super::{Random, Record, records};

const SEED: u64 = 7;
const BATCH: usize = 1_000;
const BATCHES: usize = 5;
const GETS: usize = 20_000;
const LOOKUPS: usize = 5_000;
const SINGLE_PUTS: usize = 200;
const WINDOW_ROWS: usize = 1_000;
const WINDOWS: usize = 20;
const KEY_WINDOWS: usize = 100;
/// As in the field's measurements: what everything refers to would hide the rest.
const REFERRERS_MAX: usize = 100;

/// The time of the first record; each has its own second.
const TIME: u64 = 1_700_000_000;
/// Moves a record behind all others.
pub const ADD_TIME: u64 = 1_000_000_000;
/// Behind all times, moved or not.
pub const TIME_MAX: u64 = 1 << 40;

/// Records to store, and more that are put one by one.
pub struct Records {
    all: Vec<Record>,
    stored: usize,
}

impl Records {
    /// Makes as many records to store, at least 1,000.
    #[must_use]
    pub fn new(count: usize) -> Self {
        assert!(count >= 1_000, "fewer than 1,000 records measure nothing");
        Self {
            all: records(count + SINGLE_PUTS, SEED),
            stored: count,
        }
    }
}

/// Keys and ranges over records.
pub struct Plan<'a> {
    pub stored: &'a [Record],
    pub fresh: &'a [Record],
    /// How many records a batch of a load has.
    pub batch: usize,
    pub gets: Vec<&'a str>,
    pub derivers: Vec<&'a str>,
    /// Paths that 1 to 100 records refer to.
    pub targets: Vec<&'a str>,
    pub windows: Vec<(u64, u64)>,
    pub key_windows: Vec<(u64, u64)>,
    /// How many rows a window has.
    pub window_rows: usize,
    pub moved: Vec<Vec<&'a str>>,
    pub resized: Vec<Vec<&'a str>>,
    pub removed: Vec<Vec<&'a str>>,
}

impl<'a> Plan<'a> {
    /// Chooses keys and ranges.
    #[must_use]
    pub fn new(records: &'a Records) -> Self {
        let (stored, fresh) = records.all.split_at(records.stored);
        let mut random = Random::new(1);
        let mut pick = || &stored[random.below(stored.len() as u64) as usize];
        let gets = (0..GETS).map(|_| &*pick().path).collect();
        let derivers = std::iter::repeat_with(|| pick().deriver.as_deref());
        let derivers = derivers.flatten().take(LOOKUPS).collect();
        let counts = counts(stored);
        let referred = |one: &'a Record| {
            let mut found = one.references.iter().map(|path| &**path);
            found.find(|path| counts[path] <= REFERRERS_MAX)
        };
        let targets = std::iter::repeat_with(|| referred(pick()));
        let targets = targets.flatten().take(LOOKUPS).collect();

        let batch = BATCH.min(stored.len() / (4 * BATCHES));
        let window_rows = WINDOW_ROWS.min(stored.len() / 2);
        let mut windows = |count: usize| {
            let last = (stored.len() - window_rows) as u64;
            let from = (0..count).map(|_| TIME + random.below(last));
            from.map(|from| (from, from + window_rows as u64)).collect()
        };
        let (windows, key_windows) = (windows(WINDOWS), windows(KEY_WINDOWS));
        let shuffled = shuffled(stored, &mut random);
        let mut batches = shuffled.chunks_exact(batch).map(<[&str]>::to_vec);
        let mut take = || batches.by_ref().take(BATCHES).collect();
        Self {
            stored,
            fresh,
            batch: BATCH,
            gets,
            derivers,
            targets,
            windows,
            key_windows,
            window_rows,
            moved: take(),
            resized: take(),
            removed: take(),
        }
    }
}

fn counts(records: &[Record]) -> HashMap<&str, usize> {
    let mut counts = HashMap::new();
    for path in records.iter().flat_map(|one| &one.references) {
        *counts.entry(&**path).or_default() += 1;
    }
    counts
}

fn shuffled<'a>(records: &'a [Record], random: &mut Random) -> Vec<&'a str> {
    let mut paths: Vec<&str> = records.iter().map(|one| &*one.path).collect();
    random.shuffle(&mut paths);
    paths
}
