//! What is promised to be on disk is there, and a disk that does not keep up, or fails, is said so.

use std::{
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use libp2p_kad::store::RecordStore as _;
use netabase_store::{
    NetabaseError, StoreError,
    backends::{redb::RedbBackend, sled::SledBackend},
    records::{RecordDurability, RecordStoreConfig},
};
use record_store_tests::{
    Engine, Home, Note, OK, key, local, peer, provided, provider, record, said, unhurried, wait_for,
};

use super::disk::Disk;

fn loses_nothing<B: Engine>(durability: RecordDurability, flushed: bool) {
    let mut config = RecordStoreConfig::default();
    config.durability = durability;
    let mut home = Home::<B>::new();
    let mut records = home.records(local(), &config);
    for number in 0..3_000 {
        assert_eq!(
            said(records.put(record(number, peer(1 + number % 7), 30))),
            OK
        );
        assert_eq!(said(records.add_provider(provider(number, local(), 0))), OK);
        // The disk may be slower than the loop, which is refused then.
        wait_for("the disk keeps up", || {
            records.health().pending_rows < 10_000
        });
    }
    for number in 0..100 {
        records.remove(&key(number));
        records.remove_provider(&key(number), &local());
    }
    if flushed {
        records.flush().expect("the disk is sound");
        assert_eq!(records.health().pending_rows, 0);
    }
    drop(records);
    home.reopen();
    let records = home.records(local(), &config);
    for number in 0..3_000 {
        let is_there = number >= 100;
        assert_eq!(records.record(&key(number)).is_some(), is_there);
        assert_eq!(
            records.providers_of(&key(number)).len(),
            usize::from(is_there)
        );
    }
    assert_eq!(records.health().announcements, 2_900);
}

#[test]
fn dropping_the_last_handle_loses_nothing() {
    for durability in [unhurried().durability, RecordDurability::Volatile] {
        loses_nothing::<RedbBackend>(durability, false);
        loses_nothing::<SledBackend>(durability, false);
    }
}

#[test]
fn flushing_loses_nothing() {
    loses_nothing::<RedbBackend>(unhurried().durability, true);
    loses_nothing::<SledBackend>(RecordDurability::Volatile, true);
}

#[test]
fn what_is_flushed_is_on_the_platter_and_what_is_not_is_not_promised() {
    for durability in [unhurried().durability, RecordDurability::Volatile] {
        let mut config = RecordStoreConfig::default();
        config.durability = durability;
        let disk = Disk::default();
        let store = disk.open().unwrap();
        let mut records = store.record_store(local(), config.clone()).unwrap();
        for number in 0..100 {
            assert_eq!(said(records.put(record(number, peer(1), 30))), OK);
        }
        records.flush().unwrap();
        let after = Disk::after_power_cut(&disk).open().unwrap();
        let after = after.record_store(local(), config).unwrap();
        assert_eq!(after.iter_records().count(), 100);
    }
}

#[test]
fn a_synced_put_is_on_the_platter_when_it_returns() {
    let mut config = RecordStoreConfig::default();
    config.durability = RecordDurability::Sync;
    let disk = Disk::default();
    let store = disk.open().unwrap();
    let mut records = store.record_store(local(), config.clone()).unwrap();
    for number in 0..20 {
        assert_eq!(said(records.put(record(number, peer(1), 30))), OK);
        assert_eq!(said(records.add_provider(provider(number, local(), 0))), OK);
        records.remove(&key(number.wrapping_sub(5)));
        let after = Disk::after_power_cut(&disk).open().unwrap();
        let after = after.record_store(local(), config.clone()).unwrap();
        assert_eq!(
            after.record(&key(number)).map(|found| found.value.len()),
            Some(30)
        );
        assert_eq!(after.providers_of(&key(number)).len(), 1);
        assert_eq!(after.iter_records().count(), records.records().count());
    }
}

#[test]
fn a_batch_is_one_commit_and_comes_by_itself() {
    let mut config = RecordStoreConfig::default();
    config.durability = RecordDurability::Batched(Duration::from_millis(200));
    let disk = Disk::default();
    let store = disk.open().unwrap();
    let mut records = store.record_store(local(), config.clone()).unwrap();
    records.flush().unwrap();
    let (before, syncs) = (records.health().metrics.commits, disk.syncs());
    let begin = Instant::now();
    for number in 0..100 {
        assert_eq!(said(records.put(record(number, peer(1), 30))), OK);
    }
    let took = begin.elapsed();
    wait_for("the batch is written", || {
        records.health().pending_rows == 0
    });
    let commits = records.health().metrics.commits - before;
    let windows = u64::try_from(took.as_millis() / 200).unwrap();
    assert!((1..=2 + windows).contains(&commits), "{commits} commits");
    assert!(disk.syncs() > syncs);
    let after = Disk::after_power_cut(&disk).open().unwrap();
    let after = after.record_store(local(), config).unwrap();
    assert_eq!(after.iter_records().count(), 100);
}

#[test]
fn a_full_queue_is_an_error_and_not_a_wait_and_drains() {
    let mut config = RecordStoreConfig::default();
    config.max_pending_rows = 50;
    let home = Home::<RedbBackend>::new();
    let mut records = home.records(local(), &config);
    records.flush().unwrap();
    let held = home.store().begin_write().unwrap();
    let (tell, told) = mpsc::channel();
    let writer = thread::spawn(move || {
        let mut accepted = Vec::new();
        for number in 0..500 {
            match said(records.put(record(number, peer(1), 30))) {
                OK => accepted.push(number),
                refused => assert_eq!(refused, "max records"),
            }
        }
        assert_eq!(
            said(records.add_provider(provider(1, local(), 0))),
            "max provided keys"
        );
        // What was accepted can be read, what was refused is not there.
        let found: Vec<_> = (0..500)
            .filter(|number| records.get(&key(*number)).is_some())
            .collect();
        assert_eq!(found, accepted);
        tell.send(accepted.len()).unwrap();
        records
    });
    let accepted = told.recv_timeout(Duration::from_secs(60));
    held.abort();
    let mut records = writer.join().unwrap();
    let accepted = accepted.expect("nothing waits for the transaction");
    assert!((40..=101).contains(&accepted), "{accepted} were accepted");
    assert!(records.health().metrics.refused_busy >= 400);
    records.flush().unwrap();
    assert_eq!(records.health().pending_rows, 0);
    assert_eq!(said(records.put(record(499, peer(1), 30))), OK, "it drains");
    assert_eq!(records.records().count(), accepted + 1);
}

#[test]
fn a_quarter_of_what_may_wait_is_written_without_waiting_for_more() {
    let mut few = unhurried();
    few.max_pending_rows = 40;
    let mut small = unhurried();
    small.max_pending_bytes = 100_000;
    for config in [few, small] {
        let home = Home::<RedbBackend>::new();
        let mut records = home.records(local(), &config);
        records.flush().unwrap();
        let before = records.health().metrics.commits;
        for number in 0..9 {
            assert_eq!(said(records.put(record(number, peer(1), 2_500))), OK);
        }
        assert_eq!(records.health().metrics.commits, before);
        for number in 9..12 {
            assert_eq!(said(records.put(record(number, peer(1), 2_500))), OK);
        }
        wait_for("it is written", || {
            records.health().metrics.commits > before
        });
    }
}

#[test]
fn a_queue_that_is_full_of_bytes_refuses_too() {
    let mut config = RecordStoreConfig::default();
    config.max_pending_bytes = 100_000;
    let home = Home::<RedbBackend>::new();
    let mut records = home.records(local(), &config);
    records.flush().unwrap();
    let held = home.store().begin_write().unwrap();
    let writer = thread::spawn(move || {
        let taken = (0..500).filter(|number| records.put(record(*number, peer(1), 5_000)).is_ok());
        (taken.count(), records)
    });
    wait_for("nothing waits for the transaction", || writer.is_finished());
    held.abort();
    let (taken, records) = writer.join().unwrap();
    assert!(
        (10..=21).contains(&taken),
        "{taken} of 5,000 bytes were taken"
    );
    records.flush().unwrap();
}

#[test]
fn whoever_holds_a_transaction_is_refused_to_wait_for_it() {
    let home = Home::<RedbBackend>::new();
    let mut records = home.records(local(), &unhurried());
    let held = home.store().begin_write().unwrap();
    assert_eq!(said(records.put(record(1, peer(1), 30))), OK);
    let error = records.flush().expect_err("it would wait for itself");
    let is_deadlock = |error: &NetabaseError| {
        matches!(error, NetabaseError::StoreError(StoreError::WouldDeadlock))
    };
    assert!(is_deadlock(&error), "{error:?}");
    drop(records);
    let reopened = home.store().record_store(local(), unhurried());
    assert!(is_deadlock(
        &reopened.expect_err("the last one has not ended")
    ));
    held.commit().unwrap();
    let records = home.records(local(), &unhurried());
    assert!(
        records.record(&key(1)).is_some(),
        "it was written down after the transaction"
    );
}

#[test]
fn when_the_disk_fails_reads_go_on_writes_are_refused_and_health_says_why() {
    let disk = Disk::default();
    let store = disk.open().unwrap();
    let config = RecordStoreConfig::default();
    let mut records = store.record_store(local(), config.clone()).unwrap();
    for number in 0..50 {
        assert_eq!(said(records.put(record(number, peer(1), 30))), OK);
        assert_eq!(said(records.add_provider(provider(number, local(), 0))), OK);
    }
    records.flush().unwrap();
    assert!(records.health().is_sound());
    disk.fail();
    assert_eq!(
        said(records.put(record(50, peer(1), 30))),
        OK,
        "nobody knows yet"
    );
    records.flush().expect_err("the disk fails");
    let failure = records.health().failure.expect("it has failed");
    assert!(!failure.is_empty());
    assert_eq!(said(records.put(record(51, peer(1), 30))), "max records");
    assert_eq!(
        said(records.add_provider(provider(51, local(), 0))),
        "max provided keys"
    );
    records.flush().expect_err("it stays so");
    for number in 0..=50 {
        assert!(records.get(&key(number)).is_some(), "{number} can be read");
    }
    assert_eq!(records.records().count(), 51);
    assert_eq!(provided(&records).len(), 50);
    assert!(
        store
            .open_tree::<Note>()
            .put(Note {
                id: 1,
                topic: String::new()
            })
            .is_err()
    );
    drop((records, store));
    let after = Disk::after_power_cut(&disk).open().unwrap();
    let after = after.record_store(local(), config).unwrap();
    assert_eq!(
        after.iter_records().count(),
        50,
        "what was flushed before is there"
    );
}

#[test]
fn a_synced_put_on_a_failing_disk_is_refused() {
    let disk = Disk::default();
    let store = disk.open().unwrap();
    let mut config = RecordStoreConfig::default();
    config.durability = RecordDurability::Sync;
    let mut records = store.record_store(local(), config).unwrap();
    assert_eq!(said(records.put(record(1, peer(1), 30))), OK);
    disk.fail();
    assert_eq!(said(records.put(record(2, peer(1), 30))), "max records");
    assert_eq!(said(records.put(record(3, peer(1), 30))), "max records");
    assert!(!records.health().is_sound());
    assert!(records.get(&key(1)).is_some());
}
