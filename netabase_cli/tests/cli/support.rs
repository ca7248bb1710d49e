//! Runs the command, and the questions it answers, answered from the JSON itself.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    io::Write,
    path::Path,
    process::{Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;
pub(crate) use test_data::{missing, shared};

/// The engines that this build has.
pub(crate) const ENGINES: &[&str] = if cfg!(feature = "sled") {
    &["redb", "sled"]
} else {
    &["redb"]
};

pub(crate) fn command<S: AsRef<OsStr>>(arguments: &[S]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_netabase"));
    command.args(arguments);
    command
}

/// Runs the command with an input; returns what it printed once it has succeeded.
pub(crate) fn feed<S: AsRef<OsStr>>(arguments: &[S], input: &[u8]) -> String {
    succeeded(run(arguments, input))
}

pub(crate) fn ok<S: AsRef<OsStr>>(arguments: &[S]) -> String {
    feed(arguments, b"")
}

/// Runs the command; returns its one line on standard error once it has failed with `status`.
pub(crate) fn refused<S: AsRef<OsStr>>(arguments: &[S], input: &[u8], status: i32) -> String {
    let output = run(arguments, input);
    let error = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(status), "{error}");
    if status == 1 {
        assert!(output.stdout.is_empty());
        assert!(error.starts_with("netabase: "), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
    error
}

pub(crate) fn succeeded(output: Output) -> String {
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{error}");
    assert_eq!(error, "");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Runs the command with an input, however it ends.
pub(crate) fn run<S: AsRef<OsStr>>(arguments: &[S], input: &[u8]) -> Output {
    let mut command = command(arguments);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("the command starts");
    let mut stdin = child.stdin.take().expect("it was asked for");
    let input = input.to_owned();
    // A command that ends early does not read all of its input.
    let feeder = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().expect("the command ends");
    feeder.join().expect("feeding does not panic");
    output
}

/// A folder for one test, with the path of a store in it.
pub(crate) struct Place {
    pub(crate) folder: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.folder
            .path()
            .join(name)
            .to_str()
            .expect("UTF-8")
            .to_owned()
    }

    /// Writes a file and returns its path.
    pub(crate) fn file(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.path(name);
        std::fs::write(&path, bytes).expect("a file");
        path
    }

    /// Imports `input` and returns the path of the store and the summary without its time.
    pub(crate) fn import(&self, input: &str, engine: &str) -> (String, String) {
        let db = self.path(&format!("store.{engine}"));
        let out = ok(&[
            "import",
            "path-info",
            input,
            "--db",
            &db,
            "--engine",
            engine,
        ]);
        assert_eq!(out.lines().count(), 1);
        let (summary, _) = out
            .split_once(" into ")
            .expect("the summary names the store");
        (db, summary.to_owned())
    }
}

pub(crate) fn sample(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/sample");
    folder.join(name).to_str().expect("UTF-8").to_owned()
}

/// The graph of an input, read without our own reader.
pub(crate) struct Graph {
    pub(crate) infos: BTreeMap<String, Value>,
    references: BTreeMap<String, BTreeSet<String>>,
    referrers: BTreeMap<String, BTreeSet<String>>,
}

impl Graph {
    /// Takes objects that say their `path`.
    pub(crate) fn new(entries: impl IntoIterator<Item = Value>) -> Self {
        let mut graph = Self {
            infos: BTreeMap::new(),
            references: BTreeMap::new(),
            referrers: BTreeMap::new(),
        };
        for info in entries {
            let path = text(at(&info, "path"));
            let references = at(&info, "references").as_array().expect("a list");
            let references: BTreeSet<String> = references.iter().map(text).collect();
            for reference in &references {
                graph
                    .referrers
                    .entry(reference.clone())
                    .or_default()
                    .insert(path.clone());
            }
            graph.references.insert(path.clone(), references);
            graph.infos.insert(path, info);
        }
        graph
    }

    pub(crate) fn of_sample() -> Self {
        let json = std::fs::read(sample("path-info.json")).expect("the sample");
        Self::new(serde_json::from_slice::<Vec<Value>>(&json).expect("a list"))
    }

    pub(crate) fn deriver(&self, path: &str) -> String {
        let deriver = self
            .infos
            .get(path)
            .and_then(|info| at(info, "deriver").as_str());
        format!("{}\n", deriver.unwrap_or("unknown-deriver"))
    }

    pub(crate) fn references(&self, path: &str) -> String {
        lines(self.references.get(path).into_iter().flatten())
    }

    pub(crate) fn referrers(&self, path: &str) -> String {
        lines(self.referrers.get(path).into_iter().flatten())
    }

    pub(crate) fn requisites(&self, path: &str) -> String {
        lines(&closure(&self.references, path))
    }

    pub(crate) fn referrers_closure(&self, path: &str) -> String {
        lines(&closure(&self.referrers, path))
    }

    /// Compares all answers of the command about a path with this graph's.
    pub(crate) fn check(&self, db: &str, path: &str) {
        let ask = |question: &str| ok(&["query", question, path, "--db", db]);
        assert_eq!(ask("references"), self.references(path));
        assert_eq!(ask("referrers"), self.referrers(path));
        assert_eq!(ask("requisites"), self.requisites(path));
        assert_eq!(ask("referrers-closure"), self.referrers_closure(path));
        assert_eq!(ask("deriver"), self.deriver(path));
    }
}

fn at<'v>(info: &'v Value, key: &str) -> &'v Value {
    info.get(key).unwrap_or(&Value::Null)
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

fn lines<'a>(paths: impl IntoIterator<Item = &'a String>) -> String {
    paths.into_iter().map(|path| format!("{path}\n")).collect()
}

fn closure(edges: &BTreeMap<String, BTreeSet<String>>, path: &str) -> BTreeSet<String> {
    let mut all = BTreeSet::from([path.to_owned()]);
    let mut open = vec![path.to_owned()];
    while let Some(path) = open.pop() {
        for next in edges.get(&path).into_iter().flatten() {
            if all.insert(next.clone()) {
                open.push(next.clone());
            }
        }
    }
    all
}
