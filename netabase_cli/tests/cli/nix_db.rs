//! `netabase import nix-db` and `netabase export nix-db`

use std::path::Path;

use crate::{
    nix::Nix,
    support::{ENGINES, Graph, Place, ok, refused, sample},
};

/// Exports the sample and returns the path of the database.
fn exported(place: &Place, engine: &str) -> (String, String) {
    let (db, _) = place.import(&sample("path-info.json"), engine);
    let file = place.path(&format!("db-{engine}.sqlite"));
    let out = ok(&["export", "nix-db", &file, "--db", &db]);
    let (summary, _) = out.split_once(" to ").expect("the summary names the file");
    (file, summary.to_owned())
}

#[test]
fn the_sample_goes_through_a_database_of_nix_unchanged() {
    let graph = Graph::of_sample();
    for engine in ENGINES {
        let place = Place::new();
        let (file, summary) = exported(&place, engine);
        assert!(summary.starts_with("exported 324 paths with "), "{summary}");
        let db = place.path("copy");
        let arguments = ["import", "nix-db", &file, "--db", &db, "--engine", engine];
        let out = ok(&arguments);
        let new = "imported 324 paths (324 new, 0 updated, 0 unchanged), 0 realisations and 0 \
                   derivations into ";
        assert!(out.starts_with(new), "{out}");
        let out = ok(&arguments);
        assert!(
            out.starts_with("imported 324 paths (0 new, 0 updated, 324 unchanged)"),
            "{out}"
        );
        for path in graph.infos.keys().step_by(61) {
            graph.check(&db, path);
        }
        let again = place.path("again.sqlite");
        ok(&["export", "nix-db", &again, "--db", &db, "--schema", "2.8"]);
        let bytes = |path: &str| std::fs::read(path).expect("a file");
        assert!(bytes(&again) == bytes(&file));
    }
}

#[test]
fn what_exists_is_not_overwritten_and_what_is_wrong_leaves_no_store() {
    let place = Place::new();
    let (file, _) = exported(&place, "redb");
    let store = place.path("store.redb");
    let error = refused(&["export", "nix-db", &file, "--db", &store], b"", 1);
    assert_eq!(error, format!("netabase: Nix's database: {file} exists\n"));

    let db = place.path("new.redb");
    let wrong = place.file("wrong.sqlite", b"not a database");
    let error = refused(&["import", "nix-db", &wrong, "--db", &db], b"", 1);
    assert!(error.contains("file is not a database"), "{error}");
    let gone = place.path("gone.sqlite");
    let error = refused(&["import", "nix-db", &gone, "--db", &db], b"", 1);
    assert!(
        error.starts_with(&format!("netabase: open {gone}: ")),
        "{error}"
    );
    let arguments = [
        "import",
        "nix-db",
        &file,
        "--db",
        &db,
        "--store-dir",
        "/gnu/store",
    ];
    let error = refused(&arguments, b"", 1);
    assert!(
        error.starts_with("netabase: table Refs, row 1: reference \"/nix/store/"),
        "{error}"
    );
    assert!(!Path::new(&db).exists());
}

#[test]
fn usage_errors_exit_with_2() {
    for arguments in [
        &["export", "nix-db", "x"][..],
        &["import", "nix-db", "x"],
        &["export", "nix-db", "x", "--db", "y", "--schema", "3"],
        &[
            "import",
            "nix-db",
            "x",
            "--db",
            "y",
            "--store-dir",
            "relative",
        ],
    ] {
        assert!(refused(arguments, b"", 2).contains("error:"));
    }
}

#[test]
fn a_store_of_nix_is_imported_where_it_lies_and_exported_for_it() {
    let Some(nix) = Nix::new() else { return };
    let all = nix.lines("nix", &["path-info", "--all"]);
    let input = format!("{}/nix/var/nix/db/db.sqlite", nix.root());
    let objects = format!("{}/nix/store", nix.root());
    let db = nix.place.path("store.redb");
    let out = ok(&[
        "import",
        "nix-db",
        &input,
        "--db",
        &db,
        "--objects",
        &objects,
    ]);
    assert!(
        out.starts_with(&format!("imported {0} paths ({0} new,", all.len())),
        "{out}"
    );
    let drvs = all.iter().filter(|path| path.ends_with(".drv")).count();
    assert!(
        out.contains(&format!(" and {drvs} derivations into ")),
        "{out}"
    );
    for path in all.iter().step_by(97) {
        for question in ["references", "referrers"] {
            let expected = nix.lines("nix-store", &["--query", &format!("--{question}"), path]);
            let found = ok(&["query", question, path, "--db", &db]);
            assert_eq!(found.lines().collect::<Vec<_>>(), expected);
        }
    }
    let dump = nix.text("nix-store", &["--dump-db"]);
    let folder = Path::new(&input).parent().expect("a folder");
    std::fs::remove_dir_all(folder).expect("it is there");
    std::fs::create_dir(folder).expect("an empty one");
    ok(&["export", "nix-db", &input, "--db", &db]);
    assert_eq!(nix.text("nix-store", &["--dump-db"]), dump);
}
