//! Importing into typed trees and exporting from them.

use netabase_store::{MemoryStore, RedbStore};
use nix_core::{derivation::Derivation, store_path::StorePathName};
use nix_store::{
    db::models::{self, StoreDefinition},
    nix_db::{
        ExportOptions, ImportOptions, NewPath, NixDbError, NixSchema, StoreDb, export, import,
    },
    store::Error,
};
use rusqlite::Connection;

use crate::support::{Place, by_path, dir, everything, files, info, own, world};

type Trees = MemoryStore<StoreDefinition>;

fn options(schema: NixSchema) -> ExportOptions {
    ExportOptions {
        schema,
        ..ExportOptions::default()
    }
}

/// Returns the names of a schema's tables, indexes and triggers.
fn names(place: &Place, query: &str) -> Vec<String> {
    let connection = Connection::open(&place.db).unwrap();
    let mut statement = connection.prepare(query).unwrap();
    let names = statement.query_map([], |row| row.get(0)).unwrap();
    names.collect::<Result<_, _>>().unwrap()
}

#[test]
fn what_is_imported_and_exported_comes_back_equal_in_every_schema() {
    let (place, world) = Place::with_world(60);
    let (_, realisations) = everything(&place.open().unwrap()).unwrap();
    let trees = RedbStore::<StoreDefinition>::temp().unwrap();
    let report = import(
        &place.open().unwrap(),
        &trees,
        &ImportOptions::default(),
        &mut |_| {},
    );
    let report = report.unwrap();
    assert_eq!((report.new, report.realisations), (world.len() as u64, 3));
    for schema in [NixSchema::V2_8, NixSchema::V2_34, NixSchema::V2_35] {
        let copy = Place::empty();
        let report = export(&trees, &copy.db, &options(schema), &mut |_| {}).unwrap();
        assert_eq!(report.paths, world.len() as u64);
        let references = world.iter().map(|info| info.references.len() as u64).sum();
        assert_eq!((report.references, report.realisations), (references, 3));
        assert_eq!(report.derivations_unknown, 1);
        let (paths, mut found) = everything(&copy.open().unwrap()).unwrap();
        assert_eq!(paths, by_path(&world));
        let mut expected = realisations.clone();
        expected.sort_by_key(nix_store::store::AnyRealisation::id);
        found.sort_by_key(nix_store::store::AnyRealisation::id);
        assert_eq!(found, expected);
        let mut beside: Vec<_> = files(copy.folder.path()).into_keys().collect();
        let ca_schema = beside.iter().position(|name| name == "ca-schema");
        assert_eq!(
            ca_schema.map(|at| beside.remove(at)).is_some(),
            schema == NixSchema::V2_8
        );
        assert_eq!(beside, ["db.sqlite", "schema"]);
    }
}

#[test]
fn each_schema_notes_its_tables_as_its_nix_does() {
    let trees = Trees::new();
    let (place, _) = Place::with_world(5);
    import(
        &place.open().unwrap(),
        &trees,
        &ImportOptions::default(),
        &mut |_| {},
    )
    .unwrap();
    let migrations = "select migration from SchemaMigrations order by 1";
    let index = "select name from sqlite_schema where name = 'IndexReferrer'";
    let exported = |schema| {
        let place = Place::empty();
        export(&trees, &place.db, &options(schema), &mut |_| {}).unwrap();
        place
    };
    let old = exported(NixSchema::V2_8);
    assert_eq!(files(old.folder.path())["schema"], b"10");
    assert_eq!(files(old.folder.path())["ca-schema"], b"3");
    assert_eq!(names(&old, index).len(), 1);
    assert!(
        names(
            &old,
            "select name from sqlite_schema where name = 'SchemaMigrations'"
        )
        .is_empty()
    );
    let middle = exported(NixSchema::V2_34);
    let both = ["20220326-ca-derivations", "20251017-ca-derivations"];
    assert_eq!(names(&middle, migrations), both);
    assert_eq!(names(&middle, index).len(), 1);
    let new = exported(NixSchema::V2_35);
    let drop = "20260309-drop-redundant-indexreferrer";
    assert_eq!(names(&new, migrations), [both[0], both[1], drop]);
    assert!(names(&new, index).is_empty());
    assert_eq!(
        names(&new, "select journal_mode from pragma_journal_mode"),
        ["wal"]
    );
}

