//! Filling in and resolution, whose vectors are JSON.

use std::collections::BTreeMap;

use nix_core::{
    derivation::{Derivation, DerivationModulo, ResolveError},
    json::parse_value,
    store_path::{StoreDir, StorePath},
};
use serde_json::Value;

use super::{FOLDER, base_name, drv_path, files, output, read, vectors};

/// Reads a derivation, or a resolved one.
fn from_json(json: &Value) -> Derivation {
    Derivation::from_json(&StoreDir::default(), None, json)
        .unwrap_or_else(|error| panic!("{error}: {json}"))
}

fn json(path: &str) -> Option<Value> {
    let text = vectors::read(&format!("{FOLDER}/{path}.json"))?;
    Some(parse_value(&text).unwrap_or_else(|error| panic!("{path}: {error}")))
}

/// The floating dependency that the invariants vectors name.
fn floating_dependency() -> (StorePath, Derivation) {
    let text =
        r#"Derive([("out","","r:sha256","")],[],[],"x86_64-linux","/bin/sh",[],[("out","")])"#;
    let dependency = read("dependency", text.as_bytes());
    (drv_path(&dependency), dependency)
}

#[test]
fn filling_in_gives_what_the_invariants_vectors_say() {
    let (dependency_path, dependency) = floating_dependency();
    assert_eq!(
        dependency_path.base_name(),
        "lg4c4b8r9hlczwprl6kgnzfd9mc1xmkk-dependency.drv"
    );
    let store = BTreeMap::from([(dependency_path, dependency)]);
    let store_dir = StoreDir::default();
    let mut modulo = DerivationModulo::new(&store_dir, &store);
    let deferred = "invariants/filled-in-deferred-empty-env-var";
    for (before, after) in [
        (format!("{deferred}-pre"), format!("{deferred}-post")),
        (format!("{deferred}-post"), format!("{deferred}-post")),
        (
            "invariants/filled-in-idempotent".into(),
            "invariants/filled-in-idempotent".into(),
        ),
        (
            "invariants/depends-on-drv-pre".into(),
            "invariants/depends-on-drv-pre".into(),
        ),
    ] {
        let (Some(pre), Some(post)) = (json(&before), json(&after)) else {
            return;
        };
        let filled = from_json(&pre).fill_outputs(&mut modulo);
        let filled = filled.unwrap_or_else(|error| panic!("{before}: {error:?}"));
        assert_eq!(*filled, from_json(&post), "{before}");
        assert_eq!(from_json(&post).check(&mut modulo), Ok(filled), "{after}");
    }
}

#[test]
fn filling_in_refuses_the_bad_invariants_vectors() {
    let store = BTreeMap::from([floating_dependency()]);
    let store_dir = StoreDir::default();
    let mut modulo = DerivationModulo::new(&store_dir, &store);
    let mut count = 0;
    for (stem, text) in files(&["invariants"], ".json") {
        if stem.starts_with("bad-") {
            let derivation = from_json(&parse_value(&text).expect("JSON"));
            assert!(
                derivation.clone().fill_outputs(&mut modulo).is_err(),
                "{stem}"
            );
            assert!(derivation.check(&mut modulo).is_err(), "{stem}");
            count += 1;
        }
    }
    assert!(count >= 2 || vectors::list(FOLDER).is_none());
}

#[test]
fn resolving_gives_what_the_vectors_say() {
    for (stem, after) in [
        ("no-inputs", Some("no-inputs-after")),
        ("with-inputs", Some("with-inputs-after")),
        ("export-ref-subpath", Some("export-ref-subpath-resolved")),
        ("resolution-failure", None),
    ] {
        let vector = |part: &str| json(&format!("try-resolve/{part}"));
        let (before, trace) = (format!("{stem}-before"), format!("{stem}-buildTrace"));
        let (Some(before), Some(trace)) = (vector(&before), vector(&trace)) else {
            return;
        };
        let trace: BTreeMap<_, _> = trace
            .as_array()
            .expect("a list of pairs")
            .iter()
            .map(|pair| {
                let text = |value: &Value| value.as_str().expect("a string").to_owned();
                let derivation = base_name(&text(&pair[0]["drvPath"]));
                (
                    (derivation, output(&text(&pair[0]["output"]))),
                    base_name(&text(&pair[1])),
                )
            })
            .collect();
        let resolved = from_json(&before).resolve(&StoreDir::default(), &trace);
        match after.and_then(vector) {
            Some(after) => {
                let resolved = resolved.unwrap_or_else(|error| panic!("{stem}: {error:?}"));
                assert_eq!(*resolved, from_json(&after), "{stem}");
            }
            None => assert!(
                matches!(resolved, Err(ResolveError::NotBuilt { .. })),
                "{stem}"
            ),
        }
    }
}
