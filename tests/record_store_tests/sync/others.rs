//! The bugs of other persistent record stores, each as a test that ours does not have it.

use std::{sync::mpsc, thread, time::Duration};

use libp2p_kad::{Record, RecordKey, store::RecordStore as _};
use netabase_store::{
    backends::{memory::MemoryBackend, redb::RedbBackend},
    records::{Clock as _, RecordDurability, RecordStoreConfig},
};
use record_store_tests::{
    Home, OK, all_of, distance, key, local, peer, provided, provider, record, said, timed,
    unhurried,
};

/// A configuration with room for three records and three keys with providers.
fn small() -> RecordStoreConfig {
    let mut config = RecordStoreConfig::default();
    config.max_records = 3;
    config.max_provided_keys = 3;
    config
}

#[test]
fn telcoin_421_overwriting_does_not_count_twice() {
    let home = Home::<MemoryBackend>::new();
    let mut records = home.records(local(), &small());
    for len in 1..50 {
        assert_eq!(said(records.put(record(1, peer(1), len))), OK);
        assert_eq!(said(records.add_provider(provider(1, peer(1), 0))), OK);
    }
    assert_eq!(records.health().records, 1);
    for number in 2..=3 {
        assert_eq!(said(records.put(record(number, peer(1), 9))), OK);
        assert_eq!(said(records.add_provider(provider(number, peer(1), 0))), OK);
    }
    assert_eq!(
        (records.health().records, records.health().provided_keys),
        (3, 3)
    );
}

#[test]
fn telcoin_1005_removing_what_is_absent_changes_no_count() {
    let home = Home::<MemoryBackend>::new();
    let mut records = home.records(local(), &small());
    for number in 0..10 {
        records.remove(&key(number));
        records.remove_provider(&key(number), &peer(1));
    }
    for number in 0..3 {
        assert_eq!(said(records.put(record(number, peer(1), 9))), OK);
        assert_eq!(said(records.add_provider(provider(number, peer(1), 0))), OK);
    }
    assert_eq!(
        (records.health().records, records.health().provided_keys),
        (3, 3)
    );
}

#[test]
fn telcoin_682_what_has_expired_leaves_the_disk() {
    let (config, clock) = timed();
    let mut home = Home::<RedbBackend>::new();
    let mut records = home.records(local(), &config);
    for number in 0..100 {
        assert_eq!(said(records.put(record(number, peer(1), 900))), OK);
        assert_eq!(said(records.add_provider(provider(number, peer(1), 2))), OK);
    }
    records.flush().unwrap();
    clock.advance(config.max_ttl + Duration::from_secs(1));
    assert_eq!(records.collect_expired(1000), 200);
    drop(records);
    home.close();
    let rows = super::damage::rows(&home.path());
    assert_eq!(rows.len(), 1, "the description alone is left");
}

#[test]
fn telcoin_1195_a_full_store_takes_refreshes_and_what_is_its_own() {
    let home = Home::<MemoryBackend>::new();
    let mut records = home.records(local(), &small());
    for number in 0..3 {
        assert_eq!(said(records.put(record(number, peer(1), 9))), OK);
        assert_eq!(said(records.add_provider(provider(number, peer(1), 0))), OK);
    }
    for number in 0..3 {
        assert_eq!(said(records.put(record(number, peer(1), 10))), OK);
        assert_eq!(said(records.add_provider(provider(number, peer(1), 1))), OK);
    }
    for number in 10..60 {
        assert_eq!(said(records.put(record(number, local(), 9))), OK);
        assert_eq!(said(records.add_provider(provider(number, local(), 0))), OK);
    }
    let health = records.health();
    assert_eq!((health.records, health.own_records), (53, 50));
    assert_eq!((health.provided_keys, health.own_provided_keys), (53, 50));
}

