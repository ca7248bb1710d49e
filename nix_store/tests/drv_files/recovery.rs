//! What is left by crashes between preparing, registering and committing.

use std::{fs, path::Path, thread};

use nix_core::store_path::{OutputName, StoreDir};
use nix_store::{
    drv_files::{DrvFiles, ResultState},
    store::Error,
};

use crate::{
    registered::Registered,
    support::{Place, Store, built, done, plain},
};

/// Returns the pending files.
fn pending(place: &Place) -> Vec<String> {
    let mut names = place.names("drv-out");
    names.retain(|name| name.starts_with(".pending-"));
    names
}

/// Copies the files of a state directory as they are at this moment.
fn snapshot(from: &Path, to: &Path) {
    for folder in ["drv", "drv-out"] {
        let Ok(entries) = fs::read_dir(from.join(folder)) else {
            continue;
        };
        fs::create_dir_all(to.join(folder)).expect("a copy");
        for entry in entries {
            let entry = entry.expect("an entry");
            fs::copy(entry.path(), to.join(folder).join(entry.file_name())).expect("a copy");
        }
    }
}

#[test]
fn what_is_prepared_is_on_disk_but_not_to_be_found_before_it_is_committed() {
    let (place, mut store) = (Place::new(), Store::default());
    let files = place.files();
    let drv = store.put(plain("hello", &[]));
    let outputs = built(&drv, b"one");
    let prepared = files.prepare(&store.0, &drv, &outputs).unwrap();
    let hash = prepared.build_hash().expect("a hash");
    assert_eq!(pending(&place).len(), 1);
    assert!(files.get(&hash).unwrap().is_none());
    assert!(files.outputs(&hash).unwrap().is_none());
    assert_eq!(
        files.by_output(&outputs[&OutputName::out()].path).unwrap(),
        []
    );
    assert_eq!(files.list().unwrap().build_hashes, []);
    let build = done(prepared.commit());
    assert_eq!((build.build_hash, build.result), (hash, ResultState::First));
    assert_eq!(pending(&place), [""; 0]);
    assert_eq!(
        files.by_output(&outputs[&OutputName::out()].path).unwrap(),
        [hash]
    );
}

#[test]
fn an_abandoned_build_leaves_no_trace() {
    let (place, mut store) = (Place::new(), Store::default());
    let drv = store.put(plain("hello", &[]));
    let files = place.files();
    let prepared = files.prepare(&store.0, &drv, &built(&drv, b"one")).unwrap();
    prepared.abandon().unwrap();
    assert_eq!(place.contents(), []);
}

#[test]
fn a_crash_before_the_registration_leaves_no_trace_and_one_after_it_loses_nothing() {
    let (place, mut store) = (Place::new(), Store::default());
    let files = place.files();
    let drv = store.put(plain("hello", &[]));
    let outputs = built(&drv, b"one");
    let mut registered = Registered::default();
    drop(files.prepare(&store.0, &drv, &outputs).unwrap());
    let recovered = files.recover(&registered).unwrap();
    assert_eq!((recovered.committed.len(), recovered.dropped.len()), (0, 1));
    assert_eq!(place.contents(), []);

    let prepared = files.prepare(&store.0, &drv, &outputs).unwrap();
    let hash = prepared.build_hash().expect("a hash");
    drop(prepared);
    registered.register(&outputs);
    let recovered = files.recover(&registered).unwrap();
    assert_eq!(
        (recovered.committed, recovered.dropped.len()),
        (vec![hash], 0)
    );
    assert_eq!(files.get(&hash).unwrap().expect("a file").derivation, drv);
    assert_eq!(
        files
            .outputs(&hash)
            .unwrap()
            .expect("outputs")
            .results()
            .len(),
        1
    );
    assert_eq!(pending(&place), [""; 0]);
    let again = files.recover(&registered).unwrap();
    assert_eq!(
        (
            again.committed.len(),
            again.dropped.len(),
            again.damaged.len()
        ),
        (0, 0, 0)
    );
}

#[test]
fn a_registration_with_another_hash_is_not_that_of_the_build() {
    let (place, mut store) = (Place::new(), Store::default());
    let files = place.files();
    let drv = store.put(plain("hello", &[]));
    let mut registered = Registered::default();
    registered.register(&built(&drv, b"from elsewhere"));
    let prepared = files.prepare(&store.0, &drv, &built(&drv, b"one")).unwrap();
    drop(prepared);
    assert_eq!(files.recover(&registered).unwrap().dropped.len(), 1);
    assert_eq!(place.contents(), []);
}

#[test]
fn builds_of_living_processes_are_left_to_them() {
    let (place, mut store) = (Place::new(), Store::default());
    let files = place.files();
    let drv = store.put(plain("hello", &[]));
    let outputs = built(&drv, b"one");
    let mut registered = Registered::default();
    let prepared = files.prepare(&store.0, &drv, &outputs).unwrap();
    for valid in [false, true] {
        if valid {
            registered.register(&outputs);
        }
        let recovered = files.recover(&registered).unwrap();
        assert_eq!((recovered.committed.len(), recovered.dropped.len()), (0, 0));
        assert_eq!(pending(&place).len(), 1);
    }
    assert_eq!(done(prepared.commit()).result, ResultState::First);
}

