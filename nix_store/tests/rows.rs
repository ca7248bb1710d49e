//! Rows and the checked values that they say are each other's, and a wrong field is named.

use nix_core::{
    derivation::{Derivation as CheckedDerivation, arb_derivation},
    path_info::{PathInfo, arb_path_info},
    realisation::{arb_legacy_realisation, arb_realisation},
    store_path::{StorePath as CheckedPath, StorePathName, arb_store_path},
};
use nix_store::{
    FieldErrorKind, StoreDir,
    db::models::{Derivation, Realisation, StorePath},
    path_info,
};
use proptest::prelude::*;

const FOO: &str = "/nix/store/g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-foo";
const DIGEST: &str = "0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73";

fn row() -> StorePath {
    StorePath {
        path: FOO.to_owned(),
        nar_hash: format!("sha256:{DIGEST}"),
        nar_size: 120,
        registration_time: 1,
        deriver: Some(format!("{FOO}.drv")),
        references: vec![FOO.to_owned()],
        signatures: vec![format!("a-1:{}==", "A".repeat(86))],
        content_address: Some(format!("fixed:r:sha256:{DIGEST}")),
        ultimate: false,
    }
}

fn derivation(name: &str, aterm: &str) -> (CheckedPath, CheckedDerivation) {
    let dir = StoreDir::default();
    let name = StorePathName::new(name).expect("a name");
    let derivation = CheckedDerivation::parse_aterm(&dir, name, aterm.as_bytes()).expect(aterm);
    (derivation.path(&dir).expect("a path"), derivation)
}

proptest! {
    #[test]
    fn a_path_info_survives_its_row(info in arb_path_info(), gnu: bool) {
        let dir = StoreDir::new(if gnu { "/gnu/store" } else { "/nix/store" }).unwrap();
        let row = StorePath::from_path_info(&dir, &info);
        prop_assert_eq!(&row.store_path(&dir).unwrap(), &info.path);
        prop_assert_eq!(row.name(), info.path.name());
        prop_assert_eq!(row.hash_part(), info.path.hash_part());
        prop_assert_eq!(row.to_path_info(&dir), Ok(info));
        let other = StoreDir::new("/other/store").unwrap();
        prop_assert_eq!(row.to_path_info(&other).map_err(|e| e.field), Err("path".to_owned()));
    }

    #[test]
    fn a_path_info_is_read_from_its_json_as_from_its_row(info in arb_path_info()) {
        let dir = StoreDir::default();
        let row = StorePath::from_path_info(&dir, &info);
        for version in [
            nix_core::path_info::JsonVersion::V1,
            nix_core::path_info::JsonVersion::V2,
            nix_core::path_info::JsonVersion::V3,
        ] {
            let json = info.to_keyed_json(&dir, version).to_string();
            let read: Vec<_> = path_info::Reader::new(json.as_bytes()).map(Result::unwrap).collect();
            prop_assert_eq!(read, std::slice::from_ref(&row));
        }
    }

    #[test]
    fn realisations_of_both_kinds_survive_their_rows(
        keyed in arb_realisation(),
        legacy in arb_legacy_realisation(),
    ) {
        let dir = StoreDir::default();
        let row = Realisation::from_realisation(&dir, &keyed);
        prop_assert!(!row.is_legacy());
        prop_assert_eq!(row.to_realisation(&dir), Ok(keyed));
        prop_assert_eq!(row.to_legacy_realisation(&dir).unwrap_err().field, "derivation");
        let row = Realisation::from_legacy_realisation(&dir, &legacy);
        prop_assert!(row.is_legacy());
        prop_assert!(row.to_realisation(&dir).is_err());
        prop_assert_eq!(row.to_legacy_realisation(&dir), Ok(legacy));
    }

    #[test]
    fn a_derivation_survives_its_row_or_is_refused(
        derivation in arb_derivation(),
        path in arb_store_path(),
    ) {
        let dir = StoreDir::default();
        let path = derivation.path(&dir).unwrap_or(path);
        match Derivation::from_derivation(&dir, &path, &derivation) {
            Ok(row) => {
                prop_assert_eq!(row.store_path(&dir), Ok(path));
                prop_assert_eq!(row.to_derivation(&dir), Ok(derivation));
            }
            Err(error) => prop_assert!(matches!(
                error.kind,
                FieldErrorKind::NotUtf8
                    | FieldErrorKind::Dynamic
                    | FieldErrorKind::OtherName
                    | FieldErrorKind::Compute(_)
            ), "{error}: {}", error.kind),
        }
    }
}

