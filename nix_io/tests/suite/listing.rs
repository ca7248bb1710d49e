//! Listings of archives and their JSON.

use nix_io::nar::{Listed, Listing, ListingErrorKind, NameError, NarLimits, TargetError};

use crate::support::{Tree, archive_of_names, shared};

fn sample() -> (Vec<u8>, Listing) {
    let tree = Tree::directory([
        (
            b"bin",
            Tree::directory([(
                b"hello",
                Tree::File {
                    executable: true,
                    contents: b"#!/bin/sh\n".to_vec(),
                },
            )]),
        ),
        (b"empty", Tree::file(b"")),
        (b"lib", Tree::Link(b"bin/../lib64".to_vec())),
    ]);
    let archive = tree.archive();
    let listing = Listing::read(&archive[..], NarLimits::default()).expect("an archive");
    (archive, listing)
}

#[track_caller]
fn refused(json: &str, path: &str, kind: ListingErrorKind) {
    let error = Listing::from_json(json.as_bytes(), NarLimits::default());
    let error = error.expect_err("it is refused");
    assert_eq!((&*error.path, error.kind), (path, kind), "{json}");
}

#[test]
fn offsets_lead_to_contents() {
    let (archive, listing) = sample();
    let found = listing.find(b"bin/hello").expect("a file").what();
    let Listed::Regular {
        executable: true,
        size: Some(10),
        nar_offset: Some(offset),
    } = found
    else {
        panic!("{found:?}");
    };
    let offset = usize::try_from(offset).expect("it lies in the archive");
    assert_eq!(&archive[offset..offset + 10], b"#!/bin/sh\n");
}

#[test]
fn paths_are_found_by_their_components() {
    let (_, listing) = sample();
    for path in [&b""[..], b"/", b"//"] {
        assert_eq!(
            listing.find(path).expect("the root").what(),
            Listed::Directory
        );
    }
    for path in [&b"bin/hello"[..], b"/bin/hello", b"bin//hello/"] {
        assert!(listing.find(path).is_some());
    }
    for path in [
        &b"bi"[..],
        b"bin/hello/x",
        b".",
        b"bin/..",
        b"lib/hello",
        b"hello",
    ] {
        assert!(listing.find(path).is_none());
    }
    let target = Listed::Symlink {
        target: b"bin/../lib64",
    };
    assert_eq!(listing.find(b"lib").expect("a symlink").what(), target);
}

#[test]
fn a_walk_meets_every_node_in_the_order_of_the_archive() {
    let (_, listing) = sample();
    let paths: Vec<_> = listing.walk().map(|(path, _)| path).collect();
    let expected: [&[u8]; 5] = [b"", b"bin", b"bin/hello", b"empty", b"lib"];
    assert_eq!(paths, expected);
}

#[test]
fn json_is_that_of_nix() {
    let (_, listing) = sample();
    let json = concat!(
        r#"{"root":{"entries":{"bin":{"entries":{"hello":{"executable":true,"narOffset":400,"#,
        r#""size":10,"type":"regular"}},"type":"directory"},"empty":{"executable":false,"#,
        r#""narOffset":632,"size":0,"type":"regular"},"lib":{"target":"bin/../lib64","#,
        r#""type":"symlink"}},"type":"directory"},"version":1}"#,
    );
    assert_eq!(listing.to_json().as_deref(), Ok(json));
    let read = Listing::from_json(json.as_bytes(), NarLimits::default());
    assert_eq!(read, Ok(listing));
}

#[test]
fn json_in_any_order_and_with_unknown_fields_is_read() {
    let json = br#" { "version" : 1, "more": [{}, null, [1.5e3, "\u0000"]],
        "root": {"type": "directory", "entries": {
            "b": {"size": 3, "type": "regular", "x": {"y": {}}},
            "a": {"target": "\u0041", "type": "symlink"}, "c": {} } } } "#;
    let listing = Listing::from_json(json, NarLimits::default()).expect("a listing");
    let names: Vec<_> = listing.root().entries().map(|(name, _)| name).collect();
    assert_eq!(names, [b"a", b"b", b"c"]);
    let what = |path: &[u8]| listing.find(path).expect("an entry").what();
    assert_eq!(what(b"a"), Listed::Symlink { target: b"A" });
    assert_eq!(what(b"c"), Listed::Unlisted);
    let file = Listed::Regular {
        executable: false,
        size: Some(3),
        nar_offset: None,
    };
    assert_eq!(what(b"b"), file);
}

