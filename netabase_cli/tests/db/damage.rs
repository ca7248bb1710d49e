//! Damaged stores: what is wrong is told, what can be rebuilt is, and nothing panics.

use std::{fs, path::Path};

#[cfg(feature = "peers")]
use netabase_store::records::RecordStoreConfig;
use netabase_store::{RedbStore, SledStore, StoreOptions};
use redb::ReadableTable;
use serde_json::Value;

use crate::{
    models::EverythingDefinition,
    support::{Place, copy_all, data_file, feed, ok, refused, remove_all},
};

/// Removes the first entry of some tables, behind the store's back.
fn remove_first(path: &str, engine: &str, tables: &[&str]) {
    if engine == "sled" {
        let database = sled::open(path).unwrap();
        for name in tables {
            database
                .open_tree(name)
                .unwrap()
                .pop_min()
                .unwrap()
                .unwrap();
        }
        database.flush().unwrap();
        return;
    }
    let database = redb::Database::open(path).unwrap();
    let txn = database.begin_write().unwrap();
    for name in tables {
        let table = redb::TableDefinition::<&[u8], &[u8]>::new(name);
        txn.open_table(table).unwrap().pop_first().unwrap().unwrap();
    }
    txn.commit().unwrap();
}

const FIELD_INDEXES: [&str; 8] = [
    "Thing/by_colour_limit",
    "Thing/text",
    "Thing/digest",
    "Thing/tags",
    "Thing/numbers",
    "Thing/limit",
    "Thing/email",
    "Thing/took",
];

#[test]
fn rebuilding_mends_every_index_over_fields() {
    for engine in ["redb", "sled"] {
        let place = Place::new();
        let store = place.store(engine);
        let dump = ok(&["dump", &store]);
        remove_first(&store, engine, &FIELD_INDEXES);
        let ran = feed(&["verify", &store], "");
        assert_eq!(ran.status, Some(1));
        assert_eq!(ran.error.lines().count(), 1, "{ran:?}");
        for table in FIELD_INDEXES {
            assert!(
                ran.out.contains(&format!("is not in {table}\n")),
                "{table}: {}",
                ran.out
            );
        }
        ok(&["rebuild-indexes", &store]);
        ok(&["verify", &store]);
        // The program that has the types builds what it alone can compute.
        let report = match engine {
            "redb" => RedbStore::<EverythingDefinition>::open(&store)
                .unwrap()
                .verify()
                .unwrap(),
            _ => SledStore::<EverythingDefinition>::open(&store)
                .unwrap()
                .verify()
                .unwrap(),
        };
        assert!(report.is_sound(), "{:?}", report.problems);
        assert_eq!(ok(&["dump", &store]), dump);
    }
}

#[test]
fn a_computed_index_waits_for_its_program() {
    let place = Place::new();
    let store = place.store("redb");
    let dump = ok(&["dump", &store]);
    remove_first(&store, "redb", &["Thing/by_length"]);
    let ran = feed(&["verify", &store, "--json"], "");
    assert_eq!(ran.status, Some(1));
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(report["sound"], false);
    assert_eq!(
        report["problems"][0],
        "Thing/by_length names 2 of 3 records"
    );
    assert!(ok(&["rebuild-indexes", &store]).contains("Thing/by_length is computed"));
    assert!(ok(&["info", &store]).contains("computed, 2 entries, to be rebuilt"));
    assert!(!ok(&["dump", &store]).contains("by_length\":["));
    drop(RedbStore::<EverythingDefinition>::open(&store).unwrap());
    assert_eq!(ok(&["dump", &store]), dump);
}

#[test]
fn a_dump_without_computed_entries_has_them_rebuilt() {
    let place = Place::new();
    let store = place.store("redb");
    let dump = ok(&["dump", &store]);
    ok(&["rebuild-indexes", &store]);
    let without = ok(&["dump", &store]);
    let loaded = place.path("loaded");
    assert_eq!(feed(&["load", &loaded], &without).status, Some(0));
    drop(RedbStore::<EverythingDefinition>::open(&loaded).unwrap());
    assert_eq!(ok(&["dump", &loaded]), dump);
}

