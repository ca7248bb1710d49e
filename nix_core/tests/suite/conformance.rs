//! No vector of NixOS/nix lies unread, and those that no chapter has for its own.

use std::{collections::BTreeMap, fs, path::Path};

use nix_core::{
    content_address::{ContentAddress, ContentAddressMethod},
    derivation::{DerivationJson, read_derivations, write_derivations},
    hash::{Algorithm, Hash, HashFormat},
    json::parse_value,
    path_info::{JsonVersion, PathInfo},
    realisation::BuildTrace,
    signature::SignatureForm,
    store_path::{ComputeError, References, StoreDir, StorePath, StorePathName},
};
use serde_json::{Value, json};

use super::vectors;

/// What comes with the protocols.
const LATER: [&str; 3] = ["serve-protocol", "worker-protocol", "worker-substitution"];

const CORE: &str = "nix_core/tests/suite";
const IO: &str = "nix_io/tests/suite";

/// The folders with the number of files in each, and the test that reads them.
const CLAIMS: [(&str, usize, &str, &str); 31] = [
    ("", 1, CORE, "conformance.rs"),
    ("libstore/build-result", 2, CORE, "info/vectors_of_nix.rs"),
    ("libstore/common-protocol", 14, CORE, "conformance.rs"),
    ("libstore/content-address", 1, CORE, "foundation.rs"),
    ("libstore/derivation", 11, CORE, "derivation.rs"),
    ("libstore/derivation/ca", 7, CORE, "derivation.rs"),
    (
        "libstore/derivation/ca/derivation-options",
        1,
        CORE,
        "drv_json.rs",
    ),
    ("libstore/derivation/hash-modulo", 10, CORE, "derivation.rs"),
    ("libstore/derivation/ia", 7, CORE, "derivation.rs"),
    (
        "libstore/derivation/ia/derivation-options",
        2,
        CORE,
        "drv_json.rs",
    ),
    (
        "libstore/derivation/invariants",
        6,
        CORE,
        "derivation/json_vectors.rs",
    ),
    (
        "libstore/derivation/try-resolve",
        13,
        CORE,
        "derivation/json_vectors.rs",
    ),
    ("libstore/derived-path", 5, CORE, "drv_json.rs"),
    ("libstore/dummy-store", 3, CORE, "conformance.rs"),
    (
        "libstore/nar-info/json-1",
        2,
        CORE,
        "info/vectors_of_nix.rs",
    ),
    (
        "libstore/nar-info/json-2",
        1,
        CORE,
        "info/vectors_of_nix.rs",
    ),
    (
        "libstore/nar-info/json-3",
        2,
        CORE,
        "info/vectors_of_nix.rs",
    ),
    ("libstore/outputs-spec", 2, CORE, "drv_json.rs"),
    ("libstore/outputs-spec/extended", 3, CORE, "drv_json.rs"),
    (
        "libstore/path-info/json-1",
        4,
        CORE,
        "info/vectors_of_nix.rs",
    ),
    (
        "libstore/path-info/json-2",
        3,
        CORE,
        "info/vectors_of_nix.rs",
    ),
    (
        "libstore/path-info/json-3",
        2,
        CORE,
        "info/vectors_of_nix.rs",
    ),
    ("libstore/realisation", 6, CORE, "info/vectors_of_nix.rs"),
    ("libstore/store-path", 1, CORE, "foundation.rs"),
    ("libstore/store-reference", 16, CORE, "foundation.rs"),
    ("libutil/git", 5, CORE, "conformance.rs"),
    ("libutil/hash", 2, CORE, "foundation.rs"),
    ("libutil/memory-source-accessor", 1, IO, "listing.rs"),
    ("libutil/nar-listing", 1, IO, "listing.rs"),
    ("libutil/nars", 9, IO, "nar_conformance.rs"),
    ("nars-functional", 4, IO, "nar_conformance.rs"),
];

