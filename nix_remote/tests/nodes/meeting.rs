//! With whom a node has to do: networks, addresses that are kept, and words that are not true.

use std::collections::BTreeSet;

use libp2p::PeerId;
use nix_core::{hash::Sha256, path_info::PathInfo, signature::SecretKey, store_path::StoreDir};
use nix_remote::peers::{
    announcement::{Announcement, Object, Statement},
    node::FindError,
};
use tokio::time::timeout;

use crate::{
    hostile::{Hostile, Role},
    nodes::start_with,
    seeds::{record_of, term},
    support::{PATIENCE, add, address, archive, key, new_folder, start, until},
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

fn wrong_signer(seed: u8) -> SecretKey {
    SecretKey::from_seed(format!("wrong-{seed}").parse().unwrap(), &[seed; 32])
}

fn forged(info: &PathInfo, root: [u8; 32], signer: &SecretKey) -> Announcement {
    let object = Object::new(info, root, 4);
    Announcement::sign(
        &StoreDir::default(),
        &Statement::PathInfo(object),
        term(1),
        signer,
    )
    .unwrap()
}

#[tokio::test]
async fn where_a_trusted_signer_is_wrong_the_word_of_another_is_tried() {
    let first = start(new_folder(), Vec::new(), Some(key()));
    let info = add(&first.store, "text", 300_000, &[]);
    let other = add(&first.store, "other", 400_000, &[]);
    let third = add(&first.store, "third", 350_000, &[]);
    let mut roots = Vec::new();
    for path in [&info.path, &other.path, &third.path] {
        let announced = timeout(PATIENCE, first.node.announce(path)).await.unwrap();
        roots.push(*announced.unwrap().root());
    }
    // The first has an archive that is there and is not what it says; the second one that nobody
    // has; the third one that is another object's.
    let stranger = Hostile::start(Role::default()).await;
    stranger.meet(address(&first).await);
    for (seed, root, hash, size) in [
        (8, roots[1], info.nar_hash, other.nar_size),
        (9, [5; 32], Sha256::of(b"no"), other.nar_size),
        (10, roots[2], third.nar_hash, third.nar_size),
    ] {
        let said = PathInfo {
            nar_hash: hash,
            nar_size: size,
            ..info.clone()
        };
        let said = forged(&said, root, &wrong_signer(seed));
        stranger.put(first.node.id(), record_of(&said));
    }
    until(&first, |status| status.records == 6).await;
    let bootstrap = vec![address(&first).await];
    let second = start_with(|config| {
        config.bootstrap = bootstrap;
        let keys = [8, 9, 10].map(|seed| wrong_signer(seed).public_key().to_string());
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
    assert_eq!(tried.len(), 4);
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