#[test]
fn telcoin_1001_providers_are_held_to_limits_as_records_are() {
    let mut config = RecordStoreConfig::default();
    config.max_keys_per_provider = 5;
    config.max_records_per_publisher = 5;
    let home = Home::<MemoryBackend>::new();
    let mut records = home.records(local(), &config);
    for number in 0..10 {
        let expected = number < 5;
        assert_eq!(records.put(record(number, peer(1), 9)).is_ok(), expected);
        assert_eq!(
            records.add_provider(provider(number, peer(1), 0)).is_ok(),
            expected
        );
    }
    assert_eq!(said(records.add_provider(provider(9, peer(2), 0))), OK);
    assert_eq!(records.health().metrics.refused_full, 10);
}

#[test]
fn telcoin_1367_the_same_bytes_again_live_longer() {
    let (config, clock) = timed();
    let home = Home::<MemoryBackend>::new();
    let mut records = home.records(local(), &config);
    let hour = Duration::from_secs(3600);
    for _ in 0..5 {
        let expires = Some(records.clock().now() + 2 * hour);
        let again = Record {
            expires,
            ..record(1, peer(1), 9)
        };
        assert_eq!(said(records.put(again)), OK);
        let mut again = provider(1, peer(1), 1);
        again.expires = expires;
        assert_eq!(said(records.add_provider(again)), OK);
        clock.advance(hour);
        assert_eq!(
            records.get(&key(1)).and_then(|record| record.expires),
            expires
        );
        assert_eq!(records.providers(&key(1))[0].expires, expires);
    }
}

#[test]
fn telcoin_a_failing_disk_does_not_make_values_too_large() {
    let home = Home::<MemoryBackend>::new();
    let mut config = unhurried();
    config.max_pending_rows = 1;
    let mut records = home.records(local(), &config);
    records.flush().unwrap();
    // Nothing that is put gets to the disk meanwhile.
    let held = home.store().begin_write().unwrap();
    assert_eq!(said(records.put(record(1, peer(1), 9))), OK);
    assert_eq!(said(records.put(record(2, peer(1), 9))), "max records");
    assert_eq!(
        said(records.add_provider(provider(2, peer(1), 0))),
        "max provided keys"
    );
    held.abort();
}

#[test]
fn telcoin_what_expired_before_the_machine_started_is_past() {
    let (config, clock) = timed();
    let home = Home::<MemoryBackend>::new();
    let mut records = home.records(local(), &config);
    assert_eq!(said(records.put(record(1, peer(1), 9))), OK);
    assert_eq!(said(records.put(record(2, local(), 9))), OK);
    drop(records);
    // Instants of a machine may begin a moment before now.
    clock.set_unix(clock.unix() + Duration::from_secs(24 * 36_500 * 3600));
    let records = home.records(local(), &config);
    assert_eq!(records.get(&key(1)), None);
    assert!(
        records.get(&key(2)).is_some(),
        "what is this node's own has no end"
    );
}

#[test]
fn subspace_1388_bytes_stay_under_the_limit() {
    let mut config = RecordStoreConfig::default();
    config.max_record_bytes = 100_000;
    config.max_provider_bytes = 50_000;
    let mut home = Home::<RedbBackend>::new();
    let mut records = home.records(local(), &config);
    for number in 0..2_000 {
        let _ = records.put(record(number, peer(1 + number % 5), 1000));
        let _ = records.add_provider(provider(number, peer(1 + number % 5), 8));
    }
    assert!(records.health().metrics.evicted > 0);
    drop(records);
    home.close();
    let rows = super::damage::rows(&home.path());
    let bytes = |tag: u8| {
        let of = rows.iter().filter(|(row, _)| row[0] == tag);
        of.map(|(_, value)| value.len()).sum::<usize>()
    };
    assert!((80_000..=100_000).contains(&bytes(1)), "{}", bytes(1));
    assert!((40_000..=51_000).contains(&bytes(2)), "{}", bytes(2));
}

