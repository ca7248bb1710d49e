//! In which order a closure comes.

use std::collections::{BTreeMap, BTreeSet};

use nix_core::store_path::StorePath;
use nix_remote::peers::lookup::{Closure, ClosureError, ClosureLimits, Step};
use proptest::{collection::vec, prelude::*, sample::Index};

use crate::support::path;

const LIMITS: ClosureLimits = ClosureLimits {
    paths_max: 1000,
    resolves_max: 3,
    fetches_max: 2,
};

fn of(byte: u8) -> StorePath {
    path(byte, "foo")
}

fn set(bytes: &[u8]) -> BTreeSet<StorePath> {
    bytes.iter().map(|byte| of(*byte)).collect()
}

fn steps(closure: &mut Closure) -> Vec<Step> {
    std::iter::from_fn(|| closure.next_step().unwrap()).collect()
}

/// Resolves everything: what `missing` does not have is present.
fn resolve(closure: &mut Closure, missing: &BTreeMap<u8, Vec<u8>>) -> Vec<Step> {
    loop {
        let steps = steps(closure);
        let mut is_resolving = false;
        for step in &steps {
            if let Step::Resolve(path) = step {
                is_resolving = true;
                match missing.get(&path.digest()[0]) {
                    Some(references) => closure.missing(path, set(references)).unwrap(),
                    None => closure.present(path),
                }
            }
        }
        if !is_resolving {
            return steps;
        }
    }
}

#[test]
fn nothing_is_fetched_before_all_is_resolved() {
    let mut closure = Closure::new(set(&[1]), LIMITS).unwrap();
    assert_eq!(steps(&mut closure), [Step::Resolve(of(1))]);
    closure.missing(&of(1), set(&[1, 2, 3])).unwrap();
    assert_eq!(
        steps(&mut closure),
        [Step::Resolve(of(2)), Step::Resolve(of(3))]
    );
    closure.missing(&of(2), set(&[])).unwrap();
    assert_eq!(steps(&mut closure), []);
    closure.present(&of(3));
    assert_eq!(closure.missing_paths(), 2);
    assert_eq!(
        steps(&mut closure),
        [Step::Fetch(of(2)), Step::Fetch(of(1))]
    );
}

#[test]
fn an_object_is_added_once_its_references_are_though_it_came_before_them() {
    let missing = BTreeMap::from([(1, vec![1, 2]), (2, vec![])]);
    let mut closure = Closure::new(set(&[1]), LIMITS).unwrap();
    let fetches = resolve(&mut closure, &missing);
    assert_eq!(fetches, [Step::Fetch(of(2)), Step::Fetch(of(1))]);
    closure.fetched(&of(1));
    assert_eq!(steps(&mut closure), []);
    closure.fetched(&of(2));
    assert_eq!(steps(&mut closure), [Step::Add(of(2))]);
    closure.added(&of(2));
    assert_eq!(steps(&mut closure), [Step::Add(of(1))]);
    assert!(!closure.is_done());
    closure.added(&of(1));
    assert!(closure.is_done());
    assert_eq!(closure.added_paths().count(), 2);
}

#[test]
fn a_closure_that_cannot_be_had_as_a_whole_is_not_fetched_in_part() {
    let mut closure = Closure::new(set(&[1, 2, 3]), LIMITS).unwrap();
    assert_eq!(steps(&mut closure).len(), 3);
    closure.unresolved(&of(1));
    closure.unresolved(&of(2));
    closure.missing(&of(3), set(&[])).unwrap();
    let paths = set(&[1, 2]);
    assert_eq!(closure.next_step(), Err(ClosureError::Unresolved { paths }));
}

#[test]
fn announcements_that_refer_to_each_other_in_a_circle_are_refused() {
    let mut closure = Closure::new(set(&[1, 2]), LIMITS).unwrap();
    steps(&mut closure);
    closure.missing(&of(1), set(&[2])).unwrap();
    closure.missing(&of(2), set(&[1])).unwrap();
    assert!(matches!(closure.next_step(), Err(ClosureError::Cycle(_))));
}

