//! Which path an output has, as nodes tell each other, and what is kept where they disagree.

use nix_core::{
    realisation::{DrvOutput, Realisation},
    signature::SecretKey,
    store_path::{StoreDir, StorePath},
};
use nix_remote::peers::{
    announcement::{Announcement, Statement},
    node::FindError,
};
use nix_store::store::{AnyRealisation, RealisationId, WriteStore};
use tokio::time::timeout;

use crate::{
    hostile::{Hostile, Role},
    nodes::{start_at, start_with},
    seeds::{record_of, term},
    support::{PATIENCE, Peer, add, address, key, new_folder, open_store, until},
};

const OUTPUT: &str = "g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-hello.drv^out";

fn output() -> DrvOutput {
    OUTPUT.parse().unwrap()
}

fn realisation(to: &StorePath, signer: &SecretKey) -> Realisation {
    let mut realisation = Realisation::new(output(), to.clone());
    realisation.sign(signer);
    realisation
}

/// Starts a node that announces a path, after its store was told of which output it is.
async fn announcing(is_signed: bool) -> (Peer, StorePath) {
    let folder = new_folder();
    let store = open_store(&folder.path().join("root"));
    let path = add(&store, "hello", 10, &[]).path;
    let mut realisation = realisation(&path, &key());
    if !is_signed {
        realisation.value.signatures.clear();
    }
    let registered = store.register_realisation(&AnyRealisation::Path(realisation));
    registered.unwrap();
    drop(store);
    let (store, node) = start_at(folder.path(), |config| {
        config.key = Some(key());
        config.trusted = key().public_key().to_string().parse().unwrap();
        config.roots = [path.clone()].into();
    });
    let peer = Peer {
        store,
        node,
        folder,
    };
    until(&peer, |status| status.announcing.announced == 1).await;
    (peer, path)
}

#[tokio::test]
async fn the_path_of_an_output_is_found_where_a_trusted_key_signed_it() {
    let (first, path) = announcing(true).await;
    until(&first, |status| status.announcing.realisations == 1).await;
    let bootstrap = vec![address(&first).await];
    let second = start_with(|config| {
        config.bootstrap.clone_from(&bootstrap);
        config.trusted = key().public_key().to_string().parse().unwrap();
    });
    let id = RealisationId::Path(output());
    let found = timeout(PATIENCE, second.node.find_realisation(&id)).await;
    let found = found.unwrap().unwrap();
    assert_eq!(found.out_path(), &path);
    let Statement::Realisation(said) = found.best().statement() else {
        panic!("{found:?}");
    };
    assert_eq!(*said, realisation(&path, &key()));

    let strangers = start_with(|config| config.bootstrap = bootstrap);
    let refused = timeout(PATIENCE, strangers.node.find_realisation(&id)).await;
    assert_eq!(refused.unwrap(), Err(FindError::Absent));
    for peer in [first, second, strangers] {
        peer.node.shutdown().await.unwrap();
    }
}

#[tokio::test]
async fn a_realisation_that_nobody_signed_is_not_announced() {
    let (peer, _) = announcing(false).await;
    let status = peer.node.status().await.unwrap();
    assert_eq!((status.announcing.realisations, status.records), (0, 1));
    peer.node.shutdown().await.unwrap();
}

#[tokio::test]
async fn two_paths_of_one_output_are_kept_as_evidence_also_after_a_restart() {
    let (first, _) = announcing(true).await;
    until(&first, |status| status.announcing.realisations == 1).await;
    let other_key = SecretKey::from_seed("other-1".parse().unwrap(), &[8; 32]);
    let another = StorePath::new([9; 20], &"hello".parse().unwrap());
    let statement = Statement::Realisation(realisation(&another, &other_key));
    let said = Announcement::sign(&StoreDir::default(), &statement, term(1), &other_key);
    let said = said.unwrap();
    let stranger = Hostile::start(Role::default()).await;
    stranger.meet(address(&first).await);
    stranger.put(first.node.id(), record_of(&said));
    until(&first, |status| status.records == 3).await;

    let folder = new_folder();
    let bootstrap = vec![address(&first).await];
    let start = || {
        start_at(folder.path(), |config| {
            config.bootstrap.clone_from(&bootstrap);
            let keys = [key(), other_key.clone()];
            let keys = keys.map(|key| key.public_key().to_string());
            config.trusted = keys.join(" ").parse().unwrap();
        })
    };
    let (_, node) = start();
    let id = RealisationId::Path(output());
    let found = timeout(PATIENCE, node.find_realisation(&id)).await.unwrap();
    assert_eq!(found.unwrap().conflicts().len(), 1);
    // Looked up again, it is no second piece of evidence.
    let found = timeout(PATIENCE, node.find_realisation(&id)).await.unwrap();
    assert_eq!(found.unwrap().conflicts().len(), 1);
    let evidence = node.evidence().await.unwrap();
    assert_eq!(evidence.len(), 1);
    let [one] = &evidence[..] else {
        panic!("{evidence:?}");
    };
    assert!(one.announcements.contains(&said));
    node.shutdown().await.unwrap();

    let (_, node) = start();
    assert_eq!(node.evidence().await.unwrap(), evidence);
    node.shutdown().await.unwrap();
    first.node.shutdown().await.unwrap();
}
