//! On which thread what is judged, how many at a time, how much of one peer waits, and who is said
//! to have sent it.

use std::{
    cmp::Ordering,
    sync::{
        atomic::{AtomicBool, Ordering as Atomic},
        mpsc::{Sender, channel},
    },
    thread::ThreadId,
    time::{Duration, Instant},
};

use super::{
    tests::{Model, gated, is_dropped, offer, record},
    *,
};
use crate::{
    records::validate::{Reason, Validator, tests::numbered},
    threads::{Condvar, Mutex},
    writer::locked,
};

/// Says which threads asked it.
#[derive(Clone, Default)]
struct Asked(Arc<Mutex<Vec<ThreadId>>>);

impl Asked {
    fn note(&self) {
        locked(&self.0).push(thread::current().id());
    }
}

impl Validator for Asked {
    fn validate(&self, _: &RecordKey, _: &[u8], _: SystemTime) -> Result<(), Rejection> {
        self.note();
        Ok(())
    }

    fn compare(&self, _: &RecordKey, left: &[u8], right: &[u8]) -> Ordering {
        self.note();
        left.cmp(right)
    }
}

/// How many compare and store at the same moment, and the most that ever did.
#[derive(Clone, Default)]
struct Crowd(Arc<(Mutex<(usize, usize)>, Condvar)>);

impl Sink for Crowd {
    /// Stays for a moment, or until somebody else is here too.
    fn record(&self, _: &RecordKey) -> Option<Record> {
        let (counts, entered) = &*self.0;
        let mut counts = locked(counts);
        counts.0 += 1;
        counts.1 = counts.1.max(counts.0);
        entered.notify_all();
        let moment = Duration::from_millis(20);
        let alone = |counts: &mut (usize, usize)| counts.0 < 2;
        drop(entered.wait_timeout_while(counts, moment, alone));
        None
    }

    fn put_from(&self, _: Option<PeerId>, _: Record) -> store::Result<()> {
        locked(&self.0.0).0 -= 1;
        Ok(())
    }

    fn add_provider(&self, _: ProviderRecord) -> store::Result<()> {
        Ok(())
    }
}

/// A store that takes a moment to store, and says when it begins and whether it has ended.
#[derive(Clone)]
struct Slow {
    begins: Sender<()>,
    has_ended: Arc<AtomicBool>,
}

impl Sink for Slow {
    fn record(&self, _: &RecordKey) -> Option<Record> {
        None
    }

    fn put_from(&self, _: Option<PeerId>, _: Record) -> store::Result<()> {
        let _ = self.begins.send(());
        thread::sleep(Duration::from_millis(20));
        self.has_ended.store(true, Atomic::SeqCst);
        Ok(())
    }

    fn add_provider(&self, _: ProviderRecord) -> store::Result<()> {
        Ok(())
    }
}

fn start<S: Sink>(sink: S, validators: Validators, workers: usize) -> Inbound {
    let config = InboundConfig {
        workers,
        ..InboundConfig::default()
    };
    Inbound::start(sink, Arc::new(validators), config).unwrap()
}

#[test]
fn nothing_is_judged_on_the_thread_that_offers_it() {
    let asked = Asked::default();
    let rule = asked.clone();
    let validators = Validators::new().with("n/", asked.clone()).unwrap();
    let validators = validators.with_provider_rule(move |_, _| {
        rule.note();
        Ok(())
    });
    let inbound = start(Crowd::default(), validators, 1);
    offer(&inbound, "n/a", b"v1");
    let provider = ProviderRecord::new(b"hash".to_vec(), PeerId::random(), Vec::new());
    assert!(matches!(inbound.offer_provider(&provider), Offered::Queued));
    let found = [b"v1", b"v2"].map(|value| PeerRecord {
        peer: None,
        record: record("n/a", value),
    });
    let offered = inbound.check(RecordKey::new(b"n/a"), found.to_vec(), drop);
    assert!(matches!(offered, Offered::Queued));
    inbound.wait_until_idle();
    let asked = locked(&asked.0);
    assert_eq!(
        asked.len(),
        5,
        "a record, a provider, two of a lookup, and their comparison"
    );
    assert!(asked.iter().all(|id| *id != thread::current().id()));
}

