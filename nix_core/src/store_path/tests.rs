use alloc::{collections::BTreeSet, format, string::ToString, vec, vec::Vec};

use proptest::prelude::*;

use super::*;
use crate::{
    content_address::{ContentAddress, ContentAddressError, ContentAddressMethod},
    hash::{Algorithm, Hash, Sha256},
    nix32::Nix32Error,
};

const HASH: &str = "g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q";

fn name(text: &str) -> StorePathName {
    StorePathName::new(text).unwrap()
}

fn references(paths: &[&str], self_reference: bool) -> References {
    let others = paths
        .iter()
        .map(|path| StorePath::from_base_name(path).unwrap());
    References {
        others: others.collect(),
        self_reference,
    }
}

/// The archive of a file.
fn nar(contents: &str) -> Vec<u8> {
    let tokens = [
        "nix-archive-1",
        "(",
        "type",
        "regular",
        "contents",
        contents,
        ")",
    ];
    let mut nar = Vec::new();
    for token in tokens {
        nar.extend((token.len() as u64).to_le_bytes());
        nar.extend(token.as_bytes());
        nar.resize(nar.len().next_multiple_of(8), 0);
    }
    nar
}

#[test]
fn names_have_the_characters_and_dots_that_nix_allows() {
    for text in [
        "a",
        "hello-2.12",
        "+._?=-Z9",
        ".gitignore",
        "...",
        "...-",
        "...a",
        "-",
        "a-..",
    ] {
        assert_eq!(name(text).as_str(), text);
    }
    for text in [".", "..", ".-a", "..-1", "..-"] {
        assert_eq!(
            StorePathName::new(text),
            Err(StorePathNameError::Dots),
            "{text}"
        );
        assert_eq!(
            OutputName::new(text),
            Err(StorePathNameError::Dots),
            "{text}"
        );
    }
    for (text, byte) in [
        ("a b", b' '),
        ("a*", b'*'),
        ("a\u{e9}", 0xc3),
        ("a\0", 0),
        ("a/b", b'/'),
    ] {
        let error = StorePathNameError::Symbol { position: 1, byte };
        assert_eq!(StorePathName::new(text), Err(error), "{text}");
        assert_eq!(OutputName::new(text), Err(error), "{text}");
    }
    assert_eq!(StorePathName::new(""), Err(StorePathNameError::Empty));
    assert!(StorePathName::new(&"x".repeat(211)).is_ok());
    let long = StorePathName::new(&"x".repeat(212));
    assert_eq!(long, Err(StorePathNameError::Long(212)));
    assert_eq!(
        long.unwrap_err().to_string(),
        "the name has 212 bytes, more than 211"
    );
}

#[test]
fn names_of_outputs_are_joined_and_may_become_too_long() {
    let dev = OutputName::new("dev").unwrap();
    assert_eq!(name("a").for_output(&dev), Ok(name("a-dev")));
    assert_eq!(name("a").for_output(&OutputName::out()), Ok(name("a")));
    let long = name(&"x".repeat(208));
    assert_eq!(long.for_output(&dev), Err(StorePathNameError::Long(212)));
    assert_eq!(
        long.with_derivation_suffix(),
        Err(StorePathNameError::Long(212))
    );
    assert_eq!(name("a").with_derivation_suffix(), Ok(name("a.drv")));
    assert_eq!(name("a.drv").without_derivation_suffix(), Some(name("a")));
    for text in ["a", ".drv", "..drv", "a.drv.x"] {
        assert_eq!(name(text).without_derivation_suffix(), None, "{text}");
    }
}

#[test]
fn base_names_have_32_digits_a_dash_and_a_name() {
    let check = |text: &str, error| assert_eq!(StorePath::from_base_name(text), Err(error));
    check("", StorePathError::Short(0));
    check(&HASH[1..], StorePathError::Short(31));
    check(HASH, StorePathError::Dash);
    check(&format!("{HASH}_a"), StorePathError::Dash);
    check(
        &format!("{HASH}-"),
        StorePathError::Name(StorePathNameError::Empty),
    );
    let symbol = Nix32Error::Symbol {
        position: 0,
        byte: b'e',
    };
    check(
        &format!("e{}-a", &HASH[1..]),
        StorePathError::HashPart(symbol),
    );
    let symbol = Nix32Error::Symbol {
        position: 0,
        byte: b'G',
    };
    check(
        &format!("G{}-a", &HASH[1..]),
        StorePathError::HashPart(symbol),
    );
    check(
        &format!("{HASH}-."),
        StorePathError::Name(StorePathNameError::Dots),
    );
    let bytes = StorePath::from_base_name_bytes(&[b"0".repeat(32), b"-\xff".to_vec()].concat());
    let symbol = StorePathNameError::Symbol {
        position: 0,
        byte: 0xff,
    };
    assert_eq!(bytes, Err(StorePathError::Name(symbol)));
}

