//! Damaged redb files are recovered with their record store: nothing comes back that was never
//! stored, what is told to be whole is, and the record store opens with what was salvaged.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use libp2p_kad::store::RecordStore as _;
use netabase_store::{
    NetabaseError, RecoveredRecordStore, Recovery, RedbStore, Result, StoreError,
    backends::redb::RedbBackend, records::RecordStoreConfig,
};
use record_store_tests::{
    Home, Note, NotesDefinition, OK, Random, key, local, peer, provided, provider, record, said,
};

use super::damage::{self, DESCRIPTION, checksum, rewrite, rows};

const PAGE: usize = 4096;

/// Rows by their keys.
type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// A closed store with rows in many pages, and every row that it ever had.
struct Closed {
    home: Home<RedbBackend>,
    bytes: Vec<u8>,
    rows: Rows,
    ever: BTreeSet<(Vec<u8>, Vec<u8>)>,
}

fn publisher(number: u64) -> libp2p_identity::PeerId {
    if number.is_multiple_of(3) {
        local()
    } else {
        peer(1)
    }
}

impl Closed {
    /// Some records are stored again, some go and come back under a later number.
    fn new() -> Self {
        let mut home = Home::new();
        let mut ever = BTreeSet::new();
        for round in 0..4 {
            home.open();
            let note = Note {
                id: round,
                topic: "a topic".to_owned(),
            };
            let notes = home.store().open_tree::<Note>();
            notes.put(note).expect("the disk is sound");
            let mut records = home.records(local(), &RecordStoreConfig::default());
            for number in 0..60 {
                if round > 0 && !(number + round).is_multiple_of(4) {
                    continue;
                }
                if number.is_multiple_of(2) {
                    records.remove(&key(number));
                    records.flush().expect("the disk is sound");
                }
                let len = 100 + usize::try_from(round * 20 + number).expect("small");
                let of = publisher(number);
                assert_eq!(said(records.put(record(number, of, len))), OK);
                assert_eq!(said(records.add_provider(provider(number, of, 1))), OK);
            }
            drop((records, notes));
            home.close();
            ever.extend(rows(&home.path()));
        }
        let bytes = fs::read(home.path()).expect("it can be read");
        Self {
            rows: rows(&home.path()).into_iter().collect(),
            bytes,
            ever,
            home,
        }
    }

    /// Recovers a damaged copy, holds its rows against all that there ever were, and opens it.
    fn recover(&self, what: &str, bytes: &[u8]) -> (RecoveredRecordStore, Recovery, Rows) {
        let (from, to) = (self.home.path().with_extension("damaged"), self.to());
        fs::write(&from, bytes).expect("room for a copy");
        let recovery = recover(&from, &to).expect("it can be recovered");
        assert!(fs::read(&from).expect("it is there") == bytes);
        let found: Rows = rows(&to).into_iter().collect();
        let of = recovery.record_store.clone().expect("there is one");
        let is_made = |key: &[u8]| key[0] == DESCRIPTION && !of.is_described;
        for (key, row) in found.iter().filter(|(key, _)| !is_made(key)) {
            let row = (key.clone(), row.clone());
            assert!(self.ever.contains(&row), "{what}: never written: {row:?}");
        }
        let count = found.keys().filter(|key| !is_made(key)).count();
        assert_eq!(of.rows, count as u64, "{what}");
        let wrong = found
            .iter()
            .filter(|(key, row)| self.rows.get(*key) != Some(row) && !is_made(key));
        assert!(wrong.count() as u64 <= of.uncertain, "{what}: {of:?}");
        assert!(!recovery.is_whole() || found == self.rows, "{what}: {of:?}");
        check_opened(&to, &of, what);
        fs::remove_file(&to).expect("it was there");
        (of, recovery, found)
    }

    fn to(&self) -> std::path::PathBuf {
        self.home.path().with_extension("recovered")
    }

    /// The offsets of the pages that are not empty, but that of the header.
    fn pages(&self) -> Vec<usize> {
        let pages = self.bytes.chunks(PAGE).enumerate().skip(1);
        let used = pages.filter(|(_, page)| page.iter().any(|byte| *byte != 0));
        used.map(|(page, _)| page * PAGE).collect()
    }
}

fn recover(from: &Path, to: &Path) -> Result<Recovery> {
    RedbStore::<NotesDefinition>::recover(from, to)
}

/// Opens a record store, which has what was said of it.
fn check_opened(path: &Path, of: &RecoveredRecordStore, what: &str) {
    let store = RedbStore::<NotesDefinition>::open(path).expect("the new store is sound");
    let mut config = RecordStoreConfig::default();
    config.max_ttl = std::time::Duration::from_secs(1 << 30);
    let records = store.record_store(local(), config).expect("it opens");
    let health = records.health();
    assert_eq!(health.metrics.set_aside, 0, "{what}: {of:?}");
    assert_eq!(health.records as u64, of.records, "{what}: {of:?}");
    assert!(health.provided_keys as u64 >= of.provided_keys, "{what}");
    for found in records.iter_records() {
        let number = (0..60).find(|number| key(*number) == found.key);
        let number = number.expect("a key that was stored");
        assert_eq!(found.publisher, Some(publisher(number)), "{what}");
        assert_eq!(records.record(&found.key), Some(found), "{what}");
    }
    let own = health.own_records + health.own_provided_keys;
    assert_eq!(
        health.announcements, own,
        "what is this node's is announced"
    );
}

