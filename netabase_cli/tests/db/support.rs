//! Runs the command, and makes stores for it.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use netabase_store::{RedbStore, SledStore};
use tempfile::TempDir;

use crate::models::{EverythingDefinition, fill};

/// What a run of the command left.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: Option<i32>,
    pub(crate) out: String,
    pub(crate) error: String,
}

/// Runs `netabase db` with an input.
pub(crate) fn feed(arguments: &[&str], input: &str) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_netabase"));
    command.arg("db").args(arguments);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    // A command that ends early does not read all of its input.
    let feeder = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    Ran {
        status: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        error: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Runs `netabase db`, which succeeds, and returns what it printed.
#[track_caller]
pub(crate) fn ok(arguments: &[&str]) -> String {
    let ran = feed(arguments, "");
    assert_eq!(
        (ran.status, ran.error.as_str()),
        (Some(0), ""),
        "{arguments:?}"
    );
    ran.out
}

/// Runs `netabase db`, which fails with one line, and returns that.
#[track_caller]
pub(crate) fn refused(arguments: &[&str], input: &str) -> String {
    let ran = feed(arguments, input);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.error.starts_with("netabase: "), "{ran:?}");
    assert_eq!(ran.error.lines().count(), 1, "{ran:?}");
    ran.error
}

/// A folder for one test.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    /// Returns a filled store of the engine.
    pub(crate) fn store(&self, engine: &str) -> String {
        let path = self.path(engine);
        match engine {
            "redb" => fill(&RedbStore::<EverythingDefinition>::new(&path).unwrap()).unwrap(),
            _ => fill(&SledStore::<EverythingDefinition>::new(&path).unwrap()).unwrap(),
        }
        path
    }

    /// Returns the names of all that lies in the folder, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }
}

/// Copies a file or a folder.
pub(crate) fn copy_all(from: &Path, to: &Path) {
    if !from.is_dir() {
        fs::copy(from, to).unwrap();
        return;
    }
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let name = entry.unwrap().file_name();
        copy_all(&from.join(&name), &to.join(&name));
    }
}

/// Removes a file or a folder.
pub(crate) fn remove_all(path: &Path) {
    if path.is_dir() {
        fs::remove_dir_all(path).unwrap()
    } else {
        fs::remove_file(path).unwrap()
    }
}

/// Returns the file of a store that holds its data.
pub(crate) fn data_file(path: &str) -> PathBuf {
    let path = Path::new(path);
    if path.is_dir() {
        path.join("db")
    } else {
        path.to_owned()
    }
}
