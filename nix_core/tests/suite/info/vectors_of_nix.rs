//! The vectors of NixOS/nix, read and written.

use nix_core::{
    build_result::BuildResult,
    json::{JsonError, parse_value},
    narinfo::NarInfo,
    path_info::{JsonVersion, PathInfo},
    realisation::{
        BuildTrace, DrvOutput, LegacyDrvOutput, LegacyRealisation, Realisation, UnkeyedRealisation,
    },
    signature::{SecretKey, Signature, SignatureForm, TrustedKeys},
    store_path::{StoreDir, StorePath},
};
use serde_json::Value;

use super::parse;
use crate::vectors;

const VERSIONS: [(&str, JsonVersion); 3] = [
    ("json-1", JsonVersion::V1),
    ("json-2", JsonVersion::V2),
    ("json-3", JsonVersion::V3),
];

/// The path that upstream's path infos are of; they do not say so.
fn foo() -> StorePath {
    "n5wkd9frr45pa74if5gpz9j7mifg27fh-foo"
        .parse()
        .expect("a base name")
}

fn each(folder: &str, mut check: impl FnMut(&str, &[u8])) {
    for name in vectors::list(folder).into_iter().flatten() {
        let text = vectors::read(&format!("{folder}/{name}")).expect("it was listed");
        check(&name, &text);
    }
}

/// Checks that every proper beginning of a document is refused, and that one which lacks a member
/// is another value or an error that says where.
fn refuses_beginnings<T>(text: &[u8], read: impl Fn(&Value) -> Result<T, JsonError>) {
    for length in 0..text.trim_ascii_end().len() {
        let value = parse_value(&text[..length]);
        assert!(
            value.is_err(),
            "{:?}",
            String::from_utf8_lossy(&text[..length])
        );
    }
    let mut less = parse(text);
    let keys: Vec<_> = less
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, _)| key.clone())
        .collect();
    for key in keys {
        let members = less.as_object_mut().expect("it has members");
        let member = members.remove(&key).expect("it has this one");
        if let Err(error) = read(&less) {
            assert!(error.path().starts_with('.'), "{error}");
        }
        less[key] = member;
    }
}

#[test]
fn path_infos_are_read_and_written_as_nix_does() {
    let dir = StoreDir::default();
    for (folder, version) in VERSIONS {
        each(&format!("libstore/path-info/{folder}"), |name, text| {
            let json = parse(text);
            let info = PathInfo::from_json(&dir, &foo(), &json).expect(name);
            let written = match name {
                name if name.contains("impure") => info.to_json(&dir, version),
                _ => info.to_pure_json(&dir, version),
            };
            assert_same(name, written, &json);
            assert_eq!(
                info.content_address.is_some(),
                !name.starts_with("empty"),
                "{name}"
            );
            refuses_beginnings(text, |json| PathInfo::from_json(&dir, &foo(), json));
        });
    }
}

#[test]
fn narinfos_are_read_and_written_as_nix_does() {
    let dir = StoreDir::default();
    for (folder, version) in VERSIONS {
        each(&format!("libstore/nar-info/{folder}"), |name, text| {
            let json = parse(text);
            let written = if name.contains("impure") {
                let info = NarInfo::from_json(&dir, &foo(), &json).expect(name);
                let text = info.to_text(&dir);
                let read = NarInfo::parse(&dir, text.as_bytes()).expect(name);
                assert_eq!(read.to_text(&dir), text);
                info.to_json(&dir, version)
            } else {
                assert!(
                    NarInfo::from_json(&dir, &foo(), &json).is_err(),
                    "{name} has no file"
                );
                let info = PathInfo::from_json(&dir, &foo(), &json).expect(name);
                info.to_pure_json(&dir, version)
            };
            assert_same(name, written, &json);
            refuses_beginnings(text, |json| NarInfo::from_json(&dir, &foo(), json));
        });
    }
}

/// Compares what was written with a vector, which does not state a version if its name says so.
fn assert_same(name: &str, mut written: Value, json: &Value) {
    if name.contains("noversion") {
        let members = written.as_object_mut().expect("an object");
        members.remove("version").expect("the version");
        members.remove("storeDir").expect("the store");
    }
    assert_eq!(&written, json, "{name}");
}

#[test]
fn path_infos_that_name_their_path_are_read_and_written_as_nix_does() {
    let dir = StoreDir::default();
    let Some(text) = vectors::read("libstore/worker-protocol/valid-path-info-1.15.json") else {
        return;
    };
    for json in parse(&text).as_array().expect("an array") {
        let info = PathInfo::from_keyed_json(&dir, json).expect("a path info");
        assert_eq!(&info.to_keyed_json(&dir, JsonVersion::V3), json);
    }
}

fn realisation(name: &str) -> Option<(Vec<u8>, Value)> {
    let text = vectors::read(&format!("libstore/realisation/{name}"))?;
    let json = parse(&text);
    Some((text, json))
}

#[test]
fn realisations_are_read_and_written_as_nix_does() {
    let form = SignatureForm::Structured;
    for name in ["simple.json", "with-signature.json"] {
        let Some((text, json)) = realisation(name) else {
            return;
        };
        let read = Realisation::from_json(&json).expect(name);
        assert_eq!(read.to_json(form), json);
        refuses_beginnings(&text, Realisation::from_json);
    }
    for name in ["unkeyed-simple.json", "unkeyed-with-signature.json"] {
        let Some((text, json)) = realisation(name) else {
            return;
        };
        let read = UnkeyedRealisation::from_json(&json).expect(name);
        assert_eq!(read.to_json(form), json);
        refuses_beginnings(&text, UnkeyedRealisation::from_json);
    }
}

