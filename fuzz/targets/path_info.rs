//! Bytes as JSON of path infos, in every version: what is read is the same when printed and read
//! again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nix_core::{
    json::parse_value,
    path_info::{JsonVersion, Listed, PathInfo, listing_from_json, listing_to_json},
    store_path::{StoreDir, StorePath},
};

const VERSIONS: [JsonVersion; 3] = [JsonVersion::V1, JsonVersion::V2, JsonVersion::V3];

fn check(dir: &StoreDir, info: &PathInfo) {
    for version in VERSIONS {
        let text = info.to_keyed_json(dir, version).to_string();
        let value = parse_value(text.as_bytes()).expect("it prints JSON");
        assert_eq!(PathInfo::from_keyed_json(dir, &value).as_ref(), Ok(info));
        let value = info.to_json(dir, version);
        let again = PathInfo::from_json(dir, &info.path, &value);
        assert_eq!(again.as_ref(), Ok(info), "{version:?}");
        let pure = PathInfo::from_json(dir, &info.path, &info.to_pure_json(dir, version));
        let pure = pure.expect("the rest may be missing");
        assert_eq!(pure.fingerprint(dir), info.fingerprint(dir));
    }
    assert_eq!(info.fingerprint(dir).is_err(), info.nar_size == 0);
}

/// Checks a listing, which may name a path more than once only as an array.
fn check_listing(dir: &StoreDir, mut listing: Vec<Listed>) {
    for listed in &listing {
        if let Some(info) = &listed.info {
            assert_eq!(info.path, listed.path);
            check(dir, info);
        }
    }
    listing.sort_by(|left, right| left.path.cmp(&right.path));
    if listing
        .windows(2)
        .any(|pair| matches!(pair, [a, b] if a.path == b.path))
    {
        return;
    }
    for version in VERSIONS {
        let written = listing_to_json(dir, version, &listing);
        let again = listing_from_json(dir, &written);
        assert_eq!(again.as_ref(), Ok(&listing), "{version:?}");
    }
}

fuzz_target!(|input: &[u8]| {
    let dir = StoreDir::default();
    let Ok(value) = parse_value(input) else {
        return;
    };
    if let Ok(info) = PathInfo::from_keyed_json(&dir, &value) {
        check(&dir, &info);
    }
    let path = StorePath::from_base_name("00000000000000000000000000000000-fuzz");
    let path = path.expect("it is a store path");
    if let Ok(info) = PathInfo::from_json(&dir, &path, &value) {
        check(&dir, &info);
    }
    if let Ok(listing) = listing_from_json(&dir, &value) {
        check_listing(&dir, listing);
    }
});
