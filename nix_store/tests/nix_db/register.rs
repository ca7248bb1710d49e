//! Registering paths and realisations.

use nix_core::{
    derivation::Derivation,
    store_path::{OutputName, StorePathName},
};
use nix_store::{
    nix_db::{NewPath, NixDbAccess, NixDbError, NixDbOptions, StoreDb},
    store::{AnyRealisation, Error},
};
use rusqlite::{Connection, types::Value};

use crate::support::{Place, addressed, dir, info, out, own, path, realisations, world};

fn writable(place: &Place) -> StoreDb {
    let access = NixDbAccess::Write;
    let store_dir = dir();
    StoreDb::open(&place.db, &NixDbOptions { access, store_dir }).unwrap()
}

/// Returns the rows of a query as SQLite has them.
fn raw(place: &Place, query: &str) -> Vec<Vec<Value>> {
    let connection = Connection::open(&place.db).unwrap();
    let mut statement = connection.prepare(query).unwrap();
    let count = statement.column_count();
    let rows = statement.query_map([], |row| (0..count).map(|at| row.get(at)).collect());
    rows.unwrap().collect::<Result<_, _>>().unwrap()
}

fn text(text: impl ToString) -> Value {
    Value::Text(text.to_string())
}

#[test]
fn a_row_is_the_one_that_nix_writes() {
    let (place, _) = Place::with_world(3);
    let db = writable(&place);
    let plain = info(100, &[]);
    let mut full = addressed();
    full.path = path(0, "unused");
    let full = {
        let mut full = info(101, &[100, 101]);
        full.ultimate = true;
        full.deriver = Some(path(0, "object.drv"));
        full.signatures = world(2)[1].signatures.clone();
        full
    };
    let address = {
        let mut address = addressed();
        address.nar_size = 0;
        address
    };
    let new = [&plain, &full, &address].map(NewPath::new);
    db.register_valid_paths(&new).unwrap();
    let query = "select path, hash, registrationTime, deriver, narSize, ultimate, sigs, ca \
                 from ValidPaths where path = '";
    let row = |of: &nix_core::path_info::PathInfo| {
        let mut rows = raw(&place, &format!("{query}{}'", dir().print(&of.path)));
        assert_eq!(rows.len(), 1);
        rows.remove(0)
    };
    let hash =
        |of: &nix_core::path_info::PathInfo| text(format!("sha256:{}", of.nar_hash.to_base16()));
    let null = || Value::Null;
    assert_eq!(
        row(&plain),
        [
            text(dir().print(&plain.path)),
            hash(&plain),
            Value::Integer(1_700_000_100),
            null(),
            Value::Integer(220),
            null(),
            null(),
            null(),
        ]
    );
    assert_eq!(
        row(&full),
        [
            text(dir().print(&full.path)),
            hash(&full),
            Value::Integer(1_700_000_101),
            text(dir().print(&path(0, "object.drv"))),
            Value::Integer(221),
            Value::Integer(1),
            text(full.signatures.first().unwrap()),
            null(),
        ]
    );
    assert_eq!(
        row(&address)[4..],
        [
            null(),
            null(),
            null(),
            text(address.content_address.unwrap())
        ]
    );
    assert_eq!(db.path_info(&full.path).unwrap(), Some(full));
}

#[test]
fn the_outputs_of_a_registered_derivation_lead_to_it() {
    let db = StoreDb::open_memory(dir()).unwrap();
    let aterm = br#"Derive([("dev","/nix/store/g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-hello-dev","",""),("out","/nix/store/g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3r-hello","","")],[],[],"x","/bin/sh",[],[])"#;
    let name = StorePathName::new("hello").unwrap();
    let derivation = Derivation::parse_aterm(&dir(), name, aterm).unwrap();
    let mut drv = info(1, &[]);
    drv.path = derivation.path(&dir()).unwrap();
    let new = NewPath {
        info: &drv,
        derivation: Some(&derivation),
    };
    db.register_valid_path(&new).unwrap();
    db.register_valid_path(&new).unwrap();
    let outputs = db.derivation_outputs(&drv.path).unwrap();
    let names: Vec<_> = outputs.keys().map(OutputName::as_str).collect();
    assert_eq!(names, ["dev", "out"]);
    for path in outputs.values() {
        assert_eq!(db.valid_derivers(path).unwrap(), [drv.path.clone()].into());
    }
}

#[test]
fn a_reference_that_is_not_valid_is_refused_and_leaves_nothing() {
    let db = StoreDb::open_memory(dir()).unwrap();
    let (good, bad) = (info(1, &[]), info(2, &[1, 3]));
    let refused = db.register_valid_paths(&[NewPath::new(&good), NewPath::new(&bad)]);
    assert!(matches!(
        refused.unwrap_err(),
        Error::ReferenceNotValid { path, reference }
            if path == bad.path && reference.name() == "object-3"
    ));
    assert!(db.valid_paths().unwrap().is_empty());
}

