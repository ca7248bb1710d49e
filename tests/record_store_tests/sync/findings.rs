//! What is wrong with libp2p's `MemoryStore` or its use, and right here by default.

use std::{sync::mpsc, thread, time::Duration};

use libp2p_kad::{
    Record,
    store::{MemoryStore, MemoryStoreConfig, RecordStore},
};
use netabase_store::{
    backends::{memory::MemoryBackend, redb::RedbBackend},
    records::{Clock as _, RecordStoreConfig},
};
use record_store_tests::{
    Home, OK, address, key, local, peer, provided, provider, record, said, timed, wait_for,
};

use super::disk::Disk;

/// Long enough for what does not wait, and short enough for a test that fails.
const A_WHILE: Duration = Duration::from_secs(20);

/// Bytes of an answer to GET_PROVIDERS as protobuf has them: of each provider the field, its name,
/// its addresses, how it is connected.
fn answer_bytes(store: &impl RecordStore, number: u64) -> usize {
    let field = |len: usize| 1 + if len < 128 { 1 } else { 2 } + len;
    let providers = store.providers(&key(number));
    let sizes = providers.iter().take(20).map(|of| {
        let addresses = of.addresses.iter().map(|address| field(address.len()));
        field(field(of.provider.to_bytes().len()) + addresses.sum::<usize>() + 2)
    });
    sizes.sum()
}

/// The packets of libp2p, unless it is told otherwise.
const PACKET_BYTES: usize = 16 * 1024;

#[test]
fn finding_1_no_call_of_the_swarm_waits_for_a_disk_that_stands_still() {
    let config = RecordStoreConfig::default();
    let disk = Disk::default();
    let store = disk.open().unwrap();
    let mut records = store.record_store(local(), config.clone()).unwrap();
    for number in 0..100 {
        assert_eq!(said(records.put(record(number, peer(1), 100))), OK);
        assert_eq!(said(records.add_provider(provider(number, peer(1), 1))), OK);
    }
    records.flush().unwrap();
    let (commits, still) = (records.health().metrics.commits, disk.stand_still());
    let ((tell, told), (go, gone)) = (mpsc::channel(), mpsc::channel());
    let mut swarm = records.clone();
    // Whoever waits for the sync waits for as long as the test lets it.
    let calls = thread::spawn(move || {
        assert_eq!(said(swarm.put(record(100, peer(1), 100))), OK);
        tell.send(()).unwrap();
        gone.recv().unwrap();
        for number in 101..600 {
            assert_eq!(said(swarm.put(record(number, peer(1), 100))), OK);
            assert_eq!(said(swarm.add_provider(provider(number, peer(1), 1))), OK);
            assert_eq!(
                said(swarm.add_provider(provider(number % 100, peer(2), 1))),
                OK
            );
            assert!(swarm.get(&key(number)).is_some(), "what waits is read");
            assert!(
                swarm.get(&key(number % 100)).is_some(),
                "so is what is on disk"
            );
            assert!(swarm.get(&key(number + 1000)).is_none());
            assert_eq!(swarm.providers(&key(number)).len(), 1);
            assert_eq!(swarm.providers(&key(number % 100)).len(), 2);
        }
        swarm.remove(&key(1));
        swarm.remove_provider(&key(1), &peer(1));
        assert_eq!(swarm.records().count(), 599);
        assert_eq!(swarm.provided().count(), 0);
        tell.send(()).unwrap();
    });
    assert_eq!(told.recv_timeout(A_WHILE), Ok(()));
    wait_for("a sync has begun", || still.holds_a_sync());
    go.send(()).unwrap();
    assert_eq!(told.recv_timeout(A_WHILE), Ok(()));
    assert!(still.holds_a_sync());
    assert_eq!(
        records.health().metrics.commits,
        commits,
        "nothing is on disk"
    );
    drop(still);
    calls.join().unwrap();
    records.flush().unwrap();
    let after = Disk::after_power_cut(&disk).open().unwrap();
    let after = after.record_store(local(), config).unwrap();
    assert_eq!(after.iter_records().count(), 599, "it was all kept");
}

#[test]
fn finding_2_walks_read_one_row_at_a_time_while_others_write() {
    let home = Home::<RedbBackend>::new();
    let mut records = home.records(local(), &RecordStoreConfig::default());
    for number in 0..300 {
        assert_eq!(said(records.put(record(number, peer(1), 500))), OK);
    }
    records.flush().unwrap();
    let mut other = records.clone();
    let mut seen = 0;
    for found in records.records() {
        seen += 1;
        assert_eq!(said(other.put(Record::new(found.key.clone(), vec![1]))), OK);
        other.flush().unwrap();
        if seen == 20 {
            break;
        }
    }
    let rewritten = records.records().filter(|found| found.value == [1]).count();
    assert_eq!(rewritten, 20);
}

