use alloc::{string::String, vec::Vec};

use proptest::{collection::vec as many, option, prelude::*};
use serde_json::{Value, json};

use super::*;
use crate::{
    content_address::ContentAddressMethod,
    hash::{Algorithm, Hash},
    json::{JsonError, JsonErrorKind},
    signature::{SecretKey, SignatureError, TrustedKeys},
    store_path::{References, StoreDir, arb_store_path},
};

const VERSIONS: [JsonVersion; 3] = [JsonVersion::V1, JsonVersion::V2, JsonVersion::V3];

fn path(name: &str) -> StorePath {
    StorePath::from_base_name(name).unwrap()
}

fn own() -> StorePath {
    path("1w1fff338fvdw53sqgamddn1b2xgds47-own")
}

fn info() -> PathInfo {
    let others = [
        "zzzzzz7hy3qg1w7hy3qg1w7hy3qg1w7h-z",
        "00000f338fvdw53sqgamddn1b2xgds47-a",
    ];
    PathInfo {
        references: others.map(path).into_iter().chain([own()]).collect(),
        ..PathInfo::new(own(), Sha256::of(b""), 120)
    }
}

fn secret() -> SecretKey {
    SecretKey::from_seed("k".parse().unwrap(), &[7; 32])
}

fn trusted() -> TrustedKeys {
    alloc::format!("{}", secret().public_key()).parse().unwrap()
}

#[test]
fn a_fingerprint_is_made_of_full_paths_in_their_order() {
    let expected = "1;/s/1w1fff338fvdw53sqgamddn1b2xgds47-own;\
        sha256:0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73;120;\
        /s/00000f338fvdw53sqgamddn1b2xgds47-a,/s/1w1fff338fvdw53sqgamddn1b2xgds47-own,\
        /s/zzzzzz7hy3qg1w7hy3qg1w7hy3qg1w7h-z";
    let dir = StoreDir::new("/s").unwrap();
    assert_eq!(info().fingerprint(&dir).as_deref(), Ok(expected));

    let alone = PathInfo::new(own(), Sha256::of(b""), 1);
    let text = alone.fingerprint(&dir).unwrap();
    assert!(text.ends_with(";1;"), "{text}");
}

#[test]
fn a_path_of_which_the_size_is_unknown_is_neither_signed_nor_trusted() {
    let dir = StoreDir::default();
    let mut info = info();
    assert_eq!(info.sign(&dir, &secret()), Ok(true));
    assert_eq!(info.sign(&dir, &secret()), Ok(false));
    info.nar_size = 0;
    let refused = Err(FingerprintError::NarSizeUnknown);
    assert_eq!(info.fingerprint(&dir), refused);
    assert_eq!(
        info.sign(&dir, &secret()),
        Err(FingerprintError::NarSizeUnknown)
    );
    let check = info.check_signatures(&dir, &trusted());
    assert_eq!((check.valid.len(), check.invalid.len()), (0, 1));
}

#[test]
fn a_signature_is_over_path_store_hash_size_and_references_only() {
    let dir = StoreDir::default();
    let mut signed = info();
    signed.sign(&dir, &secret()).unwrap();
    let check =
        |info: &PathInfo, dir: &StoreDir| info.check_signatures(dir, &trusted()).is_trusted(1);
    assert!(check(&signed, &dir));
    assert!(!check(&signed, &StoreDir::new("/gnu/store").unwrap()));

    let changes: [fn(&mut PathInfo); 5] = [
        |info| info.path = path("1w1fff338fvdw53sqgamddn1b2xgds47-owm"),
        |info| info.nar_hash.0[31] ^= 1,
        |info| info.nar_size += 1,
        |info| drop(info.references.pop_first()),
        |info| {
            info.references
                .extend([path("g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-b")])
        },
    ];
    for (index, change) in changes.iter().enumerate() {
        let mut changed = signed.clone();
        change(&mut changed);
        assert!(!check(&changed, &dir), "change {index}");
    }
    let same: [fn(&mut PathInfo); 3] = [
        |info| info.deriver = Some(own()),
        |info| info.registration_time = 5,
        |info| info.ultimate = true,
    ];
    for change in same {
        change(&mut signed);
        assert!(check(&signed, &dir));
    }
}

