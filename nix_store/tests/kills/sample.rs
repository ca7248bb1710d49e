//! What is put into stores: objects that follow from a number.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

use nix_core::{
    content_address::{ContentAddressMethod, MethodAlgorithm},
    derivation::{CheckedDerivation, Derivation, DerivationModulo},
    hash::{Algorithm, Sha256},
    path_info::PathInfo,
    store_path::{OutputName, References, StoreDir, StorePath, StorePathName},
};
use nix_io::nar::{self, PackOptions};
use nix_store::{
    local::LocalStore,
    store::{NewObject, ReadStore, WriteStore},
};

use crate::place::{self, open_up};

pub(crate) fn name(text: &str) -> StorePathName {
    StorePathName::new(text).expect("a name")
}

pub(crate) fn recursive() -> MethodAlgorithm {
    MethodAlgorithm {
        method: ContentAddressMethod::Nar,
        algorithm: Algorithm::Sha256,
    }
}

/// Makes a tree of files, some of which other trees have as well.
pub(crate) fn make_tree(folder: &Path, number: u64) {
    fs::create_dir_all(folder.join("a/b")).expect("folders");
    let contents = |number: u64, bytes: usize| number.to_le_bytes().repeat(bytes / 8);
    let files = [
        ("a/b/common", contents(1, 4096)),
        ("a/b/own", contents(number, 5000)),
        ("a/half", contents(number % 2, 256)),
        ("a/run", b"#!/bin/sh\n".to_vec()),
        ("common", contents(1, 4096)),
        ("large", contents(number, 30_000)),
        ("third", contents(number % 3, 128)),
    ];
    for (name, contents) in files {
        fs::write(folder.join(name), contents).expect("a file");
    }
    let executable = fs::Permissions::from_mode(0o755);
    fs::set_permissions(folder.join("a/run"), executable).expect("a mode");
    symlink("a/run", folder.join("link")).expect("a symlink");
}

/// Adds files that all trees have, so small that linking them is most of the work with them.
pub(crate) fn make_small_files(folder: &Path) {
    for small in 0..16 {
        let contents = small.to_string();
        fs::write(folder.join(format!("a/b/small-{small}")), contents).expect("a file");
    }
}

/// Returns the archive of the tree of a number.
pub(crate) fn tree_archive(number: u64) -> Vec<u8> {
    archive(|folder| make_tree(folder, number))
}

/// Returns the archive of what is made in a folder.
pub(crate) fn archive(make: impl FnOnce(&Path)) -> Vec<u8> {
    let folder = place::folder();
    make(folder.path());
    let mut archive = Vec::new();
    nar::pack(folder.path(), &mut archive, &PackOptions::default()).expect("it can be packed");
    archive
}

/// Adds a tree that is addressed by its contents.
pub(crate) fn add_tree(store: &impl WriteStore, text: &str, number: u64) -> PathInfo {
    add_archive(store, text, &tree_archive(number))
}

pub(crate) fn add_archive(store: &impl WriteStore, text: &str, mut archive: &[u8]) -> PathInfo {
    let object = NewObject {
        name: name(text),
        how: recursive(),
        references: References::default(),
    };
    let added = store.add(&object, &mut archive);
    added.expect("added")
}

/// Describes an object whose path does not follow from its contents.
pub(crate) fn describe(text: &str, archive: &[u8]) -> PathInfo {
    let digest = Sha256::of(text.as_bytes()).0;
    let digest = digest.first_chunk().expect("a digest has 32 bytes");
    let path = StorePath::new(*digest, &name(text));
    PathInfo::new(path, Sha256::of(archive), archive.len() as u64)
}

/// Returns the derivation of a number, and its only output.
pub(crate) fn derivation(dir: &StoreDir, number: u64) -> (CheckedDerivation, StorePath) {
    let text = format!(
        r#"Derive([("out","","","")],[],[],"x86_64-linux","/bin/sh",[],[("number","{number}"),("out","")])"#
    );
    let parsed = Derivation::parse_aterm(dir, name("build"), text.as_bytes());
    let none = BTreeMap::new();
    let mut modulo = DerivationModulo::new(dir, &none);
    let filled = parsed.expect("a derivation").fill_outputs(&mut modulo);
    let filled = filled.expect("it can be hashed");
    let output = filled.output_paths().values().next().expect("an output");
    let output = output.clone();
    (filled, output)
}

/// Adds the derivation of a number, as the object that it is.
pub(crate) fn add_derivation(store: &LocalStore, number: u64) -> StorePath {
    let dir = store.store_dir();
    let (filled, _) = derivation(dir, number);
    let text = filled.to_aterm(dir).expect("a text");
    let added = store.add_text(&name("build.drv"), &text, &BTreeSet::new());
    added.expect("added").path
}

/// Does what a builder does, and registers the build; returns the output.
pub(crate) fn build(store: &LocalStore, derivation: &StorePath, number: u64) -> PathInfo {
    let (_, output) = self::derivation(store.store_dir(), number);
    let real = store.real_path(&output);
    if !store.is_valid(&output).expect("read") {
        if real.is_dir() {
            // A builder that was killed was here.
            open_up(&real);
            fs::remove_dir_all(&real).expect("a folder");
        }
        make_tree(&real, number);
    }
    let outputs = [(OutputName::out(), output)].into();
    let built = store.register_build(derivation, &outputs, &BTreeSet::new());
    let mut outputs = built.expect("registered").outputs;
    outputs.remove(&OutputName::out()).expect("the output")
}
