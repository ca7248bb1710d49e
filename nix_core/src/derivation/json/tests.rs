use alloc::{format, string::String};

use proptest::prelude::*;

use super::*;
use crate::{
    derivation::{
        DerivationInputs, InputOutputs, JsonLayout, StructuredAttrs, arb_derivation,
        json_read::tests::{PATH, read, v4},
    },
    json::parse_value,
    store_path::OutputName,
};

const VERSIONS: [DerivationJson; 3] = [
    DerivationJson::Unversioned,
    DerivationJson::V3,
    DerivationJson::V4,
];

#[test]
fn maps_are_written_as_each_version_has_them() {
    let dir = StoreDir::default();
    let path = StorePath::from_base_name(&format!("{PATH}-foo.drv")).expect("a path");
    let drv = read(&v4()).expect("a derivation");
    let map = BTreeMap::from([(path.clone(), drv)]);
    for (version, pointer) in VERSIONS.into_iter().zip([
        format!("/~1nix~1store~1{PATH}-foo.drv/system"),
        format!("/{PATH}-foo.drv/version"),
        format!("/derivations/{PATH}-foo.drv/version"),
    ]) {
        let written = write_derivations(&dir, version, &map).expect("it is written");
        assert!(written.pointer(&pointer).is_some(), "{written}");
        assert_eq!(read_derivations(&dir, &written).as_ref(), Ok(&map));
    }
    let mut map = map;
    map.values_mut()
        .for_each(|drv| drv.builder = b"\xff".as_slice().into());
    let source = ToJsonError::NotUtf8(DerivationString::Builder);
    let written = write_derivations(&dir, DerivationJson::V4, &map);
    assert_eq!(written, Err(WriteDerivationsError { path, source }));
}

#[test]
fn bytes_that_are_not_utf8_are_refused_with_the_place_they_have() {
    let bad = ByteString::from(b"caf\xe9".as_slice());
    type Spoil = fn(&mut Derivation, ByteString);
    let spoils: [(Spoil, &str); 5] = [
        (|drv, bad| drv.system = bad, "the system"),
        (|drv, bad| drv.builder = bad, "the builder"),
        (|drv, bad| drv.args[1] = bad, "argument 1"),
        (
            |drv, bad| drop(drv.env.insert(bad, "".into())),
            r#"the name of the variable "caf\xe9""#,
        ),
        (
            |drv, bad| drop(drv.env.insert("x".into(), bad)),
            r#"the value of the variable "x""#,
        ),
    ];
    for (spoil, place) in spoils {
        let mut drv = read(&v4()).expect("a derivation");
        spoil(&mut drv, bad.clone());
        for version in VERSIONS {
            let error = drv
                .to_json(&StoreDir::default(), version)
                .expect_err("it is refused");
            assert_eq!(
                error.to_string(),
                format!("{place} is not UTF-8, which JSON must be")
            );
        }
    }
}

