//! Storing many paths: in few transactions, each whole or absent.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use netabase_store::{MemoryStore, NetabaseError, RedbStore, Store, StoreError, backends::Backend};
use nix_store::db::{
    PathCounts, load_paths,
    models::{StoreDefinition, StorePath},
};

/// How many rows one transaction stores at most, as documented.
const BATCH: u64 = 65_536;

type Row = Result<StorePath, NetabaseError>;

fn row(number: u64) -> StorePath {
    StorePath {
        path: format!("/nix/store/{number:032}-path"),
        nar_hash: String::new(),
        nar_size: number,
        registration_time: 0,
        deriver: None,
        references: vec![format!("/nix/store/{:032}-path", number / 2)],
        signatures: Vec::new(),
        content_address: None,
        ultimate: false,
    }
}

fn refused() -> Row {
    let (table, bytes, max) = ("StorePath".to_owned(), 2, 1);
    Err(StoreError::KeyTooLong { table, bytes, max }.into())
}

/// Loads rows, and returns what was told after each transaction, and how it ended.
fn load<B: Backend>(
    store: &Store<StoreDefinition, B>,
    rows: impl Iterator<Item = Row> + Send,
) -> (Vec<u64>, Result<PathCounts, NetabaseError>) {
    let mut told = Vec::new();
    let done = load_paths(store, rows, &mut |counts| told.push(counts.total()));
    (told, done)
}

fn len<B: Backend>(store: &Store<StoreDefinition, B>) -> u64 {
    store.open_tree::<StorePath>().len().unwrap()
}

#[test]
fn new_changed_and_equal_rows_are_counted_and_stored_once() {
    let store = RedbStore::<StoreDefinition>::temp().unwrap();
    let (_, counts) = load(&store, (0..1000).map(row).map(Ok));
    let counts = counts.unwrap();
    assert_eq!((counts.new, counts.updated, counts.unchanged), (1000, 0, 0));

    let changed = |number| StorePath {
        nar_size: number % 2 + 7000,
        references: Vec::new(),
        ..row(number)
    };
    let rows = (500..600).map(changed).chain((600..1100).map(row));
    let counts = load(&store, rows.map(Ok)).1.unwrap();
    assert_eq!(
        (counts.new, counts.updated, counts.unchanged),
        (100, 100, 400)
    );
    assert_eq!((counts.total(), len(&store)), (600, 1100));
    let paths = store.open_tree::<StorePath>();
    assert_eq!(paths.get(row(501).path).unwrap(), Some(changed(501)));
    assert!(store.verify().unwrap().is_sound());
}

#[test]
fn rows_that_come_twice_in_a_transaction_count_as_what_they_change() {
    let store = MemoryStore::<StoreDefinition>::new();
    let other = StorePath {
        ultimate: true,
        ..row(1)
    };
    let rows = [row(1), row(1), other.clone()].map(Ok);
    let counts = load(&store, rows.into_iter()).1.unwrap();
    assert_eq!((counts.new, counts.updated, counts.unchanged), (1, 1, 1));
    let paths = store.open_tree::<StorePath>();
    assert_eq!(paths.get(row(1).path).unwrap(), Some(other));
}

#[test]
fn an_input_within_one_transaction_that_ends_in_an_error_stores_nothing() {
    let store = RedbStore::<StoreDefinition>::temp().unwrap();
    let rows = (0..BATCH - 1).map(row).map(Ok).chain([refused()]);
    let (told, done) = load(&store, rows);
    assert!(done.is_err());
    assert_eq!((told, len(&store)), (vec![], 0));
}

#[test]
fn transactions_before_the_one_with_an_error_remain() {
    let store = RedbStore::<StoreDefinition>::temp().unwrap();
    let rows = (0..BATCH + 9).map(row).map(Ok).chain([refused()]);
    let (told, done) = load(&store, rows);
    assert!(done.is_err());
    assert_eq!((told, len(&store)), (vec![BATCH], BATCH));

    let rows = (0..BATCH + 9).map(row).map(Ok);
    let (told, counts) = load(&store, rows);
    let counts = counts.unwrap();
    assert_eq!(told, [BATCH, BATCH + 9]);
    assert_eq!((counts.new, counts.unchanged), (9, BATCH));
    assert_eq!(len(&store), BATCH + 9);
}

#[test]
fn long_rows_fill_a_transaction_by_their_bytes() {
    let store = MemoryStore::<StoreDefinition>::new();
    let long = |number| StorePath {
        signatures: vec!["a".repeat(1 << 20)],
        ..row(number)
    };
    let (told, counts) = load(&store, (0..100).map(long).map(Ok));
    assert_eq!(counts.unwrap().new, 100);
    assert_eq!(told, [40, 80, 100]);
}

#[test]
fn no_rows_are_stored_at_once() {
    let store = MemoryStore::<StoreDefinition>::new();
    let (told, counts) = load(&store, std::iter::empty());
    assert_eq!((told, counts.unwrap()), (vec![], PathCounts::default()));
}
