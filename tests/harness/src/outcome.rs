//! What a run of a harness has to say: how much it tried, or what went wrong.

use std::{
    any::Any,
    collections::BTreeMap,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

use crate::{harness::Harness, plant::Plant};

/// How long a failing history is made shorter at most.
const SHRINK_TIME_MAX: Duration = Duration::from_secs(60);

/// How much is told of a failure: engines may print all of their pages.
const WHAT_CHARS_MAX: usize = 2000;

/// How much was tried.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// In the harness's own unit: [`Harness::unit`].
    pub cases: u64,
    /// What else was counted, by name.
    pub also: BTreeMap<&'static str, u64>,
}

impl Tally {
    /// Counts something beside the cases.
    pub fn count(&mut self, name: &'static str, times: u64) {
        *self.also.entry(name).or_default() += times;
    }

    /// Adds another tally.
    pub fn add(&mut self, other: &Self) {
        self.cases += other.cases;
        for (name, times) in &other.also {
            self.count(name, *times);
        }
    }
}

/// A promise that was broken.
#[derive(Debug, Clone)]
pub struct Violation {
    /// Who found it.
    pub harness: Harness,
    /// With which seed.
    pub seed: u64,
    /// What is wrong.
    pub what: String,
    /// What was done to the store, as short as it could be made.
    pub steps: Vec<String>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.harness.name();
        writeln!(f, "{name}, seed {}: {}", self.seed, self.what)?;
        for step in &self.steps {
            writeln!(f, "    {step}")?;
        }
        write!(
            f,
            "again: cargo xtask replay {} {}",
            self.harness.name(),
            self.seed
        )
    }
}

/// Runs `check`; a panic in it is its failure.
///
/// # Errors
/// Fails as `check` does, or with what a panic said.
pub fn guarded<R>(check: impl FnOnce() -> Result<R, String>) -> Result<R, String> {
    match catch_unwind(AssertUnwindSafe(check)) {
        Ok(checked) => checked.map_err(|what| cut(&what)),
        Err(payload) => Err(cut(&format!("it panicked: {}", message(&*payload)))),
    }
}

fn cut(what: &str) -> String {
    what.chars().take(WHAT_CHARS_MAX).collect()
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_default()
}

/// Runs `check` over steps; where it fails, looks for a part of them over which it still does, unless
/// the bug is a planted one, which nobody is to mend.
///
/// # Errors
/// Fails with the shortest history that was found and what goes wrong over it.
pub(crate) fn check_shrunk<S: Clone + fmt::Debug>(
    harness: Harness,
    (seed, plant): (u64, Option<Plant>),
    steps: &[S],
    check: impl Fn(&[S]) -> Result<Tally, String>,
) -> Result<Tally, Violation> {
    let mut what = match guarded(|| check(steps)) {
        Ok(tally) => return Ok(tally),
        Err(what) => what,
    };
    let mut steps = steps.to_vec();
    let size_max = if plant.is_some() {
        0
    } else {
        steps.len().div_ceil(2)
    };
    let (mut size, begun) = (size_max, Instant::now());
    while size > 0 && begun.elapsed() < SHRINK_TIME_MAX {
        let mut at = 0;
        while at < steps.len() && begun.elapsed() < SHRINK_TIME_MAX {
            let mut fewer = steps.clone();
            fewer.drain(at..steps.len().min(at + size));
            match guarded(|| check(&fewer)) {
                Ok(_) => at += size,
                Err(still) => (what, steps) = (still, fewer),
            }
        }
        size /= 2;
    }
    Err(Violation {
        harness,
        seed,
        what,
        steps: steps.iter().map(|step| format!("{step:?}")).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(steps: &[u32]) -> Result<Tally, String> {
        if steps.contains(&7) && steps.contains(&13) {
            return Err(format!("over {}", steps.len()));
        }
        assert!(steps.len() < 30, "too many");
        Ok(Tally::default())
    }

    #[test]
    fn a_failing_history_is_made_as_short_as_it_can_be() {
        let steps: Vec<_> = (0..20).collect();
        let failed = check_shrunk(Harness::Power, (3, None), &steps, check);
        let violation = failed.expect_err("it fails");
        assert_eq!(violation.steps, ["7", "13"]);
        assert_eq!((violation.seed, &*violation.what), (3, "over 2"));
        let text = violation.to_string();
        assert!(
            text.ends_with("again: cargo xtask replay power 3"),
            "{text}"
        );
    }

    #[test]
    fn a_panic_is_a_failure_and_a_planted_bug_is_left_as_it_is() {
        let steps: Vec<_> = (100..140).collect();
        let planted = (1, Some(Plant::SyncNever));
        let failed = check_shrunk(Harness::Power, planted, &steps, check);
        let violation = failed.expect_err("it panics");
        assert_eq!(violation.what, "it panicked: too many");
        assert_eq!(violation.steps.len(), 40);
    }

    #[test]
    fn what_holds_is_counted() {
        let held = check_shrunk(Harness::Power, (1, None), &[1, 2], check);
        assert!(held.is_ok());
        let mut tally = Tally::default();
        tally.count("one", 1);
        let mut all = tally.clone();
        all.add(&tally);
        assert_eq!(all.also.get("one"), Some(&2));
    }
}
