//! Who may fill how much, and what goes first when it is full.

use std::time::Duration;

use libp2p_kad::{Record, RecordKey, store::RecordStore as _};
use netabase_store::{backends::memory::MemoryBackend, records::RecordStoreConfig};
use record_store_tests::{Home, OK, distance, key, local, peer, provider, record, said, timed};

/// The first keys, the nearest to the node first.
fn by_distance(count: u64) -> Vec<u64> {
    let mut numbers: Vec<_> = (0..count).collect();
    numbers.sort_by_key(|number| distance(&key(*number), &local()));
    numbers
}

#[test]
fn a_nearer_record_takes_the_place_of_the_farthest_and_a_farther_one_is_refused() {
    let mut config = RecordStoreConfig::default();
    config.max_records = 10;
    config.max_provided_keys = 10;
    let home = Home::<MemoryBackend>::new();
    let mut records = home.records(local(), &config);
    let order = by_distance(30);
    for number in order[10..20].iter().copied() {
        assert_eq!(said(records.put(record(number, peer(1), 9))), OK);
        assert_eq!(said(records.add_provider(provider(number, peer(1), 0))), OK);
    }
    for number in order[20..].iter().copied() {
        assert_eq!(said(records.put(record(number, peer(2), 9))), "max records");
        let refused = records.add_provider(provider(number, peer(2), 0));
        assert_eq!(said(refused), "max provided keys");
    }
    for (at, number) in order[..5].iter().copied().enumerate() {
        assert_eq!(said(records.put(record(number, peer(2), 9))), OK);
        assert_eq!(said(records.add_provider(provider(number, peer(2), 0))), OK);
        let gone = key(order[19 - at]);
        assert!(records.get(&gone).is_none() && records.providers(&gone).is_empty());
        let kept = key(order[18 - at]);
        assert!(records.get(&kept).is_some() && records.providers(&kept).len() == 1);
    }
    let health = records.health();
    assert_eq!((health.records, health.provided_keys), (10, 10));
    assert_eq!(health.metrics.evicted, 10);
}

#[test]
fn what_has_expired_goes_before_what_is_far() {
    let (mut config, clock) = timed();
    config.max_records = 10;
    config.max_provided_keys = 10;
    let home = Home::<MemoryBackend>::new();
    let mut records = home.records(local(), &config);
    let order = by_distance(30);
    for (at, number) in order[..10].iter().copied().enumerate() {
        // The nearest one expires.
        let seconds = if at == 0 { 10 } else { 10_000 };
        let expires = Some(records.clock().now() + Duration::from_secs(seconds));
        let record = Record {
            expires,
            ..record(number, peer(1), 9)
        };
        assert_eq!(said(records.put(record)), OK);
        let mut provider = provider(number, peer(1), 0);
        provider.expires = expires;
        assert_eq!(said(records.add_provider(provider)), OK);
    }
    clock.advance(Duration::from_secs(12));
    let farthest = order[29];
    assert_eq!(said(records.put(record(farthest, peer(1), 9))), OK);
    assert_eq!(
        said(records.add_provider(provider(farthest, peer(1), 0))),
        OK
    );
    for number in order[1..10].iter().copied() {
        assert!(records.get(&key(number)).is_some());
        assert_eq!(records.providers(&key(number)).len(), 1);
    }
    assert_eq!(records.health().metrics.evicted, 0);
    assert_eq!(said(records.put(record(order[28], peer(1), 9))), OK);
    assert!(
        records.get(&key(farthest)).is_none(),
        "now the farthest goes"
    );
}

#[test]
fn what_this_node_publishes_is_not_overwritten_by_others() {
    let home = Home::<MemoryBackend>::new();
    let mut records = home.records(local(), &RecordStoreConfig::default());
    assert_eq!(said(records.put(record(1, local(), 9))), OK);
    assert_eq!(said(records.put(record(1, peer(1), 50))), "max records");
    assert_eq!(
        records.get(&key(1)).map(|record| record.value.len()),
        Some(9)
    );
    assert_eq!(said(records.put(record(2, peer(1), 50))), OK);
    assert_eq!(said(records.put(record(2, local(), 9))), OK);
    assert_eq!(
        records.get(&key(2)).map(|record| record.value.len()),
        Some(9)
    );
    assert_eq!(records.health().own_records, 2);
}

#[test]
fn a_publisher_has_a_quota_that_its_own_rewrites_do_not_use_up() {
    let mut config = RecordStoreConfig::default();
    config.max_records_per_publisher = 4;
    let home = Home::<MemoryBackend>::new();
    let mut records = home.records(local(), &config);
    for number in 0..4 {
        assert_eq!(said(records.put(record(number, peer(1), 9))), OK);
    }
    assert_eq!(said(records.put(record(4, peer(1), 9))), "max records");
    assert_eq!(said(records.put(record(3, peer(1), 10))), OK);
    assert_eq!(said(records.put(record(4, peer(2), 9))), OK);
    assert_eq!(
        said(records.put(record(4, peer(1), 9))),
        "max records",
        "not by taking over"
    );
    assert_eq!(said(records.put(record(0, peer(2), 9))), OK);
    assert_eq!(
        said(records.put(record(5, peer(1), 9))),
        OK,
        "one was taken over"
    );
    records.remove(&key(1));
    assert_eq!(said(records.put(record(6, peer(1), 9))), OK);
    assert_eq!(said(records.put(record(7, peer(1), 9))), "max records");
    for number in 10..30 {
        assert_eq!(said(records.put(record(number, local(), 9))), OK);
        let nobody = Record {
            publisher: None,
            ..record(number + 50, peer(1), 9)
        };
        assert_eq!(said(records.put(nobody)), OK);
    }
}

