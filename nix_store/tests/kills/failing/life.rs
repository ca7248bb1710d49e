//! What a store does while calls fail, a step at a time, with the default options.

use std::{collections::BTreeSet, fmt::Display, fs, path::Path};

use nix_core::{
    path_info::PathInfo,
    store_path::{OutputName, StorePath},
};
use nix_store::{
    gc::{GcOptions, add_link, add_root, collect},
    local::LocalStore,
    optimise::{OptimiseOptions, optimise},
    store::{ReadStore, WriteStore},
};

use crate::{
    harness::{say, told},
    place::open_up,
    power::workload::open,
    sample::{derivation, describe, make_tree, name, tree_archive},
};

/// Everything that a store does.
pub(super) const LIFE: &str = "life";

/// The same, but what failed is said to be done.
pub(super) const LYING: &str = "lying";

/// What is said before and after each step.
pub(super) const BEGIN: &str = "begin to ";
pub(super) const END: &str = "end of a step";

/// The step that tries each object again alone when it fails for all.
pub(super) const BATCH: &str = "import a batch";

/// Objects that nobody needs.
const WASTE: [&str; 2] = ["waste-0", "waste-1"];

/// Says what a process does, and how many steps failed.
struct Life<'a> {
    say: &'a mut dyn FnMut(&str),
    lies: bool,
    failed: usize,
}

impl Life<'_> {
    fn say(&mut self, what: &str) {
        (self.say)(what);
    }

    fn step<T, E: Display>(
        &mut self,
        name: &str,
        step: impl FnOnce() -> Result<T, E>,
    ) -> Option<T> {
        self.say(&format!("{BEGIN}{name}"));
        let done = step();
        self.say(END);
        let error = match done {
            Ok(done) => return Some(done),
            Err(error) => error,
        };
        self.failed += 1;
        if !self.lies {
            self.say(&format!("failed to {name}: {error}").replace('\n', " "));
        }
        None
    }

    /// Does a step after which a path is valid.
    fn add<T, E: Display>(
        &mut self,
        path: &StorePath,
        step: impl FnOnce() -> Result<T, E>,
    ) -> bool {
        let is_done = self.step(&format!("add {path}"), step).is_some();
        if is_done || self.lies {
            self.say(&format!("valid {path}"));
        }
        is_done
    }
}

/// Makes a store with an object that a root keeps, and what is to go; returns what is said of that.
pub(super) fn prepare(root: &Path) -> Vec<String> {
    fs::create_dir(root).expect("a folder");
    let root = root.canonicalize().expect("a folder");
    let store = open(&root).expect("a store");
    let add = |text: &str, number| {
        let archive = tree_archive(number);
        let object = describe(text, &archive);
        store.add_nar(&object, &mut &archive[..]).expect("added");
        object.path
    };
    let kept = add("kept", 1);
    add("gone", 2);
    WASTE.iter().for_each(|text| drop(add(text, 3)));
    add_root(&store, "kept", &kept).expect("a root");
    vec![format!("valid {kept}"), format!("rooted kept {kept}")]
}

#[test]
fn child() {
    let Some(told) = told() else {
        return;
    };
    live(&told.root, &told.task, &mut say);
}

/// Does everything, and returns how many steps failed.
pub(super) fn live(root: &Path, task: &str, say: &mut dyn FnMut(&str)) -> usize {
    let lies = task == LYING;
    let failed = 0;
    let mut life = Life { say, lies, failed };
    let root = root.canonicalize().expect("a folder");
    if let Some(store) = life.step("open the store", || open(&root)) {
        add_objects(&mut life, &store);
        register_in_place(&mut life, &store);
        build(&mut life, &store);
        remove(&mut life, &store);
        // Last: what it shares is in use until the process ends, and no collection removes it.
        let options = OptimiseOptions::default();
        life.step("share files", || optimise(&store, &options, &mut |_| {}));
    }
    life.failed
}

fn add_objects(life: &mut Life<'_>, store: &LocalStore) {
    let none = BTreeSet::new();
    let text = || store.add_text(&name("text"), b"a text", &none);
    let added = life.step("add a text", text);
    if let Some(PathInfo { path, .. }) = added {
        life.say(&format!("valid {path}"));
        let rooted = life.step("add a root", || add_root(store, "text", &path));
        if rooted.is_some() {
            life.say(&format!("rooted text {path}"));
        }
        let beside = store.layout().state_dir.with_file_name("result");
        let linked = life.step("add a link", || add_link(store, &beside, &path));
        if linked.is_some() {
            life.say(&format!("linked {path}"));
        }
    }
    let archive = tree_archive(4);
    let object = describe("one", &archive);
    life.add(&object.path, || store.add_nar(&object, &mut &archive[..]));

    let archives = [5, 6].map(tree_archive);
    let batched = life.step(BATCH, || {
        let mut batch = store.batch();
        for (number, archive) in archives.iter().enumerate() {
            let object = describe(&format!("batch-{number}"), archive);
            batch.add_nar(&object, &mut &archive[..])?;
        }
        let mut valid = Vec::new();
        batch.commit(&mut |_, info| valid.push(info.path))?;
        Ok::<_, nix_store::store::Error>(valid)
    });
    for path in batched.into_iter().flatten() {
        life.say(&format!("valid {path}"));
    }
}

/// Puts a tree in the place of a path, as who registers it has done before.
fn put_in_place(store: &LocalStore, path: &StorePath, number: u64) {
    let real = store.real_path(path);
    if store.is_valid(path).expect("no call fails here") {
        return;
    }
    open_up(&real);
    if real.exists() {
        fs::remove_dir_all(&real).expect("a folder");
    }
    make_tree(&real, number);
}

fn register_in_place(life: &mut Life<'_>, store: &LocalStore) {
    let archive = tree_archive(8);
    let object = describe("placed", &archive);
    put_in_place(store, &object.path, 8);
    life.add(&object.path, || {
        store.register(std::slice::from_ref(&object))
    });
}

fn build(life: &mut Life<'_>, store: &LocalStore) {
    let dir = store.store_dir();
    let (filled, output) = derivation(dir, 1);
    let text = filled.to_aterm(dir).expect("a text");
    let none = BTreeSet::new();
    let added = life.step("add a derivation", || {
        store.add_text(&name("build.drv"), &text, &none)
    });
    let Some(PathInfo { path, .. }) = added else {
        return;
    };
    life.say(&format!("valid {path}"));
    put_in_place(store, &output, 9);
    let outputs = [(OutputName::out(), output.clone())].into();
    let registered = || store.register_build(&path, &outputs, &none);
    if life.add(&output, registered) {
        life.say("built 1");
    }
}

fn remove(life: &mut Life<'_>, store: &LocalStore) {
    let gone = describe("gone", &[]).path;
    if store.is_valid(&gone).unwrap_or(false) {
        life.say(&format!("deleting {gone}"));
        let deleted = life.step("delete", || store.delete(&[gone.clone()].into()));
        if deleted.is_some() {
            life.say(&format!("gone {gone}"));
        }
    }
    let waste = WASTE.map(|text| describe(text, &[]).path);
    waste
        .iter()
        .for_each(|path| life.say(&format!("deleting {path}")));
    let collected = life.step("collect", || {
        collect(store, &GcOptions::default(), &mut |_| {})
    });
    if collected.is_some() {
        waste
            .iter()
            .for_each(|path| life.say(&format!("gone {path}")));
    }
}