#[test]
fn a_sound_record_store_is_recovered_whole() {
    let file = Closed::new();
    let (of, recovery, found) = file.recover("sound", &file.bytes);
    assert!(recovery.is_whole(), "{recovery:?}");
    assert!(found == file.rows);
    assert_eq!((of.records, of.provided_keys), (60, 60));
    assert_eq!((of.rows, of.lost()), (60 + 60 + 40 + 1, Some(0)));
    assert_eq!(recovery.tables_left, [""; 0]);
    assert_eq!(recovery.records(), 4, "the models are there too");
}

#[test]
fn a_store_without_record_store_says_nothing_of_one() {
    let mut home = Home::<RedbBackend>::new();
    home.close();
    let to = home.path().with_extension("recovered");
    let recovery = recover(&home.path(), &to).expect("it is sound");
    assert!(recovery.is_whole() && recovery.record_store.is_none());
}

#[test]
fn flipped_bits_and_pages_of_zeros_cost_no_row_of_another_page() {
    let file = Closed::new();
    let mut random = Random::new(7);
    let (mut told, mut most) = (0, 0);
    for (number, page) in file.pages().into_iter().enumerate() {
        let mut bytes = file.bytes.clone();
        if number.is_multiple_of(2) {
            bytes[page + random.index(PAGE)] ^= 1 << random.below(8);
        } else {
            bytes[page..page + PAGE].fill(0);
        }
        let (_, recovery, found) = file.recover(&format!("page at {page}"), &bytes);
        told += usize::from(!recovery.is_whole());
        let is_lost = |row: &&Vec<u8>| !found.contains_key(*row);
        most = most.max(file.rows.keys().filter(is_lost).count());
    }
    assert!(
        told > 3 && most > 0 && most < 60,
        "{told} told, {most} lost"
    );
}

#[test]
fn a_file_without_its_header_gives_every_key_once() {
    let file = Closed::new();
    let mut bytes = file.bytes.clone();
    bytes[..PAGE].fill(0);
    let (of, recovery, _) = file.recover("no header", &bytes);
    assert_eq!((of.records, of.provided_keys), (60, 60), "{of:?}");
    assert!(of.uncertain > 0 && of.left_out > 0, "{of:?}");
    assert!(!recovery.is_whole());
}

#[test]
fn rows_that_have_lost_their_description_are_those_of_an_unknown_node() {
    let file = Closed::new();
    rewrite(&file.home.path(), |key, value| {
        Some(if key[0] == DESCRIPTION {
            vec![0xff; 40]
        } else {
            value
        })
    });
    let bytes = fs::read(file.home.path()).expect("it can be read");
    // Where the old one stands elsewhere it is no part of the last commit, and its key not missing.
    let (of, recovery, found) = file.recover("no description", &bytes);
    assert!(!of.is_described && !recovery.is_whole());
    assert_eq!((of.records, of.unreadable), (60, 1));
    assert_eq!(found.len() as u64, of.rows + 1);
    let to = file.to();
    recover(&file.home.path(), &to).expect("it can be recovered");
    let store = RedbStore::<NotesDefinition>::open(&to).expect("it is sound");
    let opened = store.record_store(local(), RecordStoreConfig::default());
    let records = opened.expect("it opens");
    assert_eq!(provided(&records).len(), 20);
    assert_eq!(records.health().announcements, 40);
}

#[test]
fn a_record_store_of_a_later_format_is_refused_and_nothing_is_left() {
    let file = Closed::new();
    rewrite(&file.home.path(), |key, value| {
        if key[0] != DESCRIPTION {
            return Some(value);
        }
        let mut body = value[..value.len() - 8].to_vec();
        body[0] = 9;
        let sum = checksum(key, &body);
        body.extend(sum);
        Some(body)
    });
    let refused = recover(&file.home.path(), &file.to()).expect_err("it is later");
    let later = |error: &NetabaseError| {
        matches!(
            error,
            NetabaseError::StoreError(StoreError::NewerFormat { found: 9, .. })
        )
    };
    assert!(later(&refused), "{refused}");
    assert!(!file.to().exists());
}

#[test]
fn rows_that_were_set_aside_are_told_and_not_salvaged() {
    let mut file = Closed::new();
    let mut hit = 0;
    rewrite(&file.home.path(), |key, mut value| {
        if key[0] != DESCRIPTION && key[0] < 3 && hit < 5 {
            hit += 1;
            value[3] ^= 1;
        }
        Some(value)
    });
    file.home.open();
    let records = file.home.records(local(), &RecordStoreConfig::default());
    assert_eq!(records.health().metrics.set_aside, 5);
    drop(records);
    file.home.close();
    let now = damage::rows(&file.home.path());
    file.ever.extend(now.iter().cloned());
    file.rows = now.into_iter().collect();
    let bytes = fs::read(file.home.path()).expect("it can be read");
    let (of, recovery, _) = file.recover("set aside", &bytes);
    assert_eq!((of.records, of.unreadable, of.lost()), (55, 5, Some(5)));
    assert!(!recovery.is_whole());
}
