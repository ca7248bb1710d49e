//! Laws about crates: their edges, what stands in their dependency trees, their manifests.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::files;

/// What runs futures.
/// What the record store implements a trait of, and what that needs.
const RECORD_STORE: [&str; 4] = [
    "libp2p-core",
    "libp2p-identity",
    "libp2p-kad",
    "libp2p-swarm",
];

const ASYNC_RUNTIMES: &[&str] = &[
    "async-executor",
    "async-global-executor",
    "async-std",
    "compio",
    "monoio",
    "smol",
    "tokio",
];

/// What builds or finds libraries of other languages.
const C_BUILDERS: &[&str] = &[
    "bindgen",
    "cc",
    "cmake",
    "pkg-config",
    "system-deps",
    "vcpkg",
];

/// Packages called `-sys` that are Rust alone.
const RUST_SYS: &[&str] = &["libbz2-rs-sys", "linux-raw-sys", "windows-sys"];

/// Where packages lie that may depend on every crate; nothing but these depends on them.
const LEAF_FOLDERS: &[&str] = &[
    "",
    "benches",
    "netabase_cli",
    "tests",
    "tests/harness",
    "tests/record_store_tests",
    "tests/test_data",
    "xtask",
];

/// What every crate's tests may depend on, and nothing else.
const TEST_DATA: &str = "test_data";

/// A member of the workspace.
struct Package {
    name: String,
    folder: String,
    manifest: String,
    /// Those of its tests on [`TEST_DATA`] are left out.
    dependencies: Vec<String>,
    features: Vec<String>,
    json: Value,
}

fn packages() -> Vec<Package> {
    let metadata = files::cargo(&["metadata", "--format-version", "1", "--no-deps"]);
    let metadata: Value = serde_json::from_str(&metadata).expect("cargo prints JSON");
    let packages = metadata["packages"].as_array().expect("a list of packages");
    packages.iter().map(package).collect()
}

fn package(json: &Value) -> Package {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let manifest = text(&json["manifest_path"]);
    let folder = manifest.strip_suffix("Cargo.toml").expect("a manifest");
    let root = files::root().to_string_lossy().into_owned();
    let folder = folder
        .strip_prefix(&root)
        .expect("members lie in the workspace");
    let folder = folder.trim_matches(['/', '\\']).to_owned();
    let dependencies = json["dependencies"]
        .as_array()
        .expect("a list of dependencies");
    let features = json["features"].as_object().expect("a map of features");
    Package {
        name: text(&json["name"]),
        manifest: std::fs::read_to_string(&manifest).expect("the manifest can be read"),
        folder,
        dependencies: dependencies
            .iter()
            .filter(|of| of["name"] != TEST_DATA || of["kind"] != "dev")
            .map(|dependency| text(&dependency["name"]))
            .collect(),
        features: features.keys().cloned().collect(),
        json: json.clone(),
    }
}

/// The crates of the picture in ARCHITECTURE.md, each with those it may depend on.
fn picture() -> BTreeMap<String, BTreeSet<String>> {
    let mut picture = BTreeMap::<String, BTreeSet<String>>::new();
    let text = files::text("ARCHITECTURE.md");
    let (_, drawing) = text.split_once("```text\n").expect("a picture");
    let (drawing, _) = drawing.split_once("```").expect("its end");
    for line in drawing.lines() {
        let chain: Vec<_> = line.trim().split(" <- ").map(str::to_owned).collect();
        for (at, name) in chain.iter().enumerate() {
            let below = chain.iter().take(at).cloned();
            picture.entry(name.clone()).or_default().extend(below);
        }
    }
    picture
}

/// The packages in the dependency tree of a package, itself included.
fn tree(package: &str, edges: &str, more: &[&str]) -> BTreeSet<String> {
    let mut arguments = vec!["tree", "-p", package, "-e", edges, "--prefix", "none"];
    arguments.extend(more);
    let tree = files::cargo(&arguments);
    let names = tree
        .lines()
        .filter_map(|line| line.split_whitespace().next());
    names.map(str::to_owned).collect()
}

/// What cargo says of the tree of a package, on every target: a line a package, and one a feature.
fn features_of(package: &str) -> Vec<String> {
    let arguments = format!("tree -p {package} -e normal,features --target all --prefix none");
    let arguments: Vec<_> = arguments.split(' ').collect();
    let tree = files::cargo(&arguments);
    tree.lines().map(str::to_owned).collect()
}

