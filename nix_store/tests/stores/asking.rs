//! What stores answer.

use std::{
    collections::BTreeSet,
    io::{self, Write},
};

use nix_core::{
    content_address::{ContentAddress, ContentAddressMethod},
    derivation::DerivationOutput,
    hash::{Algorithm, Hash},
    store_path::{OutputName, StoreDir},
};
use nix_io::nar::Event;
use nix_store::store::{Added, Direction, Error, ReadStore, RealisationId, WriteStore};

use crate::{
    Subject,
    fixture::{
        archive, contents_of, derivation, file, info, known, observe, path, put, put_derivation,
        tree,
    },
};

pub(crate) fn what_is_not_valid_is_nothing_to_any_question<T: Subject>() {
    let subject = T::new();
    let store = subject.store();
    assert_eq!(store.store_dir(), &StoreDir::default());
    put(store, "other", &[]);
    let absent = path("g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-absent.drv");
    assert_eq!(store.path_info(&absent).unwrap(), None);
    assert!(!store.is_valid(&absent).unwrap());
    assert_eq!(store.valid_paths().unwrap().len(), 1);
    assert_eq!(store.referrers(&absent).unwrap(), BTreeSet::new());
    assert_eq!(store.valid_derivers(&absent).unwrap(), BTreeSet::new());
    assert_eq!(store.path_from_hash_part(absent.hash_part()).unwrap(), None);
    let id = RealisationId::Path(
        "g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-a.drv^out"
            .parse()
            .unwrap(),
    );
    assert_eq!(store.realisation(&id).unwrap(), None);
    let is_not_valid = |error| matches!(error, Error::NotValid { path } if path == absent);
    let mut written = Vec::new();
    assert!(is_not_valid(
        store.write_nar(&absent, &mut written).unwrap_err()
    ));
    assert_eq!(written, b"");
    assert!(is_not_valid(store.derivation_outputs(&absent).unwrap_err()));
    for direction in [Direction::References, Direction::Referrers] {
        let closure = store.closure(&[absent.clone()].into(), direction);
        assert!(is_not_valid(closure.unwrap_err()));
    }
}

pub(crate) fn what_was_added_is_given_back<T: Subject>() {
    let subject = T::new();
    let store = subject.store();
    let nar = contents_of("a");
    let mut said = info("a", &nar, &[]);
    said.deriver = Some(path("g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-a.drv"));
    said.ultimate = true;
    assert_eq!(store.add_nar(&said, &mut &nar[..]).unwrap(), Added::New);
    assert_eq!(known(store, &said.path), Some(said.clone()));
    assert!(store.is_valid(&said.path).unwrap());
    assert_eq!(store.valid_paths().unwrap(), [said.path.clone()].into());
    let mut copy = Vec::new();
    assert_eq!(
        store.write_nar(&said.path, &mut copy).unwrap(),
        said.nar_size
    );
    assert_eq!(copy, nar);
}

pub(crate) fn objects_of_every_kind_come_back<T: Subject>() {
    let subject = T::new();
    let store = subject.store();
    let nars = [
        file(b"", false),
        file(b"contents", true),
        file(&[0; 70_000], false),
        tree(b"#!/bin/sh\n"),
        archive(&[Event::Directory, Event::DirectoryEnd]),
        archive(&[Event::Symlink {
            target: b"/no/where",
        }]),
    ];
    for (at, nar) in nars.iter().enumerate() {
        let info = info(&format!("object-{at}"), nar, &[]);
        store.add_nar(&info, &mut &nar[..]).unwrap();
        let mut copy = Vec::new();
        store.write_nar(&info.path, &mut copy).unwrap();
        assert!(copy == *nar, "object {at}");
    }
}

pub(crate) fn referrers_are_those_that_refer<T: Subject>() {
    let subject = T::new();
    let store = subject.store();
    let lib = put(store, "lib", &[]).path;
    let app = put(store, "app", &[&lib]).path;
    let own = contents_of("own");
    let mut own_info = info("own", &own, &[&lib]);
    own_info.references.insert(own_info.path.clone());
    store.add_nar(&own_info, &mut &own[..]).unwrap();
    let own = own_info.path;
    assert_eq!(
        store.referrers(&lib).unwrap(),
        [app.clone(), own.clone()].into()
    );
    assert_eq!(store.referrers(&app).unwrap(), [].into());
    assert_eq!(store.referrers(&own).unwrap(), [own.clone()].into());
}