#[test]
fn a_wrong_field_is_named() {
    let dir = StoreDir::default();
    assert!(row().to_path_info(&dir).is_ok());
    let check = |field: &str, change: fn(&mut StorePath)| {
        let mut row = row();
        change(&mut row);
        let error = row.to_path_info(&dir).expect_err(field);
        assert_eq!(error.field, field, "{error}: {}", error.kind);
    };
    check("path", |row| row.path.push('/'));
    check("path", |row| row.path = row.path.replace("/nix/", "/nix//"));
    check("path", |row| row.path.clear());
    check("nar_hash", |row| row.nar_hash = DIGEST.to_owned());
    check("nar_hash", |row| row.nar_hash = format!("blake3:{DIGEST}"));
    check("deriver", |row| row.deriver = Some(String::new()));
    check("references[1]", |row| row.references.push("x".to_owned()));
    check("signatures[1]", |row| {
        row.signatures.push("a-1:".to_owned())
    });
    check("content_address", |row| {
        row.content_address = Some(format!("fixed:x:sha256:{DIGEST}"));
    });
}

#[test]
fn a_hash_in_another_form_is_refused_with_the_right_one() {
    let mut row = row();
    let canonical = row.nar_hash.clone();
    row.nar_hash = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=".to_owned();
    let error = row.nar_hash().expect_err("another form");
    assert_eq!(error.kind, FieldErrorKind::NotCanonical(canonical));
}

