//! Exit status 1 with one clear line, or 2 for a usage error.

use crate::support::{Place, ok, refused, sample};

#[test]
fn usage_errors_exit_with_2() {
    for arguments in [
        &["frobnicate"][..],
        &["import", "path-info"],
        &["import", "path-info", "-"],
        &["query", "info", "x"],
        &["query", "info", "--db", "x"],
        &["import", "path-info", "-", "--db", "x", "--engine", "paper"],
        &["completions", "tcsh-9"],
    ] {
        let error = refused(arguments, b"", 2);
        assert!(error.contains("error:"), "{error}");
    }
}

#[test]
fn an_input_that_cannot_be_read_is_named() {
    let place = Place::new();
    let (gone, db) = (place.path("gone.json"), place.path("store.redb"));
    let error = refused(&["import", "path-info", &gone, "--db", &db], b"", 1);
    assert!(
        error.starts_with(&format!("netabase: open {gone}: ")),
        "{error}"
    );
    let folder = place.path("");
    let error = refused(&["import", "path-info", &folder, "--db", &db], b"", 1);
    assert!(error.starts_with("netabase: open "), "{error}");
    assert!(!std::path::Path::new(&db).exists());
}

#[test]
fn an_input_that_is_wrong_is_refused_with_its_line_and_leaves_no_store() {
    let place = Place::new();
    let db = place.path("store.redb");
    let good = "{\"path\":\"/nix/store/g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-a\",\"references\":[],\
                \"narHash\":\"sha256-FePFYIlMuycIXPZbWi7LGEiMmZSX9FMbaQenWBzm1Sc=\",\"narSize\":1}\n";
    let check = |bad: &str, says: &str| {
        let input = format!("{good}{bad}");
        let error = refused(
            &["import", "path-info", "-", "--db", &db],
            input.as_bytes(),
            1,
        );
        assert_eq!(
            error,
            format!("netabase: read path info, entry 2 at line 2: {says}\n")
        );
        assert!(!std::path::Path::new(&db).exists());
    };
    check("x", "expected `[` or `{`, found `x`");
    check("{", "expected a value, found the end of the input");
    check(
        &good.replace("\"narSize\":1", "\"ca\":null"),
        "the entry has no `narSize`",
    );
    check(
        &good.replace("/nix", "/gnu"),
        "path \"/gnu/store/g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-a\": the path is not in the store dir",
    );
}

#[test]
fn damaged_compression_is_an_error() {
    let place = Place::new();
    let db = place.path("store.redb");
    for magic in [
        &[0x28, 0xb5, 0x2f, 0xfd][..],
        &[0x1f, 0x8b, 8],
        b"\xfd7zXZ\0",
    ] {
        let input = [magic, &[0xff; 100]].concat();
        let error = refused(&["import", "path-info", "-", "--db", &db], &input, 1);
        assert!(error.contains("read the input: "), "{error}");
    }
}

#[test]
fn a_path_that_is_not_there_is_named() {
    let place = Place::new();
    let (db, _) = place.import(&sample("path-info.json"), "redb");
    let absent = "g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-absent";
    for path in [
        absent,
        &format!("/nix/store/{absent}"),
        "",
        "hello",
        "\u{1b}[31m",
    ] {
        for question in ["info", "references", "requisites", "deriver"] {
            let error = refused(&["query", question, path, "--db", &db], b"", 1);
            assert!(error.ends_with(&format!(" is not in {db}\n")), "{error}");
            assert!(!error.contains('\u{1b}'));
        }
    }
}

#[test]
fn a_closure_with_a_hole_is_an_error() {
    let place = Place::new();
    let json = std::fs::read_to_string(sample("path-info.json")).expect("the sample");
    let mut infos: Vec<serde_json::Value> = serde_json::from_str(&json).expect("a list");
    infos.retain(|info| {
        !info["path"]
            .as_str()
            .is_some_and(|path| path.ends_with("-glibc-2.38-44"))
    });
    let holed = place.file(
        "holed.json",
        serde_json::json!(infos).to_string().as_bytes(),
    );
    let (db, _) = place.import(&holed, "redb");
    let hello = infos.iter().filter_map(|info| info["path"].as_str());
    let hello = hello
        .into_iter()
        .find(|path| path.ends_with("-hello-2.12.1"))
        .expect("hello");
    let error = refused(&["query", "requisites", hello, "--db", &db], b"", 1);
    assert!(
        error.contains("-glibc-2.38-44, which is not in "),
        "{error}"
    );
    assert!(ok(&["query", "references", hello, "--db", &db]).contains("-glibc-2.38-44"));
}

#[test]
fn a_store_that_is_none_is_refused() {
    let place = Place::new();
    let gone = place.path("gone.redb");
    let error = refused(&["query", "info", "x", "--db", &gone], b"", 1);
    let says = format!("netabase: there is no store at {gone}: make one by `netabase import`\n");
    assert_eq!(error, says);
    let text = place.file("text.redb", &b"no store ".repeat(1000));
    let paths = sample("path-info.json");
    refused(&["query", "info", "x", "--db", &text], b"", 1);
    refused(&["import", "path-info", &paths, "--db", &text], b"", 1);
    assert_eq!(
        std::fs::read(&text).expect("the file"),
        b"no store ".repeat(1000)
    );
}