#[test]
fn a_record_that_is_gone_is_told_by_every_index() {
    let place = Place::new();
    let store = place.store("redb");
    remove_first(&store, "redb", &["Thing"]);
    let ran = feed(&["verify", &store], "");
    assert_eq!(ran.status, Some(1));
    assert!(
        ran.out
            .contains("Thing/by_length names (\"\", 0), which has no record"),
        "{}",
        ran.out
    );
    assert!(
        ran.out
            .contains("Thing/email names (\"\", 0), which has no record"),
        "{}",
        ran.out
    );
}

#[test]
fn a_changed_record_is_named() {
    let place = Place::new();
    let store = place.store("redb");
    let database = redb::Database::open(&store).unwrap();
    let txn = database.begin_write().unwrap();
    let table = redb::TableDefinition::<&[u8], &[u8]>::new("Also");
    {
        let mut table = txn.open_table(table).unwrap();
        let (key, mut row) = {
            let (key, row) = table.first().unwrap().unwrap();
            (key.value().to_vec(), row.value().to_vec())
        };
        *row.last_mut().unwrap() ^= 1;
        table.insert(key.as_slice(), row.as_slice()).unwrap();
    }
    txn.commit().unwrap();
    drop(database);
    let named = format!("{} in table Also", i128::MIN);
    assert!(refused(&["dump", &store], "").contains(&named));
    assert!(feed(&["verify", &store], "").out.contains(&named));
}

/// Flips a bit at many places of a store's file, and runs commands over it.
fn flipped_bits_never_panic(engine: &str, flips: usize) {
    let place = Place::new();
    let store = place.store(engine);
    let damaged = place.path("damaged");
    let bytes = fs::read(data_file(&store)).unwrap();
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    let mut told = 0;
    for flip in 0..flips {
        copy_all(Path::new(&store), Path::new(&damaged));
        let at = flip * used / flips;
        let mut changed = bytes.clone();
        changed[at] ^= 1 << (flip % 8);
        fs::write(data_file(&damaged), changed).unwrap();
        for command in ["dump", "verify", "info"] {
            let ran = feed(&[command, &damaged], "");
            assert!(
                matches!(ran.status, Some(0 | 1)),
                "byte {at}: {command}: {ran:?}"
            );
            assert!(
                ran.error.lines().count() <= 1,
                "byte {at}: {command}: {ran:?}"
            );
            assert!(
                !ran.error.contains("mistake"),
                "byte {at}: {command}: {ran:?}"
            );
            told += usize::from(ran.status == Some(1));
        }
        remove_all(Path::new(&damaged));
    }
    assert!(told > 0);
}

#[test]
fn flipped_bits_in_a_redb_file_never_panic() {
    flipped_bits_never_panic("redb", 120);
}

#[test]
fn flipped_bits_in_a_sled_log_never_panic() {
    flipped_bits_never_panic("sled", 60);
}

#[test]
fn a_truncated_store_is_an_error() {
    for engine in ["redb", "sled"] {
        let place = Place::new();
        let file = data_file(&place.store(engine));
        let bytes = fs::read(&file).unwrap();
        for kept in [1, 8, 100, 4096, bytes.len() / 2] {
            fs::write(&file, &bytes[..kept]).unwrap();
            for command in ["dump", "verify"] {
                let ran = feed(&[command, &place.path(engine)], "");
                assert!(matches!(ran.status, Some(0 | 1)), "{kept} bytes: {ran:?}");
                assert!(!ran.error.contains("mistake"), "{kept} bytes: {ran:?}");
            }
        }
    }
}

#[test]
fn a_file_that_was_not_closed_is_repaired_to_be_read() {
    let place = Place::new();
    let store = place.store("redb");
    let (dump, copy) = (ok(&["dump", &store]), place.path("copy"));
    let options = StoreOptions::new();
    let open = RedbStore::<EverythingDefinition>::open_with(&store, &options).unwrap();
    fs::copy(&store, &copy).unwrap();
    drop(open);
    assert_eq!(ok(&["dump", &copy]), dump);
}

