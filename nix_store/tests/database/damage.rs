//! Rows that say nothing sensible, damaged files, and stores of older versions.

use std::{collections::BTreeSet, fs};

use netabase_store::RedbStore;
use nix_core::store_path::StorePath;
use nix_store::{
    db::{Database, DatabaseOptions, models},
    store::{Direction, Error},
};
use tempfile::TempDir;

use crate::support::{info, object, open, path, paths, try_open};

/// The paths of a store as they were before there were roots.
mod old {
    use netabase_store::netabase_definition_module;

    #[netabase_definition_module(StoreDefinition, StoreKeys)]
    pub(crate) mod models {
        use netabase_store::NetabaseModel;

        #[derive(NetabaseModel, Clone, Debug, PartialEq)]
        #[netabase(StoreDefinition)]
        #[secondary_key(name = by_name, with = StorePath::name)]
        #[secondary_key(name = by_hash_part, with = StorePath::hash_part, unique)]
        pub(crate) struct StorePath {
            #[primary_key]
            pub(crate) path: String,
            #[secondary_key]
            pub(crate) nar_hash: String,
            pub(crate) nar_size: u64,
            #[secondary_key]
            pub(crate) registration_time: u64,
            #[secondary_key]
            pub(crate) deriver: Option<String>,
            #[secondary_key(each)]
            pub(crate) references: Vec<String>,
            pub(crate) signatures: Vec<String>,
            pub(crate) content_address: Option<String>,
            pub(crate) ultimate: bool,
        }

        impl StorePath {
            pub(crate) fn name(&self) -> String {
                self.path.chars().skip(44).collect()
            }

            pub(crate) fn hash_part(&self) -> String {
                self.path.chars().skip(11).take(32).collect()
            }
        }
    }
}

/// Opens the file of a database as what it is, once nobody rests with it any more.
fn raw(folder: &TempDir) -> RedbStore<models::StoreDefinition> {
    loop {
        match RedbStore::new(folder.path().join("db/netabase.redb")) {
            Err(error) if error.is_locked() => std::thread::yield_now(),
            opened => return opened.unwrap(),
        }
    }
}

fn row(name: &str) -> models::StorePath {
    models::StorePath::from_path_info(&nix_store::StoreDir::default(), &info(name, &[]))
}

/// Returns the field and the row that an error names.
fn named<T: std::fmt::Debug>(result: Result<T, Error>) -> (String, String) {
    match result {
        Err(Error::Row { path, source }) => (path, source.field),
        other => panic!("{other:?}"),
    }
}

fn print(name: &str) -> String {
    nix_store::StoreDir::default().print(&path(name))
}

#[test]
fn a_row_that_does_not_parse_is_named_with_its_field() {
    type Spoil = fn(&mut models::StorePath);
    let cases: [(&str, Spoil); 6] = [
        ("nar_hash", |row| row.nar_hash = "sha256:".into()),
        ("references[0]", |row| row.references = vec!["../x".into()]),
        ("deriver", |row| row.deriver = Some("\u{e9}".into())),
        ("signatures[0]", |row| row.signatures = vec![String::new()]),
        ("content_address", |row| {
            row.content_address = Some("text:md5:".into())
        }),
        ("references[0]", |row| {
            row.references = vec!["x".repeat(1 << 15)]
        }),
    ];
    for (field, spoil) in cases {
        let folder = TempDir::new().unwrap();
        let database = open(&folder, &DatabaseOptions::default());
        let mut bad = row("bad");
        spoil(&mut bad);
        raw(&folder).open_tree().put(bad).unwrap();
        let expected = (print("bad"), field.to_owned());
        assert_eq!(named(database.path_info(&path("bad"))), expected);
        assert_eq!(named(database.for_each_path(&mut |_| Ok(()))), expected);
        assert_eq!(named(database.register(&[object("bad", &[])])), expected);
        assert!(database.is_valid(&path("bad")).unwrap());
        // What cannot be read can be deleted.
        assert_eq!(database.delete(&paths(["bad"])).unwrap(), paths(["bad"]));
    }
}

#[test]
fn a_key_that_is_no_path_is_named() {
    let folder = TempDir::new().unwrap();
    let database = open(&folder, &DatabaseOptions::default());
    let mut bad = row("x");
    bad.path = "/nix/store/../../etc/passwd".into();
    bad.references = vec![print("y")];
    let key = bad.path.clone();
    let store = raw(&folder);
    store.open_tree().put(bad).unwrap();
    let root = models::GcRoot {
        name: "r".into(),
        target: "/".into(),
    };
    store.open_tree().put(root).unwrap();
    store.open_tree().put(row("y")).unwrap();
    drop(store);
    let expected = (key, "path".to_owned());
    assert_eq!(named(database.valid_paths()), expected);
    assert_eq!(named(database.referrers(&path("y"))), expected);
    assert_eq!(
        named(database.closure(&paths(["y"]), Direction::Referrers)),
        expected
    );
    assert_eq!(
        named(database.roots()),
        ("r".to_owned(), "target".to_owned())
    );
}

