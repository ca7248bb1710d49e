//! With whom a node has to do: networks, addresses that are kept, and words that are not true.

use std::collections::BTreeSet;

use libp2p::{
    PeerId, StreamProtocol, Swarm, SwarmBuilder,
    futures::StreamExt,
    kad::{self, Quorum, Record, store::MemoryStore},
    noise,
    swarm::SwarmEvent,
    tcp, yamux,
};
use nix_core::{hash::Sha256, path_info::PathInfo, signature::SecretKey, store_path::StoreDir};
use nix_remote::peers::{
    announcement::{Announcement, Object, Statement, Term},
    node::FindError,
};
use tokio::time::timeout;

use crate::{
    nodes::start_with,
    support::{PATIENCE, Peer, add, address, archive, key, new_folder, start, until},
};

#[tokio::test]
async fn addresses_of_peers_outlive_a_node_and_lead_it_back() {
    let first = start(new_folder(), Vec::new(), Some(key()));
    let path = add(&first.store, "text", 10, &[]).path;
    let announced = timeout(PATIENCE, first.node.announce(&path)).await.unwrap();
    announced.unwrap();
    let second = start(new_folder(), vec![address(&first).await], None);
    until(&second, |status| status.known_peers == 1).await;
    second.node.shutdown().await.unwrap();

    let again = start(second.folder, Vec::new(), None);
    let fetched = timeout(PATIENCE, again.node.fetch([path.clone()])).await;
    assert_eq!(fetched.unwrap().unwrap().added, [path].into());
    first.node.shutdown().await.unwrap();
    again.node.shutdown().await.unwrap();
}

#[tokio::test]
async fn nodes_of_another_network_are_strangers() {
    let first = start(new_folder(), Vec::new(), Some(key()));
    let path = add(&first.store, "text", 10, &[]).path;
    let announced = timeout(PATIENCE, first.node.announce(&path)).await.unwrap();
    announced.unwrap();
    let bootstrap = vec![address(&first).await];
    let other = start_with(|config| {
        config.network = "other".to_owned();
        config.bootstrap = bootstrap;
    });
    let found = timeout(PATIENCE, other.node.find(&path)).await.unwrap();
    assert!(matches!(
        found,
        Err(FindError::Unanswered | FindError::Absent)
    ));
    until(&other, |status| status.connected.is_empty()).await;
    assert_eq!(other.node.status().await.unwrap().known_peers, 0);
    assert_eq!(first.node.status().await.unwrap().known_peers, 0);
    first.node.shutdown().await.unwrap();
    other.node.shutdown().await.unwrap();
}

#[tokio::test]
async fn who_is_not_on_the_list_is_not_spoken_to() {
    let first = start_with(|config| {
        config.allowed = Some([PeerId::random()].into());
    });
    let second = start(new_folder(), vec![address(&first).await], None);
    let path = add(&second.store, "text", 10, &[]).path;
    let found = timeout(PATIENCE, second.node.find(&path)).await.unwrap();
    assert!(found.is_err());
    assert!(first.node.status().await.unwrap().connected.is_empty());
    first.node.shutdown().await.unwrap();
    second.node.shutdown().await.unwrap();
}

/// A peer of the DHT that is no node.
async fn stranger(of: &Peer) -> Swarm<kad::Behaviour<MemoryStore>> {
    let builder = SwarmBuilder::with_new_identity().with_tokio();
    let builder = builder.with_tcp(
        tcp::Config::default(),
        noise::Config::new,
        yamux::Config::default,
    );
    let builder = builder.unwrap().with_behaviour(|keys| {
        let id = keys.public().to_peer_id();
        let config = kad::Config::new(StreamProtocol::new("/netabase-nix/test/kad/1"));
        kad::Behaviour::with_config(id, MemoryStore::new(id), config)
    });
    let mut swarm = builder.unwrap().build();
    let mut at = address(of).await;
    at.pop();
    swarm.behaviour_mut().add_address(of.node.id(), at);
    swarm
}

/// Puts an announcement into the DHT.
async fn put(swarm: &mut Swarm<kad::Behaviour<MemoryStore>>, announcement: &Announcement) {
    let record = Record::new(
        announcement.key().to_bytes(),
        announcement.as_bytes().to_vec(),
    );
    let query = swarm
        .behaviour_mut()
        .put_record(record, Quorum::One)
        .unwrap();
    loop {
        if let SwarmEvent::Behaviour(kad::Event::OutboundQueryProgressed { id, result, .. }) =
            swarm.select_next_some().await
            && id == query
        {
            let kad::QueryResult::PutRecord(put) = result else {
                panic!("{result:?}");
            };
            put.unwrap();
            return;
        }
    }
}

fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.unwrap().as_secs()
}

fn wrong_signer(seed: u8) -> SecretKey {
    SecretKey::from_seed(format!("wrong-{seed}").parse().unwrap(), &[seed; 32])
}

fn forged(info: &PathInfo, root: [u8; 32], signer: &SecretKey) -> Announcement {
    let object = Object::new(info, root, 4);
    let term = Term {
        sequence: now() + 60,
        issued_at: now() + 60,
        not_after: now() + 3600,
    };
    Announcement::sign(
        &StoreDir::default(),
        &Statement::PathInfo(object),
        term,
        signer,
    )
    .unwrap()
}

#[tokio::test]
async fn where_a_trusted_signer_is_wrong_the_word_of_another_is_tried() {
    let first = start(new_folder(), Vec::new(), Some(key()));
    let info = add(&first.store, "text", 300_000, &[]);
    let other = add(&first.store, "other", 400_000, &[]);
    let mut roots = Vec::new();
    for path in [&info.path, &other.path] {
        let announced = timeout(PATIENCE, first.node.announce(path)).await.unwrap();
        roots.push(*announced.unwrap().root());
    }
    // The first has an archive that is there and is not what it says; the second one that nobody has.
    let mut swarm = stranger(&first).await;
    for (seed, root, hash) in [
        (8, roots[1], info.nar_hash),
        (9, [5; 32], Sha256::of(b"no")),
    ] {
        let said = PathInfo {
            nar_hash: hash,
            nar_size: other.nar_size,
            ..info.clone()
        };
        let said = forged(&said, root, &wrong_signer(seed));
        timeout(PATIENCE, put(&mut swarm, &said)).await.unwrap();
    }
    let bootstrap = vec![address(&first).await];
    let second = start_with(|config| {
        config.bootstrap = bootstrap;
        let keys = [8, 9].map(|seed| wrong_signer(seed).public_key().to_string());
        config.trusted = keys.join(" ").parse().unwrap();
    });
    let found = timeout(PATIENCE, second.node.find(&info.path))
        .await
        .unwrap();
    let found = found.unwrap();
    let tried: BTreeSet<_> = found
        .archives()
        .iter()
        .map(|archive| archive.root)
        .collect();
    assert_eq!(tried.len(), 3);
    assert!(!found.contradictions().is_empty());

    let fetched = timeout(PATIENCE, second.node.fetch([info.path.clone()])).await;
    assert_eq!(fetched.unwrap().unwrap().added, [info.path.clone()].into());
    assert_eq!(
        archive(&second.store, &info.path),
        archive(&first.store, &info.path)
    );
    first.node.shutdown().await.unwrap();
    second.node.shutdown().await.unwrap();
}
