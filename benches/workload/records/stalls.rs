//! The longest calls, while a million records expire, are announced and are written.

use std::time::{Duration, Instant};

use libp2p_identity::PeerId;
use libp2p_kad::Record;

use super::{
    keys, ours, provider,
    table::{Bound, Goals},
    wide,
};
use crate::{Random, report::Settings};

/// How many records there are for each that the command line asks for.
const TIMES: usize = 10;
const VALUE_BYTES: usize = 256;
const CALLS: usize = 400_000;

/// Measures the calls of a swarm while the store has other work.
pub fn run(settings: &Settings, goals: &mut Goals) {
    let names = keys(6, settings.records * TIMES);
    let folder = tempfile::tempdir_in(&settings.folder).unwrap();
    let local = PeerId::random();
    let store = ours(folder.path(), local, wide());
    let publisher = PeerId::random();
    let record = |at: usize, ttl: Duration| {
        let mut record = Record::new(names[at].clone(), vec![7; VALUE_BYTES]);
        record.publisher = Some(publisher);
        record.expires = Some(Instant::now() + ttl);
        record
    };
    let mut expiring = Duration::from_secs(30);
    for at in 0..names.len() {
        // A tenth of them expires while calls are measured.
        let ttl = if at % 10 == 0 {
            expiring
        } else {
            Duration::from_secs(24 * 60 * 60)
        };
        while store.put_from(None, record(at, ttl)).is_err() {
            std::thread::sleep(Duration::from_millis(1));
        }
        expiring = expiring.max(Duration::from_secs(30));
    }
    store.flush().unwrap();
    let mut random = Random::new(9);
    let mut micros = Vec::with_capacity(CALLS);
    let mut bytes = 0;
    for call in 0..CALLS {
        let at = random.below(names.len() as u64) as usize;
        let begun = Instant::now();
        match call % 8 {
            0 => drop(store.put_from(None, record(at, Duration::from_secs(24 * 60 * 60)))),
            1 => drop(store.add_provider_record(provider(&names[at], publisher))),
            2 => bytes += store.providers_of(&names[at]).len(),
            _ => {
                bytes += store
                    .record(&names[at])
                    .map_or(0, |record| record.value.len())
            }
        }
        micros.push(begun.elapsed().as_secs_f64() * 1e6);
        if call % 64 == 0 {
            // The pace of a busy node, so that the disk keeps up.
            std::thread::sleep(Duration::from_micros(500));
        }
    }
    assert!(bytes > 0);
    micros.sort_by(f64::total_cmp);
    let at = |share: f64| micros[((micros.len() - 1) as f64 * share) as usize];
    let collected = store.health().metrics.collected;
    let text = format!(
        "p99 {:.0} us, longest {:.0} us; {collected} collected",
        at(0.99),
        at(1.0)
    );
    let count = names.len();
    goals.add(
        &format!("a call among {count} records, p99.9"),
        (text, String::new()),
        (at(0.999), "us"),
        Bound::AtMost(1000.0),
    );
}
