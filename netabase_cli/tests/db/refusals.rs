//! What is refused, and with which words.

use netabase_store::{RedbStore, SledStore};

use crate::{
    models::EverythingDefinition,
    support::{Place, data_file, feed, ok, refused},
};

#[test]
fn loading_leaves_what_is_there_alone() {
    let place = Place::new();
    let store = place.store("redb");
    let dump = ok(&["dump", &store]);
    let error = refused(&["load", &store], &dump);
    assert!(error.contains("exists"), "{error}");
    assert_eq!(ok(&["dump", &store]), dump);
}

/// Loads lines and expects an error that has the words, and no store.
fn refuses(lines: &[&str], words: &[&str]) {
    let place = Place::new();
    let error = refused(&["load", &place.path("new")], &lines.join("\n"));
    for word in words {
        assert!(error.contains(word), "{error} has no {word}");
    }
    assert!(place.names().is_empty(), "{:?}", place.names());
}

/// Returns a header with a model `M` of a key `id: u8` and one more field, and named types.
fn header(shape: &str, types: &str) -> String {
    format!(
        r#"{{"netabase":1,"schema":{{"name":"D","models":[{{"discriminant":"M","version":1,"fields":[["id",{{"Unsigned":8}}],["x",{shape}]],"primary_fields":["id"],"primary_shape":{{"Unsigned":8}},"indexes":[]}}],"types":[{types}]}}}}"#
    )
}

