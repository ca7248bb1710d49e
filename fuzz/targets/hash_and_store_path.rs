//! Bytes as the texts of hashes, names, store paths and content addresses: what is read is the same
//! when printed and read again, and has one canonical text.

#![no_main]

use std::{fmt::Display, str::FromStr};

use libfuzzer_sys::fuzz_target;
use nix_core::{
    content_address::{ContentAddress, MethodAlgorithm},
    hash::{Algorithm, Hash, HashFormat},
    json::parse_value,
    nix32,
    store_path::{OutputName, StoreDir, StorePath, StorePathName},
};

const FORMATS: [HashFormat; 4] = [
    HashFormat::Base16,
    HashFormat::Nix32,
    HashFormat::Base64,
    HashFormat::Sri,
];

fn check_hash(hash: Hash) {
    let algorithm = hash.algorithm();
    for format in FORMATS {
        let text = hash.to_text(format);
        assert_eq!(Hash::parse(&text, None), Ok(hash));
        assert_eq!(Hash::parse(&text, Some(algorithm)), Ok(hash));
        assert_eq!(Hash::parse_prefixed(&text), Ok(hash));
        assert_eq!(
            Hash::parse_bare(&hash.to_bare_text(format), algorithm),
            Ok(hash)
        );
    }
    assert_eq!(Hash::new(algorithm, hash.digest()), Ok(hash));
    assert_eq!(Hash::from_json(&hash.to_json()), Ok(hash));
}

/// Checks that what is read prints to a text that is read as the same.
fn again<T: FromStr<Err: PartialEq + std::fmt::Debug> + Display + PartialEq + std::fmt::Debug>(
    text: &str,
) {
    if let Ok(value) = text.parse::<T>() {
        assert_eq!(value.to_string().parse(), Ok(value));
    }
}

fn check_text(text: &str) {
    let parsed = Algorithm::ALL.map(|algorithm| Hash::parse(text, Some(algorithm)));
    let bare = Algorithm::ALL.map(|algorithm| Hash::parse_bare(text, algorithm));
    let others = [
        Hash::parse(text, None),
        Hash::parse_prefixed(text),
        Hash::parse_sri(text),
    ];
    for hash in parsed.into_iter().chain(bare).chain(others).flatten() {
        check_hash(hash);
    }
    again::<ContentAddress>(text);
    again::<MethodAlgorithm>(text);
    if let Ok(method) = MethodAlgorithm::from_aterm(text) {
        assert_eq!(method.aterm(), text);
    }
    if let Ok(name) = StorePathName::new(text) {
        assert_eq!(name.as_str(), text);
        let output = name.for_output(&OutputName::out());
        assert_eq!(output.as_ref(), Ok(&name));
    }
    if let Ok(name) = OutputName::new(text) {
        assert_eq!(name.as_str(), text);
    }
    if let Ok(dir) = StoreDir::new(text) {
        let path = StorePath::new([7; 20], &StorePathName::new("a").expect("it is a name"));
        assert_eq!(dir.parse_canonical(&dir.print(&path)), Ok(path));
    }
}

fuzz_target!(|input: &[u8]| {
    if let Ok(bytes) = nix32::decode(input) {
        assert_eq!(nix32::encode(&bytes).as_bytes(), input);
    }
    if let Ok(path) = StorePath::from_base_name_bytes(input) {
        assert_eq!(path.base_name().as_bytes(), input);
        assert_eq!(StorePath::new(path.digest(), &path.to_name()), path);
    }
    let dir = StoreDir::default();
    let canonical = dir.parse_canonical_bytes(input);
    match dir.parse_bytes(input) {
        Ok(path) => {
            let text = dir.print(&path);
            assert_eq!(canonical.is_ok(), text.as_bytes() == input);
            assert_eq!(dir.parse_canonical(&text), Ok(path));
        }
        Err(_) => assert!(canonical.is_err()),
    }
    if let Ok(value) = parse_value(input) {
        if let Ok(hash) = Hash::from_json(&value) {
            check_hash(hash);
        }
        if let Ok(address) = ContentAddress::from_json(&value) {
            assert_eq!(ContentAddress::from_json(&address.to_json()), Ok(address));
        }
    }
    if let Ok(text) = str::from_utf8(input) {
        check_text(text);
    }
});