#[test]
fn references_in_another_order_or_twice_are_the_same_references() {
    let dir = StoreDir::default();
    let mut signed = info();
    signed.sign(&dir, &secret()).unwrap();
    let mut json = signed.to_json(&dir, JsonVersion::V3);
    let references = json["references"].as_array_mut().unwrap();
    references.reverse();
    references.push(references[0].clone());
    let read = PathInfo::from_json(&dir, &own(), &json).unwrap();
    assert_eq!(read.fingerprint(&dir), signed.fingerprint(&dir));
    assert!(read.check_signatures(&dir, &trusted()).is_trusted(1));
}

#[test]
fn two_signed_paths_cannot_swap_their_hashes_or_signatures() {
    let dir = StoreDir::default();
    let sign = |nar_hash, name| {
        let mut signed = PathInfo::new(path(name), nar_hash, 1);
        signed.sign(&dir, &secret()).unwrap();
        signed
    };
    let one = sign(Sha256::of(b"1"), "1w1fff338fvdw53sqgamddn1b2xgds47-1");
    let two = sign(Sha256::of(b"2"), "1w1fff338fvdw53sqgamddn1b2xgds47-2");
    let (nar_hash, signatures) = (two.nar_hash, two.signatures.clone());
    let hash = PathInfo {
        nar_hash,
        ..one.clone()
    };
    let signature = PathInfo { signatures, ..one };
    for swapped in [hash, signature] {
        let check = swapped.check_signatures(&dir, &trusted());
        assert_eq!((check.valid.len(), check.invalid.len()), (0, 1));
    }
    assert!(two.check_signatures(&dir, &trusted()).is_trusted(1));
}

/// Gives `info` the path that its content address, name and references compute to.
fn at_computed_path(
    mut info: PathInfo,
    method: ContentAddressMethod,
    self_reference: bool,
) -> PathInfo {
    let address = ContentAddress::new(method, Hash::of(Algorithm::Sha256, b"x")).unwrap();
    let references = References {
        others: info.references.clone(),
        self_reference,
    };
    let path = StoreDir::default().fixed_path(&info.path.to_name(), &address, &references);
    info.path = path.unwrap();
    if self_reference {
        info.references.insert(info.path.clone());
    }
    info.content_address = Some(address);
    info
}

#[test]
fn a_path_that_its_content_address_computes_to_needs_no_signature() {
    let dir = StoreDir::default();
    let mut others = info();
    others.references.remove(&own());
    let no_keys = TrustedKeys::default();
    let methods = [ContentAddressMethod::Text, ContentAddressMethod::Nar];
    for (method, itself) in methods.into_iter().flat_map(|m| [(m, false), (m, true)]) {
        if (method, itself) == (ContentAddressMethod::Text, true) {
            continue;
        }
        let info = at_computed_path(others.clone(), method, itself);
        let check = info.check_signatures(&dir, &no_keys);
        assert!(check.is_trusted(100), "{method} {itself}");

        let mut changed = info.clone();
        changed.references.pop_first();
        assert!(!changed.is_content_addressed(&dir), "{method} {itself}");
        let mut changed = info.clone();
        changed.path = own();
        assert!(!changed.check_signatures(&dir, &no_keys).is_trusted(1));
        let changed = PathInfo {
            content_address: None,
            ..info
        };
        assert!(!changed.is_content_addressed(&dir));
    }
}

#[test]
fn content_addresses_that_can_have_no_such_references_count_for_nothing() {
    let dir = StoreDir::default();
    let alone = PathInfo::new(own(), Sha256::of(b""), 1);
    let mut flat = at_computed_path(alone.clone(), ContentAddressMethod::Flat, false);
    assert!(flat.is_content_addressed(&dir));
    flat.references.insert(own());
    assert!(!flat.is_content_addressed(&dir));
    let mut text = at_computed_path(alone, ContentAddressMethod::Text, false);
    assert!(text.is_content_addressed(&dir));
    text.references.insert(text.path.clone());
    assert!(!text.is_content_addressed(&dir));
}

fn refusal(json: &Value) -> (String, JsonErrorKind) {
    let error = PathInfo::from_json(&StoreDir::default(), &own(), json).unwrap_err();
    (error.path().into(), error.kind().clone())
}

