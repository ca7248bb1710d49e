//! Descriptions that cannot be read: the record store does not open, or begins anew.

use netabase_store::{
    NetabaseError, StoreError,
    backends::redb::RedbBackend,
    records::{KadStore, OnCorrupt, RecordStoreConfig},
};
use record_store_tests::{local, provided};

use super::damage::{DESCRIPTION, checksum, closed, rewrite, rows};

#[test]
fn a_damaged_description_refuses_to_open_unless_told_to_begin_anew() {
    for damage in 0..3 {
        let mut config = RecordStoreConfig::default();
        let mut home = closed(&config);
        rewrite(&home.path(), |key, mut value| match (key[0], damage) {
            (DESCRIPTION, 0) => None,
            (DESCRIPTION, 1) => Some(Vec::new()),
            (DESCRIPTION, _) => {
                value[9] ^= 1;
                Some(value)
            }
            _ => Some(value),
        });
        home.open();
        let refused = home.store().record_store(local(), config.clone());
        let error = refused.expect_err("the description is damaged");
        assert!(matches!(error, NetabaseError::Encoding(_)), "{error:?}");
        config.on_corrupt = OnCorrupt::Recreate;
        let records = home.records(local(), &config);
        assert_begun_anew(&records);
        drop(records);
        home.reopen();
        config.on_corrupt = OnCorrupt::Refuse;
        assert_begun_anew(&home.records(local(), &config));
    }
}

fn assert_begun_anew(records: &KadStore<RedbBackend>) {
    assert_eq!(records.iter_records().count(), 0);
    let own = provided(records);
    assert_eq!(own.len(), 10, "own announcements are kept");
    assert_eq!(records.health().announcements, 10);
    assert_eq!(
        (records.health().records, records.health().provided_keys),
        (0, 10)
    );
}

#[test]
fn own_announcements_are_kept_however_few_rows_may_wait_for_the_disk() {
    for description in [None, Some(Vec::new())] {
        let mut config = RecordStoreConfig::default();
        let mut home = closed(&config);
        rewrite(&home.path(), |key, value| match key[0] {
            DESCRIPTION => description.clone(),
            _ => Some(value),
        });
        home.open();
        config.on_corrupt = OnCorrupt::Recreate;
        config.max_pending_rows = 1;
        config.max_pending_bytes = 1;
        assert_begun_anew(&home.records(local(), &config));
        home.reopen();
        assert_begun_anew(&home.records(local(), &config));
    }
}

#[test]
fn a_newer_format_is_refused() {
    let config = RecordStoreConfig::default();
    let mut home = closed(&config);
    rewrite(&home.path(), |key, value| {
        if key[0] != DESCRIPTION {
            return Some(value);
        }
        let body = [&[2], &value[1..value.len() - 8]].concat();
        Some([&*body, &checksum(key, &body)].concat())
    });
    let before = rows(&home.path());
    home.open();
    let refused = home.store().record_store(local(), config);
    let error = refused.expect_err("the format is newer");
    let NetabaseError::StoreError(StoreError::NewerFormat { found, supported }) = error else {
        panic!("{error:?}");
    };
    assert_eq!((found, supported), (2, 1));
    home.close();
    assert_eq!(rows(&home.path()), before, "nothing was touched");
}
