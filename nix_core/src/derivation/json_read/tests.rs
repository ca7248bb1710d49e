use alloc::{
    borrow::ToOwned,
    format,
    string::{String, ToString},
    vec,
};

use serde_json::{Value, json};

use super::*;
use crate::{
    derivation::{JsonLayout, read_derivations},
    hash::{Algorithm, Hash, HashFormat},
    json::{JsonErrorKind, parse_value},
};

pub(in crate::derivation) const PATH: &str = "g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q";

pub(in crate::derivation) fn read(value: &Value) -> Result<Derivation, JsonError> {
    Derivation::from_json(&StoreDir::default(), None, value)
}

/// Where the input derivation stands in version 4.
const DEP: &str = "/inputs/drvs/g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-dep.drv";

/// Reads a derivation of which one place is another value.
fn with(place: &str, value: Value) -> Result<Derivation, JsonError> {
    let mut drv = v4();
    *drv.pointer_mut(place).expect("the place is there") = value;
    read(&drv)
}

pub(in crate::derivation) fn v4() -> Value {
    json!({
        "version": 4,
        "name": "foo",
        "outputs": { "out": { "path": format!("{PATH}-foo") } },
        "inputs": {
            "srcs": [format!("{PATH}-source")],
            "drvs": { format!("{PATH}-dep.drv"): { "outputs": ["out"], "dynamicOutputs": {} } },
        },
        "system": "x86_64-linux",
        "builder": "/bin/sh",
        "args": ["-c", "true"],
        "env": { "out": "" },
        "structuredAttrs": { "a": 1 },
    })
}

fn v3() -> Value {
    let mut drv = v4();
    let fields = drv.as_object_mut().expect("an object");
    let inputs = fields.remove("inputs").expect("inputs");
    fields.insert("version".into(), 3.into());
    fields.insert("inputSrcs".into(), inputs["srcs"].clone());
    fields.insert("inputDrvs".into(), inputs["drvs"].clone());
    drv
}

fn refused(result: Result<Derivation, JsonError>, message: &str) {
    assert_eq!(result.expect_err("it is refused").to_string(), message);
}

#[test]
fn every_version_reads_as_the_same_derivation() {
    let drv = read(&v4()).expect("version 4");
    assert_eq!(read(&v3()).as_ref(), Ok(&drv));

    // As Nix 2.26 prints it.
    let mut newer = v3();
    newer["inputSrcs"] = json!([format!("/nix/store/{PATH}-source")]);
    let used = &newer["inputDrvs"][format!("{PATH}-dep.drv")];
    newer["inputDrvs"] = json!({ format!("/nix/store/{PATH}-dep.drv"): used });
    newer["outputs"]["out"]["path"] = format!("/nix/store/{PATH}-foo").into();
    newer["env"]["__json"] = r#"{"a":1}"#.into();
    let fields = newer.as_object_mut().expect("an object");
    fields.remove("version");
    fields.remove("structuredAttrs");
    assert_eq!(read(&newer).as_ref(), Ok(&drv));
    // The numbers that its format got later.
    for version in [1, 2] {
        newer["version"] = version.into();
        assert_eq!(read(&newer).as_ref(), Ok(&drv));
    }

    // As Nix 2.8 prints it.
    let mut old = newer.clone();
    old["inputDrvs"] = json!({ format!("/nix/store/{PATH}-dep.drv"): ["out"] });
    let fields = old.as_object_mut().expect("an object");
    fields.remove("version");
    fields.remove("name");
    let name = StorePathName::new("foo").expect("a name");
    assert_eq!(
        Derivation::from_json(&StoreDir::default(), Some(&name), &old).as_ref(),
        Ok(&drv)
    );
    assert_eq!(
        drv.to_json(&StoreDir::default(), DerivationJson::Unversioned),
        Ok(old.clone())
    );
    refused(read(&old), "at .name: missing field");
}

#[test]
fn refusals_name_their_place() {
    for (place, value, message) in [
        (
            "/version",
            json!(5),
            "at .version: version 5 of derivations is not known",
        ),
        (
            "/version",
            json!("4"),
            "at .version: expected a whole number that is not negative, found a string",
        ),
        (
            "/name",
            json!("a/b"),
            "at .name: the name has byte 0x2f at position 1, which is not allowed",
        ),
        (
            "/outputs",
            json!([]),
            "at .outputs: expected an object, found an array",
        ),
        (
            "/inputs",
            json!("x"),
            "at .inputs: expected an object, found a string",
        ),
        (
            "/inputs/srcs/0",
            json!(format!("/nix/store/{PATH}-x")),
            "at .inputs.srcs[0]: the hash part is malformed: byte 0x2f at position 0 is not a digit of base 32",
        ),
        (
            "/args/1",
            json!(7),
            "at .args[1]: expected a string, found a number",
        ),
        (
            "/env/out",
            json!(null),
            "at .env.out: expected a string, found null",
        ),
        (
            "/structuredAttrs",
            json!([1]),
            "at .structuredAttrs: expected an object, found an array",
        ),
        (
            "/structuredAttrs",
            json!(null),
            "at .structuredAttrs: expected an object, found null",
        ),
        (
            "/env",
            json!({"__json": "{}"}),
            "at .structuredAttrs: the variable `__json` is there too",
        ),
    ] {
        refused(with(place, value), message);
    }
}

