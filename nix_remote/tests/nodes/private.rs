//! What a store has and nobody is to get.

use nix_core::{
    path_info::PathInfo,
    store_path::{StorePath, StorePathName},
};
use nix_remote::peers::{
    node::AnnounceError,
    transfer::{GroupRange, Request, Response},
};
use nix_store::store::WriteStore;

use crate::{
    hostile::{Hostile, Role},
    raw::Wire,
    seeds::Seed,
    support::{add, address, archive, key, new_folder, start},
};

#[tokio::test]
async fn what_is_private_or_was_not_announced_is_not_given_to_those_who_know_its_root() {
    let node = start(new_folder(), Vec::new(), Some(key()));
    let shared = add(&node.store, "shared", 100_000, &[]);
    let unannounced = add(&node.store, "unannounced", 95_000, &[]);
    let private = PathInfo {
        path: StorePath::new([2; 20], &StorePathName::new("private").unwrap()),
        content_address: None,
        ..add(&node.store, "public", 90_000, &[])
    };
    let public = add(&node.store, "public", 90_000, &[]);
    let nar = archive(&node.store, &public.path);
    node.store.add_nar(&private, &mut &nar[..]).unwrap();
    node.node.announce(&shared.path).await.unwrap();
    let refused = node.node.announce(&private.path).await;
    assert!(matches!(refused, Err(AnnounceError::Private(_))));

    let peer = Hostile::start(Role::default()).await;
    peer.meet(address(&node).await);
    let ask = async |request: Request| {
        let answer = peer.ask(node.node.id(), Wire::Whole(request.encode()));
        Response::decode(answer.await.unwrap()).unwrap()
    };
    for info in [&unannounced, &private] {
        let root = *Seed::of(&node.store, info).blob.root();
        assert_eq!(ask(Request::Have { root }).await, Response::Unknown);
        let range = GroupRange::new(0, 1).unwrap();
        assert_eq!(ask(Request::Get { root, range }).await, Response::Unknown);
    }
    let seed = Seed::of(&node.store, &shared);
    let root = *seed.blob.root();
    let size = seed.blob.size();
    assert_eq!(
        ask(Request::Have { root }).await,
        Response::Complete { size }
    );
    assert_eq!(node.node.status().await.unwrap().shared, 1);
    node.node.shutdown().await.unwrap();
}
