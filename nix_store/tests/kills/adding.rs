//! Adding, building and deleting.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use nix_core::{
    derivation::DerivationModulo,
    path_info::PathInfo,
    store_path::{StoreDir, StorePath},
};
use nix_store::{
    drv_files::BuildHash,
    local::LocalStore,
    memory::MemoryStore,
    store::{Added, ReadStore, WriteStore},
};

use crate::{
    harness::{Campaign, at_work, say, told},
    place::{self, Place, check},
    sample::{
        add_derivation, add_tree, build, derivation, describe, make_tree, name, recursive,
        tree_archive,
    },
};

pub(crate) const KILLS: u32 = 70;

/// How many objects are in a batch.
const BATCH: u8 = 4;

/// How many of the newest objects a child lets be.
const KEPT: usize = 6;

/// Adds the object of a number, in one of the ways there are.
fn add(store: &LocalStore, number: u64) -> PathInfo {
    match number % 6 {
        0 => {
            let folder = place::folder();
            make_tree(folder.path(), number);
            let added = store.add_path(folder.path(), &name("tree"), recursive());
            added.expect("added")
        }
        2 => {
            let archive = tree_archive(number);
            let object = describe(&format!("object-{number}"), &archive);
            let added = store.add_nar(&object, &mut &archive[..]).expect("added");
            assert!(matches!(added, Added::New | Added::Present));
            store.path_info(&object.path).expect("read").expect("valid")
        }
        4 => {
            let derivation = add_derivation(store, number);
            build(store, &derivation, number)
        }
        5 => add_batch(store, number),
        _ => {
            let common = store.add_text(&name("common"), b"common", &BTreeSet::new());
            let references = [common.expect("added").path].into();
            let contents = number.to_string();
            let added = store.add_text(&name("text"), contents.as_bytes(), &references);
            added.expect("added")
        }
    }
}

/// Adds objects in one batch, each of which refers to the one before, and returns the last.
fn add_batch(store: &LocalStore, number: u64) -> PathInfo {
    let mut batch = store.batch();
    let mut last = None;
    for turn in 0..BATCH {
        let archive = tree_archive(number * 10 + u64::from(turn));
        let mut object = describe(&batch_name(number, turn), &archive);
        object.references.extend(last);
        last = Some(batch.add_nar(&object, &mut &archive[..]).expect("unpacked"));
    }
    let mut added = Vec::new();
    let committed = batch.commit(&mut |_, info| added.push(info));
    committed.expect("added");
    added.pop().expect("the last one")
}

fn batch_name(number: u64, turn: u8) -> String {
    format!("batch-{number}-{turn}")
}

#[test]
fn child() {
    let Some(told) = told() else {
        return;
    };
    let store = place::open(&told.root);
    let first: u64 = told.task.parse().expect("a number");
    let mut added = Vec::new();
    at_work(|| {
        for number in first.. {
            say(&format!("?{number}"));
            let path = add(&store, number).path;
            say(&format!("+{path}"));
            added.push(path);
            if added.len() > KEPT {
                let oldest = added.remove(0);
                say(&format!("-{oldest}"));
                store.delete(&[oldest].into()).expect("deleted");
            }
        }
    });
}

/// What children have said.
#[derive(Default)]
struct Account {
    /// What is valid by what was said.
    valid: BTreeSet<StorePath>,
    /// What was being added when the last one died.
    number: u64,
}

impl Account {
    fn note(&mut self, said: &[String]) {
        for line in said {
            let (sign, rest) = line.split_at(1);
            match sign {
                "?" => self.number = rest.parse().expect("a number"),
                "+" => drop(self.valid.insert(path(rest))),
                _ => drop(self.valid.remove(&path(rest))),
            }
        }
    }
}

fn path(base_name: &str) -> StorePath {
    StorePath::from_base_name(base_name).expect("a path")
}

/// Does what was interrupted again, and compares it with what becomes of it where nothing is.
fn do_again(store: &LocalStore, number: u64) {
    let again = add(store, number);
    let untouched = untouched(store.store_dir(), number);
    assert_eq!(
        (again.path, again.nar_hash, again.nar_size),
        (untouched.path, untouched.nar_hash, untouched.nar_size)
    );
    if number % 6 == 4 {
        let none = BTreeMap::new();
        let mut modulo = DerivationModulo::new(store.store_dir(), &none);
        let (derivation, output) = derivation(store.store_dir(), number);
        let hash = BuildHash::of(&mut modulo, &derivation).expect("it can be hashed");
        let files = store.drv_files().expect("derivation files");
        let recorded = files.outputs(&hash.expect("a hash")).expect("outputs");
        let recorded = recorded.expect("some");
        assert!(!recorded.is_not_reproducible());
        let built = recorded.results().first().expect("a result").values();
        let built: Vec<_> = built.map(|built| (&built.path, built.nar_hash)).collect();
        assert_eq!(built, [(&output, again.nar_hash)]);
    }
}

/// Returns what is known of the object of a number in a store in which nobody was killed.
fn untouched(dir: &StoreDir, number: u64) -> PathInfo {
    let memory = MemoryStore::new(dir.clone());
    let archive = tree_archive(number);
    match number % 6 {
        0 => add_tree(&memory, "tree", number),
        2 => describe(&format!("object-{number}"), &archive),
        4 => {
            let mut info = describe("build", &archive);
            info.path = derivation(dir, number).1;
            info
        }
        _ => {
            let place = Place::new();
            add(&place.store("store"), number)
        }
    }
}

#[test]
fn what_was_added_is_whole_what_was_not_is_not_there_and_can_be_added_again() {
    let place = Place::new();
    let root = place.path("store");
    let mut campaign = Campaign::new("adding::child", KILLS, 12);
    drop(place.store("store"));
    let mut account = Account::default();
    let mut leftovers = 0;
    while campaign.goes_on() {
        let next = account.number + 1;
        let killed = campaign.kill_in_store(&root, &next.to_string());
        account.note(&killed.said);

        let store = place.store("store");
        let found = check(&store);
        found.has_all(&account.valid);
        // Those of a batch, or what was to get its name and what a build had put in its place.
        assert!(
            found.leftovers <= leftovers + usize::from(BATCH),
            "{}",
            found.leftovers
        );
        if killed.is_hit && account.number >= next {
            let of_batch = (0..BATCH).filter(|turn| {
                let name = batch_name(account.number, *turn);
                found.valid.iter().any(|path| path.name() == name)
            });
            assert!(
                [0, usize::from(BATCH)].contains(&of_batch.count()),
                "a part of a batch"
            );
            do_again(&store, account.number);
            check(&store);
        }
        if found.valid.len() > 24 {
            store
                .delete(&store.valid_paths().expect("paths"))
                .expect("deleted");
            account.valid.clear();
            let objects = fs::read_dir(&store.layout().real_store_dir).expect("a folder");
            leftovers = objects.count();
        }
        leftovers = leftovers.max(found.leftovers);
    }
}