#[test]
fn an_input_derivation_has_an_output_that_is_used() {
    for (place, value, message) in [
        (
            "/inputs/drvs",
            json!({format!("{PATH}-dep.drv"): ["out"]}),
            "at .inputs.drvs[\"g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-dep.drv\"]: expected an object, found an array",
        ),
        (
            "/inputs/drvs",
            json!({format!("{PATH}-dep.drv"): {"outputs": [], "dynamicOutputs": {}}}),
            "at .inputs.drvs[\"g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-dep.drv\"]: no output of the input derivation is used",
        ),
        (
            "/inputs/drvs",
            json!({format!("{PATH}-dep.drv"): {"outputs": ["a"], "dynamicOutputs": {"b": {"outputs": [], "dynamicOutputs": {}}}}}),
            "at .inputs.drvs[\"g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-dep.drv\"].dynamicOutputs.b: no output of the dynamic derivation is used",
        ),
    ] {
        refused(with(place, value), message);
    }
}

#[test]
fn fields_without_a_meaning_are_refused() {
    for (place, name) in [
        ("", "structureAttrs"),
        ("", "inputSrcs"),
        ("", "options"),
        ("/inputs", "inputSrcs"),
        (DEP, "version"),
    ] {
        let mut drv = v4();
        drv.pointer_mut(place).expect("the place is there")[name] = json!([]);
        let error = read(&drv).expect_err("it is refused");
        assert_eq!(error.kind(), &JsonErrorKind::Unknown, "{place}/{name}");
        assert!(error.path().ends_with(&format!(".{name}")), "{error}");
    }
}

#[test]
fn a_name_stands_for_one_derivation() {
    let dir = StoreDir::default();
    let other = StorePathName::new("bar").expect("a name");
    let named = Derivation::from_json(&dir, Some(&other), &v4());
    refused(named, "at .name: the derivation is called bar elsewhere");
}

#[test]
fn outputs_have_exactly_the_fields_of_their_kind() {
    let sri = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    for (output, kind) in [
        (json!({}), true),
        (json!({ "path": format!("{PATH}-foo") }), true),
        (json!({ "method": "nar", "hash": sri }), true),
        (json!({ "method": "nar", "hashAlgo": "sha256" }), true),
        (
            json!({ "method": "nar", "hashAlgo": "sha256", "impure": true }),
            true,
        ),
        (
            json!({ "method": "nar", "hashAlgo": "sha256", "impure": false }),
            false,
        ),
        (
            json!({ "method": "nar", "hashAlgo": "sha256", "hash": sri }),
            false,
        ),
        (
            json!({ "method": "nar", "hash": sri, "path": format!("{PATH}-foo") }),
            false,
        ),
        (json!({ "method": "nar" }), false),
        (json!({ "hash": sri }), false),
        (json!({ "impure": true }), false),
        (json!({ "path": null }), false),
        (json!({ "path": format!("{PATH}-foo"), "x": 1 }), false),
        (
            json!({ "method": "recursive", "hashAlgo": "sha256" }),
            false,
        ),
        (json!({ "method": "nar", "hashAlgo": "r:sha256" }), false),
        (json!({ "method": "text", "hashAlgo": "sha1" }), false),
        (json!({ "method": "git", "hashAlgo": "sha512" }), false),
        (json!({ "method": "nar", "hash": "0".repeat(64) }), false),
        (json!(null), false),
    ] {
        let read = DerivationOutput::from_json(&output);
        assert_eq!(read.is_ok(), kind, "{output}");
        if let Ok(read) = read {
            assert_eq!(read.to_json(), output);
        }
    }
}

#[test]
fn the_path_that_a_fixed_output_states_is_the_one_that_follows() {
    let dir = StoreDir::default();
    let name = StorePathName::new("foo").expect("a name");
    let drv = with(
        "/outputs/out",
        json!({ "method": "nar", "hash": Hash::of(Algorithm::Sha256, b"x").to_text(HashFormat::Sri) }),
    );
    let old = drv
        .expect("a fixed output")
        .to_json(&dir, DerivationJson::Unversioned);
    let mut old = old.expect("it has a path");
    assert!(Derivation::from_json(&dir, Some(&name), &old).is_ok());
    let path = old["outputs"]["out"]["path"]
        .as_str()
        .expect("a path")
        .to_owned();
    old["outputs"]["out"]["path"] = format!("/nix/store/{PATH}-foo").into();
    let base_name = path.strip_prefix("/nix/store/").expect("in the store");
    let message =
        format!("at .outputs.out.path: the path that follows from the hash is {base_name}");
    refused(Derivation::from_json(&dir, Some(&name), &old), &message);
    // Without the path there is nothing to check.
    old["outputs"]["out"]
        .as_object_mut()
        .expect("an object")
        .remove("path");
    assert!(Derivation::from_json(&dir, Some(&name), &old).is_ok());

    let mut three = v3();
    three["outputs"]["out"] = json!({ "method": "nar", "hashAlgo": "sha256", "hash": old["outputs"]["out"]["hash"], "path": base_name });
    assert!(read(&three).is_ok());
    three["outputs"]["out"]["path"] = format!("{PATH}-foo").into();
    refused(read(&three), &message);
}

