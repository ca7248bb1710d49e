//! Damaged objects that another store has.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    io::Write,
};

use nix_core::{
    path_info::PathInfo,
    store_path::{OutputName, StoreDir, StorePath},
};
use nix_store::{
    local::LocalStore,
    store::{AnyRealisation, Error, ReadStore, RealisationId, Result, WriteStore},
    verify::{VerifyOptions, repair, verify},
};

use crate::support::{
    Place, Tree, add, assert_canonical, assert_tidy, corrupt, file, flip, inode, remove, sample,
};

fn problems(store: &LocalStore) -> usize {
    let options = VerifyOptions {
        check_contents: true,
        ..VerifyOptions::default()
    };
    let report = verify(store, &options, &mut |_| {}).expect("a store that can be read");
    report.problems.len()
}

/// A store that answers every question for an archive by writing what it was told.
struct Liar(Box<Lie>);

type Lie = dyn Fn(&mut dyn Write) -> io::Result<()>;

impl Liar {
    fn of(bytes: Vec<u8>) -> Self {
        Self(Box::new(move |writer| writer.write_all(&bytes)))
    }
}

impl ReadStore for Liar {
    fn store_dir(&self) -> &StoreDir {
        panic!("nobody asks")
    }

    fn path_info(&self, _: &StorePath) -> Result<Option<PathInfo>> {
        panic!("what it says is not asked")
    }

    fn valid_paths(&self) -> Result<BTreeSet<StorePath>> {
        panic!("nobody asks")
    }

    fn referrers(&self, _: &StorePath) -> Result<BTreeSet<StorePath>> {
        panic!("nobody asks")
    }

    fn valid_derivers(&self, _: &StorePath) -> Result<BTreeSet<StorePath>> {
        panic!("nobody asks")
    }

    fn derivation_outputs(&self, _: &StorePath) -> Result<BTreeMap<OutputName, Option<StorePath>>> {
        panic!("nobody asks")
    }

    fn realisation(&self, _: &RealisationId) -> Result<Option<AnyRealisation>> {
        panic!("nobody asks")
    }

    fn path_from_hash_part(&self, _: &str) -> Result<Option<StorePath>> {
        panic!("nobody asks")
    }

    fn write_nar(&self, _: &StorePath, writer: &mut dyn Write) -> Result<u64> {
        let written = (self.0)(writer);
        written.map(|()| 0).map_err(|source| Error::Io {
            action: "send from",
            path: "afar".into(),
            source,
        })
    }
}

/// A store with a damaged object, and a copy of it that is sound.
fn damaged(place: &Place) -> (LocalStore, LocalStore, PathInfo) {
    let (store, other) = (place.store("store"), place.store("other"));
    let info = add(&store, "a", &sample());
    assert_eq!(add(&other, "a", &sample()).path, info.path);
    flip(&store.real_path(&info.path).join("large"));
    assert_eq!(problems(&store), 1);
    (store, other, info)
}

#[test]
fn a_damaged_object_is_replaced_and_the_database_is_as_before() {
    let place = Place::new();
    let (store, other, info) = damaged(&place);
    repair(&store, &info.path, &other).unwrap();
    assert_eq!(problems(&store), 0);
    assert_eq!(store.path_info(&info.path).unwrap(), Some(info));
    assert_canonical(&store.layout().real_store_dir);
    assert_tidy(&store);
}

#[test]
fn a_missing_object_is_brought_back() {
    let place = Place::new();
    let (store, other, info) = damaged(&place);
    remove(&store.real_path(&info.path));
    repair(&store, &info.path, &other).unwrap();
    assert_eq!(problems(&store), 0);
    assert_tidy(&store);
}

#[test]
fn a_file_takes_the_place_of_a_directory_and_the_other_way() {
    let place = Place::new();
    let (store, other) = (place.store("store"), place.store("other"));
    let [a, b] = [("a", file("x")), ("b", sample())].map(|(name, tree)| {
        add(&other, name, &tree);
        add(&store, name, &tree).path
    });
    remove(&store.real_path(&a));
    fs::create_dir_all(store.real_path(&a).join("x/y")).unwrap();
    remove(&store.real_path(&b));
    fs::write(store.real_path(&b), "x").unwrap();
    repair(&store, &a, &other).unwrap();
    repair(&store, &b, &other).unwrap();
    assert_eq!(problems(&store), 0);
    assert_tidy(&store);
}