#[test]
fn the_same_import_twice_changes_nothing_and_a_changed_row_is_updated() {
    let (place, world) = Place::with_world(20);
    let trees = Trees::new();
    let run = || {
        import(
            &place.open().unwrap(),
            &trees,
            &ImportOptions::default(),
            &mut |_| {},
        )
    };
    let count = world.len() as u64;
    assert_eq!(run().unwrap().new, count);
    let report = run().unwrap();
    assert_eq!(
        (report.new, report.updated, report.unchanged),
        (0, 0, count)
    );
    place.change("update ValidPaths set narSize = 1 where id = 2");
    let report = run().unwrap();
    assert_eq!(
        (report.new, report.updated, report.unchanged),
        (0, 1, count - 1)
    );
    let row = trees.open_tree::<models::StorePath>();
    let row = row.get(dir().print(&world[1].path).as_str()).unwrap();
    assert_eq!(row.unwrap().nar_size, 1);
}

#[test]
fn of_two_realisations_of_one_output_the_oldest_is_imported() {
    let (place, world) = Place::with_world(20);
    place.change(
        "insert into Realisations (drvPath, outputName, outputPath, signatures) \
         select drvPath, outputName, 9, '' from Realisations",
    );
    let db = place.open().unwrap();
    let (_, all) = everything(&db).unwrap();
    assert_eq!(all.len(), 5);
    let trees = Trees::new();
    let report = import(&db, &trees, &ImportOptions::default(), &mut |_| {}).unwrap();
    assert_eq!(report.realisations, 3);
    let rows = trees.open_tree::<models::Realisation>();
    let wrong = dir().print(&world[8].path);
    assert!(rows.iter().all(|row| row.unwrap().1.out_path != wrong));
    assert_eq!(
        db.realisation(&all[0].id()).unwrap().as_ref(),
        Some(&all[0])
    );
}

#[test]
fn a_malformed_row_ends_the_import_and_names_itself() {
    let (place, _) = Place::with_world(20);
    place.change("update ValidPaths set hash = 'x' where id = 20");
    let trees = Trees::new();
    let done = import(
        &place.open().unwrap(),
        &trees,
        &ImportOptions::default(),
        &mut |_| {},
    );
    let error = own(done.unwrap_err());
    assert!(matches!(
        error,
        NixDbError::Field {
            table: "ValidPaths",
            row: 20,
            ..
        }
    ));
    assert_eq!(trees.open_tree::<models::StorePath>().len().unwrap(), 0);
}

#[test]
fn derivations_are_read_from_their_files_which_must_be_what_their_paths_say() {
    let objects = tempfile::tempdir().unwrap();
    let aterm = br#"Derive([("out","/nix/store/g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-a","","")],[],[],"s","/b",[],[])"#;
    let read = Derivation::parse_aterm(&dir(), StorePathName::new("a").unwrap(), aterm).unwrap();
    let mut drv = info(1, &[]);
    drv.path = read.path(&dir()).unwrap();
    let db = StoreDb::open_memory(dir()).unwrap();
    db.register_valid_path(&NewPath::new(&drv)).unwrap();
    let trees = Trees::new();
    let options = ImportOptions {
        real_store_dir: Some(objects.path().to_owned()),
    };
    let run = || import(&db, &trees, &options, &mut |_| {});
    let report = run().unwrap();
    assert_eq!((report.derivations, report.derivations_missing), (0, 1));
    let file = objects.path().join(drv.path.base_name());
    std::fs::write(&file, aterm).unwrap();
    assert_eq!(run().unwrap().derivations, 1);
    let rows = trees.open_tree::<models::Derivation>();
    let row = rows.get(dir().print(&drv.path).as_str()).unwrap().unwrap();
    assert_eq!(row.to_derivation(&dir()).unwrap(), read);
    // What is exported leads from the output to the derivation.
    let copy = Place::empty();
    let report = export(&trees, &copy.db, &ExportOptions::default(), &mut |_| {}).unwrap();
    assert_eq!((report.outputs, report.derivations_unknown), (1, 0));
    let output = dir()
        .parse("/nix/store/g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-a")
        .unwrap();
    assert_eq!(
        copy.open().unwrap().valid_derivers(&output).unwrap(),
        [drv.path.clone()].into()
    );

    let other = String::from_utf8(aterm.to_vec())
        .unwrap()
        .replace("/b", "/c");
    std::fs::write(&file, other).unwrap();
    assert!(matches!(run().unwrap_err(), Error::OtherPath { path, .. } if path == drv.path));
    std::fs::write(&file, "Derive(").unwrap();
    assert!(matches!(run().unwrap_err(), Error::Derivation { path, .. } if path == drv.path));
    std::fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", &file).unwrap();
    assert!(matches!(run().unwrap_err(), Error::Io { .. }));
}