#[test]
fn a_closure_without_an_end_is_refused() {
    let limits = ClosureLimits {
        paths_max: 3,
        ..LIMITS
    };
    let refused = Closure::new(set(&[1, 2, 3, 4]), limits);
    assert!(matches!(
        refused,
        Err(ClosureError::TooManyPaths { max: 3 })
    ));
    let mut closure = Closure::new(set(&[1]), limits).unwrap();
    steps(&mut closure);
    let refused = closure.missing(&of(1), set(&[2, 3, 4]));
    assert_eq!(refused, Err(ClosureError::TooManyPaths { max: 3 }));
}

#[test]
fn where_an_object_fails_those_that_need_it_are_given_up_and_no_others() {
    let missing = BTreeMap::from([(1, vec![2]), (2, vec![3]), (3, vec![]), (4, vec![])]);
    let mut closure = Closure::new(set(&[1, 4]), LIMITS).unwrap();
    let mut next = resolve(&mut closure, &missing);
    while !next.is_empty() {
        for step in next {
            match step {
                Step::Fetch(path) if path == of(3) => closure.failed(&path),
                Step::Fetch(path) => closure.fetched(&path),
                Step::Add(path) => closure.added(&path),
                Step::Resolve(path) => panic!("{path} is resolved twice"),
            }
        }
        next = steps(&mut closure);
    }
    assert!(closure.is_done());
    assert_eq!(
        closure.failed_paths().cloned().collect::<BTreeSet<_>>(),
        set(&[1, 2, 3])
    );
    assert_eq!(
        closure.added_paths().cloned().collect::<BTreeSet<_>>(),
        set(&[4])
    );
}

#[test]
fn an_object_that_the_store_refused_is_fetched_once_more_before_what_needs_it() {
    let missing = BTreeMap::from([(1, vec![2]), (2, vec![])]);
    let mut closure = Closure::new(set(&[1]), LIMITS).unwrap();
    resolve(&mut closure, &missing);
    for byte in [1, 2] {
        closure.fetched(&of(byte));
    }
    assert_eq!(steps(&mut closure), [Step::Add(of(2))]);
    closure.refused(&of(2));
    assert_eq!(steps(&mut closure), []);
    assert!(!closure.is_done());
    closure.fetched(&of(2));
    assert_eq!(steps(&mut closure), [Step::Add(of(2))]);
    closure.added(&of(2));
    assert_eq!(steps(&mut closure), [Step::Add(of(1))]);
    closure.added(&of(1));
    assert!(closure.is_done());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_object_is_added_once_after_its_references_whatever_comes_first(
        // An object refers to such as have a smaller number, so there is no circle.
        references in vec(vec(any::<Index>(), 0..4), 1..40),
        picks in vec(any::<Index>(), 200),
    ) {
        let missing: BTreeMap<u8, Vec<u8>> = (0_u8..)
            .zip(&references)
            .map(|(number, of)| {
                let below = usize::from(number).max(1);
                let of = of.iter().map(|one| u8::try_from(one.index(below)).unwrap());
                (number, if number == 0 { Vec::new() } else { of.collect() })
            })
            .collect();
        let all: Vec<u8> = missing.keys().copied().collect();
        let mut closure = Closure::new(set(&all), LIMITS).unwrap();
        let mut open = resolve(&mut closure, &missing);
        let mut added = BTreeSet::new();
        let mut picks = picks.iter().cycle();
        while !open.is_empty() {
            let in_flight = open.iter().filter(|step| matches!(step, Step::Fetch(_))).count();
            prop_assert!(in_flight <= LIMITS.fetches_max);
            let at = picks.next().unwrap().index(open.len());
            match open.swap_remove(at) {
                Step::Fetch(path) => closure.fetched(&path),
                Step::Add(path) => {
                    let number = path.digest()[0];
                    for reference in &missing[&number] {
                        prop_assert!(*reference == number || added.contains(reference));
                    }
                    prop_assert!(added.insert(number));
                    closure.added(&path);
                }
                Step::Resolve(_) => prop_assert!(false, "resolved twice"),
            }
            open.extend(steps(&mut closure));
        }
        prop_assert!(closure.is_done());
        prop_assert_eq!(added.len(), all.len());
    }
}
