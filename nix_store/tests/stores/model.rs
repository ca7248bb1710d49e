//! Random operations on a store and on a map.

use std::collections::{BTreeMap, BTreeSet};

use nix_core::{
    graph::PathGraph,
    path_info::PathInfo,
    realisation::{DrvOutput, Realisation},
    store_path::{OutputName, StoreDir, StorePath},
};
use nix_store::store::{Added, AnyRealisation, Direction, ReadStore, WriteStore};
use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, TestRunner},
};

use crate::{
    Subject,
    fixture::{file, info, known, path, secret_key},
};

const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
const KEYS: [&str; 2] = ["a-1", "bb-1"];

/// One of [`NAMES`] with a set of them that it refers to, and one of two contents.
#[derive(Debug, Clone)]
struct Object {
    at: usize,
    references: u8,
    second: bool,
}

#[derive(Debug, Clone)]
enum Op {
    Add(Object),
    Register(Vec<Object>),
    Delete(u8),
    Sign(usize, usize),
    Realise(usize, usize),
}

fn arb_object() -> impl Strategy<Value = Object> {
    // Few references, so that much becomes valid.
    let references = (0_u8..64, 0_u8..64).prop_map(|(one, other)| one & other);
    (0..6_usize, references, proptest::bool::weighted(0.1)).prop_map(|(at, references, second)| {
        Object {
            at,
            references,
            second,
        }
    })
}

fn arb_op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => arb_object().prop_map(Op::Add),
        4 => vec(arb_object(), 0..5).prop_map(|mut objects| {
            let mut seen = BTreeSet::new();
            objects.retain(|object| seen.insert(object.at));
            Op::Register(objects)
        }),
        3 => (0_u8..64).prop_map(Op::Delete),
        1 => (0..6_usize, 0..2_usize).prop_map(|(at, key)| Op::Sign(at, key)),
        1 => (0..2_usize, 0..6_usize).prop_map(|(of, at)| Op::Realise(of, at)),
    ]
}

fn path_of(at: usize) -> StorePath {
    info(NAMES[at], b"", &[]).path
}

fn paths_of(set: u8) -> BTreeSet<StorePath> {
    let members = (0..6).filter(|at| set & (1 << at) != 0);
    members.map(path_of).collect()
}

impl Object {
    fn nar(&self) -> Vec<u8> {
        file(
            format!("{} {}", NAMES[self.at], self.second).as_bytes(),
            false,
        )
    }

    fn info(&self) -> PathInfo {
        let mut info = info(NAMES[self.at], &self.nar(), &[]);
        info.references = paths_of(self.references);
        info
    }
}

/// Returns a realisation of one of two outputs.
fn realisation(of: usize, out_path: StorePath) -> AnyRealisation {
    let key = DrvOutput {
        drv_path: path("g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-a.drv"),
        output_name: OutputName::new(NAMES[of]).unwrap(),
    };
    AnyRealisation::Path(Realisation::new(key, out_path))
}

/// What a store should know.
#[derive(Default, Clone)]
struct Model {
    infos: BTreeMap<StorePath, PathInfo>,
    realisations: BTreeMap<usize, StorePath>,
}

impl Model {
    /// Registers objects in this state, or returns nothing where they do not fit.
    fn registered(&self, objects: &[Object]) -> Option<Self> {
        let mut after = self.clone();
        let mut new = Vec::new();
        for info in objects.iter().map(Object::info) {
            match self.infos.get(&info.path) {
                Some(known) if known.nar_hash != info.nar_hash => return None,
                Some(_) => {}
                None => {
                    after.infos.insert(info.path.clone(), info.clone());
                    new.push((info.path, info.references));
                }
            }
        }
        let references = new.iter().flat_map(|(_, references)| references);
        if !references
            .clone()
            .all(|path| after.infos.contains_key(path))
        {
            return None;
        }
        PathGraph::new(new).unwrap().topological_order().ok()?;
        Some(after)
    }

    fn referrers(&self, path: &StorePath) -> BTreeSet<StorePath> {
        let all = self.infos.values();
        let referrers = all.filter(|info| info.references.contains(path));
        referrers.map(|info| info.path.clone()).collect()
    }

    fn closure(&self, path: &StorePath, direction: Direction) -> BTreeSet<StorePath> {
        let mut closure = BTreeSet::from([path.clone()]);
        loop {
            let next = closure.iter().flat_map(|path| match direction {
                Direction::References => self.infos[path].references.clone(),
                Direction::Referrers => self.referrers(path),
            });
            let next: BTreeSet<_> = next.collect();
            let size = closure.len();
            closure.extend(next);
            if closure.len() == size {
                return closure;
            }
        }
    }
}

