//! What archives measure, however they are cut.

use std::io::Write;

use nix_core::{
    content_address::{ContentAddress, ContentAddressMethod},
    hash::{Algorithm, Hash, ModuloHasher, Sha256},
    path_info::PathInfo,
};
use nix_store::store::{ArchiveHasher, Measured};
use proptest::{collection::vec, prelude::*};

use crate::fixture::{archive, file, info, new_object, path, tree};

const HOWS: [&str; 9] = [
    "fixed:sha256",
    "fixed:sha1",
    "fixed:md5",
    "fixed:sha512",
    "text:sha256",
    "fixed:r:sha256",
    "fixed:r:sha1",
    "fixed:r:md5",
    "fixed:r:sha512",
];

const OWN: &str = "g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-own";

/// Writes an archive in pieces, whose lengths are repeated.
fn measure(mut hasher: ArchiveHasher, mut nar: &[u8], pieces: &[usize]) -> Measured {
    for piece in pieces.iter().cycle() {
        if nar.is_empty() {
            break;
        }
        let (begin, rest) = nar.split_at((*piece).min(nar.len()));
        hasher.write_all(begin).expect("an archive");
        nar = rest;
    }
    hasher.finish()
}

/// What is known of an object that refers to itself.
fn own_info(nar: &[u8], algorithm: Algorithm) -> PathInfo {
    let mut info = info("own", nar, &[]);
    info.path = path(OWN);
    info.references = [info.path.clone()].into();
    info.content_address = Some(ContentAddress {
        method: ContentAddressMethod::Nar,
        hash: Hash::of(algorithm, b""),
    });
    info
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

    #[test]
    fn pieces_of_any_length_measure_the_same(
        contents in vec(any::<u8>(), 0..300),
        own in 0..3_usize,
        pieces in vec(1..200_usize, 1..5),
    ) {
        let contents = [&contents[..], OWN.repeat(own).as_bytes()].concat();
        let (plain, executable, tree) =
            (file(&contents, false), file(&contents, true), tree(&contents));
        for how in HOWS {
            let object = new_object("a", how, &[]);
            let hasher = || ArchiveHasher::of_new(&object).unwrap();
            for nar in [&plain, &executable, &tree] {
                let measured = measure(hasher(), nar, &pieces);
                prop_assert_eq!(measured.nar_hash, Sha256::of(nar));
                prop_assert_eq!(measured.nar_size, nar.len() as u64);
                let by = object.how.algorithm;
                let expected = match object.how.method {
                    ContentAddressMethod::Nar => Some(Hash::of(by, nar)),
                    _ if nar == &tree => None,
                    _ => Some(Hash::of(by, &contents)),
                };
                prop_assert_eq!(measured.content, expected, "{}", how);
            }
        }
        for algorithm in [Algorithm::Sha256, Algorithm::Sha1] {
            let hasher = ArchiveHasher::of_info(&own_info(&tree, algorithm)).unwrap();
            let mut expected = ModuloHasher::new(algorithm, &path(OWN).hash_part_bytes());
            expected.update(&tree);
            let expected = expected.finish();
            prop_assert_eq!(expected.occurrences, own);
            let measured = measure(hasher, &tree, &pieces);
            prop_assert_eq!(measured.content, Some(expected.hash));
        }
    }
}

#[test]
fn a_file_that_was_cut_has_no_content() {
    let nar = file(b"hello", false);
    let object = new_object("a", "fixed:sha256", &[]);
    for end in 0..nar.len() {
        let mut hasher = ArchiveHasher::of_new(&object).unwrap();
        hasher.write_all(&nar[..end]).unwrap();
        assert_eq!(hasher.finish().content, None, "{end}");
    }
}

#[test]
fn an_object_that_is_addressed_as_a_file_may_be_executable() {
    let executable = file(b"#!/bin/sh\n", true);
    for how in ["fixed:sha256", "fixed:sha1", "text:sha256"] {
        let object = new_object("run", how, &[]);
        let by = object.how.algorithm;
        let mut info = info("run", &executable, &[]);
        info.content_address = Some(ContentAddress {
            method: object.how.method,
            hash: Hash::of(by, b"#!/bin/sh\n"),
        });
        let hasher = ArchiveHasher::of_info(&info).unwrap();
        let measured = measure(hasher, &executable, &[7]);
        let expected = Hash::of(by, b"#!/bin/sh\n");
        assert_eq!(measured.content, Some(expected), "{how}");
    }
}

#[test]
fn what_is_no_archive_is_no_file() {
    let object = new_object("a", "fixed:sha256", &[]);
    let mut hasher = ArchiveHasher::of_new(&object).unwrap();
    hasher.write_all(b"no archive at all").unwrap_err();
    assert_eq!(hasher.finish().content, None);
}

#[test]
fn without_an_address_there_is_no_content() {
    let nar = archive(&[nix_io::nar::Event::Symlink { target: b"a" }]);
    let measured = measure(ArchiveHasher::new(), &nar, &[3]);
    let expected = Measured {
        nar_hash: Sha256::of(&nar),
        nar_size: nar.len() as u64,
        content: None,
    };
    assert_eq!(measured, expected);
    let of_info = ArchiveHasher::of_info(&info("a", &nar, &[])).unwrap();
    assert_eq!(measure(of_info, &nar, &[nar.len()]), expected);
}
