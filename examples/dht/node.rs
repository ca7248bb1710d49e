//! A node over TCP, as small as it can be: Kademlia and nothing else.

use std::error::Error;

use libp2p::{
    Multiaddr, PeerId, Swarm, SwarmBuilder,
    futures::StreamExt,
    identity::Keypair,
    kad::{self, Event, QueryId, QueryResult, store::RecordStore},
    noise,
    swarm::SwarmEvent,
    tcp, yamux,
};

/// A swarm whose Kademlia keeps its records in `S`.
pub(crate) type Node<S> = Swarm<kad::Behaviour<S>>;

/// Starts a node that listens on a port of this machine, and returns it with its address.
pub(crate) async fn listen<S: RecordStore + Send + 'static>(
    keys: &Keypair,
    store: S,
    config: kad::Config,
) -> Result<(Node<S>, Multiaddr), Box<dyn Error>> {
    let builder = SwarmBuilder::with_existing_identity(keys.clone()).with_tokio();
    let builder = builder.with_tcp(
        tcp::Config::default().nodelay(true),
        noise::Config::new,
        yamux::Config::default,
    )?;
    let builder = builder.with_behaviour(|keys| {
        let local = keys.public().to_peer_id();
        let mut behaviour = kad::Behaviour::with_config(local, store, config);
        behaviour.set_mode(Some(kad::Mode::Server));
        behaviour
    })?;
    let mut node = builder.build();
    node.listen_on("/ip4/127.0.0.1/tcp/0".parse()?)?;
    loop {
        if let SwarmEvent::NewListenAddr { address, .. } = node.select_next_some().await {
            node.add_external_address(address.clone());
            return Ok((node, address));
        }
    }
}

/// Lets both nodes run until a query of `asking` has ended; returns the last of its results that
/// `pick` takes. `seen` is told of every event of `other`.
pub(crate) async fn ask<S: RecordStore + Send + 'static, O: RecordStore + Send + 'static, R>(
    asking: &mut Node<S>,
    other: &mut Node<O>,
    query: QueryId,
    mut pick: impl FnMut(QueryResult) -> Option<R>,
    mut seen: impl FnMut(&mut Node<O>, Event),
) -> Option<R> {
    let mut picked = None;
    loop {
        tokio::select! {
            event = other.select_next_some() => {
                if let SwarmEvent::Behaviour(event) = event {
                    seen(other, event);
                }
            }
            event = asking.select_next_some() => {
                let SwarmEvent::Behaviour(Event::OutboundQueryProgressed { id, result, step, .. }) = event else {
                    continue;
                };
                if id == query {
                    picked = pick(result).or(picked);
                    if step.last {
                        return picked;
                    }
                }
            }
        }
    }
}

/// Returns the name of a node.
#[must_use]
pub(crate) fn name(keys: &Keypair) -> PeerId {
    keys.public().to_peer_id()
}
