//! Lines that were run, read from what `llvm-cov` writes in the format of lcov.
//!
//! Tests are no part of the crates: neither files in [`TESTS`] or called `.._tests.rs`, nor what lies
//! in a folder `tests`, nor what follows `#[cfg(test)] mod tests {`.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// What files and folders of tests alone, and of what only they use, are called.
const TESTS: [&str; 5] = [
    "arbitrary.rs",
    "refusals.rs",
    "snapshots.rs",
    "tests",
    "tests.rs",
];

/// The lines of a file that have code, each with whether it was run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct File {
    /// From the root of the workspace.
    pub(crate) path: PathBuf,
    lines: BTreeMap<u64, bool>,
}

/// How many lines have code, and how many of them were run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sum {
    pub(crate) all: u64,
    pub(crate) run: u64,
}

impl Sum {
    pub(crate) fn percent(self) -> f64 {
        self.run as f64 * 100.0 / self.all.max(1) as f64
    }
}

impl File {
    pub(crate) fn sum(&self) -> Sum {
        let run = self.lines.values().filter(|run| **run).count();
        Sum {
            all: self.lines.len() as u64,
            run: run as u64,
        }
    }

    /// Returns the lines that were not run, as `3-5, 9`.
    pub(crate) fn missed(&self) -> String {
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        for (line, _) in self.lines.iter().filter(|(_, run)| !**run) {
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 == *line => *last = *line,
                _ => ranges.push((*line, *line)),
            }
        }
        let spelt = ranges.iter().map(|(first, last)| match first == last {
            true => first.to_string(),
            false => format!("{first}-{last}"),
        });
        spelt.collect::<Vec<_>>().join(", ")
    }
}

/// Adds up the files of a crate.
pub(crate) fn sum(files: &[File], name: &str) -> Sum {
    let files = files.iter().filter(|file| file.path.starts_with(name));
    files
        .map(File::sum)
        .fold(Sum { all: 0, run: 0 }, |sum, file| Sum {
            all: sum.all + file.all,
            run: sum.run + file.run,
        })
}

/// Reads which lines of these crates, tests left out, were run.
pub(crate) fn read(text: &str, root: &Path, crates: &[&str]) -> Result<Vec<File>, String> {
    let mut files = Vec::new();
    for file in parse(text, root)? {
        let sources = crates.iter().map(|name| Path::new(name).join("src"));
        if !sources
            .into_iter()
            .any(|source| file.path.starts_with(source))
            || is_test(&file.path)
        {
            continue;
        }
        let path = root.join(&file.path);
        let source = fs::read_to_string(&path)
            .map_err(|error| format!("read {}: {error}", path.display()))?;
        files.push(without_tests(file, &source));
    }
    Ok(files)
}

fn parse(text: &str, root: &Path) -> Result<Vec<File>, String> {
    let mut files: Vec<File> = Vec::new();
    for line in text.lines() {
        if let Some(path) = line.strip_prefix("SF:") {
            let path = Path::new(path);
            let path = path.strip_prefix(root).unwrap_or(path).to_path_buf();
            files.push(File {
                path,
                lines: BTreeMap::new(),
            });
        } else if let Some(counted) = line.strip_prefix("DA:") {
            let wrong = || format!("no count of a line: {line}");
            let (number, count) = counted.split_once(',').ok_or_else(wrong)?;
            let number = number.parse().map_err(|_| wrong())?;
            let file = files.last_mut().ok_or_else(wrong)?;
            file.lines.insert(number, count != "0");
        }
    }
    Ok(files)
}

fn is_test(path: &Path) -> bool {
    let is_suite = path
        .to_str()
        .is_some_and(|path| path.ends_with("_tests.rs"));
    is_suite
        || path
            .iter()
            .any(|part| TESTS.iter().any(|name| part == *name))
}

fn without_tests(mut file: File, source: &str) -> File {
    let mut lines = source.lines().zip(1_u64..);
    let is_mark = |line: &str| line == "#[cfg(test)]";
    while let Some((line, number)) = lines.next() {
        let follows = lines.clone().next();
        if is_mark(line) && follows.is_some_and(|(line, _)| line.ends_with("mod tests {")) {
            file.lines.retain(|line, _| *line < number);
        }
    }
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "SF:/w/a/src/one.rs\nDA:1,2\nDA:2,0\nDA:3,0\nDA:5,0\nDA:7,9\nLF:5\n\
        end_of_record\nSF:/elsewhere/b.rs\nDA:1,0\nend_of_record\n";

    #[test]
    fn lines_that_were_not_run_are_told_by_file() {
        let files = parse(TEXT, Path::new("/w")).expect("two files");
        let [one, elsewhere] = &files[..] else {
            panic!("two files")
        };
        assert_eq!(one.path, Path::new("a/src/one.rs"));
        assert_eq!(one.missed(), "2-3, 5");
        assert_eq!(one.sum(), Sum { all: 5, run: 2 });
        assert_eq!(elsewhere.path, Path::new("/elsewhere/b.rs"));
        assert_eq!(sum(&files, "a"), Sum { all: 5, run: 2 });
        assert!((sum(&files, "a").percent() - 40.0).abs() < 1e-9);
        assert_eq!(sum(&files, "b"), Sum { all: 0, run: 0 });
    }

    #[test]
    fn counts_that_are_none_are_refused() {
        for wrong in ["DA:1,2", "SF:a\nDA:1", "SF:a\nDA:one,2"] {
            assert!(parse(wrong, Path::new("/w")).is_err(), "{wrong}");
        }
    }

    #[test]
    fn tests_are_left_out() {
        let [file, _] = &parse(TEXT, Path::new("/w")).expect("two files")[..] else {
            panic!("two files")
        };
        let file = File {
            path: file.path.clone(),
            lines: file.lines.clone(),
        };
        let source = "fn one() {\n}\n#[cfg(test)]\npub(crate) mod tests {\n}\n";
        assert_eq!(without_tests(file, source).missed(), "2");
        for (path, expected) in [
            ("a/src/tests.rs", true),
            ("a/src/one/tests/two.rs", true),
            ("a/src/hash/arbitrary.rs", true),
            ("a/src/one/disk_tests.rs", true),
            ("a/src/one.rs", false),
        ] {
            assert_eq!(is_test(Path::new(path)), expected, "{path}");
        }
    }
}
