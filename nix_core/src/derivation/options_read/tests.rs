use alloc::{collections::BTreeMap, format, string::ToString, vec, vec::Vec};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{
    derivation::{ByteString, DerivationInputs, DerivationOutput, arb_derivation},
    store_path::StorePathName,
};

const PATH: &str = "g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q";

fn drv(env: &[(&str, &str)]) -> Derivation {
    let env = env
        .iter()
        .map(|(name, value)| (ByteString::from(*name), (*value).into()));
    Derivation {
        name: StorePathName::new("foo").expect("a name"),
        outputs: [(OutputName::out(), DerivationOutput::Deferred)].into(),
        inputs: DerivationInputs::default(),
        system: "x".into(),
        builder: "/bin/sh".into(),
        args: vec![],
        env: env.collect(),
    }
}

fn structured(attrs: &Value) -> Derivation {
    drv(&[("__json", &attrs.to_string())])
}

fn options(drv: &Derivation) -> Result<DerivationOptions, OptionsError> {
    DerivationOptions::of(&StoreDir::default(), drv)
}

fn checks(options: DerivationOptions) -> OutputChecks {
    match options.output_checks {
        OutputChecksSpec::ForAllOutputs(checks) => checks,
        OutputChecksSpec::PerOutput(mut outputs) => outputs
            .remove(&OutputName::out())
            .expect("checks of the output"),
    }
}

#[test]
fn a_derivation_without_variables_has_the_defaults() {
    assert_eq!(options(&drv(&[])), Ok(DerivationOptions::default()));
}

#[test]
fn only_one_means_yes_in_a_variable() {
    for (value, expected) in [
        ("1", true),
        ("", false),
        ("0", false),
        ("true", false),
        ("1 ", false),
    ] {
        let options = options(&drv(&[
            ("__noChroot", value),
            ("__darwinAllowLocalNetworking", value),
            ("preferLocalBuild", value),
            ("allowSubstitutes", value),
        ]));
        let options = options.expect("options");
        assert_eq!(options.no_chroot, expected);
        assert_eq!(options.allow_local_networking, expected);
        assert_eq!(options.prefer_local_build, expected);
        assert_eq!(options.allow_substitutes, expected);
    }
}

#[test]
fn variables_are_split_at_white_space() {
    let options = options(&drv(&[
        ("passAsFile", " b\ta\n"),
        ("impureEnvVars", "A A"),
        ("requiredSystemFeatures", "kvm\u{a0}x uid-range"),
        ("__impureHostDeps", ""),
        ("allowedReferences", "\r\n"),
    ]));
    let options = options.expect("options");
    let set = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    assert_eq!(options.pass_as_file, set(&["a", "b"]));
    assert_eq!(options.impure_env_vars, set(&["A"]));
    assert_eq!(
        options.required_system_features,
        set(&["kvm\u{a0}x", "uid-range"])
    );
    assert_eq!(options.impure_host_deps, set(&[]));
    assert!(options.uses_uid_range());
    // Nothing is allowed, which is not the same as everything.
    assert_eq!(checks(options).allowed_references, Some(BTreeSet::new()));
}

#[test]
fn structured_attributes_replace_the_variables() {
    let mut drv = structured(&json!({ "preferLocalBuild": true }));
    drv.env.insert("__noChroot".into(), "1".into());
    drv.env.insert("passAsFile".into(), "a".into());
    drv.env.insert("exportReferencesGraph".into(), "odd".into());
    let options = options(&drv).expect("options");
    let expected = DerivationOptions {
        prefer_local_build: true,
        output_checks: OutputChecksSpec::PerOutput(BTreeMap::new()),
        ..DerivationOptions::default()
    };
    assert_eq!(options, expected);
}

