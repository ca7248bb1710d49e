//! Changes in memory over a store that holds objects already.

use std::sync::Arc;

use nix_core::{
    derivation::DerivationOutput,
    hash::Sha256,
    realisation::{DrvOutput, LegacyDrvOutput, LegacyRealisation, Realisation},
    store_path::{OutputName, StoreDir, StorePath},
};
use nix_store::{
    memory::MemoryStore,
    read_only::ReadOnlyStore,
    store::{Added, AnyRealisation, Direction, Error, ReadStore, WriteStore, read_derivation},
};

use crate::fixture::{
    contents_of, derivation, info, known, observe, put, put_derivation, secret_key,
};

/// The objects of one store, each with those it refers to; the last two are derivations.
const OBJECTS: [(&str, &[usize]); 5] = [
    ("base", &[]),
    ("left", &[0]),
    ("right", &[0]),
    ("top", &[1, 2]),
    ("apart", &[]),
];

fn path_of(at: usize) -> StorePath {
    info(OBJECTS[at].0, b"", &[]).path
}

/// Adds those of the objects that are in a set, and a derivation where it has a sixth.
fn fill(store: &impl WriteStore, set: u8) {
    for (at, (name, references)) in OBJECTS.iter().enumerate() {
        if set & (1 << at) != 0 {
            let references: Vec<_> = references.iter().copied().map(path_of).collect();
            put(store, name, &references.iter().collect::<Vec<_>>());
        }
    }
    if set & (1 << OBJECTS.len()) != 0 {
        put_derivation(store, &floating());
        let [by_path, by_hash] = realisations(&path_of(4));
        store
            .register_realisation(&by_path)
            .expect("apart is there");
        store
            .register_realisation(&by_hash)
            .expect("apart is there");
    }
}

fn floating() -> nix_core::derivation::Derivation {
    let how = DerivationOutput::Floating("fixed:r:sha256".parse().unwrap());
    derivation("apart", &[("out", how)])
}

fn realisations(out_path: &StorePath) -> [AnyRealisation; 2] {
    let output_name = OutputName::out();
    let by_path = DrvOutput {
        drv_path: floating().path(&StoreDir::default()).unwrap(),
        output_name: output_name.clone(),
    };
    let by_hash = LegacyDrvOutput {
        drv_hash: Sha256::of(b"a"),
        output_name,
    };
    [
        AnyRealisation::Path(Realisation::new(by_path, out_path.clone())),
        AnyRealisation::Hash(LegacyRealisation::new(by_hash, out_path.clone())),
    ]
}

/// Returns whether everything that a member of the set needs is in it.
fn is_closed(set: u8) -> bool {
    let has = |at: usize| set & (1 << at) != 0;
    let objects = OBJECTS.iter().enumerate();
    let mut members = objects.filter(|(at, _)| has(*at));
    members.all(|(_, (_, references))| references.iter().all(|at| has(*at))) && (!has(5) || has(4))
}

const ALL: u8 = 0b11_1111;

fn lower(set: u8) -> MemoryStore {
    let lower = MemoryStore::new(StoreDir::default());
    fill(&lower, set);
    lower
}

#[test]
fn two_stores_answer_as_one_that_holds_everything() {
    let whole = lower(ALL);
    let expected = observe(&whole);
    let mut count = 0;
    for set in (0..=ALL).filter(|set| is_closed(*set)) {
        let store = ReadOnlyStore::new(lower(set));
        let below = observe(store.lower());
        fill(&store, ALL & !set);
        assert_eq!(observe(&store), expected, "{set:b}");
        for path in expected.keys() {
            let found = store.path_from_hash_part(path.hash_part()).unwrap();
            assert_eq!(found.as_ref(), Some(path));
            for direction in [Direction::References, Direction::Referrers] {
                let of = [path.clone()].into();
                let closure = store.closure(&of, direction).unwrap();
                assert_eq!(closure, whole.closure(&of, direction).unwrap());
            }
        }
        for realisation in realisations(&path_of(4)) {
            let found = store.realisation(&realisation.id()).unwrap();
            assert_eq!(found, Some(realisation));
        }
        let drv = floating().path(&StoreDir::default()).unwrap();
        let outputs = store.derivation_outputs(&drv).unwrap();
        assert_eq!(outputs[&OutputName::out()], Some(path_of(4)));
        assert_eq!(read_derivation(&store, &drv).unwrap(), floating());
        assert_eq!(observe(store.lower()), below, "{set:b}");
        count += 1;
    }
    assert_eq!(count, 18);
}

