//! Figures as Markdown, and what the command line says.

use std::{fmt::Write, fs, path::PathBuf, process::Command};

use super::contest::{Entrant, Operation, Results};

/// How a benchmark was called.
pub struct Settings {
    pub records: usize,
    pub rounds: usize,
    /// Where the stores lie: on the disk to be measured.
    pub folder: PathBuf,
    parts: Option<Vec<String>>,
    layers: Option<Vec<String>>,
}

impl Settings {
    /// Reads `--records N`, `--rounds N`, `--layers NAME,NAME`, `--parts NAME,NAME` and
    /// `--folder PATH`.
    #[must_use]
    pub fn from_arguments(records: usize, rounds: usize, folder: &str) -> Self {
        let mut settings = Self {
            records,
            rounds,
            folder: folder.into(),
            parts: None,
            layers: None,
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(option) = arguments.next() {
            // What `cargo bench` itself passes on.
            if option == "--bench" {
                continue;
            }
            let value = arguments.next().expect("a value behind the option");
            let list = || Some(value.split(',').map(str::to_owned).collect());
            match &*option {
                "--records" => settings.records = value.parse().unwrap(),
                "--rounds" => settings.rounds = value.parse().unwrap(),
                "--folder" => settings.folder = value.into(),
                "--parts" => settings.parts = list(),
                "--layers" => settings.layers = list(),
                other => panic!("no option {other}"),
            }
        }
        settings
    }

    /// Returns whether a part of the benchmark is wanted.
    #[must_use]
    pub fn wants(&self, part: &str) -> bool {
        let parts = self.parts.as_ref();
        parts.is_none_or(|parts| parts.iter().any(|it| it == part))
    }

    /// Leaves out the layers that are not wanted.
    pub fn retain(&self, entrants: &mut Vec<Box<dyn Entrant>>) {
        if let Some(layers) = &self.layers {
            entrants.retain(|entrant| layers.iter().any(|it| it == entrant.name()));
        }
    }
}

/// Says where the figures come from.
#[must_use]
pub fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease");
    let processor = read("/proc/cpuinfo");
    let mut processor = processor
        .lines()
        .filter_map(|line| line.strip_prefix("model name"));
    let processor = processor.next().unwrap_or("processor unknown");
    let processor = processor.trim_start_matches([' ', '\t', ':']);
    let load = read("/proc/loadavg");
    let load = load.split(' ').next().unwrap_or_default();
    let commit = command("git", &["describe", "--always", "--dirty", "--abbrev=12"]);
    let rustc = command("rustc", &["--version"]);
    let rustc = rustc.split(" (").next().unwrap_or_default();
    format!(
        "{processor}, {cores} cores, Linux {kernel}, {rustc}, commit {commit}, load {load} at the \
         start."
    )
}

/// Operations a second of every layer: the median, and half of the span between the rounds.
#[must_use]
pub fn rates(results: &Results) -> String {
    let mut table = head("a second", &results.names);
    for operation in Operation::ALL {
        let cells = (0..results.names.len()).map(|layer| {
            let rates = results.rates(operation, layer);
            if rates.is_empty() {
                return "-".to_owned();
            }
            let median = median(rates);
            let spread = 50.0 * (greatest(rates) - least(rates)) / median;
            let figure = match operation {
                Operation::Reopen => format!("{:.2} ms", 1e3 / median),
                _ => short(median),
            };
            format!("{figure} +-{spread:.0} %")
        });
        row(&mut table, operation.title(), cells);
    }
    table
}

/// How many times as fast one layer is as another, for each pair: the median of the rounds, and
/// their span.
#[must_use]
pub fn ratios(results: &Results, pairs: &[(&str, &str)]) -> String {
    let place = |name: &str| results.layer(name);
    let pairs: Vec<_> = pairs
        .iter()
        .filter_map(|(one, other)| Some((format!("{one} : {other}"), place(one)?, place(other)?)))
        .collect();
    let names: Vec<&str> = pairs.iter().map(|(name, ..)| &**name).collect();
    let mut table = head("times as fast", &names);
    for operation in Operation::ALL {
        let cells = pairs.iter().map(|(_, one, other)| {
            let (one, other) = (
                results.rates(operation, *one),
                results.rates(operation, *other),
            );
            ratio(one, other)
        });
        row(&mut table, operation.title(), cells);
    }
    table
}

/// How many times the rows a second a range yields when only keys are asked for.
#[must_use]
pub fn keys_over_records(results: &Results) -> String {
    let mut table = head("times the rows a second", &results.names);
    let cells = (0..results.names.len()).map(|layer| {
        let keys = results.rates(Operation::RangeKeys, layer);
        ratio(keys, results.rates(Operation::Range, layer))
    });
    row(&mut table, "index range, keys : records", cells);
    table
}

/// The first lines of a table.
#[must_use]
pub fn head(first: &str, names: &[&str]) -> String {
    let dashes = " --- |".repeat(names.len());
    format!("| {first} | {} |\n| --- |{dashes}\n", names.join(" | "))
}

/// Adds a line to a table.
pub fn row(table: &mut String, title: &str, cells: impl Iterator<Item = String>) {
    let cells: Vec<_> = cells.collect();
    writeln!(table, "| {title} | {} |", cells.join(" | ")).unwrap();
}

/// The median of the rounds' ratios, and their span.
#[must_use]
pub fn ratio(rates: &[f64], others: &[f64]) -> String {
    let ratios: Vec<f64> = rates.iter().zip(others).map(|(a, b)| a / b).collect();
    if ratios.is_empty() {
        return "-".to_owned();
    }
    let (median, least, greatest) = (median(&ratios), least(&ratios), greatest(&ratios));
    format!("{median:.2} ({least:.2} to {greatest:.2})")
}

/// A number in at most four characters and a unit.
#[must_use]
pub fn short(number: f64) -> String {
    match number {
        1e7.. => format!("{:.1}M", number / 1e6),
        1e6.. => format!("{:.2}M", number / 1e6),
        1e5.. => format!("{:.0}k", number / 1e3),
        1e4.. => format!("{:.1}k", number / 1e3),
        1e3.. => format!("{:.2}k", number / 1e3),
        _ => format!("{number:.0}"),
    }
}

#[must_use]
pub fn median(numbers: &[f64]) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (lower, upper) = ((sorted.len() - 1) / 2, sorted.len() / 2);
    f64::midpoint(sorted[lower], sorted[upper])
}

#[must_use]
pub fn least(numbers: &[f64]) -> f64 {
    numbers.iter().copied().fold(f64::INFINITY, f64::min)
}

#[must_use]
pub fn greatest(numbers: &[f64]) -> f64 {
    numbers.iter().copied().fold(0.0, f64::max)
}

fn read(path: &str) -> String {
    let text = fs::read_to_string(path).unwrap_or_else(|_| "unknown".to_owned());
    text.trim().to_owned()
}

fn command(name: &str, arguments: &[&str]) -> String {
    let output = Command::new(name).args(arguments).output();
    let output = output.ok().filter(|output| output.status.success());
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.unwrap_or_else(|| "unknown".to_owned())
}
