//! The queue and its workers, over a store that is a map.

use std::{
    collections::HashMap,
    panic::resume_unwind,
    sync::mpsc::{Receiver, Sender, channel},
    time::{Duration, Instant},
};

use libp2p_core::Multiaddr;

use super::{queue::Full, *};
use crate::{
    records::validate::{Reason, Validator, tests::numbered},
    threads::Mutex,
    writer::locked,
};

/// A store that keeps what it is given, and by whom.
#[derive(Default, Clone)]
pub(super) struct Model(Arc<Mutex<State>>);

#[derive(Default)]
pub(super) struct State {
    records: HashMap<Vec<u8>, Record>,
    providers: Vec<ProviderRecord>,
    puts: Vec<(Option<PeerId>, Vec<u8>)>,
}

impl Sink for Model {
    fn record(&self, key: &RecordKey) -> Option<Record> {
        if key.as_ref() == b"n/broken" {
            resume_unwind(Box::new("a broken store"));
        }
        locked(&self.0).records.get(key.as_ref()).cloned()
    }

    fn put_from(&self, source: Option<PeerId>, record: Record) -> store::Result<()> {
        if record.key.as_ref() == b"n/full" {
            return Err(store::Error::MaxRecords);
        }
        let mut state = locked(&self.0);
        state.puts.push((source, record.value.clone()));
        state.records.insert(record.key.to_vec(), record);
        Ok(())
    }

    fn add_provider(&self, record: ProviderRecord) -> store::Result<()> {
        locked(&self.0).providers.push(record);
        Ok(())
    }
}

impl Model {
    fn value(&self, key: &[u8]) -> Option<Vec<u8>> {
        let state = locked(&self.0);
        state.records.get(key).map(|record| record.value.clone())
    }

    pub(super) fn puts(&self) -> Vec<(Option<PeerId>, Vec<u8>)> {
        locked(&self.0).puts.clone()
    }
}

/// Lets a worker go on with each value when the test says so.
struct Gate {
    entered: Sender<Vec<u8>>,
    go: Mutex<Receiver<()>>,
}

impl Validator for Gate {
    fn validate(&self, _: &RecordKey, value: &[u8], _: SystemTime) -> Result<(), Rejection> {
        let _ = self.entered.send(value.to_vec());
        let gone = locked(&self.go).recv();
        gone.map_err(Rejection::invalid)
    }

    fn compare(&self, _: &RecordKey, _: &[u8], _: &[u8]) -> std::cmp::Ordering {
        std::cmp::Ordering::Equal
    }
}

fn start(model: &Model, config: InboundConfig) -> Inbound {
    Inbound::start(model.clone(), Arc::new(numbered()), config).unwrap()
}

/// A worker that stands still: the values it begins with, and what lets it go on.
pub(super) fn gated(config: InboundConfig) -> (Inbound, Model, Receiver<Vec<u8>>, Sender<()>) {
    let (entered, entries) = channel();
    let (go, gate) = channel();
    let go_on = Mutex::new(gate);
    let gate = Gate { entered, go: go_on };
    let validators = Validators::new().with("n/", gate).unwrap();
    let model = Model::default();
    let inbound = Inbound::start(model.clone(), Arc::new(validators), config).unwrap();
    (inbound, model, entries, go)
}

pub(super) fn record(key: &str, value: &[u8]) -> Record {
    Record::new(key.as_bytes().to_vec(), value.to_vec())
}

pub(super) fn offer(inbound: &Inbound, key: &str, value: &[u8]) {
    let offered = inbound.offer(PeerId::random(), &record(key, value));
    assert!(matches!(offered, Offered::Queued), "{offered:?}");
}

pub(super) fn is_dropped(offered: &Offered) -> bool {
    matches!(offered, Offered::Dropped)
}

#[test]
fn an_older_record_never_replaces_a_newer_one() {
    let model = Model::default();
    let inbound = start(&model, InboundConfig::default());
    for value in [b"v5", b"v3", b"v6", b"v1"] {
        offer(&inbound, "n/a", value);
        inbound.wait_until_idle();
    }
    assert_eq!(model.value(b"n/a").unwrap(), b"v6");
    let metrics = inbound.metrics();
    assert_eq!(metrics.accepted, 2);
    assert_eq!(metrics.refused(Reason::Older), 2);
    assert_eq!(metrics.refused_total(), 2);
    assert_eq!(metrics.queued, 0);
}

