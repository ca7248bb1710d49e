//! Hashes, content addresses, store paths and store references.

use nix_core::{
    content_address::{ContentAddress, ContentAddressMethod},
    hash::{Algorithm, Hash, HashFormat},
    json,
    store_path::StorePath,
    store_reference::StoreReference,
};
use serde_json::Value;

use super::vectors;

fn json(path: &str) -> Option<Value> {
    Some(json::parse_value(&vectors::read(path)?).expect("a vector is JSON"))
}

#[test]
fn hashes_of_the_vectors_are_read_and_printed_again() {
    for name in vectors::list("libutil/hash").unwrap_or_default() {
        let Some(Value::String(text)) = json(&format!("libutil/hash/{name}")) else {
            panic!("{name} is no string");
        };
        let hash = Hash::parse_sri(&text).expect("a hash");
        assert_eq!(hash.to_text(HashFormat::Sri), text);
        // The one called after SHA-512 holds this, too.
        assert_eq!(hash, Hash::of(Algorithm::Sha256, b"asdf"), "{name}");
    }
}

#[test]
fn content_addresses_of_the_vectors_are_read_and_printed_again() {
    let Some(value) = json("libstore/content-address/text.json") else {
        return;
    };
    let address = ContentAddress::from_json(&value).expect("a content address");
    assert_eq!(address.method, ContentAddressMethod::Text);
    assert_eq!(address.hash, Hash::of(Algorithm::Sha256, b"asdf"));
    assert_eq!(address.to_json(), value);
}

#[test]
fn store_paths_of_the_vectors_are_read_and_printed_again() {
    let Some(value) = json("libstore/store-path/simple.json") else {
        return;
    };
    let text = value.as_str().expect("a string");
    let path = StorePath::from_base_name(text).expect("a store path");
    assert_eq!(path.name(), "foo.drv");
    assert_eq!(path.to_string(), text);
}

#[test]
fn store_references_of_the_vectors_mean_what_nix_takes_them_for() {
    let ipv6 = "[fea5:23e1:3916:fc24:cb52:2837:2ecb:ea8e]";
    let zoned = "[fea5:23e1:3916:fc24:cb52:2837:2ecb:ea8e%25eth0]";
    // The authority and the path are as they are printed; what a vector holds that is not
    // printed as it stands is a short form, or an address without brackets.
    let expected = [
        ("auto", "auto"),
        ("daemon_shorthand", "daemon"),
        ("local_1", "local://?root=/foo/bar/baz"),
        ("local_2", "local:///foo/bar/baz?trusted=true"),
        ("local_3", "local://?root=/foo%20bar/baz"),
        ("local_shorthand_3", "local"),
        (
            "local_shorthand_path_unix",
            "local:///foo/bar/baz?trusted=true",
        ),
        (
            "local_shorthand_path_windows",
            "local:///C:/foo/bar/baz?trusted=true",
        ),
        ("ssh", "ssh://localhost"),
        ("ssh_unbracketed_ipv6_1", "ssh://[::1]"),
        ("ssh_unbracketed_ipv6_2", &format!("ssh://userinfo@{ipv6}")),
        (
            "ssh_unbracketed_ipv6_3",
            &format!("ssh://userinfo@{ipv6}?a=b&c=d"),
        ),
        (
            "ssh_unbracketed_ipv6_5",
            &format!("ssh://userinfo@{zoned}?a=b&c=d"),
        ),
        (
            "ssh_unbracketed_ipv6_7",
            &format!("ssh://userinfo@{zoned}?a=b&c=d"),
        ),
        ("ssh_unbracketed_ipv6_8", &format!("ssh://{zoned}?a=b&c=d")),
        ("unix", "unix://?max-connections=7&trusted=true"),
    ];
    let Some(files) = vectors::list("libstore/store-reference") else {
        return;
    };
    let names: Vec<_> = files
        .iter()
        .filter_map(|file| file.strip_suffix(".txt"))
        .collect();
    assert_eq!(names, expected.map(|(name, _)| name));
    for (name, printed) in expected {
        let text = vectors::read(&format!("libstore/store-reference/{name}.txt"));
        let text = String::from_utf8(text.expect("it was listed")).expect("a text");
        let reference = StoreReference::parse(text.trim_end()).expect(name);
        assert_eq!(reference.to_string(), printed, "{name}");
        assert_eq!(
            StoreReference::parse(printed).as_ref(),
            Ok(&reference),
            "{name}"
        );
        for (at, _) in text.char_indices() {
            // A reference cut short may be another one; it is never a panic.
            if let Some(Ok(cut)) = text.get(..at).map(StoreReference::parse) {
                assert_eq!(StoreReference::parse(&cut.to_string()), Ok(cut), "{name}");
            }
        }
    }
}
