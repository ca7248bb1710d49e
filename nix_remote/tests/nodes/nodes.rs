//! Nodes whose configuration a test changes.

use std::path::Path;

use libp2p::identity::Keypair;
use nix_remote::peers::{
    node::{Node, NodeConfig, NodeHandle, Status},
    transfer::Limits,
};
use nix_store::local::LocalStore;
use tempfile::TempDir;
use tokio::time::{Duration, sleep, timeout};

use crate::support::{PATIENCE, Peer, key, new_folder, open_store};

/// Starts a node on this machine beside the store in a folder.
pub(crate) fn start_at(
    folder: &Path,
    change: impl FnOnce(&mut NodeConfig),
) -> (LocalStore, NodeHandle) {
    let store = open_store(&folder.join("root"));
    let identity = Keypair::generate_ed25519();
    let mut config = NodeConfig::new("test", identity, folder.join("node"));
    config.listen = vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()];
    change(&mut config);
    let node = Node::start(config, store.clone()).unwrap();
    (store, node)
}

/// Starts a node on this machine in a folder of its own.
pub(crate) fn start_with(change: impl FnOnce(&mut NodeConfig)) -> Peer {
    start_in(new_folder(), change)
}

/// Starts a node on this machine in a folder that goes with it.
pub(crate) fn start_in(folder: TempDir, change: impl FnOnce(&mut NodeConfig)) -> Peer {
    let (store, node) = start_at(folder.path(), change);
    Peer {
        store,
        node,
        folder,
    }
}

/// Starts an honest node that gives one peer so many bytes in a second.
pub(crate) fn honest(bytes_per_second: u64) -> Peer {
    start_with(|config| {
        config.key = Some(key());
        config.limits.serve = Limits {
            bytes_per_second,
            burst_bytes: bytes_per_second / 4,
            ..Limits::default()
        };
    })
}

/// Waits until a node is as it is to be, and returns how it is then.
pub(crate) async fn status_when(
    node: &NodeHandle,
    mut is_so: impl FnMut(&Status) -> bool,
) -> Status {
    let wait = async {
        loop {
            let status = node.status().await.unwrap();
            if is_so(&status) {
                return status;
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, wait).await.unwrap()
}