#[test]
fn many_workers_leave_the_newest_record() {
    let model = Model::default();
    let config = InboundConfig {
        workers: 4,
        ..InboundConfig::default()
    };
    let inbound = start(&model, config);
    for value in (0_u8..=255).rev().chain(0..=255) {
        offer(&inbound, "n/a", &[b'v', value, b'.']);
    }
    inbound.wait_until_idle();
    assert_eq!(model.value(b"n/a").unwrap(), [b'v', 255, b'.']);
    let puts = model.puts().into_iter().map(|(_, value)| value);
    assert!(puts.is_sorted(), "an older one came after a newer one");
    let metrics = inbound.metrics();
    assert_eq!(metrics.accepted + metrics.refused(Reason::Older), 512);
}

#[test]
fn the_same_record_again_lengthens_its_life_and_changes_nothing_else() {
    let model = Model::default();
    let inbound = start(&model, InboundConfig::default());
    let publisher = Some(PeerId::random());
    let soon = Instant::now() + Duration::from_secs(60);
    let late = soon + Duration::from_secs(60);
    let send = |expires, publisher| {
        let record = Record {
            expires,
            publisher,
            ..record("n/a", b"v1")
        };
        let _ = inbound.offer(PeerId::random(), &record);
        inbound.wait_until_idle();
        let stored = model.record(&record.key).unwrap();
        (stored.expires, stored.publisher)
    };
    assert_eq!(send(Some(soon), publisher), (Some(soon), publisher));
    assert_eq!(send(Some(late), None), (Some(late), publisher));
    assert_eq!(send(Some(soon), None), (Some(late), publisher));
    assert_eq!(model.puts().len(), 2, "what changes nothing is not written");
    assert_eq!(inbound.metrics().accepted, 3);
}

#[test]
fn a_record_of_this_node_is_not_touched_by_a_copy_of_it() {
    let model = Model::default();
    let own = Record {
        publisher: Some(PeerId::random()),
        ..record("n/a", b"v1")
    };
    model.put_from(None, own.clone()).unwrap();
    let inbound = start(&model, InboundConfig::default());
    let copy = Record {
        publisher: Some(PeerId::random()),
        expires: Some(Instant::now()),
        ..own.clone()
    };
    let _ = inbound.offer(PeerId::random(), &copy);
    inbound.wait_until_idle();
    assert_eq!(model.record(&own.key), Some(own));
    assert_eq!(model.puts().len(), 1);
}

#[test]
fn a_stored_record_that_is_no_longer_valid_gives_way() {
    let model = Model::default();
    model.put_from(None, record("n/a", b"e9")).unwrap();
    let inbound = start(&model, InboundConfig::default());
    offer(&inbound, "n/a", b"v1");
    inbound.wait_until_idle();
    assert_eq!(model.value(b"n/a").unwrap(), b"v1");
}

#[test]
fn validators_are_shown_the_clock_of_the_configuration() {
    let model = Model::default();
    let config = InboundConfig {
        now: Arc::new(|| SystemTime::UNIX_EPOCH),
        ..InboundConfig::default()
    };
    let inbound = start(&model, config);
    offer(&inbound, "n/a", b"e1");
    inbound.wait_until_idle();
    assert_eq!(model.value(b"n/a").unwrap(), b"e1");
}

#[test]
fn what_is_refused_is_counted_by_reason_and_told_with_its_sender() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&heard);
    let config = InboundConfig {
        on_refused: Some(Arc::new(move |peer, key, rejection| {
            locked(&told).push((*peer, key.clone(), rejection.reason()));
        })),
        ..InboundConfig::default()
    };
    let model = Model::default();
    let inbound = start(&model, config);
    let peer = PeerId::random();
    let cases = [
        ("m/a", vec![b'v', 1], Reason::UnknownNamespace),
        ("n/a", Vec::new(), Reason::EmptyValue),
        ("n/a", vec![b'v'; 5000], Reason::ValueTooLarge),
        ("n/a", vec![b'x', 1], Reason::Invalid),
        ("n/a", vec![b'p', 1], Reason::Panicked),
    ];
    for (key, value, reason) in cases {
        let offered = inbound.offer(peer, &record(key, &value));
        let at_once = matches!(&offered, Offered::Refused(refused) if refused.reason() == reason);
        assert_eq!(
            at_once,
            !matches!(reason, Reason::Invalid | Reason::Panicked)
        );
        inbound.wait_until_idle();
        assert_eq!(inbound.metrics().refused(reason), 1, "{reason:?}");
        let last = locked(&heard).last().cloned();
        assert_eq!(last, Some((peer, RecordKey::new(&key), reason)));
    }
    assert_eq!(model.puts().len(), 0);
    offer(&inbound, "n/a", b"v1");
    inbound.wait_until_idle();
    assert_eq!(inbound.metrics().accepted, 1, "the worker lives on");
    assert_eq!(inbound.metrics().panics, 0);
}

