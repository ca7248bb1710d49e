//! Records beside typed trees, several handles, and whole stores that are copied and made smaller.

use std::thread;

use libp2p_kad::store::RecordStore as _;
use netabase_store::{
    NetabaseError, RawStore, RedbStore, SledStore, StoreError, StoreOptions,
    backends::{memory::MemoryBackend, redb::RedbBackend, sled::SledBackend},
    records::{KadStore, RecordStoreConfig},
};
use record_store_tests::{
    Engine, Home, Note, NoteTopicSecondaryKey, NotesDefinition, OK, key, local, peer, provided,
    provider, record, said,
};

fn fill<B: Engine>(records: &KadStore<B>) {
    let mut records = records.clone();
    for number in 0..100 {
        let of = if number % 2 == 0 { local() } else { peer(1) };
        assert_eq!(said(records.put(record(number, of, 30))), OK);
        assert_eq!(said(records.add_provider(provider(number, of, 1))), OK);
    }
}

fn assert_filled<B: Engine>(records: &KadStore<B>) {
    for number in 0..100 {
        let of = if number % 2 == 0 { local() } else { peer(1) };
        let found = records.get(&key(number)).map(std::borrow::Cow::into_owned);
        let found = found.expect("it was stored");
        let expected = record(number, of, 30);
        assert_eq!(
            (found.value, found.publisher),
            (expected.value, expected.publisher)
        );
        assert_eq!(records.providers(&key(number))[0].provider, of);
    }
    assert_eq!(records.records().count(), 100);
    assert_eq!(provided(records).len(), 50);
    assert_eq!(records.health().announcements, 100);
}

#[test]
fn handles_share_one_record_store_and_another_node_is_refused_meanwhile() {
    let home = Home::<MemoryBackend>::new();
    let config = RecordStoreConfig::default();
    let first = home.records(local(), &config);
    let second = home.records(local(), &config);
    fill(&first);
    assert_filled(&second);
    second.remove_record(&key(1));
    assert_eq!(first.record(&key(1)), None);
    let refused = home.store().record_store(peer(5), config.clone());
    let error = refused.expect_err("it is open for another node");
    let is_locked = matches!(error, NetabaseError::StoreError(StoreError::Locked { .. }));
    assert!(is_locked, "{error:?}");
    drop(first);
    assert!(home.store().record_store(peer(5), config.clone()).is_err());
    drop(second);
    assert_eq!(home.records(peer(5), &config).health().own_records, 0);
}

#[test]
fn the_record_store_keeps_the_store_open() {
    let records = {
        let store = RedbStore::<NotesDefinition>::temp().expect("all is sound");
        store
            .record_store(local(), RecordStoreConfig::default())
            .expect("all is sound")
    };
    fill(&records);
    records.flush().expect("all is sound");
    assert_filled(&records);
}

fn survives_without_a_record_store<B: Engine>() {
    let mut home = Home::<B>::new();
    fill(&home.records(local(), &RecordStoreConfig::default()));
    home.reopen();
    let notes = home.store().open_tree::<Note>();
    for id in 0..100 {
        notes
            .put(Note {
                id,
                topic: "t".to_owned(),
            })
            .expect("all is sound");
    }
    assert!(home.store().verify().expect("all is sound").is_sound());
    drop(notes);
    home.reopen();
    assert_filled(&home.records(local(), &RecordStoreConfig::default()));
    assert_eq!(
        home.store()
            .open_tree::<Note>()
            .len()
            .expect("all is sound"),
        100
    );
}

#[test]
fn a_store_that_is_opened_without_its_record_store_keeps_it() {
    survives_without_a_record_store::<RedbBackend>();
    survives_without_a_record_store::<SledBackend>();
}