#[test]
fn subspace_removing_one_provider_keeps_the_key_counted() {
    let home = Home::<MemoryBackend>::new();
    let mut records = home.records(local(), &small());
    for number in 0..3 {
        for of in 1..=2 {
            assert_eq!(
                said(records.add_provider(provider(number, peer(of), 0))),
                OK
            );
        }
        records.remove_provider(&key(number), &peer(1));
    }
    assert_eq!(records.health().provided_keys, 3);
    let farther = |number: &u64| {
        let distance_of = |number: u64| distance(&key(number), &local());
        (0..3).all(|held| distance_of(*number) > distance_of(held))
    };
    let far = (3..).find(farther).unwrap();
    let refused = records.add_provider(provider(far, peer(1), 0));
    assert_eq!(said(refused), "max provided keys");
}

#[test]
fn subspace_1680_no_call_waits_for_the_disk() {
    let home = Home::<RedbBackend>::new();
    let mut records = home.records(local(), &RecordStoreConfig::default());
    let held = home.store().begin_write().unwrap();
    let (done, is_done) = mpsc::channel();
    // Whoever waits for the transaction waits for ever, and the test fails.
    let calls = thread::spawn(move || {
        for number in 0..500 {
            assert_eq!(said(records.put(record(number, peer(1), 100))), OK);
            assert_eq!(said(records.add_provider(provider(number, peer(1), 1))), OK);
            assert!(records.get(&key(number)).is_some());
            assert_eq!(records.providers(&key(number)).len(), 1);
        }
        records.remove(&key(1));
        records.remove_provider(&key(1), &peer(1));
        assert_eq!(records.records().count(), 499);
        assert_eq!(records.provided().count(), 0);
        assert_eq!(records.collect_expired(10), 0);
        done.send(()).unwrap();
        // Dropped after the transaction.
        records
    });
    let answered = is_done.recv_timeout(Duration::from_secs(60));
    held.abort();
    assert_eq!(answered, Ok(()));
    let records = calls.join().unwrap();
    records.flush().unwrap();
    assert_eq!(records.health().pending_rows, 0);
}

#[test]
fn subspace_1028_own_records_are_not_evicted_by_nearer_ones() {
    let home = Home::<MemoryBackend>::new();
    let mut config = small();
    config.max_record_bytes = 2_000;
    let mut records = home.records(local(), &config);
    for number in 0..20 {
        assert_eq!(said(records.put(record(number, local(), 900))), OK);
        assert_eq!(said(records.add_provider(provider(number, local(), 0))), OK);
    }
    for number in 20..500 {
        let _ = records.put(record(number, peer(number), 900));
        let _ = records.add_provider(provider(number, peer(number), 0));
    }
    for number in 0..20 {
        assert!(records.get(&key(number)).is_some());
    }
    assert_eq!(provided(&records).len(), 20);
    assert_eq!(records.health().own_records, 20);
}

#[test]
fn autonomi_publisher_expiry_and_providers_are_not_dropped_on_the_way_to_disk() {
    let (config, clock) = timed();
    let mut home = Home::<RedbBackend>::new();
    let mut records = home.records(local(), &config);
    let expires = Some(clock.now() + Duration::from_secs(3 * 3600));
    let stored = Record {
        expires,
        ..record(1, peer(1), 9)
    };
    assert_eq!(said(records.put(stored.clone())), OK);
    let mut announced = provider(1, peer(2), 1);
    announced.expires = expires;
    announced.addresses = vec!["/ip4/198.51.100.7/tcp/9".parse().unwrap()];
    assert_eq!(said(records.add_provider(announced.clone())), OK);
    drop(records);
    home.reopen();
    let records = home.records(local(), &config);
    assert_eq!(records.get(&key(1)).as_deref(), Some(&stored));
    assert_eq!(all_of(&records.providers(&key(1))), all_of(&[announced]));
    assert_eq!(records.records().count(), 1, "walks are not empty");
}