/// Lists the files below a folder of vectors, except those that come later.
fn below(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_str().expect("ASCII");
            if path.is_file() {
                let inside = path.strip_prefix(root).expect("it lies below");
                found.push(inside.to_str().expect("ASCII").to_owned());
            } else if !LATER.contains(&name) {
                folders.push(path);
            }
        }
    }
    found.sort();
    found
}

fn json(path: &str) -> Option<Value> {
    Some(parse_value(&vectors::read(path)?).expect("a vector is JSON"))
}

#[test]
fn every_vector_is_claimed_by_a_test() {
    let Some(root) = vectors::folder() else {
        return;
    };
    let mut found = BTreeMap::new();
    for file in below(&root) {
        let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
        *found.entry(folder.to_owned()).or_insert(0) += 1;
    }
    let claimed = CLAIMS.map(|(folder, files, ..)| (folder.to_owned(), files));
    assert_eq!(found, BTreeMap::from(claimed));
    for (folder, _, suite, file) in CLAIMS {
        let test = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../{suite}/{file}"));
        let test = fs::read_to_string(test).expect("the test is there");
        let name = folder.rsplit('/').next().expect("a name");
        assert!(test.contains(name), "{file} does not read {folder}");
    }
}

#[test]
fn vectors_cut_anywhere_are_no_json() {
    let Some(root) = vectors::folder() else {
        return;
    };
    let files = below(&root);
    for file in files.iter().filter(|file| file.ends_with(".json")) {
        let text = vectors::read(file).expect("it was listed");
        for end in 0..text.trim_ascii_end().len() {
            assert!(parse_value(&text[..end]).is_err(), "{file} up to {end}");
        }
    }
}

/// Splits what the protocols write of texts: a length, the bytes, zeros up to a multiple of eight.
fn texts(mut bytes: &[u8]) -> Vec<String> {
    let mut texts = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk() {
        let length = usize::try_from(u64::from_le_bytes(*length)).expect("a length");
        let (text, _) = rest.split_at(length);
        texts.push(String::from_utf8(text.to_vec()).expect("a text"));
        (_, bytes) = rest.split_at(length.next_multiple_of(8));
    }
    texts
}

/// Reads a vector of the protocol and checks that it says what its JSON does.
fn is_said_twice(stem: &str, on_wire: impl Fn(&Value) -> String, in_json: impl Fn(&str) -> Value) {
    let path = format!("libstore/common-protocol/{stem}");
    let Some(bytes) = vectors::read(&format!("{path}.bin")) else {
        return;
    };
    let Some(Value::Array(values)) = json(&format!("{path}.json")) else {
        panic!("{stem} is no tuple");
    };
    let texts = texts(&bytes);
    assert_eq!(values.iter().map(on_wire).collect::<Vec<_>>(), texts);
    let read: Vec<_> = texts.iter().map(|text| in_json(text)).collect();
    assert_eq!(read, values);
}

#[test]
fn store_paths_and_content_addresses_on_the_wire_are_those_of_the_json() {
    let dir = StoreDir::default();
    let print = |value: &Value| match value.as_str() {
        Some(name) => dir.print(&StorePath::from_base_name(name).expect("a store path")),
        None => String::new(),
    };
    let parse = |text: &str| match text {
        "" => Value::Null,
        path => json!(dir.parse(path).expect("a store path").base_name()),
    };
    is_said_twice("store-path", print, parse);
    is_said_twice("optional-store-path", print, parse);
    let print = |value: &Value| match value {
        Value::Null => String::new(),
        value => ContentAddress::from_json(value)
            .expect("a content address")
            .to_string(),
    };
    let parse = |text: &str| match text {
        "" => Value::Null,
        text => text
            .parse::<ContentAddress>()
            .expect("a content address")
            .to_json(),
    };
    is_said_twice("optional-content-address", print, parse);
}

