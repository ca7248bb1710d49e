//! Whole stores as JSON.

use std::{fs, path::PathBuf};

use nix_core::{
    derivation::DerivationOutput,
    hash::Sha256,
    realisation::{LegacyDrvOutput, LegacyRealisation},
    store_path::{OutputName, StoreDir},
};
use nix_io::nar::Event;
use nix_store::{
    memory::MemoryStore,
    store::{AnyRealisation, Error, NoJsonError, ReadStore, WriteStore},
};
use serde_json::{Value, json};

use crate::fixture::{
    archive, derivation, file, info, new_object, observe, path, put, put_derivation, secret_key,
    tree,
};

const GREETING: &str = include_str!("greeting.json");
const PATH: &str = "73rbvcsk91mg1xh1js6b34cvf9nmcsjf-greeting";

/// Returns a folder of Nix's vectors, or nothing, having said so, where it may be missing.
fn vectors() -> Option<PathBuf> {
    test_data::shared("conformance/nix/libstore")
}

fn read(value: &Value) -> Result<MemoryStore, Error> {
    MemoryStore::from_json(value.to_string().as_bytes())
}

fn greeting() -> Value {
    serde_json::from_str(GREETING).expect("JSON")
}

#[test]
fn stores_of_the_vectors_are_read_and_printed_again() {
    let Some(folder) = vectors() else { return };
    let folders = [
        ("dummy-store", 3),
        ("worker-substitution/ca-drv", 3),
        ("worker-substitution/issue-11928", 3),
    ];
    for (name, count) in folders {
        let files: Vec<_> = fs::read_dir(folder.join(name)).unwrap().collect();
        assert_eq!(files.len(), count, "{name}");
        for file in files {
            let file = file.unwrap().path();
            let text = fs::read(&file).unwrap();
            let store = MemoryStore::from_json(&text).unwrap();
            let expected: Value = serde_json::from_slice(&text).unwrap();
            assert_eq!(store.to_json().unwrap(), expected, "{}", file.display());
            let count = |field: &str| expected[field].as_object().unwrap().len();
            let valid = store.valid_paths().unwrap().len();
            assert_eq!(valid, count("contents") + count("derivations"));
            observe(&store);
        }
    }
}

#[test]
fn what_a_store_says_is_the_same_when_it_is_read_again() {
    let store = MemoryStore::new(StoreDir::new("/opt/store").unwrap());
    let lib = put(&store, "lib", &[]).path;
    let nar = tree(b"text \0 and \xc3\xbc");
    let mut app = info("app", &nar, &[&lib]);
    app.references.insert(app.path.clone());
    app.sign(store.store_dir(), &secret_key("a-1")).unwrap();
    app.registration_time = 77;
    app.ultimate = true;
    app.deriver = Some(path("g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-app.drv"));
    store.add_nar(&app, &mut &nar[..]).unwrap();
    let text = br#"Derive([("out","","r:sha256","")],[],[],"x","y",[],[])"#;
    let drv = new_object("a.drv", "text:sha256", &[]);
    let drv = store.add(&drv, &mut &file(text, false)[..]).unwrap();
    // More is known of this one than its text says.
    let text = br#"Derive([("out","","r:sha256","")],[],[],"x","z",[],[])"#;
    let known = new_object("b.drv", "text:sha256", &[&lib]);
    let known = store.add(&known, &mut &file(text, false)[..]).unwrap();

    let json = store.to_json().unwrap();
    assert!(json["derivations"].get(drv.path.base_name()).is_some());
    assert!(json["contents"].get(known.path.base_name()).is_some());
    assert_eq!(json["contents"].as_object().unwrap().len(), 3);
    let again = read(&json).unwrap();
    assert_eq!(again.store_dir(), store.store_dir());
    assert_eq!(observe(&again), observe(&store));
    let time = again
        .path_info(&app.path)
        .unwrap()
        .unwrap()
        .registration_time;
    assert_eq!(time, 77);
    assert_eq!(again.to_json().unwrap(), json);
}

#[test]
fn what_json_cannot_say_is_refused() {
    let refuse = |nar: &[u8]| {
        let store = MemoryStore::new(StoreDir::default());
        let info = info("a", nar, &[]);
        store.add_nar(&info, &mut &*nar).unwrap();
        match store.to_json().unwrap_err() {
            Error::NoJson { path, source } if path == info.path => source,
            error => panic!("{error:?}"),
        }
    };
    let place = |place: &str| NoJsonError::NotUtf8 {
        place: place.to_owned(),
    };
    assert_eq!(refuse(&file(b"\xff", false)), place(""));
    assert_eq!(
        refuse(&archive(&[Event::Symlink { target: b"\xff" }])),
        place("")
    );
    let entry = |name, node| {
        [
            Event::Directory,
            Event::Entry { name },
            node,
            Event::DirectoryEnd,
        ]
    };
    let nar = archive(&entry(b"\xff", Event::Symlink { target: b"a" }));
    assert_eq!(refuse(&nar), place("/\\xff"));
    let nar = archive(&entry(b"a", Event::Symlink { target: b"\xff" }));
    assert_eq!(refuse(&nar), place("/a"));

    let store = MemoryStore::new(StoreDir::default());
    let out = put(&store, "out", &[]).path;
    let id = LegacyDrvOutput {
        drv_hash: Sha256::of(b"a"),
        output_name: OutputName::out(),
    };
    let realisation = LegacyRealisation::new(id, out);
    store
        .register_realisation(&AnyRealisation::Hash(realisation))
        .unwrap();
    let error = store.to_json().unwrap_err();
    assert!(matches!(error, Error::Unsupported { .. }), "{error:?}");
}