#[test]
fn an_export_that_is_refused_leaves_no_file() {
    let refused = |rows: &[nix_core::path_info::PathInfo]| {
        let trees = Trees::new();
        let rows = rows
            .iter()
            .map(|info| models::StorePath::from_path_info(&dir(), info));
        trees
            .open_tree::<models::StorePath>()
            .put_many(rows)
            .unwrap();
        let place = Place::empty();
        let done = export(&trees, &place.db, &ExportOptions::default(), &mut |_| {});
        assert!(files(place.folder.path()).is_empty());
        done.unwrap_err()
    };
    let dangling = refused(&[info(1, &[]), info(2, &[1, 3])]);
    assert!(
        matches!(dangling, Error::ReferenceNotValid { path, reference }
        if path == info(2, &[]).path && reference == info(3, &[]).path)
    );
    let circle = refused(&[info(1, &[2]), info(2, &[3]), info(3, &[1]), info(4, &[4])]);
    assert!(matches!(circle, Error::Cycle(circle) if circle.0.len() == 3));
}

#[test]
fn a_realisation_whose_path_is_not_there_is_not_exported() {
    let world = world(3);
    for realisation in crate::support::realisations(&world) {
        let trees = Trees::new();
        let row = match &realisation {
            nix_store::store::AnyRealisation::Hash(of) => {
                models::Realisation::from_legacy_realisation(&dir(), of)
            }
            nix_store::store::AnyRealisation::Path(of) => {
                models::Realisation::from_realisation(&dir(), of)
            }
        };
        trees.open_tree::<models::Realisation>().put(row).unwrap();
        let place = Place::empty();
        let done = export(&trees, &place.db, &ExportOptions::default(), &mut |_| {});
        assert!(
            matches!(done.unwrap_err(), Error::NotValid { path } if path == *realisation.out_path())
        );
        assert!(files(place.folder.path()).is_empty());
    }
}

#[test]
fn what_exists_is_not_overwritten() {
    let place = Place::empty();
    let run = || {
        export(
            &Trees::new(),
            &place.db,
            &ExportOptions::default(),
            &mut |_| {},
        )
    };
    for name in ["db.sqlite", "db.sqlite-wal"] {
        std::fs::write(place.folder.path().join(name), "kept").unwrap();
        let refused = own(run().unwrap_err());
        assert!(matches!(refused, NixDbError::Exists { path } if path.ends_with(name)));
        let left = files(place.folder.path());
        assert_eq!(left, [(name.to_owned(), b"kept".to_vec())].into());
        std::fs::remove_file(place.folder.path().join(name)).unwrap();
    }
    std::fs::write(place.folder.path().join("schema"), "9").unwrap();
    assert!(matches!(own(run().unwrap_err()), NixDbError::Schema { .. }));
    std::fs::remove_file(place.folder.path().join("schema")).unwrap();
    assert_eq!(run().unwrap().paths, 0);
    assert!(place.open().unwrap().valid_paths().unwrap().is_empty());
}
