//! Opening: what is locked, made and seen.

use std::collections::BTreeSet;

use nix_store::{
    nix_db::{NixDbAccess, NixDbError, NixDbOptions, StoreDb},
    store::Direction,
};
use rusqlite::Connection;

use crate::support::{Place, by_path, dir, everything, files, info, path};

#[test]
fn every_question_is_answered_as_the_rows_say() {
    let (place, world) = Place::with_world(40);
    let db = place.open().unwrap();
    let (paths, realisations) = everything(&db).unwrap();
    assert_eq!(paths, by_path(&world));
    assert_eq!(db.valid_paths().unwrap(), paths.keys().cloned().collect());
    for info in &world {
        let found = db.path_info(&info.path).unwrap();
        assert_eq!(found.as_ref(), Some(info));
        let refers = |other: &&nix_core::path_info::PathInfo| other.references.contains(&info.path);
        let referrers: BTreeSet<_> = world
            .iter()
            .filter(refers)
            .map(|i| i.path.clone())
            .collect();
        assert_eq!(db.referrers(&info.path).unwrap(), referrers);
        let found = db.path_from_hash_part(info.path.hash_part()).unwrap();
        assert_eq!(found.as_ref(), Some(&info.path));
    }
    let drv = path(0, "object.drv");
    let derivers = db.valid_derivers(&world[3].path).unwrap();
    assert_eq!(derivers, [drv.clone()].into());
    let outputs = db.derivation_outputs(&drv).unwrap();
    assert_eq!(
        outputs.into_values().collect::<Vec<_>>(),
        [world[3].path.clone()]
    );
    for realisation in &realisations {
        let found = db.realisation(&realisation.id()).unwrap();
        assert_eq!(found.as_ref(), Some(realisation));
    }
    assert_eq!(realisations.len(), 3);
}

#[test]
fn what_is_not_valid_is_nothing() {
    let (place, _) = Place::with_world(3);
    let db = place.open().unwrap();
    let gone = path(99, "gone");
    assert_eq!(db.path_info(&gone).unwrap(), None);
    assert!(!db.is_valid(&gone).unwrap());
    assert!(db.referrers(&gone).unwrap().is_empty());
    assert!(db.derivation_outputs(&gone).unwrap().is_empty());
    assert_eq!(db.path_from_hash_part(gone.hash_part()).unwrap(), None);
    assert_eq!(db.path_from_hash_part("").unwrap(), None);
    let refused = db.closure(&[gone.clone()].into(), Direction::References);
    assert_eq!(
        refused.unwrap_err().to_string(),
        format!("{gone} is not valid")
    );
}

#[test]
fn a_closure_is_what_the_references_lead_to() {
    let (place, world) = Place::with_world(40);
    let db = place.open().unwrap();
    let by_path = by_path(&world);
    let start = &world[38].path;
    let mut expected = BTreeSet::from([start.clone()]);
    let mut open = vec![start.clone()];
    while let Some(path) = open.pop() {
        let next = by_path[&path].references.iter().cloned();
        open.extend(next.filter(|path| expected.insert(path.clone())));
    }
    let found = db.closure(&[start.clone()].into(), Direction::References);
    assert_eq!(found.unwrap(), expected);
    let all = db.closure(&[world[0].path.clone()].into(), Direction::Referrers);
    assert!(all.unwrap().contains(start));
}

#[test]
fn questions_may_be_asked_while_another_is_answered_and_by_many_threads() {
    let (place, world) = Place::with_world(20);
    for db in [place.open().unwrap(), memory(&world[..20])] {
        let mut seen = 0;
        db.for_each_path(&mut |info| -> Result<(), NixDbError> {
            seen += 1;
            assert_eq!(db.path_info(&info.path)?, Some(info));
            Ok(())
        })
        .unwrap();
        assert!(seen >= 20);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| assert_eq!(db.valid_paths().unwrap().len(), seen));
            }
        });
    }
}

fn memory(world: &[nix_core::path_info::PathInfo]) -> StoreDb {
    let db = StoreDb::open_memory(dir()).unwrap();
    let new: Vec<_> = world.iter().map(nix_store::nix_db::NewPath::new).collect();
    db.register_valid_paths(&new).unwrap();
    db
}

#[test]
fn reading_changes_no_file_and_makes_none() {
    let (place, _) = Place::with_world(10);
    let before = files(place.folder.path());
    let db = place.open().unwrap();
    everything(&db).unwrap();
    assert_eq!(files(place.folder.path()), before);
    drop(db);
    assert_eq!(files(place.folder.path()), before);
    let names: Vec<_> = before.keys().map(String::as_str).collect();
    assert_eq!(names, ["db.sqlite", "schema"]);
}

#[test]
fn an_immutable_database_is_read_though_another_has_it_locked() {
    let (place, world) = Place::with_world(10);
    let other = Connection::open(&place.db).unwrap();
    other
        .execute_batch("pragma journal_mode = delete; begin exclusive")
        .unwrap();
    let db = place.open().unwrap();
    assert_eq!(db.valid_paths().unwrap().len(), world.len());
    other.execute_batch("rollback").unwrap();
}

#[test]
fn a_journal_that_has_more_is_seen_or_refused_but_never_passed_over() {
    let (place, world) = Place::with_world(10);
    let options = |access| NixDbOptions {
        access,
        ..NixDbOptions::default()
    };
    let nix = StoreDb::open(&place.db, &options(NixDbAccess::Write)).unwrap();
    let late = info(1000, &[]);
    nix.register_valid_path(&nix_store::nix_db::NewPath::new(&late))
        .unwrap();

    let refused = StoreDb::open(&place.db, &options(NixDbAccess::Immutable)).unwrap_err();
    assert!(matches!(&refused, NixDbError::Journal { path } if path.ends_with("db.sqlite-wal")));
    for access in [NixDbAccess::Auto, NixDbAccess::ReadOnly] {
        let db = StoreDb::open(&place.db, &options(access)).unwrap();
        assert_eq!(db.path_info(&late.path).unwrap().as_ref(), Some(&late));
    }
    drop(nix);
    let db = StoreDb::open(&place.db, &options(NixDbAccess::Immutable)).unwrap();
    assert_eq!(db.valid_paths().unwrap().len(), world.len() + 1);
}

#[test]
fn a_path_of_any_characters_is_opened_as_it_is() {
    let (place, world) = Place::with_world(3);
    let folder = place.folder.path().join("a?mode=memory&x#%41 b");
    std::fs::create_dir(&folder).unwrap();
    let copy = folder.join("db.sqlite");
    std::fs::copy(&place.db, &copy).unwrap();
    let db = StoreDb::open(&copy, &NixDbOptions::default()).unwrap();
    assert_eq!(db.valid_paths().unwrap().len(), world.len());
    let gone = StoreDb::open(folder.join("gone"), &NixDbOptions::default());
    assert!(matches!(gone.unwrap_err(), NixDbError::Open { .. }));
    assert_eq!(files(&folder).len(), 1);
}

#[test]
fn another_schema_is_refused() {
    let (place, _) = Place::with_world(3);
    for text in ["9", "11", "", "10x", "\u{0}"] {
        std::fs::write(place.folder.path().join("schema"), text).unwrap();
        let refused = place.open().unwrap_err();
        let found = |found: &str| found == text;
        assert!(
            matches!(&refused, NixDbError::Schema { found: f, .. } if found(f)),
            "{refused}"
        );
    }
    std::fs::write(place.folder.path().join("schema"), "10\n").unwrap();
    assert!(place.open().is_ok());
}