#[test]
fn the_wire_form_is_resolved_and_the_canonical_one_is_exact() {
    let dir = StoreDir::default();
    let path = StorePath::from_base_name(&format!("{HASH}-foo")).unwrap();
    let full = format!("/nix/store/{HASH}-foo");
    assert_eq!(dir.parse(&full), Ok(path.clone()));
    assert_eq!(dir.parse_canonical(&full), Ok(path.clone()));
    assert_eq!(dir.print(&path), full);
    assert_eq!(dir.display(&path).to_string(), full);
    for text in [
        format!("/nix/store//{HASH}-foo"),
        format!("//nix/store/{HASH}-foo"),
        format!("{full}/"),
        format!("/nix/store/./{HASH}-foo/."),
        format!("{full}/bin/.."),
        format!("/nix/store/bar/../{HASH}-foo"),
        format!("/../nix/x/../store/{HASH}-foo//"),
    ] {
        assert_eq!(dir.parse(&text), Ok(path.clone()), "{text}");
        assert_eq!(dir.parse_bytes(text.as_bytes()), Ok(path.clone()), "{text}");
        assert!(dir.parse_canonical(&text).is_err(), "{text}");
        assert!(
            dir.parse_canonical_bytes(text.as_bytes()).is_err(),
            "{text}"
        );
    }
}

#[test]
fn paths_lie_in_the_store_dir_itself() {
    let dir = StoreDir::default();
    let check = |text: &str, error| {
        assert_eq!(dir.parse(text), Err(error), "{text}");
        assert_eq!(dir.parse_canonical(text), Err(error), "{text}");
    };
    check(&format!("{HASH}-foo"), StorePathError::Relative);
    check("", StorePathError::Relative);
    check(&format!("nix/store/{HASH}-foo"), StorePathError::Relative);
    check(&format!("/gnu/store/{HASH}-foo"), StorePathError::Elsewhere);
    check(
        &format!("/nix/storex/{HASH}-foo"),
        StorePathError::Elsewhere,
    );
    check(&format!("/nix/store{HASH}-foo"), StorePathError::Elsewhere);
    check("/nix/store", StorePathError::Elsewhere);
    check("/", StorePathError::Elsewhere);
    check(
        &format!("/nix/store/{HASH}-foo/bin"),
        StorePathError::Nested,
    );
    check(&format!("/nix/store/x/{HASH}-foo"), StorePathError::Nested);
    check("/nix/store/", StorePathError::Short(0));
    check("/nix/store/..", StorePathError::Short(2));
    let outside = format!("/nix/store/../{HASH}-foo");
    assert_eq!(dir.parse(&outside), Err(StorePathError::Elsewhere));
}

#[test]
fn a_store_dir_is_absolute_and_plain() {
    let scratch = StoreDir::new("/scratch/my store").unwrap();
    assert_eq!(scratch.as_str(), "/scratch/my store");
    let path = scratch
        .parse(&format!("/scratch/my store/{HASH}-a"))
        .unwrap();
    assert!(StoreDir::default().parse(&scratch.print(&path)).is_err());
    for (text, error) in [
        ("", StoreDirError::Relative),
        ("nix/store", StoreDirError::Relative),
        ("/", StoreDirError::Part),
        ("/nix/store/", StoreDirError::Part),
        ("/nix//store", StoreDirError::Part),
        ("/nix/../store", StoreDirError::Part),
        ("/nix/.", StoreDirError::Part),
        ("/nix\n", StoreDirError::Symbol('\n')),
        ("/nix\0", StoreDirError::Symbol('\0')),
        ("/a\"b", StoreDirError::Symbol('"')),
        ("/a\\b", StoreDirError::Symbol('\\')),
    ] {
        assert_eq!(StoreDir::new(text), Err(error), "{text:?}");
    }
}

