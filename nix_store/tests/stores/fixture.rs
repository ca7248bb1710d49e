//! Objects to add, and all that a store says.

use std::collections::{BTreeMap, BTreeSet};

use nix_core::{
    derivation::{Derivation, DerivationInputs, DerivationModulo, DerivationOutput},
    hash::{Algorithm, Hash, Sha256},
    path_info::PathInfo,
    signature::{KeyName, PublicKey, SecretKey, TrustedKeys},
    store_path::{OutputName, References, StoreDir, StorePath, StorePathName},
};
use nix_io::nar::{Encoder, Event, NarLimits};
use nix_store::store::{NewObject, ReadStore, WriteStore};

pub(crate) fn name(text: &str) -> StorePathName {
    StorePathName::new(text).expect("a name")
}

pub(crate) fn path(base_name: &str) -> StorePath {
    StorePath::from_base_name(base_name).expect("a store path")
}

/// Returns an archive of events.
pub(crate) fn archive(events: &[Event<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(NarLimits::default());
    for event in events {
        encoder.encode(*event, &mut bytes).expect("an archive");
    }
    encoder.finish().expect("a whole archive");
    bytes
}

/// Returns the archive of a file.
pub(crate) fn file(contents: &[u8], executable: bool) -> Vec<u8> {
    let regular = Event::Regular {
        executable,
        size: contents.len() as u64,
        offset: 0,
    };
    match contents {
        [] => archive(&[regular, Event::RegularEnd]),
        _ => archive(&[regular, Event::Contents(contents), Event::RegularEnd]),
    }
}

/// Returns the archive of a directory with one node of every kind.
pub(crate) fn tree(contents: &[u8]) -> Vec<u8> {
    let regular = |executable, size: usize| Event::Regular {
        executable,
        size: size as u64,
        offset: 0,
    };
    archive(&[
        Event::Directory,
        Event::Entry { name: b"bin" },
        Event::Directory,
        Event::Entry { name: b"run" },
        regular(true, contents.len()),
        Event::Contents(contents),
        Event::RegularEnd,
        Event::DirectoryEnd,
        Event::Entry { name: b"empty" },
        Event::Directory,
        Event::DirectoryEnd,
        Event::Entry { name: b"link" },
        Event::Symlink { target: b"bin/run" },
        Event::Entry { name: b"none" },
        regular(false, 0),
        Event::RegularEnd,
        Event::DirectoryEnd,
    ])
}

/// Returns an object that is addressed by its content.
pub(crate) fn new_object(text: &str, how: &str, references: &[&StorePath]) -> NewObject {
    NewObject {
        name: name(text),
        how: how.parse().expect("a method and an algorithm"),
        references: References {
            others: references.iter().copied().cloned().collect(),
            self_reference: false,
        },
    }
}

/// Returns what is known of an object whose path says nothing of its content.
pub(crate) fn info(text: &str, nar: &[u8], references: &[&StorePath]) -> PathInfo {
    let inner = Hash::of(Algorithm::Sha256, text.as_bytes());
    let path = StoreDir::default().make_path("output:out", &inner, &name(text));
    let mut info = PathInfo::new(path, Sha256::of(nar), nar.len() as u64);
    info.references = references.iter().copied().cloned().collect();
    info
}

/// Adds an object with contents of its own, and returns what is known of it.
pub(crate) fn put(store: &impl WriteStore, text: &str, references: &[&StorePath]) -> PathInfo {
    let nar = contents_of(text);
    let info = info(text, &nar, references);
    store.add_nar(&info, &mut &nar[..]).expect("it is added");
    info
}

/// Returns the archive that [`put`] adds.
pub(crate) fn contents_of(text: &str) -> Vec<u8> {
    file(format!("contents of {text}").as_bytes(), false)
}

/// What a store says of one path.
#[derive(Debug, PartialEq)]
pub(crate) struct Said {
    pub(crate) info: PathInfo,
    referrers: BTreeSet<StorePath>,
    derivers: BTreeSet<StorePath>,
    nar: Vec<u8>,
}

/// Returns everything that a store says of its paths, but when they came.
pub(crate) fn observe<S: ReadStore + ?Sized>(store: &S) -> BTreeMap<StorePath, Said> {
    let paths = store.valid_paths().expect("the paths");
    let said = paths.into_iter().map(|path| {
        assert!(store.is_valid(&path).expect("an answer"), "{path}");
        let mut nar = Vec::new();
        let size = store.write_nar(&path, &mut nar).expect("an archive");
        assert_eq!(size, nar.len() as u64);
        let said = Said {
            info: known(store, &path).expect("it is valid"),
            referrers: store.referrers(&path).expect("the referrers"),
            derivers: store.valid_derivers(&path).expect("the derivers"),
            nar,
        };
        assert_eq!(said.info.nar_hash, Sha256::of(&said.nar), "{path}");
        (path, said)
    });
    said.collect()
}

/// Returns what a store knows of a path, but when it came.
pub(crate) fn known<S: ReadStore + ?Sized>(store: &S, path: &StorePath) -> Option<PathInfo> {
    let info = store.path_info(path).expect("the store can be read");
    info.map(timeless)
}

pub(crate) fn timeless(mut info: PathInfo) -> PathInfo {
    info.registration_time = 0;
    info
}

pub(crate) fn secret_key(text: &str) -> SecretKey {
    let mut seed = [7; 32];
    seed[0] = u8::try_from(text.len()).expect("a short name");
    SecretKey::from_seed(KeyName::new(text).expect("a name"), &seed)
}

pub(crate) fn trusted(key: &SecretKey) -> TrustedKeys {
    let mut keys = TrustedKeys::default();
    let key: PublicKey = key.public_key();
    keys.insert(key).expect("the only one");
    keys
}

/// Returns a derivation of outputs; of those that are deferred the paths are filled in.
pub(crate) fn derivation(text: &str, outputs: &[(&str, DerivationOutput)]) -> Derivation {
    let outputs = outputs.iter().map(|(name, output)| {
        let name = OutputName::new(name).expect("a name");
        (name, output.clone())
    });
    let outputs: BTreeMap<_, _> = outputs.collect();
    let env = outputs.keys().map(|name| (name.as_str().into(), "".into()));
    let derivation = Derivation {
        name: name(text),
        env: env.collect(),
        outputs,
        inputs: DerivationInputs::default(),
        system: "x86_64-linux".into(),
        builder: "/bin/sh".into(),
        args: Vec::new(),
    };
    let none = BTreeMap::new();
    let dir = StoreDir::default();
    let mut modulo = DerivationModulo::new(&dir, &none);
    let checked = derivation.fill_outputs(&mut modulo).expect("a derivation");
    checked.into_derivation()
}

/// Adds a derivation and returns its path.
pub(crate) fn put_derivation(store: &impl WriteStore, derivation: &Derivation) -> StorePath {
    let dir = StoreDir::default();
    let text = derivation.to_aterm(&dir).expect("a text");
    let object = NewObject {
        name: derivation.name.with_derivation_suffix().expect("a name"),
        ..new_object("x", "text:sha256", &[])
    };
    let nar = file(&text, false);
    let info = store.add(&object, &mut &nar[..]).expect("it is added");
    assert_eq!(info.path, derivation.path(&dir).expect("a path"));
    info.path
}
