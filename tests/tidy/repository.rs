//! Laws about the repository: what lies in it, and what its documents say of it.

use std::{collections::BTreeSet, fs};

use super::files;

/// The files of the root.
const ROOT_FILES: &[&str] = &[
    ".gitignore",
    "ARCHITECTURE.md",
    "BENCHMARKS.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "RELIABILITY.md",
    "clippy.toml",
    "deny.toml",
    "justfile",
    "rustfmt.toml",
    "typos.toml",
];

/// The folders of the root that are no crates.
const ROOT_FOLDERS: &[&str] = &[
    ".cargo", ".ci", ".github", "benches", "examples", "fuzz", "tests", "xtask",
];

/// The largest file.
const FILE_BYTES_MAX: u64 = 512 * 1024;

#[test]
fn the_root_holds_crates_and_what_describes_them() {
    let Some(tracked) = files::tracked() else {
        return;
    };
    let root: BTreeSet<_> = tracked
        .iter()
        .filter_map(|path| path.split('/').next())
        .collect();
    let unknown = root.into_iter().filter(|name| {
        let is_crate = files::root().join(name).join("Cargo.toml").is_file();
        !is_crate && !ROOT_FILES.contains(name) && !ROOT_FOLDERS.contains(name)
    });
    files::none("in the root", unknown.map(str::to_owned));
}

#[test]
fn no_file_is_larger_than_512_kib() {
    let Some(tracked) = files::tracked() else {
        return;
    };
    let large = tracked.into_iter().filter(|path| {
        let size = fs::metadata(files::root().join(path)).map_or(0, |metadata| metadata.len());
        size > FILE_BYTES_MAX
    });
    files::none("too large", large);
}

#[test]
fn ci_runs_the_three_commands_that_the_readme_begins_with() {
    let readme = files::text("README.md");
    let first = readme.split("```").nth(1).expect("a block of commands");
    let commands: Vec<_> = first
        .lines()
        .skip(1)
        .filter(|line| !line.is_empty())
        .collect();
    let expected = [
        "cargo run --release --example quickstart",
        "cargo test --workspace",
        "cargo run --release --features peers --example share_store_objects",
    ];
    assert_eq!(commands, expected);
    let script = files::text(".ci/run");
    for command in commands {
        assert!(
            script.lines().any(|line| line.ends_with(command)),
            "{command} is not in .ci/run"
        );
    }
}

#[test]
fn links_of_the_documents_lead_to_files() {
    let documents = files::texts()
        .into_iter()
        .filter(|text| text.path.ends_with(".md"));
    let broken = documents.flat_map(|document| {
        let place = files::root().join(&document.path);
        let folder = place
            .parent()
            .expect("a document lies in a folder")
            .to_path_buf();
        let links = document
            .text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split_once(')'));
        let links = links
            .map(|(link, _)| link.to_owned())
            .filter(|link| !link.contains("://"));
        let broken = links.filter(|link| {
            let file = link.split('#').next().unwrap_or_default();
            !file.is_empty() && !folder.join(file).exists()
        });
        broken
            .map(|link| format!("{}: {link}", document.path))
            .collect::<Vec<_>>()
    });
    files::none("a link to nothing", broken);
}
