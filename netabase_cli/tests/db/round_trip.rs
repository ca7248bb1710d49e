//! What goes out comes back: dump, load, copy, compact.

use netabase_store::{RedbStore, SledStore, Store, backends::Backend};
use serde_json::Value;

use crate::{
    models::{Also, EverythingDefinition, Outline, Thing, ThingByWordSecondaryKey, fill, things},
    support::{Place, feed, ok},
};

const ENGINES: [&str; 2] = ["redb", "sled"];

/// Checks through the program's own types that a store has exactly the records.
fn is_complete<B: Backend>(store: &Store<EverythingDefinition, B>) {
    let tree = store.open_tree::<Thing>();
    assert_eq!(tree.len().unwrap(), 3);
    for thing in things() {
        assert_eq!(
            tree.get((thing.group.clone(), thing.id)).unwrap(),
            Some(thing)
        );
    }
    assert_eq!(store.open_tree::<Also>().len().unwrap(), 4);
    assert_eq!(
        tree.index::<ThingByWordSecondaryKey>()
            .get("two")
            .count()
            .unwrap(),
        1
    );
    let report = store.verify().unwrap();
    assert!(report.is_sound(), "{:?}", report.problems);
}

fn is_complete_at(path: &str, engine: &str) {
    match engine {
        "redb" => is_complete(&RedbStore::open(path).unwrap()),
        _ => is_complete(&SledStore::open(path).unwrap()),
    }
}

#[test]
fn a_loaded_dump_is_the_same_store() {
    for source in ENGINES {
        for target in ENGINES {
            let place = Place::new();
            let (store, loaded) = (place.store(source), place.path("loaded"));
            let dump = ok(&["dump", &store]);
            let ran = feed(&["load", &loaded, "-", "--engine", target], &dump);
            assert_eq!((ran.status, ran.error.as_str()), (Some(0), ""));
            assert_eq!(ok(&["dump", &loaded]), dump);
            assert!(ok(&["verify", &loaded]).contains("is sound: 7 records"));
            is_complete_at(&loaded, target);
        }
    }
}

#[test]
fn a_dump_of_a_file_is_read_and_may_be_compressed() {
    let place = Place::new();
    let dump = ok(&["dump", &place.store("redb")]);
    std::fs::write(place.path("dump"), &dump).unwrap();
    ok(&["load", &place.path("loaded"), &place.path("dump")]);
    assert_eq!(ok(&["dump", &place.path("loaded")]), dump);
}

#[test]
fn every_line_of_a_dump_is_json_in_the_order_of_models_and_keys() {
    let place = Place::new();
    let dump = ok(&["dump", &place.store("redb")]);
    let lines: Vec<Value> = dump
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[0]["netabase"], 1);
    assert_eq!(lines[0]["schema"]["name"], "EverythingDefinition");
    let models: Vec<_> = lines[1..]
        .iter()
        .map(|line| line["model"].as_str().unwrap())
        .collect();
    assert_eq!(
        models,
        ["Also", "Also", "Also", "Also", "Thing", "Thing", "Thing"]
    );
    let plain = &lines[7];
    assert_eq!(plain["key"], serde_json::json!(["plain", 1]));
    let computed = serde_json::json!({
        "by_length": [11], "by_word": ["one", "two"], "by_first": ["one"],
    });
    assert_eq!(plain["computed"], computed);
    let record = &plain["record"];
    assert_eq!(record["bytes"], "0001ff");
    assert_eq!(record["nested"], serde_json::json!({ "some": true }));
    assert_eq!(record["nothing"], serde_json::json!({ "some": null }));
    assert_eq!(record["at"], "2024-02-29T12:00:00.0000005Z");
    assert_eq!(record["took"], "18446744073709551615.999999999s");
    assert_eq!(
        record["hashed"],
        serde_json::json!([[0, null], [1, "one"], [256, null]])
    );
    let extreme = &lines[6]["record"];
    assert_eq!(extreme["unsigned"][4], u128::MAX.to_string());
    assert_eq!(extreme["floats"][0], serde_json::json!(["inf", "-inf"]));
    assert_eq!(extreme["nested"], serde_json::json!({ "some": null }));
    assert_eq!(extreme["outline"], serde_json::json!({ "Circle": 9 }));
    assert_eq!(lines[5]["record"]["outline"], "Empty");
}

