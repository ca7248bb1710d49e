//! What libp2p's `MemoryStore` does, as laws that it and ours keep on every engine in strict mode.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    slice,
    time::{Duration, Instant},
};

use super::subject::{Make, Subject, filled, of_libp2p, ours, small};
use libp2p_kad::{ProviderRecord, Record, RecordKey, store::MemoryStoreConfig};
use netabase_store::{
    backends::{memory::MemoryBackend, redb::RedbBackend, sled::SledBackend},
    records::RecordStoreConfig,
};
use record_store_tests::{
    Home, OK, Random, address, all_of, any_record, key, local, peer, provided, provider, record,
    said,
};

#[test]
fn the_strict_configuration_has_the_limits_of_libp2p() {
    let (ours, theirs) = (RecordStoreConfig::strict(), MemoryStoreConfig::default());
    assert_eq!(ours.max_records, theirs.max_records);
    assert_eq!(ours.max_value_bytes, theirs.max_value_bytes);
    assert_eq!(ours.max_provided_keys, theirs.max_provided_keys);
    assert_eq!(ours.max_providers_per_key, theirs.max_providers_per_key);
}

/// Runs every law on a store.
macro_rules! laws {
    ($($law:ident)*) => {
        laws!(@on libp2p_in_memory, super::of_libp2p, $($law)*);
        laws!(@of in_memory, super::MemoryBackend, $($law)*);
        laws!(@of on_redb, super::RedbBackend, $($law)*);
        laws!(@of on_sled, super::SledBackend, $($law)*);
    };
    (@of $name:ident, $engine:ty, $($law:ident)*) => {
        mod $name {
            $(
                #[test]
                fn $law() {
                    let home = super::Home::<$engine>::new();
                    super::$law(&|local, limits| super::ours(&home, local, &limits));
                }
            )*
        }
    };
    (@on $name:ident, $make:path, $($law:ident)*) => {
        mod $name {
            $(
                #[test]
                fn $law() {
                    super::$law(&$make);
                }
            )*
        }
    };
}

laws! {
    what_is_put_is_got_bit_by_bit_and_gone_when_removed
    providers_are_there_until_removed
    own_providers_are_provided_until_removed
    a_provider_is_updated_in_place
    an_own_provider_is_updated_among_what_is_provided
    a_full_key_ignores_another_provider_and_says_ok
    a_full_key_ignores_the_node_itself
    too_many_keys_with_providers_are_refused
    a_known_key_is_not_refused_at_the_limit
    a_key_without_providers_makes_room
    values_of_the_limit_are_too_large_and_smaller_ones_are_not
    too_many_records_are_refused
    a_record_at_the_limit_can_be_replaced
    removing_makes_room
    a_later_record_replaces_everything_of_the_earlier_one
    retain_keeps_what_it_is_told_to
    records_are_all_there_once
    records_come_in_the_same_order_while_nothing_changes
    provided_are_all_own_keys_once
    keys_that_begin_alike_are_apart
    keys_of_any_bytes_and_length_are_kept
    expired_entries_are_returned_as_they_are
    expired_entries_take_room
    what_is_absent_is_absent_and_can_be_removed
    removing_a_stranger_from_a_key_changes_nothing
}

fn keys<'a>(keys: impl Iterator<Item = &'a RecordKey>) -> BTreeSet<Vec<u8>> {
    keys.map(|key| key.to_vec()).collect()
}

fn what_is_put_is_got_bit_by_bit_and_gone_when_removed<S: Subject>(make: Make<'_, S>) {
    let mut store = make(local(), MemoryStoreConfig::default());
    let mut random = Random::new(1);
    for _ in 0..200 {
        let record = any_record(&mut random);
        assert_eq!(said(store.put(record.clone())), OK);
        assert_eq!(store.get(&record.key).as_deref(), Some(&record));
        store.remove(&record.key);
        assert_eq!(store.get(&record.key), None);
    }
}

fn providers_are_there_until_removed<S: Subject>(make: Make<'_, S>) {
    let mut store = make(local(), MemoryStoreConfig::default());
    let mut random = Random::new(2);
    for _ in 0..200 {
        let of = any_record(&mut random);
        let addresses = (0..random.below(5)).map(|of| address(1, &peer(of)));
        let provider = ProviderRecord {
            key: of.key,
            provider: peer(random.below(5)),
            expires: of.expires,
            addresses: addresses.collect(),
        };
        assert_eq!(said(store.add_provider(provider.clone())), OK);
        assert_eq!(
            all_of(&store.providers(&provider.key)),
            all_of(slice::from_ref(&provider))
        );
        store.remove_provider(&provider.key, &provider.provider);
        assert_eq!(store.providers(&provider.key), []);
    }
}