#[test]
fn autonomi_what_is_put_is_read_at_once_while_it_is_written() {
    let home = Home::<RedbBackend>::new();
    let mut config = RecordStoreConfig::default();
    config.durability = RecordDurability::Batched(Duration::from_micros(50));
    config.cache_bytes = 2_000;
    let mut records = home.records(local(), &config);
    for number in 0..2_000 {
        let new = record(
            number % 10,
            peer(1),
            1 + usize::try_from(number).unwrap() % 400,
        );
        while records.health().metrics.commits < number / 500 {
            // What is put from here on belongs to another commit.
            std::thread::yield_now();
        }
        assert_eq!(said(records.put(new.clone())), OK);
        let found = records.get(&new.key).map(|found| found.value.len());
        assert_eq!(found, Some(new.value.len()));
        let other = key((number + 3) % 10);
        let first = records.get(&other).map(|found| found.value.len());
        assert_eq!(records.get(&other).map(|found| found.value.len()), first);
    }
    assert!(records.health().metrics.commits > 2);
}

#[test]
fn hotshot_one_change_writes_one_row_and_not_the_whole_store() {
    let home = Home::<RedbBackend>::new();
    let mut records = home.records(local(), &unhurried());
    for number in 0..500 {
        assert_eq!(said(records.put(record(number, peer(1), 9))), OK);
    }
    records.flush().unwrap();
    let before = records.health().metrics.committed_rows;
    assert_eq!(said(records.put(record(1, peer(1), 10))), OK);
    records.flush().unwrap();
    let written = records.health().metrics.committed_rows - before;
    assert_eq!(written, 2, "the record and the description");
}

#[test]
fn netabase_2025_key_ab_does_not_see_providers_of_abc() {
    let home = Home::<RedbBackend>::new();
    let mut records = home.records(local(), &RecordStoreConfig::default());
    let mut of_longer = provider(1, peer(1), 0);
    of_longer.key = RecordKey::new(b"abc");
    assert_eq!(said(records.add_provider(of_longer)), OK);
    records.flush().unwrap();
    assert_eq!(records.providers(&RecordKey::new(b"ab")), []);
    assert_eq!(records.providers(&RecordKey::new(b"abc")).len(), 1);
}

#[test]
fn netabase_2025_provided_are_own_keys_alone_and_leave_when_removed() {
    let mut home = Home::<RedbBackend>::new();
    let config = RecordStoreConfig::default();
    let mut records = home.records(local(), &config);
    for number in 0..10 {
        assert_eq!(said(records.add_provider(provider(number, peer(1), 0))), OK);
        assert_eq!(said(records.add_provider(provider(number, local(), 0))), OK);
    }
    records.remove_provider(&key(3), &local());
    records.remove_provider(&key(4), &peer(1));
    assert_eq!(provided(&records).len(), 9);
    drop(records);
    home.reopen();
    let records = home.records(local(), &config);
    let own = provided(&records);
    assert_eq!(own.len(), 9);
    assert!(
        own.iter()
            .all(|own| own.provider == local() && own.key != key(3))
    );
    assert_eq!(records.health().announcements, 9);
}

#[test]
fn netabase_2025_providers_of_a_key_are_capped_on_disk_too() {
    let mut home = Home::<RedbBackend>::new();
    let config = RecordStoreConfig::default();
    let mut records = home.records(local(), &config);
    for of in 1..100 {
        assert_eq!(said(records.add_provider(provider(1, peer(of), 0))), OK);
        records.flush().unwrap();
    }
    drop(records);
    home.reopen();
    let records = home.records(local(), &config);
    let first: Vec<_> = (1..=20).map(|of| provider(1, peer(of), 0)).collect();
    assert_eq!(records.providers(&key(1)), first);
}

#[test]
fn litep2p_665_a_node_does_not_evict_itself_from_a_key() {
    let home = Home::<MemoryBackend>::new();
    let mut records = home.records(local(), &RecordStoreConfig::default());
    assert_eq!(said(records.add_provider(provider(1, local(), 0))), OK);
    for of in 1..200 {
        assert_eq!(said(records.add_provider(provider(1, peer(of), 0))), OK);
    }
    let found = records.providers(&key(1));
    assert_eq!(found.len(), 21);
    assert_eq!(found[0].provider, local());
}
