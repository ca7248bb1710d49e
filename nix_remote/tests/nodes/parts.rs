//! What nodes have of objects whose fetch did not come to its end.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use libp2p::{Multiaddr, identity::Keypair};
use nix_core::path_info::PathInfo;
use nix_remote::peers::{
    node::{FetchError, NodeConfig, NodeHandle, ObjectError},
    transfer::{GroupRange, GroupSet, Request, Response, Stall},
};
use nix_store::{local::LocalStore, store::ReadStore};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

use crate::{
    hostile::{Answers, Hostile, Role},
    nodes::{start_at, start_in, status_when},
    raw::{Reply, Wire},
    seeds::Seed,
    support::{PATIENCE, Peer, add, address, archive, new_folder, open_store},
};

/// How many groups the object of these tests has.
const GROUPS: u32 = 33;

/// An object that nobody has as a whole.
struct Object {
    info: PathInfo,
    seed: Seed,
    bytes: Vec<u8>,
}

impl Object {
    fn new() -> Self {
        let folder = new_folder();
        let store = open_store(folder.path());
        let info = add(&store, "text", 32 * 65_536 + 1000, &[]);
        let seed = Seed::of(&store, &info);
        assert_eq!(seed.blob.groups(), GROUPS);
        let bytes = archive(&store, &info.path);
        Self { info, seed, bytes }
    }

    /// The last group, and every second one.
    fn half(&self, rest: u32) -> GroupSet {
        let mut held = GroupSet::new(GROUPS);
        for group in (0..GROUPS).filter(|group| group % 2 == rest || group + 1 == GROUPS) {
            held.insert(group);
        }
        held
    }

    fn answers(&self, held: GroupSet) -> Answers {
        let seed = self.seed.clone();
        Box::new(move |request| match request {
            Request::Have { .. } => Reply::Bytes(Response::held(&seed.blob, &held).encode()),
            Request::Get { range, .. } if held.contains_all(*range) => {
                Reply::Bytes(seed.answer(request))
            }
            Request::Get { .. } => Reply::Bytes(Response::Unknown.encode()),
        })
    }

    /// Lets a node of a name fetch these groups of a peer that goes away then, and ends it.
    async fn begin(&self, name: u8, held: GroupSet) -> TempDir {
        let folder = new_folder();
        let seeder = Hostile::start(Role {
            provides: vec![*self.seed.blob.root()],
            records: vec![self.seed.record(&self.info)],
            answers: Some(self.answers(held)),
        })
        .await;
        let bootstrap = vec![seeder.address.clone()];
        let (store, node) = start_at(folder.path(), |config| named(config, name, bootstrap));
        let fetched = timeout(PATIENCE, node.fetch([self.info.path.clone()])).await;
        let Err(FetchError::Objects { failed }) = fetched.unwrap() else {
            panic!("nobody has the whole");
        };
        let why = failed.get(&self.info.path).unwrap();
        assert!(
            matches!(why, ObjectError::Stalled(Stall::NothingHeld)),
            "{why:?}"
        );
        assert!(!store.is_valid(&self.info.path).unwrap());
        assert_eq!(node.status().await.unwrap().shared, 1, "it is shared on");
        node.shutdown().await.unwrap();
        folder
    }

    fn file(&self, folder: &Path, extension: &str) -> PathBuf {
        let root = self.seed.blob.root();
        let name: String = root.iter().map(|byte| format!("{byte:02x}")).collect();
        folder.join(format!("node/archives/{name}.{extension}"))
    }

    /// Fetches it, as soon as the node has met one who has the rest.
    async fn fetch(&self, node: &NodeHandle, store: &LocalStore) {
        let wanted = [self.info.path.clone()];
        let fetched = async {
            loop {
                match node.fetch(wanted.clone()).await {
                    Ok(fetched) => return fetched.added,
                    Err(_) => sleep(Duration::from_millis(50)).await,
                }
            }
        };
        let added = timeout(PATIENCE, fetched).await.unwrap();
        assert_eq!(added, wanted.into());
        assert!(archive(store, &self.info.path) == self.bytes);
    }
}

fn named(config: &mut NodeConfig, name: u8, bootstrap: Vec<Multiaddr>) {
    config.identity = Keypair::ed25519_from_bytes([name; 32]).unwrap();
    config.bootstrap = bootstrap;
}

/// Whether somebody who knows the announcement and that node is told that it has something.
async fn is_found(object: &Object, node: &Peer) -> bool {
    let other = Hostile::start(Role {
        records: vec![object.seed.record(&object.info)],
        ..Role::default()
    })
    .await;
    let bootstrap = vec![other.address.clone(), address(node).await];
    let finder = start_in(new_folder(), |config| named(config, 200, bootstrap));
    let found = finder.node.find(&object.info.path).await.unwrap();
    finder.node.shutdown().await.unwrap();
    found.providers().any(|provider| provider == node.node.id())
}

/// Waits until nobody is told any more that a node has something.
async fn until_not_found(object: &Object, node: &Peer) {
    let gone = async { while is_found(object, node).await {} };
    timeout(PATIENCE, gone).await.unwrap();
}

/// Asks a node as one who knows the root alone.
async fn ask(peer: &Hostile, node: &Peer, request: Request) -> Response {
    let answer = peer.ask(node.node.id(), Wire::Whole(request.encode()));
    Response::decode(answer.await.unwrap()).unwrap()
}

