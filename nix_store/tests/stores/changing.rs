//! Signatures, realisations and deletions.

use nix_core::{
    derivation::{DerivationModulo, DerivationOutput},
    hash::Sha256,
    realisation::{DrvOutput, LegacyDrvOutput, LegacyRealisation, Realisation},
    store_path::{OutputName, StoreDir, StorePath},
};
use nix_store::store::{AnyRealisation, Deleted, Error, ReadStore, WriteStore};

use crate::{
    Subject,
    fixture::{
        derivation, file, info, known, new_object, observe, path, put, put_derivation, secret_key,
    },
};

pub(crate) fn signatures_are_joined<T: Subject>() {
    let subject = T::new();
    let store = subject.store();
    let mut expected = put(store, "a", &[]);
    for key in ["a-1", "bb-1", "a-1"] {
        let mut signed = info("a", &crate::fixture::contents_of("a"), &[]);
        signed.sign(&StoreDir::default(), &secret_key(key)).unwrap();
        store
            .add_signatures(&signed.path, &signed.signatures)
            .unwrap();
        expected.signatures.extend(signed.signatures);
        assert_eq!(known(store, &expected.path), Some(expected.clone()));
    }
    assert_eq!(expected.signatures.len(), 2);
    let before = observe(store);
    let absent = path("g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-absent");
    let error = store.add_signatures(&absent, &expected.signatures);
    assert!(matches!(error, Err(Error::NotValid { path }) if path == absent));
    assert_eq!(observe(store), before);
}

/// Returns realisations of both kinds that lead to a path.
fn realisations(out_path: &StorePath) -> [AnyRealisation; 2] {
    let output_name = OutputName::out();
    let by_path = DrvOutput {
        drv_path: path("g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-a.drv"),
        output_name: output_name.clone(),
    };
    let by_hash = LegacyDrvOutput {
        drv_hash: Sha256::of(b"a"),
        output_name,
    };
    [
        AnyRealisation::Path(Realisation::new(by_path, out_path.clone())),
        AnyRealisation::Hash(LegacyRealisation::new(by_hash, out_path.clone())),
    ]
}

fn signed(realisation: &AnyRealisation, key: &str) -> AnyRealisation {
    let mut signed = realisation.clone();
    let is_new = match &mut signed {
        AnyRealisation::Hash(realisation) => realisation.sign(&secret_key(key)),
        AnyRealisation::Path(realisation) => realisation.sign(&secret_key(key)),
    };
    assert!(is_new);
    signed
}

pub(crate) fn realisations_of_both_kinds_are_kept<T: Subject>() {
    let subject = T::new();
    let store = subject.store();
    let out = put(store, "out", &[]).path;
    for plain in realisations(&out) {
        assert_eq!(store.realisation(&plain.id()).unwrap(), None);
        let (one, other) = (signed(&plain, "a-1"), signed(&plain, "bb-1"));
        store.register_realisation(&one).unwrap();
        assert_eq!(store.realisation(&plain.id()).unwrap(), Some(one.clone()));
        store.register_realisation(&plain).unwrap();
        store.register_realisation(&other).unwrap();
        let both = signed(&one, "bb-1");
        assert_eq!(store.realisation(&plain.id()).unwrap(), Some(both));
    }
}

pub(crate) fn realisations_that_contradict_are_refused<T: Subject>() {
    let subject = T::new();
    let store = subject.store();
    let (out, other) = (put(store, "out", &[]).path, put(store, "other", &[]).path);
    let absent = path("g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-absent");
    let all = realisations(&out).into_iter();
    for (at, (first, second)) in all.zip(realisations(&other)).enumerate() {
        let error = store.register_realisation(&realisations(&absent)[at]);
        assert!(matches!(error, Err(Error::NotValid { path }) if path == absent));
        assert_eq!(store.realisation(&first.id()).unwrap(), None);
        store.register_realisation(&first).unwrap();
        let error = store.register_realisation(&second);
        assert!(matches!(error, Err(Error::Realisation(_))), "{error:?}");
        assert_eq!(store.realisation(&first.id()).unwrap(), Some(first));
    }
}