#[test]
fn finding_3_what_this_node_announces_is_due_at_once_after_a_restart() {
    let (config, clock) = timed();
    let mut home = Home::<RedbBackend>::new();
    let mut records = home.records(local(), &config);
    for number in 0..5 {
        assert_eq!(said(records.add_provider(provider(number, local(), 0))), OK);
        assert_eq!(said(records.put(record(number, local(), 9))), OK);
        assert_eq!(said(records.put(record(number + 5, peer(1), 9))), OK);
    }
    assert_eq!(records.health().announcements, 10);
    assert_eq!(
        records.health().overdue_announcements,
        0,
        "kad announces it itself now"
    );
    drop(records);
    home.reopen();
    clock.advance(Duration::from_millis(1));
    let records = home.records(local(), &config);
    clock.advance(Duration::from_millis(1));
    let health = records.health();
    assert_eq!(
        (health.announcements, health.overdue_announcements),
        (10, 10)
    );
}

#[test]
fn finding_4_strangers_cannot_fill_the_store_against_its_own_node() {
    let limits = MemoryStoreConfig {
        max_records: 10,
        max_provided_keys: 10,
        ..MemoryStoreConfig::default()
    };
    let mut theirs = MemoryStore::with_config(local(), limits);
    let mut config = RecordStoreConfig::default();
    (config.max_records, config.max_provided_keys) = (10, 10);
    let home = Home::<MemoryBackend>::new();
    let mut ours = home.records(local(), &config);
    for number in 0..100 {
        let _ = (
            theirs.put(record(number, peer(1), 9)),
            ours.put(record(number, peer(1), 9)),
        );
        let _ = theirs.add_provider(provider(number, peer(1), 0));
        let _ = ours.add_provider(provider(number, peer(1), 0));
    }
    assert_eq!(said(theirs.put(record(200, local(), 9))), "max records");
    assert_eq!(
        said(theirs.add_provider(provider(200, local(), 0))),
        "max provided keys"
    );
    assert_eq!(said(ours.put(record(200, local(), 9))), OK);
    assert_eq!(said(ours.add_provider(provider(200, local(), 0))), OK);
    assert_eq!(provided(&ours), [provider(200, local(), 0)]);
}

#[test]
fn finding_4_providers_of_others_are_swept_though_nobody_asks() {
    let (mut config, clock) = timed();
    config.max_ttl = Duration::from_secs(600);
    let home = Home::<MemoryBackend>::new();
    let mut records = home.records(local(), &config);
    for number in 0..50 {
        assert_eq!(said(records.add_provider(provider(number, peer(1), 1))), OK);
        assert_eq!(said(records.put(record(number, peer(1), 9))), OK);
    }
    assert_eq!(said(records.add_provider(provider(7, local(), 1))), OK);
    clock.advance(Duration::from_secs(660));
    wait_for("the store sweeps by itself", || {
        records.health().records == 0
    });
    wait_for("providers are swept, too", || {
        records.health().provided_keys == 1
    });
    assert_eq!(records.providers(&key(7)).len(), 1, "this node stays");
    assert_eq!(records.health().metrics.collected, 100);
}

#[test]
fn finding_5_a_node_can_provide_a_saturated_key() {
    let mut theirs = MemoryStore::new(local());
    let home = Home::<MemoryBackend>::new();
    let mut ours = home.records(local(), &RecordStoreConfig::default());
    for of in 1..=20 {
        assert_eq!(said(theirs.add_provider(provider(1, peer(of), 0))), OK);
        assert_eq!(said(ours.add_provider(provider(1, peer(of), 0))), OK);
    }
    assert_eq!(said(theirs.add_provider(provider(1, local(), 0))), OK);
    assert_eq!(said(ours.add_provider(provider(1, local(), 0))), OK);
    assert_eq!(provided(&theirs), [], "it says yes and forgets");
    assert_eq!(provided(&ours), [provider(1, local(), 0)]);
    // Answers hold the first 20: this node is among them.
    assert_eq!(ours.providers(&key(1))[0].provider, local());
}

#[test]
fn finding_6_an_answer_always_fits_into_a_packet() {
    let mut theirs = MemoryStore::new(local());
    let home = Home::<MemoryBackend>::new();
    let mut ours = home.records(local(), &RecordStoreConfig::default());
    for of in 1..=20 {
        assert_eq!(said(theirs.add_provider(provider(1, peer(of), 16))), OK);
        assert_eq!(said(ours.add_provider(provider(1, peer(of), 16))), OK);
    }
    assert!(answer_bytes(&theirs, 1) > PACKET_BYTES);
    assert!(
        answer_bytes(&ours, 1) <= 8 * 1024,
        "{}",
        answer_bytes(&ours, 1)
    );
    let found = ours.providers(&key(1));
    assert_eq!(found.len(), 20);
    assert!(found.iter().all(|provider| provider.addresses.len() >= 4));
}