#[test]
fn store_paths_sort_as_nix_prints_them() {
    let path = |at: usize| {
        let mut digest = [0; 20];
        digest[at] = 1;
        StorePath::new(digest, &name("a"))
    };
    assert!(path(0) < path(19));
    let same = |text| StorePath::new([0; 20], &name(text));
    assert!(same("a-") < same("a.") && same("a.") < same("aa"));
}

#[test]
fn maps_by_store_path_are_asked_by_base_name() {
    let path = StorePath::new([1; 20], &name("a"));
    let sorted = BTreeSet::from([path.clone(), StorePath::new([2; 20], &name("a"))]);
    assert_eq!(sorted.get(path.base_name()), Some(&path));
    assert_eq!(sorted.get("a"), None);
}

#[test]
fn texts_and_archives_have_the_paths_of_nix() {
    let dir = StoreDir::default();
    let asdf = Hash::of(Algorithm::Sha256, b"asdf");
    let both = [format!("{}-a", "0".repeat(32)), format!("{HASH}-b")];
    let both = both.each_ref().map(|path| path.as_str());
    let check = |method, paths: &[&str], own, expected: &str| {
        let address = ContentAddress::new(method, asdf).unwrap();
        let path = dir.fixed_path(&name("foo"), &address, &references(paths, own));
        assert_eq!(path.unwrap().to_string(), format!("{expected}-foo"));
    };
    check(
        ContentAddressMethod::Text,
        &[],
        false,
        "r385g4pyg21zvs1m8ywsndzvy6vyzif1",
    );
    check(
        ContentAddressMethod::Text,
        &both,
        false,
        "xhdcjvwbfa9d0yiqk0nd55mazvj439nm",
    );
    check(
        ContentAddressMethod::Nar,
        &[],
        false,
        "kjzk00x1j8i2hah48a70hs5w0jdbszpl",
    );
    check(
        ContentAddressMethod::Nar,
        &both,
        true,
        "nikq2szc246as98xnm2phibih9fxsraf",
    );
    check(
        ContentAddressMethod::Nar,
        &[],
        true,
        "a0x51sl6y8kyvyxbgic9vvnrs8n4s6f2",
    );
    let contents = Sha256::try_from(asdf).unwrap();
    let text = dir.text_path(&name("foo"), contents, &references(&both, false).others);
    assert_eq!(text.hash_part(), "xhdcjvwbfa9d0yiqk0nd55mazvj439nm");
    let scratch = StoreDir::new("/scratch/store").unwrap();
    let address = ContentAddress::new(ContentAddressMethod::Nar, asdf).unwrap();
    let path = scratch
        .fixed_path(&name("foo"), &address, &References::default())
        .unwrap();
    assert_eq!(path.hash_part(), "b56xishlsgp3q3fabmgcq931phxan9ap");
}

#[test]
fn what_nix_store_adds_has_the_path_that_it_printed() {
    // `printf asdf > foo; nix-store --add-fixed [--recursive] ALGORITHM foo`, by Nix 2.8.
    let check = |method, algorithm, bytes: &[u8], expected: &str| {
        let address = ContentAddress::new(method, Hash::of(algorithm, bytes)).unwrap();
        let path = StoreDir::default().fixed_path(&name("foo"), &address, &References::default());
        assert_eq!(path.unwrap().hash_part(), expected);
    };
    let (flat, recursive) = (ContentAddressMethod::Flat, ContentAddressMethod::Nar);
    check(
        flat,
        Algorithm::Sha256,
        b"asdf",
        "bmmi3yc1bhv6rq3yxmsp33qx55ry94hj",
    );
    check(
        flat,
        Algorithm::Md5,
        b"asdf",
        "9q44dwakg7n3xymwyikm2jnqa5a9dn8b",
    );
    check(
        recursive,
        Algorithm::Sha1,
        &nar("asdf"),
        "5pcyl3zfr6ykid6sjnmcmnbd8bmdrf5b",
    );
    check(
        recursive,
        Algorithm::Sha256,
        &nar("asdf"),
        "rva4kj0xqj9sqbv3kp0v1g41l2kdd9br",
    );
}

