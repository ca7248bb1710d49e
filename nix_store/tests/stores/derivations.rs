//! What stores demand of derivations.

use nix_core::{
    derivation::{Derivation, DerivationModulo, DerivationOutput, InputOutputs},
    hash::Sha256,
    path_info::PathInfo,
    store_path::{OutputName, StoreDir, StorePath},
};
use nix_store::store::{Error, ReadStore, WriteStore};

use crate::{
    Subject,
    fixture::{derivation, file, name, new_object, observe, put, put_derivation},
};

/// Returns a derivation that states another output path than follows from it.
fn claiming(taken: &StorePath) -> Derivation {
    let mut crafted = derivation("evil", &[("out", DerivationOutput::Deferred)]);
    let claim = DerivationOutput::InputAddressed(taken.clone());
    crafted.outputs.insert(OutputName::out(), claim);
    let text = StoreDir::default().print(taken);
    crafted.env.insert("out".into(), text.into());
    crafted
}

/// Returns what is known of a derivation, and its archive.
fn said_of(derivation: &Derivation) -> (PathInfo, Vec<u8>) {
    let dir = StoreDir::default();
    let nar = file(&derivation.to_aterm(&dir).unwrap(), false);
    let path = derivation.path(&dir).unwrap();
    let mut info = PathInfo::new(path, Sha256::of(&nar), nar.len() as u64);
    let inputs = &derivation.inputs;
    let references = inputs.sources.iter().chain(inputs.derivations.keys());
    info.references = references.cloned().collect();
    (info, nar)
}

fn out_path(derivation: &Derivation) -> StorePath {
    match &derivation.outputs[&OutputName::out()] {
        DerivationOutput::InputAddressed(path) => path.clone(),
        other => panic!("{other:?}"),
    }
}

/// A derivation that uses others.
fn using(text: &str, store: &impl ReadStore, inputs: &[&StorePath]) -> Derivation {
    let mut using = derivation(text, &[("out", DerivationOutput::Deferred)]);
    using.outputs = [(OutputName::out(), DerivationOutput::Deferred)].into();
    using.env.clear();
    let used = || InputOutputs {
        outputs: [OutputName::out()].into(),
        ..InputOutputs::default()
    };
    let inputs = inputs.iter().map(|path| ((*path).clone(), used()));
    using.inputs.derivations = inputs.collect();
    let known = using.inputs.derivations.keys();
    let known = known.map(|path| {
        let read = nix_store::store::read_derivation(store, path);
        (path.clone(), read.unwrap())
    });
    let known = known.collect::<std::collections::BTreeMap<_, _>>();
    let dir = StoreDir::default();
    let filled = using.fill_outputs(&mut DerivationModulo::new(&dir, &known));
    filled.unwrap().into_derivation()
}

pub(crate) fn a_claim_to_the_output_of_another_is_refused<T: Subject>() {
    let subject = T::new();
    let store = subject.store();
    let honest = derivation("honest", &[("out", DerivationOutput::Deferred)]);
    let drv = put_derivation(store, &honest);
    let taken = out_path(&honest);
    let before = observe(store);
    let crafted = claiming(&taken);
    let (info, nar) = said_of(&crafted);
    let object = new_object("evil.drv", "text:sha256", &[]);
    subject.place(&info.path, &nar);
    let refusals = [
        store.add_nar(&info, &mut &nar[..]).map(drop),
        store.add(&object, &mut &nar[..]).map(drop),
        store.register(std::slice::from_ref(&info)),
    ];
    for refused in refusals {
        let error = refused.unwrap_err();
        let Error::DerivationOutputs { path, source } = error else {
            panic!("{error:?}");
        };
        assert_eq!(path, info.path);
        let right = derivation("evil", &[("out", DerivationOutput::Deferred)]);
        let right = out_path(&right);
        let message = format!("the output out has the path {taken}, it should be {right}");
        assert_eq!(source.to_string(), message);
    }
    assert_eq!(observe(store), before);
    assert_eq!(store.valid_derivers(&taken).unwrap(), [drv].into());
}