fn apply<T: Subject>(subject: &T, model: &mut Model, op: &Op) {
    let store = subject.store();
    match op {
        Op::Add(object) => {
            let info = object.info();
            let was_valid = model.infos.contains_key(&info.path);
            let added = store.add_nar(&info, &mut &object.nar()[..]).ok();
            let after = model.registered(std::slice::from_ref(object));
            let known = if was_valid {
                Added::Present
            } else {
                Added::New
            };
            let expected = after.as_ref().map(|_| known);
            assert_eq!(added, expected);
            *model = after.unwrap_or_else(|| model.clone());
        }
        Op::Register(objects) => {
            for object in objects {
                if !model.infos.contains_key(&path_of(object.at)) {
                    subject.place(&path_of(object.at), &object.nar());
                }
            }
            let infos: Vec<_> = objects.iter().map(Object::info).collect();
            let registered = store.register(&infos);
            let after = model.registered(objects);
            assert_eq!(registered.is_ok(), after.is_some(), "{registered:?}");
            *model = after.unwrap_or_else(|| model.clone());
        }
        Op::Delete(set) => {
            let paths = paths_of(*set);
            let deleted = store.delete(&paths).ok().map(|deleted| deleted.paths);
            let stay = |path| !model.referrers(path).is_subset(&paths);
            if paths.iter().any(stay) {
                assert_eq!(deleted, None);
                return;
            }
            let valid = paths.iter().filter(|&path| model.infos.contains_key(path));
            assert_eq!(deleted, Some(valid.cloned().collect()));
            model.infos.retain(|path, _| !paths.contains(path));
            model
                .realisations
                .retain(|_, out_path| !paths.contains(out_path));
        }
        Op::Sign(at, key) => {
            let mut signed = info(NAMES[*at], b"signed", &[]);
            let dir = StoreDir::default();
            signed.sign(&dir, &secret_key(KEYS[*key])).unwrap();
            let result = store.add_signatures(&signed.path, &signed.signatures);
            let known = model.infos.get_mut(&signed.path);
            assert_eq!(result.is_ok(), known.is_some());
            if let Some(info) = known {
                info.signatures.extend(signed.signatures);
            }
        }
        Op::Realise(of, at) => {
            let out_path = path_of(*at);
            let result = store.register_realisation(&realisation(*of, out_path.clone()));
            let is_other = |known: &StorePath| *known != out_path;
            let is_refused = !model.infos.contains_key(&out_path)
                || model.realisations.get(of).is_some_and(is_other);
            assert_eq!(result.is_err(), is_refused);
            if !is_refused {
                model.realisations.insert(*of, out_path);
            }
        }
    }
}

fn compare(store: &impl ReadStore, model: &Model) {
    let valid: BTreeSet<_> = model.infos.keys().cloned().collect();
    assert_eq!(store.valid_paths().unwrap(), valid);
    for path in (0..6).map(path_of) {
        let info = model.infos.get(&path);
        assert_eq!(known(store, &path).as_ref(), info);
        assert_eq!(store.is_valid(&path).unwrap(), info.is_some());
        let found = store.path_from_hash_part(path.hash_part()).unwrap();
        assert_eq!(found.as_ref(), info.map(|info| &info.path));
        assert_eq!(store.referrers(&path).unwrap(), model.referrers(&path));
        for direction in [Direction::References, Direction::Referrers] {
            let closure = store.closure(&[path.clone()].into(), direction).ok();
            let expected = info.map(|_| model.closure(&path, direction));
            assert_eq!(closure, expected);
        }
        let mut nar = Vec::new();
        let size = store.write_nar(&path, &mut nar).ok();
        assert_eq!(size, info.map(|info| info.nar_size));
    }
    for of in 0..2 {
        let out_path = model.realisations.get(&of);
        let expected = out_path.map(|out_path| realisation(of, out_path.clone()));
        let id = realisation(of, path_of(0)).id();
        assert_eq!(store.realisation(&id).unwrap(), expected);
    }
}

pub(crate) fn random_operations_agree_with_the_model<T: Subject>() {
    let config = Config {
        cases: T::MODEL_CASES,
        failure_persistence: None,
        ..Config::default()
    };
    let run = |ops: Vec<Op>| {
        let subject = T::new();
        let mut model = Model::default();
        for op in &ops {
            apply(&subject, &mut model, op);
            compare(subject.store(), &model);
        }
        Ok(())
    };
    let result = TestRunner::new(config).run(&vec(arb_op(), 0..40), run);
    result.unwrap_or_else(|error| panic!("{error}"));
}