#[test]
fn a_reference_that_is_not_there_ends_a_closure() {
    let folder = TempDir::new().unwrap();
    let database = open(&folder, &DatabaseOptions::default());
    let mut dangling = row("a");
    dangling.references = vec![print("gone")];
    raw(&folder).open_tree().put(dangling).unwrap();
    let error = database
        .closure(&paths(["a"]), Direction::References)
        .unwrap_err();
    assert!(matches!(
        error,
        Error::ReferenceNotValid { path: of, reference } if of == path("a") && reference == path("gone")
    ));
}

#[test]
fn a_derivation_row_and_a_text_that_do_not_parse_are_named() {
    let folder = TempDir::new().unwrap();
    let database = open(&folder, &DatabaseOptions::default());
    database
        .register(&[object("a.drv", &[]), object("b.drv", &[])])
        .unwrap();
    let store = raw(&folder);
    let derivation = models::Derivation {
        path: print("a.drv"),
        name: "other".into(),
        outputs: vec![],
        input_derivations: vec![],
        input_sources: vec![],
        system: String::new(),
        builder: String::new(),
        args: vec![],
        env: [].into(),
    };
    store.open_tree().put(derivation).unwrap();
    let text = models::DerivationText {
        path: print("b.drv"),
        aterm: b"Derive([".to_vec(),
        output_paths: vec![],
    };
    store.open_tree().put(text).unwrap();
    drop(store);
    let expected = (print("a.drv"), "name".to_owned());
    assert_eq!(named(database.derivation(&path("a.drv"))), expected);
    assert_eq!(named(database.derivation_outputs(&path("a.drv"))), expected);
    let error = database.derivation(&path("b.drv")).unwrap_err();
    assert!(matches!(error, Error::Derivation { path: of, .. } if of == path("b.drv")));
}

/// Asks everything; what is answered must be what was registered.
fn ask(database: &Database, all: &BTreeSet<StorePath>) -> Result<(), Error> {
    for name in ["p0", "p7"] {
        if let Some(found) = database.path_info(&path(name))? {
            assert_eq!(found, info(name, &["p0"]));
        }
    }
    assert!(database.valid_paths()?.is_subset(all));
    assert!(database.referrers(&path("p0"))?.is_subset(all));
    assert!(
        database
            .closure(&paths(["p7"]), Direction::References)?
            .is_subset(all)
    );
    database.for_each_path(&mut |info| {
        assert!(all.contains(&info.path));
        Ok(())
    })
}

#[test]
fn a_flipped_byte_is_an_error_or_changes_nothing_that_is_said() {
    let folder = TempDir::new().unwrap();
    let names: Vec<_> = (0..40).map(|at| format!("p{at}")).collect();
    let all: BTreeSet<_> = names.iter().map(|name| path(name)).collect();
    let objects: Vec<_> = names.iter().map(|name| object(name, &["p0"])).collect();
    open(&folder, &DatabaseOptions::default())
        .register(&objects)
        .unwrap();
    let file = folder.path().join("db/netabase.redb");
    let whole = fs::read(&file).unwrap();
    let used: Vec<_> = (0..whole.len()).filter(|at| whole[*at] != 0).collect();
    let read_only = DatabaseOptions {
        read_only: true,
        ..DatabaseOptions::default()
    };
    let mut failed = 0;
    for at in used.iter().step_by(used.len() / 150 + 1) {
        let mut bytes = whole.clone();
        bytes[*at] ^= 0x41;
        fs::write(&file, bytes).unwrap();
        let asked = try_open(&folder, &read_only).and_then(|database| ask(&database, &all));
        failed += usize::from(asked.is_err());
    }
    assert!(failed > 10, "only {failed} flips were noticed");
    for length in [0, 1, 4096, whole.len() / 2] {
        fs::write(&file, &whole[..length]).unwrap();
        let asked = try_open(&folder, &read_only).and_then(|database| ask(&database, &all));
        assert!(asked.is_err(), "{length}");
    }
    fs::write(&file, &whole).unwrap();
    ask(&open(&folder, &read_only), &all).unwrap();
}

#[test]
fn a_store_of_an_older_version_gets_the_trees_that_it_lacks() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("db")).unwrap();
    let file = folder.path().join("db/netabase.redb");
    let store = RedbStore::<old::models::StoreDefinition>::new(file).unwrap();
    let new = row("a");
    let row = old::models::StorePath {
        path: new.path,
        nar_hash: new.nar_hash,
        nar_size: new.nar_size,
        registration_time: new.registration_time,
        deriver: None,
        references: vec![],
        signatures: vec![],
        content_address: None,
        ultimate: false,
    };
    store.open_tree().put(row).unwrap();
    drop(store);
    let read_only = DatabaseOptions {
        read_only: true,
        ..DatabaseOptions::default()
    };
    assert!(try_open(&folder, &read_only).is_err());
    let database = open(&folder, &DatabaseOptions::default());
    assert_eq!(
        database.path_info(&path("a")).unwrap(),
        Some(info("a", &[]))
    );
    database.add_root("r", &path("a")).unwrap();
    assert_eq!(open(&folder, &read_only).roots().unwrap().len(), 1);
}