#[tokio::test]
async fn two_that_have_a_half_each_complete_each_other_after_a_restart_though_nobody_has_the_whole()
{
    let object = Object::new();
    let [first, second] = [0, 1].map(|rest| object.begin(rest, object.half(rest.into())));
    let (first, second) = (first.await, second.await);
    let first = start_in(first, |config| named(config, 0, Vec::new()));
    let other = vec![address(&first).await];
    let second = start_in(second, |config| named(config, 1, other));
    tokio::join!(
        object.fetch(&first.node, &first.store),
        object.fetch(&second.node, &second.store)
    );
    for peer in [first, second] {
        status_when(&peer.node, |status| status.served.responses > 0).await;
        peer.node.shutdown().await.unwrap();
    }
}

#[tokio::test]
async fn a_part_is_found_and_given_out_from_the_start_without_a_fetch() {
    let object = Object::new();
    let held = object.half(0);
    let folder = object.begin(9, held.clone()).await;
    let node = start_in(folder, |config| named(config, 1, Vec::new()));
    assert_eq!(node.node.status().await.unwrap().shared, 1);
    let peer = Hostile::start(Role::default()).await;
    peer.meet(address(&node).await);

    let root = *object.seed.blob.root();
    let size = object.seed.blob.size();
    let partial = Response::Partial { size, held };
    assert_eq!(ask(&peer, &node, Request::Have { root }).await, partial);
    for group in 0..GROUPS - 1 {
        let range = GroupRange::new(group, 1).unwrap();
        let get = Request::Get { root, range };
        let truth = Response::decode(object.seed.answer(&get)).unwrap();
        let expected = [truth, Response::Unknown][group as usize % 2].clone();
        assert_eq!(ask(&peer, &node, get).await, expected, "{group}");
    }

    assert!(is_found(&object, &node).await);
    node.node.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_node_that_does_not_share_what_it_fetches_does_not_share_what_it_began_to() {
    let object = Object::new();
    let folder = object.begin(1, object.half(0)).await;
    let node = start_in(folder, |config| {
        named(config, 1, Vec::new());
        config.share_fetched = false;
    });
    let peer = Hostile::start(Role::default()).await;
    peer.meet(address(&node).await);
    let root = *object.seed.blob.root();
    let answer = ask(&peer, &node, Request::Have { root }).await;
    assert_eq!(answer, Response::Unknown);
    assert_eq!(node.node.status().await.unwrap().shared, 0);
    assert!(!is_found(&object, &node).await);
    node.node.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_part_that_is_damaged_is_not_given_out_and_a_record_that_is_says_nothing() {
    let object = Object::new();
    let root = *object.seed.blob.root();
    let range = GroupRange::new(2, 1).unwrap();
    for extension in ["part", "hashes", "resume"] {
        let folder = object.begin(1, object.half(0)).await;
        let file = object.file(folder.path(), extension);
        let mut bytes = fs::read(&file).unwrap();
        for byte in &mut bytes {
            *byte ^= 1;
        }
        fs::write(&file, bytes).unwrap();
        let node = start_in(folder, |config| named(config, 1, Vec::new()));
        let peer = Hostile::start(Role::default()).await;
        peer.meet(address(&node).await);
        let get = Request::Get { root, range };
        assert_eq!(ask(&peer, &node, get).await, Response::Unknown);
        // What was found to be damaged is not spoken of any more.
        let have = Request::Have { root };
        assert_eq!(ask(&peer, &node, have).await, Response::Unknown);
        if extension != "resume" {
            until_not_found(&object, &node).await;
        }
        node.node.shutdown().await.unwrap();
    }
}

#[tokio::test]
async fn a_part_that_was_cut_short_is_not_given_out() {
    let object = Object::new();
    let root = *object.seed.blob.root();
    let folder = object.begin(1, object.half(0)).await;
    let part = fs::File::options()
        .write(true)
        .open(object.file(folder.path(), "part"));
    part.unwrap().set_len(65_536).unwrap();
    let node = start_in(folder, |config| named(config, 1, Vec::new()));
    let peer = Hostile::start(Role::default()).await;
    peer.meet(address(&node).await);
    for request in [
        Request::Get {
            root,
            range: GroupRange::new(2, 1).unwrap(),
        },
        Request::Have { root },
    ] {
        assert_eq!(ask(&peer, &node, request).await, Response::Unknown);
    }
    node.node.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_part_that_was_left_alone_for_long_is_removed_and_not_spoken_of() {
    let object = Object::new();
    let root = *object.seed.blob.root();
    let folder = object.begin(1, object.half(0)).await;
    let long_ago = SystemTime::now() - Duration::from_secs(30 * 24 * 60 * 60);
    let files = ["part", "hashes", "resume"].map(|extension| object.file(folder.path(), extension));
    for file in &files {
        let file = fs::File::options().write(true).open(file).unwrap();
        file.set_modified(long_ago).unwrap();
    }
    let node = start_in(folder, |config| named(config, 1, Vec::new()));
    assert!(files.iter().all(|file| !file.exists()));
    let peer = Hostile::start(Role::default()).await;
    peer.meet(address(&node).await);
    let answer = ask(&peer, &node, Request::Have { root }).await;
    assert_eq!(answer, Response::Unknown);
    assert!(!is_found(&object, &node).await);
    node.node.shutdown().await.unwrap();
}
