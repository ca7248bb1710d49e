//! Two nodes over TCP on this machine.

use std::path::Path;

use nix_core::{
    path_info::PathInfo,
    store_path::{StorePath, StorePathName},
};
use nix_remote::peers::{
    lookup::ClosureError,
    node::{AnnounceError, FetchError, FindError, Stopped},
};
use nix_store::store::{ReadStore, WriteStore};
use tokio::time::timeout;

use crate::support::{PATIENCE, add, address, archive, key, new_folder, start};

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

/// Writes a file of a store, which may only be read.
fn overwrite(file: &Path, bytes: &[u8]) {
    std::fs::remove_file(file).unwrap();
    std::fs::write(file, bytes).unwrap();
}

#[tokio::test]
async fn a_damaged_archive_is_not_sent_and_not_added() {
    let first = start(new_folder(), Vec::new(), Some(key()));
    let path = add(&first.store, "text", 200_000, &[]).path;
    let announced = timeout(PATIENCE, first.node.announce(&path)).await.unwrap();
    announced.unwrap();
    let file = first.store.real_path(&path);
    let mut bytes = std::fs::read(&file).unwrap();
    *bytes.get_mut(100_000).unwrap() ^= 1;
    overwrite(&file, &bytes);

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