#[test]
fn whole_stores_of_the_vectors_are_read_and_printed_again() {
    for name in vectors::list("libstore/dummy-store").unwrap_or_default() {
        let store = json(&format!("libstore/dummy-store/{name}")).expect("it was listed");
        let dir = store["config"]["store"].as_str().expect("a store dir");
        let dir = StoreDir::new(dir).expect("a store dir");
        let derivations = read_derivations(&dir, &store["derivations"]).expect("derivations");
        let trace = BuildTrace::from_json(&store["buildTrace"]).expect("a build trace");
        let written = write_derivations(&dir, DerivationJson::V4, &derivations);
        let written = json!({
            "buildTrace": trace.to_json(SignatureForm::Structured),
            "config": { "store": dir.as_str() },
            "contents": {},
            "derivations": written.expect("version 4")["derivations"],
        });
        assert_eq!(written, store, "{name}");
        let expected = match name.as_str() {
            "empty.json" => (0, 0),
            "one-derivation.json" => (1, 0),
            "one-realisation.json" => (0, 1),
            _ => panic!("{name} is new"),
        };
        assert_eq!((derivations.len(), trace.len()), expected, "{name}");
    }
}

fn git(hash: Hash) -> ContentAddress {
    ContentAddress::new(ContentAddressMethod::Git, hash).expect("git hashes by these")
}

/// Puts together the object of a tree out of what `git ls-tree` prints.
fn tree_object(listing: &str) -> Vec<u8> {
    let mut entries = Vec::new();
    for line in listing.lines() {
        let (head, name) = line.split_once('\t').expect("a name");
        let [mode, _, hash] = head.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        let hash = Hash::parse(hash, Some(Algorithm::Sha1)).expect("a hash");
        // The listing fills modes up to six digits, the object does not.
        entries.extend_from_slice(mode.trim_start_matches('0').as_bytes());
        entries.extend_from_slice(format!(" {name}\0").as_bytes());
        entries.extend_from_slice(hash.digest());
    }
    [format!("tree {}\0", entries.len()).into_bytes(), entries].concat()
}

#[test]
fn objects_of_git_have_the_hashes_that_trees_name_them_by() {
    let folder = "libutil/git";
    let Some(contents) = vectors::read(&format!("{folder}/hello-world.bin")) else {
        return;
    };
    let vector = |name| vectors::read(&format!("{folder}/{name}")).expect("it lies beside");
    let blob = [format!("blob {}\0", contents.len()).into_bytes(), contents].concat();
    assert_eq!(blob, vector("hello-world-blob.bin"));
    let listing = String::from_utf8(vector("tree-sha1.txt")).expect("a text");
    let hash = Hash::of(Algorithm::Sha1, &blob).to_bare_text(HashFormat::Base16);
    assert_eq!(listing.matches(&hash).count(), 3);
    assert_eq!(tree_object(&listing), vector("tree-sha1.bin"));
    // What the script checks, these tests check.
    assert!(vector("check-data.sh").starts_with(b"#!"));
}

/// Returns the archive of a file.
fn archive(contents: &str) -> Vec<u8> {
    let mut archive = Vec::new();
    for text in [
        "nix-archive-1",
        "(",
        "type",
        "regular",
        "contents",
        contents,
        ")",
    ] {
        archive.extend_from_slice(&(text.len() as u64).to_le_bytes());
        archive.extend_from_slice(text.as_bytes());
        archive.resize(archive.len().next_multiple_of(8), 0);
    }
    archive
}

