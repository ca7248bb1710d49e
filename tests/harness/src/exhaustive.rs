//! Every workload of at most three operations, and every subset of what waits for a sync.
//!
//! A seed is the number of a workload. What a workload shares with the shorter one that it begins
//! with was tried there: only what its last operation writes is taken apart, and the close.

use netabase_tests::Random;

use crate::{
    cuts::Cuts,
    disk::{Disk, Operation},
    harness::Harness,
    image::Image,
    ledger::Contents,
    life::{Edit, Life, Step},
    outcome::{Tally, Violation, check_shrunk, guarded},
    plant::Plant,
    power::{open, record},
};

/// The most operations of a workload.
pub const OPERATIONS_MAX: u32 = 3;

/// Of so many waiting writes every subset is tried, of more as many random ones.
pub const PENDING_MAX: usize = 12;

/// redb checks every page of one image in so many.
const CHECKED_ONE_IN: u64 = 10;

/// What workloads are made of.
const ALPHABET: usize = 7;

fn letter(number: usize) -> Step {
    match number {
        0 => Step::Single(Edit::Put(1, 0)),
        1 => Step::Single(Edit::Put(2, 9000)),
        2 => Step::Single(Edit::Remove(1)),
        3 => Step::Transaction(vec![Edit::Put(1, 0), Edit::Put(3, 0)], true),
        4 => Step::Transaction(vec![Edit::Update(1), Edit::Put(4, 0)], false),
        5 => Step::Flush,
        _ => Step::Reopen,
    }
}

/// Returns how many workloads there are: the empty one, and all of up to three operations.
#[must_use]
pub fn workloads() -> u64 {
    let letters = u64::try_from(ALPHABET).expect("there are few");
    (0..=OPERATIONS_MAX).map(|count| letters.pow(count)).sum()
}

/// Returns the workload of that number, counted on from the first when there are no more.
#[must_use]
pub fn workload(number: u64) -> Vec<Step> {
    let letters = u64::try_from(ALPHABET).expect("there are few");
    let mut number = number % workloads();
    let mut count = 0;
    while number >= letters.pow(count) {
        number -= letters.pow(count);
        count += 1;
    }
    let mut steps = Vec::new();
    for _ in 0..count {
        let place = usize::try_from(number % letters).expect("it is below the alphabet");
        steps.push(letter(place));
        number /= letters;
    }
    steps.reverse();
    steps
}

/// Runs the workload of that number, and recovers from all its images.
///
/// # Errors
/// Fails with what was lost or torn.
pub fn run(seed: u64, plant: Option<Plant>) -> Result<Tally, Violation> {
    check_shrunk(
        Harness::Exhaustive,
        (seed, plant),
        &workload(seed),
        |steps| check(steps, seed, plant),
    )
}

fn check(steps: &[Step], seed: u64, plant: Option<Plant>) -> Result<Tally, String> {
    let (log, life) = record(steps, plant)?;
    let mut trial = Trial {
        random: Random::new(seed),
        tally: Tally::default(),
        life,
    };
    let mut cuts = Cuts::new(Image::default(), &log);
    for at in ends(&log, steps.len()) {
        cuts.move_to(at);
        trial.every_subset(&cuts)?;
    }
    Ok(trial.tally)
}

/// Returns where the writes that wait for a sync are the most: before each sync, and at the end;
/// only from the last operation on.
fn ends(log: &[Operation], operations: usize) -> Vec<usize> {
    let marks = log.iter().enumerate();
    let mut marks = marks.filter(|(_, operation)| matches!(operation, Operation::Mark(_)));
    // A mark stands before each operation and one at the end; none of them for an empty workload.
    let begin = operations
        .checked_sub(1)
        .and_then(|last| marks.nth(last))
        .map_or(0, |(at, _)| at);
    let later = log.iter().enumerate().skip(begin);
    let mut ends: Vec<_> = later
        .filter(|(_, operation)| matches!(operation, Operation::Sync))
        .map(|(at, _)| at)
        .collect();
    ends.push(log.len());
    ends
}

struct Trial {
    random: Random,
    tally: Tally,
    life: Life,
}

impl Trial {
    fn every_subset(&mut self, cuts: &Cuts<'_>) -> Result<(), String> {
        let count = cuts.pending().count();
        let is_every = count <= PENDING_MAX;
        let subsets = 1_u64 << count.min(PENDING_MAX);
        let name = if is_every {
            "complete sets"
        } else {
            "sampled sets"
        };
        self.tally.count(name, 1);
        for number in 0..subsets {
            let subset = if is_every {
                number
            } else {
                self.random.number()
            };
            let image = cuts.with(|place| place >= 64 || subset >> place & 1 == 1);
            let recovered = guarded(|| self.recover(image, cuts));
            recovered.map_err(|what| format!("subset {subset:b} of {count} writes: {what}"))?;
        }
        Ok(())
    }

    fn recover(&mut self, image: Image, cuts: &Cuts<'_>) -> Result<(), String> {
        self.tally.cases += 1;
        let is_checked = self.random.one_in(CHECKED_ONE_IN);
        let opened = open(&Disk::of(image), None, is_checked);
        let Some(progress) = cuts.progress() else {
            // The store was being made: it may be refused, and hold nothing.
            let Ok(store) = opened else {
                return Ok(());
            };
            return if Contents::read(&store)? == Contents::default() {
                Ok(())
            } else {
                Err("a new store is not empty".into())
            };
        };
        let store = opened.map_err(|error| format!("open: {error:?}"))?;
        let found = Contents::read(&store)?;
        if self.life.allowed(progress).contains(&found) {
            Ok(())
        } else {
            Err(format!("recovered to {found:?}, after {progress:?}"))
        }
    }
}
