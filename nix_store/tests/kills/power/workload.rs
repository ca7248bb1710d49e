//! What a store does while the power fails, with the default options.

use std::{
    collections::BTreeSet,
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    process::Stdio,
};

use nix_core::{path_info::PathInfo, store_path::StorePath};
use nix_store::{
    StoreDir,
    gc::{GcOptions, add_link, add_root, collect},
    local::{LocalOptions, LocalStore, StoreLayout},
    memory::MemoryStore,
    optimise::{OptimiseOptions, optimise},
    store::{ReadStore, WriteStore},
    verify::repair,
};

use super::{
    disk::Step,
    replay::steps,
    trace::{read, strace},
};
use crate::{
    harness::{ROOT, TASK, say, told},
    place::{Place, folder, open_up},
    sample::{
        add_archive, add_derivation, add_tree, archive, build, describe, make_tree, name,
        recursive, tree_archive,
    },
};

/// Everything that a store does, in one life.
pub(crate) const LIFE: &str = "life";

/// One object that is added to a store.
pub(crate) const ONE: &str = "one";

/// Nothing but a text, which is as little as can be added.
pub(crate) const TEXT: &str = "text";

/// Opens a store as its users do, and whoever looks at it after a loss of power.
pub(crate) fn open(root: &Path) -> nix_store::store::Result<LocalStore> {
    let layout = StoreLayout {
        store_dir: StoreDir::new("/nowhere/store").expect("a directory"),
        real_store_dir: root.join("store"),
        state_dir: root.join("state"),
    };
    LocalStore::open(layout, &LocalOptions::default())
}

/// Traces a process that does a task in a store of its own.
pub(crate) fn record(task: &str) -> Vec<Step> {
    let place = Place::new();
    let [root, aside, trace] = ["root", "aside", "trace"].map(|name| place.path(name));
    for folder in [&root, &aside] {
        fs::create_dir(folder).expect("a folder");
    }
    let root = root.canonicalize().expect("a folder");
    let mut command = strace(&trace);
    command.arg(std::env::current_exe().expect("this program"));
    command.args(["--exact", "power::workload::child", "--nocapture"]);
    command.args(["--test-threads=1"]);
    command
        .env(ROOT, &root)
        .env(TASK, task)
        .env("TMPDIR", &aside);
    let done = command.stdin(Stdio::null()).output().expect("a tracer");
    assert!(done.status.success(), "{done:?}");
    steps(&root, &read(&trace))
}

#[test]
fn child() {
    let Some(told) = told() else {
        return;
    };
    let store = open(&told.root).expect("a store");
    say("opened");
    match told.task.as_str() {
        ONE => drop(add_one(&store)),
        TEXT => drop(add_text(&store, "text", &[])),
        _ => go_on(&told.root, &live(store)),
    }
}

fn valid(info: PathInfo) -> StorePath {
    say(&format!("valid {}", info.path));
    info.path
}

fn add_text(store: &LocalStore, text: &str, references: &[&StorePath]) -> StorePath {
    let references = references.iter().copied().cloned().collect();
    let added = store.add_text(&name("text"), text.as_bytes(), &references);
    valid(added.expect("added"))
}

/// The archive of a tree with what there is in trees.
pub(crate) fn varied() -> Vec<u8> {
    archive(|folder| {
        let sizes: [usize; 6] = [0, 1, 4096, 4097, 10_000, 70_000];
        for size in sizes {
            let contents: Vec<u8> = (1..=251).cycle().take(size).collect();
            fs::write(folder.join(format!("file-{size}")), contents).expect("a file");
        }
        fs::create_dir_all(folder.join("deep/er/est")).expect("folders");
        fs::create_dir(folder.join("empty")).expect("a folder");
        fs::write(folder.join("deep/er/est/run"), "#!/bin/sh\n").expect("a file");
        let executable = Permissions::from_mode(0o755);
        fs::set_permissions(folder.join("deep/er/est/run"), executable).expect("a mode");
        symlink("../file-1", folder.join("deep/link")).expect("a symlink");
        symlink("nowhere", folder.join("dangling")).expect("a symlink");
    })
}

fn add_one(store: &LocalStore) -> StorePath {
    let archive = varied();
    let object = describe("varied", &archive);
    store.add_nar(&object, &mut &archive[..]).expect("added");
    valid(object)
}