/// Returns a derivation whose inputs are two outputs, one of them dynamic.
fn with_inputs(mut drv: Derivation) -> (Derivation, [SingleDerivedPath; 2], [Placeholder; 2]) {
    let dep = StorePath::from_base_name(&format!("{PATH}-dep.drv.drv")).expect("a path");
    let [out, dev] = ["out", "dev"].map(|name| OutputName::new(name).expect("a name"));
    let inner = InputOutputs {
        outputs: [dev.clone()].into(),
        dynamic: BTreeMap::new(),
    };
    let used = InputOutputs {
        outputs: [out.clone()].into(),
        dynamic: [(out.clone(), inner)].into(),
    };
    drv.inputs.derivations.insert(dep.clone(), used);
    let placeholder = Placeholder::input(&dep, &out).expect("a derivation");
    let built = SingleDerivedPath::from(dep).built(out).expect("not deep");
    let dynamic = built.clone().built(dev.clone()).expect("not deep");
    let inner = placeholder.dynamic(&dev);
    (drv, [built, dynamic], [placeholder, inner])
}

#[test]
fn references_are_outputs_paths_or_placeholders() {
    let (_, [built, dynamic], [placeholder, inner]) = with_inputs(drv(&[]));
    let opaque =
        SingleDerivedPath::from(StorePath::from_base_name(&format!("{PATH}-a")).expect("a path"));
    let own = OutputReference::Own(OutputName::new("dev").expect("a name"));
    let words = format!("{placeholder} dev /nix/store//{PATH}-a/ {inner}/sub/path");
    let set: BTreeSet<_> = [opaque, built, dynamic]
        .map(OutputReference::Path)
        .into_iter()
        .chain([own])
        .collect();

    for name in ["allowedReferences", "allowedRequisites"] {
        let (drv, ..) = with_inputs(drv(&[(name, &words)]));
        let checks = checks(options(&drv).expect("options"));
        let sets = [checks.allowed_references, checks.allowed_requisites];
        let expected = if name.ends_with("References") {
            [Some(set.clone()), None]
        } else {
            [None, Some(set.clone())]
        };
        assert_eq!(sets, expected);
        assert!(checks.disallowed_references.is_empty() && checks.disallowed_requisites.is_empty());
    }
    let list: Vec<&str> = words.split(' ').collect();
    for name in ["disallowedReferences", "disallowedRequisites"] {
        let attrs = structured(&json!({ "outputChecks": { "out": { name: list } } }));
        let (drv, ..) = with_inputs(attrs);
        let checks = checks(options(&drv).expect("options"));
        let found = [checks.disallowed_references, checks.disallowed_requisites];
        assert_eq!(
            found.iter().filter(|found| **found == set).count(),
            1,
            "{name}"
        );
        assert_eq!(checks.allowed_references, None);
    }
}

#[test]
fn what_stands_for_nothing_is_refused() {
    let unknown = Placeholder::own(&OutputName::out()).to_string();
    for word in [
        "/bin/sh",
        "a%b",
        &*unknown,
        &format!("/nix/store/{PATH}-a/b"),
        "/",
        ".",
    ] {
        let error = options(&drv(&[("allowedReferences", word)])).expect_err("refused");
        let expected = OptionsError::Reference {
            variable: "allowedReferences",
            word: word.to_owned(),
        };
        assert_eq!(error, expected);
        let attrs = json!({ "outputChecks": { "out": { "allowedReferences": ["out", word] } } });
        let OptionsError::StructuredAttrs(error) =
            options(&structured(&attrs)).expect_err("refused")
        else {
            panic!("another error");
        };
        assert_eq!(error.path(), ".outputChecks.out.allowedReferences[1]");
    }
}

