//! What a collection deletes, and what it spares.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::MetadataExt,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use nix_store::{
    gc::{self, GcOptions, GcProgress, TempRoots, add_root},
    local::{LocalOptions, LocalStore},
    store::Error,
};

use crate::support::{Place, add, add_all, collect, collect_after_plan, entries, open, set, valid};

fn options() -> GcOptions {
    GcOptions::default()
}

#[test]
fn what_roots_lead_to_stays_and_the_rest_goes_referrers_first() {
    let place = Place::new();
    let leaf = place.add("leaf", &[]);
    let middle = place.add("middle", &[&leaf]);
    let top = place.add("top", &[&middle, &leaf]);
    let lower = place.add("lower", &[&leaf]);
    let upper = place.add("upper", &[&lower]);
    let store = place.store();
    add_root(&store, "mine", &middle).expect("a root");
    assert_eq!(
        gc::live(&store, &options()).expect("paths"),
        set([&leaf, &middle])
    );
    assert_eq!(
        gc::dead(&store, &options()).expect("paths"),
        set([&top, &lower, &upper])
    );

    for slice in [1, 2, 100] {
        let mut deleted = Vec::new();
        let options = GcOptions { slice, ..options() };
        let report = gc::collect(&store, &options, &mut |progress| {
            if let GcProgress::Deleted(path) = progress {
                deleted.push((*path).clone());
            }
        });
        let report = report.expect("a collection");
        assert_eq!(report.paths, 3);
        assert!(report.bytes > 0);
        assert_eq!(
            BTreeSet::from_iter(deleted.clone()),
            set([&top, &lower, &upper])
        );
        if slice == 1 {
            let place_of = |path| deleted.iter().position(|deleted| deleted == path);
            assert!(place_of(&upper) < place_of(&lower));
        }
        assert_eq!(valid(&store), set([&leaf, &middle]));
        let names = [&leaf, &middle].map(|path| path.base_name().to_owned());
        assert_eq!(entries(&place.layout().real_store_dir), names.into());
        for (name, references) in [("top", &[&middle, &leaf][..]), ("lower", &[&leaf])] {
            place.add(name, references);
        }
        place.add("upper", &[&lower]);
    }
}

#[test]
fn a_path_that_gets_a_root_of_any_kind_before_its_turn_stays_with_what_it_needs() {
    let place = Place::new();
    let names = ["file", "database", "temporary", "adder"];
    let leaves = names.map(|name| place.add(&format!("{name}-leaf"), &[]));
    let mut tops = Vec::new();
    for (name, leaf) in names.iter().zip(&leaves) {
        tops.push(place.add(name, &[leaf]));
    }
    let other = place.add("other", &[]);
    let store = place.store();
    let temporary = TempRoots::open(&place.layout()).expect("temporary roots");
    let second = place.store();
    let report = collect_after_plan(
        &store,
        &GcOptions {
            slice: 2,
            ..options()
        },
        || {
            add_root(&second, "late", &tops[0]).expect("a root");
            second
                .database()
                .add_root("late", &tops[1])
                .expect("a root");
            temporary.add(&tops[2]).expect("a root");
            // Adding what is there makes it a temporary root too.
            assert_eq!(add(&second, "adder", &[&leaves[3]]), tops[3]);
        },
    );
    assert_eq!(report.paths, 1);
    let expected = leaves.iter().chain(&tops).cloned().collect();
    assert_eq!(valid(&store), expected);
    assert!(!store.real_path(&other).exists());
}

#[test]
fn a_path_that_gets_a_referrer_before_its_turn_stays() {
    let place = Place::new();
    let leaf = place.add("leaf", &[]);
    let other = place.add("other", &[]);
    let store = place.store();
    collect_after_plan(&store, &options(), || drop(place.add("new", &[&leaf])));
    assert!(valid(&store).contains(&leaf));
    assert!(!store.real_path(&other).exists());
}

#[test]
fn a_root_that_comes_between_two_slices_counts() {
    let place = Place::new();
    let paths = ["a", "b", "c", "d"].map(|name| place.add(name, &[]));
    let store = place.store();
    let mut rooted = None;
    let options = GcOptions {
        slice: 1,
        ..options()
    };
    let report = gc::collect(&store, &options, &mut |progress| {
        if let GcProgress::Freed { paths: 1, .. } = progress {
            let left = paths.iter().find(|path| store.real_path(path).exists());
            let left = left.expect("three are left");
            add_root(&store, "late", left).expect("a root");
            rooted = Some(left.clone());
        }
    });
    assert_eq!(report.expect("a collection").paths, 3);
    assert_eq!(valid(&store), set([&rooted.expect("a root")]));
}

#[test]
fn it_stops_when_enough_is_freed() {
    let place = Place::new();
    let store = place.store();
    let names: Vec<_> = (0..10).map(|number| format!("n{number}")).collect();
    add_all(&store, &names, None);
    let max = |max| GcOptions {
        max_freed: Some(max),
        ..options()
    };
    let nothing = collect(&store, &max(0));
    assert_eq!((nothing.paths, nothing.stopped), (0, true));
    assert_eq!(valid(&store).len(), 10);
    let some = collect(&store, &max(1));
    assert_eq!((some.paths, some.stopped), (1, true));
    let block = some.bytes;
    assert!(block > 1, "an object takes a block");
    let some = collect(&store, &max(3 * block));
    assert!(some.stopped && some.bytes >= 3 * block, "{some:?}");
    assert_eq!(valid(&store).len(), 9 - some.paths);
    let rest = collect(&store, &max(1 << 40));
    assert!(!rest.stopped);
    assert_eq!(valid(&store), BTreeSet::new());
}

