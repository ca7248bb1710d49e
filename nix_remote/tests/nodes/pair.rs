//! Two nodes over TCP on this machine.

use std::{collections::BTreeSet, path::Path, time::Duration};

use libp2p::{Multiaddr, identity::Keypair, multiaddr::Protocol};
use nix_core::{
    path_info::PathInfo,
    signature::SecretKey,
    store_path::{StoreDir, StorePath, StorePathName},
};
use nix_remote::peers::{
    lookup::ClosureError,
    node::{AnnounceError, FetchError, FindError, Node, NodeConfig, NodeHandle, Stopped},
};
use nix_store::{
    local::{LocalOptions, LocalStore, StoreLayout},
    store::{ReadStore, WriteStore},
};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

/// How long anything may take; it ends as soon as it is done.
const PATIENCE: Duration = Duration::from_secs(30);

/// A node with a store in a folder of its own.
struct Peer {
    store: LocalStore,
    node: NodeHandle,
    folder: TempDir,
}

fn open_store(folder: &Path) -> LocalStore {
    let layout = StoreLayout::below(folder, StoreDir::default());
    let options = LocalOptions {
        fsync: false,
        ..LocalOptions::default()
    };
    LocalStore::open(layout, &options).unwrap()
}

fn key() -> SecretKey {
    SecretKey::from_seed("cache-1".parse().unwrap(), &[7; 32])
}

fn start(folder: TempDir, bootstrap: Vec<Multiaddr>, key: Option<SecretKey>) -> Peer {
    let store = open_store(&folder.path().join("root"));
    let identity = Keypair::generate_ed25519();
    let mut config = NodeConfig::new("test", identity, folder.path().join("node"));
    config.listen = vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()];
    config.bootstrap = bootstrap;
    config.key = key;
    let node = Node::start(config, store.clone()).unwrap();
    Peer {
        store,
        node,
        folder,
    }
}