#[test]
fn every_state_that_a_commit_passes_through_recovers_to_the_whole() {
    let (place, mut store) = (Place::new(), Store::default());
    let files = place.files();
    let drv = store.put(plain("hello", &[]));
    let outputs = built(&drv, b"one");
    let mut registered = Registered::default();
    registered.register(&outputs);
    let prepared = files.prepare(&store.0, &drv, &outputs).unwrap();
    let hash = prepared.build_hash().expect("a hash");
    let begun = Place::new();
    snapshot(place.folder.path(), begun.folder.path());
    done(prepared.commit());
    let whole = place.contents();
    let (drv_name, out_name) = (format!("drv/{hash}.drv"), format!("drv-out/{hash}"));
    for (with_drv, with_out, unfinished) in [
        (false, false, None),
        (false, false, Some("drv")),
        (true, false, None),
        (true, false, Some("drv-out")),
        (true, true, None),
    ] {
        let crashed = Place::new();
        snapshot(begun.folder.path(), crashed.folder.path());
        fs::create_dir_all(crashed.path("drv")).unwrap();
        for (name, there) in [(&drv_name, with_drv), (&out_name, with_out)] {
            if there {
                fs::copy(place.path(name), crashed.path(name)).unwrap();
            }
        }
        if let Some(folder) = unfinished {
            fs::write(crashed.path(folder).join(".unfinished"), "{\"na").unwrap();
        }
        let files = crashed.files();
        assert!(files.list().is_ok());
        assert_eq!(files.recover(&registered).unwrap().committed, [hash]);
        assert_eq!(
            crashed.contents(),
            whole,
            "{with_drv} {with_out} {unfinished:?}"
        );
    }
}

#[test]
fn what_a_writer_left_unfinished_is_removed() {
    let (place, mut store) = (Place::new(), Store::default());
    let files = place.files();
    let drv = store.put(plain("hello", &[]));
    done(files.record(&store.0, &drv, &built(&drv, b"one")));
    let before = place.contents();
    for folder in ["drv", "drv-out"] {
        fs::write(place.path(folder).join(".unfinished"), "{\"na").unwrap();
    }
    files.recover(&Registered::default()).unwrap();
    assert_eq!(place.contents(), before);
}

#[test]
fn a_damaged_pending_file_is_told_and_left_and_the_others_are_seen_to() {
    let (place, mut store) = (Place::new(), Store::default());
    let files = place.files();
    let drv = store.put(plain("hello", &[]));
    let outputs = built(&drv, b"one");
    let mut registered = Registered::default();
    registered.register(&outputs);
    drop(files.prepare(&store.0, &drv, &outputs).unwrap());
    let good = pending(&place).pop().expect("a file");
    let text = fs::read_to_string(place.path("drv-out").join(&good)).unwrap();
    let damaged = [
        ("a", text.replace("\"version\":1}", "\"version\":2}")),
        ("b", text.replace("\"builder\"", "\"bilder\"")),
        ("c", text[..text.len() / 2].to_owned()),
        ("d", text.replace("buildHash\":\"", "buildHash\":\"0")),
        ("e", String::new()),
    ];
    for (name, text) in &damaged {
        assert_ne!(
            *text,
            fs::read_to_string(place.path("drv-out").join(&good)).unwrap()
        );
        fs::write(place.path("drv-out").join(format!(".pending-{name}")), text).unwrap();
    }
    std::os::unix::fs::symlink("/etc/passwd", place.path("drv-out/.pending-f")).unwrap();
    let recovered = files.recover(&registered).unwrap();
    assert_eq!(recovered.committed.len(), 1);
    let mut told: Vec<String> = recovered
        .damaged
        .iter()
        .map(|error| match error {
            Error::DrvFile { path, .. } => path.file_name().unwrap().to_str().unwrap().to_owned(),
            other => panic!("{other:?}"),
        })
        .collect();
    told.sort();
    assert_eq!(
        told,
        ["a", "b", "c", "d", "e", "f"].map(|name| format!(".pending-{name}"))
    );
    assert_eq!(pending(&place), told);
}

#[test]
fn a_pending_file_of_a_former_process_is_not_replaced() {
    let (place, mut store) = (Place::new(), Store::default());
    let files = place.files();
    let drv = store.put(plain("hello", &[]));
    let (one, two) = (built(&drv, b"one"), built(&drv, b"two"));
    drop(files.prepare(&store.0, &drv, &one).unwrap());
    drop(files.prepare(&store.0, &drv, &two).unwrap());
    assert_eq!(pending(&place).len(), 2);
    let mut registered = Registered::default();
    registered.register(&one);
    let recovered = files.recover(&registered).unwrap();
    assert_eq!((recovered.committed.len(), recovered.dropped.len()), (1, 1));
    let outputs = files
        .outputs(&recovered.committed[0])
        .unwrap()
        .expect("outputs");
    let kept = &outputs.results()[0][&OutputName::out()];
    assert_eq!(kept.nar_hash, one[&OutputName::out()].nar_hash);
    assert_eq!(outputs.results().len(), 1);
}