/// Returns the archive of directories in each other.
fn nested(nodes: usize) -> Vec<u8> {
    let mut events = Vec::new();
    for _ in 1..nodes {
        events.extend([Event::Directory, Event::Entry { name: b"d" }]);
    }
    events.push(Event::Symlink { target: b"end" });
    events.extend(vec![Event::DirectoryEnd; nodes - 1]);
    archive(&events)
}

#[test]
fn trees_are_printed_as_deep_as_they_are_read() {
    let store_of = |nodes| {
        let store = MemoryStore::new(StoreDir::default());
        let nar = nested(nodes);
        store.add_nar(&info("a", &nar, &[]), &mut &nar[..]).unwrap();
        store
    };
    let deepest = store_of(62);
    let again = read(&deepest.to_json().unwrap()).unwrap();
    assert_eq!(observe(&again), observe(&deepest));
    let error = store_of(63).to_json().unwrap_err();
    let is_too_deep = matches!(
        error,
        Error::NoJson {
            source: NoJsonError::TooDeep { max: 62 },
            ..
        }
    );
    assert!(is_too_deep, "{error:?}");
    let deep = format!("{}0{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(matches!(
        MemoryStore::from_json(deep.as_bytes()),
        Err(Error::Json(_))
    ));
}

/// Changes the greeting at a place and returns where it is refused.
fn refused_at(pointer: &str, value: Value) -> String {
    let mut document = greeting();
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    let parent = document
        .pointer_mut(parent)
        .unwrap()
        .as_object_mut()
        .unwrap();
    match value {
        Value::Null => parent.remove(field),
        value => parent.insert(field.to_owned(), value),
    };
    match read(&document).unwrap_err() {
        Error::Json(error) => error.to_string(),
        error => format!("{error:?}"),
    }
}

#[test]
fn malformed_documents_are_refused_with_their_place() {
    let store = read(&greeting()).unwrap();
    assert_eq!(store.to_json().unwrap(), greeting());
    let object = format!("/contents/{PATH}");
    let check = |pointer: &str, value: Value, expected: &str| {
        let pointer = pointer.replace("OBJECT", &object);
        let error = refused_at(&pointer, value);
        let expected = expected.replace("AT", &format!("at .contents.{PATH}"));
        assert!(error.starts_with(&expected), "{pointer}: {error}");
    };
    for field in ["buildTrace", "config", "contents", "derivations"] {
        let expected = format!("at .{field}: missing field");
        check(&format!("/{field}"), Value::Null, &expected);
        let expected = format!("at .{field}: expected an object");
        check(&format!("/{field}"), json!(7), &expected);
    }
    check("/more", json!(1), "at .more: unknown field");
    check("/config/more", json!(1), "at .config.more: unknown field");
    check("/config/store", json!("relative"), "at .config.store: ");
    check("/config/store", Value::Null, "at .config.store: missing");
    check("/config/store", json!("/other"), "AT.info.storeDir: ");
    check("/contents/greeting", json!({}), "at .contents.greeting");
    check("OBJECT/info", Value::Null, "AT.info: missing");
    check("OBJECT/contents", Value::Null, "AT.contents: missing");
    check("OBJECT/more", json!(1), "AT.more: unknown");
    check("OBJECT/info/narSize", json!(-1), "AT.info.narSize: ");
    check("OBJECT/info/narSize", json!(121), "SizeMismatch");
    let hash = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    check("OBJECT/info/narHash", json!(hash), "HashMismatch");
    check("OBJECT/info/ca/hash", json!(hash), "ContentMismatch");
    check("OBJECT/info/ca/method", json!("flat"), "ContentMismatch");
    let reference = ["g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-absent"];
    check("OBJECT/info/references", json!(reference), "OtherPath");
    check("OBJECT/contents/contents", json!("hell"), "HashMismatch");
    check("OBJECT/contents/contents", json!(7), "AT.contents: ");
    check("OBJECT/contents/type", json!("fifo"), "AT.contents: ");
    check("OBJECT/contents/target", json!("x"), "AT.contents: ");
    check("OBJECT/contents/executable", json!("no"), "AT.contents: ");
    let tree = |name: &str| json!({"type": "directory", "entries": {name: {"type": "x"}}});
    for name in ["..", ".", "", "a/b", "a\0b", &"n".repeat(256)] {
        check("OBJECT/contents", tree(name), "AT.contents");
    }
    check("OBJECT/contents", tree("a"), "AT.contents.entries.a: ");
    let inner = json!({"type": "directory", "entries": {"d": tree("b")}});
    check(
        "OBJECT/contents",
        inner,
        "AT.contents.entries.d.entries.b: ",
    );
    let derivation = json!({"g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-foo.drv": 7});
    check("/derivations", derivation, "at .derivations");
    let trace = json!({"g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-foo.drv": {"out": 7}});
    check("/buildTrace", trace, "at .buildTrace");
}

#[test]
fn derivations_must_have_their_own_path() {
    let store = MemoryStore::new(StoreDir::default());
    let drv = derivation("a", &[("out", DerivationOutput::Deferred)]);
    let drv = put_derivation(&store, &drv);
    let mut json = store.to_json().unwrap();
    let derivation = json["derivations"][drv.base_name()].take();
    json["derivations"] = json!({"g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-a.drv": derivation});
    let error = read(&json).unwrap_err();
    assert!(matches!(error, Error::Json(_)), "{error:?}");
}

#[test]
fn documents_cut_anywhere_are_refused() {
    let text = GREETING.trim_end().as_bytes();
    for end in 0..text.len() {
        let error = MemoryStore::from_json(&text[..end]);
        assert!(matches!(error, Err(Error::Json(_))), "{end}");
    }
}
