//! What every database promises, on every engine.

use std::collections::BTreeSet;

use nix_core::{signature::SecretKey, store_path::StoreDir};
use nix_store::{
    db::Registration,
    store::{Direction, Error},
};

use crate::support::{info, object, on_every_engine, path, paths};

#[test]
fn what_is_registered_is_valid_and_says_what_was_said() {
    on_every_engine(|database| {
        let mut app = info("app", &["lib", "app"]);
        app.deriver = Some(path("app.drv"));
        app.ultimate = true;
        let key = SecretKey::from_seed("cache-1".parse().unwrap(), &[7; 32]);
        app.sign(&StoreDir::default(), &key).unwrap();
        let lib = info("lib", &[]);
        database
            .register(&[app.clone().into(), lib.clone().into()])
            .unwrap();

        assert_eq!(database.path_info(&app.path).unwrap(), Some(app.clone()));
        assert!(database.is_valid(&lib.path).unwrap());
        assert_eq!(database.valid_paths().unwrap(), paths(["app", "lib"]));
        assert_eq!(database.referrers(&lib.path).unwrap(), paths(["app"]));
        assert_eq!(database.referrers(&app.path).unwrap(), paths(["app"]));
        let found = database.path_from_hash_part(lib.path.hash_part()).unwrap();
        assert_eq!(found, Some(lib.path));
    });
}

#[test]
fn what_is_not_registered_has_no_answers() {
    on_every_engine(|database| {
        let none = path("none");
        assert_eq!(database.path_info(&none).unwrap(), None);
        assert!(!database.is_valid(&none).unwrap());
        assert_eq!(database.referrers(&none).unwrap(), BTreeSet::new());
        assert_eq!(database.valid_derivers(&none).unwrap(), BTreeSet::new());
        assert_eq!(database.derivation(&none).unwrap(), None);
        for hash_part in [
            none.hash_part(),
            "",
            "short",
            &"e".repeat(32),
            &"/".repeat(4096),
        ] {
            assert_eq!(database.path_from_hash_part(hash_part).unwrap(), None);
        }
        for direction in [Direction::References, Direction::Referrers] {
            let error = database
                .closure(&[none.clone()].into(), direction)
                .unwrap_err();
            assert!(matches!(error, Error::NotValid { path } if path == none));
        }
    });
}

#[test]
fn a_reference_must_be_valid_or_registered_with_it() {
    on_every_engine(|database| {
        let error = database
            .register(&[object("a", &[]), object("b", &["c"])])
            .unwrap_err();
        assert!(matches!(
            error,
            Error::ReferenceNotValid { path: from, reference }
                if from == path("b") && reference == path("c")
        ));
        assert_eq!(
            database.valid_paths().unwrap(),
            BTreeSet::new(),
            "all or none"
        );
        database.register(&[object("c", &[])]).unwrap();
        database.register(&[object("b", &["c"])]).unwrap();
        assert_eq!(database.valid_paths().unwrap(), paths(["b", "c"]));
    });
}

#[test]
fn a_circle_is_refused_and_named() {
    on_every_engine(|database| {
        let circle = [
            object("a", &["b"]),
            object("b", &["c"]),
            object("c", &["a"]),
            object("d", &[]),
        ];
        let error = database.register(&circle).unwrap_err();
        let Error::Cycle(cycle) = error else {
            panic!("{error}");
        };
        let named: BTreeSet<_> = cycle.0.into_iter().collect();
        assert_eq!(named, paths(["a", "b", "c"]));
        assert_eq!(database.valid_paths().unwrap(), BTreeSet::new());
    });
}

#[test]
fn a_circle_does_not_hide_behind_a_path_that_comes_twice() {
    on_every_engine(|database| {
        let twice = [object("a", &["b"]), object("b", &["a"]), object("a", &[])];
        assert!(matches!(database.register(&twice), Err(Error::Cycle(_))));
        assert_eq!(database.valid_paths().unwrap(), BTreeSet::new());
    });
}

#[test]
fn a_path_that_is_valid_already_is_joined_with_what_is_said_now() {
    on_every_engine(|database| {
        let dir = StoreDir::default();
        let key = |name: &str, seed| SecretKey::from_seed(name.parse().unwrap(), &[seed; 32]);
        let mut first = info("a", &[]);
        first.sign(&dir, &key("one-1", 1)).unwrap();
        database.register(&[first.clone().into()]).unwrap();
        let mut second = info("a", &[]);
        second.sign(&dir, &key("two-1", 2)).unwrap();
        second.registration_time += 1;
        second.ultimate = true;
        second.deriver = Some(path("a.drv"));
        let mut third = info("a", &[]);
        third.deriver = Some(path("other.drv"));
        database
            .register(&[second.clone().into(), third.into()])
            .unwrap();

        let mut joined = first.clone();
        joined.signatures.extend(second.signatures);
        joined.ultimate = true;
        joined.deriver = Some(path("a.drv"));
        assert_eq!(database.path_info(&first.path).unwrap(), Some(joined));
    });
}

#[test]
fn another_hash_of_a_valid_path_is_a_conflict() {
    on_every_engine(|database| {
        database.register(&[object("a", &[])]).unwrap();
        let mut other = info("a", &[]);
        other.nar_hash = info("b", &[]).nar_hash;
        let error = database
            .register(&[object("b", &[]), other.into()])
            .unwrap_err();
        assert!(matches!(error, Error::Conflict { .. }), "{error}");
        assert_eq!(database.valid_paths().unwrap(), paths(["a"]));
    });
}

