//! Derivations in JSON, their options, derived paths: the vectors of NixOS/nix and a real Nix.

use std::collections::BTreeMap;

use nix_core::{
    derivation::{
        Derivation, DerivationJson, DerivationOptions, DerivationOutput, JsonLayout,
        read_derivations, write_derivations,
    },
    derived_path::{
        DerivedPath, ExtendedOutputsSpec, OutputsSpec, SingleDerivedPath, StorePathWithOutputs,
    },
    json::{JsonError, parse_value},
    store_path::{StoreDir, StorePathName},
};
use serde_json::Value;

use super::vectors;

mod nix_2_8;

/// The folders of derivations, in JSON and mostly in ATerm beside it.
const FOLDERS: [&str; 6] = ["", "ca", "ia", "hash-modulo", "invariants", "try-resolve"];

fn read(path: &str) -> Option<Value> {
    let text = vectors::read(&format!("libstore/{path}"))?;
    Some(parse_value(&text).expect("a vector is JSON"))
}

/// Returns every derivation: its path without `.json`, its text and its value.
fn derivations() -> Vec<(String, Vec<u8>, Value)> {
    let mut all = Vec::new();
    for folder in FOLDERS {
        let folder = format!("libstore/derivation/{folder}");
        for file in vectors::list(&folder).unwrap_or_default() {
            let Some(stem) = file.strip_suffix(".json") else {
                continue;
            };
            let Some(text) = vectors::read(&format!("{folder}/{file}")) else {
                continue;
            };
            let value = parse_value(&text).expect("a vector is JSON");
            if value.get("version").is_some() {
                all.push((format!("{folder}/{stem}"), text, value));
            }
        }
    }
    assert!(all.is_empty() || all.len() >= 20, "{}", all.len());
    all
}

fn from_json(value: &Value) -> Derivation {
    Derivation::from_json(&StoreDir::default(), None, value).expect("a derivation")
}

#[test]
fn derivations_of_the_vectors_are_read_and_printed_again() {
    let dir = StoreDir::default();
    for (path, text, value) in derivations() {
        let drv = from_json(&value);
        let printed = match value["inputs"] {
            Value::Array(_) => drv.to_resolved_json(),
            _ => drv.to_json(&dir, DerivationJson::V4),
        };
        let printed = printed.expect("what was read is printed");
        assert_eq!(printed, value, "{path}");
        assert_eq!(
            JsonLayout::PRETTY.print(&printed).as_bytes(),
            text,
            "{path}"
        );
    }
}

#[test]
fn derivations_of_the_vectors_are_the_same_in_aterm() {
    let dir = StoreDir::default();
    let mut count = 0;
    for (path, _, value) in derivations() {
        let (folder, stem) = path.rsplit_once('/').expect("a path in a folder");
        let aterm = format!("{stem}.drv");
        if !vectors::list(folder).is_some_and(|files| files.contains(&aterm)) {
            continue;
        }
        let aterm = vectors::read(&format!("{folder}/{aterm}")).expect("the file is there");
        let drv = from_json(&value);
        let read = Derivation::parse_aterm(&dir, drv.name.clone(), &aterm).expect("a derivation");
        assert_eq!(drv, read, "{path}");
        assert_eq!(drv.to_aterm(&dir).expect("it has paths"), aterm, "{path}");
        count += 1;
    }
    assert!(count == 0 || count >= 10, "{count}");
}

#[test]
fn other_versions_say_the_same_of_the_vectors() {
    let dir = StoreDir::default();
    for (path, _, value) in derivations() {
        let drv = from_json(&value);
        for version in [DerivationJson::Unversioned, DerivationJson::V3] {
            let other = drv.to_json(&dir, version).expect("the version can say it");
            let read = Derivation::from_json(&dir, Some(&drv.name), &other);
            assert_eq!(read.as_ref(), Ok(&drv), "{path} {version:?}");
        }
    }
}

#[test]
fn derivations_of_the_vectors_cut_anywhere_are_refused() {
    for (path, text, _) in derivations() {
        let whole = text.trim_ascii_end().len();
        for end in 0..whole {
            assert!(parse_value(&text[..end]).is_err(), "{path} up to {end}");
        }
    }
}

