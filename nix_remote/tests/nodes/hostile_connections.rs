//! Connections that are opened and not used.

use std::{
    io::ErrorKind,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use libp2p::{Multiaddr, multiaddr::Protocol};
use nix_core::path_info::PathInfo;
use nix_remote::peers::{
    node::{NodeHandle, NodeLimits},
    transfer::{Request, Response},
};
use nix_store::store::ReadStore;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::{sleep, timeout},
};

use crate::{
    hostile::{Hostile, Role},
    nodes::{start_with, status_when},
    processes::{GREETING, Other, Task},
    raw::Wire,
    support::{PATIENCE, add, address, new_folder, open_store, start},
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

/// Opens a connection from an address of this machine.
async fn connect(from: Ipv4Addr, to: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from((from, 0))).unwrap();
    socket.connect(to.parse().unwrap()).await.unwrap()
}

/// Greets, and says whether the other side closes the connection rather than to greet as well.
async fn is_closed(stream: &mut TcpStream) -> bool {
    if stream.write_all(GREETING).await.is_err() {
        return true;
    }
    let read = timeout(PATIENCE, stream.read(&mut [0])).await.unwrap();
    match read {
        Ok(bytes) => bytes == 0,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

#[tokio::test]
async fn one_address_opens_so_many_connections_at_a_time_and_another_one_is_greeted() {
    let node = start_with(|config| {
        config.limits.limit_loopback = true;
        config.limits.pending_inbound_per_address_max = 3;
    });
    let place = socket(&address(&node).await);
    let [one, other] = [1, 2].map(|host| Ipv4Addr::new(127, 0, 0, host));
    let mut open = Vec::new();
    for _ in 0..3 {
        let mut stream = connect(one, &place).await;
        assert!(!is_closed(&mut stream).await);
        open.push(stream);
    }
    for refused in 1..4 {
        assert!(is_closed(&mut connect(one, &place).await).await);
        let is_counted = status_when(&node.node, |status| {
            status.totals.refused.of_address == refused
        });
        assert_eq!(is_counted.await.totals.refused.of_limits, 0);
    }
    assert!(!is_closed(&mut connect(other, &place).await).await);
    drop(open);
    // The node sees in its own time that they are gone.
    let again = async { while is_closed(&mut connect(one, &place).await).await {} };
    timeout(PATIENCE, again).await.unwrap();
    node.node.shutdown().await.unwrap();
}

#[tokio::test]
async fn this_machine_may_open_as_many_connections_as_all_unless_it_is_said_otherwise() {
    let node = start_with(|_| {});
    let place = socket(&address(&node).await);
    let most = NodeLimits::default().pending_inbound_per_address_max;
    let mut open = Vec::new();
    for _ in 0..most * 2 {
        let mut stream = connect(Ipv4Addr::LOCALHOST, &place).await;
        assert!(!is_closed(&mut stream).await);
        open.push(stream);
    }
    let refused = node.node.status().await.unwrap().totals.refused;
    assert_eq!(refused.of_address, 0);
    node.node.shutdown().await.unwrap();
}

#[tokio::test]
async fn one_address_has_so_many_connections_whoever_it_says_to_be_until_one_is_closed() {
    let node = start_with(|config| {
        config.limits.limit_loopback = true;
        config.limits.inbound_per_address_max = 2;
    });
    let at = address(&node).await;
    let have = || Wire::Whole(Request::Have { root: [7; 32] }.encode());
    let unknown = Ok(Response::Unknown.encode());
    let mut peers = Vec::new();
    for number in 0..3 {
        let peer = Hostile::start(Role::default()).await;
        peer.meet(at.clone());
        let answer = peer.ask(node.node.id(), have()).await;
        assert_eq!(answer == unknown, number < 2, "{number}: {answer:?}");
        peers.push(peer);
    }
    let status = node.node.status().await.unwrap();
    assert!(status.totals.refused.of_address > 0);
    assert_eq!(status.connected.len(), 2);
    let last = peers.pop().unwrap();
    drop(peers.pop());
    status_when(&node.node, |status| status.connected.len() < 2).await;
    assert_eq!(last.ask(node.node.id(), have()).await, unknown);
    node.node.shutdown().await.unwrap();
}
