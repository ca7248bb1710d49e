//! Path infos of every version become the same store paths, and hostile inputs become errors.

use std::{error::Error as _, io::BufReader};

use nix_store::{
    StoreDir,
    db::models::StorePath,
    path_info::{Error, ErrorKind, Reader, to_json},
};

const FOO: &str = "n5wkd9frr45pa74if5gpz9j7mifg27fh-foo";
const BAR: &str = "g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-bar";
const SRI: &str = "sha256-FePFYIlMuycIXPZbWi7LGEiMmZSX9FMbaQenWBzm1Sc=";
const NIX32: &str = "sha256:09ymwqf5i9q7d4dm7x4pjjcqqj0qrcp5lnznbh42gfsci5hcbqqm";

fn full(base_name: &str) -> String {
    format!("/nix/store/{base_name}")
}

fn signature(key: &str) -> String {
    format!("{key}:{}==", "A".repeat(86))
}

fn read(json: &str) -> Result<Vec<StorePath>, Error> {
    Reader::new(json.as_bytes()).collect()
}

fn refused(json: &str) -> Error {
    read(json).expect_err("the input is wrong")
}

/// What every version of the text below says.
fn expected() -> StorePath {
    StorePath {
        path: full(FOO),
        nar_hash: NIX32.to_owned(),
        nar_size: 34_878,
        registration_time: 23_423,
        deriver: Some(full(&format!("{BAR}.drv"))),
        references: vec![full(BAR), full(FOO)],
        signatures: vec![signature("asdf"), signature("qwer")],
        content_address: Some(format!("fixed:r:{NIX32}")),
        ultimate: true,
    }
}

fn version_1() -> String {
    format!(
        r#"{{"narHash": "{SRI}", "narSize": 34878, "registrationTime": 23423, "ultimate": true,
            "ca": "fixed:r:{NIX32}", "deriver": "/nix/store/{BAR}.drv",
            "references": ["/nix/store/{FOO}", "/nix/store/{BAR}"],
            "signatures": ["{}", "{}"], "closureSize": 12}}"#,
        signature("qwer"),
        signature("asdf"),
    )
}

fn newer(version: u64, signatures: &str) -> String {
    format!(
        r#"{{"narHash": "{SRI}", "narSize": 34878, "registrationTime": 23423, "ultimate": true,
            "ca": {{"method": "nar", "hash": "{SRI}"}}, "deriver": "{BAR}.drv",
            "references": ["{BAR}", "{FOO}"], "signatures": [{signatures}],
            "storeDir": "/nix/store", "version": {version}}}"#
    )
}