/// Checks that a path info with another value for a member is refused there.
fn refuses(key: &str, value: Value, at: &str) -> JsonErrorKind {
    let mut json = info().to_json(&StoreDir::default(), JsonVersion::V2);
    json[key] = value;
    let (path, kind) = refusal(&json);
    assert_eq!(path, at, "{json}");
    kind
}

#[test]
fn json_that_is_no_path_info_says_where() {
    for (key, value, at) in [
        ("narSize", json!("1"), ".narSize"),
        ("narHash", json!(null), ".narHash"),
        ("references", json!(null), ".references"),
        ("references", json!(["a"]), ".references[0]"),
        ("references", json!([dir_path(&own())]), ".references[0]"),
        ("deriver", json!("unknown-deriver"), ".deriver"),
        ("registrationTime", json!(-1), ".registrationTime"),
        ("ultimate", json!(1), ".ultimate"),
        ("signatures", json!(["k:AA"]), ".signatures[0]"),
        ("ca", json!("text:sha256:x"), ".ca"),
        ("ca", json!({ "method": "nar" }), ".ca.hash"),
        ("path", json!(dir_path(&own())), ".path"),
    ] {
        refuses(key, value, at);
    }
    for key in ["narHash", "narSize", "references"] {
        let mut json = info().to_json(&StoreDir::default(), JsonVersion::V1);
        json.as_object_mut().unwrap().remove(key);
        let expected = (alloc::format!(".{key}"), JsonErrorKind::Missing);
        assert_eq!(refusal(&json), expected);
    }
    for json in [json!(null), json!([]), json!("x")] {
        assert_eq!(refusal(&json).0, "");
    }
}

#[test]
fn json_of_another_version_store_path_or_hash_is_refused() {
    let text = |text: &str| JsonErrorKind::Value(text.into());
    for version in [0, 4] {
        let expected = text(&alloc::format!("version {version} is not known"));
        assert_eq!(refuses("version", json!(version), ".version"), expected);
    }
    let store = refuses("storeDir", json!("/s"), ".storeDir");
    assert_eq!(store, text("the store is not /nix/store"));
    let other = refuses("path", json!("1w1fff338fvdw53sqgamddn1b2xgds47-x"), ".path");
    assert_eq!(other, text(&alloc::format!("the path is not {}", own())));
    let number = JsonErrorKind::Type {
        expected: "a whole number that is not negative",
        found: "another number",
    };
    for size in [json!(-1), json!(1.5)] {
        assert_eq!(refuses("narSize", size, ".narSize"), number);
    }
    let bare = "0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73";
    for hash in ["sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=", bare] {
        refuses("narHash", json!(hash), ".narHash");
    }
}

fn dir_path(path: &StorePath) -> String {
    StoreDir::default().print(path)
}

#[test]
fn what_nix_2_8_prints_is_read() {
    let hash = "sha256:0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73";
    let own_path = dir_path(&own());
    let json = json!([
        { "path": own_path, "narHash": hash, "narSize": 120, "references": [own_path],
          "registrationTime": 7, "valid": true, "closureSize": 9, "ultimate": true },
        { "path": own_path, "valid": false },
    ]);
    let listed = listing_from_json(&StoreDir::default(), &json).unwrap();
    let info = PathInfo {
        references: [own()].into(),
        registration_time: 7,
        ultimate: true,
        ..PathInfo::new(own(), Sha256::of(b""), 120)
    };
    let present = |info| Listed { path: own(), info };
    assert_eq!(listed, [present(Some(info)), present(None)]);
}

#[test]
fn what_a_wrapper_says_goes_for_what_it_holds() {
    let dir = StoreDir::default();
    let mut entry = info().to_json(&dir, JsonVersion::V3);
    for key in ["version", "storeDir"] {
        entry.as_object_mut().unwrap().remove(key);
    }
    let info = Some(info());
    let mut json = json!({ "version": 3, "info": { own().base_name(): entry } });
    let path = own();
    assert_eq!(
        listing_from_json(&dir, &json),
        Ok(Vec::from([Listed { path, info }]))
    );
    json["version"] = json!(1);
    assert!(listing_from_json(&dir, &json).is_err());
}

