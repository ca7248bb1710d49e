use alloc::{format, vec, vec::Vec};

use core::convert::Infallible;

use crate::store_path::{StoreDir, StorePathName};

use super::*;

type Result<T> = core::result::Result<T, CheckError<Infallible>>;

fn read(text: &str) -> Derivation {
    let name = StorePathName::new("x").expect("a name");
    Derivation::parse_aterm(&StoreDir::default(), name, text.as_bytes()).expect(text)
}

fn fill(derivation: Derivation) -> Result<CheckedDerivation> {
    let others = BTreeMap::new();
    derivation.fill_outputs(&mut DerivationModulo::new(&StoreDir::default(), &others))
}

fn check(derivation: Derivation) -> Result<CheckedDerivation> {
    let others = BTreeMap::new();
    derivation.check(&mut DerivationModulo::new(&StoreDir::default(), &others))
}

fn path(base_name: &str) -> StorePath {
    StorePath::from_base_name(base_name).expect("a store path")
}

fn unfilled() -> Derivation {
    read(r#"Derive([("dev","","",""),("out","","","")],[],[],"s","b",[],[("dev",""),("out","")])"#)
}

#[test]
fn what_is_filled_in_passes_the_check_and_stays_the_same() {
    let filled = fill(unfilled()).expect("outputs that can be filled in");
    for (name, path) in filled.output_paths() {
        let output = DerivationOutput::InputAddressed(path.clone());
        assert_eq!(filled.outputs[name], output);
        let value = StoreDir::default().print(path);
        assert_eq!(filled.env[name.as_str().as_bytes()], value.as_str());
    }
    assert_eq!(filled.output_paths().len(), 2);
    let derivation = filled.clone().into_derivation();
    assert_eq!(check(derivation.clone()), Ok(filled.clone()));
    assert_eq!(fill(derivation), Ok(filled));
}

#[test]
fn a_missing_variable_counts_as_an_empty_one() {
    let mut derivation = unfilled();
    derivation.env.clear();
    assert_eq!(fill(derivation), fill(unfilled()));
}

#[test]
fn fixed_outputs_get_their_variable() {
    let mut derivation = unfilled();
    let address = "fixed:sha256:1b8m03r63zqhnjf7l5wnldhh7c134ap5vpj0850ymkq1iyzicy5s";
    let address = address.parse().expect("a content address");
    let out = OutputName::out();
    derivation.outputs = BTreeMap::from([(out.clone(), DerivationOutput::Fixed(address))]);
    let expected = path("wg5dqh07jh5lgg9nvzq5skm9i3qkhl00-x");
    let found = Some(ByteString::default());
    let refused = CheckError::Variable {
        output: out.clone(),
        found,
        expected: expected.clone(),
    };
    assert_eq!(check(derivation.clone()), Err(refused));
    let mut without = derivation.clone();
    without.env.clear();
    let refused = CheckError::Variable {
        output: out.clone(),
        found: None,
        expected: expected.clone(),
    };
    assert_eq!(check(without.clone()), Err(refused));
    assert!(fill(without).is_ok());
    let filled = fill(derivation).expect("a fixed output");
    assert_eq!(
        filled.output_paths(),
        &BTreeMap::from([(out, expected.clone())])
    );
    assert_eq!(
        filled.env[b"out".as_slice()],
        *StoreDir::default().print(&expected)
    );
}

#[test]
fn what_is_filled_in_lies_in_the_store_directory() {
    let (gnu, others) = (
        StoreDir::new("/gnu").expect("a store directory"),
        BTreeMap::new(),
    );
    let filled = unfilled().fill_outputs(&mut DerivationModulo::new(&gnu, &others));
    let filled = filled.expect("outputs that can be filled in");
    for (name, path) in filled.output_paths() {
        assert_eq!(filled.env[name.as_str().as_bytes()], *gnu.print(path));
    }
}

#[test]
fn a_memo_holds_the_hash_of_each_input_that_was_seen() {
    use super::super::ModuloMemo;

    let input = fill(unfilled()).expect("outputs that can be filled in");
    let drv_path = path("g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-x.drv");
    let others = BTreeMap::from([(drv_path.clone(), input.into_derivation())]);
    let dir = StoreDir::default();
    let mut modulo = DerivationModulo::new(&dir, &others);
    let first = modulo.input(&drv_path);
    let memo = modulo.into_memo();
    assert_eq!((memo.len(), memo.is_empty()), (1, false));
    // That by the rule of older versions is another.
    let mut modulo = DerivationModulo::resume(&dir, &others, memo);
    let mut above = unfilled();
    let used = InputOutputs {
        outputs: [OutputName::out()].into(),
        ..InputOutputs::default()
    };
    above.inputs.derivations.insert(drv_path.clone(), used);
    assert!(modulo.realisation_hash(&above).is_ok());
    let memo = modulo.into_memo();
    assert_eq!(memo.len(), 2);
    let none = BTreeMap::new();
    assert_eq!(
        DerivationModulo::resume(&dir, &none, memo).input(&drv_path),
        first
    );
    assert!(ModuloMemo::default().is_empty());
}

#[test]
fn floating_and_impure_outputs_are_left_alone() {
    for hash in ["", "impure"] {
        let text = format!(r#"Derive([("out","","r:sha256","{hash}")],[],[],"s","b",[],[])"#);
        let filled = fill(read(&text)).expect("nothing to fill in");
        assert_eq!(*filled, read(&text));
        assert!(filled.output_paths().is_empty());
        assert_eq!(check(read(&text)), Ok(filled));
    }
}

#[test]
fn wrong_and_missing_paths_and_variables_are_refused() {
    let filled = fill(unfilled()).expect("outputs that can be filled in");
    let (out, dev) = (OutputName::out(), OutputName::new("dev").expect("a name"));
    let wrong = path("g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-wrong");
    let expected = filled.output_paths()[&out].clone();

    let mut derivation = filled.clone().into_derivation();
    derivation
        .outputs
        .insert(out.clone(), DerivationOutput::InputAddressed(wrong.clone()));
    let refused = CheckError::OutputPath {
        output: out.clone(),
        found: wrong.clone(),
        expected: expected.clone(),
    };
    assert_eq!(check(derivation.clone()), Err(refused.clone()));
    assert_eq!(fill(derivation), Err(refused));

    let mut derivation = filled.clone().into_derivation();
    derivation.outputs.retain(|name, _| *name == out);
    let same_paths = check(derivation).expect_err("the outputs are part of the hash");
    assert!(
        matches!(same_paths, CheckError::OutputPath { .. }),
        "{same_paths:?}"
    );

    let not_filled = CheckError::NotFilled {
        output: dev.clone(),
        expected: filled.output_paths()[&dev].clone(),
    };
    assert_eq!(check(unfilled()), Err(not_filled));

    for found in [
        Some(ByteString::from("/nix/store")),
        Some(ByteString::default()),
        None,
    ] {
        let mut derivation = filled.clone().into_derivation();
        match found.clone() {
            Some(value) => drop(derivation.env.insert("out".into(), value)),
            None => drop(derivation.env.remove(b"out".as_slice())),
        }
        // The variable is part of what is hashed only by being there.
        if found.is_none() {
            assert!(matches!(
                check(derivation),
                Err(CheckError::OutputPath { .. })
            ));
            continue;
        }
        let refused = CheckError::Variable {
            output: out.clone(),
            found,
            expected: expected.clone(),
        };
        assert_eq!(check(derivation), Err(refused));
    }
    let mut derivation = unfilled();
    derivation.env.insert("out".into(), "/nix/store".into());
    assert!(matches!(fill(derivation), Err(CheckError::Variable { .. })));
}

#[test]
fn outputs_of_different_kinds_are_refused() {
    let text = r#"Derive([("a","","",""),("out","","sha256","")],[],[],"s","b",[],[])"#;
    let own = UnhashableError::Type(super::super::DerivationTypeError::Mixed);
    assert_eq!(
        fill(read(text)),
        Err(CheckError::Modulo(ModuloError::Own(own.clone())))
    );
    assert_eq!(
        check(read(text)),
        Err(CheckError::Modulo(ModuloError::Own(own)))
    );
}

#[test]
fn outputs_share_their_kind_and_floating_ones_their_algorithm() {
    use super::super::{DerivationType as Type, DerivationTypeError as Error};

    let fixed = "fixed:sha256:1b8m03r63zqhnjf7l5wnldhh7c134ap5vpj0850ymkq1iyzicy5s";
    let fixed = || DerivationOutput::Fixed(fixed.parse().expect("a content address"));
    let drv = |outputs: Vec<(&str, DerivationOutput)>| {
        let name = |text| OutputName::new(text).expect("a name");
        let outputs = outputs
            .into_iter()
            .map(|(text, output)| (name(text), output));
        Derivation {
            outputs: outputs.collect(),
            ..unfilled()
        }
        .derivation_type()
    };
    let parsed = |a: &str, b: &str| {
        read(&format!(
            r#"Derive([("a","",{a}),("b","",{b})],[],[],"s","b",[],[])"#
        ))
        .derivation_type()
    };
    let (md5, sha1) = (r#""r:md5","""#, r#""sha1","""#);
    assert_eq!(parsed(sha1, r#""r:sha1","""#), Ok(Type::Floating));
    assert_eq!(parsed(md5, sha1), Err(Error::Algorithms));
    assert_eq!(
        parsed(r#""r:md5","impure""#, r#""sha1","impure""#),
        Ok(Type::Impure)
    );
    assert_eq!(parsed(r#""r:md5","impure""#, md5), Err(Error::Mixed));
    assert_eq!(drv(vec![]), Err(Error::NoOutputs));
    assert_eq!(drv(vec![("out", fixed())]), Ok(Type::Fixed));
    assert_eq!(drv(vec![("dev", fixed())]), Err(Error::FixedName));
    assert_eq!(
        drv(vec![("dev", fixed()), ("out", fixed())]),
        Err(Error::SeveralFixed)
    );
}

#[test]
fn a_path_that_cannot_be_known_before_the_build_is_refused() {
    let input = read(r#"Derive([("out","","r:sha256","")],[],[],"s","b",[],[])"#);
    let drv_path = path("g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-x.drv");
    let mut derivation = unfilled();
    let used = InputOutputs {
        outputs: [OutputName::out()].into(),
        ..InputOutputs::default()
    };
    derivation.inputs.derivations.insert(drv_path.clone(), used);
    let others = BTreeMap::from([(drv_path, input)]);
    let dir = StoreDir::default();
    let checked = derivation
        .clone()
        .check(&mut DerivationModulo::new(&dir, &others));
    assert!(checked.is_ok(), "{checked:?}");

    let (output, found) = (
        OutputName::out(),
        path("g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-x"),
    );
    let known = DerivationOutput::InputAddressed(found.clone());
    derivation.outputs = BTreeMap::from([(output.clone(), known)]);
    let checked = derivation.check(&mut DerivationModulo::new(&dir, &others));
    assert_eq!(checked, Err(CheckError::NotDeferred { output, found }));
}

#[test]
fn what_could_not_be_read_back_is_refused() {
    for system in ["a\"b", "a\\b"] {
        let mut derivation = unfilled();
        derivation.system = system.into();
        assert_eq!(fill(derivation.clone()), Err(CheckError::System));
        assert_eq!(check(derivation), Err(CheckError::System));
    }
    let path = path("g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-x.drv");
    let mut derivation = read(r#"Derive([("out","","r:sha256","")],[],[],"s","b",[],[])"#);
    derivation
        .inputs
        .derivations
        .insert(path.clone(), InputOutputs::default());
    assert_eq!(
        check(derivation.clone()),
        Err(CheckError::NoOutputsUsed { path: path.clone() })
    );

    let mut used = InputOutputs {
        outputs: [OutputName::out()].into(),
        dynamic: BTreeMap::new(),
    };
    for depth in 0..=DYNAMIC_DEPTH_MAX {
        derivation
            .inputs
            .derivations
            .insert(path.clone(), used.clone());
        assert!(check(derivation.clone()).is_ok(), "{depth}");
        let dynamic = BTreeMap::from([(OutputName::out(), used)]);
        used = InputOutputs {
            outputs: [].into(),
            dynamic,
        };
    }
    derivation.inputs.derivations.insert(path.clone(), used);
    assert_eq!(check(derivation), Err(CheckError::TooDeep { path }));
}

#[test]
fn an_output_name_too_long_for_its_path_is_refused() {
    let mut derivation = unfilled();
    let name = "n".repeat(208);
    derivation.name = StorePathName::new(&name).expect("a name");
    let refused = fill(derivation).expect_err("209 bytes and a dash are too many");
    assert!(
        matches!(refused, CheckError::Modulo(ModuloError::Own(_))),
        "{refused:?}"
    );
}
