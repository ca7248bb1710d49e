//! Where libp2p's `MemoryStore` fails on the wire, and ours does not.

use libp2p::{
    identity::Keypair,
    kad::store::{MemoryStore, RecordStore as _},
};
use netabase_store::{backends::memory::MemoryBackend, records::RecordStoreConfig};
use record_store_tests::{Home, OK, key, peer, provider, record, said};

use super::net::{AnyStore, Medium, Running, start};

/// Starts a node with a store and one that knows it.
async fn pair(keypair: &Keypair, store: AnyStore) -> (Running, Running) {
    let serves = start(Medium::Memory, keypair, store, &[]).await;
    let other = Keypair::generate_ed25519();
    let nothing = AnyStore::Libp2p(MemoryStore::new(other.public().to_peer_id()));
    let asks = start(Medium::Memory, &other, nothing, &[&serves]).await;
    (serves, asks)
}

/// Returns of how many of twenty providers another node gets to know.
async fn providers_heard_of(keypair: &Keypair, mut store: AnyStore, addresses: u16) -> usize {
    for of in 1..=20 {
        let provider = provider(1, peer(of), addresses);
        assert_eq!(said(store.add_provider(provider)), OK);
    }
    let (serves, mut asks) = pair(keypair, store).await;
    let found = asks.providers(key(1)).await.len();
    serves.kill().await;
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn finding_6_twenty_providers_of_sixteen_addresses_are_heard_of() {
    let keypair = Keypair::generate_ed25519();
    let local = keypair.public().to_peer_id();
    let theirs = || AnyStore::Libp2p(MemoryStore::new(local));
    assert_eq!(providers_heard_of(&keypair, theirs(), 4).await, 20);
    let heard_of = providers_heard_of(&keypair, theirs(), 16).await;
    assert_eq!(heard_of, 0, "the answer is too large");
    for addresses in [4, 16, 1000] {
        let home = Home::<MemoryBackend>::new();
        let ours = AnyStore::Memory(home.records(local, &RecordStoreConfig::default()));
        assert_eq!(providers_heard_of(&keypair, ours, addresses).await, 20);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn finding_8_a_publisher_is_told_that_its_record_was_refused() {
    let keypair = Keypair::generate_ed25519();
    let local = keypair.public().to_peer_id();
    let mut config = RecordStoreConfig::default();
    config.max_records_per_publisher = 1;
    let home = Home::<MemoryBackend>::new();
    let records = home.records(local, &config);
    let store = AnyStore::Memory(records.clone());
    let (serves, mut publishes) = pair(&keypair, store).await;
    let publisher = publishes.peer;
    assert!(publishes.put_to(record(1, publisher, 9), serves.peer).await);
    assert!(!publishes.put_to(record(2, publisher, 9), serves.peer).await);
    assert!(
        publishes
            .put_to(record(1, publisher, 10), serves.peer)
            .await
    );
    assert_eq!(records.iter_records().count(), 1);
    assert_eq!(records.health().metrics.refused_full, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn finding_9_what_comes_over_the_wire_has_an_end() {
    let keypair = Keypair::generate_ed25519();
    let local = keypair.public().to_peer_id();
    let config = RecordStoreConfig::default();
    let home = Home::<MemoryBackend>::new();
    let records = home.records(local, &config);
    let store = AnyStore::Memory(records.clone());
    let (serves, mut publishes) = pair(&keypair, store).await;
    let publisher = publishes.peer;
    assert!(publishes.put_to(record(1, publisher, 9), serves.peer).await);
    let expires = records.record(&key(1)).and_then(|found| found.expires);
    let end = records.clock().now() + config.max_ttl;
    assert!(expires.is_some_and(|expires| expires <= end));
}