#[test]
fn graphs_name_files_and_what_they_are_of() {
    let (drv, [built, _], [placeholder, _]) = with_inputs(drv(&[]));
    let a =
        SingleDerivedPath::from(StorePath::from_base_name(&format!("{PATH}-a")).expect("a path"));
    let graph = |text: &str| {
        let mut drv = drv.clone();
        drv.env.insert("exportReferencesGraph".into(), text.into());
        options(&drv).map(|options| options.export_references_graph)
    };
    let full = format!("/nix/store/{PATH}-a");
    let expected = BTreeMap::from([("f".to_owned(), BTreeSet::from([a.clone()]))]);
    for text in [
        format!("f {full}"),
        format!("f {full}/bin/x"),
        format!("f {placeholder} f {full}"),
    ] {
        assert_eq!(graph(&text).as_ref(), Ok(&expected), "{text}");
    }
    let expected = BTreeMap::from([("_.-9".to_owned(), BTreeSet::from([built.clone()]))]);
    assert_eq!(graph(&format!("_.-9 {placeholder}/x")), Ok(expected));
    assert_eq!(graph("f"), Err(OptionsError::OddWords));
    for file in ["../x", "9", "-a", ".x", "a/b", "\u{e9}"] {
        let refused = graph(&format!("{file} {full}"));
        assert_eq!(refused, Err(OptionsError::FileName(file.to_owned())));
    }
    for word in ["out", "/nix/store", "/nix/store/x", "/nix/storex", "/tmp"] {
        let refused = graph(&format!("f {word}"));
        assert!(
            matches!(refused, Err(OptionsError::Reference { .. })),
            "{word}: {refused:?}"
        );
    }

    let structured_graph = |value: Value| {
        let mut drv = drv.clone();
        let attrs = json!({ "exportReferencesGraph": value });
        drv.env.insert("__json".into(), attrs.to_string().into());
        options(&drv).map(|options| options.export_references_graph)
    };
    let nested = json!({ "any/file": [[[full]], placeholder.to_string()] });
    let expected = BTreeMap::from([("any/file".to_owned(), BTreeSet::from([a, built]))]);
    assert_eq!(structured_graph(nested), Ok(expected));
    assert_eq!(
        structured_graph(json!(["not", "an object"])),
        Ok(BTreeMap::new())
    );
    for wrong in [
        json!({ "f": 1 }),
        json!({ "f": [null] }),
        json!({ "f": "out" }),
    ] {
        assert!(structured_graph(wrong).is_err());
    }
}

#[test]
fn attributes_of_another_type_are_refused_at_their_place() {
    for (attrs, message) in [
        (
            json!({ "__noChroot": "1" }),
            "at .__noChroot: expected a boolean, found a string",
        ),
        (
            json!({ "allowSubstitutes": null }),
            "at .allowSubstitutes: expected a boolean, found null",
        ),
        (
            json!({ "__sandboxProfile": 1 }),
            "at .__sandboxProfile: expected a string, found a number",
        ),
        (
            json!({ "impureEnvVars": "A" }),
            "at .impureEnvVars: expected an array, found a string",
        ),
        (
            json!({ "requiredSystemFeatures": [1] }),
            "at .requiredSystemFeatures[0]: expected a string, found a number",
        ),
        (
            json!({ "outputChecks": [] }),
            "at .outputChecks: expected an object, found an array",
        ),
        (
            json!({ "outputChecks": { "a b": {} } }),
            "at .outputChecks[\"a b\"]: the name has byte 0x20 at position 1, which is not allowed",
        ),
        (
            json!({ "outputChecks": { "out": { "maxSize": -1 } } }),
            "at .outputChecks.out.maxSize: expected a whole number that is not negative, found another number",
        ),
        (
            json!({ "outputChecks": { "out": { "maxClosureSize": 1.5 } } }),
            "at .outputChecks.out.maxClosureSize: expected a whole number that is not negative, found another number",
        ),
        (
            json!({ "outputChecks": { "out": { "allowedReferences": "out" } } }),
            "at .outputChecks.out.allowedReferences: expected an array, found a string",
        ),
        (
            json!({ "unsafeDiscardReferences": { "out": 1 } }),
            "at .unsafeDiscardReferences.out: expected a boolean, found a number",
        ),
        (json!([]), "expected an object, found an array"),
    ] {
        match options(&structured(&attrs)) {
            Err(OptionsError::StructuredAttrs(error)) => assert_eq!(error.to_string(), message),
            other => panic!("{attrs}: {other:?}"),
        }
    }
    let mut bytes = drv(&[]);
    bytes
        .env
        .insert("passAsFile".into(), b"\xff".as_slice().into());
    assert_eq!(options(&bytes), Err(OptionsError::NotUtf8("passAsFile")));
}

