//! What is added is whole, and what is refused leaves nothing.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, BufReader, Read},
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
};

use nix_core::{
    content_address::ContentAddressMethod::{Flat, Git, Nar, Text},
    hash::{Algorithm, Sha256},
    signature::{SecretKey, TrustedKeys},
    store_path::{StoreDir, StorePath},
};
use nix_store::{
    local::LocalOptions,
    store::{Added, Error, ReadStore, WriteStore},
};

use crate::support::{Place, archive, info, method, name, packed, quick, recursive};

#[test]
fn an_added_tree_lies_in_its_place_with_the_metadata_of_a_store() {
    let place = Place::with(&LocalOptions::default());
    let tree = place.path("tree");
    fs::create_dir_all(tree.join("bin")).expect("a folder");
    fs::write(tree.join("bin/run"), "#!/bin/sh\n").expect("a file");
    fs::set_permissions(tree.join("bin/run"), fs::Permissions::from_mode(0o4755)).expect("a mode");
    fs::write(tree.join("text"), "text").expect("a file");
    symlink("bin/run", tree.join("link")).expect("a symlink");

    let added = place.store.add_path(&tree, &name("tree"), recursive());
    let added = added.expect("it is added");
    let real = place.store.real_path(&added.path);
    assert_eq!(packed(&real), packed(&tree));
    assert_eq!(added.nar_hash, Sha256::of(&packed(&tree)));
    let metadata = |name: &str| fs::symlink_metadata(real.join(name)).expect("it is there");
    for (name, mode) in [
        ("", 0o555),
        ("bin", 0o555),
        ("bin/run", 0o555),
        ("text", 0o444),
    ] {
        assert_eq!(metadata(name).mode() & 0o7777, mode, "{name}");
        assert_eq!(metadata(name).mtime(), 1, "{name}");
    }
    assert_eq!(metadata("link").mtime(), 1);
    assert!(added.registration_time > 0);
    assert_eq!(place.unfinished(), [""; 0]);
}

#[test]
fn a_path_that_is_valid_is_joined_and_the_reader_left_behind_its_archive() {
    let place = Place::new();
    let nar = archive(b"one");
    let mut first = info("one", &nar);
    assert_eq!(
        place.store.add_nar(&first, &mut &nar[..]).expect("added"),
        Added::New
    );
    let key = SecretKey::from_seed("key-1".parse().expect("a name"), &[1; 32]);
    first.sign(&StoreDir::default(), &key).expect("signed");

    let mut twice = nar.clone();
    twice.extend(b"more");
    let mut reader = &twice[..];
    let added = place.store.add_nar(&first, &mut reader).expect("joined");
    assert_eq!((added, reader), (Added::Present, &b"more"[..]));
    let found = place
        .store
        .path_info(&first.path)
        .expect("read")
        .expect("valid");
    assert_eq!(found.signatures, first.signatures);
}

#[test]
fn a_present_path_with_another_hash_is_a_conflict() {
    let place = Place::new();
    let (one, other) = (archive(b"one"), archive(b"two"));
    let info_one = info("one", &one);
    place
        .store
        .add_nar(&info_one, &mut &one[..])
        .expect("added");
    let error = place.store.add_nar(&info("one", &other), &mut &other[..]);
    assert!(matches!(error, Err(Error::Conflict { .. })), "{error:?}");
    let read = fs::read(place.store.real_path(&info_one.path));
    assert_eq!(read.expect("it is there"), b"one");
}

#[test]
fn an_archive_that_is_not_what_was_said_leaves_nothing() {
    let place = Place::new();
    let nar = archive(b"what comes");
    let mut other_hash = info("hash", &nar);
    other_hash.nar_hash = Sha256::of(b"else");
    let mut smaller = info("smaller", &nar);
    smaller.nar_size -= 8;
    let mut larger = info("larger", &nar);
    larger.nar_size += 8;
    let add = |info, nar: &[u8]| place.store.add_nar(info, &mut &nar[..]);
    let error = add(&other_hash, &nar);
    assert!(
        matches!(error, Err(Error::HashMismatch { .. })),
        "{error:?}"
    );
    let error = add(&smaller, &nar);
    assert!(
        matches!(error, Err(Error::SizeMismatch { .. })),
        "{error:?}"
    );
    let error = add(&larger, &nar);
    assert!(
        matches!(error, Err(Error::SizeMismatch { .. })),
        "{error:?}"
    );
    let error = add(&info("cut", &nar), &nar[..nar.len() - 8]);
    assert!(matches!(error, Err(Error::Unpack { .. })), "{error:?}");
    assert_eq!(place.objects(), BTreeSet::new());
    assert_eq!(place.unfinished(), [""; 0]);
    assert_eq!(place.store.valid_paths().expect("read"), BTreeSet::new());
}