#[test]
fn of_equal_keys_the_last_one_counts() {
    let text = JsonLayout::COMPACT.print(&v4());
    let twice = text.replacen('{', r#"{"name":"other","builder":7,"#, 1);
    let value = parse_value(twice.as_bytes()).expect("JSON");
    assert_eq!(read(&value), read(&v4()));
}

#[test]
fn maps_have_a_key_for_each_derivation() {
    let dir = StoreDir::default();
    let key = format!("{PATH}-foo.drv");
    let full = dir.print(&StorePath::from_base_name(&key).expect("a path"));
    let read = |value: Value| read_derivations(&dir, &value).map(|map| map.len());
    for map in [
        json!({}),
        json!({ "derivations": {} }),
        json!({ "derivations": {}, "version": 4 }),
    ] {
        assert_eq!(read(map), Ok(0));
    }
    for map in [
        json!({ &key: v4() }),
        json!({ &full: v4() }),
        json!({ &key: v3() }),
        json!({ "derivations": { &key: v4() } }),
        json!({ "derivations": { &key: v4() }, "version": 4 }),
    ] {
        assert_eq!(read(map), Ok(1));
    }
    for (map, message) in [
        (json!([]), "expected an object, found an array"),
        (
            json!({ &key: v4(), &full: v4() }),
            "at [\"g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-foo.drv\"]: the derivation is there twice",
        ),
        (
            json!({ "derivations": {}, "version": 3 }),
            "at .version: only version 4 of derivations has this wrapper",
        ),
        (
            json!({ "derivations": {}, "more": 1 }),
            "at .more: unknown field",
        ),
        (
            json!({ "foo.drv": v4() }),
            "at [\"foo.drv\"]: the base name has 7 characters, too few for a hash part",
        ),
        (
            json!({ format!("{PATH}-foo"): v4() }),
            "at .g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-foo: the path is not that of a derivation",
        ),
        (
            json!({ format!("{PATH}-bar.drv"): v4() }),
            "at [\"g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-bar.drv\"].name: the derivation is called bar elsewhere",
        ),
    ] {
        assert_eq!(
            read(map.clone()).expect_err("it is refused").to_string(),
            message,
            "{map}"
        );
    }
}

#[test]
fn documents_nested_without_end_are_refused() {
    for (open, close) in [
        ("[", "]"),
        (r#"{"derivations":"#, "}"),
        (r#"{"inputs":{"drvs":"#, "}}"),
    ] {
        for depth in [1_000, 1_000_000] {
            let mut text = open.repeat(depth);
            assert!(parse_value(text.as_bytes()).is_err());
            text.push_str("{}");
            text.push_str(&close.repeat(depth));
            let error = parse_value(text.as_bytes()).expect_err("it is refused");
            assert!(
                matches!(error.kind(), JsonErrorKind::Syntax { .. }),
                "{error}"
            );
        }
    }
}

#[test]
fn values_of_any_kind_in_any_place_are_read_or_refused() {
    let dir = StoreDir::default();
    let values = vec![
        json!(null),
        json!(true),
        json!(-1),
        json!(1e300),
        json!(""),
        json!([[]]),
        json!({"": {}}),
    ];
    for document in [
        v3(),
        v4(),
        json!({ "derivations": { format!("{PATH}-foo.drv"): v4() } }),
    ] {
        for pointer in pointers(&document) {
            for value in &values {
                let mut other = document.clone();
                *other.pointer_mut(&pointer).expect("a place") = value.clone();
                let _refused = read(&other);
                let _refused = read_derivations(&dir, &other);
            }
        }
    }
}

fn pointers(value: &Value) -> vec::Vec<String> {
    let mut all = vec![String::new()];
    let mut at = 0;
    while let Some(pointer) = all.get(at).cloned() {
        at += 1;
        match value.pointer(&pointer) {
            Some(Value::Object(fields)) => {
                all.extend(fields.keys().map(|key| format!("{pointer}/{key}")));
            }
            Some(Value::Array(elements)) => {
                all.extend((0..elements.len()).map(|index| format!("{pointer}/{index}")));
            }
            _ => {}
        }
    }
    all
}
