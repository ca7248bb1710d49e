//! Running the harnesses for some time.

use std::time::{Duration, Instant};

use netabase_harness::{Harness, Tally, exhaustive};

use crate::{
    child, report,
    runs::{self, Run},
};

/// Runs one harness or all in turn; returns whether nothing was found.
pub(crate) fn run(
    minutes: u64,
    seed: u64,
    only: Option<Harness>,
    dry: bool,
) -> Result<bool, String> {
    // What panics is told as a violation, with its seed; engines that panic over damage are usual.
    std::panic::set_hook(Box::new(|_| ()));
    let harnesses = only.map_or(Harness::ALL.to_vec(), |only| vec![only]);
    let count = u32::try_from(harnesses.len()).unwrap_or(1);
    let each = Duration::from_secs(minutes * 60) / count;
    let log = runs::read()?;
    // What is run was built before; the tree may change meanwhile.
    let commit = runs::commit();
    let mut is_well = true;
    for harness in harnesses {
        let first = match harness {
            Harness::Exhaustive => workloads_done(&log) % exhaustive::workloads(),
            _ => seed,
        };
        let run = run_for(&commit, harness, first, each);
        println!(
            "{}: {} {} from {} seeds in {} s ({} a second): {}",
            harness.name(),
            run.cases,
            harness.unit(),
            run.seeds,
            run.seconds,
            run.cases / run.seconds.max(1),
            run.outcome
        );
        is_well &= run.is_ok();
        if !dry {
            runs::append(&run)?;
            report::write()?;
        }
    }
    Ok(is_well)
}

/// Returns how many short workloads were run, from the first on without a gap.
pub(crate) fn workloads_done(log: &[Run]) -> u64 {
    let mut runs: Vec<_> = log
        .iter()
        .filter(|run| run.harness == Harness::Exhaustive && run.is_ok())
        .map(|run| (run.first, run.first + run.seeds))
        .collect();
    runs.sort_unstable();
    let reach = |done, (first, end): (u64, u64)| if first <= done { end.max(done) } else { done };
    runs.into_iter().fold(0, reach)
}

/// Runs seeds from `first` on until the time is over, or something is found.
fn run_for(commit: &str, harness: Harness, first: u64, time: Duration) -> Run {
    let begun = Instant::now();
    let (mut tally, mut seeds, mut outcome) = (Tally::default(), 0, "ok".to_owned());
    while begun.elapsed() < time {
        match harness.run(first + seeds, None, &child) {
            Ok(done) => tally.add(&done),
            Err(violation) => {
                println!("{violation}");
                outcome = violation.to_string();
                break;
            }
        }
        seeds += 1;
    }
    Run {
        outcome,
        ..Run::new(
            commit,
            harness,
            (first, seeds),
            &tally,
            begun.elapsed().as_secs(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_workloads_go_on_behind_those_that_were_run_without_a_gap() {
        let run = |first, seeds, outcome: &str| Run {
            outcome: outcome.into(),
            ..Run::new(
                "abc",
                Harness::Exhaustive,
                (first, seeds),
                &Tally::default(),
                1,
            )
        };
        assert_eq!(workloads_done(&[]), 0);
        assert_eq!(workloads_done(&[run(0, 5, "ok"), run(5, 3, "ok")]), 8);
        assert_eq!(workloads_done(&[run(5, 3, "ok"), run(0, 5, "ok")]), 8);
        assert_eq!(workloads_done(&[run(0, 5, "ok"), run(6, 3, "ok")]), 5);
        assert_eq!(workloads_done(&[run(0, 5, "lost"), run(6, 3, "ok")]), 0);
        let other = Run::new("abc", Harness::Power, (0, 9), &Tally::default(), 1);
        assert_eq!(workloads_done(&[other]), 0);
    }
}