#[test]
fn checks_that_are_null_count_as_absent() {
    let attrs = json!({ "outputChecks": { "out": {
        "allowedReferences": null, "allowedRequisites": null, "maxSize": null,
    } }, "unsafeDiscardReferences": { "out": true } });
    let options = options(&structured(&attrs)).expect("options");
    assert_eq!(
        options.unsafe_discard_references,
        [(OutputName::out(), true)].into()
    );
    assert_eq!(
        options.output_checks.of(&OutputName::out()),
        Some(&OutputChecks::default())
    );
    assert_eq!(
        options
            .output_checks
            .of(&OutputName::new("dev").expect("a name")),
        None
    );
}

#[test]
fn outputs_whose_paths_are_not_known_need_a_feature() {
    let mut drv = drv(&[("requiredSystemFeatures", "kvm")]);
    let features = |drv: &Derivation| -> Vec<_> {
        options(drv)
            .expect("options")
            .system_features(drv)
            .into_iter()
            .collect()
    };
    assert_eq!(features(&drv), ["ca-derivations", "kvm"]);
    let path = StorePath::from_base_name(&format!("{PATH}-foo")).expect("a path");
    drv.outputs
        .insert(OutputName::out(), DerivationOutput::InputAddressed(path));
    assert_eq!(features(&drv), ["kvm"]);
}

#[test]
fn only_the_feature_of_that_name_asks_for_a_range_of_user_ids() {
    for (features, expected) in [
        ("kvm", false),
        ("uid-ranges", false),
        ("kvm uid-range", true),
    ] {
        let options = options(&drv(&[("requiredSystemFeatures", features)])).expect("options");
        assert_eq!(options.uses_uid_range(), expected, "{features}");
    }
}

#[test]
fn the_json_form_has_exactly_its_fields() {
    let whole = DerivationOptions::default().to_json();
    assert_eq!(
        DerivationOptions::from_json(&whole),
        Ok(DerivationOptions::default())
    );
    let names: Vec<_> = whole
        .as_object()
        .expect("an object")
        .keys()
        .cloned()
        .collect();
    for name in names {
        let mut less = whole.clone();
        less.as_object_mut().expect("an object").remove(&name);
        assert!(DerivationOptions::from_json(&less).is_err(), "{name}");
        let mut other = whole.clone();
        other[&name] = json!(1);
        assert!(DerivationOptions::from_json(&other).is_err(), "{name}");
    }
    for (place, value) in [
        ("/outputChecks", json!({})),
        (
            "/outputChecks",
            json!({ "perOutput": {}, "forAllOutputs": whole["outputChecks"]["forAllOutputs"] }),
        ),
        ("/outputChecks/forAllOutputs/maxSize", json!("1")),
        (
            "/outputChecks/forAllOutputs/disallowedReferences",
            json!(null),
        ),
        (
            "/outputChecks/forAllOutputs/allowedReferences",
            json!([{ "drvPath": "self" }]),
        ),
        (
            "/outputChecks/forAllOutputs/allowedReferences",
            json!([{ "drvPath": "self", "output": "a/b" }]),
        ),
        ("/exportReferencesGraph", json!({ "f": "x" })),
        (
            "/exportReferencesGraph",
            json!({ "f": [{ "drvPath": "self", "output": "out" }] }),
        ),
    ] {
        let mut other = whole.clone();
        *other.pointer_mut(place).expect("a place") = value;
        assert!(DerivationOptions::from_json(&other).is_err(), "{place}");
    }
}

proptest! {
    #[test]
    fn options_of_any_derivation_are_read_or_refused(
        drv in arb_derivation(),
        values in proptest::collection::vec("[ /a-z\"{}:\\[\\],0-9-]{0,40}", 8),
        names in proptest::sample::subsequence(NAMES.as_slice(), 0..8),
    ) {
        let mut drv = drv;
        drv.env.extend(names.iter().zip(&values).map(|(name, value)| ((*name).into(), value.as_str().into())));
        if let Ok(options) = options(&drv) {
            prop_assert_eq!(DerivationOptions::from_json(&options.to_json()), Ok(options.clone()));
            prop_assert_eq!(options.clone().resolve(|_| None).is_ok(), true);
        }
    }
}

const NAMES: [&str; 8] = [
    "__json",
    "allowedReferences",
    "disallowedRequisites",
    "exportReferencesGraph",
    "passAsFile",
    "requiredSystemFeatures",
    "__noChroot",
    "__sandboxProfile",
];
