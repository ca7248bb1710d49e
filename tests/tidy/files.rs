//! The files that the laws look at.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Folders with a dot that belong to the project.
const DOT_FOLDERS: &[&str] = &[".cargo", ".ci", ".github"];

/// Folders that hold data, or what tools make.
const DATA_FOLDERS: &[&str] = &[
    "artifacts",
    "corpus",
    "coverage",
    "fixtures",
    "seeds",
    "target",
];

/// What a text file may end in; a file without an ending is one, too.
const TEXT_ENDINGS: &[&str] = &["json", "md", "nix", "rs", "sh", "stderr", "toml", "yml"];

/// A text file of the project.
#[derive(Debug)]
pub(crate) struct Source {
    /// The path from the workspace's root, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Source {
    /// Whether it lies in the folder, or is the file.
    pub(crate) fn is_in(&self, folder: &str) -> bool {
        self.path
            .strip_prefix(folder)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Yields each line that `is_wrong` picks, after its place.
    pub(crate) fn lines_where(&self, is_wrong: impl Fn(&str) -> bool) -> Vec<String> {
        let lines = self
            .text
            .lines()
            .enumerate()
            .filter(|(_, line)| is_wrong(line));
        lines
            .map(|(at, line)| format!("{}:{}: {}", self.path, at + 1, line.trim()))
            .collect()
    }
}

/// Returns the root of the workspace.
pub(crate) fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests
        .parent()
        .expect("the tests lie in the workspace")
        .to_path_buf()
}

/// Returns every text file of the project, by path.
pub(crate) fn texts() -> Vec<Source> {
    let root = root();
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the folder can be read") {
            let path = entry.expect("the entry can be read").path();
            let name = path
                .file_name()
                .expect("an entry has a name")
                .to_string_lossy();
            if path.is_dir() {
                let is_hidden = name.starts_with('.') && !DOT_FOLDERS.contains(&&*name);
                if !is_hidden && !DATA_FOLDERS.contains(&&*name) {
                    folders.push(path);
                }
            } else if is_text(&path) {
                let place = path
                    .strip_prefix(&root)
                    .expect("the walk stays in the workspace");
                let place = place.to_string_lossy().replace('\\', "/");
                let text = fs::read_to_string(&path);
                let text = text.unwrap_or_else(|error| panic!("{place} is no text: {error}"));
                found.push(Source { path: place, text });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn is_text(path: &Path) -> bool {
    let is_named = path
        .file_name()
        .is_some_and(|name| name.to_string_lossy().starts_with('.'));
    match path.extension() {
        Some(ending) => TEXT_ENDINGS.contains(&&*ending.to_string_lossy()),
        None => !is_named,
    }
}

/// Returns the sources in Rust.
pub(crate) fn rust() -> Vec<Source> {
    texts()
        .into_iter()
        .filter(|source| source.path.ends_with(".rs"))
        .collect()
}

/// Returns one text file.
pub(crate) fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Returns the paths that git keeps, or nothing where this is no checkout.
pub(crate) fn tracked() -> Option<Vec<String>> {
    let mut git = Command::new("git");
    git.args(["ls-files", "-z"])
        .current_dir(root())
        .stdin(Stdio::null());
    let listed = git.output().ok().filter(|output| output.status.success());
    assert!(
        listed.is_some() || !test_data::is_all_required(),
        "git does not list the files of the checkout"
    );
    let listed = String::from_utf8(listed?.stdout).expect("names of files are UTF-8");
    Some(
        listed
            .split('\0')
            .filter(|path| !path.is_empty())
            .map(str::to_owned)
            .collect(),
    )
}

/// Runs cargo in the workspace and returns what it prints.
pub(crate) fn cargo(arguments: &[&str]) -> String {
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(arguments)
        .args(["--offline", "--locked"])
        .current_dir(root())
        .stdin(Stdio::null());
    let output = cargo.output().expect("cargo runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "cargo {}: {errors}",
        arguments.join(" ")
    );
    String::from_utf8(output.stdout).expect("cargo prints UTF-8")
}

/// Fails with what breaks a law.
#[track_caller]
pub(crate) fn none(law: &str, broken: impl IntoIterator<Item = String>) {
    let broken: Vec<_> = broken.into_iter().collect();
    assert!(broken.is_empty(), "{law}:\n{}", broken.join("\n"));
}