pub(crate) fn realisations_tell_the_outputs_of_derivations<T: Subject>() {
    let subject = T::new();
    let store = subject.store();
    let how = DerivationOutput::Floating("fixed:r:sha256".parse().unwrap());
    let floating = derivation("floating", &[("dev", how.clone()), ("out", how)]);
    let drv = put_derivation(store, &floating);
    let (dev, out) = (
        put(store, "floating-dev", &[]).path,
        put(store, "floating", &[]).path,
    );
    let key = DrvOutput {
        drv_path: drv.clone(),
        output_name: OutputName::new("dev").unwrap(),
    };
    let by_path = AnyRealisation::Path(Realisation::new(key, dev.clone()));
    store.register_realisation(&by_path).unwrap();
    let outputs = store.derivation_outputs(&drv).unwrap();
    let output = |name: &str| outputs[&OutputName::new(name).unwrap()].clone();
    assert_eq!((output("dev"), output("out")), (Some(dev.clone()), None));
    assert_eq!(store.valid_derivers(&dev).unwrap(), [drv.clone()].into());

    let (dir, none) = (StoreDir::default(), std::collections::BTreeMap::new());
    let drv_hash = DerivationModulo::new(&dir, &none).realisation_hash(&floating);
    let id = LegacyDrvOutput {
        drv_hash: drv_hash.unwrap(),
        output_name: OutputName::out(),
    };
    let by_hash = AnyRealisation::Hash(LegacyRealisation::new(id, out.clone()));
    store.register_realisation(&by_hash).unwrap();
    let outputs = store.derivation_outputs(&drv).unwrap();
    assert_eq!(outputs[&OutputName::out()], Some(out));
}

pub(crate) fn deleted_objects_are_gone_and_can_come_back<T: Subject>() {
    let subject = T::new();
    let store = subject.store();
    put(store, "stays", &[]);
    let before = observe(store);
    let lib = put(store, "lib", &[]).path;
    let app = put(store, "app", &[&lib]).path;
    let with_both = observe(store);
    let absent = path("g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-absent");
    let all = [lib.clone(), app.clone(), absent].into();
    let deleted = store.delete(&all).unwrap();
    assert_eq!(deleted.paths, [lib.clone(), app.clone()].into());
    assert!(deleted.bytes > 0);
    assert_eq!(observe(store), before);
    assert_eq!(store.path_from_hash_part(lib.hash_part()).unwrap(), None);
    assert_eq!(store.referrers(&lib).unwrap(), [].into());
    assert_eq!(store.delete(&all).unwrap(), Deleted::default());
    put(store, "lib", &[]);
    put(store, "app", &[&lib]);
    assert_eq!(observe(store), with_both);
}

pub(crate) fn objects_that_are_referred_to_stay<T: Subject>() {
    let subject = T::new();
    let store = subject.store();
    let lib = put(store, "lib", &[]).path;
    let app = put(store, "app", &[&lib]).path;
    let nar = crate::fixture::contents_of("own");
    let mut own = info("own", &nar, &[]);
    own.references.insert(own.path.clone());
    store.add_nar(&own, &mut &nar[..]).unwrap();
    let before = observe(store);
    // The other one could be deleted, but then it would not be all or nothing.
    let error = store
        .delete(&[lib.clone(), own.path.clone()].into())
        .unwrap_err();
    let is_it = matches!(&error, Error::HasReferrers { path, referrer }
        if *path == lib && *referrer == app);
    assert!(is_it, "{error:?}");
    assert_eq!(observe(store), before);
    store.delete(&[own.path].into()).unwrap();
    store.delete(&[lib, app].into()).unwrap();
    assert!(observe(store).is_empty());
}

pub(crate) fn a_deletion_takes_the_realisations_with_it<T: Subject>() {
    let subject = T::new();
    let store = subject.store();
    let (out, other) = (put(store, "out", &[]).path, put(store, "other", &[]).path);
    let [by_path, by_hash] = realisations(&out);
    store.register_realisation(&by_path).unwrap();
    let [_, stays] = realisations(&other);
    store.register_realisation(&stays).unwrap();
    store.delete(&[out.clone()].into()).unwrap();
    assert_eq!(store.realisation(&by_path.id()).unwrap(), None);
    assert_eq!(store.realisation(&by_hash.id()).unwrap(), Some(stays));
    // It may lie elsewhere from now on.
    let [elsewhere, _] = realisations(&other);
    store.register_realisation(&elsewhere).unwrap();
    assert_eq!(store.realisation(&by_path.id()).unwrap(), Some(elsewhere));
}

pub(crate) fn a_file_stays_executable_or_not_as_it_came_first<T: Subject>() {
    let subject = T::new();
    let store = subject.store();
    for (at, how) in ["fixed:sha256", "fixed:sha1", "text:sha256"]
        .iter()
        .enumerate()
    {
        let object = new_object(&format!("run-{at}"), how, &[]);
        let (first, second) = (file(b"run", at == 1), file(b"run", at != 1));
        let added = store.add(&object, &mut &first[..]).unwrap();
        let before = observe(store);
        let again = store.add(&object, &mut &second[..]).unwrap();
        assert_eq!(again, added, "{how}");
        assert_eq!(observe(store), before, "{how}");
        // Who says which archive it is is contradicted.
        let mut said = added.clone();
        said.nar_hash = Sha256::of(&second);
        said.nar_size = second.len() as u64;
        let error = store.add_nar(&said, &mut &second[..]).unwrap_err();
        assert!(matches!(error, Error::Conflict { .. }), "{error:?}");
    }
}