#[test]
fn a_copy_holds_the_records() {
    let home = Home::<RedbBackend>::new();
    let records = home.records(local(), &RecordStoreConfig::default());
    fill(&records);
    records.flush().expect("all is sound");
    let copy = home.path().with_extension("copy");
    home.store().copy_to(&copy).expect("all is sound");
    let copied = RedbStore::<NotesDefinition>::open(&copy).expect("all is sound");
    assert_filled(
        &copied
            .record_store(local(), RecordStoreConfig::default())
            .expect("all is sound"),
    );
    let other = home.path().with_extension("sled");
    home.store()
        .copy_to_engine::<SledBackend>(&other)
        .expect("all is sound");
    let copied = SledStore::<NotesDefinition>::open(&other).expect("all is sound");
    assert_filled(
        &copied
            .record_store(local(), RecordStoreConfig::default())
            .expect("all is sound"),
    );
    assert_filled(&records);
}

#[test]
fn a_compacted_store_holds_the_records() {
    let mut home = Home::<RedbBackend>::new();
    fill(&home.records(local(), &RecordStoreConfig::default()));
    home.close();
    RawStore::<RedbBackend>::compact(home.path()).expect("all is sound");
    home.open();
    assert_filled(&home.records(local(), &RecordStoreConfig::default()));
}

#[test]
fn a_store_that_can_only_be_read_has_no_record_store() {
    let mut home = Home::<RedbBackend>::new();
    fill(&home.records(local(), &RecordStoreConfig::default()));
    home.close();
    let options = StoreOptions::new().read_only(true);
    let store =
        RedbStore::<NotesDefinition>::open_with(home.path(), &options).expect("all is sound");
    let refused = store.record_store(local(), RecordStoreConfig::default());
    let error = refused.expect_err("nothing can be written");
    let is_read_only = matches!(
        error,
        NetabaseError::StoreError(StoreError::ReadOnly { .. })
    );
    assert!(is_read_only, "{error:?}");
}

fn disturb_each_other_not<B: Engine>(count: u64) {
    let mut home = Home::<B>::new();
    let store = home.store();
    let records = home.records(local(), &RecordStoreConfig::default());
    let notes = store.open_tree::<Note>();
    notes
        .put(Note {
            id: u64::MAX,
            topic: "first".to_owned(),
        })
        .expect("all is sound");
    // A snapshot that is held open sees nothing of what follows.
    let before = store.begin_read().expect("all is sound");
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..count {
                while records
                    .put_from(None, record(number, peer(1 + number % 9), 30))
                    .is_err()
                {
                    records.flush().expect("all is sound");
                }
            }
        });
        scope.spawn(|| {
            for from in (0..count).step_by(500) {
                let txn = store.begin_write().expect("all is sound");
                let tree = txn.open_tree::<Note>();
                for id in from..from + 500 {
                    tree.put(Note {
                        id,
                        topic: format!("t{}", id % 10),
                    })
                    .expect("all is sound");
                }
                if from % 1000 == 0 {
                    txn.commit().expect("all is sound");
                } else {
                    txn.abort();
                }
            }
        });
    });
    assert_eq!(before.open_tree::<Note>().len().expect("all is sound"), 1);
    drop(before);
    assert_eq!(notes.len().expect("all is sound"), count / 2 + 1);
    let found = usize::try_from(count).expect("all is sound");
    assert_eq!(records.iter_records().count(), found);
    drop((records, notes));
    home.reopen();
    let records = home.records(local(), &RecordStoreConfig::default());
    assert_eq!(records.iter_records().count(), found);
    let notes = home.store().open_tree::<Note>();
    let of_topic = notes.index::<NoteTopicSecondaryKey>().get("t3".to_owned());
    assert_eq!(of_topic.count().expect("all is sound"), count / 20);
    assert!(home.store().verify().expect("all is sound").is_sound());
}

#[test]
fn typed_trees_and_records_of_one_store_do_not_disturb_each_other() {
    disturb_each_other_not::<RedbBackend>(10_000);
    disturb_each_other_not::<SledBackend>(2_000);
    disturb_each_other_not::<MemoryBackend>(10_000);
}
