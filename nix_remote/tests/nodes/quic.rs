//! Two nodes over QUIC on this machine.

use libp2p::multiaddr::Protocol;
use nix_remote::peers::node::NodeConfig;
use tokio::time::timeout;

use crate::{
    nodes::start_with,
    support::{PATIENCE, add, address, archive, key},
};

fn speak_quic_alone(config: &mut NodeConfig) {
    config.listen = vec!["/ip4/127.0.0.1/udp/0/quic-v1".parse().unwrap()];
}

#[tokio::test]
async fn what_one_node_announces_another_fetches_over_quic() {
    let first = start_with(|config| {
        speak_quic_alone(config);
        config.key = Some(key());
    });
    let info = add(&first.store, "text", 3_000_000, &[]);
    let announced = timeout(PATIENCE, first.node.announce(&info.path)).await;
    announced.unwrap().unwrap();
    let from = address(&first).await;
    assert!(from.iter().any(|part| part == Protocol::QuicV1), "{from}");

    let second = start_with(|config| {
        speak_quic_alone(config);
        config.bootstrap = vec![from];
    });
    let fetched = timeout(PATIENCE, second.node.fetch([info.path.clone()])).await;
    assert_eq!(fetched.unwrap().unwrap().added, [info.path.clone()].into());
    assert_eq!(
        archive(&second.store, &info.path),
        archive(&first.store, &info.path)
    );
    let status = second.node.status().await.unwrap();
    assert_eq!(status.connected, [*first.node.id()].into());
    let quic = |address: &libp2p::Multiaddr| address.iter().any(|part| part == Protocol::QuicV1);
    assert!(status.listeners.iter().all(quic), "{:?}", status.listeners);
    first.node.shutdown().await.unwrap();
    second.node.shutdown().await.unwrap();
}
