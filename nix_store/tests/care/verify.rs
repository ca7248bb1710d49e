//! The database against the disk.

use std::{fs, num::NonZeroUsize, os::unix::fs::symlink, path::Path};

use nix_core::signature::{KeyName, SecretKey, TrustedKeys};
use nix_io::nar::PackError;
use nix_store::{
    local::{LocalOptions, LocalStore},
    store::{Error, ReadStore, WriteStore},
    verify::{MetadataProblem, Problem, VerifyOptions, VerifyReport, verify},
};
use rustix::fs::{CWD, FileType, Mode};

use crate::support::{
    Place, add, add_referring, file, flip, options, remove, sample, set_mode, set_time,
};

fn contents() -> VerifyOptions {
    VerifyOptions {
        check_contents: true,
        ..VerifyOptions::default()
    }
}

fn run(store: &LocalStore, options: &VerifyOptions) -> VerifyReport {
    verify(store, options, &mut |_| {}).expect("a store that can be read")
}

/// Returns the one problem.
fn one(report: VerifyReport) -> Problem {
    assert_eq!(report.problems.len(), 1, "{:?}", report.problems);
    report.problems.into_iter().next().expect("one")
}

#[test]
fn a_sound_store_has_no_problems() {
    let place = Place::new();
    let store = place.store("a");
    let a = add(&store, "a", &sample());
    let b = add_referring(&store, "b", &file("b"), &[&a.path]);
    let report = run(&store, &contents());
    assert!(report.problems.is_empty(), "{:?}", report.problems);
    assert_eq!((report.checked, report.bytes), (2, a.nar_size + b.nar_size));
    assert_eq!(run(&store, &VerifyOptions::default()).bytes, 0);
}

#[test]
fn a_flipped_bit_is_found_only_where_contents_are_checked() {
    let place = Place::new();
    let store = place.store("a");
    let (a, _) = (add(&store, "a", &sample()), add(&store, "b", &sample()));
    flip(&store.real_path(&a.path).join("large"));
    assert!(run(&store, &VerifyOptions::default()).problems.is_empty());
    let problem = one(run(&store, &contents()));
    assert!(problem.needs_repair());
    let Problem::Damaged { path, source } = problem else {
        panic!("{problem:?}");
    };
    assert_eq!(path, a.path);
    assert!(
        matches!(&source, Error::HashMismatch { expected, found, .. }
            if *expected == a.nar_hash && found != expected),
        "{source:?}"
    );
}

#[test]
fn another_size_is_found() {
    let place = Place::new();
    let store = place.store("a");
    let a = add(&store, "a", &sample()).path;
    remove(&store.real_path(&a).join("plain"));
    let b = add(&store, "b", &sample()).path;
    let extra = store.real_path(&b).join("extra");
    set_mode(store.real_path(&b), 0o755);
    fs::write(&extra, "").unwrap();
    set_mode(&extra, 0o444);
    set_mode(store.real_path(&b), 0o555);
    for path in [&extra, &store.real_path(&b)] {
        set_time(path, 1);
    }
    let report = run(&store, &contents());
    assert_eq!(report.problems.len(), 2, "{:?}", report.problems);
    for problem in report.problems {
        let Problem::Damaged { source, .. } = problem else {
            panic!("{problem:?}");
        };
        assert!(matches!(source, Error::SizeMismatch { .. }), "{source:?}");
    }
}

#[test]
fn missing_objects_are_found() {
    let place = Place::new();
    let store = place.store("a");
    let a = add(&store, "a", &sample()).path;
    add(&store, "b", &sample());
    remove(&store.real_path(&a));
    let problem = one(run(&store, &VerifyOptions::default()));
    assert!(problem.needs_repair());
    assert!(matches!(problem, Problem::Missing { path } if path == a));
    assert!(store.is_valid(&a).unwrap());
}