#[test]
fn a_circle_is_refused_but_no_reference_to_itself() {
    let db = StoreDb::open_memory(dir()).unwrap();
    let circle = [info(1, &[2]), info(2, &[3]), info(3, &[1])];
    let refused = db.register_valid_paths(&circle.each_ref().map(NewPath::new));
    let Error::Cycle(found) = refused.unwrap_err() else {
        panic!()
    };
    assert_eq!(found.0.len(), 3);
    assert!(db.valid_paths().unwrap().is_empty());
    // By way of one that is registered before, and not registered again.
    let chain = [info(1, &[1]), info(2, &[1, 2]), info(3, &[2, 3])];
    db.register_valid_paths(&chain.each_ref().map(NewPath::new))
        .unwrap();
    let refused = db.register_valid_path(&NewPath::new(&info(1, &[3])));
    let Error::Cycle(found) = refused.unwrap_err() else {
        panic!()
    };
    assert_eq!(found.0.len(), 3);
    assert_eq!(db.path_info(&chain[0].path).unwrap().unwrap(), chain[0]);
}

#[test]
fn registering_again_replaces_what_nix_replaces() {
    let db = StoreDb::open_memory(dir()).unwrap();
    let base = info(1, &[]);
    let mut old = info(2, &[1]);
    old.deriver = Some(path(0, "object.drv"));
    db.register_valid_paths(&[NewPath::new(&base), NewPath::new(&old)])
        .unwrap();
    let mut new = info(2, &[2]);
    new.nar_size = 7;
    new.registration_time = 9;
    new.ultimate = true;
    db.register_valid_path(&NewPath::new(&new)).unwrap();
    let mut expected = new.clone();
    expected.registration_time = old.registration_time;
    expected.deriver = old.deriver;
    expected.references.extend(old.references);
    assert_eq!(db.path_info(&new.path).unwrap(), Some(expected));
}

#[test]
fn a_content_address_that_leads_elsewhere_is_refused() {
    let db = StoreDb::open_memory(dir()).unwrap();
    let mut wrong = addressed();
    wrong.path = path(4, "text");
    let refused = db.register_valid_path(&NewPath::new(&wrong));
    assert!(matches!(refused.unwrap_err(), Error::OtherPath { path, .. } if path == wrong.path));
}

#[test]
fn a_number_that_sqlite_does_not_have_is_refused() {
    let db = StoreDb::open_memory(dir()).unwrap();
    let mut large = info(1, &[]);
    large.nar_size = u64::MAX;
    let refused = own(db.register_valid_path(&NewPath::new(&large)).unwrap_err());
    assert!(matches!(
        refused,
        NixDbError::Number {
            column: "narSize",
            ..
        }
    ));
}

#[test]
fn a_database_that_is_only_read_refuses_changes() {
    let (place, _) = Place::with_world(3);
    let db = place.open().unwrap();
    let refused = db.register_valid_path(&NewPath::new(&info(50, &[])));
    assert!(matches!(refused.unwrap_err(), Error::ReadOnly));
}

#[test]
fn realisations_of_both_kinds_are_found_and_their_signatures_joined() {
    let db = StoreDb::open_memory(dir()).unwrap();
    let world = world(5);
    let all = realisations(&world);
    let refused = db.register_realisation(&all[1]).unwrap_err();
    assert!(matches!(refused, Error::NotValid { path } if path == world[0].path));
    let new: Vec<_> = world.iter().map(NewPath::new).collect();
    db.register_valid_paths(&new).unwrap();
    let refused = own(db.register_realisation(&all[0]).unwrap_err());
    assert!(
        matches!(refused, NixDbError::NoRealisation { .. }),
        "{refused}"
    );
    for realisation in [&all[1], &all[0], &all[2], &all[2]] {
        db.register_realisation(realisation).unwrap();
    }
    for realisation in &all {
        assert_eq!(
            db.realisation(&realisation.id()).unwrap().as_ref(),
            Some(realisation)
        );
    }
    let AnyRealisation::Hash(first) = &all[1] else {
        panic!()
    };
    let mut again = first.clone();
    let other = nix_core::signature::SecretKey::from_seed("b".parse().unwrap(), &[8; 32]);
    again.signatures.clear();
    assert!(again.sign(&other));
    db.register_realisation(&AnyRealisation::Hash(again.clone()))
        .unwrap();
    let Some(AnyRealisation::Hash(found)) = db.realisation(&all[1].id()).unwrap() else {
        panic!()
    };
    assert_eq!(found.signatures.len(), 2);
    again.out_path = world[3].path.clone();
    let refused = db
        .register_realisation(&AnyRealisation::Hash(again))
        .unwrap_err();
    assert!(matches!(refused, Error::Realisation(_)));
    assert_eq!(out().as_str(), "out");
}