#[test]
fn writers_at_the_same_time_lose_no_result() {
    let (place, mut store) = (Place::new(), Store::default());
    let drv = store.put(plain("hello", &[]));
    let (threads, each) = (4_usize, 8_usize);
    thread::scope(|scope| {
        for thread in 0..threads {
            let (place, store, drv) = (&place, &store, &drv);
            scope.spawn(move || {
                let files = DrvFiles::open(place.folder.path(), StoreDir::default()).unwrap();
                for n in 0..each {
                    let contents = format!("{thread} {n}");
                    done(files.record(&store.0, drv, &built(drv, contents.as_bytes())));
                    files.recover(&Registered::default()).unwrap();
                }
            });
        }
    });
    let files = place.files();
    let [hash] = files.list().unwrap().build_hashes[..] else {
        panic!("one build")
    };
    let outputs = files.outputs(&hash).unwrap().expect("outputs");
    assert_eq!(outputs.results().len(), threads * each);
    assert_eq!(place.contents().len(), 2);
}

#[test]
fn a_store_filled_before_gets_the_files_of_what_is_valid() {
    let (place, mut store) = (Place::new(), Store::default());
    let files = place.files();
    let (one, two, gone) = (
        store.put(plain("one", &[])),
        store.put(plain("two", &[])),
        store.put(plain("gone", &[])),
    );
    let mut registered = Registered::default();
    for drv in [&one, &two, &gone] {
        let outputs = built(drv, b"x");
        let paths = outputs
            .iter()
            .map(|(name, info)| (name.clone(), Some(info.path.clone())));
        registered.outputs.insert(store.path(drv), paths.collect());
        if drv.name.as_str() != "gone" {
            registered.register(&outputs);
        }
    }
    let rebuild = || files.rebuild(&registered, &store.0).unwrap();
    let first = rebuild();
    assert_eq!((first.written, first.failed.len()), (2, 0));
    assert_eq!(files.list().unwrap().build_hashes.len(), 2);
    let before = place.contents();
    let again = rebuild();
    assert_eq!((again.written, again.failed.len()), (0, 0));
    assert_eq!(place.contents(), before);
}

#[test]
fn what_cannot_be_recorded_stops_no_other() {
    let (place, mut store) = (Place::new(), Store::default());
    let files = place.files();
    let base = store.put(plain("base", &[]));
    let mut latin = plain("latin", &[]);
    latin.args.push(b"caf\xe9".as_slice().into());
    let all = [
        store.put(plain("orphan", &[&base])),
        store.put(latin),
        store.put(plain("whole", &[])),
        store.put(plain("last", &[])),
    ];
    let mut registered = Registered::default();
    for drv in &all {
        let outputs = built(drv, b"x");
        let paths = outputs
            .iter()
            .map(|(name, info)| (name.clone(), Some(info.path.clone())));
        registered.outputs.insert(store.path(drv), paths.collect());
        registered.register(&outputs);
    }
    store.0.remove(&store.path(&base));
    store.0.remove(&store.path(&all[3]));
    let Err(error) = files.rebuild(&registered, &store.0) else {
        panic!("a path without file")
    };
    assert!(matches!(error, Error::NotADerivation { .. }), "{error}");
    registered.outputs.remove(&store.path(&all[3]));
    let rebuilt = files.rebuild(&registered, &store.0).unwrap();
    let mut failed: Vec<String> = rebuilt.failed.iter().map(Error::to_string).collect();
    failed.sort();
    let expected = [
        "compute the build hash of orphan",
        "record the build of latin",
    ];
    assert_eq!(failed, expected);
    assert_eq!(files.list().unwrap().build_hashes.len(), 1);
}

#[test]
fn a_damaged_file_does_not_keep_the_others_from_recovery() {
    let (place, mut store) = (Place::new(), Store::default());
    let files = place.files();
    let (one, two) = (store.put(plain("one", &[])), store.put(plain("two", &[])));
    let mut registered = Registered::default();
    let mut hashes = Vec::new();
    for drv in [&one, &two] {
        let prepared = files.prepare(&store.0, drv, &built(drv, b"x")).unwrap();
        hashes.push(prepared.build_hash().expect("a hash"));
        registered.register(&built(drv, b"x"));
    }
    let damaged = files.file(&hashes[0]);
    fs::create_dir(place.path("drv")).unwrap();
    fs::write(&damaged, "{").unwrap();
    let recovered = files.recover(&registered).unwrap();
    assert_eq!(recovered.committed, [hashes[1]]);
    assert!(matches!(&recovered.damaged[..], [Error::DrvFile { path, .. }] if *path == damaged));
    fs::remove_file(&damaged).unwrap();
    assert_eq!(files.recover(&registered).unwrap().committed, [hashes[0]]);
    assert_eq!(pending(&place), [""; 0]);
}