#[test]
fn every_kind_of_output_has_a_row_of_its_own() {
    let dir = StoreDir::default();
    let of = |output: &str| {
        let text = format!(r#"Derive([("out",{output})],[],[],"x86_64-linux","/bin/sh",[],[])"#);
        let (path, derivation) = derivation("foo", &text);
        let row = Derivation::from_derivation(&dir, &path, &derivation).expect(output);
        assert_eq!(
            row.to_derivation(&dir).as_ref(),
            Ok(&derivation),
            "{output}"
        );
        let [output] = &row.outputs[..] else {
            panic!("one output")
        };
        let flags = (
            output.path.is_some(),
            output.method.clone(),
            output.hash.clone(),
        );
        (row, flags)
    };
    let how = |text: &str| Some(text.to_owned());
    let own = format!(r#""{FOO}","","""#);
    assert_eq!(of(&own).1, (true, None, None));
    assert_eq!(of(r#""","","""#).1, (false, None, None));
    assert_eq!(of(r#""","r:sha256","""#).1, (false, how("r:sha256"), None));
    let impure = (false, how("r:sha256"), how("impure"));
    assert_eq!(of(r#""","r:sha256","impure""#).1, impure);
}

#[test]
fn a_fixed_output_has_the_path_of_its_hash_and_no_other() {
    let dir = StoreDir::default();
    let json = serde_json::json!({
        "name": "foo", "version": 4, "system": "x", "builder": "y", "args": [], "env": {},
        "inputs": {"srcs": [], "drvs": {}},
        "outputs": {"out": {"method": "nar", "hash": "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="}},
    });
    let derivation = CheckedDerivation::from_json(&dir, None, &json).expect("version 4");
    let path = derivation.path(&dir).expect("a path");
    let mut row = Derivation::from_derivation(&dir, &path, &derivation).expect("a row");
    let right = row.outputs[0].path.clone().expect("it is known");
    assert_eq!(row.outputs[0].hash, Some(format!("sha256:{DIGEST}")));

    row.outputs[0].path = None;
    assert_eq!(row.to_derivation(&dir).as_ref(), Ok(&derivation));
    row.outputs[0].path = Some(FOO.to_owned());
    let error = row.to_derivation(&dir).expect_err("another path");
    assert_eq!(error.field, "outputs[0].path");
    let right = dir.parse(&right).expect("a path");
    assert_eq!(error.kind, FieldErrorKind::OtherPath(right));
}

#[test]
fn what_a_row_of_a_derivation_cannot_mean_is_refused() {
    let dir = StoreDir::default();
    let text = r#"Derive([("out","","r:sha256","")],[("/nix/store/g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-bar.drv",["out"])],[],"x","y",[],[])"#;
    let (path, derivation) = derivation("foo", text);
    let good = Derivation::from_derivation(&dir, &path, &derivation).expect("a row");
    let check = |field: &str, change: fn(&mut Derivation)| {
        let mut row = good.clone();
        change(&mut row);
        let error = row.to_derivation(&dir).expect_err(field);
        assert_eq!(error.field, field, "{error}: {}", error.kind);
    };
    check("name", |row| row.name = "bar".to_owned());
    check("path", |row| row.path = "foo.drv".to_owned());
    check("outputs[1].name", |row| {
        row.outputs.push(row.outputs[0].clone())
    });
    check("outputs[0].name", |row| {
        row.outputs[0].name = "a b".to_owned()
    });
    check("outputs[0].name", |row| {
        row.outputs[0].path = Some(FOO.to_owned())
    });
    check("outputs[0].method", |row| {
        row.outputs[0].method = Some("x".to_owned())
    });
    check("outputs[0].hash", |row| {
        row.outputs[0].hash = Some("x".to_owned())
    });
    check("input_derivations[1].path", |row| {
        row.input_derivations.push(row.input_derivations[0].clone());
    });
    check("input_derivations[0].outputs[1]", |row| {
        row.input_derivations[0].outputs.push(String::new());
    });
    check("input_sources[0]", |row| {
        row.input_sources.push("x".to_owned())
    });
}

#[test]
fn what_no_row_can_say_is_refused() {
    let dir = StoreDir::default();
    let (path, mut derivation) = derivation(
        "foo",
        r#"Derive([("out","","","")],[],[],"x86_64-linux","/bin/sh",[],[])"#,
    );
    derivation
        .env
        .insert("a".into(), b"caf\xe9".as_slice().into());
    let error = Derivation::from_derivation(&dir, &path, &derivation).expect_err("not UTF-8");
    assert_eq!(
        (&*error.field, &error.kind),
        ("env.a", &FieldErrorKind::NotUtf8)
    );
    derivation.env.clear();
    let other = dir.parse(FOO).expect("a path");
    let error = Derivation::from_derivation(&dir, &other, &derivation).expect_err("another path");
    assert_eq!(error.kind, FieldErrorKind::OtherName);
}

#[test]
fn a_row_proves_itself_by_its_content_address() {
    let dir = StoreDir::default();
    let hash = row().nar_hash().expect("a hash");
    let address = format!("fixed:r:sha256:{DIGEST}")
        .parse()
        .expect("an address");
    let name = StorePathName::new("foo").expect("a name");
    let path = dir.fixed_path(
        &name,
        &address,
        &nix_core::store_path::References::default(),
    );
    let mut info = PathInfo::new(path.expect("a path"), hash, 120);
    info.content_address = Some(address);
    let row = StorePath::from_path_info(&dir, &info);
    assert!(
        row.to_path_info(&dir)
            .expect("checked")
            .is_content_addressed(&dir)
    );
}
