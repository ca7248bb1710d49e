//! Objects that a real Nix built are taken, and the answers are those of Nix.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::Command,
};

use nix_core::{
    graph::PathGraph,
    narinfo::NarInfo,
    store_path::{StoreDir, StorePath},
};
use nix_store::{
    memory::MemoryStore,
    store::{Added, Direction, ReadStore, WriteStore},
};

use crate::fixture::{known, observe};

/// Copies the objects of a real Nix into a cache of files.
const COPY: &str = r#"
. "$TOOLS/env.sh" && nix copy --all --to "file://$R/files?compression=none""#;

/// Runs a script about the store below `root`, and returns what it prints.
fn run(tools: &Path, root: &Path, script: &str) -> String {
    let mut bash = Command::new("bash");
    bash.args(["-c", script]).env("TOOLS", tools).env("R", root);
    let output = bash.output().expect("bash starts");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}: {error}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn a_store_that_nix_made_answers_as_nix_does() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let Some(tools) = test_data::nix_corpus(root) else {
        return;
    };
    run(&tools, root, COPY);
    let dir = StoreDir::new(root.join("store").to_str().unwrap()).unwrap();
    let mut infos = BTreeMap::new();
    for entry in fs::read_dir(root.join("files")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|kind| kind == "narinfo") {
            let info = NarInfo::parse(&dir, &fs::read(path).unwrap()).unwrap();
            infos.insert(info.path_info.path.clone(), info);
        }
    }
    assert!(infos.len() > 200);
    let references = |info: &NarInfo| info.path_info.references.clone();
    let graph = PathGraph::new(
        infos
            .iter()
            .map(|(path, info)| (path.clone(), references(info))),
    );
    let order = graph.unwrap().topological_order().unwrap();

    let store = MemoryStore::new(dir.clone());
    for path in order.iter().rev() {
        let info = &infos[path];
        let nar = fs::read(root.join("files").join(info.url())).unwrap();
        let added = store.add_nar(&info.path_info, &mut &nar[..]).unwrap();
        assert_eq!(added, Added::New);
        assert_eq!(known(&store, path).as_ref(), Some(&info.path_info));
    }
    let paths: BTreeSet<_> = infos.keys().cloned().collect();
    assert_eq!(store.valid_paths().unwrap(), paths);
    derivers_are_known(&store, &infos);

    let ask = |question: &str, path: &StorePath| {
        let path = dir.print(path);
        let script = format!(r#". "$TOOLS/env.sh" && nix-store -q --{question} {path}"#);
        let lines = run(&tools, root, &script);
        let answer = lines.lines().map(|line| dir.parse(line).unwrap());
        answer.collect::<BTreeSet<_>>()
    };
    let busiest = paths
        .iter()
        .max_by_key(|path| store.referrers(path).unwrap().len());
    for path in [order.first().unwrap(), busiest.unwrap()] {
        let of = BTreeSet::from([path.clone()]);
        let closure = |direction| store.closure(&of, direction).unwrap();
        assert_eq!(closure(Direction::References), ask("requisites", path));
        assert_eq!(
            closure(Direction::Referrers),
            ask("referrers-closure", path)
        );
        assert_eq!(store.referrers(path).unwrap(), ask("referrers", path));
    }
    // Some of the contents are random bytes, which JSON cannot say.
    assert!(store.to_json().is_err());
    assert_eq!(observe(&store).len(), paths.len());
}

/// Checks that each derivation knows the outputs that were built from it.
fn derivers_are_known(store: &MemoryStore, infos: &BTreeMap<StorePath, NarInfo>) {
    let mut count = 0;
    for (path, info) in infos {
        let Some(deriver) = &info.path_info.deriver else {
            continue;
        };
        if !infos.contains_key(deriver) {
            continue;
        }
        let outputs = store.derivation_outputs(deriver).unwrap();
        let is_known = outputs.values().flatten().any(|output| output == path);
        // Without its realisations nobody knows what a content-addressed derivation made.
        let is_open = outputs.values().any(Option::is_none);
        assert!(is_known || is_open, "{path} of {deriver}");
        let derivers = store.valid_derivers(path).unwrap();
        assert_eq!(derivers.contains(deriver), is_known);
        count += usize::from(is_known);
    }
    assert!(count > 50, "{count}");
}
