//! Rows that were damaged behind the store's back, and clocks and nodes that are not what they were.

use std::{path::Path, time::Duration};

use libp2p_kad::{Record, store::RecordStore as _};
use netabase_store::{
    RedbStore,
    backends::redb::RedbBackend,
    records::{Clock as _, KadStore, RecordStoreConfig},
};
use record_store_tests::{
    Home, NotesDefinition, OK, Random, all_of, key, local, peer, provided, provider, record, said,
    timed,
};
use redb::{Database, ReadableDatabase as _, ReadableTable as _, TableDefinition};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

const TABLE: &str = "__libp2p_records__";
const ROWS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new(TABLE);

/// A row's key and its value.
type Row = (Vec<u8>, Vec<u8>);

/// The first bytes of the keys of rows.
pub(crate) const DESCRIPTION: u8 = 0;
const RECORD: u8 = 1;
const PROVIDERS: u8 = 2;
const ANNOUNCEMENT: u8 = 3;
const ASIDE: u8 = 4;

/// Reads every row of a closed store.
pub(crate) fn rows(path: &Path) -> Vec<Row> {
    rows_of(&Database::open(path).expect("the store is closed"))
}

fn rows_of(file: &Database) -> Vec<Row> {
    let txn = file.begin_read().expect("it can be read");
    let table = txn.open_table(ROWS).expect("there is a record store");
    let rows = table.iter().expect("it can be read");
    let rows = rows.map(|row| row.expect("it can be read"));
    rows.map(|(key, value)| (key.value().to_vec(), value.value().to_vec()))
        .collect()
}

/// Changes each row of a closed store; those without a value are removed.
pub(crate) fn rewrite(path: &Path, change: impl FnMut(&[u8], Vec<u8>) -> Option<Vec<u8>>) {
    let file = Database::open(path).expect("the store is closed");
    rewrite_file(&file, change);
}

pub(crate) fn rewrite_file(
    file: &Database,
    mut change: impl FnMut(&[u8], Vec<u8>) -> Option<Vec<u8>>,
) {
    let before = rows_of(file);
    let txn = file.begin_write().expect("it can be written");
    let mut table = txn.open_table(ROWS).expect("there is a record store");
    for (key, value) in before {
        let changed = match change(&key, value) {
            Some(value) => table.insert(&*key, &*value).map(drop),
            None => table.remove(&*key).map(drop),
        };
        changed.expect("it can be written");
    }
    drop(table);
    txn.commit().expect("it can be written");
}

/// Returns the checksum of a row, as another implementation would compute it.
pub(crate) fn checksum(key: &[u8], body: &[u8]) -> [u8; 8] {
    let seed = xxh3_64(TABLE.as_bytes());
    (xxh3_64(body) ^ xxh3_64_with_seed(key, seed)).to_le_bytes()
}

fn fill(records: &mut KadStore<RedbBackend>) {
    for number in 0..30 {
        let publisher = if number % 3 == 0 { local() } else { peer(1) };
        assert_eq!(said(records.put(record(number, publisher, 40))), OK);
        assert_eq!(
            said(records.add_provider(provider(number, publisher, 2))),
            OK
        );
    }
}

/// Returns a closed store with records, announcements and providers.
pub(crate) fn closed(config: &RecordStoreConfig) -> Home<RedbBackend> {
    let mut home = Home::new();
    fill(&mut home.records(local(), config));
    home.close();
    home
}

/// Returns whether every entry that there is is one that was stored.
fn whole_entries(records: &KadStore<RedbBackend>) -> (usize, usize) {
    let mut found = (0, 0);
    for number in 0..30 {
        let publisher = if number % 3 == 0 { local() } else { peer(1) };
        if let Some(found_record) = records.get(&key(number)) {
            let expected = record(number, publisher, 40);
            assert_eq!(found_record.value, expected.value);
            assert_eq!(found_record.publisher, expected.publisher);
            found.0 += 1;
        }
        let providers = records.providers(&key(number));
        assert!(providers.iter().all(|of| of.provider == publisher));
        found.1 += providers.len();
    }
    found
}

