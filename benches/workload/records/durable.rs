//! Writes that are on disk, and opening.

use std::time::{Duration, Instant};

use libp2p_identity::PeerId;
use libp2p_kad::Record;

use super::{keys, ours, records, wide};
use crate::{
    report::{Settings, median},
    table::{Bound, Goals},
};

const TABLE: redb::TableDefinition<&[u8], &[u8]> = redb::TableDefinition::new("records");

/// How many records a store that commits each takes.
const NAIVE_RECORDS: usize = 500;

/// Measures how many records a second reach the disk.
pub fn run(settings: &Settings, goals: &mut Goals) {
    let records = records(&keys(3, settings.records), PeerId::random());
    let (mut batched, mut naive) = (Vec::new(), Vec::new());
    for _ in 0..settings.rounds {
        naive.push(put_each(settings, &records));
        let folder = tempfile::tempdir_in(&settings.folder).unwrap();
        let store = ours(folder.path(), PeerId::random(), wide());
        let begun = Instant::now();
        for record in &records {
            while store.put_from(None, record.clone()).is_err() {
                std::thread::sleep(Duration::from_micros(200));
            }
        }
        store.flush().unwrap();
        batched.push(records.len() as f64 / begun.elapsed().as_secs_f64());
    }
    let (ours, theirs) = (median(&batched), median(&naive));
    let text = (
        format!("{ours:.0}/s"),
        format!("{theirs:.0}/s, redb, each its commit"),
    );
    goals.add(
        "put, durable",
        text,
        (ours / theirs, "times"),
        Bound::AtLeast(25.0),
    );
}

/// Stores each record in a commit of its own, as a store does that has no other thread.
fn put_each(settings: &Settings, records: &[Record]) -> f64 {
    let folder = tempfile::tempdir_in(&settings.folder).unwrap();
    let db = redb::Database::create(folder.path().join("naive.redb")).unwrap();
    let begun = Instant::now();
    for record in &records[..NAIVE_RECORDS.min(records.len())] {
        let txn = db.begin_write().unwrap();
        {
            let mut table = txn.open_table(TABLE).unwrap();
            table
                .insert(record.key.as_ref(), record.value.as_slice())
                .unwrap();
        }
        txn.commit().unwrap();
    }
    NAIVE_RECORDS.min(records.len()) as f64 / begun.elapsed().as_secs_f64()
}

/// Measures opening a store of records.
pub fn open(settings: &Settings, goals: &mut Goals) {
    let local = PeerId::random();
    let records = records(&keys(4, settings.records), PeerId::random());
    let folder = tempfile::tempdir_in(&settings.folder).unwrap();
    let store = ours(folder.path(), local, wide());
    for record in &records {
        while store.put_from(None, record.clone()).is_err() {
            std::thread::sleep(Duration::from_micros(200));
        }
    }
    drop(store);
    let mut millis = Vec::new();
    for _ in 0..settings.rounds.max(3) {
        let begun = Instant::now();
        let store = ours(folder.path(), local, wide());
        millis.push(begun.elapsed().as_secs_f64() * 1e3);
        assert_eq!(store.health().records, records.len());
    }
    let millis = median(&millis);
    let text = (format!("{millis:.0} ms"), String::new());
    goals.add("open", text, (millis, "ms"), Bound::AtMost(300.0));
}
