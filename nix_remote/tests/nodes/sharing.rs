//! What a node shares of its store, and for how long.

use std::{collections::BTreeSet, path::Path};

use libp2p::{Multiaddr, identity::Keypair};
use nix_core::store_path::StorePath;
use nix_remote::peers::node::{FetchError, NodeConfig};
use nix_store::store::WriteStore;
use tokio::time::timeout;

use crate::{
    nodes::start_in,
    support::{PATIENCE, Peer, add, address, archive, key, new_folder, open_store, start, until},
};

/// Starts a node with one name and the key, whose configuration is changed before.
fn start_seeder(folder: tempfile::TempDir, change: impl FnOnce(&mut NodeConfig)) -> Peer {
    start_in(folder, |config| {
        config.identity = Keypair::ed25519_from_bytes([3; 32]).unwrap();
        config.key = Some(key());
        change(config);
    })
}

fn files(folder: &Path) -> BTreeSet<String> {
    let files = std::fs::read_dir(folder.join("node/archives")).unwrap();
    let extension = |path: std::path::PathBuf| path.extension().unwrap().to_str().unwrap().into();
    files.map(|file| extension(file.unwrap().path())).collect()
}

async fn fetch(from: Multiaddr, path: &StorePath) -> Peer {
    let peer = start(new_folder(), vec![from], None);
    let fetched = timeout(PATIENCE, peer.node.fetch([path.clone()])).await;
    fetched.unwrap().unwrap();
    peer
}

#[tokio::test]
async fn the_closures_of_roots_are_announced_and_after_a_restart_again_without_hashing() {
    let folder = new_folder();
    let store = open_store(&folder.path().join("root"));
    let needed = add(&store, "needed", 100_000, &[]).path;
    let root = add(&store, "root", 10, &[&needed]).path;
    let other = add(&store, "other", 10, &[]).path;
    drop(store);

    let roots: BTreeSet<_> = [root.clone()].into();
    let peer = start_seeder(folder, |config| config.roots = roots.clone());
    until(&peer, |status| status.announcing.announced == 2).await;
    assert_eq!(files(peer.folder.path()), ["outboard".to_owned()].into());
    let second = fetch(address(&peer).await, &root).await;
    assert!(second.node.find(&other).await.is_err());
    second.node.shutdown().await.unwrap();
    peer.node.shutdown().await.unwrap();

    let outboards = peer.folder.path().join("node/archives");
    let written = || {
        let files = std::fs::read_dir(&outboards).unwrap();
        let written = files.map(|file| file.unwrap().metadata().unwrap().modified().unwrap());
        written.max().unwrap()
    };
    let before = written();
    let again = start_seeder(peer.folder, |config| config.roots = roots);
    assert_eq!(again.node.status().await.unwrap().shared, 2);
    until(&again, |status| status.announcing.announced == 2).await;
    assert_eq!(written(), before);
    let third = fetch(address(&again).await, &root).await;
    assert_eq!(
        archive(&third.store, &needed),
        archive(&again.store, &needed)
    );
    third.node.shutdown().await.unwrap();
    again.node.shutdown().await.unwrap();
}

#[tokio::test]
async fn an_object_that_was_deleted_is_not_shared_any_more() {
    let first = start(new_folder(), Vec::new(), Some(key()));
    let path = add(&first.store, "text", 100_000, &[]).path;
    let announced = timeout(PATIENCE, first.node.announce(&path)).await.unwrap();
    announced.unwrap();
    first.store.delete(&[path.clone()].into()).unwrap();

    let second = start(new_folder(), vec![address(&first).await], None);
    let refused = timeout(PATIENCE, second.node.fetch([path])).await.unwrap();
    assert!(matches!(refused, Err(FetchError::Objects { .. })));
    until(&first, |status| status.shared == 0).await;
    until(&first, |_| files(first.folder.path()).is_empty()).await;
    second.node.shutdown().await.unwrap();
    first.node.shutdown().await.unwrap();
}

#[tokio::test]
async fn objects_with_one_archive_are_all_fetched_and_one_that_is_deleted_leaves_the_others() {
    let first = start(new_folder(), Vec::new(), Some(key()));
    let texts = ["one", "two", "three"].map(|name| add(&first.store, name, 150_000, &[]).path);
    let references: Vec<_> = texts.iter().collect();
    let root = add(&first.store, "root", 10, &references).path;
    for path in references.into_iter().chain([&root]) {
        let announced = timeout(PATIENCE, first.node.announce(path)).await.unwrap();
        announced.unwrap();
    }
    assert_eq!(first.node.status().await.unwrap().shared, 2);

    for is_shared in [true, false] {
        let bootstrap = vec![address(&first).await];
        let second = start_seeder(new_folder(), |config| {
            config.bootstrap = bootstrap;
            config.share_fetched = is_shared;
        });
        let fetched = timeout(PATIENCE, second.node.fetch([root.clone()])).await;
        assert_eq!(fetched.unwrap().unwrap().added.len(), 4);
        for path in &texts {
            assert_eq!(archive(&second.store, path), archive(&first.store, path));
        }
        let shared = second.node.status().await.unwrap().shared;
        assert_eq!(shared, if is_shared { 2 } else { 0 });
        let kept = if is_shared {
            ["outboard".to_owned()].into()
        } else {
            BTreeSet::new()
        };
        assert_eq!(files(second.folder.path()), kept);
        second.node.shutdown().await.unwrap();
    }
    first.node.shutdown().await.unwrap();
}

#[tokio::test]
async fn what_was_fetched_is_shared_and_found_when_who_announced_it_has_gone() {
    let first = start(new_folder(), Vec::new(), Some(key()));
    let path = add(&first.store, "text", 500_000, &[]).path;
    let announced = timeout(PATIENCE, first.node.announce(&path)).await.unwrap();
    announced.unwrap();
    let second = fetch(address(&first).await, &path).await;
    first.node.shutdown().await.unwrap();

    let third = fetch(address(&second).await, &path).await;
    assert_eq!(archive(&third.store, &path), archive(&first.store, &path));
    assert!(second.node.status().await.unwrap().served.bytes > 500_000);
    second.node.shutdown().await.unwrap();
    third.node.shutdown().await.unwrap();
}