/// Whether a package has the crate `cc` in its tree for the sake of BLAKE3 alone, whose build script
/// lists it and, with the feature `pure`, does not call it.
fn compiles_no_c(package: &str) -> bool {
    let arguments = [
        "tree",
        "-p",
        package,
        "-e",
        "normal,build,dev",
        "--prefix",
        "none",
    ];
    let inverted = ["-i", "cc", "--depth", "1"];
    let users = files::cargo(&[&arguments[..], &inverted].concat());
    let mut users = users.lines().skip(1);
    let is_pure = |line: &String| line.starts_with("blake3 feature \"pure\"");
    users.all(|line| line.starts_with("blake3 ")) && features_of(package).iter().any(is_pure)
}

fn is_c_build(name: &str) -> bool {
    let is_sys = name.ends_with("-sys") && !RUST_SYS.contains(&name);
    is_sys || C_BUILDERS.contains(&name)
}

fn is_async(name: &str) -> bool {
    ASYNC_RUNTIMES.contains(&name) || name.starts_with("libp2p")
}

#[test]
fn every_edge_between_crates_is_in_the_picture() {
    let picture = picture();
    let packages = packages();
    let members: BTreeSet<_> = packages
        .iter()
        .map(|package| package.name.clone())
        .collect();
    let inner = packages
        .iter()
        .filter(|package| !LEAF_FOLDERS.contains(&&*package.folder));
    let edges = inner.flat_map(|package| {
        let known = package
            .dependencies
            .iter()
            .filter(|name| members.contains(*name));
        known.map(move |name| (&package.name, name))
    });
    let allowed =
        |from: &String, to: &String| picture.get(from).is_some_and(|below| below.contains(to));
    let unknown = edges.filter(|(from, to)| !allowed(from, to));
    files::none(
        "not in ARCHITECTURE.md",
        unknown.map(|(from, to)| format!("{to} <- {from}")),
    );
}

#[test]
fn the_picture_holds_every_crate_and_no_other() {
    let packages = packages();
    let inner = packages
        .iter()
        .filter(|package| !LEAF_FOLDERS.contains(&&*package.folder));
    let crates: BTreeSet<_> = inner.map(|package| package.name.clone()).collect();
    assert_eq!(picture().into_keys().collect::<BTreeSet<_>>(), crates);
}

#[test]
fn macros_depend_on_nothing_but_the_parsing_of_tokens() {
    let tree = tree("netabase_macros", "normal,build", &[]);
    let expected = [
        "netabase_macros",
        "proc-macro2",
        "quote",
        "syn",
        "unicode-ident",
    ];
    assert_eq!(tree, expected.map(str::to_owned).into());
}

#[test]
fn store_knows_nothing_of_nix_and_runs_no_futures() {
    let tree = tree("netabase_store", "normal,features", &["--all-features"]);
    let wrong = tree.into_iter().filter(|name| {
        let is_wrong = name.starts_with("nix") || is_async(name);
        is_wrong && !RECORD_STORE.contains(&&**name)
    });
    files::none("in the tree of netabase_store", wrong);
}

#[test]
fn store_speaks_to_libp2p_by_one_feature() {
    let features = ["--features", "redb,sled,time,uuid"];
    let tree = tree("netabase_store", "normal,features", &features);
    let wrong = tree.into_iter().filter(|name| name.starts_with("libp2p"));
    files::none("in the tree of netabase_store without libp2p", wrong);
}

#[test]
fn the_tests_of_engines_and_of_nix_build_no_libp2p() {
    let command: &[&str] = &["--no-default-features", "--features", "sled"];
    for (package, features) in [
        ("netabase_tests", &[][..]),
        ("nix_store", &[]),
        ("netabase_cli", command),
    ] {
        let tree = tree(package, "normal,build,dev", features);
        let libp2p = tree.into_iter().filter(|name| name.starts_with("libp2p"));
        files::none(&format!("in the tree of {package}"), libp2p);
    }
}

