//! What strangers send, through the inbound workers into a record store on disk, and in such numbers
//! that others go for it.

use std::{
    cmp::Ordering,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use libp2p_kad::{Record, RecordKey};
use netabase_store::{
    backends::{memory::MemoryBackend, redb::RedbBackend},
    records::{
        Inbound, InboundConfig, KadStore, Offered, Reason, RecordStoreConfig, Rejection, Validator,
        Validators,
    },
};
use record_store_tests::{Home, local, peer, record, wait_for};

/// Takes texts that end in the name of their key, as if that were a signature.
struct Signed;

impl Validator for Signed {
    fn validate(&self, key: &RecordKey, value: &[u8], _: SystemTime) -> Result<(), Rejection> {
        let text = std::str::from_utf8(value).map_err(Rejection::invalid)?;
        if text.as_bytes().ends_with(key.as_ref()) {
            Ok(())
        } else {
            Err(Rejection::invalid("it is not signed"))
        }
    }

    fn compare(&self, _: &RecordKey, left: &[u8], right: &[u8]) -> Ordering {
        left.cmp(right)
    }
}

#[test]
fn hotshot_what_nobody_vouches_for_is_refused_and_never_said_to_be_stored() {
    let home = Home::<RedbBackend>::new();
    let records = home.records(local(), &RecordStoreConfig::default());
    let validators = Validators::new().with("text/", Signed).unwrap();
    let inbound = Inbound::start(
        records.clone(),
        Arc::new(validators),
        InboundConfig::default(),
    )
    .unwrap();
    let offer = |key: &str, value: &[u8]| {
        let record = Record::new(key.as_bytes().to_vec(), value.to_vec());
        let offered = inbound.offer(peer(1), &record);
        inbound.wait_until_idle();
        offered
    };
    assert!(matches!(offer("text/a", b"hello"), Offered::Queued));
    assert!(matches!(offer("text/a", b"\xff text/a"), Offered::Queued));
    for key in ["other/a", "text", ""] {
        assert!(matches!(offer(key, b"text/a"), Offered::Refused(_)));
    }
    let metrics = inbound.metrics();
    assert_eq!(metrics.refused(Reason::Invalid), 2, "unsigned, unreadable");
    assert_eq!(metrics.refused_total(), 5);
    assert_eq!((metrics.accepted, records.iter_records().count()), (0, 0));
    assert!(matches!(offer("text/a", b"hello text/a"), Offered::Queued));
    assert_eq!(inbound.metrics().accepted, 1);
    assert_eq!(records.iter_records().count(), 1);
}

/// Fills a store of so many records with strangers' ones, each nearer than one that is there, and
/// returns how long the median put took until so many were evicted.
fn median_put(records: &KadStore<MemoryBackend>, held: u64, evictions: u64) -> Duration {
    let wait = || wait_for("there is room", || records.health().pending_rows < 8_000);
    let mut number = 0;
    while records.health().records < usize::try_from(held).expect("small") {
        number += 1;
        let taken = records.put_from(None, record(number, peer(number / 1_000), 9));
        taken.expect("there is room");
        if number % 1_000 == 0 {
            wait();
        }
    }
    let (before, mut took) = (records.health().metrics.evicted, Vec::new());
    while records.health().metrics.evicted < before + evictions {
        number += 1;
        let begin = Instant::now();
        // About half are farther away than all that is there, and refused.
        let _ = records.put_from(None, record(number, peer(number / 1_000), 9));
        took.push(begin.elapsed());
        if number % 1_000 == 0 {
            wait();
        }
    }
    took.sort_unstable();
    took[took.len() / 2]
}

#[test]
fn autonomi_an_eviction_does_not_look_at_every_key() {
    let [few, many] = [500, 50_000].map(|held| {
        let mut config = RecordStoreConfig::default();
        config.max_records = usize::try_from(held).expect("small");
        let home = Home::<MemoryBackend>::new();
        median_put(&home.records(local(), &config), held, 300)
    });
    // A hundred times as many keys, and a hundred times the work if each were looked at.
    assert!(many < few * 30, "{few:?} among few, {many:?} among many");
}