fn version_2() -> String {
    newer(
        2,
        &format!(r#""{}", "{}""#, signature("asdf"), signature("qwer")),
    )
}

fn version_3() -> String {
    let bytes = format!("{}==", "A".repeat(86));
    let parts = ["asdf", "qwer"].map(|key| format!(r#"{{"keyName":"{key}","sig":"{bytes}"}}"#));
    newer(3, &parts.join(","))
}

fn with_path(info: &str) -> String {
    format!(r#"{{"path": "/nix/store/{FOO}", {}"#, &info[1..])
}

#[test]
fn every_version_and_shape_gives_the_same_store_path() {
    for info in [version_1(), version_2(), version_3()] {
        for json in [
            with_path(&info),
            with_path(&info).replace('\n', " "),
            format!("[{}]", with_path(&info)),
            format!(r#"{{"/nix/store/{FOO}": {info}}}"#),
            format!(r#"{{"{FOO}": {info}}}"#),
            format!(r#"{{"info": {{"{FOO}": {info}}}, "storeDir": "/nix/store", "version": 3}}"#),
            format!(r#"{{"version": 2, "storeDir": "/nix/store", "info": {{"{FOO}": {info}}}}}"#),
        ] {
            let found = read(&json).unwrap_or_else(|e| panic!("{e}: {:?}: {json}", e.source()));
            assert_eq!(found, [expected()], "{json}");
        }
    }
}

#[test]
fn hashes_come_in_every_form() {
    let hex = "15e3c560894cbb27085cf65b5a2ecb18488c999497f4531b6907a7581ce6d527";
    let parts = format!(
        r#"{{"algorithm": "sha256", "format": "base64", "hash": "{}"}}"#,
        &SRI["sha256-".len()..]
    );
    for hash in [
        format!("\"{NIX32}\""),
        format!("\"sha256:{hex}\""),
        format!("\"{hex}\""),
        parts,
    ] {
        let info = version_1().replace(&format!("\"{SRI}\""), &hash);
        assert_eq!(read(&with_path(&info)).expect(&hash), [expected()]);
    }
}

#[test]
fn what_may_be_absent_is_absent() {
    let json = format!(
        r#"{{"{FOO}": {{"narHash": "{SRI}", "narSize": 0, "references": [], "ca": null,
            "deriver": null, "registrationTime": null}}}}"#
    );
    let found = read(&json).expect("the input is right");
    let bare = StorePath {
        nar_size: 0,
        registration_time: 0,
        deriver: None,
        references: Vec::new(),
        signatures: Vec::new(),
        content_address: None,
        ultimate: false,
        ..expected()
    };
    assert_eq!(found, [bare]);
}

#[test]
fn paths_that_do_not_exist_are_passed_over_and_counted() {
    let info = version_1();
    for json in [
        format!(r#"{{"/nix/store/{BAR}": null, "/nix/store/{FOO}": {info}}}"#),
        format!(
            r#"[{{"path": "/nix/store/{BAR}", "valid": false}}, {}]"#,
            with_path(&info)
        ),
        format!(
            r#"{{"path": "/nix/store/{BAR}", "valid": false}}{}"#,
            with_path(&info)
        ),
    ] {
        let mut reader = Reader::new(json.as_bytes());
        let found: Vec<StorePath> = reader.by_ref().map(|path| path.expect(&json)).collect();
        assert_eq!(found, [expected()]);
        assert_eq!(reader.invalid(), 1);
    }
}

#[test]
fn empty_inputs_have_no_paths() {
    for json in [
        "",
        " \n",
        "[]",
        "{}",
        "[]\n{}",
        r#"{"info": {}, "storeDir": "/nix/store"}"#,
    ] {
        assert_eq!(read(json).expect(json), []);
    }
}

#[test]
fn a_map_may_follow_lines_and_lines_an_array() {
    let info = version_1();
    let json = format!(
        r#"[{0},{0}] {0} {{"{FOO}":{1},"{BAR}":null}} {0}"#,
        with_path(&info),
        info
    );
    assert_eq!(read(&json).expect("a sequence of values").len(), 5);
}

#[test]
fn what_nix_prints_is_read_back() {
    let path = expected();
    let json = serde_json::json!({ path.path.clone(): to_json(&path) });
    assert_eq!(read(&json.to_string()).expect("our own output"), [path]);
}

#[test]
fn another_store_dir_is_asked_for_by_name() {
    let json = with_path(&version_1()).replace("/nix/store", "/gnu/store");
    assert!(matches!(refused(&json).kind, ErrorKind::Field(_)));
    let dir = StoreDir::new("/gnu/store").expect("an absolute path");
    let found: Result<Vec<_>, _> = Reader::with_store_dir(json.as_bytes(), dir).collect();
    assert_eq!(
        found.expect("the right store dir")[0].path,
        format!("/gnu/store/{FOO}")
    );
    let wrapped = r#"{"info": {}, "storeDir": "/gnu/store", "version": 2}"#;
    assert!(matches!(refused(wrapped).kind, ErrorKind::StoreDir { .. }));
}

#[test]
fn an_error_says_where_it_is() {
    let good = with_path(&version_1()).replace('\n', " ");
    let bad = good.replace("34878", "-1");
    let error = refused(&format!("{good}\n{good}\n{bad}\n{good}\n"));
    assert_eq!((error.entry, error.line), (3, 3));
    assert_eq!(error.to_string(), "read path info, entry 3 at line 3");
    assert_eq!(error.kind.to_string(), "the entry is not a path info");
    let error = refused(&format!("[{good},\n{good}\n{good}]"));
    assert_eq!((error.entry, error.line), (3, 3));
    assert_eq!(
        error.kind.to_string(),
        "expected `,` or the end of a list, found `{`"
    );
}

#[test]
fn hostile_inputs_are_refused_by_kind() {
    let good = with_path(&version_1());
    let check = |json: &str, kind: fn(&ErrorKind) -> bool| {
        let error = refused(json);
        assert!(kind(&error.kind), "{:?}", error.kind);
    };
    check("x", |k| {
        matches!(
            k,
            ErrorKind::Syntax {
                found: Some(b'x'),
                ..
            }
        )
    });
    check("[", |k| matches!(k, ErrorKind::Syntax { found: None, .. }));
    check("[1]", |k| matches!(k, ErrorKind::Json(_)));
    check("[null]", |k| matches!(k, ErrorKind::NoPath));
    check(&version_1(), |k| matches!(k, ErrorKind::NoPath));
    check(&format!("[{good},]"), |k| {
        matches!(
            k,
            ErrorKind::Syntax {
                found: Some(b']'),
                ..
            }
        )
    });
    check(&"[".repeat(1 << 20), |k| {
        matches!(k, ErrorKind::Syntax { found: None, .. })
    });
    let deep = format!(
        "[{{\"path\":{}{}}}]",
        "[".repeat(1 << 16),
        "]".repeat(1 << 16)
    );
    check(&deep, |k| matches!(k, ErrorKind::Json(_)));
    check(&good.replace("34878", "1e400"), |k| {
        matches!(k, ErrorKind::Json(_))
    });
    check(&good.replace("\"narSize\": 34878,", ""), |k| {
        matches!(k, ErrorKind::Missing("narSize"))
    });
    check(&good.replace(FOO, "../../etc/passwd"), |k| {
        matches!(k, ErrorKind::Field(_))
    });
    check(&good.replace("fixed:r:", "fixed:s:"), |k| {
        matches!(k, ErrorKind::Field(_))
    });
    check(&good.replace("asdf:", ":"), |k| {
        matches!(k, ErrorKind::Field(_))
    });
    check(&with_path(&newer(4, "")), |k| {
        matches!(k, ErrorKind::Version(4))
    });
    check("{\"version\": 9, \"info\": {}}", |k| {
        matches!(k, ErrorKind::Version(9))
    });
    let huge = format!(
        "[{{\"path\": \"{}\"}}]",
        "x".repeat(nix_store::path_info::ENTRY_BYTES_MAX)
    );
    check(&huge, |k| matches!(k, ErrorKind::TooLarge { .. }));
}

#[test]
fn every_truncation_ends_in_an_error_or_in_fewer_paths() {
    let json = format!(
        r#"[{}, {}]"#,
        with_path(&version_2()),
        with_path(&version_3())
    );
    for len in 1..json.len() {
        let found: Vec<_> = Reader::new(&json.as_bytes()[..len]).collect();
        assert!(found.last().is_some_and(Result::is_err), "{len}");
        assert!(found.len() <= 3);
    }
}

#[test]
fn the_size_of_a_read_makes_no_difference() {
    let wrapped = format!(
        r#"{{"info": {{"{FOO}": {}, "{BAR}": null}}, "version": 3}}"#,
        version_3()
    );
    for chunk_bytes in [1, 2, 3, 7, 64] {
        let input = BufReader::with_capacity(chunk_bytes, wrapped.as_bytes());
        let found: Result<Vec<_>, _> = Reader::new(input).collect();
        assert_eq!(found.expect("the input is right"), [expected()]);
    }
}