#[test]
fn what_is_not_valid_is_listed_and_stays() {
    let place = Place::new();
    let store = place.store("a");
    add(&store, "a", &sample());
    let folder = &store.layout().real_store_dir;
    fs::create_dir(folder.join(".links")).unwrap();
    let names = ["00000000000000000000000000000000-stray", "lost", "sdir"];
    fs::write(folder.join(names[0]), "x").unwrap();
    symlink("nowhere", folder.join(names[1])).unwrap();
    fs::create_dir(folder.join(names[2])).unwrap();
    let report = run(&store, &contents());
    let found = report.problems.iter().map(|problem| match problem {
        Problem::Leftover { name } => name.to_str().unwrap(),
        problem => panic!("{problem:?}"),
    });
    assert_eq!(found.collect::<Vec<_>>(), names);
    assert!(
        names
            .iter()
            .all(|name| fs::symlink_metadata(folder.join(name)).is_ok())
    );
}

#[test]
fn permissions_and_times_that_objects_do_not_have_are_found() {
    let place = Place::new();
    let store = place.store("a");
    let path = add(&store, "a", &sample()).path;
    let real = store.real_path(&path);
    set_mode(real.join("plain"), 0o644);
    set_mode(real.join("bin/run"), 0o4555);
    set_mode(real.join("bin"), 0o755);
    set_time(real.join("link"), 77);
    let report = run(&store, &VerifyOptions::default());
    let found = report.problems.iter().map(|problem| match problem {
        Problem::Metadata {
            path: of,
            file,
            what,
        } if *of == path => (file.as_path(), *what),
        problem => panic!("{problem:?}"),
    });
    let mut found: Vec<_> = found.collect();
    found.sort_by_key(|(file, _)| file.to_owned());
    let at = |name: &str| real.join(name);
    assert_eq!(
        found,
        [
            (at("bin").as_path(), MetadataProblem::Mode(0o755)),
            (at("bin/run").as_path(), MetadataProblem::Mode(0o4555)),
            (at("link").as_path(), MetadataProblem::Time(77)),
            (at("plain").as_path(), MetadataProblem::Mode(0o644)),
        ]
    );
    let unasked = VerifyOptions {
        check_metadata: false,
        ..contents()
    };
    assert!(run(&store, &unasked).problems.is_empty());
}

#[test]
fn a_pipe_in_an_object_is_damage_and_nobody_waits_for_it() {
    let place = Place::new();
    let store = place.store("a");
    let path = add(&store, "a", &file("x")).path;
    remove(&store.real_path(&path));
    rustix::fs::mknodat(CWD, store.real_path(&path), FileType::Fifo, Mode::RUSR, 0).unwrap();
    let problem = run(&store, &contents())
        .problems
        .into_iter()
        .find(Problem::needs_repair);
    let Some(Problem::Damaged {
        source: Error::Pack { source, .. },
        ..
    }) = problem
    else {
        panic!("{problem:?}");
    };
    assert!(
        matches!(source, PackError::Unsupported { .. }),
        "{source:?}"
    );
}

#[test]
fn deep_directories_are_damage_and_not_a_crash() {
    let place = Place::new();
    let store = place.store("a");
    let path = add(&store, "a", &sample()).path;
    let real = store.real_path(&path);
    set_mode(&real, 0o755);
    let deep = Path::new("x")
        .components()
        .cycle()
        .take(200)
        .fold(real, |path, x| path.join(x));
    fs::create_dir_all(deep).unwrap();
    let report = run(&store, &contents());
    let count = report
        .problems
        .iter()
        .filter(|problem| problem.needs_repair())
        .count();
    assert_eq!(count, 1, "{:?}", report.problems);
}

#[test]
fn objects_without_a_trusted_signature_are_found_where_asked() {
    let place = Place::new();
    let store = place.store("a");
    let key = SecretKey::from_seed(KeyName::new("cache-1").unwrap(), &[7; 32]);
    let mut keys = TrustedKeys::default();
    keys.insert(key.public_key()).unwrap();
    let mut paths = ["a", "b", "c"].map(|name| {
        let mut info = add(&store, name, &file(name));
        store.delete(&[info.path.clone()].into()).unwrap();
        info.content_address = None;
        info
    });
    paths[1].sign(store.store_dir(), &key).unwrap();
    paths[2].ultimate = true;
    for (info, name) in paths.iter().zip(["a", "b", "c"]) {
        store.add_nar(info, &mut &file(name).archive()[..]).unwrap();
    }
    // Its content proves its path.
    add(&store, "d", &file("d"));
    assert!(run(&store, &contents()).problems.is_empty());
    let signed = VerifyOptions {
        trusted_keys: Some(keys),
        ..VerifyOptions::default()
    };
    let problem = one(run(&store, &signed));
    assert!(matches!(problem, Problem::Untrusted { path } if path == paths[0].path));
}