#[test]
fn a_store_that_panics_or_is_full_is_counted() {
    let inbound = start(&Model::default(), InboundConfig::default());
    for key in ["n/broken", "n/full", "n/good"] {
        offer(&inbound, key, b"v1");
    }
    inbound.wait_until_idle();
    let metrics = inbound.metrics();
    assert_eq!(
        (metrics.panics, metrics.not_stored, metrics.accepted),
        (1, 1, 1)
    );
}

#[test]
fn a_flooding_peer_keeps_nobody_out() {
    let config = InboundConfig {
        queue_max: 64,
        source_max: 1000,
        ..InboundConfig::default()
    };
    let (inbound, model, entries, go) = gated(config);
    let [busy, flooder, other, honest] = [(); 4].map(|()| PeerId::random());
    let _ = inbound.offer(busy, &record("n/busy", b"first"));
    assert_eq!(entries.recv().unwrap(), b"first");
    let flood = |peer| {
        let offered =
            (0..1000).map(|at| inbound.offer(peer, &record(&format!("n/{peer}{at}"), b"flood")));
        offered.filter(|offered| !is_dropped(offered)).count()
    };
    assert_eq!(flood(flooder), 32, "half of the queue");
    assert_eq!(flood(other), 16, "half of the rest");
    let offered = inbound.offer(honest, &record("n/honest", b"honest"));
    assert!(matches!(offered, Offered::Queued));
    assert_eq!(inbound.metrics().dropped, 2000 - 48);
    assert_eq!(inbound.metrics().queued, 49);
    for _ in 0..50 {
        go.send(()).unwrap();
    }
    inbound.wait_until_idle();
    let order: Vec<_> = model.puts().into_iter().map(|(source, _)| source).collect();
    let [flooder, other, honest] = [flooder, other, honest].map(Some);
    assert_eq!(order[..5], [Some(busy), flooder, other, honest, flooder]);
}

#[test]
fn a_source_has_its_records_handled_in_their_order() {
    let (inbound, model, _entries, go) = gated(InboundConfig::default());
    let source = PeerId::random();
    for at in 0_u8..9 {
        let _ = inbound.offer(source, &record(&format!("n/{at}"), &[at]));
        go.send(()).unwrap();
    }
    inbound.wait_until_idle();
    let values: Vec<_> = model.puts().into_iter().map(|(_, value)| value).collect();
    assert_eq!(values, (0_u8..9).map(|at| vec![at]).collect::<Vec<_>>());
}

#[test]
fn a_full_queue_drops_and_lookups_have_a_place_of_their_own() {
    let config = InboundConfig {
        queue_max: 4,
        lookups_max: 1,
        ..InboundConfig::default()
    };
    let (inbound, _model, entries, go) = gated(config);
    offer(&inbound, "n/a", b"first");
    entries.recv().unwrap();
    let offered = (0..9).map(|_| inbound.offer(PeerId::random(), &record("n/a", b"v1")));
    assert_eq!(offered.filter(is_dropped).count(), 5);
    let (done, answers) = channel();
    let ask = |done: Sender<bool>| {
        inbound.check(RecordKey::new(b"n/a"), Vec::new(), move |found: Found| {
            let _ = done.send(found.best.is_none());
        })
    };
    assert!(matches!(ask(done.clone()), Offered::Queued));
    assert!(is_dropped(&ask(done)));
    for _ in 0..5 {
        go.send(()).unwrap();
    }
    assert_eq!(answers.iter().collect::<Vec<_>>(), [true]);
    inbound.wait_until_idle();
    assert_eq!(
        (inbound.metrics().dropped, inbound.metrics().lookups),
        (6, 1)
    );
}

