//! The tables of `RELIABILITY.md`: totals from the log, and the planted bugs.

use std::fs;

use netabase_harness::{Harness, Plant, exhaustive};

use crate::{
    fuzz::{self, Fuzzed},
    runs::{self, Run},
    soak::workloads_done,
};

/// Where a table begins; it ends at [`END`].
const TOTALS: &str = "<!-- totals -->\n";

/// Where the list of planted bugs begins.
const PLANTED: &str = "<!-- planted -->\n";

/// Where the table of fuzzing begins.
const FUZZED: &str = "<!-- fuzzed -->\n";

const END: &str = "<!-- end -->";

/// What a harness is to reach, and what others have.
fn goal(harness: Harness) -> (&'static str, &'static str) {
    match harness {
        Harness::Model => ("100,000,000", "TH3 (SQLite): 248,500,000 tests of a soak"),
        Harness::Kills => ("20,000", "sled: 700 kills; ferrovec: 2,000"),
        Harness::Power => ("1,000,000", "redb: one scenario in its CI"),
        Harness::Exhaustive => (
            "all workloads of 3 operations",
            "CrashMonkey: workloads of 3 operations",
        ),
        Harness::Errors => (
            "50 scenarios, every call, 5 faults",
            "SQLite: every call; Berkeley DB: 506 points",
        ),
        Harness::Damage => (
            "100,000",
            "redb 4.4 alone, of 10,000 flips: 16.0 % silent, 1.2 % panics",
        ),
        Harness::RecordsModel => ("1,000,000", "libp2p's own store keeps nothing on disk"),
        Harness::RecordsKills => ("2,000", "libp2p's own store keeps nothing on disk"),
        Harness::RecordsPower => ("1,000,000", "libp2p's own store keeps nothing on disk"),
        Harness::RecordsErrors => (
            "50 scenarios, every call, 5 faults",
            "libp2p's own store keeps nothing on disk",
        ),
        Harness::RecordsDamage => ("100,000", "libp2p's own store keeps nothing on disk"),
    }
}

/// Writes the tables into the document.
pub(crate) fn write() -> Result<(), String> {
    let (log, fuzzed) = (runs::read()?, fuzz::read()?);
    change(|text| fill(text, &log, &fuzzed))
}

/// Writes one table, which begins at `begin`, into the document.
pub(crate) fn put(begin: &str, table: &str) -> Result<(), String> {
    change(|text| between(text, begin, table))
}

fn change(make: impl FnOnce(&str) -> Result<String, String>) -> Result<(), String> {
    let path = runs::root().join("RELIABILITY.md");
    let text =
        fs::read_to_string(&path).map_err(|error| format!("read RELIABILITY.md: {error}"))?;
    fs::write(&path, make(&text)?).map_err(|error| format!("write RELIABILITY.md: {error}"))
}

/// Returns the document with its tables made anew.
fn fill(text: &str, log: &[Run], fuzzed: &[Fuzzed]) -> Result<String, String> {
    let text = between(text, TOTALS, &totals(log))?;
    let text = between(&text, FUZZED, &fuzz::table(fuzzed))?;
    between(&text, PLANTED, &planted())
}

fn between(text: &str, begin: &str, table: &str) -> Result<String, String> {
    let missing = || format!("RELIABILITY.md has no {}", begin.trim());
    let (before, rest) = text.split_once(begin).ok_or_else(missing)?;
    let (_, after) = rest.split_once(END).ok_or_else(missing)?;
    Ok(format!("{before}{begin}{table}{END}{after}"))
}

fn totals(log: &[Run]) -> String {
    let mut table = String::from(
        "| harness | run so far | seeds | hours | violations | goal | others |\n\
         | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for harness in Harness::ALL {
        let runs: Vec<_> = log.iter().filter(|run| run.harness == harness).collect();
        let sum = |of: fn(&Run) -> u64| runs.iter().map(|run| of(run)).sum::<u64>();
        let found = runs.iter().filter(|run| !run.is_ok()).count();
        let (goal, others) = goal(harness);
        let mut done = format!("{} {}", grouped(sum(|run| run.cases)), harness.unit());
        if harness == Harness::Exhaustive {
            let all = exhaustive::workloads();
            let workloads = workloads_done(log).min(all);
            done.push_str(&format!(", {workloads} of {all} workloads"));
        }
        let seconds = sum(|run| run.seconds);
        table.push_str(&format!(
            "| {} | {done} | {} | {}.{:02} | {found} | {goal} | {others} |\n",
            harness.name(),
            grouped(sum(|run| run.seeds)),
            seconds / 3600,
            seconds % 3600 / 36,
        ));
    }
    table
}

fn planted() -> String {
    let mut table =
        String::from("| planted bug | what is wrong | found by |\n| --- | --- | --- |\n");
    for plant in Plant::ALL {
        let harnesses: Vec<_> = plant.harnesses().iter().map(|by| by.name()).collect();
        let (name, what) = (plant.name(), plant.what());
        table.push_str(&format!("| {name} | {what} | {} |\n", harnesses.join(", ")));
    }
    table
}

/// Returns a number with commas between thousands.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use netabase_harness::Tally;

    use super::*;

    #[test]
    fn reliability_says_what_the_log_says() {
        let path = runs::root().join("RELIABILITY.md");
        let text = fs::read_to_string(path).expect("the document");
        let log = runs::read().expect("the log");
        let fuzzed = fuzz::read().expect("the log of fuzzing");
        let made = fill(&text, &log, &fuzzed).expect("the document has its tables");
        assert!(made == text, "run `cargo xtask report`");
    }

    #[test]
    fn totals_are_the_sums_of_what_was_recorded() {
        let tally = |cases| Tally {
            cases,
            ..Tally::default()
        };
        let log = [
            Run::new("abc", Harness::Power, (1, 10), &tally(1000), 3600),
            Run::new("abc", Harness::Power, (11, 5), &tally(234), 1800),
            Run {
                outcome: "lost".into(),
                ..Run::new("abc", Harness::Damage, (1, 1), &tally(80), 9)
            },
        ];
        let table = totals(&log);
        let line = |name: &str| table.lines().find(|line| line.starts_with(name));
        let power = line("| power").expect("a line");
        assert!(
            power.contains("| 1,234 images of a disk recovered | 15 | 1.50 | 0 |"),
            "{power}"
        );
        assert!(line("| damage").is_some_and(|line| line.contains("| 1 | 0.00 | 1 |")));
        assert!(line("| kills").is_some_and(|line| line.contains("| 0 processes killed |")));
    }

    #[test]
    fn a_document_without_a_place_for_a_table_is_refused() {
        let whole = format!("{TOTALS}{END}{FUZZED}{END}{PLANTED}{END}");
        assert!(fill("nothing", &[], &[]).is_err());
        assert!(fill(&whole.replace(END, ""), &[], &[]).is_err());
        assert!(fill(&whole.replace(FUZZED, ""), &[], &[]).is_err());
        assert!(fill(&whole, &[], &[]).is_ok());
    }

    #[test]
    fn numbers_are_grouped_by_thousands() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(grouped(number), text);
        }
    }
}