#[test]
fn json_that_is_no_listing_is_refused_with_its_place() {
    use ListingErrorKind as Kind;
    let root = |node: &str| format!(r#"{{"version":1,"root":{node}}}"#);
    let entry = |name: &str, node: &str| {
        root(&format!(
            r#"{{"type":"directory","entries":{{"{name}":{node}}}}}"#
        ))
    };
    let file = r#"{"type":"regular"}"#;
    refused("", "", Kind::Expected("an object"));
    refused("[]", "", Kind::Expected("an object"));
    refused("{}", "", Kind::Missing("version"));
    refused(r#"{"version":1}"#, "", Kind::Missing("root"));
    refused(&root(file).replace('1', "2"), "", Kind::Version(2));
    refused(
        &root(file).replace('1', "-1"),
        "",
        Kind::Expected("an integer"),
    );
    refused(&format!("{}x", root(file)), "", Kind::Expected("the end"));
    refused(&root("3"), "", Kind::Expected("a node"));
    refused(
        &root(r#"{"type":"device"}"#),
        "",
        Kind::Type("device".into()),
    );
    refused(&root(r#"{"size":1}"#), "", Kind::Missing("type"));
    refused(&root(r#"{"type":"symlink"}"#), "", Kind::Missing("target"));
    refused(
        &root(r#"{"type":"directory"}"#),
        "",
        Kind::Missing("entries"),
    );
    let twice = root(r#"{"type":"regular","size":1,"size":2}"#);
    refused(&twice, "", Kind::Duplicate("size".into()));
    refused(
        &root(r#"{"type":"regular" "size":1}"#),
        "",
        Kind::Expected("a comma or the end of the object"),
    );
    refused(
        &entry("a", r#"{"type":"symlink","target":""}"#),
        "a",
        Kind::Target(TargetError::Empty),
    );
    refused(
        &entry("a", r#"{"type":"regular","executable":1}"#),
        "a",
        Kind::Expected("true or false"),
    );
    for (name, error) in [
        ("", NameError::Empty),
        ("..", NameError::Dots),
        ("/etc", NameError::Slash),
        ("a\\u0000", NameError::Nul),
    ] {
        refused(&entry(name, file), "", Kind::Name(error));
    }
    let same = entry(&format!(r#"a":{file},"a"#), file);
    refused(&same, "", Kind::Name(NameError::Duplicate));
}

#[test]
fn json_that_is_cut_anywhere_is_refused() {
    let json = sample().1.to_json().expect("the names are text");
    for end in 0..json.len() {
        assert!(Listing::from_json(&json.as_bytes()[..end], NarLimits::default()).is_err());
    }
}

#[test]
fn deep_json_is_refused_or_read_without_recursion() {
    let deep = |depth: usize| {
        let begin = r#"{"type":"directory","entries":{"a":"#.repeat(depth);
        format!(
            r#"{{"version":1,"root":{begin}{{}}{}}}"#,
            "}}".repeat(depth)
        )
    };
    assert!(Listing::from_json(deep(63).as_bytes(), NarLimits::default()).is_ok());
    for depth in [64, 20_000] {
        let error = Listing::from_json(deep(depth).as_bytes(), NarLimits::default());
        let kind = error.expect_err("it is too deep").kind;
        assert_eq!(kind, ListingErrorKind::TooDeep { max: 64 });
    }
    let limits = NarLimits {
        depth_max: 20_001,
        ..NarLimits::default()
    };
    let listing = Listing::from_json(deep(20_000).as_bytes(), limits).expect("a listing");
    assert_eq!(listing.to_json().expect("text").len(), deep(20_000).len());
}

#[test]
fn a_name_that_is_no_text_has_no_json() {
    let archive = archive_of_names(&[b"a", b"\xff"]);
    let listing = Listing::read(&archive[..], NarLimits::default()).expect("an archive");
    assert!(listing.find(b"\xff").is_some());
    let error = listing.to_json().expect_err("JSON is UTF-8");
    assert_eq!(error.kind, ListingErrorKind::NotUtf8);
    assert_eq!(error.path, "\u{fffd}");
}

#[test]
fn what_follows_an_archive_that_is_the_whole_input_is_refused() {
    let (mut archive, _) = sample();
    archive.push(0);
    assert!(Listing::read(&archive[..], NarLimits::default()).is_err());
}

#[test]
fn listings_of_nix_are_read() {
    let Some(shallow) = shared("conformance/nix/libutil/nar-listing/shallow.json") else {
        return;
    };
    let json = std::fs::read(shallow).expect("a file");
    let listing = Listing::from_node_json(&json, NarLimits::default()).expect("a listing");
    let entries: Vec<_> = listing
        .root()
        .entries()
        .map(|(name, node)| (name, node.what()))
        .collect();
    let expected: [(&[u8], _); 2] = [(b"bar", Listed::Unlisted), (b"foo", Listed::Unlisted)];
    assert_eq!(entries, expected);
    let ours: serde_json::Value =
        serde_json::from_str(&listing.to_node_json().expect("text")).expect("JSON");
    let theirs: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
    assert_eq!(ours, theirs);

    let Some(simple) = shared("conformance/nix/libutil/memory-source-accessor/simple.json") else {
        return;
    };
    // It holds the contents, which a listing has not.
    let json = std::fs::read(simple).expect("a file");
    let listing = Listing::from_node_json(&json, NarLimits::default()).expect("a listing");
    let file = Listed::Regular {
        executable: false,
        size: None,
        nar_offset: None,
    };
    assert_eq!(listing.root().what(), file);
}