#[test]
fn git_objects_and_outputs_have_paths_of_their_own() {
    let dir = StoreDir::default();
    let git = |algorithm| {
        let hash = Hash::of(algorithm, b"asdf");
        let address = ContentAddress::new(ContentAddressMethod::Git, hash).unwrap();
        dir.fixed_path(&name("foo"), &address, &References::default())
            .unwrap()
    };
    assert_eq!(
        git(Algorithm::Sha1).hash_part(),
        "0wbnrk3g2y6346k2ii095dirz2rbyham"
    );
    assert_eq!(
        git(Algorithm::Sha256).hash_part(),
        "q8wc2b5k8brz0dl3xmb85h56xkfjibvj"
    );
    let output = |output: &str| {
        let output = OutputName::new(output).unwrap();
        dir.output_path(&name("foo"), &output, Sha256::of(b"asdf"))
            .unwrap()
            .to_string()
    };
    assert_eq!(output("out"), "qr3kgjhi8n0qcvbqmcfvsmvah3iik879-foo");
    assert_eq!(output("dev"), "ncixip43gqp6hvsi2issp5l4jpnwz6wn-foo-dev");
    let long = name(&"x".repeat(210));
    let error = dir.output_path(&long, &OutputName::new("dev").unwrap(), Sha256::of(b""));
    assert_eq!(
        error,
        Err(ComputeError::Name(StorePathNameError::Long(214)))
    );
}

#[test]
fn only_texts_and_archives_by_sha_256_have_references() {
    let dir = StoreDir::default();
    let b = format!("{HASH}-b");
    let none = references(&[], false);
    for method in ContentAddressMethod::ALL {
        for algorithm in Algorithm::ALL {
            let address = ContentAddress {
                method,
                hash: Hash::of(algorithm, b""),
            };
            let path = |references: &References| dir.fixed_path(&name("a"), &address, references);
            if method.check(algorithm).is_err() {
                let error = ContentAddressError::Algorithm { method, algorithm };
                assert_eq!(path(&none), Err(ComputeError::ContentAddress(error)));
                continue;
            }
            assert!(path(&none).is_ok());
            let refused = Err(ComputeError::References { method, algorithm });
            let (others, own) = (
                path(&references(&[&b], false)),
                path(&references(&[], true)),
            );
            match (method, algorithm) {
                (ContentAddressMethod::Nar, Algorithm::Sha256) => {
                    assert!(others.is_ok() && own.is_ok() && others != own);
                }
                (ContentAddressMethod::Text, _) => {
                    assert!(others.is_ok());
                    assert_eq!(own, Err(ComputeError::TextSelfReference));
                }
                _ => assert_eq!(vec![others, own], [refused.clone(), refused]),
            }
        }
    }
}

proptest! {
    #[test]
    fn whatever_is_printed_is_read_again(path in arb_store_path()) {
        let dir = StoreDir::default();
        prop_assert_eq!(StorePath::from_base_name(path.base_name()), Ok(path.clone()));
        prop_assert_eq!(dir.parse(&dir.print(&path)), Ok(path.clone()));
        prop_assert_eq!(dir.parse_canonical(&dir.print(&path)), Ok(path.clone()));
        prop_assert_eq!(&StorePath::new(path.digest(), &path.to_name()), &path);
    }

    #[test]
    fn no_bytes_make_the_parsers_panic(
        path in "(/nix/store/|/nix/|/|)([0-9a-df-np-sv-z]{32}-)?([0-9a-z./-]{0,20}|\\PC{0,9})",
    ) {
        let dir = StoreDir::default();
        if let Ok(exact) = dir.parse_canonical(&path) {
            prop_assert_eq!(dir.print(&exact), path.clone());
            prop_assert_eq!(dir.parse(&path), Ok(exact));
        }
        if let Ok(found) = dir.parse(&path) {
            prop_assert_eq!(dir.parse_canonical(&dir.print(&found)), Ok(found));
        }
    }

    #[test]
    fn names_of_outputs_are_valid(drv in arb_store_path_name(), output in arb_output_name()) {
        let joined = drv.for_output(&output).unwrap();
        prop_assert_eq!(StorePathName::new(joined.as_str()), Ok(joined));
        prop_assert_eq!(OutputName::new(output.as_str()), Ok(output));
    }
}
