use std::{cell::Cell, collections::BTreeSet};

use nix_core::{
    derivation::{DerivationInputs, DerivationOutput, InputOutputs},
    store_path::{OutputName, StorePathName},
};

use super::*;

/// Derivations by their paths, and how often one was looked up.
#[derive(Default)]
struct Store {
    derivations: BTreeMap<StorePath, Derivation>,
    lookups: Cell<usize>,
}

impl DerivationLookup for Store {
    type Error = Error;

    fn derivation(&self, path: &StorePath) -> Result<Option<Cow<'_, Derivation>>> {
        self.lookups.set(self.lookups.get() + 1);
        Ok(self.derivations.get(path).map(Cow::Borrowed))
    }
}

/// Returns derivations that each use the one before.
fn chain(length: usize) -> Vec<(PathInfo, Derivation)> {
    let (dir, known) = (StoreDir::default(), BTreeMap::new());
    let mut memo = ModuloMemo::default();
    let (mut made, mut known) = (Vec::new(), known);
    for number in 0..length {
        let mut derivation = Derivation {
            name: StorePathName::new(&format!("link-{number}")).unwrap(),
            outputs: [(OutputName::out(), DerivationOutput::Deferred)].into(),
            inputs: DerivationInputs::default(),
            system: "x86_64-linux".into(),
            builder: "/bin/sh".into(),
            args: Vec::new(),
            env: BTreeMap::new(),
        };
        if let Some((before, _)) = made.last() {
            let before: &PathInfo = before;
            let used = InputOutputs {
                outputs: BTreeSet::from([OutputName::out()]),
                ..InputOutputs::default()
            };
            derivation
                .inputs
                .derivations
                .insert(before.path.clone(), used);
        }
        let mut modulo = DerivationModulo::resume(&dir, &known, memo);
        let derivation = derivation
            .fill_outputs(&mut modulo)
            .unwrap()
            .into_derivation();
        memo = modulo.into_memo();
        let path = derivation.path(&dir).unwrap();
        let mut info = PathInfo::new(path.clone(), Sha256::of(b""), 1);
        info.references = derivation.inputs.derivations.keys().cloned().collect();
        known.insert(path, derivation.clone());
        made.push((info, derivation));
    }
    made
}

#[test]
fn a_chain_that_comes_one_by_one_is_looked_up_once() {
    const LENGTH: usize = 2000;
    let (checks, mut store) = (DerivationChecks::default(), Store::default());
    for (info, derivation) in chain(LENGTH) {
        let new = [(&info, &derivation)];
        let dir = StoreDir::default();
        checks.check(&dir, new.into_iter(), &store).unwrap();
        store.derivations.insert(info.path, derivation);
    }
    assert_eq!(store.lookups.get(), LENGTH - 1);
}

#[test]
fn what_comes_together_is_not_looked_up() {
    let (checks, store) = (DerivationChecks::default(), Store::default());
    let chain = chain(50);
    let new = chain.iter().rev().map(|(info, said)| (info, said));
    checks.check(&StoreDir::default(), new, &store).unwrap();
    assert_eq!(store.lookups.get(), 0);
}

#[test]
fn what_was_refused_is_refused_again() {
    let (checks, store) = (DerivationChecks::default(), Store::default());
    let dir = StoreDir::default();
    let mut chain = chain(2);
    let (first, second) = chain.split_at_mut(1);
    let [(info, wrong)] = first else { panic!() };
    let out = OutputName::out();
    let taken = second[0].1.outputs[&out].clone();
    wrong.outputs.insert(out, taken);
    info.path = wrong.path(&dir).unwrap();
    for _ in 0..2 {
        let new = [(&*info, &*wrong)];
        let error = checks.check(&dir, new.into_iter(), &store).unwrap_err();
        assert!(matches!(error, Error::DerivationOutputs { path, .. } if path == info.path));
    }
}
