//! `netabase import path-info`

use std::io::Write;

use nix_io::compression::{Compression, Level, compress};
use serde_json::{Value, json};

use crate::support::{ENGINES, Graph, Place, feed, ok, sample, shared, text};

const OWN: &str = "/nix/store/1w1fff338fvdw53sqgamddn1b2xgds47-own";

#[test]
fn the_sample_is_imported_and_a_second_import_changes_nothing() {
    let place = Place::new();
    for engine in ENGINES {
        let (_, summary) = place.import(&sample("path-info.json"), engine);
        let new = "imported 324 paths (324 new, 0 updated, 0 unchanged; 0 not valid)";
        assert_eq!(summary, new);
        let (db, summary) = place.import(&sample("path-info.json"), engine);
        let unchanged = "imported 324 paths (0 new, 0 updated, 324 unchanged; 0 not valid)";
        assert_eq!(summary, unchanged);
        // An old store says itself what its engine is.
        let out = ok(&[
            "import",
            "path-info",
            &sample("path-info.json"),
            "--db",
            &db,
        ]);
        assert!(out.starts_with(unchanged));
    }
}

#[test]
fn a_changed_path_is_updated_with_its_indexes() {
    let place = Place::new();
    let mut graph = Graph::of_sample();
    let (db, _) = place.import(&sample("path-info.json"), "redb");
    let changed = graph
        .infos
        .values_mut()
        .find(|info| !info["references"][1].is_null());
    let changed = changed.expect("some path has two references");
    let path = text(&changed["path"]);
    let kept = changed["references"][0].clone();
    changed["references"] = json!([kept]);
    changed["deriver"] = Value::Null;
    let line = format!("{changed}\n");
    let out = feed(&["import", "path-info", "-", "--db", &db], line.as_bytes());
    assert!(out.starts_with("imported 1 paths (0 new, 1 updated, 0 unchanged; 0 not valid)"));
    let graph = Graph::new(graph.infos.into_values());
    for path in [path, text(&kept)] {
        graph.check(&db, &path);
    }
}

#[test]
fn every_compression_is_told_by_the_content() {
    let place = Place::new();
    let plain = std::fs::read(sample("path-info.json")).expect("the sample");
    let told = [
        Compression::Gzip,
        Compression::Xz,
        Compression::Zstd,
        Compression::Bzip2,
    ];
    let inputs = told.map(|compression| {
        let mut file = compress(compression, Level::Number(1), Vec::new()).expect("built");
        file.write_all(&plain).expect("to memory");
        file.finish().expect("to memory")
    });
    let summary = "imported 324 paths (324 new, 0 updated, 0 unchanged; 0 not valid)";
    for (number, input) in inputs.iter().enumerate() {
        let file = place.file("misleading.json", input);
        for input_name in [&*file, "-"] {
            let db = place.path(&format!("{number}-{}.redb", input_name.len()));
            let out = feed(&["import", "path-info", input_name, "--db", &db], input);
            assert!(out.starts_with(summary), "{out}");
        }
    }
}

#[test]
fn arrays_maps_and_lines_give_the_same_store() {
    let graph = Graph::of_sample();
    let infos = || graph.infos.values();
    let array = json!(infos().collect::<Vec<_>>()).to_string();
    let lines: String = infos().map(|info| format!("{info}\n")).collect();
    let map = json!(graph.infos).to_string();
    let base_names = infos().map(|info| {
        let path = text(&info["path"]);
        let mut info = info.clone();
        info.as_object_mut().expect("an object").remove("path");
        (path.trim_start_matches("/nix/store/").to_owned(), info)
    });
    let info: serde_json::Map<String, Value> = base_names.collect();
    let wrapper = json!({ "version": 2, "storeDir": "/nix/store", "info": info }).to_string();
    let path = graph.infos.keys().next().expect("some path");
    let mut answers = Vec::new();
    for input in [array, lines, map, wrapper] {
        let place = Place::new();
        let db = place.path("store.redb");
        let out = feed(&["import", "path-info", "-", "--db", &db], input.as_bytes());
        assert!(out.starts_with("imported 324 paths (324 new,"), "{out}");
        let info = ok(&["query", "info", path, "--db", &db, "--json"]);
        answers.push((info, ok(&["query", "referrers-closure", path, "--db", &db])));
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]));
}

#[test]
fn the_vectors_of_every_version_are_imported() {
    let Some(folder) = shared("conformance/nix/libstore/path-info") else {
        return;
    };
    for (version, name) in [
        (1, "pure"),
        (1, "pure_noversion"),
        (2, "impure"),
        (3, "pure"),
    ] {
        let file = folder.join(format!("json-{version}/{name}.json"));
        let info = std::fs::read_to_string(&file).expect("a vector");
        let place = Place::new();
        let db = place.path("store.redb");
        let input = format!("{{\"{OWN}\": {info}, \"{OWN}-absent\": null}}");
        let out = feed(&["import", "path-info", "-", "--db", &db], input.as_bytes());
        let summary = "imported 1 paths (1 new, 0 updated, 0 unchanged; 1 not valid)";
        assert!(out.starts_with(summary), "{out}");
        let references = "/nix/store/g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-bar\n\
                          /nix/store/n5wkd9frr45pa74if5gpz9j7mifg27fh-foo\n";
        assert_eq!(ok(&["query", "references", OWN, "--db", &db]), references);
        let shown: Value =
            serde_json::from_str(&ok(&["query", "info", OWN, "--db", &db, "--json"]))
                .expect("JSON");
        let hash = "sha256-FePFYIlMuycIXPZbWi7LGEiMmZSX9FMbaQenWBzm1Sc=";
        assert_eq!(shown[OWN]["narHash"], hash);
        assert_eq!(shown[OWN]["narSize"], 34_878);
    }
}

#[test]
fn another_store_dir_is_imported_when_it_is_named() {
    let place = Place::new();
    let json = std::fs::read_to_string(sample("path-info.json")).expect("the sample");
    let json = json.replace("/nix/store/", "/scratch/store/");
    let file = place.file("paths.json", json.as_bytes());
    let db = place.path("store.redb");
    let out = ok(&[
        "import",
        "path-info",
        &file,
        "--db",
        &db,
        "--store-dir",
        "/scratch/store",
    ]);
    assert!(out.starts_with("imported 324 paths"), "{out}");
}
