//! Bytes as the texts of a binary cache, narinfo and `nix-cache-info`, and a narinfo as JSON: what
//! is read is the same when printed and read again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nix_core::{
    json::parse_value,
    narinfo::{CacheInfo, NarInfo},
    path_info::JsonVersion,
    signature::TrustedKeys,
    store_path::{StoreDir, StorePath},
};

const VERSIONS: [JsonVersion; 3] = [JsonVersion::V1, JsonVersion::V2, JsonVersion::V3];

fn check_json(dir: &StoreDir, info: &NarInfo) {
    for version in VERSIONS {
        let text = info.to_json(dir, version).to_string();
        let value = parse_value(text.as_bytes()).expect("it prints JSON");
        let again = NarInfo::from_json(dir, &info.path_info.path, &value);
        assert_eq!(again.as_ref(), Ok(info), "{version:?}");
    }
}

fn check_text(dir: &StoreDir, info: &NarInfo) {
    let text = info.to_text(dir);
    let again = NarInfo::parse(dir, text.as_bytes());
    assert_eq!(again.as_ref(), Ok(info));
    let fingerprint = info.path_info.fingerprint(dir);
    fingerprint.expect("the size of a narinfo's archive is not 0");
    let check = info
        .path_info
        .check_signatures(dir, &TrustedKeys::default());
    assert!(check.valid.is_empty(), "no key is trusted");
}

fuzz_target!(|input: &[u8]| {
    let dir = StoreDir::default();
    if let Ok(info) = NarInfo::parse(&dir, input) {
        check_text(&dir, &info);
        check_json(&dir, &info);
    }
    if let Ok(info) = CacheInfo::parse(input) {
        assert_eq!(CacheInfo::parse(info.to_text().as_bytes()), Ok(info));
    }
    let path = StorePath::from_base_name("00000000000000000000000000000000-fuzz");
    let path = path.expect("it is a store path");
    let json = parse_value(input).and_then(|value| NarInfo::from_json(&dir, &path, &value));
    if let Ok(info) = json {
        check_json(&dir, &info);
    }
});
