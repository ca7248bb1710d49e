//! The calls that a swarm makes, one by one.

use std::{fs, hint::black_box, time::Instant};

use libp2p_identity::PeerId;
use libp2p_kad::{
    RecordKey,
    store::{MemoryStore, RecordStore},
};

use super::{keys, ours, provider, records, theirs, wide};
use crate::{
    Random,
    report::{Settings, median},
    table::{Bound, Goals, nanos},
};

/// How many writes come at once: fewer than wait for the disk at most, and more than a commit begins
/// with.
const BURST: usize = 8192;

/// Seconds that something has taken.
#[derive(Clone, Copy, Default)]
struct Spent {
    wall: f64,
    /// Of this thread's own; none where the system does not tell.
    own: Option<f64>,
}

impl Spent {
    fn add(&mut self, (begun, own): (Instant, Option<f64>)) {
        self.wall += begun.elapsed().as_secs_f64();
        let spent = own.zip(own_seconds()).map(|(from, to)| to - from);
        self.own = spent.map(|spent| self.own.unwrap_or_default() + spent);
    }
}

fn begin() -> (Instant, Option<f64>) {
    (Instant::now(), own_seconds())
}

/// Returns how many seconds this thread has computed.
fn own_seconds() -> Option<f64> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanos: f64 = text.split_whitespace().next()?.parse().ok()?;
    Some(nanos / 1e9)
}

/// Nanoseconds an operation takes, ours and theirs, by round.
#[derive(Default)]
struct Pair(Vec<f64>, Vec<f64>);

impl Pair {
    fn add(&mut self, goals: &mut Goals, what: &str, bound: f64) {
        let (ours, theirs) = (median(&self.0), median(&self.1));
        let text = (nanos(ours), nanos(theirs));
        goals.add(what, text, (ours / theirs, "times"), Bound::AtMost(bound));
    }
}

/// Measures the calls.
pub fn run(settings: &Settings, goals: &mut Goals) {
    let local = PeerId::random();
    let names = keys(1, settings.records);
    let (mut put, mut cached, mut paged, mut miss) = <(Pair, Pair, Pair, Pair)>::default();
    let (mut put_own, mut of_twenty, mut one_each) = <(Pair, Pair, Pair)>::default();
    for _ in 0..settings.rounds {
        reads_and_puts(
            settings,
            local,
            &names,
            [&mut put, &mut put_own, &mut cached, &mut paged, &mut miss],
        );
        providers(settings, local, &names, [&mut of_twenty, &mut one_each]);
    }
    put.add(goals, "put, accepted", 2.0);
    if !put_own.0.is_empty() {
        put_own.add(goals, "put, accepted, CPU of its thread", 2.0);
    }
    cached.add(goals, "get, cached, owned", 2.0);
    paged.add(goals, "get, from pages, owned", 5.0);
    miss.add(goals, "get, absent", 2.0);
    of_twenty.add(goals, "providers, of 20", 2.0);
    one_each.add(goals, "add_provider, this node, one a key", 0.5);
}

fn reads_and_puts(
    settings: &Settings,
    local: PeerId,
    names: &[RecordKey],
    [put, put_own, cached, paged, miss]: [&mut Pair; 5],
) {
    let records = records(names, PeerId::random());
    let absent = keys(2, names.len());
    let asked = mixed(names);
    let mut theirs = theirs(local);
    let begun = begin();
    for record in &records {
        theirs.put(record.clone()).unwrap();
    }
    let mut spent = Spent::default();
    spent.add(begun);
    let each_of = |seconds: f64| seconds * 1e9 / names.len() as f64;
    put.1.push(each_of(spent.wall));
    put_own.1.extend(spent.own.map(each_of));

    let folder = tempfile::tempdir_in(&settings.folder).unwrap();
    let mut config = wide();
    config.cache_bytes = 4 * names.len() * 1300;
    let mut store = ours(folder.path(), local, config);
    let mut spent = Spent::default();
    for burst in records.chunks(BURST) {
        let begun = begin();
        for record in burst {
            store.put(record.clone()).unwrap();
        }
        spent.add(begun);
        store.flush().unwrap();
    }
    put.0.push(each_of(spent.wall));
    put_own.0.extend(spent.own.map(each_of));
    gets(&store, &asked);
    cached.0.push(gets(&store, &asked));
    cached.1.push(gets(&theirs, &asked));
    miss.0.push(gets(&store, &absent));
    miss.1.push(gets(&theirs, &absent));
    drop(store);
    let mut config = wide();
    config.cache_bytes = 0;
    let store = ours(folder.path(), local, config);
    gets(&store, &asked);
    paged.0.push(gets(&store, &asked));
    paged.1.push(gets(&theirs, &asked));
}

/// Returns keys in another order than that in which they came.
fn mixed(names: &[RecordKey]) -> Vec<RecordKey> {
    let mut mixed = names.to_vec();
    Random::new(8).shuffle(&mut mixed);
    mixed
}

fn gets(store: &impl RecordStore, names: &[RecordKey]) -> f64 {
    let begun = Instant::now();
    let mut bytes = 0;
    for key in names {
        let record = store.get(key).map(std::borrow::Cow::into_owned);
        bytes += record.map_or(0, |record| record.value.len());
    }
    black_box(bytes);
    each(begun, names.len())
}

fn providers(
    settings: &Settings,
    local: PeerId,
    names: &[RecordKey],
    [of_twenty, one_each]: [&mut Pair; 2],
) {
    let peers: Vec<PeerId> = (0..20).map(|_| PeerId::random()).collect();
    let crowded = &names[..names.len() / 100];
    let folder = tempfile::tempdir_in(&settings.folder).unwrap();
    let mut store = ours(folder.path(), local, wide());
    let mut memory = theirs(local);
    for key in crowded {
        for peer in &peers {
            memory.add_provider(provider(key, *peer)).unwrap();
            store.add_provider(provider(key, *peer)).unwrap();
        }
    }
    store.flush().unwrap();
    let ask = |store: &dyn Fn(&RecordKey) -> usize| {
        let begun = Instant::now();
        let found: usize = crowded.iter().cycle().take(names.len()).map(store).sum();
        assert_eq!(found, 20 * names.len());
        each(begun, names.len())
    };
    of_twenty.0.push(ask(&|key| store.providers(key).len()));
    of_twenty.1.push(ask(&|key| memory.providers(key).len()));
    drop((store, folder));

    let folder = tempfile::tempdir_in(&settings.folder).unwrap();
    let mut store = ours(folder.path(), local, wide());
    let mut memory: MemoryStore = theirs(local);
    let own = |key: &RecordKey| libp2p_kad::ProviderRecord::new(key.clone(), local, Vec::new());
    let begun = Instant::now();
    for key in names {
        memory.add_provider(own(key)).unwrap();
    }
    one_each.1.push(each(begun, names.len()));
    let mut seconds = 0.0;
    for burst in names.chunks(BURST) {
        let begun = Instant::now();
        for key in burst {
            store.add_provider(own(key)).unwrap();
        }
        seconds += begun.elapsed().as_secs_f64();
        store.flush().unwrap();
    }
    one_each.0.push(seconds * 1e9 / names.len() as f64);
}

fn each(begun: Instant, count: usize) -> f64 {
    begun.elapsed().as_secs_f64() * 1e9 / count as f64
}
