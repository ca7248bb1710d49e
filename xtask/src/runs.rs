//! The log of what was run, `xtask/runs.tsv`: a line a harness and soak, columns apart by tabs.
//!
//! Columns: day (UTC), commit (a `+` behind it where the tree differed), harness, first seed, number
//! of seeds, cases, what else was counted (`name=number`, apart by `;`), seconds, outcome (`ok`, or the
//! violation).

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{SystemTime, UNIX_EPOCH},
};

use netabase_harness::{Harness, Tally};

/// The first line of the log.
const HEADER: &str = "day\tcommit\tharness\tfirst seed\tseeds\tcases\talso\tseconds\toutcome\n";

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) day: String,
    pub(crate) commit: String,
    pub(crate) harness: Harness,
    pub(crate) first: u64,
    pub(crate) seeds: u64,
    pub(crate) cases: u64,
    pub(crate) also: Vec<(String, u64)>,
    pub(crate) seconds: u64,
    /// `ok`, or what was broken.
    pub(crate) outcome: String,
}

impl Run {
    /// Puts together what was run on a commit.
    pub(crate) fn new(
        commit: &str,
        harness: Harness,
        seeds: (u64, u64),
        tally: &Tally,
        seconds: u64,
    ) -> Self {
        let also = tally.also.iter();
        Self {
            day: today(),
            commit: commit.to_owned(),
            harness,
            first: seeds.0,
            seeds: seeds.1,
            cases: tally.cases,
            also: also
                .map(|(name, count)| ((*name).to_owned(), *count))
                .collect(),
            seconds,
            outcome: "ok".to_owned(),
        }
    }

    pub(crate) fn is_ok(&self) -> bool {
        self.outcome == "ok"
    }

    fn line(&self) -> String {
        let also = self.also.iter();
        let also: Vec<_> = also
            .map(|(name, count)| format!("{name}={count}"))
            .collect();
        let harness = self.harness.name();
        let outcome = self.outcome.replace(['\t', '\n'], " ");
        let Self {
            day,
            commit,
            first,
            seeds,
            cases,
            seconds,
            ..
        } = self;
        let also = also.join(";");
        format!(
            "{day}\t{commit}\t{harness}\t{first}\t{seeds}\t{cases}\t{also}\t{seconds}\t{outcome}\n"
        )
    }

    fn parse(line: &str) -> Option<Self> {
        let mut columns = line.split('\t');
        let mut next = || columns.next();
        let run = Self {
            day: next()?.to_owned(),
            commit: next()?.to_owned(),
            harness: Harness::named(next()?)?,
            first: next()?.parse().ok()?,
            seeds: next()?.parse().ok()?,
            cases: next()?.parse().ok()?,
            also: counts(next()?)?,
            seconds: next()?.parse().ok()?,
            outcome: next()?.to_owned(),
        };
        columns.next().is_none().then_some(run)
    }
}

fn counts(text: &str) -> Option<Vec<(String, u64)>> {
    let parts = text.split(';').filter(|part| !part.is_empty());
    let count = |part: &str| {
        let (name, count) = part.split_once('=')?;
        Some((name.to_owned(), count.parse().ok()?))
    };
    parts.map(count).collect()
}

/// Returns the root of the workspace.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

fn path() -> PathBuf {
    root().join("xtask/runs.tsv")
}

/// Reads the log; an empty one where there is none.
pub(crate) fn read() -> Result<Vec<Run>, String> {
    match fs::read_to_string(path()) {
        Ok(text) => parse(&text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(format!("read {}: {error}", path().display())),
    }
}

fn parse(text: &str) -> Result<Vec<Run>, String> {
    let body = text
        .strip_prefix(HEADER)
        .ok_or("the log has another header")?;
    let lines = body.lines();
    lines
        .map(|line| Run::parse(line).ok_or_else(|| format!("no line of the log: {line}")))
        .collect()
}

/// Appends a line to the log.
pub(crate) fn append(run: &Run) -> Result<(), String> {
    append_to(&path(), HEADER, &run.line())
}

/// Appends a line to a log, which begins with its header.
pub(crate) fn append_to(path: &Path, header: &str, line: &str) -> Result<(), String> {
    // Written whole, so that the log is never half a line.
    let mut text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(_) => header.to_owned(),
    };
    text.push_str(line);
    let beside = path.with_extension("tsv.new");
    let written = fs::write(&beside, text).and_then(|()| fs::rename(&beside, path));
    written.map_err(|error| format!("write {}: {error}", path.display()))
}

/// Returns the commit of the tree, with a `+` where anything but the account of runs differs from it.
pub(crate) fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git")
            .args(arguments)
            .current_dir(root())
            .output();
        let output = output.ok().filter(|output| output.status.success())?;
        String::from_utf8(output.stdout).ok()
    };
    let Some(commit) = git(&["rev-parse", "--short=12", "HEAD"]) else {
        return "unknown".to_owned();
    };
    let changed = git(&["status", "--porcelain"]).unwrap_or_default();
    let is_account = |line: &str| line.ends_with("runs.tsv") || line.ends_with("RELIABILITY.md");
    let mark = if changed.lines().all(is_account) {
        ""
    } else {
        "+"
    };
    format!("{}{mark}", commit.trim())
}

/// Returns the day in UTC, as `2026-01-31`.
pub(crate) fn today() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    day(since.map_or(0, |since| since.as_secs() / 86_400))
}

/// Returns the day that many days after 1970-01-01.
fn day(mut days: u64) -> String {
    let is_leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let mut year = 1970;
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let february = 28 + u64::from(is_leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    format!("{year}-{month:02}-{:02}", days + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> Run {
        Run {
            day: "2026-02-28".into(),
            commit: "0123456789ab+".into(),
            harness: Harness::Power,
            first: 7,
            seeds: 3,
            cases: 100,
            also: vec![("failed again".into(), 5), ("engine checked".into(), 9)],
            seconds: 60,
            outcome: "ok".into(),
        }
    }

    #[test]
    fn a_line_of_the_log_says_what_was_run() {
        let failed = Run {
            outcome: "power, seed 7:\tlost\nmore".into(),
            also: Vec::new(),
            ..run()
        };
        let text = format!("{HEADER}{}{}", run().line(), failed.line());
        let found = parse(&text).expect("two lines");
        assert_eq!(found[0], run());
        assert_eq!(found[1].outcome, "power, seed 7: lost more");
        assert!(found[0].is_ok() && !found[1].is_ok());
    }

    #[test]
    fn a_line_that_is_none_is_refused() {
        let line = run().line();
        for wrong in [
            line.replace("power", "powder"),
            line.replace("\t100\t", "\tmany\t"),
            line.replace("=5", ""),
            line.replace("\tok", ""),
            line.replace("\tok", "\tok\tmore"),
        ] {
            assert!(parse(&format!("{HEADER}{wrong}")).is_err(), "{wrong}");
        }
        assert!(parse(&line).is_err());
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        let expected = [
            (0, "1970-01-01"),
            (58, "1970-02-28"),
            (59, "1970-03-01"),
            (11_016, "2000-02-29"),
            (20_453, "2025-12-31"),
            (20_454, "2026-01-01"),
        ];
        for (days, text) in expected {
            assert_eq!(day(days), text);
        }
    }
}