#[test]
fn derivations_of_the_vectors_without_any_one_place_are_refused() {
    let dir = StoreDir::default();
    for (path, _, value) in derivations() {
        for name in value.as_object().expect("an object").keys() {
            let mut less = value.clone();
            less.as_object_mut().expect("an object").remove(name);
            let read = Derivation::from_json(&dir, None, &less);
            assert_eq!(
                read.is_ok(),
                name == "structuredAttrs",
                "{path} without {name}"
            );
            let mut other = value.clone();
            other[name] = Value::Bool(true);
            assert!(
                Derivation::from_json(&dir, None, &other).is_err(),
                "{path} {name}"
            );
        }
        let mut more = value.clone();
        more["surprise"] = Value::Null;
        let error = Derivation::from_json(&dir, None, &more).expect_err("a field too many");
        assert_eq!(error.path(), ".surprise", "{path}");
    }
}

#[test]
fn outputs_of_the_vectors_are_read_and_printed_again() {
    for file in vectors::list("libstore/derivation").unwrap_or_default() {
        if !file.starts_with("output-") {
            continue;
        }
        let Some(value) = read(&format!("derivation/{file}")) else {
            return;
        };
        let output = DerivationOutput::from_json(&value).expect("an output");
        assert_eq!(output.to_json(), value, "{file}");
        let kind = match output {
            DerivationOutput::InputAddressed(_) => "output-inputAddressed.json",
            DerivationOutput::Floating(_) => "output-caFloating.json",
            DerivationOutput::Deferred => "output-deferred.json",
            DerivationOutput::Impure(_) => "output-impure.json",
            DerivationOutput::Fixed(_) => "output-caFixed",
        };
        assert!(file.starts_with(kind), "{file} is read as {kind}");
    }
}

#[test]
fn the_store_of_the_vectors_has_its_derivation_at_its_path() {
    let dir = StoreDir::default();
    let Some(store) = read("dummy-store/one-derivation.json") else {
        return;
    };
    let derivations = read_derivations(&dir, &store["derivations"]).expect("derivations");
    assert_eq!(derivations.len(), 1);
    for (path, drv) in &derivations {
        assert_eq!(drv.path(&dir).as_ref(), Ok(path));
    }
    let wrapped = write_derivations(&dir, DerivationJson::V4, &derivations).expect("version 4");
    assert_eq!(wrapped["derivations"], store["derivations"]);
    assert_eq!(read_derivations(&dir, &wrapped), Ok(derivations));
}

/// Reads each file and prints it again.
fn again<T>(
    folder: &str,
    files: &[&str],
    from: impl Fn(&Value) -> Result<T, JsonError>,
    to: impl Fn(&T) -> Value,
) {
    for file in files {
        let Some(value) = read(&format!("{folder}/{file}.json")) else {
            return;
        };
        let read = from(&value).unwrap_or_else(|error| panic!("{folder}/{file}: {error}"));
        assert_eq!(to(&read), value, "{folder}/{file}");
    }
}

#[test]
fn derived_paths_of_the_vectors_are_read_and_printed_again() {
    let single = ["single_opaque", "single_built"];
    again(
        "derived-path",
        &single,
        SingleDerivedPath::from_json,
        SingleDerivedPath::to_json,
    );
    // One is really spelt so.
    let several = ["multi_opaque", "mutli_built", "multi_built_built"];
    again(
        "derived-path",
        &several,
        DerivedPath::from_json,
        DerivedPath::to_json,
    );
}

#[test]
fn outputs_specs_of_the_vectors_are_read_and_printed_again() {
    again(
        "outputs-spec",
        &["all", "names"],
        OutputsSpec::from_json,
        OutputsSpec::to_json,
    );
    let (from, to) = (ExtendedOutputsSpec::from_json, ExtendedOutputsSpec::to_json);
    again("outputs-spec/extended", &["all", "def", "name"], from, to);
}