#[test]
fn a_sender_has_a_quota_whatever_publishers_it_names() {
    let mut config = RecordStoreConfig::default();
    config.max_records_per_source = 4;
    let home = Home::<MemoryBackend>::new();
    let records = home.records(local(), &config);
    for number in 0..4 {
        let sent = records.put_from(Some(peer(9)), record(number, peer(number + 1), 9));
        assert_eq!(said(sent), OK);
    }
    let sent = |number: u64| records.put_from(Some(peer(9)), record(number, peer(7), 9));
    assert_eq!(said(sent(4)), "max records");
    assert_eq!(said(sent(3)), OK);
    assert_eq!(
        said(records.put_from(Some(peer(8)), record(4, peer(7), 9))),
        OK
    );
    assert_eq!(said(records.put_from(None, record(5, peer(7), 9))), OK);
    records.remove_record(&key(0));
    assert_eq!(said(sent(6)), OK);
    assert_eq!(said(sent(7)), "max records");
}

#[test]
fn a_provider_has_a_quota_of_keys() {
    let mut config = RecordStoreConfig::default();
    config.max_keys_per_provider = 3;
    let home = Home::<MemoryBackend>::new();
    let mut records = home.records(local(), &config);
    // First or later of its key, each counts.
    for number in 0..3 {
        assert_eq!(said(records.add_provider(provider(number, peer(2), 0))), OK);
        assert_eq!(said(records.add_provider(provider(number, peer(1), 0))), OK);
    }
    for of in 1..=2 {
        let refused = records.add_provider(provider(3, peer(of), 0));
        assert_eq!(said(refused), "max provided keys");
        assert_eq!(
            said(records.add_provider(provider(2, peer(of), 1))),
            OK,
            "a refresh"
        );
        records.remove_provider(&key(of), &peer(of));
        assert_eq!(said(records.add_provider(provider(4, peer(of), 0))), OK);
        let refused = records.add_provider(provider(5, peer(of), 0));
        assert_eq!(said(refused), "max provided keys");
    }
    for number in 0..50 {
        assert_eq!(said(records.add_provider(provider(number, local(), 0))), OK);
    }
}

#[test]
fn an_expired_provider_of_a_full_key_makes_room() {
    let (config, clock) = timed();
    let home = Home::<MemoryBackend>::new();
    let mut records = home.records(local(), &config);
    for of in 1..=20 {
        let mut provider = provider(1, peer(of), 0);
        let seconds = if of == 5 { 10 } else { 1000 };
        provider.expires = Some(records.clock().now() + Duration::from_secs(seconds));
        assert_eq!(said(records.add_provider(provider)), OK);
    }
    assert_eq!(said(records.add_provider(provider(1, peer(21), 0))), OK);
    assert!(
        records
            .providers(&key(1))
            .iter()
            .all(|old| old.provider != peer(21))
    );
    clock.advance(Duration::from_secs(11));
    assert_eq!(said(records.add_provider(provider(1, peer(21), 0))), OK);
    let found = records.providers(&key(1));
    assert_eq!((found.len(), found[19].provider), (20, peer(21)));
}

#[test]
fn large_keys_count_towards_the_limit_in_bytes() {
    let mut config = RecordStoreConfig::default();
    config.max_record_bytes = 100_000;
    config.max_provider_bytes = 100_000;
    let home = Home::<MemoryBackend>::new();
    let mut records = home.records(local(), &config);
    for number in 0..50_u8 {
        let key = RecordKey::from(vec![number; 10_000]);
        let _ = records.put(Record {
            publisher: Some(peer(1)),
            ..Record::new(key, vec![1])
        });
        let mut provider = provider(1, peer(1), 0);
        provider.key = RecordKey::from(vec![number; 10_000]);
        let _ = records.add_provider(provider);
    }
    let health = records.health();
    assert!(health.records <= 10 && health.provided_keys <= 10);
    assert!(health.records >= 8 && health.provided_keys >= 8);
}

#[test]
fn an_entry_that_has_expired_already_is_not_taken() {
    let (config, clock) = timed();
    let home = Home::<MemoryBackend>::new();
    let mut records = home.records(local(), &config);
    clock.advance(Duration::from_secs(10));
    let now = Some(records.clock().now());
    for publisher in [peer(1), local()] {
        let record = Record {
            expires: now,
            ..record(1, publisher, 9)
        };
        assert_eq!(said(records.put(record)), OK);
    }
    let mut provider = provider(1, peer(1), 0);
    provider.expires = now;
    assert_eq!(said(records.add_provider(provider)), OK);
    assert_eq!(
        (records.health().records, records.health().provided_keys),
        (0, 0)
    );
}