fn add_batch(store: &LocalStore, first: u64) {
    let mut batch = store.batch();
    let mut last = None;
    for number in first..first + 3 {
        let archive = tree_archive(number);
        let mut object = describe(&format!("batch-{number}"), &archive);
        object.references.extend(last);
        last = Some(batch.add_nar(&object, &mut &archive[..]).expect("unpacked"));
    }
    let committed = batch.commit(&mut |_, info| drop(valid(info)));
    committed.expect("added");
}

fn delete(store: &LocalStore, path: &StorePath) {
    say(&format!("deleting {path}"));
    store.delete(&[path.clone()].into()).expect("deleted");
    say(&format!("gone {path}"));
}

fn collect_all(store: &LocalStore, needed: &BTreeSet<StorePath>) {
    let waste = store.valid_paths().expect("paths");
    let waste: Vec<_> = waste.difference(needed).collect();
    waste
        .iter()
        .for_each(|path| say(&format!("deleting {path}")));
    collect(store, &GcOptions::default(), &mut |_| {}).expect("a collection");
    assert_eq!(store.valid_paths().expect("paths"), *needed);
    waste.iter().for_each(|path| say(&format!("gone {path}")));
}

/// Spoils an object, and has it replaced by what another store has.
fn damage_and_repair(store: &LocalStore, spoil: impl FnOnce(&Path)) {
    let healthy = MemoryStore::new(store.store_dir().clone());
    let info = add_tree(&healthy, "spoilt", 3);
    let path = add_tree(store, "spoilt", 3).path;
    assert_eq!(info.path, path);
    say(&format!("damaging {path}"));
    let real = store.real_path(&path);
    open_up(&real);
    spoil(&real);
    repair(store, &path, &healthy).expect("repaired");
    say(&format!("valid {path}"));
}

fn build_one(store: &LocalStore, number: u64) -> StorePath {
    let derivation = add_derivation(store, number);
    say(&format!("valid {derivation}"));
    let built = build(store, &derivation, number);
    say(&format!("built {number}"));
    valid(built)
}

fn share(store: &LocalStore) {
    say("sharing");
    let options = OptimiseOptions::default();
    optimise(store, &options, &mut |_| {}).expect("nothing refuses");
    say("shared");
}

/// Does what a process does before it ends, and returns what has to stay.
fn live(store: LocalStore) -> BTreeSet<StorePath> {
    let store = &store;
    let leaf = add_text(store, "leaf", &[]);
    let top = add_text(store, "top", &[&leaf]);
    add_root(store, "top", &top).expect("a root");
    say(&format!("rooted top {top}"));
    let beside = store.layout().state_dir.with_file_name("result");
    add_link(store, &beside, &leaf).expect("a root");
    say(&format!("linked {leaf}"));

    let source = folder();
    make_tree(source.path(), 1);
    let link = source.path().join("only");
    symlink("a/run", &link).expect("a symlink");
    let tree = store.add_path(source.path(), &name("tree"), recursive());
    let tree = valid(tree.expect("added"));
    valid(
        store
            .add_path(&link, &name("link"), recursive())
            .expect("added"),
    );
    valid(add_archive(store, "copy", &tree_archive(1)));
    let one = add_one(store);
    add_batch(store, 2);
    let built = build_one(store, 1);
    add_root(store, "built", &built).expect("a root");
    say(&format!("rooted built {built}"));

    delete(store, &tree);
    add_text(store, "between", &[]);
    say("adding");
    let again = store.add_path(source.path(), &name("tree"), recursive());
    assert_eq!(valid(again.expect("added")), tree);
    share(store);
    damage_and_repair(store, |real| {
        fs::write(real.join("large"), "spoilt").expect("a file");
    });
    damage_and_repair(store, |real| fs::remove_dir_all(real).expect("a folder"));
    delete(store, &one);

    needed(store, [top, built])
}

/// Does what the next process does: what is not needed is in nobody's use any more.
fn go_on(root: &Path, needed: &BTreeSet<StorePath>) {
    let store = &open(root).expect("a store");
    collect_all(store, needed);
    add_text(store, "after", &[]);
    say("adding");
    add_one(store);
    build_one(store, 1);
    add_batch(store, 2);
    share(store);
}

/// Returns what roots keep: what they refer to, and what they were built from.
fn needed(store: &LocalStore, roots: [StorePath; 2]) -> BTreeSet<StorePath> {
    let mut needed: BTreeSet<StorePath> = roots.into();
    let mut left: Vec<_> = needed.iter().cloned().collect();
    while let Some(path) = left.pop() {
        let info = store.path_info(&path).expect("read").expect("valid");
        let next = info.references.into_iter().chain(info.deriver);
        left.extend(next.filter(|path| needed.insert(path.clone())));
    }
    needed
}
