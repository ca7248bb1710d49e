//! Connections that are opened and not used.

use std::time::Duration;

use libp2p::{Multiaddr, multiaddr::Protocol};
use nix_core::path_info::PathInfo;
use nix_remote::peers::node::{NodeHandle, NodeLimits};
use nix_store::store::ReadStore;
use tokio::time::{sleep, timeout};

use crate::{
    processes::{Other, Task},
    support::{add, new_folder, open_store, start},
};

/// By how much a node may grow while it is flooded and serves.
const GROWTH_KIB_MAX: u64 = 64 * 1024;

/// How long it may take until one is served: connections that say nothing are closed after ten
/// seconds, and then there is room for one that comes.
const SERVED_WITHIN: Duration = Duration::from_secs(60);

/// How many files a node may open beside the sockets of connections that are being opened.
const FILES_MAX: usize = 64;

fn socket(address: &Multiaddr) -> String {
    let port = address.iter().find_map(|part| match part {
        Protocol::Tcp(port) => Some(port),
        _ => None,
    });
    format!("127.0.0.1:{}", port.unwrap())
}

/// Fetches until it comes to an end that is good.
async fn fetch(node: &NodeHandle, info: &PathInfo) {
    let fetched = async {
        while node.fetch([info.path.clone()]).await.is_err() {
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(SERVED_WITHIN, fetched).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_connections_that_say_nothing_or_little_keep_nobody_from_being_served() {
    let folder = new_folder();
    let store = open_store(&folder.path().join("root"));
    let info = add(&store, "text", 4 << 20, &[]);
    drop(store);
    let mut node = Other::start(Task::Serve, folder.path(), "", &info.path);
    let at: Multiaddr = node.hear("ready").await.parse().unwrap();
    node.go();
    node.hear("announced").await;
    let known = start(new_folder(), vec![at.clone()], None);
    let found = known.node.find(&info.path).await;
    assert!(found.is_ok());
    let memory = node.peak_kib();

    let place = socket(&at);
    let mut floods =
        [Task::Idle, Task::Drip].map(|task| Other::start(task, folder.path(), &place, &info.path));
    for flood in &mut floods {
        flood.hear("ready").await;
    }
    // One that was there before, and one that comes then.
    let flooded = node.files();
    fetch(&known.node, &info).await;
    let newcomer = start(new_folder(), vec![at], None);
    fetch(&newcomer.node, &info).await;
    for peer in [&known, &newcomer] {
        assert!(peer.store.is_valid(&info.path).unwrap());
    }
    let pending = usize::try_from(NodeLimits::default().pending_inbound_max).unwrap();
    assert!(flooded.max(node.files()) <= FILES_MAX + pending);
    assert!(node.peak_kib() - memory <= GROWTH_KIB_MAX);
    for flood in floods {
        flood.end().await;
    }
    node.end().await;
    known.node.shutdown().await.unwrap();
    newcomer.node.shutdown().await.unwrap();
}
