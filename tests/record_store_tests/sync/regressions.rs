//! Bugs that these tests found in the record store, each under what holds now.

use std::time::Duration;

use libp2p_identity::PeerId;
use libp2p_kad::store::RecordStore as _;
use netabase_store::{
    backends::{
        memory::MemoryBackend,
        redb::{RedbBackend, RedbFile},
    },
    records::{KadStore, RecordStoreConfig},
};
use record_store_tests::{
    Home, Note, OK, distance, key, local, peer, provided, provider, record, said, timed, wait_for,
};

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

#[test]
fn an_own_provider_record_that_has_expired_is_not_given_and_not_announced_again() {
    let (config, clock) = timed();
    let mut home = Home::<RedbBackend>::new();
    let mut records = home.records(local(), &config);
    let mut own = provider(1, local(), 1);
    own.expires = Some(records.clock().now() + Duration::from_secs(10));
    assert_eq!(said(records.add_provider(own)), OK);
    assert_eq!(said(records.add_provider(provider(1, peer(1), 1))), OK);
    assert_eq!(provided(&records).len(), 1);
    clock.advance(Duration::from_secs(12));
    assert_eq!(provided(&records), [], "it is not taken out yet");
    assert_eq!(records.collect_expired(10), 1);
    assert_eq!(records.health().announcements, 0);
    // An announcement that had stayed would have added it again.
    drop(records);
    home.reopen();
    let records = home.records(local(), &config);
    assert_eq!(provided(&records), []);
    let others: Vec<_> = records.providers_of(&key(1));
    assert_eq!(others.len(), 1);
    assert_eq!(others[0].provider, peer(1));
}

#[test]
fn an_expired_provider_record_of_this_node_makes_no_room_for_one_more_of_others() {
    let (mut config, clock) = timed();
    config.max_providers_per_key = 2;
    let home = Home::<MemoryBackend>::new();
    let mut records = home.records(local(), &config);
    let mut own = provider(1, local(), 0);
    own.expires = Some(records.clock().now() + Duration::from_secs(10));
    assert_eq!(said(records.add_provider(own)), OK);
    for of in 1..=2 {
        assert_eq!(said(records.add_provider(provider(1, peer(of), 0))), OK);
    }
    clock.advance(Duration::from_secs(11));
    assert_eq!(said(records.add_provider(provider(1, peer(3), 0))), OK);
    let found: Vec<_> = records.providers(&key(1));
    let found: Vec<_> = found.into_iter().map(|of| of.provider).collect();
    assert_eq!(found, [peer(1), peer(2)]);
}

#[test]
fn what_is_refused_puts_nothing_out() {
    let mut numbers: Vec<_> = (0..30).collect();
    numbers.sort_by_key(|number| distance(&key(*number), &local()));
    let (near, far) = numbers.split_at(15);
    let mut config = RecordStoreConfig::default();
    config.max_record_bytes = 12_000;
    config.max_provider_bytes = 1_270;
    let home = Home::<MemoryBackend>::new();
    let mut records = home.records(local(), &config);
    for number in near {
        assert_eq!(said(records.put(record(*number, peer(1), 600))), OK);
        assert_eq!(
            said(records.add_provider(provider(*number, peer(1), 0))),
            OK
        );
    }
    for number in &far[1..3] {
        assert_eq!(said(records.put(record(*number, peer(1), 20))), OK);
        assert_eq!(
            said(records.add_provider(provider(*number, peer(1), 0))),
            OK
        );
    }
    let before = records.health();
    // All that is farther than this one would not be enough.
    let large = record(far[0], peer(2), 9_000);
    assert_eq!(said(records.put(large)), "max records");
    let large = provider(far[0], peer(2), 8);
    assert_eq!(said(records.add_provider(large)), "max provided keys");
    let after = records.health();
    assert_eq!(after.metrics.refused_full, 2);
    assert_eq!(after.metrics.evicted, 0);
    assert_eq!(after.records, before.records);
    assert_eq!(after.provided_keys, before.provided_keys);
}