/// An endless stream that counts what is taken of it.
struct Endless<'n> {
    head: &'n [u8],
    taken: u64,
}

impl Read for Endless<'_> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        self.taken += target.len() as u64;
        let count = self.head.read(target)?;
        if count > 0 {
            return Ok(count);
        }
        target.fill(b'x');
        Ok(target.len())
    }
}

#[test]
fn an_archive_that_never_ends_is_stopped_at_the_size_that_was_said() {
    let place = Place::new();
    let nar = archive(&[b'x'; 4096]);
    let mut said = info("endless", &nar);
    said.nar_size = 1 << 20;
    // The size of the file is at byte 88.
    let mut head = nar.get(..96).expect("a head").to_vec();
    head.splice(88.., (1_u64 << 26).to_le_bytes());
    let mut endless = BufReader::new(Endless {
        head: &head,
        taken: 0,
    });
    let error = place.store.add_nar(&said, &mut endless);
    assert!(
        matches!(error, Err(Error::SizeMismatch { .. })),
        "{error:?}"
    );
    assert!(endless.get_ref().taken < 1 << 20);
    assert_eq!(place.unfinished(), [""; 0]);
}

#[test]
fn a_reference_that_is_not_valid_is_refused_and_one_to_itself_is_not() {
    let place = Place::new();
    let nar = archive(b"one");
    let mut referring = info("referring", &nar);
    referring.references.insert(info("absent", &nar).path);
    let error = place.store.add_nar(&referring, &mut &nar[..]);
    assert!(
        matches!(error, Err(Error::ReferenceNotValid { .. })),
        "{error:?}"
    );
    assert_eq!(place.objects(), BTreeSet::new());

    referring.references = BTreeSet::from([referring.path.clone()]);
    place
        .store
        .add_nar(&referring, &mut &nar[..])
        .expect("added");
}

#[test]
fn what_a_crash_left_at_a_place_is_replaced() {
    let place = Place::new();
    let nar = archive(b"whole");
    let whole = info("whole", &nar);
    let real = place.store.real_path(&whole.path);
    fs::create_dir_all(real.join("half/of")).expect("a leftover");
    place.store.add_nar(&whole, &mut &nar[..]).expect("added");
    assert_eq!(fs::read(&real).expect("a file"), b"whole");
    assert_eq!(place.unfinished(), [""; 0]);
}

#[test]
fn without_a_trusted_signature_nothing_is_read() {
    let dir = StoreDir::default();
    let key = SecretKey::from_seed("key-1".parse().expect("a name"), &[1; 32]);
    let mut trusted_keys = TrustedKeys::default();
    trusted_keys.insert(key.public_key()).expect("a key");
    let place = Place::with(&LocalOptions {
        trusted_keys: Some(trusted_keys),
        ..quick()
    });
    let nar = archive(b"one");
    let mut one = info("one", &nar);
    let mut reader = &nar[..];
    let error = place.store.add_nar(&one, &mut reader);
    assert!(matches!(error, Err(Error::Untrusted { .. })), "{error:?}");
    assert_eq!(reader.len(), nar.len());

    let mut built = one.clone();
    built.ultimate = true;
    let error = place.store.add_nar(&built, &mut &nar[..]);
    assert!(matches!(error, Err(Error::Untrusted { .. })), "{error:?}");
    let mut claims = one.clone();
    let content = place
        .store
        .add_text(&name("text"), b"text", &BTreeSet::new());
    claims.content_address = content.expect("a text needs no signature").content_address;
    let error = place.store.add_nar(&claims, &mut &nar[..]);
    assert!(matches!(error, Err(Error::Untrusted { .. })), "{error:?}");

    one.sign(&dir, &key).expect("signed");
    let added = place.store.add_nar(&one, &mut &nar[..]);
    assert_eq!(added.expect("added"), Added::New);
}

