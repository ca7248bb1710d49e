//! The longest calls, while a million records expire, are announced and are written.

use std::time::{Duration, Instant};

use libp2p_identity::PeerId;
use libp2p_kad::{
    Record, RecordKey,
    store::{self, RecordStore},
};
use netabase_store::records::{Outcome, Publish, RepublishConfig, Republisher};

use super::{Ours, keys, ours, provider, wide};
use crate::{
    Random,
    report::Settings,
    table::{Bound, Goals},
};

/// How many records there are for each that the command line asks for.
const TIMES: usize = 10;
const VALUE_BYTES: usize = 256;
const CALLS: usize = 400_000;

/// How many calls come between two polls of the republisher, and how long a busy node has no calls
/// then: the disk keeps up.
const BETWEEN_POLLS: usize = 64;
const PAUSE: Duration = Duration::from_micros(500);

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Measures the calls of a swarm while the store has other work.
pub fn run(settings: &Settings, goals: &mut Goals) {
    let names = keys(6, settings.records * TIMES);
    let folder = tempfile::tempdir_in(&settings.folder).unwrap();
    let local = PeerId::random();
    let store = ours(folder.path(), local, wide());
    let publisher = PeerId::random();
    fill(&store, &names, publisher);
    let mut republisher = Republisher::new(
        local,
        RepublishConfig {
            new_per_second: 1_000_000,
            ..RepublishConfig::default()
        },
    );
    let mut queries = Queries {
        store: store.clone(),
        under_way: Vec::new(),
        next: 0,
    };
    let mut random = Random::new(9);
    let mut micros = Vec::with_capacity(CALLS);
    let mut bytes = 0;
    for call in 0..CALLS {
        let at = random.below(names.len() as u64) as usize;
        let begun = Instant::now();
        match call % 8 {
            0 => drop(store.put_from(None, record(&names[at], publisher, Some(DAY)))),
            1 => drop(store.add_provider_record(provider(&names[at], publisher))),
            2 => bytes += store.providers_of(&names[at]).len(),
            _ => {
                bytes += store
                    .record(&names[at])
                    .map_or(0, |record| record.value.len())
            }
        }
        micros.push(begun.elapsed().as_secs_f64() * 1e6);
        if call % BETWEEN_POLLS == 0 {
            std::thread::sleep(PAUSE);
            // Records of this node are due minutes after they came.
            let now = Instant::now() + DAY / 24;
            for id in std::mem::take(&mut queries.under_way) {
                republisher.on_outcome(now, &store, id, Outcome::Reached(20));
            }
            let begun = Instant::now();
            republisher.poll(now, &store, &mut queries);
            micros.push(begun.elapsed().as_secs_f64() * 1e6);
        }
    }
    assert!(bytes > 0);
    micros.sort_by(f64::total_cmp);
    let at = |share: f64| micros[((micros.len() - 1) as f64 * share) as usize];
    let collected = store.health().metrics.collected;
    let announced = republisher.metrics(Instant::now(), &store).succeeded;
    let text = format!(
        "p99 {:.0} us, longest {:.0} us; {collected} collected, {announced} announced",
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

/// Stores records: a tenth are this node's own, and the last tenth expires while calls are measured.
fn fill(store: &Ours, names: &[RecordKey], publisher: PeerId) {
    let local = *store.local_id();
    let expiring = names.len() - names.len() / 10;
    for (at, name) in names.iter().enumerate() {
        let (publisher, ttl) = match at % 9 {
            _ if at >= expiring => (publisher, Some(Duration::from_secs(3))),
            0 => (local, None),
            _ => (publisher, Some(DAY)),
        };
        while store.put_from(None, record(name, publisher, ttl)).is_err() {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    store.flush().unwrap();
}

fn record(key: &RecordKey, publisher: PeerId, ttl: Option<Duration>) -> Record {
    let mut record = Record::new(key.clone(), vec![7; VALUE_BYTES]);
    record.publisher = Some(publisher);
    record.expires = ttl.map(|ttl| Instant::now() + ttl);
    record
}

/// Queries that reach their peers at once, and store what they publish, as a behaviour does.
struct Queries {
    store: Ours,
    under_way: Vec<u64>,
    next: u64,
}

impl Queries {
    fn begin(&mut self) -> u64 {
        self.next += 1;
        self.under_way.push(self.next);
        self.next
    }
}

impl Publish for Queries {
    type Id = u64;

    fn is_ready(&mut self) -> bool {
        true
    }

    fn start_providing(&mut self, _: RecordKey) -> store::Result<u64> {
        Ok(self.begin())
    }

    fn put_record(&mut self, record: Record) -> store::Result<u64> {
        self.store.put(record)?;
        Ok(self.begin())
    }

    fn get_closest_peers(&mut self, _: &RecordKey) -> u64 {
        self.begin()
    }

    fn put_record_to(&mut self, _: Record, _: Vec<PeerId>) -> u64 {
        self.begin()
    }
}