/// Printed by `nix store add --dry-run --name hello` of 2.34.8 for a file that holds `hello`; what
/// git hashes of it, `git hash-object` prints too.
const ADDED: [(&str, Algorithm, &str); 12] = [
    ("flat", Algorithm::Md5, "cjjgh51g19my6qswi7m4371f5892dxs9"),
    ("flat", Algorithm::Sha1, "v0nrf1zmxrpzqx6hw27z2qp9glpisrpz"),
    (
        "flat",
        Algorithm::Sha256,
        "3fhdhfqli6qm669f7sz8d8v6xz24zrqc",
    ),
    (
        "flat",
        Algorithm::Sha512,
        "9dsyz1y7fz5x2b2p5qc3a34qbjd2v83x",
    ),
    (
        "flat",
        Algorithm::Blake3,
        "1bzz0vcn185267fscx3pzj2aa25cwflh",
    ),
    ("nar", Algorithm::Md5, "vmzyb8x6y89fyvvrv1270779qg1mhysw"),
    ("nar", Algorithm::Sha1, "9yw8zg8zabkb6xrhdxm7shpq2cjcx9ky"),
    ("nar", Algorithm::Sha256, "yqi18hzk6wxzj2ksv7x9k8rnnzwirzz9"),
    ("nar", Algorithm::Sha512, "5001xzvwzscs1y267si3wjjl96m8jj3g"),
    ("nar", Algorithm::Blake3, "sb79fkzzds1fl1zlgrgdfv26fwdf8qv6"),
    ("git", Algorithm::Sha1, "k4dcl5c78plk6xq4yib0cjacmicc4j9w"),
    ("git", Algorithm::Sha256, "3njhmmj0nc1p0dwx7zkydj52assyxyr4"),
];

#[test]
fn contents_of_every_method_and_algorithm_have_the_path_that_nix_gives_them() {
    let dir = StoreDir::default();
    let name = StorePathName::new("hello").expect("a name");
    for (method, algorithm, hash_part) in ADDED {
        let method: ContentAddressMethod = method.parse().expect("a method");
        let contents = match method {
            ContentAddressMethod::Nar => archive("hello"),
            ContentAddressMethod::Git => b"blob 5\0hello".to_vec(),
            _ => b"hello".to_vec(),
        };
        let address = ContentAddress::new(method, Hash::of(algorithm, &contents));
        let address = address.expect("they go together");
        let path = dir.fixed_path(&name, &address, &References::default());
        let path = path.expect("a path");
        assert_eq!(path.hash_part(), hash_part, "{method} {algorithm}");
        assert_eq!(address.to_string().parse(), Ok(address));
    }
}

#[test]
fn contents_hashed_by_git_have_no_references_and_one_of_two_hashes() {
    let dir = StoreDir::default();
    let name = StorePathName::new("hello").expect("a name");
    let address = git(Hash::of(Algorithm::Sha1, b"blob 5\0hello"));
    // As `nix hash path --mode git` of 2.34.8 prints it.
    let hash = "n2hvapdbm8q1472w7aamznb71di4rz5n";
    assert_eq!(address.to_string(), format!("fixed:git:sha1:{hash}"));
    let other = dir.fixed_path(&name, &address, &References::default());
    for (others, self_reference) in [([other.expect("a path")].into(), false), ([].into(), true)] {
        let references = References {
            others,
            self_reference,
        };
        let refused = ComputeError::References {
            method: ContentAddressMethod::Git,
            algorithm: Algorithm::Sha1,
        };
        let found = dir.fixed_path(&name, &address, &references);
        assert_eq!(found, Err(refused));
    }
    for algorithm in Algorithm::ALL {
        let known = ContentAddress::new(ContentAddressMethod::Git, Hash::of(algorithm, b""));
        let expected = [Algorithm::Sha1, Algorithm::Sha256].contains(&algorithm);
        assert_eq!(known.is_ok(), expected, "{algorithm}");
    }
}

/// Of a path info that is in no vector: an object that git has hashed.
#[test]
fn objects_hashed_by_git_vouch_for_themselves() {
    let dir = StoreDir::default();
    let name = StorePathName::new("hello").expect("a name");
    let address = git(Hash::of(Algorithm::Sha256, b"blob 5\0hello"));
    let path = dir
        .fixed_path(&name, &address, &References::default())
        .expect("a path");
    let nar_hash = Hash::of(Algorithm::Sha256, b"")
        .try_into()
        .expect("SHA-256");
    let mut info = PathInfo::new(path, nar_hash, 120);
    info.content_address = Some(address);
    assert!(info.is_content_addressed(&dir));
    let json = info.to_json(&dir, JsonVersion::V3);
    assert_eq!(json["ca"]["method"], "git");
    assert_eq!(PathInfo::from_json(&dir, &info.path, &json), Ok(info));
}
