//! What a record store knows of its node's announcements, and of which records are to be replicated.

use std::{collections::HashSet, time::Duration};

use libp2p_kad::store::RecordStore as _;
use netabase_store::{
    backends::redb::RedbBackend,
    records::{
        Announcement, AnnouncementKind, Clock as _, KadStore, RecordStoreConfig, Schedule as _,
    },
};
use record_store_tests::{Home, OK, key, local, peer, provider, record, said, timed};

const HOUR: Duration = Duration::from_secs(3600);
const BOTH: [AnnouncementKind; 2] = [AnnouncementKind::Provider, AnnouncementKind::Record];

/// Provides a key and publishes a record under it.
fn own(records: &mut KadStore<RedbBackend>, number: u64, addresses: u16) {
    let of_key = provider(number, local(), addresses);
    assert_eq!(said(records.add_provider(of_key)), OK);
    let len = 10 + usize::from(addresses);
    assert_eq!(said(records.put(record(number, local(), len))), OK);
}

/// Returns what is due in so many hours, with the failures of each.
fn due_in(records: &KadStore<RedbBackend>, hours: u32) -> Vec<(AnnouncementKind, u16)> {
    let due = records.due(records.clock().now() + hours * HOUR, 100);
    let seen = |of: &Announcement| (of.kind, of.failures);
    let mut due: Vec<_> = due.iter().map(seen).collect();
    due.sort_unstable();
    due
}

fn reschedule(records: &KadStore<RedbBackend>, hours: u32, published: bool) {
    let next = records.clock().now() + hours * HOUR;
    for kind in BOTH {
        records.reschedule(kind, &key(1), next, published);
    }
}

#[test]
fn what_kad_writes_again_as_it_announces_keeps_its_due_time() {
    let (config, _) = timed();
    let mut home = Home::<RedbBackend>::new();
    let mut records = home.records(local(), &config);
    own(&mut records, 1, 0);
    reschedule(&records, 5, false);
    // The same, and with other addresses and another value.
    for addresses in [0, 2] {
        own(&mut records, 1, addresses);
        assert_eq!(due_in(&records, 4), []);
        assert_eq!(due_in(&records, 5), BOTH.map(|kind| (kind, 1)));
    }
    drop(records);
    home.reopen();
    let records = home.records(local(), &config);
    assert_eq!(due_in(&records, 4), []);
    assert_eq!(due_in(&records, 5), BOTH.map(|kind| (kind, 1)));
}

#[test]
fn failures_are_counted_through_restarts_until_a_success() {
    let (config, _) = timed();
    let mut home = Home::<RedbBackend>::new();
    own(&mut home.records(local(), &config), 1, 0);
    for (published, failures) in [(false, 1), (false, 2), (true, 0), (false, 1)] {
        home.reopen();
        let records = home.records(local(), &config);
        reschedule(&records, 1, published);
        assert_eq!(due_in(&records, 1), BOTH.map(|kind| (kind, failures)));
        drop(records);
        home.reopen();
        let records = home.records(local(), &config);
        assert_eq!(due_in(&records, 1), BOTH.map(|kind| (kind, failures)));
        assert_eq!(due_in(&records, 0), []);
    }
}

#[test]
fn what_is_gone_is_announced_no_more_and_no_outcome_brings_it_back() {
    let (config, _) = timed();
    let mut home = Home::<RedbBackend>::new();
    let mut records = home.records(local(), &config);
    own(&mut records, 1, 0);
    own(&mut records, 2, 0);
    records.flush().unwrap();
    records.remove(&key(1));
    records.remove_provider(&key(1), &local());
    reschedule(&records, 1, true);
    assert_eq!(records.health().announcements, 2);
    drop(records);
    home.reopen();
    let records = home.records(local(), &config);
    assert_eq!(records.health().announcements, 2);
    let due = records.due(records.clock().now() + HOUR, 100);
    assert!(due.iter().all(|due| due.key == key(2)) && due.len() == 2);
}

#[test]
fn a_key_that_others_provide_too_is_announced_no_more_when_this_node_leaves() {
    let mut home = Home::<RedbBackend>::new();
    let config = RecordStoreConfig::default();
    let mut records = home.records(local(), &config);
    for of in [local(), peer(1)] {
        assert_eq!(said(records.add_provider(provider(1, of, 0))), OK);
    }
    records.remove_provider(&key(1), &local());
    assert_eq!(records.health().announcements, 0);
    drop(records);
    home.reopen();
    let records = home.records(local(), &config);
    assert_eq!(records.health().announcements, 0);
    assert_eq!(records.providers(&key(1)).len(), 1);
}

#[test]
fn a_record_that_another_publishes_instead_is_announced_no_more() {
    // By default what this node publishes stands against others.
    let config = RecordStoreConfig::strict();
    let mut home = Home::<RedbBackend>::new();
    let mut records = home.records(local(), &config);
    assert_eq!(said(records.put(record(1, local(), 9))), OK);
    assert_eq!(records.health().announcements, 1);
    assert_eq!(said(records.put(record(1, peer(1), 9))), OK);
    assert_eq!(records.health().announcements, 0);
    drop(records);
    home.reopen();
    assert_eq!(home.records(local(), &config).health().announcements, 0);
}

#[test]
fn of_records_that_others_publish_those_are_replicated_that_nobody_sent_of_late() {
    let (config, clock) = timed();
    let home = Home::<RedbBackend>::new();
    let mut records = home.records(local(), &config);
    for number in 0..100 {
        assert_eq!(said(records.put(record(number, peer(1), 9))), OK);
    }
    own(&mut records, 1000, 0);
    clock.advance(2 * HOUR);
    for number in 0..40 {
        assert_eq!(said(records.put(record(number, peer(1), 9))), OK);
    }
    let (mut found, mut after, mut pages) = (HashSet::new(), None, 0);
    loop {
        let page = records.to_replicate(clock.now(), HOUR, after.as_ref(), 7);
        pages += 1;
        found.extend(page.keys);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let expected: HashSet<_> = (40..100).map(key).collect();
    assert_eq!(found, expected);
    assert_eq!(pages, 15, "seven records each");
}