#[test]
fn nix_core_stands_without_std_and_without_randomness() {
    let effects = ["getrandom", "rand", "rand_core", "tokio"];
    let wrong = features_of("nix_core").into_iter().filter(|line| {
        let name = line.split_whitespace().next().unwrap_or_default();
        line.contains("feature \"std\"") || effects.contains(&name) || is_async(name)
    });
    files::none("in the tree of nix_core", wrong);
}

#[test]
fn nix_core_is_declared_to_have_no_std_and_no_unsafe_code() {
    let lib = files::text("nix_core/src/lib.rs");
    for attribute in ["#![no_std]", "#![forbid(unsafe_code)]"] {
        assert!(lib.lines().any(|line| line == attribute), "{attribute}");
    }
}

#[test]
fn nix_io_knows_nothing_of_stores() {
    let tree = tree("nix_io", "normal,build", &["--all-features"]);
    let is_ours = |name: &String| name.starts_with("nix") || name.starts_with("netabase");
    let ours: Vec<_> = tree.into_iter().filter(is_ours).collect();
    assert_eq!(ours, ["nix_io"]);
}

#[test]
fn nix_io_runs_no_futures_unless_told_to_and_builds_no_c_for_its_codecs() {
    let tree = tree("nix_io", "normal,build", &["--features", "compression"]);
    let wrong = tree
        .into_iter()
        .filter(|name| is_async(name) || is_c_build(name));
    files::none("in the tree of nix_io", wrong);
}

#[test]
fn nix_store_runs_no_futures() {
    let tree = tree("nix_store", "normal,features", &["--all-features"]);
    files::none(
        "in the tree of nix_store",
        tree.into_iter().filter(|name| is_async(name)),
    );
}

#[test]
fn quickstart_builds_no_c_no_sled_and_no_async_runtime() {
    let tree = tree("netabase", "normal,build,dev", &[]);
    let wrong = tree
        .into_iter()
        .filter(|name| name == "sled" || is_async(name) || is_c_build(name))
        .filter(|name| name != "cc" || !compiles_no_c("netabase"));
    files::none("in the tree of the quickstart", wrong);
}

#[test]
fn every_crate_has_a_description_a_licence_and_the_lints_of_the_workspace() {
    let mut broken = Vec::new();
    for package in packages() {
        let missing = ["description", "license", "rust_version", "edition"];
        let missing = missing
            .into_iter()
            .filter(|field| package.json[*field].as_str().is_none());
        broken.extend(missing.map(|field| format!("{}: no {field}", package.name)));
        if !package.manifest.contains("[lints]\nworkspace = true\n") {
            broken.push(format!("{}: no [lints] workspace = true", package.name));
        }
    }
    files::none("in the manifests", broken);
}

#[test]
fn unsafe_code_is_forbidden_in_the_workspace() {
    let manifest = files::text("Cargo.toml");
    assert!(manifest.contains("unsafe_code = \"forbid\""));
}

/// The features of a package that `.ci/run` checks: those after `--features` on a line that names the
/// package, or in the loop around that line.
fn features_checked(script: &str, package: &str) -> BTreeSet<String> {
    let mut looped = Vec::new();
    let mut checked = BTreeSet::new();
    for line in script.lines().map(str::trim) {
        if let Some(list) = line.strip_prefix("for feature in ") {
            looped = list.trim_end_matches("; do").split(' ').collect();
        }
        if !line.contains(&format!("-p {package} ")) {
            continue;
        }
        match line.split_once("--features ") {
            Some((_, rest)) if rest.starts_with("\"$feature\"") => {
                checked.extend(looped.iter().copied().map(str::to_owned));
            }
            Some((_, rest)) => checked.extend(rest.split(' ').next().map(str::to_owned)),
            None => {}
        }
    }
    checked
}

#[test]
fn ci_checks_every_feature_of_the_libraries_alone() {
    let script = files::text(".ci/run");
    let packages = packages();
    let libraries = packages.iter().filter(|package| {
        ["netabase_store", "nix_core", "nix_io", "nix_remote"].contains(&&*package.name)
    });
    let unchecked = libraries.flat_map(|package| {
        let checked = features_checked(&script, &package.name);
        let features = package.features.iter();
        let features = features.filter(move |name| *name != "default" && !checked.contains(*name));
        features.map(move |name| format!("{}: {name}", package.name))
    });
    files::none("not checked by .ci/run", unchecked);
}