#[test]
fn a_listing_says_where_it_is_wrong() {
    let at = |json: Value| {
        let error: JsonError = listing_from_json(&StoreDir::default(), &json).unwrap_err();
        String::from(error.path())
    };
    let name = own();
    assert_eq!(at(json!([{ "valid": true }])), "[0].path");
    assert_eq!(at(json!([{ "valid": false }])), "[0].path");
    assert_eq!(at(json!({ "x": null })), ".x");
    assert_eq!(
        at(json!({ name.base_name(): null })),
        alloc::format!(".{name}")
    );
    assert_eq!(
        at(json!({ "info": { dir_path(&name): null }, "version": 2 })).get(..5),
        Some(".info")
    );
    assert_eq!(at(json!({ "info": {}, "version": 4 })), ".version");
    assert_eq!(
        at(json!({ "info": {}, "version": 2, "storeDir": "/s" })),
        ".storeDir"
    );
    assert_eq!(at(json!(7)), "");
}

#[test]
fn a_member_of_a_structured_signature_is_found_in_its_place() {
    let mut signed = info();
    signed.sign(&StoreDir::default(), &secret()).unwrap();
    let mut json = signed.to_json(&StoreDir::default(), JsonVersion::V3);
    json["signatures"][0]["keyName"] = json!("a:b");
    let symbol = SignatureError::NameSymbol {
        position: 1,
        symbol: ':',
    };
    let kind = JsonErrorKind::Value(alloc::format!("{symbol}"));
    assert_eq!(refusal(&json), (".signatures[0].keyName".into(), kind));
}

fn arb_listed() -> impl Strategy<Value = Listed> {
    let known = (arb_store_path(), option::of(arb_path_info()));
    known.prop_map(|(path, info)| Listed {
        path: info.as_ref().map_or(path, |info| info.path.clone()),
        info,
    })
}

proptest! {
    #[test]
    fn path_infos_are_read_as_they_are_written(info in arb_path_info()) {
        let dir = StoreDir::new("/some/where").unwrap();
        for version in VERSIONS {
            let json = info.to_json(&dir, version);
            prop_assert_eq!(PathInfo::from_json(&dir, &info.path, &json), Ok(info.clone()));
            let json = info.to_keyed_json(&dir, version);
            prop_assert_eq!(PathInfo::from_keyed_json(&dir, &json), Ok(info.clone()));
            let pure = PathInfo {
                deriver: None,
                registration_time: 0,
                ultimate: false,
                signatures: BTreeSet::new(),
                ..info.clone()
            };
            let json = info.to_pure_json(&dir, version);
            prop_assert_eq!(PathInfo::from_json(&dir, &info.path, &json), Ok(pure));
        }
    }

    #[test]
    fn listings_are_read_as_they_are_written(mut listed in many(arb_listed(), 0..3)) {
        let dir = StoreDir::default();
        for version in VERSIONS {
            let json = listing_to_json(&dir, version, &listed);
            let mut read = listing_from_json(&dir, &json).unwrap();
            let order = |listed: &mut Vec<Listed>| listed.sort_by(|a, b| a.path.cmp(&b.path));
            order(&mut read);
            order(&mut listed);
            prop_assert_eq!(&read, &listed);
        }
        let keyed: Vec<_> = listed
            .iter()
            .filter_map(|listed| Some(listed.info.as_ref()?.to_keyed_json(&dir, JsonVersion::V3)))
            .collect();
        let infos: Vec<_> = listed.into_iter().filter(|listed| listed.info.is_some()).collect();
        prop_assert_eq!(listing_from_json(&dir, &Value::Array(keyed)), Ok(infos));
    }

    #[test]
    fn a_flipped_bit_in_the_json_is_never_a_panic(
        info in arb_path_info(), at in any::<prop::sample::Index>(), bit in 0..8
    ) {
        let dir = StoreDir::default();
        let mut text = serde_json::to_vec(&info.to_json(&dir, JsonVersion::V3)).unwrap();
        let at = at.index(text.len());
        text[at] ^= 1_u8 << bit;
        if let Ok(json) = crate::json::parse_value(&text) {
            let _ = PathInfo::from_json(&dir, &info.path, &json);
        }
    }
}