fn own_providers_are_provided_until_removed<S: Subject>(make: Make<'_, S>) {
    let mut store = make(local(), MemoryStoreConfig::default());
    let own = provider(1, local(), 0);
    assert_eq!(said(store.add_provider(own.clone())), OK);
    assert_eq!(said(store.add_provider(provider(2, peer(1), 0))), OK);
    assert_eq!(provided(&store), [own]);
    store.remove_provider(&key(1), &local());
    assert_eq!(provided(&store), []);
    assert_eq!(store.providers(&key(2)).len(), 1);
}

fn a_provider_is_updated_in_place<S: Subject>(make: Make<'_, S>) {
    let mut store = make(local(), MemoryStoreConfig::default());
    let mut expected: Vec<_> = (1..=3).map(|of| provider(1, peer(of), 0)).collect();
    for provider in &expected {
        assert_eq!(said(store.add_provider(provider.clone())), OK);
    }
    expected[1].expires = Some(Instant::now());
    expected[1].addresses = vec![address(3, &peer(2))];
    assert_eq!(said(store.add_provider(expected[1].clone())), OK);
    assert_eq!(all_of(&store.providers(&key(1))), all_of(&expected));
}

fn an_own_provider_is_updated_among_what_is_provided<S: Subject>(make: Make<'_, S>) {
    let mut store = make(local(), MemoryStoreConfig::default());
    let mut own = provider(1, local(), 0);
    assert_eq!(said(store.add_provider(own.clone())), OK);
    own.expires = Some(Instant::now());
    own.addresses = vec![address(3, &local())];
    assert_eq!(said(store.add_provider(own.clone())), OK);
    assert_eq!(all_of(&provided(&store)), all_of(&[own]));
}

fn a_full_key_ignores_another_provider_and_says_ok<S: Subject>(make: Make<'_, S>) {
    let mut store = make(local(), MemoryStoreConfig::default());
    let first: Vec<_> = (1..=20).map(|of| provider(1, peer(of), 0)).collect();
    for provider in &first {
        assert_eq!(said(store.add_provider(provider.clone())), OK);
    }
    assert_eq!(said(store.add_provider(provider(1, peer(21), 0))), OK);
    assert_eq!(store.providers(&key(1)), first);
}

fn a_full_key_ignores_the_node_itself<S: Subject>(make: Make<'_, S>) {
    let mut store = make(local(), small());
    for of in 1..=3 {
        assert_eq!(said(store.add_provider(provider(1, peer(of), 0))), OK);
    }
    assert_eq!(said(store.add_provider(provider(1, local(), 0))), OK);
    assert_eq!(provided(&store), []);
}

fn too_many_keys_with_providers_are_refused<S: Subject>(make: Make<'_, S>) {
    let mut store = make(local(), MemoryStoreConfig::default());
    for number in 0..1024 {
        assert_eq!(
            said(store.add_provider(provider(number, peer(number % 7), 0))),
            OK
        );
    }
    for of in [peer(1), local()] {
        let refused = store.add_provider(provider(1024, of, 0));
        assert_eq!(said(refused), "max provided keys");
    }
    assert_eq!(store.providers(&key(1024)), []);
}

fn a_known_key_is_not_refused_at_the_limit<S: Subject>(make: Make<'_, S>) {
    let mut store = filled(make);
    assert_eq!(said(store.add_provider(provider(0, peer(2), 1))), OK);
    assert_eq!(said(store.add_provider(provider(0, peer(1), 1))), OK);
    assert_eq!(store.providers(&key(0)).len(), 2);
}

fn a_key_without_providers_makes_room<S: Subject>(make: Make<'_, S>) {
    let mut store = filled(make);
    assert_eq!(
        said(store.add_provider(provider(3, peer(1), 0))),
        "max provided keys"
    );
    store.remove_provider(&key(1), &peer(1));
    assert_eq!(said(store.add_provider(provider(3, peer(1), 0))), OK);
    assert_eq!(
        said(store.add_provider(provider(4, peer(1), 0))),
        "max provided keys"
    );
}