pub(crate) fn a_derivation_lies_where_its_contents_say<T: Subject>() {
    let subject = T::new();
    let store = subject.store();
    let honest = derivation("honest", &[("out", DerivationOutput::Deferred)]);
    let other = derivation("other", &[("out", DerivationOutput::Deferred)]);
    let (mut info, nar) = said_of(&honest);
    let right = std::mem::replace(&mut info.path, said_of(&other).0.path);
    let error = store.add_nar(&info, &mut &nar[..]).unwrap_err();
    let is_named = matches!(&error, Error::DerivationPath { path, .. } if *path == info.path);
    assert!(is_named, "{error:?}");
    // What it refers to is part of its path.
    info.path = right;
    info.references = [put(store, "x", &[]).path].into();
    let error = store.add_nar(&info, &mut &nar[..]).unwrap_err();
    assert!(matches!(error, Error::DerivationPath { .. }), "{error:?}");
    info.references.clear();
    store.add_nar(&info, &mut &nar[..]).unwrap();
}

pub(crate) fn derivations_of_every_kind_are_taken<T: Subject>() {
    let subject = T::new();
    let store = subject.store();
    let fixed = "fixed:sha256:1b8m03r63zqhnjf7l5wnldhh7c134ap5vpj0850ymkq1iyzicy5s";
    let how = "fixed:r:sha256".parse().unwrap();
    let leaves = [
        ("addressed", DerivationOutput::Deferred),
        ("fixed", DerivationOutput::Fixed(fixed.parse().unwrap())),
        ("floating", DerivationOutput::Floating(how)),
        ("impure", DerivationOutput::Impure(how)),
    ];
    let leaves =
        leaves.map(|(name, output)| put_derivation(store, &derivation(name, &[("out", output)])));
    for (at, leaf) in leaves.iter().enumerate() {
        let above = using(&format!("above-{at}"), store, &[leaf]);
        let is_deferred = above.outputs[&OutputName::out()] == DerivationOutput::Deferred;
        assert_eq!(is_deferred, at > 1, "{leaf}");
        let (info, nar) = said_of(&above);
        store.add_nar(&info, &mut &nar[..]).unwrap();
        let dynamic = dynamic(leaf);
        let (info, nar) = said_of(&dynamic);
        store.add_nar(&info, &mut &nar[..]).unwrap();
    }
    // A path that cannot be known yet is none.
    let mut early = using("early", store, &[&leaves[2]]);
    let claim = put(store, "x", &[]).path;
    let text = StoreDir::default().print(&claim);
    early.env.insert("out".into(), text.into());
    early.outputs = [(OutputName::out(), DerivationOutput::InputAddressed(claim))].into();
    let (info, nar) = said_of(&early);
    let error = store.add_nar(&info, &mut &nar[..]).unwrap_err();
    assert!(
        matches!(error, Error::DerivationOutputs { .. }),
        "{error:?}"
    );
}

/// A derivation that uses an output of an output.
fn dynamic(drv: &StorePath) -> Derivation {
    let mut dynamic = derivation("dynamic", &[("out", DerivationOutput::Deferred)]);
    dynamic.outputs = [(OutputName::out(), DerivationOutput::Deferred)].into();
    dynamic.name = name("dynamic");
    let below = InputOutputs {
        outputs: [OutputName::out()].into(),
        ..InputOutputs::default()
    };
    let used = InputOutputs {
        dynamic: [(OutputName::out(), below)].into(),
        ..InputOutputs::default()
    };
    dynamic.inputs.derivations.insert(drv.clone(), used);
    dynamic
}

pub(crate) fn derivations_that_come_together_need_no_order<T: Subject>() {
    let subject = T::new();
    let store = subject.store();
    let other = T::new();
    let first = derivation("first", &[("out", DerivationOutput::Deferred)]);
    let first_path = put_derivation(other.store(), &first);
    let second = using("second", other.store(), &[&first_path]);
    let objects = [said_of(&second), said_of(&first)];
    for (info, nar) in &objects {
        subject.place(&info.path, nar);
    }
    let infos = objects.map(|(info, _)| info);
    let [second_info, _] = &infos;
    let error = store
        .register(std::slice::from_ref(second_info))
        .unwrap_err();
    assert!(
        matches!(error, Error::ReferenceNotValid { .. }),
        "{error:?}"
    );
    store.register(&infos).unwrap();
    let derivers = store.valid_derivers(&out_path(&second)).unwrap();
    assert_eq!(derivers, [second_info.path.clone()].into());
}