#[test]
fn a_lookup_is_judged_by_a_worker_and_its_panic_ends_nothing() {
    let inbound = start(&Model::default(), InboundConfig::default());
    let peer = PeerId::random();
    let answer = |peer, value: &[u8]| PeerRecord {
        peer: Some(peer),
        record: record("n/a", value),
    };
    let records = vec![answer(PeerId::random(), b"v2"), answer(peer, b"x9")];
    let key = RecordKey::new(b"n/a");
    let _ = inbound.check(key.clone(), Vec::new(), |_| resume_unwind(Box::new("mine")));
    let (done, answers) = channel();
    let _ = inbound.check(key, records, move |found| {
        let _ = done.send((found, thread::current().id()));
    });
    let (found, thread) = answers.recv().unwrap();
    assert_ne!(thread, thread::current().id());
    assert_eq!(found.best.unwrap().value, b"v2");
    assert_eq!(found.invalid.first().unwrap().peer, Some(peer));
    inbound.wait_until_idle();
    assert_eq!(
        (inbound.metrics().panics, inbound.metrics().lookups),
        (1, 2)
    );
}

#[test]
fn provider_records_are_judged_and_lose_addresses_beyond_the_limit() {
    let model = Model::default();
    let inbound = start(&model, InboundConfig::default());
    let addresses = (0_u16..100).map(|port| {
        let text = format!("/ip4/10.0.0.1/tcp/{port}");
        text.parse::<Multiaddr>().unwrap()
    });
    let record = ProviderRecord::new(b"hash".to_vec(), PeerId::random(), addresses.collect());
    let _ = inbound.offer_provider(&record);
    let long = ProviderRecord::new(vec![0; 999], record.provider, Vec::new());
    assert!(matches!(inbound.offer_provider(&long), Offered::Refused(_)));
    inbound.wait_until_idle();
    let state = locked(&model.0);
    let [stored] = &state.providers[..] else {
        panic!("one provider record is stored");
    };
    assert_eq!(stored.provider, record.provider);
    assert_eq!(stored.addresses, record.addresses[..ADDRESSES_MAX]);
    assert_eq!(inbound.metrics().refused(Reason::KeyTooLong), 1);
}

#[test]
fn requests_that_carry_a_record_are_taken_and_others_left() {
    let model = Model::default();
    let inbound = start(&model, InboundConfig::default());
    let provider = ProviderRecord::new(b"hash".to_vec(), PeerId::random(), Vec::new());
    let event = |request| Event::InboundRequest { request };
    let add = |record| event(InboundRequest::AddProvider { record });
    assert!(inbound.on_event(&add(Some(provider))));
    assert!(!inbound.on_event(&add(None)));
    let find = InboundRequest::FindNode {
        num_closer_peers: 1,
    };
    assert!(!inbound.on_event(&event(find)));
    let routable = Event::UnroutablePeer {
        peer: PeerId::random(),
    };
    assert!(!inbound.on_event(&routable));
    inbound.wait_until_idle();
    assert_eq!(locked(&model.0).providers.len(), 1);
}

#[test]
fn dropping_ends_the_threads_and_forgets_what_waits() {
    let (inbound, model, entries, go) = gated(InboundConfig::default());
    offer(&inbound, "n/a", b"first");
    offer(&inbound, "n/b", b"second");
    let (done, answers) = channel::<()>();
    let _ = inbound.check(RecordKey::new(b"n/a"), Vec::new(), move |_| drop(done));
    entries.recv().unwrap();
    let alive = Arc::downgrade(&inbound.shared);
    let ending = thread::spawn(move || drop(inbound));
    // The callback that waits is dropped before the worker is joined.
    assert!(answers.recv().is_err());
    go.send(()).unwrap();
    ending.join().unwrap();
    assert!(alive.upgrade().is_none(), "a thread holds it still");
    assert_eq!(model.puts().len(), 1);
}

#[test]
fn the_last_handle_may_be_dropped_by_a_callback() {
    let inbound = Arc::new(start(&Model::default(), InboundConfig::default()));
    let (go, gate) = channel::<()>();
    let (done, answers) = channel::<()>();
    let held = Arc::clone(&inbound);
    let _ = inbound.check(RecordKey::new(b"n/a"), Vec::new(), move |_| {
        let _ = gate.recv();
        drop(held);
        drop(done);
    });
    drop(inbound);
    go.send(()).unwrap();
    assert!(answers.recv().is_err());
}

#[test]
fn an_ended_queue_takes_nothing_and_gives_nothing() {
    let queue = Queue::new(4, 4, 4);
    assert_eq!(queue.push(None, 1), Ok(()));
    queue.end();
    assert_eq!(queue.push(None, 2), Err(Full));
    assert_eq!(queue.take(), None);
    assert_eq!(queue.len(), 0);
    queue.wait_until_idle();
}