#[test]
fn an_object_addressed_as_a_file_stays_executable() {
    let place = Place::new();
    let file = place.file("run", b"#!/bin/sh\n");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("a mode");
    symlink(&file, place.path("link")).expect("a symlink");
    let add = |from: &str, how| place.store.add_path(&place.path(from), &name("run"), how);
    let mode_of = |path: &StorePath| {
        let metadata = fs::metadata(place.store.real_path(path));
        metadata.expect("it is there").mode() & 0o777
    };

    let sha512 = method(Flat, Algorithm::Sha512);
    let text = method(Text, Algorithm::Sha256);
    for how in [sha512, text] {
        let added = add("run", how).expect("added");
        assert_eq!(mode_of(&added.path), 0o555);
        for from in ["link", "."] {
            let error = add(from, how);
            let is_refused = matches!(error, Err(Error::NotAFile { .. }));
            assert!(is_refused, "{from}: {error:?}");
        }
        // The path is the same without the bit, and what lies there stays.
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("a mode");
        assert_eq!(add("run", how).expect("it is there").path, added.path);
        assert_eq!(mode_of(&added.path), 0o555);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("a mode");
    }
    assert_eq!(place.objects().len(), 2);
}

#[test]
fn every_method_and_algorithm_gives_a_path_of_its_own() {
    let place = Place::new();
    place.file("file", b"contents");
    let mut paths = BTreeSet::new();
    for algorithm in [
        Algorithm::Md5,
        Algorithm::Sha1,
        Algorithm::Sha256,
        Algorithm::Sha512,
    ] {
        for how in [method(Flat, algorithm), method(Nar, algorithm)] {
            let added = place
                .store
                .add_path(&place.path("file"), &name("file"), how);
            paths.insert(added.expect("added").path);
        }
    }
    let text = place.store.add_path(
        &place.path("file"),
        &name("file"),
        method(Text, Algorithm::Sha256),
    );
    paths.insert(text.expect("added").path);
    assert_eq!(paths.len(), 9);
    let git = place.store.add_path(
        &place.path("file"),
        &name("file"),
        method(Git, Algorithm::Sha1),
    );
    assert!(matches!(git, Err(Error::Unsupported { .. })), "{git:?}");
    assert_eq!(place.unfinished(), [""; 0]);
}

#[test]
fn a_pipe_among_the_files_is_refused_and_leaves_nothing() {
    let place = Place::new();
    let tree = place.path("tree");
    fs::create_dir(&tree).expect("a folder");
    fs::write(tree.join("a"), vec![0; 1 << 20]).expect("a file");
    let _listener = std::os::unix::net::UnixListener::bind(tree.join("z")).expect("a socket");
    let error = place.store.add_path(&tree, &name("tree"), recursive());
    assert!(matches!(error, Err(Error::Pack { .. })), "{error:?}");
    assert_eq!(place.objects(), BTreeSet::new());
    assert_eq!(place.unfinished(), [""; 0]);
}

#[test]
fn a_derivation_that_is_none_is_refused() {
    let place = Place::new();
    let error = place
        .store
        .add_text(&name("a.drv"), b"Derive(", &BTreeSet::new());
    assert!(matches!(error, Err(Error::Derivation { .. })), "{error:?}");
    fs::create_dir(place.path("folder")).expect("a folder");
    let error = place
        .store
        .add_path(&place.path("folder"), &name("b.drv"), recursive());
    assert!(matches!(error, Err(Error::NotAFile { .. })), "{error:?}");
    assert_eq!(place.objects(), BTreeSet::new());
    assert_eq!(place.unfinished(), [""; 0]);
}

#[test]
fn references_are_found_in_contents_names_and_targets() {
    let place = Place::new();
    let nar = archive(b"");
    let paths: Vec<_> = ["a", "ab", "abc", "abcd"]
        .map(|name| info(name, &nar).path)
        .into();
    let tree = place.path("tree");
    fs::create_dir(&tree).expect("a folder");
    fs::write(tree.join("contents"), format!("see {}/x", paths[0])).expect("a file");
    fs::write(tree.join(paths[1].base_name()), "").expect("a file");
    symlink(format!("/nix/store/{}", paths[2]), tree.join("link")).expect("a symlink");
    let candidates = paths.iter().cloned().collect();
    let found = place
        .store
        .scan_references(&tree, &candidates)
        .expect("read");
    assert_eq!(found, paths.iter().take(3).cloned().collect());
}
