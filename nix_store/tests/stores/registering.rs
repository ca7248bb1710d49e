//! How objects that lie in their places become valid.

use nix_core::{path_info::PathInfo, store_path::StoreDir};
use nix_store::store::{Error, ReadStore, WriteStore};

use crate::{
    Subject,
    fixture::{contents_of, info, known, observe, path, put, secret_key},
};

/// Returns two objects of which the second refers to itself and the first.
fn pair() -> [(PathInfo, Vec<u8>); 2] {
    let (lib, app) = (contents_of("lib"), contents_of("app"));
    let lib_info = info("lib", &lib, &[]);
    let mut app_info = info("app", &app, &[&lib_info.path]);
    app_info.references.insert(app_info.path.clone());
    [(lib_info, lib), (app_info, app)]
}

pub(crate) fn placed_objects_become_valid_together<T: Subject>() {
    for turn in [false, true] {
        let subject = T::new();
        let store = subject.store();
        let mut objects = pair();
        if turn {
            objects.reverse();
        }
        for (info, nar) in &objects {
            subject.place(&info.path, nar);
        }
        let infos = objects.clone().map(|(info, _)| info);
        store.register(&infos).unwrap();
        let said = observe(store);
        assert_eq!(said.len(), 2);
        for info in infos {
            assert_eq!(said[&info.path].info, info);
        }
    }
}

pub(crate) fn what_is_only_placed_is_not_valid<T: Subject>() {
    let subject = T::new();
    let store = subject.store();
    let [(lib, nar), (app, app_nar)] = pair();
    subject.place(&lib.path, &nar);
    assert!(observe(store).is_empty());
    assert!(!store.is_valid(&lib.path).unwrap());
    let mut written = Vec::new();
    let error = store.write_nar(&lib.path, &mut written).unwrap_err();
    assert!(matches!(error, Error::NotValid { .. }), "{error:?}");
    let error = store.add_nar(&app, &mut &app_nar[..]).unwrap_err();
    assert!(
        matches!(error, Error::ReferenceNotValid { .. }),
        "{error:?}"
    );
    // What lies there is no hindrance.
    put(store, "lib", &[]);
    assert_eq!(known(store, &lib.path), Some(lib));
}

pub(crate) fn of_objects_that_do_not_all_fit_none_is_registered<T: Subject>() {
    let subject = T::new();
    let store = subject.store();
    let [(lib, lib_nar), (app, app_nar)] = pair();
    subject.place(&lib.path, &lib_nar);
    let refuse = |infos: &[PathInfo]| {
        let error = store.register(infos).unwrap_err();
        assert!(observe(store).is_empty(), "{error:?}");
        error
    };
    // The second does not lie there.
    refuse(&[lib.clone(), app.clone()]);
    subject.place(&app.path, &app_nar);
    // The first is not among them.
    let error = refuse(std::slice::from_ref(&app));
    assert!(
        matches!(error, Error::ReferenceNotValid { .. }),
        "{error:?}"
    );
    let mut wrong = app.clone();
    wrong.nar_hash.0[0] ^= 1;
    let error = refuse(&[lib.clone(), wrong]);
    assert!(matches!(error, Error::HashMismatch { .. }), "{error:?}");
    let mut wrong = app.clone();
    wrong.nar_size += 1;
    let error = refuse(&[lib.clone(), wrong]);
    assert!(matches!(error, Error::SizeMismatch { .. }), "{error:?}");
    let mut wrong = lib.clone();
    wrong.nar_hash.0[0] ^= 1;
    refuse(&[lib.clone(), app.clone(), wrong]);
    let mut wrong = app.clone();
    wrong
        .references
        .insert(path("g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-absent"));
    let error = refuse(&[lib.clone(), wrong]);
    assert!(
        matches!(error, Error::ReferenceNotValid { .. }),
        "{error:?}"
    );
    store.register(&[app, lib]).unwrap();
    assert_eq!(observe(store).len(), 2);
}

pub(crate) fn circles_are_refused<T: Subject>() {
    let subject = T::new();
    let store = subject.store();
    let names = ["a", "b", "c"];
    let nars = names.map(contents_of);
    let mut infos = [0, 1, 2].map(|at: usize| info(names[at], &nars[at], &[]));
    let paths = infos.clone().map(|info| info.path);
    for at in 0..3 {
        infos[at].references = [paths[(at + 1) % 3].clone(), paths[at].clone()].into();
        subject.place(&paths[at], &nars[at]);
    }
    let error = store.register(&infos).unwrap_err();
    assert!(
        matches!(&error, Error::Cycle(cycle) if cycle.0.len() == 3),
        "{error:?}"
    );
    assert!(observe(store).is_empty());
    infos[2].references.remove(&paths[0]);
    store.register(&infos).unwrap();
    assert_eq!(observe(store).len(), 3);
}

pub(crate) fn registering_what_is_valid_joins_it<T: Subject>() {
    let subject = T::new();
    let store = subject.store();
    let valid = put(store, "a", &[]);
    let mut signed = valid.clone();
    signed
        .sign(&StoreDir::default(), &secret_key("a-1"))
        .unwrap();
    let [(lib, nar), _] = pair();
    subject.place(&lib.path, &nar);
    let mut conflicting = valid.clone();
    conflicting.nar_hash.0[0] ^= 1;
    let before = observe(store);
    let error = store.register(&[signed.clone(), lib.clone(), conflicting]);
    assert!(matches!(error, Err(Error::Conflict { .. })), "{error:?}");
    assert_eq!(observe(store), before);
    store.register(&[signed.clone(), lib.clone()]).unwrap();
    assert_eq!(known(store, &valid.path), Some(signed));
    assert_eq!(known(store, &lib.path), Some(lib));
    store.register(&[]).unwrap();
}
