//! Bugs that these tests found in the record store, each under what holds now.

use libp2p_kad::store::RecordStore as _;
use netabase_store::{
    backends::{
        memory::MemoryBackend,
        redb::{RedbBackend, RedbFile},
    },
    records::{KadStore, RecordStoreConfig},
};
use record_store_tests::{Home, Note, OK, key, local, peer, provider, record, said, wait_for};

use super::damage;

/// Damages every row but the description of an open store.
fn damage_while_open(home: &Home<RedbBackend>) {
    let RedbFile::Writable(file) = home.store().db().file() else {
        panic!("it was opened for writing");
    };
    damage::rewrite_file(file, |key, mut value| {
        value[0] ^= u8::from(key[0] != damage::DESCRIPTION);
        Some(value)
    });
    // A commit, so that the store reads what is there now.
    let note = Note {
        id: 1,
        topic: String::new(),
    };
    home.store()
        .open_tree::<Note>()
        .put(note)
        .expect("the disk is sound");
}

#[test]
fn rows_damaged_while_the_store_is_open_are_set_aside_by_whoever_reads_them() {
    type Look = fn(&KadStore<RedbBackend>) -> usize;
    let looks: [Look; 4] = [
        |records| records.iter_records().count(),
        |records| records.iter_provided().count(),
        |records| records.providers_of(&key(0)).len(),
        |records| records.record(&key(0)).into_iter().count(),
    ];
    for (look, aside) in looks.into_iter().zip([3, 3, 1, 1]) {
        let mut config = RecordStoreConfig::default();
        config.cache_bytes = 0;
        let mut home = Home::<RedbBackend>::new();
        let mut records = home.records(local(), &config);
        for number in 0..3 {
            assert_eq!(said(records.put(record(number, local(), 40))), OK);
            assert_eq!(said(records.add_provider(provider(number, local(), 1))), OK);
        }
        records.flush().expect("the disk is sound");
        damage_while_open(&home);
        assert_eq!(look(&records), 0);
        assert_eq!(look(&records), 0);
        assert_eq!(records.health().metrics.set_aside, aside);
        assert_eq!(said(records.put(record(9, local(), 40))), OK);
        wait_for("rows go to disk", || records.health().pending_rows == 0);
        drop(records);
        home.reopen();
        assert!(home.records(local(), &config).record(&key(9)).is_some());
    }
}

#[test]
fn a_sender_cannot_pass_a_record_off_as_this_nodes_own() {
    let mut config = RecordStoreConfig::default();
    config.max_records = 3;
    let home = Home::<MemoryBackend>::new();
    let mut records = home.records(local(), &config);
    assert_eq!(said(records.put(record(1, local(), 9))), OK);
    for number in 1..10 {
        let forged = records.put_from(Some(peer(1)), record(number, local(), 50));
        assert_eq!(said(forged), "max records");
    }
    assert_eq!(
        records.get(&key(1)).map(|record| record.value.len()),
        Some(9)
    );
    let health = records.health();
    assert_eq!((health.records, health.announcements), (1, 1));
    assert_eq!(
        said(records.put_from(Some(local()), record(2, local(), 9))),
        OK
    );
}

#[test]
fn longer_addresses_of_known_providers_count_towards_the_limit_in_bytes() {
    let mut config = RecordStoreConfig::default();
    config.max_provider_bytes = 12_000;
    let home = Home::<MemoryBackend>::new();
    let mut records = home.records(local(), &config);
    for number in 0..100 {
        assert_eq!(said(records.add_provider(provider(number, peer(1), 0))), OK);
    }
    for number in 0..100 {
        let _ = records.add_provider(provider(number, peer(1), 8));
    }
    let long = (0..100).filter(|number| {
        let found = records.providers(&key(*number));
        found
            .first()
            .is_some_and(|found| found.addresses.len() == 8)
    });
    // With eight addresses a row has about 190 bytes.
    assert!(long.count() <= 64);
    assert!(records.health().provided_keys < 100);
}