fn values_of_the_limit_are_too_large_and_smaller_ones_are_not<S: Subject>(make: Make<'_, S>) {
    let mut store = make(local(), small());
    assert_eq!(said(store.put(record(1, peer(1), 100))), "value too large");
    assert_eq!(store.get(&key(1)), None);
    assert_eq!(said(store.put(record(1, peer(1), 99))), OK);
    assert_eq!(said(store.put(record(1, peer(1), 101))), "value too large");
    assert_eq!(
        store.get(&key(1)).map(|record| record.value.len()),
        Some(99)
    );
}

fn too_many_records_are_refused<S: Subject>(make: Make<'_, S>) {
    let mut store = filled(make);
    for publisher in [peer(1), local()] {
        assert_eq!(said(store.put(record(3, publisher, 9))), "max records");
    }
    assert_eq!(store.get(&key(3)), None);
    assert_eq!(store.records().count(), 3);
}

fn a_record_at_the_limit_can_be_replaced<S: Subject>(make: Make<'_, S>) {
    let mut store = filled(make);
    for len in 10..30 {
        assert_eq!(said(store.put(record(1, peer(2), len))), OK);
    }
    assert_eq!(store.records().count(), 3);
    assert_eq!(said(store.put(record(3, peer(1), 9))), "max records");
}

fn removing_makes_room<S: Subject>(make: Make<'_, S>) {
    let mut store = filled(make);
    store.remove(&key(0));
    store.remove(&key(0));
    assert_eq!(said(store.put(record(3, peer(1), 9))), OK);
    assert_eq!(said(store.put(record(4, peer(1), 9))), "max records");
}

fn a_later_record_replaces_everything_of_the_earlier_one<S: Subject>(make: Make<'_, S>) {
    let mut store = make(local(), MemoryStoreConfig::default());
    let now = Instant::now();
    let publishers = [Some(peer(1)), Some(local()), None, Some(peer(2))];
    let lives = [
        Some(now),
        None,
        now.checked_add(Duration::from_secs(5)),
        None,
    ];
    for (publisher, expires) in publishers.into_iter().zip(lives) {
        let record = Record {
            publisher,
            expires,
            ..record(1, peer(1), 50)
        };
        assert_eq!(said(store.put(record.clone())), OK);
        assert_eq!(store.get(&key(1)).as_deref(), Some(&record));
    }
}

fn retain_keeps_what_it_is_told_to<S: Subject>(make: Make<'_, S>) {
    let mut store = filled(make);
    store.keep(&mut |record| record.key == key(1));
    let left = store
        .records()
        .map(|record| record.key.clone())
        .collect::<Vec<_>>();
    assert_eq!(left, [key(1)]);
    assert_eq!(store.get(&key(0)), None);
    for number in 0..3 {
        assert_eq!(
            store.providers(&key(number)).len(),
            1,
            "providers are no records"
        );
    }
}

fn records_are_all_there_once<S: Subject>(make: Make<'_, S>) {
    let mut store = make(local(), MemoryStoreConfig::default());
    let mut expected = BTreeMap::new();
    for number in 0..500 {
        let record = record(
            number % 300,
            peer(number % 3),
            1 + usize::from(number > 400),
        );
        assert_eq!(said(store.put(record.clone())), OK);
        expected.insert(record.key.to_vec(), record);
    }
    let found: Vec<_> = store.records().map(Cow::into_owned).collect();
    assert_eq!(found.len(), 300);
    let found: BTreeMap<_, _> = found
        .into_iter()
        .map(|found| (found.key.to_vec(), found))
        .collect();
    assert_eq!(found, expected);
}

fn records_come_in_the_same_order_while_nothing_changes<S: Subject>(make: Make<'_, S>) {
    let mut store = make(local(), MemoryStoreConfig::default());
    for number in 0..100 {
        assert_eq!(said(store.put(record(number, peer(1), 9))), OK);
    }
    let first: Vec<_> = store.records().map(Cow::into_owned).collect();
    assert!(store.records().map(Cow::into_owned).eq(first));
}

fn provided_are_all_own_keys_once<S: Subject>(make: Make<'_, S>) {
    let mut store = make(local(), MemoryStoreConfig::default());
    for number in 0..100 {
        for _ in 0..2 {
            let of = if number % 3 == 0 { peer(1) } else { local() };
            assert_eq!(said(store.add_provider(provider(number, of, 1))), OK);
        }
    }
    let found = provided(&store);
    assert_eq!(found.len(), 66);
    let expected: Vec<_> = (0..100).filter(|number| number % 3 != 0).map(key).collect();
    assert_eq!(
        keys(found.iter().map(|own| &own.key)),
        keys(expected.iter())
    );
}