#[test]
fn closures_go_both_ways_and_hold_their_beginning() {
    on_every_engine(|database| {
        let all: [Registration; 5] = [
            object("app", &["lib", "app"]),
            object("lib", &["libc"]),
            object("libc", &[]),
            object("tool", &["libc"]),
            object("alone", &[]),
        ];
        database.register(&all).unwrap();
        let closure = |names, direction| database.closure(&names, direction).unwrap();
        let (down, up) = (Direction::References, Direction::Referrers);
        assert_eq!(closure(paths(["app"]), down), paths(["app", "lib", "libc"]));
        assert_eq!(
            closure(paths(["tool", "alone"]), down),
            paths(["alone", "libc", "tool"])
        );
        assert_eq!(
            closure(paths(["libc"]), up),
            paths(["app", "lib", "libc", "tool"])
        );
        assert_eq!(closure(paths([]), up), paths([]));
    });
}

#[test]
fn each_path_is_told_in_order_and_an_error_ends_it() {
    on_every_engine(|database| {
        database
            .register(&[object("a", &[]), object("b", &[]), object("c", &[])])
            .unwrap();
        let mut told = Vec::new();
        let each = &mut |info: nix_core::path_info::PathInfo| {
            told.push(info.path);
            Ok(())
        };
        database.for_each_path(each).unwrap();
        assert_eq!(told, Vec::from_iter(paths(["a", "b", "c"])));

        let mut count = 0;
        let each = &mut |_| {
            count += 1;
            if count == 2 {
                Err(Error::ReadOnly)
            } else {
                Ok(())
            }
        };
        assert!(matches!(database.for_each_path(each), Err(Error::ReadOnly)));
        assert_eq!(count, 2);
    });
}

#[test]
fn signatures_are_added_to_valid_paths_alone() {
    on_every_engine(|database| {
        let mut signed = info("a", &[]);
        let key = SecretKey::from_seed("one-1".parse().unwrap(), &[1; 32]);
        signed.sign(&StoreDir::default(), &key).unwrap();
        let error = database
            .add_signatures(&signed.path, &signed.signatures)
            .unwrap_err();
        assert!(matches!(error, Error::NotValid { .. }));
        database.register(&[object("a", &[])]).unwrap();
        for _ in 0..2 {
            database
                .add_signatures(&signed.path, &signed.signatures)
                .unwrap();
            assert_eq!(
                database.path_info(&signed.path).unwrap().as_ref(),
                Some(&signed)
            );
        }
    });
}

#[test]
fn what_is_referred_to_is_not_deleted() {
    on_every_engine(|database| {
        database
            .register(&[object("app", &["lib"]), object("lib", &["lib"])])
            .unwrap();
        let error = database.delete(&paths(["lib", "none"])).unwrap_err();
        assert!(matches!(
            error,
            Error::HasReferrers { path: of, referrer } if of == path("lib") && referrer == path("app")
        ));
        assert_eq!(
            database.delete(&paths(["app", "lib", "none"])).unwrap(),
            paths(["app", "lib"])
        );
        assert_eq!(database.valid_paths().unwrap(), BTreeSet::new());
        assert_eq!(database.delete(&paths(["app"])).unwrap(), BTreeSet::new());
        assert_eq!(
            database
                .path_from_hash_part(path("app").hash_part())
                .unwrap(),
            None
        );
        assert_eq!(database.referrers(&path("lib")).unwrap(), BTreeSet::new());
    });
}

#[test]
fn dead_paths_go_and_what_others_need_stays() {
    on_every_engine(|database| {
        let all = [
            object("live", &["needed"]),
            object("needed", &["deep"]),
            object("deep", &[]),
            object("kept", &["below"]),
            object("below", &["below"]),
            object("dead", &["dying", "deep"]),
            object("dying", &["dying"]),
        ];
        database.register(&all).unwrap();
        let mut asked = BTreeSet::new();
        let keep = &mut |asks: &nix_core::store_path::StorePath| {
            assert!(asked.insert(asks.clone()), "each is asked about once");
            assert!(database.is_valid(asks).unwrap(), "questions are allowed");
            *asks == path("kept")
        };
        let wanted = paths(["needed", "deep", "kept", "below", "dead", "dying", "none"]);
        assert_eq!(
            database.delete_dead(&wanted, keep).unwrap(),
            paths(["dead", "dying"])
        );
        assert_eq!(
            asked,
            paths(["needed", "deep", "kept", "below", "dead", "dying"])
        );
        let left = paths(["live", "needed", "deep", "kept", "below"]);
        assert_eq!(database.valid_paths().unwrap(), left);
    });
}

#[test]
fn a_change_inside_a_question_or_a_change_is_refused_and_not_waited_for() {
    on_every_engine(|database| {
        database.register(&[object("a", &[])]).unwrap();
        let mut refused = None;
        let keep = &mut |_: &_| {
            refused = database.add_root("r", &path("a")).err();
            false
        };
        assert_eq!(
            database.delete_dead(&paths(["a"]), keep).unwrap(),
            paths(["a"])
        );
        let Some(Error::Database(refused)) = refused else {
            panic!("{refused:?}");
        };
        assert!(refused.is_deadlock());
    });
}

#[test]
fn roots_have_names_and_targets() {
    on_every_engine(|database| {
        assert_eq!(database.roots().unwrap(), []);
        database.add_root("b", &path("x")).unwrap();
        database.add_root("a/\n\u{e9}", &path("y")).unwrap();
        database.add_root("b", &path("z")).unwrap();
        let roots = [
            ("a/\n\u{e9}".to_owned(), path("y")),
            ("b".to_owned(), path("z")),
        ];
        assert_eq!(database.roots().unwrap(), roots);
        assert!(database.remove_root("b").unwrap());
        assert!(!database.remove_root("b").unwrap());
        assert_eq!(database.roots().unwrap().len(), 1);
        assert!(database.add_root(&"n".repeat(1 << 20), &path("x")).is_err());
    });
}