fn record(x: &str) -> String {
    format!(r#"{{"model":"M","key":1,"record":{{"id":1,"x":{x}}}}}"#)
}

#[test]
fn a_line_that_does_not_fit_is_named() {
    let header = header("\"Text\"", "");
    let good = record("\"a\"");
    refuses(&[], &["line 1", "its first line"]);
    refuses(&["{"], &["line 1", "not JSON"]);
    refuses(&[&good], &["line 1", "no member `netabase`"]);
    refuses(
        &[&header, "[]"],
        &["line 2", "an array where an object is expected"],
    );
    refuses(
        &[&header, "", &good, &good],
        &["line 4", "M 1 exists already"],
    );
    refuses(
        &[&header, &record("1")],
        &["line 2", "record.x: an integer where `String`"],
    );
    refuses(
        &[&header, &good.replace("\"x\"", "\"y\"")],
        &["the field `x` is missing"],
    );
    refuses(
        &[&header, &good.replace("\"M\"", "\"N\"")],
        &["a model `N`"],
    );
    refuses(
        &[&header, &good.replace("\"key\":1", "\"key\":2")],
        &["its key is not that of"],
    );
    refuses(
        &[&header, &good.replace("\"id\":1", "\"id\":300")],
        &["300"],
    );
    refuses(
        &[&header, &good.replace("\"key\"", "\"more\":1,\"key\"")],
        &["member `more`"],
    );
    refuses(
        &[&header, &"[".repeat(100_000)],
        &["line 2", "nests deeper"],
    );
}

#[test]
fn a_schema_that_no_store_can_have_is_refused() {
    let header = header("\"Text\"", "");
    for (from, to) in [
        ("[\"id\"]", "[\"no\"]"),
        ("[\"id\"]", "[]"),
        ("[\"x\"", "[\"id\""),
        ("\"discriminant\":\"M\"", "\"discriminant\":\"a/b\""),
        (
            "\"discriminant\":\"M\"",
            "\"discriminant\":\"__netabase_meta__\"",
        ),
    ] {
        let changed = header.replace(from, to);
        assert_ne!(changed, header);
        refuses(&[&changed], &["encode a record of D"]);
    }
    refuses(
        &[&header.replace("\"Text\"", "\"Texts\"")],
        &["unknown variant `Texts`"],
    );
}

#[test]
fn a_hostile_schema_ends_in_an_error() {
    let itself = r#"{"name":"S","body":{"Struct":{"Tuple":[{"Named":0}]}}}"#;
    refuses(
        &[&header(r#"{"Named":0}"#, itself), &record("null")],
        &["nest deeper"],
    );
    let long = r#"{"Array":["Unit",1152921504606846976]}"#;
    refuses(
        &[&header(long, ""), &record("[null]")],
        &["1 elements where"],
    );
    refuses(
        &[&header(r#"{"Named":7}"#, ""), &record("1")],
        &["does not describe"],
    );
    refuses(
        &[&header(r#"{"Known":"week"}"#, ""), &record("\"1\"")],
        &["no `week`"],
    );
    refuses(
        &[&header(r#"{"Unsigned":9}"#, ""), &record("1")],
        &["9 bits"],
    );
}

#[test]
fn two_records_of_one_unique_value_are_refused() {
    let place = Place::new();
    let dump = ok(&["dump", &place.store("redb")]);
    let repeated = dump.replace("b@example.org", "a@example.org");
    let error = refused(&["load", &place.path("new")], &repeated);
    assert!(
        error.contains("line 8") && error.contains("unique index email"),
        "{error}"
    );
}

#[test]
fn a_newer_format_is_named() {
    refuses(&[r#"{"netabase":99,"schema":{}}"#], &["format 99"]);
    let place = Place::new();
    let store = place.store("redb");
    let database = redb::Database::open(&store).unwrap();
    let txn = database.begin_write().unwrap();
    let table = redb::TableDefinition::<&[u8], &[u8]>::new("__netabase_meta__");
    let newer: &[u8] = b"netabase\0\0\0\x63";
    txn.open_table(table)
        .unwrap()
        .insert(&b"format"[..], newer)
        .unwrap();
    txn.commit().unwrap();
    drop(database);
    for command in ["info", "dump", "verify", "rebuild-indexes", "compact"] {
        let error = refused(&[command, &store], "");
        assert!(
            error.contains("format 99, this program reads up to 1"),
            "{error}"
        );
    }
}

#[test]
fn what_is_no_store_is_named() {
    let place = Place::new();
    std::fs::write(place.path("text"), "hello").unwrap();
    std::fs::write(place.path("empty"), "").unwrap();
    std::fs::create_dir(place.path("folder")).unwrap();
    std::fs::write(place.path("folder/file"), "").unwrap();
    let other = redb::Database::create(place.path("other")).unwrap();
    let txn = other.begin_write().unwrap();
    txn.open_table(redb::TableDefinition::<u8, u8>::new("theirs"))
        .unwrap();
    txn.commit().unwrap();
    drop(other);
    for command in ["info", "dump", "verify", "rebuild-indexes", "compact"] {
        for name in ["text", "empty", "folder", "other"] {
            let error = refused(&[command, &place.path(name)], "");
            assert!(error.contains("is not a netabase store"), "{error}");
        }
        let error = refused(&[command, &place.path("missing")], "");
        assert!(error.contains("no store at"), "{error}");
    }
    assert_eq!(place.names(), ["empty", "folder", "other", "text"]);
}

#[test]
fn a_store_that_is_open_elsewhere_is_named() {
    let place = Place::new();
    let (redb, sled) = (place.store("redb"), place.store("sled"));
    let _redb = RedbStore::<EverythingDefinition>::open(&redb).unwrap();
    let _sled = SledStore::<EverythingDefinition>::open(&sled).unwrap();
    for path in [&redb, &sled] {
        for command in ["info", "dump", "verify", "rebuild-indexes", "compact"] {
            let error = refused(&[command, path], "");
            assert!(error.contains("is open elsewhere"), "{error}");
        }
    }
}

#[test]
fn a_copy_leaves_what_is_there_alone() {
    let place = Place::new();
    let (source, target) = (place.store("redb"), place.store("sled"));
    let before = std::fs::read(data_file(&target)).unwrap();
    assert!(refused(&["copy", &source, &target], "").contains("exists"));
    assert_eq!(std::fs::read(data_file(&target)).unwrap(), before);
}

#[test]
fn a_wrong_command_line_is_a_usage_error() {
    for arguments in [
        &["info"][..],
        &["grow", "x"],
        &["copy", "a"],
        &["load", "a", "--engine", "b"],
    ] {
        assert_eq!(feed(arguments, "").status, Some(2));
    }
}

#[test]
fn a_schema_of_very_many_types_does_no_harm() {
    let place = Place::new();
    let store = place.path("store");
    let next = |number| {
        format!(r#"{{"name":"T","body":{{"Struct":{{"Tuple":[{{"Named":{number}}}]}}}}}}"#)
    };
    let types: Vec<String> = (1..20_001).map(next).collect();
    let header = header(r#"{"Named":0}"#, &types.join(","));
    assert_eq!(feed(&["load", &store], &header).status, Some(0));
    for command in ["info", "dump", "verify", "rebuild-indexes", "compact"] {
        ok(&[command, &store]);
    }
}