#[test]
fn derived_paths_of_old_protocols_have_the_oldest_text_form() {
    let dir = StoreDir::default();
    let Some(Value::Array(values)) = read("worker-protocol/derived-path-1.29.json") else {
        return;
    };
    let expected = ["foo", "bar.drv", "bar.drv!x,y"];
    assert_eq!(values.len(), expected.len());
    for (value, expected) in values.iter().zip(expected) {
        let path = DerivedPath::from_json(value).expect("a derived path");
        let old = StorePathWithOutputs::try_from(&path).expect("it has an old form");
        let text = old.display(&dir).to_string();
        assert_eq!(
            text,
            format!("/nix/store/g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-{expected}")
        );
        let read = StorePathWithOutputs::parse(&dir, &text).expect("it is read again");
        assert_eq!(DerivedPath::from(read), path);
    }
}

fn parse_aterm(path: &str) -> Option<Derivation> {
    let text = vectors::read(&format!("libstore/derivation/{path}.drv"))?;
    let (_, name) = path.rsplit_once('/')?;
    let name = StorePathName::new(name).expect("a name");
    let drv = Derivation::parse_aterm(&StoreDir::default(), name, &text);
    Some(drv.expect("a derivation"))
}

#[test]
fn options_of_the_vectors_are_read_out_of_the_derivations() {
    for (drv, options) in [
        (
            "ia/advanced-attributes-defaults",
            "ia/derivation-options/defaults",
        ),
        (
            "ca/advanced-attributes-defaults",
            "ia/derivation-options/defaults",
        ),
        ("ca/advanced-attributes", "ca/derivation-options/all_set"),
        (
            "ia/advanced-attributes-structured-attrs",
            "ia/derivation-options/structuredAttrs_all_set",
        ),
    ] {
        let Some(drv) = parse_aterm(drv) else { return };
        let Some(value) = read(&format!("derivation/{options}.json")) else {
            return;
        };
        let read = DerivationOptions::of(&StoreDir::default(), &drv).expect("options");
        assert_eq!(read.to_json(), value, "{options}");
        assert_eq!(DerivationOptions::from_json(&value), Ok(read), "{options}");
    }
}

#[test]
fn structured_attributes_without_options_check_no_output() {
    for kind in ["ia", "ca"] {
        let path = format!("{kind}/advanced-attributes-structured-attrs-defaults");
        let Some(drv) = parse_aterm(&path) else {
            return;
        };
        let options = DerivationOptions::of(&StoreDir::default(), &drv).expect("options");
        let mut expected = DerivationOptions::default().to_json();
        expected["outputChecks"] = serde_json::json!({ "perOutput": {} });
        assert_eq!(options.to_json(), expected);
        assert_eq!(
            options.system_features(&drv).contains("ca-derivations"),
            kind == "ca"
        );
    }
}

#[test]
fn options_of_the_vectors_are_resolved_within_a_built_path() {
    let dir = StoreDir::default();
    let folder = "derivation/try-resolve/export-ref-subpath";
    let Some(drv) = read(&format!("{folder}-before.json")) else {
        return;
    };
    let options = DerivationOptions::of(&dir, &from_json(&drv)).expect("options");
    assert_eq!(
        Some(options.to_json()),
        read(&format!("{folder}-before-options.json"))
    );

    let Some(Value::Array(trace)) = read(&format!("{folder}-buildTrace.json")) else {
        return;
    };
    let trace: BTreeMap<SingleDerivedPath, SingleDerivedPath> = trace
        .iter()
        .map(|entry| {
            let [built, path] = [0, 1].map(|at| SingleDerivedPath::from_json(&entry[at]));
            (built.expect("an output"), path.expect("a path"))
        })
        .collect();
    let resolved = options
        .clone()
        .resolve(|path| trace.get(path)?.as_opaque().cloned());
    let resolved = resolved.expect("everything is built");
    assert_eq!(
        Some(resolved.to_json()),
        read(&format!("{folder}-resolved-options.json"))
    );
    // After resolution the derivation itself says the same.
    let Some(drv) = read(&format!("{folder}-resolved.json")) else {
        return;
    };
    assert_eq!(DerivationOptions::of(&dir, &from_json(&drv)), Ok(resolved));

    let missing = options.resolve(|_| None).expect_err("nothing is built");
    assert_eq!(trace.keys().next(), Some(&missing));
}