#[test]
fn repair_undoes_damage_that_deduplication_has_spread() {
    let place = Place::new();
    let (store, other) = (place.store("store"), place.store("other"));
    let paths = ["a", "b"].map(|name| {
        add(&other, name, &sample());
        add(&store, name, &sample()).path
    });
    nix_store::optimise::optimise(&store, &Default::default(), &mut |_| {}).unwrap();
    flip(&store.real_path(&paths[0]).join("large"));
    assert_eq!(problems(&store), 2);
    for path in &paths {
        repair(&store, path, &other).unwrap();
    }
    let report = nix_store::optimise::optimise(&store, &Default::default(), &mut |_| {}).unwrap();
    assert_eq!(report.links_repaired, 1);
    assert_eq!(problems(&store), 0);
}

/// Asserts that a repair is refused and changes nothing, and returns why.
fn refused(other: &dyn ReadStore) -> Error {
    let place = Place::new();
    let (store, _, info) = damaged(&place);
    let large = store.real_path(&info.path).join("large");
    let look = || (fs::read(&large).expect("a file"), inode(&large));
    let before = look();
    let error = repair(&store, &info.path, other).expect_err("it is no good");
    assert_eq!(look(), before);
    assert_eq!(problems(&store), 1);
    assert_tidy(&store);
    error
}

#[test]
fn cve_2026_110450_a_bad_copy_never_replaces_the_damaged_object() {
    let mut bytes = sample().archive();
    let last = bytes.iter().rposition(|byte| *byte == b'f').unwrap();
    bytes[last] ^= 1;
    let error = refused(&Liar::of(bytes));
    assert!(matches!(error, Error::HashMismatch { .. }), "{error:?}");

    let error = refused(&Liar::of(Tree::Directory(vec![]).archive()));
    assert!(matches!(error, Error::SizeMismatch { .. }), "{error:?}");
}

#[test]
fn a_copy_that_is_too_long_is_refused_before_it_fills_the_disk() {
    let endless = Liar(Box::new(|writer| {
        let whole = Tree::File(vec![0; 1 << 20]).archive();
        writer.write_all(&whole[..whole.len() / 2])?;
        loop {
            writer.write_all(&[0; 4096])?;
        }
    }));
    let error = refused(&endless);
    assert!(
        matches!(error, Error::Unpack { .. } | Error::SizeMismatch { .. }),
        "{error:?}"
    );

    let mut bytes = sample().archive();
    bytes.push(0);
    let error = refused(&Liar::of(bytes));
    assert!(matches!(error, Error::SizeMismatch { .. }), "{error:?}");
}

#[test]
fn what_is_no_archive_is_refused() {
    for length in [0, 8, 100, 4000] {
        let bytes = sample().archive();
        let error = refused(&Liar::of(bytes[..length].to_vec()));
        assert!(matches!(error, Error::Unpack { .. }), "{length} {error:?}");
    }
    let error = refused(&Liar::of(
        b"no archive at all, but long enough to be one".to_vec(),
    ));
    assert!(matches!(error, Error::Unpack { .. }), "{error:?}");
}

#[test]
fn what_fails_in_the_other_store_is_said() {
    let failing = Liar(Box::new(|writer| {
        writer.write_all(&sample().archive()[..500])?;
        Err(io::ErrorKind::ConnectionReset.into())
    }));
    let error = refused(&failing);
    assert!(
        matches!(&error, Error::Io { action: "send from", source, .. }
            if source.kind() == io::ErrorKind::ConnectionReset),
        "{error:?}"
    );
}

#[test]
fn what_is_not_valid_is_not_repaired() {
    let place = Place::new();
    let (store, other, info) = damaged(&place);
    store.delete(&[info.path.clone()].into()).unwrap();
    let error = repair(&store, &info.path, &other).unwrap_err();
    assert!(matches!(error, Error::NotValid { .. }), "{error:?}");
    assert!(!store.real_path(&info.path).exists());
}

#[test]
fn a_sound_object_survives_a_repair_from_a_damaged_one() {
    let place = Place::new();
    let (store, other, info) = damaged(&place);
    let error = repair(&other, &info.path, &store).unwrap_err();
    assert!(matches!(error, Error::HashMismatch { .. }), "{error:?}");
    assert_eq!(problems(&other), 0);
    corrupt(&store.real_path(&info.path).join("plain"), b"");
}