fn keys_that_begin_alike_are_apart<S: Subject>(make: Make<'_, S>) {
    let mut store = make(local(), MemoryStoreConfig::default());
    let texts: [&[u8]; 6] = [b"", b"a", b"ab", b"ab\0", b"abc", b"ab\xff"];
    for (at, text) in (1..).zip(texts) {
        let key = RecordKey::new(&text);
        assert_eq!(said(store.put(Record::new(key.clone(), vec![at]))), OK);
        let provider = ProviderRecord::new(key, peer(at.into()), Vec::new());
        assert_eq!(said(store.add_provider(provider)), OK);
    }
    store.remove(&RecordKey::new(b"ab"));
    store.remove_provider(&RecordKey::new(b"ab"), &peer(2));
    store.remove_provider(&RecordKey::new(b"abc"), &peer(3));
    for (at, text) in (1..).zip(texts) {
        let key = RecordKey::new(&text);
        let value = store.get(&key).map(|record| record.value.clone());
        assert_eq!(value, (text != b"ab").then(|| vec![at]));
        let providers = store.providers(&key);
        let providers: Vec<_> = providers.iter().map(|provider| provider.provider).collect();
        assert_eq!(providers, [peer(at.into())]);
    }
}

fn keys_of_any_bytes_and_length_are_kept<S: Subject>(make: Make<'_, S>) {
    let mut store = make(local(), MemoryStoreConfig::default());
    for len in [0, 1, 31, 32, 33, 255, 256, 4096, 70_000] {
        for byte in [0, 0x7f, 0xff] {
            let key = RecordKey::from(vec![byte; len]);
            assert_eq!(said(store.put(Record::new(key.clone(), vec![byte]))), OK);
            let found = store.get(&key).map(Cow::into_owned).expect("it was put");
            assert_eq!((found.key, found.value), (key, vec![byte]));
        }
    }
    assert_eq!(store.records().count(), 25, "the empty key is one");
}

fn expired_entries_are_returned_as_they_are<S: Subject>(make: Make<'_, S>) {
    let mut store = make(local(), MemoryStoreConfig::default());
    let past = Instant::now().checked_sub(Duration::from_secs(9));
    let expired = Record {
        expires: past,
        ..record(1, peer(1), 9)
    };
    assert_eq!(said(store.put(expired.clone())), OK);
    assert_eq!(store.get(&key(1)).as_deref(), Some(&expired));
    assert_eq!(
        store.records().map(Cow::into_owned).collect::<Vec<_>>(),
        [expired]
    );
    for of in [peer(1), local()] {
        let expired = ProviderRecord {
            expires: past,
            ..provider(1, of, 1)
        };
        assert_eq!(said(store.add_provider(expired)), OK);
    }
    let found = store.providers(&key(1));
    assert!(found.len() == 2 && found.iter().all(|provider| provider.expires == past));
    assert_eq!(provided(&store).len(), 1);
}

fn expired_entries_take_room<S: Subject>(make: Make<'_, S>) {
    let mut store = make(local(), small());
    let past = Instant::now().checked_sub(Duration::from_secs(9));
    for number in 0..3 {
        let expired = Record {
            expires: past,
            ..record(number, peer(1), 9)
        };
        assert_eq!(said(store.put(expired)), OK);
        let expired = ProviderRecord {
            expires: past,
            ..provider(number, peer(1), 0)
        };
        assert_eq!(said(store.add_provider(expired)), OK);
    }
    assert_eq!(said(store.put(record(3, peer(1), 9))), "max records");
    assert_eq!(
        said(store.add_provider(provider(3, peer(1), 0))),
        "max provided keys"
    );
}

fn what_is_absent_is_absent_and_can_be_removed<S: Subject>(make: Make<'_, S>) {
    let mut store = filled(make);
    for number in 3..50 {
        assert_eq!(store.get(&key(number)), None);
        assert_eq!(store.providers(&key(number)), []);
        store.remove(&key(number));
        store.remove_provider(&key(number), &local());
    }
    assert_eq!(store.records().count(), 3);
    assert_eq!(provided(&store), []);
    assert_eq!(said(store.put(record(3, peer(1), 9))), "max records");
}

fn removing_a_stranger_from_a_key_changes_nothing<S: Subject>(make: Make<'_, S>) {
    let mut store = filled(make);
    store.remove_provider(&key(0), &peer(8));
    store.remove_provider(&key(0), &local());
    assert_eq!(store.providers(&key(0)), [provider(0, peer(1), 0)]);
    assert_eq!(
        said(store.add_provider(provider(3, peer(1), 0))),
        "max provided keys"
    );
}