#[test]
fn no_flipped_bit_passes_for_an_entry_and_the_others_are_served() {
    let config = RecordStoreConfig::default();
    let mut random = Random::new(5);
    for _ in 0..30 {
        let mut home = closed(&config);
        let all = rows(&home.path());
        let hit: Vec<_> = all
            .iter()
            .filter(|(key, _)| key[0] != DESCRIPTION && random.below(10) == 0)
            .map(|(key, _)| key.clone())
            .collect();
        rewrite(&home.path(), |key, mut value| {
            if hit.iter().any(|hit| hit == key) {
                let at = usize::try_from(random.number() % 10_000).expect("small") % value.len();
                value[at] ^= 1 << random.below(8);
            }
            Some(value)
        });
        home.open();
        let records = home.records(local(), &config);
        let of = |tag: u8| hit.iter().filter(|key| key[0] == tag).count();
        assert_eq!(
            records.health().metrics.set_aside,
            u64::try_from(hit.len()).unwrap()
        );
        let (whole_records, whole_providers) = whole_entries(&records);
        assert_eq!(whole_records, 30 - of(RECORD));
        assert!(whole_providers >= 30 - of(PROVIDERS));
        assert_eq!(records.iter_records().count(), whole_records);
        assert_eq!(provided(&records).len(), records.health().own_provided_keys);
        assert!(records.health().is_sound());
        let own = records.health().own_records + records.health().own_provided_keys;
        assert_eq!(
            records.health().announcements,
            own,
            "what is this node's is announced"
        );
        drop(records);
        home.close();
        let aside = rows(&home.path())
            .iter()
            .filter(|(key, _)| key[0] == ASIDE)
            .count();
        assert!(aside > 0 || hit.is_empty(), "damaged rows are kept aside");
    }
}

#[test]
fn a_row_under_another_key_or_of_another_kind_is_set_aside() {
    let config = RecordStoreConfig::default();
    let mut home = closed(&config);
    let all = rows(&home.path());
    let of = |tag: u8| all.iter().filter(move |(key, _)| key[0] == tag);
    let swapped: Vec<_> = of(RECORD).take(2).cloned().collect();
    let kind = of(PROVIDERS).next().expect("there is one").clone();
    let moved = of(PROVIDERS).nth(1).expect("there is one").clone();
    rewrite(&home.path(), |key, value| {
        if *key == *swapped[0].0 {
            return Some(swapped[1].1.clone());
        }
        if *key == *moved.0 {
            // With a checksum that fits.
            let body = &kind.1[..kind.1.len() - 8];
            return Some([body, &checksum(key, body)].concat());
        }
        Some(if *key == *kind.0 {
            swapped[0].1.clone()
        } else {
            value
        })
    });
    home.open();
    let records = home.records(local(), &config);
    assert_eq!(records.health().metrics.set_aside, 3);
    assert_eq!(whole_entries(&records).0, 29);
    assert_eq!(records.health().records, 29);
}

#[test]
fn of_two_rows_of_a_record_one_is_taken_and_one_set_aside() {
    let config = RecordStoreConfig::default();
    let mut home = closed(&config);
    let all = rows(&home.path());
    let of_records: Vec<_> = all.iter().filter(|(key, _)| key[0] == RECORD).collect();
    let (first, second) = (of_records[0].clone(), of_records[1].clone());
    rewrite(&home.path(), |key, value| {
        if *key != *second.0 {
            return Some(value);
        }
        // With a checksum that fits.
        let body = &first.1[..first.1.len() - 8];
        Some([body, &checksum(key, body)].concat())
    });
    for _ in 0..2 {
        home.open();
        let records = home.records(local(), &config);
        assert_eq!(whole_entries(&records).0, 29);
        assert_eq!(records.health().records, 29);
        drop(records);
        home.close();
    }
    let aside = rows(&home.path());
    let aside = aside.iter().filter(|(key, _)| key[0] == ASIDE);
    assert_eq!(aside.count(), 1);
}

#[test]
fn rows_that_are_not_ours_at_all_are_left_out() {
    let config = RecordStoreConfig::default();
    let mut home = closed(&config);
    let mut count = 0;
    rewrite(&home.path(), |row, value| {
        if row[0] != RECORD {
            return Some(value);
        }
        count += 1;
        // Each a body that ends early, says that it is long, or has more after it.
        let body = &value[..value.len() - 8];
        let body = match count % 4 {
            0 => [body, &[0]].concat(),
            1 => body[..body.len() - 1].to_vec(),
            2 => [&body[..10], &[0xff; 60]].concat(),
            _ => vec![1],
        };
        Some([&*body, &checksum(row, &body)].concat())
    });
    home.open();
    let mut records = home.records(local(), &config);
    assert_eq!(records.health().metrics.set_aside, 30);
    assert_eq!(whole_entries(&records), (0, 30));
    fill(&mut records);
    assert_eq!(whole_entries(&records), (30, 30));
}