#[test]
fn what_was_shared_counts_when_the_last_link_goes() {
    let place = Place::new();
    let [a, b, c] = ["a", "b", "c"].map(|name| place.add(name, &[]));
    let store = place.store();
    add_root(&store, "mine", &c).expect("a root");
    let links = place.layout().links_dir();
    fs::create_dir_all(&links).expect("a folder");
    for path in [&a, &c] {
        fs::hard_link(store.real_path(path), links.join(path.hash_part())).expect("a link");
    }
    fs::write(links.join("alone"), "nobody has it").expect("a file");
    let blocks = fs::metadata(links.join("alone")).expect("a file").blocks();
    let report = collect(&store, &options());
    assert_eq!((report.paths, report.links), (2, 2));
    // a, b and what was alone: one of each is a block's file.
    assert_eq!(report.bytes, 3 * blocks * 512);
    assert!(!store.real_path(&b).exists());
    let left: Vec<_> = fs::read_dir(&links).expect("a folder").flatten().collect();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].file_name(), c.hash_part());
}

#[test]
fn an_indirect_root_that_leads_nowhere_is_removed_by_a_collection_alone() {
    let place = Place::new();
    let a = place.add("a", &[]);
    let store = place.store();
    let link = place.path("result");
    let indirect = gc::add_link(&store, &link, &a).expect("a root");
    fs::remove_file(&link).expect("the link");
    assert_eq!(gc::dead(&store, &options()).expect("paths"), set([&a]));
    assert!(indirect.is_symlink());
    let report = collect(&store, &options());
    assert!(!indirect.is_symlink());
    assert_eq!(report.stale_roots, [indirect]);
    assert_eq!(valid(&store), BTreeSet::new());
}

#[test]
fn a_store_that_may_only_be_read_or_is_nixs_too_is_not_collected() {
    let place = Place::new();
    let a = place.add("a", &[]);
    let read_only = LocalOptions {
        read_only: true,
        ..LocalOptions::default()
    };
    let reader = LocalStore::open(place.layout(), &read_only).expect("a store");
    let refused = gc::collect(&reader, &options(), &mut |_| {});
    assert!(matches!(refused, Err(Error::ReadOnly)));
    assert_eq!(gc::dead(&reader, &options()).expect("paths"), set([&a]));
    drop(reader);

    fs::write(place.state("db/db.sqlite"), "Nix's").expect("a file");
    let store = place.store();
    let refused = gc::collect(&store, &options(), &mut |_| {});
    assert!(matches!(refused, Err(Error::BesideNix { .. })));
    assert_eq!(valid(&store), set([&a]));
    let beside_nix = true;
    assert_eq!(
        collect(
            &store,
            &GcOptions {
                beside_nix,
                ..options()
            }
        )
        .paths,
        1
    );
}

#[test]
fn adders_and_a_collector_at_once_lose_nothing_that_is_needed() {
    let place = Place::new();
    place.store();
    let done = AtomicBool::new(false);
    let (kept, deleted) = thread::scope(|scope| {
        let collector = scope.spawn(|| {
            let store = place.store();
            let mut deleted = 0;
            loop {
                let is_last = done.load(Ordering::SeqCst);
                deleted += collect(
                    &store,
                    &GcOptions {
                        slice: 3,
                        ..options()
                    },
                )
                .paths;
                if is_last {
                    return deleted;
                }
            }
        });
        let adders = ["x", "y"].map(|adder| {
            let layout = place.layout();
            scope.spawn(move || {
                let mut kept = BTreeSet::new();
                for round in 0..6 {
                    // Each round is a process of its own, as far as roots are concerned.
                    let store = open(layout.clone());
                    let leaf = add(&store, &format!("{adder}{round}-leaf"), &[]);
                    let shared = add(&store, "shared", &[]);
                    let top = add(&store, &format!("{adder}{round}"), &[&leaf, &shared]);
                    add(&store, &format!("{adder}{round}-waste"), &[&leaf]);
                    if round % 2 == 0 {
                        let name = format!("{adder}{round}");
                        add_root(&store, &name, &top).expect("a root");
                        kept.extend([leaf, shared, top]);
                    }
                }
                kept
            })
        });
        let kept = adders.map(|adder| adder.join().expect("it adds"));
        done.store(true, Ordering::SeqCst);
        (kept, collector.join().expect("it collects"))
    });
    let store = place.store();
    let kept: BTreeSet<_> = kept.into_iter().flatten().collect();
    assert_eq!(valid(&store), kept);
    let names: BTreeSet<_> = kept
        .iter()
        .map(|path| path.base_name().to_owned())
        .collect();
    assert_eq!(entries(&place.layout().real_store_dir), names);
    assert!(deleted >= 12, "{deleted}");
}