#[test]
fn every_float_comes_back_bit_for_bit() {
    let place = Place::new();
    let path = place.path("store");
    let store = RedbStore::<EverythingDefinition>::new(&path).unwrap();
    let mut thing = things().remove(0);
    let mut bits = 1_u64;
    for _ in 0..2000 {
        // A step of xorshift: every run meets the same floats.
        bits ^= bits << 13;
        bits ^= bits >> 7;
        bits ^= bits << 17;
        let high = u32::try_from(bits >> 32).unwrap();
        thing
            .floats
            .push((f32::from_bits(high), f64::from_bits(bits)));
    }
    thing.floats.push((f32::NAN, -f64::NAN));
    store.open_tree::<Thing>().put(thing).unwrap();
    drop(store);
    let dump = ok(&["dump", &path]);
    assert!(dump.contains("\"NaN:7fc00000\""));
    let loaded = place.path("loaded");
    assert_eq!(feed(&["load", &loaded], &dump).status, Some(0));
    assert_eq!(ok(&["dump", &loaded]), dump);
}

#[test]
fn a_record_nested_to_the_limit_comes_back() {
    let place = Place::new();
    let path = place.path("store");
    let store = RedbStore::<EverythingDefinition>::new(&path).unwrap();
    let mut thing = things().remove(0);
    for _ in 0..125 {
        let inner = Some(Box::new(thing.outline));
        thing.outline = Outline::Path {
            points: Vec::new(),
            inner,
        };
    }
    store.open_tree::<Thing>().put(thing.clone()).unwrap();
    drop(store);
    let dump = ok(&["dump", &path]);
    let loaded = place.path("loaded");
    assert_eq!(feed(&["load", &loaded], &dump).status, Some(0));
    let store = RedbStore::<EverythingDefinition>::open(&loaded).unwrap();
    let found = store
        .open_tree::<Thing>()
        .get((thing.group.clone(), thing.id))
        .unwrap();
    assert_eq!(found, Some(thing));
}

#[test]
fn a_copy_to_another_engine_is_the_same_store() {
    for source in ENGINES {
        for target in ENGINES {
            let place = Place::new();
            let (store, copy) = (place.store(source), place.path("copy"));
            ok(&["copy", &store, &copy, "--engine", target]);
            assert_eq!(ok(&["dump", &copy]), ok(&["dump", &store]));
            is_complete_at(&copy, target);
        }
    }
}

#[test]
fn a_copy_stays_on_its_engine_unless_told_otherwise() {
    for engine in ENGINES {
        let place = Place::new();
        ok(&["copy", &place.store(engine), &place.path("copy")]);
        is_complete_at(&place.path("copy"), engine);
    }
}

#[test]
fn compacting_keeps_the_store_and_leaves_nothing_behind() {
    for engine in ENGINES {
        let place = Place::new();
        let store = place.store(engine);
        let dump = ok(&["dump", &store]);
        std::fs::write(
            place.path(&format!("{engine}.partial")),
            "of an earlier crash",
        )
        .unwrap();
        ok(&["compact", &store]);
        assert_eq!(ok(&["dump", &store]), dump);
        assert_eq!(place.names(), [engine]);
        is_complete_at(&store, engine);
    }
}

#[test]
fn a_compacted_file_is_smaller_after_most_records_are_gone() {
    let place = Place::new();
    let path = place.path("redb");
    let store = RedbStore::<EverythingDefinition>::new(&path).unwrap();
    fill(&store).unwrap();
    let also = store.open_tree::<Also>();
    also.put_many((1000..60_000).map(|id| Also { id })).unwrap();
    also.remove_many(1000..60_000).unwrap();
    drop((also, store));
    let before = std::fs::metadata(&path).unwrap().len();
    ok(&["compact", &path]);
    assert!(std::fs::metadata(&path).unwrap().len() * 4 < before);
    is_complete_at(&path, "redb");
}

#[test]
fn a_folder_that_was_being_replaced_is_put_back() {
    let place = Place::new();
    let store = place.store("sled");
    let dump = ok(&["dump", &store]);
    std::fs::rename(&store, place.path("sled.old")).unwrap();
    ok(&["compact", &store]);
    assert_eq!(ok(&["dump", &store]), dump);
    assert_eq!(place.names(), ["sled"]);
}

#[test]
fn info_tells_models_types_and_counts() {
    for engine in ENGINES {
        let place = Place::new();
        let store = place.store(engine);
        let info: Value = serde_json::from_str(&ok(&["info", &store, "--json"])).unwrap();
        assert_eq!(info["engine"], engine);
        assert_eq!(info["format"], 1);
        let thing = &info["models"][0];
        assert_eq!(
            (&thing["name"], &thing["records"]),
            (&"Thing".into(), &3.into())
        );
        assert_eq!(thing["key"]["fields"], serde_json::json!(["group", "id"]));
        let indexes = thing["indexes"].as_array().unwrap();
        let email = indexes
            .iter()
            .find(|index| index["name"] == "email")
            .unwrap();
        assert_eq!(email["kinds"], serde_json::json!(["unique"]));
        assert_eq!(email["entries"], 3);
        let text = ok(&["info", &store]);
        assert!(text.contains("model Thing: 3 records"));
        assert!(text.contains("field  foreign: serde Foreign"));
        assert!(text.contains("type Colour { Red, Green }"));
    }
}