#[test]
fn a_sound_store_is_recovered_whole() {
    let place = Place::new();
    let (store, to) = (place.store("redb"), place.path("recovered"));
    let said = ok(&["recover", &store, &to]);
    assert!(said.starts_with("recovered "), "{said}");
    assert!(said.contains("Thing: 3 of 3 records\n"), "{said}");
    // The program that has the types builds what it alone can compute.
    drop(RedbStore::<EverythingDefinition>::open(&to).unwrap());
    assert_eq!(ok(&["dump", &to]), ok(&["dump", &store]));
    ok(&["verify", &to]);
}

#[test]
fn what_is_lost_is_told_and_the_rest_is_recovered() {
    let place = Place::new();
    let (store, to) = (place.store("redb"), place.path("recovered"));
    let (damaged, like) = (place.path("damaged"), place.path("like"));
    let mut bytes = fs::read(&store).unwrap();
    fs::copy(&store, &like).unwrap();
    // Without its header and with every description of itself damaged.
    bytes[..4096].fill(0);
    let name = b"EverythingDefinition";
    let found: Vec<_> = bytes
        .windows(name.len())
        .enumerate()
        .filter(|(_, window)| window == name)
        .map(|(at, _)| at)
        .collect();
    assert!(!found.is_empty());
    found.iter().for_each(|at| bytes[*at] ^= 1);
    fs::write(&damaged, &bytes).unwrap();
    let refusal = refused(&["recover", &damaged, &to], "");
    assert!(
        refusal.contains("name a store of the same definition"),
        "{refusal}"
    );
    assert!(!Path::new(&to).exists());
    let ran = feed(&["recover", &damaged, &to, "--like", &like, "--json"], "");
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.error.contains("not all of"), "{ran:?}");
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(
        (&report["whole"], &report["description"]),
        (&false.into(), &"given".into())
    );
    assert_eq!(
        report["models"][0]["uncertain"],
        report["models"][0]["records"]
    );
    drop(RedbStore::<EverythingDefinition>::open(&to).unwrap());
    assert_eq!(ok(&["dump", &to]), ok(&["dump", &store]));
    // What is there is not written over.
    let refusal = refused(&["recover", &store, &to], "");
    assert!(refusal.contains("recovered"), "{refusal}");
}

#[test]
fn a_store_of_sled_is_not_recovered_and_says_so() {
    let place = Place::new();
    let (store, to) = (place.store("sled"), place.path("recovered"));
    let refusal = refused(&["recover", &store, &to], "");
    assert!(refusal.contains("sled cannot recover"), "{refusal}");
    assert!(!Path::new(&to).exists());
}

#[test]
fn a_flipped_bit_is_recovered_from_without_a_panic() {
    let place = Place::new();
    let (store, damaged, to) = (place.store("redb"), place.path("damaged"), place.path("to"));
    let bytes = fs::read(&store).unwrap();
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    for flip in 0..60 {
        let mut changed = bytes.clone();
        changed[flip * used / 60] ^= 1 << (flip % 8);
        fs::write(&damaged, changed).unwrap();
        let ran = feed(&["recover", &damaged, &to], "");
        assert!(matches!(ran.status, Some(0 | 1)), "{flip}: {ran:?}");
        assert!(ran.out.starts_with("recovered "), "{flip}: {ran:?}");
        ok(&["rebuild-indexes", &to]);
        fs::remove_file(&to).unwrap();
    }
}

#[cfg(feature = "peers")]
#[test]
fn a_record_store_is_recovered_and_told_of() {
    let place = Place::new();
    let (store, to) = (place.store("redb"), place.path("recovered"));
    let open = RedbStore::<EverythingDefinition>::open(&store).unwrap();
    let (local, config) = (libp2p::PeerId::random(), RecordStoreConfig::default());
    drop(open.record_store(local, config).unwrap());
    drop(open);
    let said = ok(&["recover", &store, &to]);
    let line = "record store of Kademlia: 0 records, providers of 0 keys; 1 of 1 rows\n";
    assert!(said.contains(line), "{said}");
    fs::remove_file(&to).unwrap();
    let said = ok(&["recover", &store, &to, "--json"]);
    let report: Value = serde_json::from_str(&said).unwrap();
    let of = &report["recordStore"];
    assert_eq!((&of["rows"], &of["described"]), (&1.into(), &true.into()));
    assert_eq!((&of["lost"], &report["whole"]), (&0.into(), &true.into()));
}
