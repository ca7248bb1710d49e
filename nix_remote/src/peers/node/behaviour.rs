//! What a node speaks with its peers.

use std::{error::Error, time::Duration};

#[cfg(feature = "mdns")]
use libp2p::mdns;
use libp2p::{
    StreamProtocol, Swarm, SwarmBuilder, allow_block_list, connection_limits, identify,
    identity::Keypair,
    kad, noise,
    request_response::{self, ProtocolSupport},
    swarm::{NetworkBehaviour, behaviour::toggle::Toggle},
    tcp, yamux,
};
use netabase_store::{
    backends::redb::RedbBackend,
    records::{KadStore, recommended},
};

use super::{
    addresses::Addresses,
    config::{NodeConfig, NodeLimits},
    error::NodeError,
    hearing::HearingCodec,
};
use crate::peers::codec::blob_protocol;

/// The record store of a node.
pub(super) type Records = KadStore<RedbBackend>;

/// The Kademlia of a node.
pub(super) type Kad = kad::Behaviour<Records>;

/// How long a connection stays open that nobody uses.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a connection may take to be opened and encrypted: what says nothing keeps its place for
/// no longer.
const OPENING_TIMEOUT: Duration = Duration::from_secs(5);

/// What a node speaks; limits and lists come first, to refuse before others hear of a connection.
#[derive(NetworkBehaviour)]
pub(super) struct Speech {
    pub(super) addresses: Addresses,
    pub(super) limits: connection_limits::Behaviour,
    pub(super) blocked: allow_block_list::Behaviour<allow_block_list::BlockedPeers>,
    pub(super) allowed: Toggle<allow_block_list::Behaviour<allow_block_list::AllowedPeers>>,
    pub(super) identify: identify::Behaviour,
    pub(super) kad: Kad,
    pub(super) blobs: request_response::Behaviour<HearingCodec>,
    #[cfg(feature = "mdns")]
    pub(super) mdns: Toggle<mdns::tokio::Behaviour>,
}

/// Returns what nodes of a network tell each other that they are.
pub(super) fn network(config: &NodeConfig) -> String {
    format!("/netabase-nix/{}/1", config.network)
}

/// Makes the swarm of a node, which does not listen yet.
pub(super) fn swarm(
    config: &NodeConfig,
    records: Records,
    codec: HearingCodec,
) -> Result<Swarm<Speech>, NodeError> {
    let kad_protocol = format!("/netabase-nix/{}/kad/1", config.network);
    let kad_protocol = StreamProtocol::try_from_owned(kad_protocol);
    let kad_protocol = kad_protocol.map_err(transport)?;
    let builder = SwarmBuilder::with_existing_identity(config.identity.clone()).with_tokio();
    let tcp = tcp::Config::default().nodelay(true);
    let builder = builder.with_tcp(tcp, noise::Config::new, yamux::Config::default);
    let builder = builder.map_err(transport)?;
    #[cfg(feature = "quic")]
    let builder = builder.with_quic();
    let builder = builder.with_behaviour(|keys| speech(keys, config, kad_protocol, records, codec));
    let builder = builder.map_err(transport)?;
    let builder =
        builder.with_swarm_config(|config| config.with_idle_connection_timeout(IDLE_TIMEOUT));
    Ok(builder.with_connection_timeout(OPENING_TIMEOUT).build())
}

fn speech(
    keys: &Keypair,
    config: &NodeConfig,
    kad_protocol: StreamProtocol,
    records: Records,
    codec: HearingCodec,
) -> Result<Speech, Box<dyn Error + Send + Sync>> {
    let local = keys.public().to_peer_id();
    let kad_config = recommended(kad::Config::new(kad_protocol));
    let mut kad = kad::Behaviour::with_config(local, records, kad_config);
    kad.set_mode(Some(kad::Mode::Server));
    #[cfg(feature = "mdns")]
    let mdns = match config.mdns {
        true => Some(mdns::tokio::Behaviour::new(mdns::Config::default(), local)?),
        false => None,
    };
    let allowed = config.allowed.as_ref().map(|peers| {
        let mut allowed = allow_block_list::Behaviour::<allow_block_list::AllowedPeers>::default();
        for peer in peers {
            allowed.allow_peer(*peer);
        }
        allowed
    });
    let identity = identify::Config::new(network(config), keys.public());
    Ok(Speech {
        addresses: Addresses::new(&config.limits),
        limits: connection_limits::Behaviour::new(limits(&config.limits)),
        blocked: allow_block_list::Behaviour::default(),
        allowed: allowed.into(),
        identify: identify::Behaviour::new(identity),
        kad,
        blobs: blobs(&config.limits, codec),
        #[cfg(feature = "mdns")]
        mdns: mdns.into(),
    })
}

fn limits(limits: &NodeLimits) -> connection_limits::ConnectionLimits {
    connection_limits::ConnectionLimits::default()
        .with_max_pending_incoming(Some(limits.pending_inbound_max))
        .with_max_established_incoming(Some(limits.inbound_max))
        .with_max_established_outgoing(Some(limits.outbound_max))
        .with_max_established_per_peer(Some(limits.per_peer_max))
}

fn blobs(limits: &NodeLimits, codec: HearingCodec) -> request_response::Behaviour<HearingCodec> {
    let config = request_response::Config::default()
        .with_request_timeout(limits.request_timeout)
        .with_max_concurrent_streams(limits.streams_max);
    let protocols = [(blob_protocol(), ProtocolSupport::Full)];
    request_response::Behaviour::with_codec(codec, protocols, config)
}

fn transport(source: impl Error + Send + Sync + 'static) -> NodeError {
    NodeError::Transport(Box::new(source))
}