#[test]
fn a_wall_clock_that_jumps_while_the_store_is_open_changes_nothing() {
    let (config, clock) = timed();
    let home = Home::<RedbBackend>::new();
    let mut records = home.records(local(), &config);
    let expires = Some(clock.now() + Duration::from_secs(60));
    assert_eq!(
        said(records.put(Record {
            expires,
            ..record(1, peer(1), 9)
        })),
        OK
    );
    for days in [-1000_i64, 1000] {
        let jump = Duration::from_secs(24 * days.unsigned_abs() * 3600);
        let to = if days < 0 {
            clock.unix() - jump
        } else {
            clock.unix() + 2 * jump
        };
        clock.set_unix(to);
        assert_eq!(
            records.get(&key(1)).and_then(|found| found.expires),
            expires
        );
    }
}

#[test]
fn what_expired_while_nobody_was_there_is_gone() {
    let (config, clock) = timed();
    let mut home = Home::<RedbBackend>::new();
    let mut records = home.records(local(), &config);
    for number in 0..20 {
        let minutes = Duration::from_secs((number + 1) * 60);
        let expires = Some(clock.now() + minutes);
        assert_eq!(
            said(records.put(Record {
                expires,
                ..record(number, peer(1), 9)
            })),
            OK
        );
        let mut of_key = provider(number, peer(1), 0);
        of_key.expires = expires;
        assert_eq!(said(records.add_provider(of_key)), OK);
    }
    drop(records);
    home.close();
    clock.advance(Duration::from_secs(600));
    home.open();
    let records = home.records(local(), &config);
    for number in 0..20 {
        let is_there = number >= 10;
        assert_eq!(records.get(&key(number)).is_some(), is_there);
        assert_eq!(records.providers(&key(number)).len(), usize::from(is_there));
    }
    let left = records.get(&key(10)).and_then(|found| found.expires);
    assert_eq!(
        left,
        Some(clock.now() + Duration::from_secs(60)),
        "lives go on where they were"
    );
}

#[test]
fn a_lower_limit_cuts_the_lives_of_what_is_there() {
    let (mut config, clock) = timed();
    let mut home = Home::<RedbBackend>::new();
    fill(&mut home.records(local(), &config));
    home.reopen();
    config.max_ttl = Duration::from_secs(300);
    let records = home.records(local(), &config);
    let end = Some(clock.now() + config.max_ttl);
    assert_eq!(records.get(&key(1)).and_then(|found| found.expires), end);
    assert_eq!(records.providers(&key(1))[0].expires, end);
    assert_eq!(
        records.get(&key(0)).and_then(|found| found.expires),
        None,
        "its own"
    );
}

#[test]
fn under_another_name_what_was_the_nodes_own_is_that_of_another_and_ends() {
    let (config, clock) = timed();
    let mut home = Home::<RedbBackend>::new();
    fill(&mut home.records(local(), &config));
    home.reopen();
    let mut records = home.records(peer(1), &config);
    let health = records.health();
    assert_eq!((health.records, health.own_records), (30, 20));
    assert_eq!((health.provided_keys, health.own_provided_keys), (30, 20));
    assert_eq!(health.announcements, 40, "only what is this node's now");
    assert!(provided(&records).iter().all(|own| own.provider == peer(1)));
    let end = Some(clock.now() + config.max_ttl);
    assert_eq!(records.get(&key(0)).and_then(|found| found.expires), end);
    // Distances are those from the new node.
    let order: Vec<_> = records.records().map(|found| found.key.clone()).collect();
    assert!(order.is_sorted_by_key(|key| record_store_tests::distance(key, &peer(1))));
    assert_eq!(said(records.put(record(0, peer(5), 9))), OK);
    let before = all_of(&records.providers(&key(0)));
    drop(records);
    home.reopen();
    let records = home.records(peer(1), &config);
    assert_eq!(all_of(&records.providers(&key(0))), before);
    assert_eq!(records.health().announcements, 40);
}

#[test]
fn damage_leaves_the_typed_trees_alone() {
    let config = RecordStoreConfig::default();
    let home = closed(&config);
    rewrite(&home.path(), |_, _| Some(vec![0xff; 40]));
    let store = RedbStore::<NotesDefinition>::open(home.path()).expect("the trees are sound");
    assert!(store.verify().expect("it can be read").is_sound());
    assert!(store.record_store(local(), config).is_err());
}

#[test]
fn announcements_are_rows_of_their_own() {
    let home = closed(&RecordStoreConfig::default());
    let of = |tag: u8| {
        rows(&home.path())
            .iter()
            .filter(|(key, _)| key[0] == tag)
            .count()
    };
    assert_eq!(
        (of(RECORD), of(PROVIDERS), of(ANNOUNCEMENT), of(ASIDE)),
        (30, 30, 20, 0)
    );
}