#[test]
fn the_rule_for_provider_records_decides_what_is_stored() {
    let banned = PeerId::random();
    let validators = Validators::new().with_provider_rule(move |record, _| {
        let is_banned = record.provider == banned;
        is_banned
            .then(|| Rejection::invalid("banned"))
            .map_or(Ok(()), Err)
    });
    let inbound = start(Crowd::default(), validators, 1);
    for provider in [banned, PeerId::random()] {
        let record = ProviderRecord::new(b"hash".to_vec(), provider, Vec::new());
        assert!(matches!(inbound.offer_provider(&record), Offered::Queued));
    }
    inbound.wait_until_idle();
    let metrics = inbound.metrics();
    assert_eq!((metrics.accepted, metrics.refused(Reason::Invalid)), (1, 1));
}

#[test]
fn records_of_one_key_are_compared_and_stored_one_at_a_time() {
    let validators = Validators::new().with("n/", Asked::default()).unwrap();
    let crowd = Crowd::default();
    let inbound = start(crowd.clone(), validators, 4);
    for _ in 0..8 {
        offer(&inbound, "n/a", b"v1");
    }
    inbound.wait_until_idle();
    assert_eq!(inbound.metrics().accepted, 8);
    assert_eq!(*locked(&crowd.0.0), (0, 1), "nobody else came in between");
}

#[test]
fn dropping_waits_for_what_a_worker_has_begun() {
    let (begins, begun) = channel();
    let has_ended = Arc::new(AtomicBool::new(false));
    let slow = Slow {
        begins,
        has_ended: Arc::clone(&has_ended),
    };
    let inbound = start(slow, numbered(), 1);
    offer(&inbound, "n/a", b"v1");
    begun.recv().unwrap();
    drop(inbound);
    assert!(has_ended.load(Atomic::SeqCst), "the thread writes no more");
}

#[test]
fn the_store_is_told_who_sent_what_it_is_given() {
    let model = Model::default();
    let inbound = start(model.clone(), numbered(), 1);
    let later = Some(Instant::now() + Duration::from_secs(60));
    // New, newer, the same with another expiry, and in the place of one that is valid no longer.
    let sent = [
        ("n/a", b"v1", None),
        ("n/a", b"v2", later),
        ("n/a", b"v2", None),
    ];
    model.put_from(None, record("n/b", b"e9")).unwrap();
    let mut senders = vec![None];
    for (key, value, expires) in sent.into_iter().chain([("n/b", b"v1", None)]) {
        let (sender, record) = (PeerId::random(), record(key, value));
        let _ = inbound.offer(sender, &Record { expires, ..record });
        inbound.wait_until_idle();
        senders.push(Some(sender));
    }
    let told: Vec<_> = model.puts().into_iter().map(|(sender, _)| sender).collect();
    assert_eq!(told, senders);
}

#[test]
fn a_peer_has_no_more_waiting_than_its_share_though_there_is_room() {
    let config = InboundConfig {
        source_max: 3,
        ..InboundConfig::default()
    };
    let (inbound, _model, entries, go) = gated(config);
    offer(&inbound, "n/a", b"first");
    entries.recv().unwrap();
    let peer = PeerId::random();
    let offered = (0..10).map(|_| inbound.offer(peer, &record("n/a", b"v1")));
    assert_eq!(offered.filter(is_dropped).count(), 7);
    // Its share is its own again as soon as its records are judged.
    for _ in 0..4 {
        go.send(()).unwrap();
    }
    inbound.wait_until_idle();
    let offered = inbound.offer(peer, &record("n/a", b"v1"));
    assert!(matches!(offered, Offered::Queued));
    drop(go);
}
