//! Nodes that share store objects.

pub mod child;
pub mod kill;
pub mod lookups;
pub mod memory;
pub mod one;
mod raw;
pub mod three;

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

use libp2p::{Multiaddr, identity::Keypair, multiaddr::Protocol};
use nix_core::{
    content_address::{ContentAddressMethod, MethodAlgorithm},
    hash::Algorithm,
    signature::SecretKey,
    store_path::{StoreDir, StorePath, StorePathName},
};
use nix_remote::peers::node::{Node, NodeConfig, NodeHandle};
use nix_store::local::{LocalOptions, LocalStore, StoreLayout};
use tokio::{
    runtime::{Builder, Runtime},
    time::sleep,
};

use crate::Random;

const MIB: usize = 1 << 20;

/// A node and the store beside it.
pub struct Peer {
    pub store: LocalStore,
    pub node: NodeHandle,
}

/// Starts a node with a store in a folder.
#[must_use]
pub fn start(
    folder: &Path,
    bootstrap: Vec<Multiaddr>,
    change: impl FnOnce(&mut NodeConfig),
) -> Peer {
    let layout = StoreLayout::below(folder.join("root"), StoreDir::default());
    let options = LocalOptions {
        fsync: false,
        ..LocalOptions::default()
    };
    let store = LocalStore::open(layout, &options).unwrap();
    let mut config = NodeConfig::new("bench", Keypair::generate_ed25519(), folder.join("node"));
    config.listen = vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()];
    config.bootstrap = bootstrap;
    let name = "bench-1".parse().unwrap();
    config.key = Some(SecretKey::from_seed(name, &[7; 32]));
    // What a budget costs is measured where one is set.
    config.limits.serve.bytes_per_second = 1 << 40;
    config.limits.serve.burst_bytes = 1 << 40;
    change(&mut config);
    let node = Node::start(config, store.clone()).unwrap();
    Peer { store, node }
}

/// Returns where a node listens, with its name.
pub async fn address(peer: &Peer) -> Multiaddr {
    loop {
        let listeners = peer.node.status().await.unwrap().listeners;
        if let Some(address) = listeners.into_iter().next() {
            return address.with(Protocol::P2p(*peer.node.id()));
        }
        sleep(Duration::from_millis(5)).await;
    }
}

/// Writes a file of bytes that no two groups share.
#[must_use]
pub fn file(folder: &Path, mib: usize) -> PathBuf {
    let path = folder.join("contents");
    let mut file = File::create(&path).unwrap();
    let mut random = Random::new(11);
    for _ in 0..mib {
        let words = (0..MIB / 8).flat_map(|_| random.number().to_ne_bytes());
        file.write_all(&words.collect::<Vec<_>>()).unwrap();
    }
    path
}

/// Adds a file to a store and announces it.
pub async fn announce(peer: &Peer, file: &Path) -> StorePath {
    let how = MethodAlgorithm {
        method: ContentAddressMethod::Nar,
        algorithm: Algorithm::Sha256,
    };
    let name = StorePathName::new("contents").unwrap();
    let added = peer.store.add_path(file, &name, how).unwrap();
    peer.node.announce(&added.path).await.unwrap();
    added.path
}

/// Returns a runtime with a thread for each core.
#[must_use]
pub fn runtime() -> Runtime {
    Builder::new_multi_thread().enable_all().build().unwrap()
}