#[test]
fn the_fingerprint_of_a_realisation_is_that_of_nix() {
    let Some((_, json)) = realisation("simple.json") else {
        return;
    };
    let read = Realisation::from_json(&json).expect("a realisation");
    let fingerprint = vectors::read("libstore/realisation/simple-fingerprint.txt");
    assert_eq!(
        read.fingerprint().as_bytes(),
        fingerprint.expect("it is beside the other")
    );
}

#[test]
fn the_signature_of_a_realisation_has_the_form_of_nix_and_is_checked() {
    let Some((text, json)) = realisation("simple-sig.json") else {
        return;
    };
    let signature = Signature::from_json(&json).expect("a signature");
    assert_eq!(signature.to_json(SignatureForm::Structured), json);
    assert_eq!(signature.to_string().parse(), Ok(signature.clone()));
    refuses_beginnings(&text, Signature::from_json);

    // The key is not at hand: the signature bears its name, and is no other key's.
    let (_, json) = realisation("simple.json").expect("it is beside the other");
    let mut read = Realisation::from_json(&json).expect("a realisation");
    read.value.signatures.insert(signature.clone());
    let check = read.check_signatures(&TrustedKeys::default());
    assert_eq!(check.unknown, [signature.key_name.clone()].into());
    let other = SecretKey::from_seed(signature.key_name.clone(), &[7; 32]);
    let mut keys = TrustedKeys::default();
    keys.insert(other.public_key()).expect("the only key");
    assert_eq!(
        read.check_signatures(&keys).invalid,
        [signature.key_name].into()
    );
    read.sign(&other);
    assert!(read.check_signatures(&keys).is_trusted(1));
}

#[test]
fn the_build_trace_of_a_store_is_read_and_written_as_nix_does() {
    let Some(text) = vectors::read("libstore/dummy-store/one-realisation.json") else {
        return;
    };
    let json = &parse(&text)["buildTrace"];
    let trace = BuildTrace::from_json(json).expect("a build trace");
    assert_eq!(trace.len(), 1);
    assert_eq!(&trace.to_json(SignatureForm::Structured), json);
}

#[test]
fn legacy_realisations_are_read_and_written_as_nix_does() {
    for protocol in ["common-protocol", "serve-protocol", "worker-protocol"] {
        let Some(text) = vectors::read(&format!("libstore/{protocol}/realisation.json")) else {
            return;
        };
        let mut printed = Vec::new();
        for json in parse(&text).as_array().expect("an array") {
            let read = LegacyRealisation::from_json(json).expect("a realisation");
            assert_eq!(&read.to_json(SignatureForm::Structured), json);
            printed.push(read.to_json(SignatureForm::Structured).to_string());
        }
        // The protocols carry the JSON as a string.
        let wire = vectors::read(&format!("libstore/{protocol}/realisation.bin"));
        assert_eq!(strings(&wire.expect("it is beside the other")), printed);
    }
}

#[test]
fn names_of_outputs_are_read_and_written_as_nix_does() {
    let Some(text) = vectors::read("libstore/common-protocol/drv-output.json") else {
        return;
    };
    let mut names = Vec::new();
    for name in parse(&text).as_array().expect("an array") {
        let name = name.as_str().expect("a string");
        let read: LegacyDrvOutput = name.parse().expect(name);
        assert_eq!(read.to_string(), name);
        names.push(read.to_string());
    }
    let wire = vectors::read("libstore/common-protocol/drv-output.bin");
    assert_eq!(strings(&wire.expect("it is beside the other")), names);

    let file = "libstore/worker-protocol/drv-output-realisation-with-path-not-hash.json";
    for json in parse(&vectors::read(file).expect(file))
        .as_array()
        .expect("an array")
    {
        let read = DrvOutput::from_json(json).expect("an output");
        assert_eq!(&read.to_json(), json);
        assert_eq!(read.to_string().parse(), Ok(read));
    }
}

/// Reads strings of the protocols, each with its length before it and zeros up to eight behind it.
fn strings(mut wire: &[u8]) -> Vec<String> {
    let mut strings = Vec::new();
    while let Some((length, rest)) = wire.split_first_chunk() {
        let length = usize::try_from(u64::from_le_bytes(*length)).expect("a length");
        strings.push(String::from_utf8(rest[..length].to_vec()).expect("UTF-8"));
        wire = &rest[length.next_multiple_of(8)..];
    }
    strings
}

#[test]
fn build_results_are_read_and_written_as_nix_does() {
    each("libstore/build-result", |name, text| {
        let json = parse(text);
        let read = BuildResult::from_json(&json).expect(name);
        assert_eq!(read.to_json(), json, "{name}");
        refuses_beginnings(text, BuildResult::from_json);
    });
    for name in [
        "worker-protocol/build-result-1.28.json",
        "worker-protocol/build-result-1.29.json",
        "worker-protocol/build-result-realisation-with-path-not-hash.json",
        "serve-protocol/build-result-2.3.json",
        "serve-protocol/build-result-2.6.json",
        "serve-protocol/build-result-2.8.json",
    ] {
        let Some(text) = vectors::read(&format!("libstore/{name}")) else {
            return;
        };
        for json in parse(&text).as_array().expect("an array") {
            let read = BuildResult::from_json(json).expect(name);
            assert_eq!(&read.to_json(), json, "{name}");
        }
    }
}