fn new_folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// Returns where a node listens, with its name, once it does.
async fn address(peer: &Peer) -> Multiaddr {
    let wait = async {
        loop {
            let listeners = peer.node.status().await.unwrap().listeners;
            if let Some(address) = listeners.into_iter().next() {
                return address.with(Protocol::P2p(*peer.node.id()));
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, wait).await.unwrap()
}

/// Adds a text of so many bytes to a store.
fn add(store: &LocalStore, name: &str, bytes: usize, references: &[&StorePath]) -> PathInfo {
    let name = StorePathName::new(name).unwrap();
    let text: Vec<u8> = (0..=250).cycle().take(bytes).collect();
    let references: BTreeSet<_> = references.iter().map(|&path| path.clone()).collect();
    store.add_text(&name, &text, &references).unwrap()
}

fn archive(store: &LocalStore, path: &StorePath) -> Vec<u8> {
    let mut nar = Vec::new();
    store.write_nar(path, &mut nar).unwrap();
    nar
}

#[tokio::test]
async fn what_one_node_announces_another_fetches_with_all_that_it_refers_to() {
    let first = start(new_folder(), Vec::new(), Some(key()));
    let small = add(&first.store, "small", 10, &[]).path;
    let large = add(&first.store, "large", 3_000_000, &[&small]).path;
    for path in [&small, &large] {
        let announced = timeout(PATIENCE, first.node.announce(path)).await.unwrap();
        announced.unwrap();
    }

    let second = start(new_folder(), vec![address(&first).await], None);
    let found = timeout(PATIENCE, second.node.find(&large)).await.unwrap();
    let found = found.unwrap();
    assert_eq!(found.object().path, large);
    assert_eq!(found.providers().collect::<Vec<_>>(), [first.node.id()]);

    let fetched = timeout(PATIENCE, second.node.fetch([large.clone()]))
        .await
        .unwrap();
    assert_eq!(
        fetched.unwrap().added,
        [small.clone(), large.clone()].into()
    );
    for path in [&small, &large] {
        assert_eq!(archive(&second.store, path), archive(&first.store, path));
    }
    let again = timeout(PATIENCE, second.node.fetch([large])).await.unwrap();
    assert!(again.unwrap().added.is_empty());

    let status = second.node.status().await.unwrap();
    assert!(status.connected.contains(first.node.id()));
    assert_eq!((status.shared, status.banned_peers), (2, 0));
    first.node.shutdown().await.unwrap();
    second.node.shutdown().await.unwrap();
    assert_eq!(second.node.status().await.unwrap_err(), Stopped);
}

#[tokio::test]
async fn a_closure_of_which_a_part_is_not_announced_is_not_fetched() {
    let first = start(new_folder(), Vec::new(), Some(key()));
    let needed = add(&first.store, "needed", 10, &[]).path;
    let wanted = add(&first.store, "wanted", 10, &[&needed]).path;
    let announced = timeout(PATIENCE, first.node.announce(&wanted))
        .await
        .unwrap();
    announced.unwrap();

    let second = start(new_folder(), vec![address(&first).await], None);
    let refused = timeout(PATIENCE, second.node.fetch([wanted.clone()]))
        .await
        .unwrap();
    let Err(FetchError::Closure(ClosureError::Unresolved { paths })) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(paths, [needed].into());
    assert!(second.store.valid_paths().unwrap().is_empty());
    let known = second.node.find(&wanted).await;
    assert!(known.is_ok());
    first.node.shutdown().await.unwrap();
    second.node.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_damaged_archive_is_not_sent_and_not_added() {
    let first = start(new_folder(), Vec::new(), Some(key()));
    let path = add(&first.store, "text", 200_000, &[]).path;
    let announced = timeout(PATIENCE, first.node.announce(&path)).await.unwrap();
    announced.unwrap();
    for entry in std::fs::read_dir(first.folder.path().join("node/archives")).unwrap() {
        let file = entry.unwrap().path();
        if file.extension().is_some_and(|extension| extension == "nar") {
            let mut bytes = std::fs::read(&file).unwrap();
            *bytes.get_mut(100_000).unwrap() ^= 1;
            std::fs::write(file, bytes).unwrap();
        }
    }

    let second = start(new_folder(), vec![address(&first).await], None);
    let refused = timeout(PATIENCE, second.node.fetch([path])).await.unwrap();
    assert!(matches!(refused, Err(FetchError::Objects { .. })));
    assert!(second.store.valid_paths().unwrap().is_empty());
    assert_eq!(first.node.status().await.unwrap().shared, 0);
    first.node.shutdown().await.unwrap();
    second.node.shutdown().await.unwrap();
}

#[tokio::test]
async fn what_is_not_valid_or_private_is_not_announced_and_without_a_key_nothing_is_announced() {
    let peer = start(new_folder(), Vec::new(), Some(key()));
    let missing = StorePath::new([1; 20], &StorePathName::new("missing").unwrap());
    let refused = peer.node.announce(&missing).await;
    assert!(matches!(refused, Err(AnnounceError::NotValid(path)) if path == missing));

    let public = add(&peer.store, "public", 10, &[]);
    let name = StorePathName::new("private").unwrap();
    let private = PathInfo {
        path: StorePath::new([2; 20], &name),
        content_address: None,
        ..public.clone()
    };
    let nar = archive(&peer.store, &public.path);
    peer.store.add_nar(&private, &mut &nar[..]).unwrap();
    let refused = peer.node.announce(&private.path).await;
    assert!(matches!(refused, Err(AnnounceError::Private(path)) if path == private.path));
    assert_eq!(peer.node.status().await.unwrap().records, 0);

    let mute = start(new_folder(), Vec::new(), None);
    let path = add(&mute.store, "text", 10, &[]).path;
    let refused = mute.node.announce(&path).await;
    assert!(matches!(refused, Err(AnnounceError::NoKey)));
    // Without any peer there is nobody who could know.
    assert_eq!(mute.node.find(&missing).await, Err(FindError::Unanswered));
    peer.node.shutdown().await.unwrap();
    mute.node.shutdown().await.unwrap();
}