#[test]
fn structured_attributes_stand_beside_the_variables_since_version_3() {
    let dir = StoreDir::default();
    let mut drv = read(&v4()).expect("a derivation");
    let attrs = StructuredAttrs::parse(br#"{"b": [1.50, {}], "a": "\u00e9"}"#).expect("attributes");
    drv.set_structured_attrs(&attrs);
    let text = "{\"a\":\"\u{e9}\",\"b\":[1.5,{}]}";
    assert_eq!(drv.env[b"__json".as_slice()], text);
    let old = drv
        .to_json(&dir, DerivationJson::Unversioned)
        .expect("unversioned");
    assert_eq!(old["env"]["__json"], text);
    for version in [DerivationJson::V3, DerivationJson::V4] {
        let new = drv.to_json(&dir, version).expect("it is written");
        assert_eq!(
            new["structuredAttrs"],
            json!({ "a": "\u{e9}", "b": [1.5, {}] })
        );
        assert_eq!(new["env"], json!({ "out": "" }));
    }

    for text in ["", "[]", "{", "{} x", "{\"a\":1,}"] {
        drv.env.insert("__json".into(), text.into());
        assert!(drv.to_json(&dir, DerivationJson::Unversioned).is_ok());
        let error = drv
            .to_json(&dir, DerivationJson::V4)
            .expect_err("no object");
        assert!(
            matches!(error, ToJsonError::StructuredAttrs(_)),
            "{text}: {error:?}"
        );
    }
}

fn output_name(name: &str) -> OutputName {
    OutputName::new(name).expect("an output name")
}

/// Returns an input whose dynamic outputs nest.
fn nested(depth: usize) -> Derivation {
    let mut used = InputOutputs {
        outputs: [output_name("out")].into(),
        ..Default::default()
    };
    for _ in 0..depth {
        used = InputOutputs {
            outputs: [].into(),
            dynamic: [(output_name("d"), used)].into(),
        };
    }
    let path = StorePath::from_base_name(&format!("{PATH}-dep.drv")).expect("a path");
    let mut drv = read(&v4()).expect("a derivation");
    drv.inputs = DerivationInputs {
        sources: [].into(),
        derivations: [(path, used)].into(),
    };
    drv
}

#[test]
fn dynamic_outputs_are_held_since_they_have_a_form() {
    let drv = nested(2);
    let dir = StoreDir::default();
    for version in [DerivationJson::V3, DerivationJson::V4] {
        let value = drv.to_json(&dir, version).expect("it is written");
        assert_eq!(read(&value).as_ref(), Ok(&drv));
    }
    let error = drv.to_json(&dir, DerivationJson::Unversioned);
    assert!(matches!(error, Err(ToJsonError::Dynamic(_))), "{error:?}");
    assert_eq!(drv.to_resolved_json(), Err(ToJsonError::NotResolved));
}

#[test]
fn dynamic_outputs_nest_as_deep_as_a_document_can_be_read() {
    let dir = StoreDir::default();
    let drv = nested(JSON_DYNAMIC_DEPTH_MAX);
    let path = StorePath::from_base_name(&format!("{PATH}-foo.drv")).expect("a path");
    let map = BTreeMap::from([(path, drv)]);
    let value = write_derivations(&dir, DerivationJson::V4, &map).expect("it is written");
    let text = JsonLayout::PRETTY.print(&value);
    let value = parse_value(text.as_bytes()).expect("it can be read");
    assert_eq!(read_derivations(&dir, &value), Ok(map));

    let drv = nested(JSON_DYNAMIC_DEPTH_MAX + 1);
    let error = drv.to_json(&dir, DerivationJson::V4);
    assert!(matches!(error, Err(ToJsonError::TooDeep(_))), "{error:?}");
    let mut value = nested(JSON_DYNAMIC_DEPTH_MAX)
        .to_json(&dir, DerivationJson::V4)
        .expect("it is written");
    let used = &mut value["inputs"]["drvs"][format!("{PATH}-dep.drv")];
    *used = json!({ "outputs": [], "dynamicOutputs": { "d": used } });
    let error = read(&value).expect_err("it is refused");
    assert!(
        error
            .to_string()
            .ends_with("dynamic outputs are nested too deeply"),
        "{error}"
    );
}

/// Returns whether the version can hold the derivation.
fn can_hold(drv: &Derivation, version: DerivationJson) -> bool {
    let strings = drv.args.iter().chain([&drv.system, &drv.builder]);
    let mut strings = strings.chain(drv.env.keys()).chain(drv.env.values());
    let is_utf8 = strings.all(|text| text.as_str().is_some());
    let is_dynamic = drv
        .inputs
        .derivations
        .values()
        .any(|used| !used.dynamic.is_empty());
    is_utf8 && !(is_dynamic && version == DerivationJson::Unversioned)
}

proptest! {
    #[test]
    fn what_a_version_holds_it_gives_back(drv in arb_derivation(), utf8 in any::<bool>()) {
        let dir = StoreDir::default();
        let mut drv = drv;
        if utf8 {
            drv = lossy(&drv);
        }
        for version in VERSIONS {
            let written = drv.to_json(&dir, version);
            prop_assert_eq!(written.is_ok(), can_hold(&drv, version), "{:?}", &written);
            let Ok(written) = written else { continue };
            let text = JsonLayout::PRETTY.print(&written);
            let read = parse_value(text.as_bytes()).expect("it prints JSON");
            let read = Derivation::from_json(&dir, Some(&drv.name), &read);
            prop_assert_eq!(read.as_ref(), Ok(&drv));
        }
    }

    #[test]
    fn a_resolved_derivation_is_given_back(drv in arb_derivation()) {
        let mut drv = lossy(&drv);
        drv.inputs.derivations.clear();
        let written = drv.to_resolved_json().expect("it is resolved");
        prop_assert!(written["inputs"].is_array());
        prop_assert_eq!(read(&written), Ok(drv));
    }
}

/// Returns the derivation with texts in the place of bytes, and some control characters.
fn lossy(drv: &Derivation) -> Derivation {
    let text = |bytes: &ByteString| {
        let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
        ByteString::from(text)
    };
    let env = drv
        .env
        .iter()
        .map(|(name, value)| (text(name), text(value)));
    Derivation {
        builder: text(&drv.builder),
        args: drv.args.iter().map(text).collect(),
        env: env.collect(),
        ..drv.clone()
    }
}