/// Adds a provider of so many addresses that lives for so many seconds; returns what is said.
fn provide(
    records: &mut KadStore<MemoryBackend>,
    (number, of, addresses): (u64, PeerId, u16),
    seconds: u64,
) -> &'static str {
    let mut provider = provider(number, of, addresses);
    provider.expires = Some(records.clock().now() + Duration::from_secs(seconds));
    said(records.add_provider(provider))
}

/// The places of what is replaced, and of what goes on living: each of them is the farther one once.
const PLACES: [(u64, u64); 2] = [(1, 2), (2, 1)];

#[test]
fn a_record_that_has_expired_makes_room_also_for_one_that_takes_the_place_of_another() {
    for (replaced, living) in PLACES {
        let (mut config, clock) = timed();
        config.max_record_bytes = 3000;
        let home = Home::<MemoryBackend>::new();
        let mut records = home.records(local(), &config);
        let put = |records: &mut KadStore<_>, number, len, seconds| {
            let mut record = record(number, peer(1), len);
            record.expires = Some(records.clock().now() + Duration::from_secs(seconds));
            said(records.put(record))
        };
        assert_eq!(put(&mut records, replaced, 20, 5), OK);
        assert_eq!(put(&mut records, 3, 1200, 10), OK);
        assert_eq!(put(&mut records, living, 1200, 1000), OK);
        clock.advance(Duration::from_secs(11));
        assert_eq!(put(&mut records, replaced, 1200, 1000), OK);
        assert_eq!(records.iter_records().count(), 2);
        let metrics = records.health().metrics;
        assert_eq!((metrics.collected, metrics.evicted), (1, 0));
    }
}

#[test]
fn a_provider_that_has_expired_makes_room_also_for_one_that_has_more_addresses_now() {
    for (replaced, living) in PLACES {
        let (mut config, clock) = timed();
        config.max_provider_bytes = 520;
        let home = Home::<MemoryBackend>::new();
        let mut records = home.records(local(), &config);
        let [one, two] = [1, 2].map(peer);
        assert_eq!(provide(&mut records, (replaced, one, 0), 1000), OK);
        assert_eq!(provide(&mut records, (replaced, two, 0), 5), OK);
        assert_eq!(provide(&mut records, (3, one, 8), 10), OK);
        assert_eq!(provide(&mut records, (living, one, 8), 1000), OK);
        clock.advance(Duration::from_secs(11));
        assert_eq!(provide(&mut records, (replaced, one, 8), 1000), OK);
        let health = records.health();
        assert_eq!((health.provided_keys, health.metrics.evicted), (2, 0));
    }
}

#[test]
fn a_provider_that_had_expired_comes_again_as_a_new_one_and_needs_room() {
    let (mut config, clock) = timed();
    config.max_provided_keys = 1;
    let home = Home::<MemoryBackend>::new();
    let mut records = home.records(local(), &config);
    let mut numbers = [1, 2, 3];
    numbers.sort_by_key(|number| distance(&key(*number), &local()));
    let [near, withdrawn, far] = numbers;
    for number in [near, withdrawn] {
        assert_eq!(provide(&mut records, (number, local(), 1), 1000), OK);
    }
    let other = peer(1);
    assert_eq!(provide(&mut records, (near, other, 1), 5), OK);
    assert_eq!(provide(&mut records, (withdrawn, other, 1), 1000), OK);
    assert_eq!(provide(&mut records, (far, other, 1), 1000), OK);
    // Its key is one of others from now on: one more than may be.
    records.remove_provider(&key(withdrawn), &local());
    clock.advance(Duration::from_secs(6));
    assert_eq!(provide(&mut records, (near, other, 1), 1000), OK);
    assert_eq!(records.health().provided_keys, 2);
    assert!(records.providers_of(&key(far)).is_empty());
}
