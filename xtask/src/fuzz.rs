//! Fuzzing at length, and the account of it: `fuzz/runs.tsv`, a line a target and run.
//!
//! Columns: day (UTC), commit (a `+` behind it where the tree differed), target, executions, seconds,
//! outcome (`ok`, or the last that libFuzzer said).

use std::{fs, io, path::PathBuf, process::Command};

use crate::{report::grouped, runs};

/// The first line of the log.
const HEADER: &str = "day\tcommit\ttarget\texecutions\tseconds\toutcome\n";

/// Where libFuzzer says how often a target was run.
const EXECUTIONS: &str = "stat::number_of_executed_units:";

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fuzzed {
    day: String,
    commit: String,
    target: String,
    executions: u64,
    seconds: u64,
    outcome: String,
}

impl Fuzzed {
    fn line(&self) -> String {
        let Self {
            day,
            commit,
            target,
            executions,
            seconds,
            outcome,
        } = self;
        format!("{day}\t{commit}\t{target}\t{executions}\t{seconds}\t{outcome}\n")
    }

    fn parse(line: &str) -> Option<Self> {
        let columns: Vec<_> = line.split('\t').collect();
        let &[day, commit, target, executions, seconds, outcome] = columns.as_slice() else {
            return None;
        };
        Some(Self {
            day: day.to_owned(),
            commit: commit.to_owned(),
            target: target.to_owned(),
            executions: executions.parse().ok()?,
            seconds: seconds.parse().ok()?,
            outcome: outcome.to_owned(),
        })
    }
}

/// Fuzzes one target or all in turn, each as long, and writes down what was run; returns whether no
/// input was found that a target fails on.
pub(crate) fn run(minutes: u64, only: Option<&str>) -> Result<bool, String> {
    let listed = fuzz(&["list"])?.1;
    let is_wanted = |target: &&str| only.is_none_or(|only| only == *target);
    let targets: Vec<_> = listed.lines().filter(is_wanted).collect();
    let count = u64::try_from(targets.len()).unwrap_or(u64::MAX);
    let Some(seconds) = (minutes * 60).checked_div(count) else {
        return Err(format!("the targets are {}", listed.replace('\n', " ")));
    };
    let commit = runs::commit();
    let mut is_well = true;
    for target in targets {
        let (is_ok, told) = fuzz(&[target, &seconds.to_string()])?;
        let last = told.lines().rfind(|line| !line.starts_with("stat::"));
        let run = Fuzzed {
            day: runs::today(),
            commit: commit.clone(),
            target: target.to_owned(),
            executions: executions(&told),
            seconds,
            outcome: match last {
                Some(last) if !is_ok => last.replace('\t', " "),
                _ => "ok".to_owned(),
            },
        };
        println!("{target}: {} executions, {}", run.executions, run.outcome);
        is_well &= is_ok;
        runs::append_to(&path(), HEADER, &run.line())?;
        crate::report::write()?;
    }
    Ok(is_well)
}

/// Runs the script of the folder `fuzz`; returns whether it ended well, and what it said.
fn fuzz(arguments: &[&str]) -> Result<(bool, String), String> {
    let script = runs::root().join("fuzz/run");
    let output = Command::new(&script).args(arguments).output();
    let output = output.map_err(|error| format!("run {}: {error}", script.display()))?;
    let told = [output.stderr, output.stdout].concat();
    let told = String::from_utf8_lossy(&told).into_owned();
    Ok((output.status.success(), told))
}

fn executions(told: &str) -> u64 {
    let mut counts = told.lines().filter_map(|line| {
        let count = line.strip_prefix(EXECUTIONS)?;
        count.trim().parse().ok()
    });
    counts.next().unwrap_or_default()
}

fn path() -> PathBuf {
    runs::root().join("fuzz/runs.tsv")
}

/// Reads the log; an empty one where there is none.
pub(crate) fn read() -> Result<Vec<Fuzzed>, String> {
    let text = match fs::read_to_string(path()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        text => text.map_err(|error| format!("read {}: {error}", path().display()))?,
    };
    let body = text.strip_prefix(HEADER);
    let lines = body.ok_or("the log has another header")?.lines();
    lines
        .map(|line| Fuzzed::parse(line).ok_or_else(|| format!("no line of the log: {line}")))
        .collect()
}

/// Returns the table of what was run.
pub(crate) fn table(log: &[Fuzzed]) -> String {
    let mut targets: Vec<_> = log.iter().map(|run| run.target.as_str()).collect();
    targets.sort_unstable();
    targets.dedup();
    let mut table = String::from(
        "| target | executions | hours | runs that failed |\n| --- | --- | --- | --- |\n",
    );
    for target in targets {
        let row = row(&format!("`{target}`"), log, |run| run.target == target);
        table.push_str(&row);
    }
    table + &row("all", log, |_| true)
}

fn row(name: &str, log: &[Fuzzed], is_of: impl Fn(&&Fuzzed) -> bool) -> String {
    let runs: Vec<_> = log.iter().filter(is_of).collect();
    let executions = runs.iter().map(|run| run.executions).sum();
    let seconds: u64 = runs.iter().map(|run| run.seconds).sum();
    let failed = runs.iter().filter(|run| run.outcome != "ok").count();
    format!(
        "| {name} | {} | {}.{:02} | {failed} |\n",
        grouped(executions),
        seconds / 3600,
        seconds % 3600 / 36
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fuzzed(target: &str, executions: u64, outcome: &str) -> Fuzzed {
        Fuzzed {
            day: "2026-02-28".into(),
            commit: "0123456789ab".into(),
            target: target.into(),
            executions,
            seconds: 1800,
            outcome: outcome.into(),
        }
    }

    #[test]
    fn a_line_says_what_was_run() {
        let run = fuzzed("keys", 12, "ok");
        let line = run.line();
        assert_eq!(Fuzzed::parse(line.trim_end()), Some(run));
        assert_eq!(Fuzzed::parse(&format!("{line}\tmore")), None);
        assert_eq!(Fuzzed::parse("2026-02-28\tabc\tkeys\tmany\t9\tok"), None);
    }

    #[test]
    fn executions_are_those_that_libfuzzer_counts() {
        let told =
            "Done 77 runs\nstat::number_of_executed_units: 1234\nstat::average_exec_per_sec: 9\n";
        assert_eq!(executions(told), 1234);
        assert_eq!(executions("killed"), 0);
    }

    #[test]
    fn the_table_has_a_row_a_target_and_their_sum() {
        let log = [
            fuzzed("values", 1000, "ok"),
            fuzzed("keys", 7, "timeout"),
            fuzzed("values", 234, "ok"),
        ];
        let rows: Vec<_> = table(&log).lines().skip(2).map(str::to_owned).collect();
        assert_eq!(
            rows,
            [
                "| `keys` | 7 | 0.50 | 1 |",
                "| `values` | 1,234 | 1.00 | 0 |",
                "| all | 1,241 | 1.50 | 1 |"
            ]
        );
    }
}
