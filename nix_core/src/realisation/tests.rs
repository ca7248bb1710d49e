use alloc::{format, string::ToString};

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{hash::Sha256, signature::SecretKey, store_path::OutputName};

const FORMS: [SignatureForm; 2] = [SignatureForm::Text, SignatureForm::Structured];
const DRV: &str = "1w1fff338fvdw53sqgamddn1b2xgds47-own.drv";
const OUT: &str = "1w1fff338fvdw53sqgamddn1b2xgds47-own";
const HASH: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn secret(name: &str) -> SecretKey {
    SecretKey::from_seed(name.parse().unwrap(), &[7; 32])
}

fn trusted() -> TrustedKeys {
    secret("k").public_key().to_string().parse().unwrap()
}

fn realisation() -> Realisation {
    let key = format!("{DRV}^out").parse().unwrap();
    Realisation::new(key, OUT.parse().unwrap())
}

fn legacy() -> LegacyRealisation {
    let id = format!("{HASH}!out").parse().unwrap();
    LegacyRealisation::new(id, OUT.parse().unwrap())
}

#[test]
fn a_fingerprint_is_the_compact_json_without_the_signatures() {
    let mut realisation = realisation();
    realisation.sign(&secret("k"));
    let mut legacy = legacy();
    let dependencies = [Sha256([255; 32]), Sha256([0x10; 32])].map(|drv_hash| {
        let output_name = OutputName::out();
        (
            LegacyDrvOutput {
                drv_hash,
                output_name,
            },
            OUT.parse().unwrap(),
        )
    });
    legacy.dependent_realisations = dependencies.into();
    legacy.sign(&secret("k"));

    let mut json = realisation.to_json(SignatureForm::Text);
    json["value"].as_object_mut().unwrap().remove("signatures");
    assert_eq!(realisation.fingerprint(), json.to_string());
    let mut json = legacy.to_json(SignatureForm::Text);
    json.as_object_mut().unwrap().remove("signatures");
    assert_eq!(legacy.fingerprint(), json.to_string());
}

#[test]
fn a_signature_is_over_the_output_and_the_path() {
    let keys = trusted();
    let mut signed = realisation();
    assert!(signed.sign(&secret("k")));
    assert!(!signed.sign(&secret("k")));
    assert!(signed.check_signatures(&keys).is_trusted(1));
    let changes: [fn(&mut Realisation); 3] = [
        |r| r.key.drv_path = OUT.parse().unwrap(),
        |r| r.key.output_name = OutputName::new("dev").unwrap(),
        |r| r.value.out_path = DRV.parse().unwrap(),
    ];
    for change in changes {
        let mut changed = signed.clone();
        change(&mut changed);
        assert!(
            !changed.check_signatures(&keys).is_trusted(1),
            "{changed:?}"
        );
    }
}

#[test]
fn a_legacy_signature_is_over_the_output_the_path_and_the_dependencies() {
    let keys = trusted();
    let mut signed = legacy();
    assert!(signed.sign(&secret("k")));
    assert!(signed.check_signatures(&keys).is_trusted(1));
    let changes: [fn(&mut LegacyRealisation); 4] = [
        |r| r.id.drv_hash.0[0] ^= 1,
        |r| r.id.output_name = OutputName::new("dev").unwrap(),
        |r| r.out_path = DRV.parse().unwrap(),
        |r| {
            drop(
                r.dependent_realisations
                    .insert(r.id.clone(), r.out_path.clone()),
            )
        },
    ];
    for change in changes {
        let mut changed = signed.clone();
        change(&mut changed);
        assert!(
            !changed.check_signatures(&keys).is_trusted(1),
            "{changed:?}"
        );
    }
}

#[test]
fn the_same_path_twice_is_the_union_of_the_signatures() {
    let signed = |name| {
        let mut one = realisation();
        one.sign(&secret(name));
        one
    };
    let mut both = signed("j");
    both.merge(signed("k")).unwrap();
    assert_eq!(both.value.signatures.len(), 2);
    let mut trace = BuildTrace::default();
    for name in ["j", "k", "j"] {
        trace.insert(signed(name)).unwrap();
    }
    assert_eq!((trace.len(), trace.get(&both.key)), (1, Some(&both.value)));

    let mut old = legacy();
    let mut other = legacy();
    old.sign(&secret("j"));
    other.sign(&secret("k"));
    old.merge(other).unwrap();
    assert_eq!(old.signatures.len(), 2);
}

#[test]
fn a_build_trace_answers_for_the_outputs_that_it_knows() {
    let mut trace = BuildTrace::default();
    assert_eq!((trace.len(), trace.is_empty()), (0, true));
    trace.insert(realisation()).unwrap();
    trace.insert(realisation()).unwrap();
    assert_eq!((trace.len(), trace.is_empty()), (1, false));
    let mut other = realisation();
    other.key.output_name = OutputName::new("lib").unwrap();
    trace.insert(other).unwrap();
    assert_eq!(trace.len(), 2);
    let ask = |drv: &str, output: &str| {
        let (drv, output) = (drv.parse().unwrap(), OutputName::new(output).unwrap());
        crate::derivation::BuildTrace::output_path(&trace, &drv, &output).unwrap()
    };
    assert_eq!(ask(DRV, "out"), Some(OUT.parse().unwrap()));
    assert_eq!(ask(DRV, "dev"), None);
    assert_eq!(ask(OUT, "out"), None);
}