#[test]
fn finding_6_one_provider_of_a_thousand_addresses_hides_nobody() {
    let home = Home::<MemoryBackend>::new();
    let mut ours = home.records(local(), &RecordStoreConfig::default());
    assert_eq!(said(ours.add_provider(provider(1, peer(1), 1000))), OK);
    assert_eq!(said(ours.add_provider(provider(1, peer(2), 1))), OK);
    let found = ours.providers(&key(1));
    assert_eq!((found[0].addresses.len(), found[1].addresses.len()), (8, 1));
    assert!(answer_bytes(&ours, 1) < 1000);
}

#[test]
fn addresses_are_kept_without_the_name_of_their_peer_and_long_ones_not_at_all() {
    let home = Home::<MemoryBackend>::new();
    let mut ours = home.records(local(), &RecordStoreConfig::default());
    let long = format!("/dns4/{}/tcp/1", "x".repeat(400));
    let mut announced = provider(1, peer(1), 1);
    announced.addresses.insert(0, long.parse().unwrap());
    announced.addresses.push(address(9, &peer(2)));
    assert_eq!(said(ours.add_provider(announced)), OK);
    let found = ours.providers(&key(1)).remove(0).addresses;
    let bare = "/ip4/198.51.100.7/udp/4001/quic-v1".parse().unwrap();
    assert_eq!(
        found,
        [bare, address(9, &peer(2))],
        "another's name says how to get there"
    );
}

#[test]
fn addresses_have_a_limit_in_bytes() {
    let mut config = RecordStoreConfig::default();
    config.max_address_bytes = 100;
    config.max_addresses = 50;
    let home = Home::<MemoryBackend>::new();
    let mut ours = home.records(local(), &config);
    assert_eq!(said(ours.add_provider(provider(1, peer(1), 50))), OK);
    let found = ours.providers(&key(1)).remove(0).addresses;
    let bytes = found.iter().map(|address| address.len()).sum::<usize>();
    assert!((80..=100).contains(&bytes), "{bytes}");
}

#[test]
fn finding_9_a_record_of_others_without_an_end_gets_one() {
    let (config, clock) = timed();
    let home = Home::<MemoryBackend>::new();
    let mut records = home.records(local(), &config);
    let end = clock.now() + config.max_ttl;
    let late = Some(end + Duration::from_secs(3600));
    for (number, expires) in [(1, None), (2, late)] {
        let record = Record {
            expires,
            ..record(number, peer(1), 9)
        };
        assert_eq!(said(records.put(record)), OK);
        assert_eq!(
            records.get(&key(number)).and_then(|record| record.expires),
            Some(end)
        );
        let mut provider = provider(number, peer(1), 0);
        provider.expires = expires;
        assert_eq!(said(records.add_provider(provider)), OK);
        assert_eq!(records.providers(&key(number))[0].expires, Some(end));
    }
    assert_eq!(
        said(records.put(Record {
            publisher: None,
            ..record(3, peer(1), 9)
        })),
        OK
    );
    assert_eq!(
        records.get(&key(3)).and_then(|record| record.expires),
        Some(end)
    );
    assert_eq!(said(records.put(record(4, local(), 9))), OK);
    assert_eq!(records.get(&key(4)).and_then(|record| record.expires), None);
}

#[test]
fn an_expired_entry_is_not_shown_before_it_is_swept() {
    let (mut config, clock) = timed();
    config.max_ttl = Duration::from_secs(600);
    let home = Home::<MemoryBackend>::new();
    let mut records = home.records(local(), &config);
    assert_eq!(said(records.put(record(1, peer(1), 9))), OK);
    assert_eq!(said(records.add_provider(provider(1, peer(1), 0))), OK);
    clock.advance(Duration::from_secs(600) - Duration::from_nanos(1));
    assert!(records.get(&key(1)).is_some() && records.records().count() == 1);
    assert_eq!(records.providers(&key(1)).len(), 1);
    clock.advance(Duration::from_nanos(1));
    assert!(records.get(&key(1)).is_none() && records.records().count() == 0);
    assert_eq!(records.providers(&key(1)), []);
}

#[test]
fn handles_are_shared_by_threads() {
    let home = Home::<RedbBackend>::new();
    let records = home.records(local(), &RecordStoreConfig::default());
    thread::scope(|scope| {
        for of in 1..=4 {
            let mut records = records.clone();
            scope.spawn(move || {
                for number in of * 1000..of * 1000 + 200 {
                    assert_eq!(said(records.put(record(number, peer(of), 99))), OK);
                    assert_eq!(said(records.add_provider(provider(1, peer(number), 0))), OK);
                    assert!(records.record(&key(number)).is_some());
                }
                records.flush().unwrap();
            });
        }
    });
    assert_eq!(records.iter_records().count(), 800);
    assert_eq!(records.providers_of(&key(1)).len(), 20);
}