pub(crate) fn closures_go_both_ways<T: Subject>() {
    let subject = T::new();
    let store = subject.store();
    let base = put(store, "base", &[]).path;
    let left = put(store, "left", &[&base]).path;
    let right = put(store, "right", &[&base]).path;
    let top = put(store, "top", &[&left, &right]).path;
    let apart = put(store, "apart", &[]).path;
    let check = |of: &[&_], direction, expected: &[&_]| {
        let of = of.iter().copied().cloned().collect();
        let expected: BTreeSet<_> = expected.iter().copied().cloned().collect();
        assert_eq!(store.closure(&of, direction).unwrap(), expected);
    };
    check(&[], Direction::References, &[]);
    check(
        &[&top],
        Direction::References,
        &[&base, &left, &right, &top],
    );
    check(&[&left], Direction::References, &[&base, &left]);
    check(
        &[&left, &apart],
        Direction::References,
        &[&base, &left, &apart],
    );
    check(
        &[&base],
        Direction::Referrers,
        &[&base, &left, &right, &top],
    );
    check(&[&right], Direction::Referrers, &[&right, &top]);
    check(&[&apart], Direction::Referrers, &[&apart]);
    let absent = path("g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-absent");
    let closure = store.closure(&[top, absent.clone()].into(), Direction::References);
    assert!(matches!(closure, Err(Error::NotValid { path }) if path == absent));
}

pub(crate) fn paths_are_found_by_their_hash_part<T: Subject>() {
    let subject = T::new();
    let store = subject.store();
    let paths: Vec<_> = ["a", "+", "z.drv-x", "9"]
        .iter()
        .map(|name| put(store, name, &[]).path)
        .collect();
    for path in &paths {
        let found = store.path_from_hash_part(path.hash_part()).unwrap();
        assert_eq!(found.as_ref(), Some(path));
        let upper = path.hash_part().to_uppercase();
        let long = format!("{}-", path.hash_part());
        for wrong in [&path.hash_part()[1..], &upper, &long, path.base_name()] {
            assert_eq!(store.path_from_hash_part(wrong).unwrap(), None, "{wrong}");
        }
    }
    let last = "z".repeat(32);
    for wrong in ["", "-", "/", "..", "\0", "\u{e9}", &"e".repeat(32), &last] {
        assert_eq!(store.path_from_hash_part(wrong).unwrap(), None, "{wrong:?}");
    }
}

/// Takes so many bytes.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(self.0);
        self.0 -= taken;
        match taken {
            0 => Err(io::Error::other("full")),
            _ => Ok(taken),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(crate) fn a_writer_that_fails_is_an_error<T: Subject>() {
    let subject = T::new();
    let store = subject.store();
    let info = put(store, "a", &[]);
    let size = usize::try_from(info.nar_size).unwrap();
    for room in 0..size {
        let written = store.write_nar(&info.path, &mut Full(room));
        assert!(written.is_err(), "room for {room} bytes");
    }
    store.write_nar(&info.path, &mut Full(size)).unwrap();
}

pub(crate) fn outputs_and_derivers_of_derivations_are_known<T: Subject>() {
    let subject = T::new();
    let store = subject.store();
    let out = OutputName::out();
    let addressed = derivation("hello", &[("out", DerivationOutput::Deferred)]);
    let DerivationOutput::InputAddressed(expected) = &addressed.outputs[&out] else {
        panic!("the path was filled in");
    };
    let drv = put_derivation(store, &addressed);
    let outputs = store.derivation_outputs(&drv).unwrap();
    assert_eq!(outputs, [(out.clone(), Some(expected.clone()))].into());
    // Whether the output is valid does not matter.
    assert_eq!(
        store.valid_derivers(expected).unwrap(),
        [drv.clone()].into()
    );

    let address = ContentAddress {
        method: ContentAddressMethod::Flat,
        hash: Hash::of(Algorithm::Md5, b"fixed"),
    };
    let fixed = derivation("fixed", &[("out", DerivationOutput::Fixed(address))]);
    let fixed_drv = put_derivation(store, &fixed);
    let outputs = store.derivation_outputs(&fixed_drv).unwrap();
    let known = outputs[&out].as_ref().unwrap();
    assert_eq!(known.name(), "fixed");
    assert_eq!(store.valid_derivers(known).unwrap(), [fixed_drv].into());

    let how = DerivationOutput::Floating("fixed:r:sha256".parse().unwrap());
    let floating = derivation("floating", &[("dev", how.clone()), ("out", how)]);
    let floating = put_derivation(store, &floating);
    let outputs = store.derivation_outputs(&floating).unwrap();
    let dev = OutputName::new("dev").unwrap();
    assert_eq!(outputs, [(dev, None), (out, None)].into());

    let plain = put(store, "plain", &[]).path;
    let error = store.derivation_outputs(&plain).unwrap_err();
    assert!(matches!(error, Error::NotADerivation { path } if path == plain));

    store.delete(&[drv].into()).unwrap();
    assert_eq!(store.valid_derivers(expected).unwrap(), [].into());
}

pub(crate) fn derivations_that_are_none_are_refused<T: Subject>() {
    let subject = T::new();
    let store = subject.store();
    let nars = [
        file(b"Derive(", false),
        file(b"", false),
        file(b"Derive([],[],[],\"\",\"\",[],[])", true),
        tree(b"x"),
    ];
    for (at, nar) in nars.iter().enumerate() {
        let said = info(&format!("{at}.drv"), nar, &[]);
        let error = store.add_nar(&said, &mut &nar[..]).unwrap_err();
        let is_refused = matches!(error, Error::Derivation { .. } | Error::NotAFile { .. });
        assert!(is_refused, "{error:?}");
        assert!(observe(store).is_empty());
    }
}
