//! A republisher with a real behaviour: what is due goes out, and is found.

use std::{
    sync::{Arc, Mutex},
    time::Instant,
};

use libp2p::{
    identity::Keypair,
    kad::{self, ProviderRecord, store::MemoryStore},
};
use netabase_store::{
    backends::redb::RedbBackend,
    records::{KadStore, RecordStoreConfig, RepublishConfig, RepublishMetrics, Republisher},
};
use record_store_tests::{Home, key};

use super::net::{AnyStore, Medium, Running, start};

const KEYS: u64 = 5;
const WHOLE: &str = "nothing panics that holds it";

type Shared = Arc<Mutex<Republisher<kad::Behaviour<AnyStore>>>>;

/// Polls a republisher with the behaviour of a node, once.
async fn poll(node: &Running, republisher: &Shared, records: &KadStore<RedbBackend>) {
    let (republisher, records) = (Arc::clone(republisher), records.clone());
    let poll = move |node: &mut super::net::Node| {
        let mut republisher = republisher.lock().expect(WHOLE);
        republisher.poll(Instant::now(), &records, node.behaviour_mut());
    };
    node.call(poll).await;
}

fn metrics(republisher: &Shared, records: &KadStore<RedbBackend>) -> RepublishMetrics {
    let republisher = republisher.lock().expect(WHOLE);
    republisher.metrics(Instant::now(), records)
}

#[tokio::test]
async fn what_was_never_announced_goes_out_at_the_first_poll_after_a_restart() {
    let keypair = Keypair::generate_ed25519();
    let peer = keypair.public().to_peer_id();
    let config = RecordStoreConfig::default();
    let mut home = Home::<RedbBackend>::new();
    let records = home.records(peer, &config);
    for number in 0..KEYS {
        let own = ProviderRecord::new(key(number), peer, Vec::new());
        records.add_provider_record(own).unwrap();
    }
    drop(records);
    home.close();
    home.open();

    let records = home.records(peer, &config);
    assert_eq!(records.health().overdue_announcements, 5);
    let others = Keypair::generate_ed25519();
    let memory = AnyStore::Libp2p(MemoryStore::new(others.public().to_peer_id()));
    let mut other = start(Medium::Memory, &others, memory, &[]).await;
    let store = AnyStore::Redb(records.clone());
    let mut node = start(Medium::Memory, &keypair, store, &[&other]).await;

    let republisher = Republisher::new(peer, RepublishConfig::default());
    let republisher: Shared = Arc::new(Mutex::new(republisher));
    poll(&node, &republisher, &records).await;
    assert_eq!(metrics(&republisher, &records).started, KEYS);
    while metrics(&republisher, &records).in_flight > 0 {
        let event = node.next_event().await;
        let mut republisher = republisher.lock().expect(WHOLE);
        republisher.on_event(Instant::now(), &records, &event);
    }
    assert_eq!(metrics(&republisher, &records).succeeded, KEYS);
    assert_eq!(records.health().overdue_announcements, 0);
    for number in 0..KEYS {
        assert_eq!(other.providers(key(number)).await, [peer]);
    }

    // What was announced is not announced again soon, by this process or the next.
    poll(&node, &republisher, &records).await;
    assert_eq!(metrics(&republisher, &records).started, KEYS);
    drop(records);
    node.kill().await;
    home.close();
    home.open();
    let records = home.records(peer, &config);
    assert_eq!(records.health().announcements, 5);
    assert_eq!(records.health().overdue_announcements, 0);
}