#[test]
fn two_paths_for_one_output_are_a_conflict_that_changes_nothing() {
    let ours = realisation();
    let mut theirs = ours.clone();
    theirs.value.out_path = DRV.parse().unwrap();
    theirs.sign(&secret("k"));
    let path = |output: String| MergeError::Path {
        output,
        ours: OUT.parse().unwrap(),
        theirs: DRV.parse().unwrap(),
    };
    let mut merged = ours.clone();
    assert_eq!(
        merged.merge(theirs.clone()),
        Err(path(ours.key.to_string()))
    );
    assert_eq!(merged, ours);
    let mut trace = BuildTrace::default();
    trace.insert(ours.clone()).unwrap();
    assert_eq!(trace.insert(theirs), Err(path(ours.key.to_string())));
    assert_eq!(trace.get(&ours.key), Some(&ours.value));

    let mut elsewhere = ours.clone();
    elsewhere.key.output_name = OutputName::new("dev").unwrap();
    assert!(matches!(
        merged.merge(elsewhere),
        Err(MergeError::Output { .. })
    ));

    let mut old = legacy();
    let mut other = legacy();
    other.out_path = DRV.parse().unwrap();
    assert_eq!(old.merge(other), Err(path(old.id.to_string())));
    let mut other = legacy();
    let dependency = (old.id.clone(), old.out_path.clone());
    other
        .dependent_realisations
        .insert(dependency.0, dependency.1);
    let output = old.id.to_string();
    assert_eq!(old.merge(other), Err(MergeError::Dependencies { output }));
    assert_eq!(old, legacy());
}

#[test]
fn texts_that_name_no_output_say_why() {
    let new = |text: &str| text.parse::<DrvOutput>().unwrap_err();
    assert_eq!(new(DRV), DrvOutputError::NoMark('^'));
    assert_eq!(new(&format!("{DRV}!out")), DrvOutputError::NoMark('^'));
    for text in [
        format!("/nix/store/{DRV}^out"),
        format!("{DRV}^a^out"),
        "^out".into(),
    ] {
        assert!(matches!(new(&text), DrvOutputError::Path(_)), "{text}");
    }
    for text in [format!("{DRV}^"), format!("{DRV}^a b"), format!("{DRV}^*")] {
        assert!(matches!(new(&text), DrvOutputError::Name(_)), "{text}");
    }
    let old = |text: &str| text.parse::<LegacyDrvOutput>().unwrap_err();
    assert_eq!(old(HASH), DrvOutputError::NoMark('!'));
    let sha1 = "sha1:0000000000000000000000000000000000000000!out";
    for text in [sha1, "!out", &HASH.replace("sha256:", "!out")] {
        assert!(matches!(old(text), DrvOutputError::Hash(_)), "{text}");
    }
    assert!(matches!(old(&format!("{HASH}!")), DrvOutputError::Name(_)));
}

#[test]
fn caches_have_realisations_under_these_names() {
    let new = realisation().key.cache_file();
    assert_eq!(new, format!("build-trace-v2/{DRV}/out.doi"));
    assert_eq!(
        legacy().id.cache_file(),
        format!("realisations/{HASH}!out.doi")
    );
}

#[test]
fn json_that_is_no_realisation_says_where() {
    let good = realisation().to_json(SignatureForm::Structured);
    for (pointer, value, path) in [
        ("/key", json!(null), ".key.drvPath"),
        (
            "/key/drvPath",
            json!(format!("/nix/store/{DRV}")),
            ".key.drvPath",
        ),
        ("/key/outputName", json!(""), ".key.outputName"),
        ("/value/outPath", json!(1), ".value.outPath"),
        ("/value/signatures", json!([1]), ".value.signatures[0]"),
    ] {
        let mut json = good.clone();
        *json.pointer_mut(pointer).unwrap() = value;
        let error = Realisation::from_json(&json).unwrap_err();
        assert!(path.starts_with(error.path()), "{error}");
    }
    let mut json = legacy().to_json(SignatureForm::Text);
    let upper = HASH.replace("e3b0", "E3B0");
    json["dependentRealisations"] =
        json!({ format!("{HASH}!out"): OUT, format!("{upper}!out"): OUT });
    let error = LegacyRealisation::from_json(&json).unwrap_err();
    assert!(error.to_string().contains("stands twice"), "{error}");
    json["dependentRealisations"] = json!({ "x": OUT });
    let error = LegacyRealisation::from_json(&json).unwrap_err();
    assert_eq!(error.path(), ".dependentRealisations.x");
}

proptest! {
    #[test]
    fn realisations_are_read_as_they_are_written(realisation in arb_realisation()) {
        prop_assert_eq!(realisation.key.to_string().parse(), Ok(realisation.key.clone()));
        prop_assert_eq!(DrvOutput::from_json(&realisation.key.to_json()), Ok(realisation.key.clone()));
        for form in FORMS {
            let read = Realisation::from_json(&realisation.to_json(form));
            prop_assert_eq!(read, Ok(realisation.clone()));
            let read = UnkeyedRealisation::from_json(&realisation.value.to_json(form));
            prop_assert_eq!(read, Ok(realisation.value.clone()));
        }
    }

    #[test]
    fn legacy_realisations_are_read_as_they_are_written(legacy in arb_legacy_realisation()) {
        prop_assert_eq!(legacy.id.to_string().parse(), Ok(legacy.id.clone()));
        for form in FORMS {
            let json = legacy.to_json(form);
            prop_assert_eq!(LegacyRealisation::from_json(&json), Ok(legacy.clone()));
            let mut json = json;
            json.as_object_mut().unwrap().remove("signatures");
            prop_assert_eq!(legacy.fingerprint(), json.to_string());
        }
    }

    #[test]
    fn build_traces_are_read_as_they_are_written(trace in arb_build_trace()) {
        for form in FORMS {
            prop_assert_eq!(BuildTrace::from_json(&trace.to_json(form)), Ok(trace.clone()));
        }
    }
}
