//! `netabase query`

use std::process::Stdio;

use netabase_store::RedbStore;
use nix_io::compression::{Compression, Limits, decompress};
use nix_store::db::models::{StoreDefinition, StorePath};
use serde_json::Value;

use crate::support::{ENGINES, Graph, Place, command, feed, ok, refused, sample, shared, text};

/// One of how many paths of an input is asked about.
const SAMPLE_STEP: usize = 13;
const REAL_STEP: usize = 4_001;

#[test]
fn the_sample_is_answered_as_its_json_says() {
    let graph = Graph::of_sample();
    for engine in ENGINES {
        let place = Place::new();
        let (db, _) = place.import(&sample("path-info.json"), engine);
        for path in graph.infos.keys().step_by(SAMPLE_STEP) {
            graph.check(&db, path);
        }
    }
}

#[test]
fn the_real_store_paths_are_answered_as_their_json_says() {
    let Some(input) = shared("data/store-paths.jsonl.zst") else {
        return;
    };
    let place = Place::new();
    let (db, summary) = place.import(input.to_str().expect("UTF-8"), "redb");
    let expected = "imported 63436 paths (63436 new, 0 updated, 0 unchanged; 0 not valid)";
    assert_eq!(summary, expected);
    let graph = Graph::new(decompressed(&input));
    assert_eq!(graph.infos.len(), 63_436);
    for path in graph.infos.keys().step_by(REAL_STEP) {
        graph.check(&db, path);
    }
}

fn decompressed(file: &std::path::Path) -> Vec<Value> {
    let file = std::fs::File::open(file).expect("the data");
    let file = std::io::BufReader::new(file);
    let text = decompress(Compression::Zstd, file, Limits::default()).expect("it is built");
    let lines = serde_json::Deserializer::from_reader(std::io::BufReader::new(text));
    lines
        .into_iter()
        .map(|line| line.expect("a line of JSON"))
        .collect()
}

#[test]
fn a_path_is_named_in_full_by_base_name_or_by_hash() {
    let place = Place::new();
    let (db, _) = place.import(&sample("path-info.json"), "redb");
    let graph = Graph::of_sample();
    let path = graph
        .infos
        .keys()
        .find(|path| path.contains("-hello-2.12.1"))
        .expect("hello");
    let base_name = path.trim_start_matches("/nix/store/");
    let expected = graph.references(path);
    for name in [path, base_name, &base_name[..32]] {
        assert_eq!(ok(&["query", "references", name, "--db", &db]), expected);
    }
}

#[test]
fn answers_in_json_say_the_same() {
    let place = Place::new();
    let (db, _) = place.import(&sample("path-info.json"), "redb");
    let graph = Graph::of_sample();
    let parse = |text: String| -> Value { serde_json::from_str(&text).expect("JSON") };
    for (path, info) in graph.infos.iter().step_by(SAMPLE_STEP) {
        let ask = |question: &str| parse(ok(&["query", question, path, "--db", &db, "--json"]));
        let shown = ask("info");
        for key in ["narHash", "narSize", "references", "registrationTime"] {
            assert_eq!(shown[path][key], info[key], "{key} of {path}");
        }
        for key in ["deriver", "ca"] {
            let said = info.get(key).unwrap_or(&Value::Null);
            assert_eq!(&shown[path][key], said, "{key} of {path}");
        }
        assert_eq!(ask("deriver"), shown[path]["deriver"]);
        let lines: String = ask("requisites")
            .as_array()
            .expect("a list")
            .iter()
            .map(|p| text(p) + "\n")
            .collect();
        assert_eq!(lines, graph.requisites(path));
        // What is printed can be imported.
        let again = feed(
            &["import", "path-info", "-", "--db", &db],
            shown.to_string().as_bytes(),
        );
        assert!(
            again.starts_with("imported 1 paths (0 new, 0 updated, 1 unchanged;"),
            "{again}"
        );
    }
}

#[test]
fn info_has_a_line_for_everything() {
    let place = Place::new();
    let (db, _) = place.import(&sample("path-info.json"), "redb");
    let graph = Graph::of_sample();
    let built = graph
        .infos
        .values()
        .find(|info| !info["ca"].is_null() && !info["deriver"].is_null());
    let built = built.expect("some path is content-addressed and built");
    let shown = ok(&["query", "info", &text(&built["path"]), "--db", &db]);
    let line = |name: &str, value: &str| {
        assert!(
            shown
                .lines()
                .any(|line| line == format!("{name:<16}{value}")),
            "{name}: {shown}"
        );
    };
    line("path", &text(&built["path"]));
    line("nar size", &built["narSize"].to_string());
    line("registered", &built["registrationTime"].to_string());
    line("deriver", &text(&built["deriver"]));
    line("signature", &text(&built["signatures"][0]));
    line("content address", &text(&built["ca"]));
    line("ultimate", "yes");
}

#[test]
fn a_store_that_a_crash_left_open_is_answered() {
    let place = Place::new();
    let (db, _) = place.import(&sample("path-info.json"), "redb");
    let graph = Graph::of_sample();
    let path = graph.infos.keys().next().expect("some path");
    let store = RedbStore::<StoreDefinition>::new(&db).expect("the store");
    let paths = store.open_tree::<StorePath>();
    paths
        .update(path.as_str(), |path| path.ultimate = false)
        .expect("a write");
    // Nothing has closed the copy.
    let copy = place.path("copy.redb");
    std::fs::copy(&db, &copy).expect("a copy");
    drop(store);
    graph.check(&copy, path);
    let shown = ok(&["query", "info", path, "--db", &copy]);
    assert!(shown.ends_with("ultimate        no\n"), "{shown}");
}

#[test]
fn a_store_that_is_in_use_is_refused() {
    let place = Place::new();
    let (db, _) = place.import(&sample("path-info.json"), "redb");
    let store = RedbStore::<StoreDefinition>::new(&db).expect("the store");
    let error = refused(&["query", "info", "x", "--db", &db], b"", 1);
    assert!(error.contains("is open elsewhere"), "{error}");
    drop(store);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let place = Place::new();
    let (db, _) = place.import(&sample("path-info.json"), "redb");
    let graph = Graph::of_sample();
    let glibc = graph
        .infos
        .keys()
        .find(|path| path.ends_with("-glibc-2.38-44"))
        .expect("glibc");
    let mut command = command(&["query", "referrers-closure", glibc, "--db", &db]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a start");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("an end");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
}
