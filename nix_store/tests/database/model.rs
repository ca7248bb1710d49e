//! Random operations leave what a map of infos holds, also when the database is opened again.

use std::collections::{BTreeMap, BTreeSet};

use nix_core::{path_info::PathInfo, store_path::StorePath};
use nix_store::{
    db::Registration,
    store::{Direction, Error},
};
use proptest::prelude::*;
use tempfile::TempDir;

use crate::support::{KINDS, Kind, info, path};

const NAMES: &[&str] = &["a", "b", "c", "d", "e", "f", "g", "h"];

#[derive(Debug, Clone)]
enum Operation {
    /// Registers paths with what each refers to.
    Register(Vec<(usize, BTreeSet<usize>)>),
    Delete(BTreeSet<usize>),
    DeleteDead(BTreeSet<usize>, BTreeSet<usize>),
    Reopen,
}

type Model = BTreeMap<StorePath, PathInfo>;

fn arb_operation() -> impl Strategy<Value = Operation> {
    use proptest::collection::{btree_set, vec};
    let some = || btree_set(0..NAMES.len(), 0..4);
    prop_oneof![
        6 => vec((0..NAMES.len(), some()), 1..5).prop_map(Operation::Register),
        2 => some().prop_map(Operation::Delete),
        2 => (btree_set(0..NAMES.len(), 0..8), some())
            .prop_map(|(paths, keep)| Operation::DeleteDead(paths, keep)),
        1 => Just(Operation::Reopen),
    ]
}

fn set(names: &BTreeSet<usize>) -> BTreeSet<StorePath> {
    names.iter().map(|at| path(NAMES[*at])).collect()
}

/// Applies a registration, and says whether it is one that is accepted: what is said of paths that
/// are valid, or of which something has been said before, changes no references.
fn register(model: &mut Model, objects: &[Registration]) -> bool {
    let mut new = Model::new();
    for Registration { info, .. } in objects {
        if !model.contains_key(&info.path) {
            new.entry(info.path.clone()).or_insert_with(|| info.clone());
        }
    }
    let is_known = |path: &StorePath| model.contains_key(path) || new.contains_key(path);
    let is_whole = |info: &PathInfo| info.references.iter().all(is_known);
    if !new.values().all(is_whole) || has_circle(&new) {
        return false;
    }
    model.append(&mut new);
    true
}

/// Whether references lead back to where they began.
fn has_circle(said: &Model) -> bool {
    said.keys().any(|start| {
        let mut open = vec![start];
        let mut seen = BTreeSet::new();
        while let Some(path) = open.pop() {
            let references = said.get(path).into_iter().flat_map(|info| &info.references);
            for reference in references.filter(|reference| *reference != path) {
                if reference == start {
                    return true;
                }
                if seen.insert(reference) {
                    open.push(reference);
                }
            }
        }
        false
    })
}

fn referrers<'m>(model: &'m Model, path: &'m StorePath) -> impl Iterator<Item = &'m StorePath> {
    let refers = move |info: &&PathInfo| info.references.contains(path);
    model.values().filter(refers).map(|info| &info.path)
}

fn delete(model: &mut Model, paths: &BTreeSet<StorePath>) -> Option<BTreeSet<StorePath>> {
    let valid = |path: &&StorePath| model.contains_key(*path);
    let going: BTreeSet<_> = paths.iter().filter(valid).cloned().collect();
    for path in &going {
        if referrers(model, path).any(|referrer| !going.contains(referrer)) {
            return None;
        }
    }
    model.retain(|path, _| !going.contains(path));
    Some(going)
}

fn dead(
    model: &Model,
    paths: &BTreeSet<StorePath>,
    keep: &BTreeSet<StorePath>,
) -> BTreeSet<StorePath> {
    let goes = |path: &&StorePath| model.contains_key(*path) && !keep.contains(*path);
    let mut going: BTreeSet<_> = paths.iter().filter(goes).cloned().collect();
    while let Some(stays) = going
        .iter()
        .find(|path| referrers(model, path).any(|referrer| !going.contains(referrer)))
        .cloned()
    {
        going.remove(&stays);
    }
    going
}

fn check(kind: Kind, operations: &[Operation]) {
    let folder = TempDir::new().unwrap();
    let mut database = kind.open(&folder);
    let mut model = Model::new();
    for operation in operations {
        match operation {
            Operation::Register(objects) => {
                let object = |(at, references): &(usize, BTreeSet<usize>)| {
                    let mut info = info(NAMES[*at], &[]);
                    info.references = set(references);
                    Registration::from(info)
                };
                let objects: Vec<_> = objects.iter().map(object).collect();
                let accepted = register(&mut model, &objects);
                assert_eq!(database.register(&objects).is_ok(), accepted);
            }
            Operation::Delete(paths) => match (
                delete(&mut model, &set(paths)),
                database.delete(&set(paths)),
            ) {
                (Some(expected), Ok(deleted)) => assert_eq!(deleted, expected),
                (None, Err(Error::HasReferrers { .. })) => {}
                other => panic!("{other:?}"),
            },
            Operation::DeleteDead(paths, keep) => {
                let (paths, keep) = (set(paths), set(keep));
                let expected = dead(&model, &paths, &keep);
                let deleted = database.delete_dead(&paths, &mut |path| keep.contains(path));
                assert_eq!(deleted.unwrap(), expected);
                model.retain(|path, _| !expected.contains(path));
            }
            Operation::Reopen => {
                if let Kind::Disk(_) = kind {
                    drop(database);
                    database = kind.open(&folder);
                }
            }
        }
        let mut infos = Vec::new();
        let each = &mut |info| {
            infos.push(info);
            Ok(())
        };
        database.for_each_path(each).unwrap();
        assert_eq!(infos, model.values().cloned().collect::<Vec<_>>());
    }
    for path in model.keys() {
        let expected: BTreeSet<_> = referrers(&model, path).cloned().collect();
        assert_eq!(database.referrers(path).unwrap(), expected);
        for direction in [Direction::References, Direction::Referrers] {
            let start = BTreeSet::from([path.clone()]);
            let found = database.closure(&start, direction).unwrap();
            assert_eq!(found, closure(&model, path, direction));
        }
    }
}

fn closure(model: &Model, path: &StorePath, direction: Direction) -> BTreeSet<StorePath> {
    let mut found = BTreeSet::from([path.clone()]);
    loop {
        let reached = |info: &&PathInfo| match direction {
            Direction::Referrers => info.references.iter().any(|path| found.contains(path)),
            Direction::References => referrers(model, &info.path).any(|path| found.contains(path)),
        };
        let more = model.values().filter(reached).map(|info| info.path.clone());
        let next: BTreeSet<_> = found.iter().cloned().chain(more).collect();
        if next == found {
            return found;
        }
        found = next;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(24) })]

    #[test]
    fn random_operations_agree_with_a_map(
        operations in proptest::collection::vec(arb_operation(), 1..12)
    ) {
        for kind in KINDS {
            check(*kind, &operations);
        }
    }
}
