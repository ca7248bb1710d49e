//! A wall clock that is set back while the process is away, after a close and after a crash.

use std::{sync::Arc, time::Duration};

use libp2p_kad::{Record, store::RecordStore as _};
use netabase_store::{
    backends::redb::RedbBackend,
    records::{Clock as _, KadStore, ManualClock, RecordStoreConfig},
};
use record_store_tests::{Home, OK, key, local, peer, record, said, timed, wait_for};

use super::disk::Disk;

const MINUTE: Duration = Duration::from_secs(60);

/// Stores a record that has an hour to live.
fn store(records: &mut KadStore<RedbBackend>, number: u64) {
    let expires = Some(records.clock().now() + 60 * MINUTE);
    let new = Record {
        expires,
        ..record(number, peer(1), 9)
    };
    assert_eq!(said(records.put(new)), OK);
    records.flush().expect("the disk is sound");
}

fn records_on(disk: &Disk, config: &RecordStoreConfig) -> KadStore<RedbBackend> {
    let store = disk.open().expect("it opens");
    let records = store.record_store(local(), config.clone());
    records.expect("it opens")
}

fn set_back(clock: &ManualClock) {
    clock.set_unix(clock.unix() - 24 * 400 * 60 * MINUTE);
}

/// Cuts the power, sets the clock back, and returns how many minutes the first record has left then.
fn minutes_left(disk: &Disk, config: &RecordStoreConfig, clock: &Arc<ManualClock>) -> u64 {
    let disk = Disk::after_power_cut(disk);
    set_back(clock);
    let records = records_on(&disk, config);
    let found = records.record(&key(1)).expect("it is alive");
    let expires = found.expires.expect("it is that of another");
    (expires - clock.now()).as_secs() / 60
}

#[test]
fn a_clock_that_was_set_back_extends_no_life() {
    let (config, clock) = timed();
    let mut home = Home::<RedbBackend>::new();
    let mut records = home.records(local(), &config);
    store(&mut records, 1);
    // Nothing is written in this time.
    clock.advance(50 * MINUTE);
    drop(records);
    home.close();
    set_back(&clock);
    home.open();
    let records = home.records(local(), &config);
    assert!(records.get(&key(1)).is_some());
    clock.advance(11 * MINUTE);
    assert_eq!(records.get(&key(1)), None, "it had ten minutes left");
}

#[test]
fn after_a_crash_it_extends_lives_by_no_more_than_since_the_last_commit() {
    let (config, clock) = timed();
    let disk = Disk::default();
    let mut records = records_on(&disk, &config);
    store(&mut records, 1);
    clock.advance(6 * MINUTE);
    store(&mut records, 2);
    clock.advance(3 * MINUTE);
    assert_eq!(minutes_left(&disk, &config, &clock), 60 - 6);
}

#[test]
fn after_a_crash_it_extends_lives_by_ten_minutes_though_nothing_was_written_for_long() {
    let (config, clock) = timed();
    let disk = Disk::default();
    let mut records = records_on(&disk, &config);
    store(&mut records, 1);
    let before = records.health().metrics;
    clock.advance(50 * MINUTE);
    wait_for("the time is written down", || {
        records.health().metrics.commits > before.commits
    });
    let written = records.health().metrics.committed_rows - before.committed_rows;
    assert_eq!(written, 1, "the time alone");
    clock.advance(9 * MINUTE);
    assert_eq!(minutes_left(&disk, &config, &clock), 60 - 50);
}