#[test]
fn what_lies_below_is_present_and_joined_above() {
    let store = ReadOnlyStore::new(lower(ALL));
    let below = observe(store.lower());
    let nar = contents_of("base");
    let mut signed = info("base", &nar, &[]);
    let dir = StoreDir::default();
    signed.sign(&dir, &secret_key("a-1")).unwrap();
    assert_eq!(
        store.add_nar(&signed, &mut &nar[..]).unwrap(),
        Added::Present
    );
    assert_eq!(known(&store, &signed.path), Some(signed.clone()));
    let mut more = info("base", &nar, &[]);
    more.sign(&dir, &secret_key("bb-1")).unwrap();
    store.add_signatures(&more.path, &more.signatures).unwrap();
    more.signatures.extend(signed.signatures);
    assert_eq!(known(&store, &more.path), Some(more.clone()));
    // What is signed below later is there too.
    let mut third = info("base", &nar, &[]);
    third.sign(&dir, &secret_key("ccc-1")).unwrap();
    assert_eq!(observe(store.lower()), below);
    store
        .lower()
        .add_signatures(&third.path, &third.signatures)
        .unwrap();
    more.signatures.extend(third.signatures);
    assert_eq!(known(&store, &more.path), Some(more.clone()));
    assert_eq!(more.signatures.len(), 3);

    let other = contents_of("other");
    let conflicting = info("base", &other, &[]);
    let error = store.add_nar(&conflicting, &mut &other[..]).unwrap_err();
    assert!(matches!(error, Error::Conflict { .. }), "{error:?}");
}

#[test]
fn what_lies_below_cannot_be_deleted() {
    let store = ReadOnlyStore::new(lower(0b00_0011));
    let upper = put(&store, "upper", &[&path_of(1)]).path;
    let before = observe(&store);
    for paths in [vec![path_of(1)], vec![upper.clone(), path_of(1)]] {
        let error = store.delete(&paths.into_iter().collect()).unwrap_err();
        assert!(matches!(error, Error::ReadOnly), "{error:?}");
        assert_eq!(observe(&store), before);
    }
    let deleted = store.delete(&[upper.clone()].into()).unwrap();
    assert_eq!(deleted.paths, [upper].into());
    assert_eq!(observe(&store), observe(store.lower()));
}

#[test]
fn realisations_may_not_contradict_those_below() {
    let store = ReadOnlyStore::new(lower(ALL));
    for (known, other) in realisations(&path_of(4))
        .into_iter()
        .zip(realisations(&path_of(0)))
    {
        let error = store.register_realisation(&other).unwrap_err();
        assert!(matches!(error, Error::Realisation(_)), "{error:?}");
        store.register_realisation(&known).unwrap();
        assert_eq!(store.realisation(&known.id()).unwrap(), Some(known));
    }
}

#[test]
fn any_pointer_to_a_store_is_a_store() {
    let whole = lower(ALL);
    let expected = observe(&whole);
    let dynamic: &dyn ReadStore = &whole;
    assert_eq!(observe(&ReadOnlyStore::new(dynamic)), expected);
    let boxed: Box<dyn ReadStore + Send + Sync> = Box::new(whole.clone());
    let store = ReadOnlyStore::new(boxed);
    std::thread::scope(|scope| {
        scope.spawn(|| assert_eq!(observe(&store), expected));
    });
    let counted: Arc<dyn WriteStore> = Arc::new(ReadOnlyStore::new(ReadOnlyStore::new(&whole)));
    assert_eq!(observe(&counted), expected);
    put(&counted, "new", &[&path_of(0)]);
    assert_eq!(observe(&*counted).len(), expected.len() + 1);
    assert_eq!(observe(&whole), expected);
}
