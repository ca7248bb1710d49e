//! Nodes on this machine, each with a store in a folder of its own.

use std::{collections::BTreeSet, path::Path, time::Duration};

use libp2p::{Multiaddr, multiaddr::Protocol};
use nix_core::{
    path_info::PathInfo,
    signature::SecretKey,
    store_path::{StoreDir, StorePath, StorePathName},
};
use nix_remote::peers::node::{NodeHandle, Status};
use nix_store::{
    local::{LocalOptions, LocalStore, StoreLayout},
    store::ReadStore,
};
use tempfile::TempDir;

use crate::nodes::{start_in, status_when};

/// How long anything may take; it ends as soon as it is done.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A node with a store in a folder of its own.
pub(crate) struct Peer {
    pub(crate) store: LocalStore,
    pub(crate) node: NodeHandle,
    pub(crate) folder: TempDir,
}

pub(crate) fn open_store(folder: &Path) -> LocalStore {
    let layout = StoreLayout::below(folder, StoreDir::default());
    let options = LocalOptions {
        fsync: false,
        ..LocalOptions::default()
    };
    LocalStore::open(layout, &options).unwrap()
}

pub(crate) fn key() -> SecretKey {
    SecretKey::from_seed("cache-1".parse().unwrap(), &[7; 32])
}

pub(crate) fn start(folder: TempDir, bootstrap: Vec<Multiaddr>, key: Option<SecretKey>) -> Peer {
    start_in(folder, |config| {
        config.bootstrap = bootstrap;
        config.key = key;
    })
}

pub(crate) fn new_folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// Returns where a node listens, with its name, once it does.
pub(crate) async fn address(peer: &Peer) -> Multiaddr {
    let status = status_when(&peer.node, |status| !status.listeners.is_empty()).await;
    let address = status.listeners.into_iter().next().unwrap();
    address.with(Protocol::P2p(*peer.node.id()))
}

/// Adds a text of so many bytes to a store.
pub(crate) fn add(
    store: &LocalStore,
    name: &str,
    bytes: usize,
    references: &[&StorePath],
) -> PathInfo {
    let name = StorePathName::new(name).unwrap();
    let text: Vec<u8> = (0..=250).cycle().take(bytes).collect();
    let references: BTreeSet<_> = references.iter().map(|&path| path.clone()).collect();
    store.add_text(&name, &text, &references).unwrap()
}

pub(crate) fn archive(store: &LocalStore, path: &StorePath) -> Vec<u8> {
    let mut nar = Vec::new();
    store.write_nar(path, &mut nar).unwrap();
    nar
}

/// Waits until a node is as it should be.
pub(crate) async fn until(peer: &Peer, is_so: impl Fn(&Status) -> bool) {
    status_when(&peer.node, is_so).await;
}