#[test]
fn missing_objects_are_forgotten_only_where_asked_and_not_needed() {
    let place = Place::new();
    let store = place.store("a");
    let a = add(&store, "a", &file("a")).path;
    let b = add_referring(&store, "b", &file("b"), &[&a]).path;
    let c = add(&store, "c", &file("c")).path;
    let d = add_referring(&store, "d", &file("d"), &[&c]).path;
    for path in [&a, &b, &c] {
        remove(&store.real_path(path));
    }
    assert_eq!(run(&store, &VerifyOptions::default()).forgotten.len(), 0);
    assert_eq!(store.valid_paths().unwrap().len(), 4);
    let forgetting = VerifyOptions {
        forget_missing: true,
        ..VerifyOptions::default()
    };
    let report = run(&store, &forgetting);
    assert_eq!(report.problems.len(), 3);
    assert_eq!(report.forgotten, [a, b].into());
    assert_eq!(store.valid_paths().unwrap(), [c, d].into());
}

#[test]
fn any_number_of_threads_finds_the_same() {
    let place = Place::new();
    let store = place.store("a");
    for number in 0..30 {
        let path = add(&store, &format!("object-{number}"), &sample()).path;
        if number % 7 == 0 {
            flip(&store.real_path(&path).join("large"));
        }
    }
    let reports = [1, 2, 5, 100].map(|threads| {
        let options = VerifyOptions {
            threads: NonZeroUsize::new(threads).unwrap(),
            ..contents()
        };
        let mut seen = Vec::new();
        let report = verify(&store, &options, &mut |progress| {
            assert_eq!(progress.total, 30);
            seen.push((progress.checked, progress.problems.len()));
        });
        let report = report.unwrap();
        assert!(seen.iter().map(|(checked, _)| *checked).eq(1..=30));
        assert_eq!(seen.iter().map(|(_, problems)| problems).sum::<usize>(), 5);
        let paths = report
            .problems
            .iter()
            .map(|problem| problem.path().cloned());
        (report.checked, report.bytes, paths.collect::<Vec<_>>())
    });
    assert_eq!(reports[0].2.len(), 5);
    assert!(reports.iter().all(|report| *report == reports[0]));
}

#[test]
fn objects_deleted_meanwhile_are_no_problem() {
    // More than wait for whoever is told of the progress.
    const OBJECTS: u64 = 150;
    let place = Place::new();
    let exclusive = LocalOptions {
        exclusive: true,
        ..options()
    };
    let store = place.store_with("a", &exclusive);
    for number in 0..OBJECTS {
        add(&store, &format!("object-{number}"), &file("x"));
    }
    let options = VerifyOptions {
        threads: NonZeroUsize::MIN,
        ..contents()
    };
    let mut is_first = true;
    let report = verify(&store, &options, &mut |progress| {
        if std::mem::take(&mut is_first) {
            let mut others = store.valid_paths().unwrap();
            others.remove(progress.path);
            store.delete(&others).unwrap();
        }
    });
    let report = report.unwrap();
    assert!(report.checked < OBJECTS);
    assert!(report.problems.is_empty(), "{:?}", report.problems);
}

#[test]
fn a_store_that_may_only_be_read_can_be_verified_but_forgets_nothing() {
    let place = Place::new();
    add(&place.store("a"), "a", &sample());
    let read_only = LocalOptions {
        read_only: true,
        ..options()
    };
    let store = place.store_with("a", &read_only);
    let report = run(&store, &contents());
    assert!(report.problems.is_empty(), "{:?}", report.problems);
    let forgetting = VerifyOptions {
        forget_missing: true,
        ..contents()
    };
    let refused = verify(&store, &forgetting, &mut |_| {});
    assert!(matches!(refused, Err(Error::ReadOnly)));
}
