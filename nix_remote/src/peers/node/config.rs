//! What a node is told when it starts.

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use libp2p::{Multiaddr, PeerId, identity::Keypair};
use nix_core::{
    signature::{SecretKey, TrustedKeys},
    store_path::StorePath,
};

use super::error::NodeError;
use crate::peers::{
    lookup::{ClosureLimits, LookupLimits},
    transfer::Limits,
    validators::Keeps,
};

/// The most letters of a network's name.
pub const NETWORK_NAME_BYTES_MAX: usize = 64;

/// What a node is told when it starts.
#[derive(Debug)]
pub struct NodeConfig {
    /// The name of the network: nodes of other networks do not understand each other. Letters,
    /// digits and dashes.
    pub network: String,
    /// The identity of the node.
    pub identity: Keypair,
    /// The folder of its records, of the addresses of peers and of the archives that it shares and
    /// fetches.
    pub folder: PathBuf,
    /// Where it listens.
    pub listen: Vec<Multiaddr>,
    /// Peers to begin with, each address with the name of the peer (`/p2p/...`).
    pub bootstrap: Vec<Multiaddr>,
    /// Whose word is taken for the contents of paths.
    pub trusted: TrustedKeys,
    /// Whose announcements are kept for others.
    pub keeps: Keeps,
    /// Whether peers are looked for on the local network, by multicast DNS.
    #[cfg(feature = "mdns")]
    pub mdns: bool,
    /// Where not `None`, the only peers to have anything to do with.
    pub allowed: Option<BTreeSet<PeerId>>,
    /// With what announcements are signed; without it nothing is announced.
    pub key: Option<SecretKey>,
    /// What is announced: these paths and all that they refer to, as far as it is signed by a
    /// trusted key or content-addressed. Everything else stays private.
    pub roots: BTreeSet<StorePath>,
    /// Whether what was fetched is shared too, and what is there of what was not fetched to the end.
    pub share_fetched: bool,
    /// How much peers may have of this node.
    pub limits: NodeLimits,
}

/// How much a node does at a time, and for whom.
#[derive(Debug, Clone)]
pub struct NodeLimits {
    /// The most connections that others opened.
    pub inbound_max: u32,
    /// The most connections that this node opened.
    pub outbound_max: u32,
    /// The most connections of one peer.
    pub per_peer_max: u32,
    /// The most connections that are being opened by others. While so many say nothing, newcomers
    /// find a place by chance alone.
    pub pending_inbound_max: u32,
    /// The most connections that others opened from one IPv4 address, or one /64 network of IPv6.
    pub inbound_per_address_max: u32,
    /// The most that are being opened from there.
    pub pending_inbound_per_address_max: u32,
    /// Whether connections from this machine are limited so too: without it they are not, since many
    /// nodes may run here behind one address.
    pub limit_loopback: bool,
    /// How long a request and its response may take together.
    pub request_timeout: Duration,
    /// The most requests that are answered at a time on one connection.
    pub streams_max: usize,
    /// The most closures that are fetched at a time.
    pub fetches_max: usize,
    /// The most archives that are downloaded at a time, each of which needs 8 MiB at most. Not 0.
    pub downloads_max: usize,
    /// How often is looked at what is to be announced, and at what is not valid any more.
    pub announce_every: Duration,
    /// What peers may download.
    pub serve: Limits,
    /// How paths are looked up.
    pub lookups: LookupLimits,
    /// How closures are fetched.
    pub closures: ClosureLimits,
}

impl Default for NodeLimits {
    /// 256 connections each way, 8 of one peer, 384 being opened; 32 connections of one address and 16
    /// being opened, but for this machine's; 10 seconds for a request, 32 requests on a connection, 8
    /// closures, 8 downloads; announcements are looked at every hour.
    fn default() -> Self {
        Self {
            inbound_max: 256,
            outbound_max: 256,
            per_peer_max: 8,
            pending_inbound_max: 384,
            inbound_per_address_max: 32,
            pending_inbound_per_address_max: 16,
            limit_loopback: false,
            request_timeout: Duration::from_secs(10),
            streams_max: 32,
            fetches_max: 8,
            downloads_max: 8,
            announce_every: Duration::from_secs(60 * 60),
            serve: Limits::default(),
            lookups: LookupLimits::default(),
            closures: ClosureLimits::default(),
        }
    }
}

impl NodeConfig {
    /// Returns the configuration of a node that listens nowhere, trusts nobody, keeps everybody's
    /// announcements, makes none, and shares what it fetches.
    #[must_use]
    pub fn new(network: impl Into<String>, identity: Keypair, folder: impl Into<PathBuf>) -> Self {
        Self {
            network: network.into(),
            identity,
            folder: folder.into(),
            listen: Vec::new(),
            bootstrap: Vec::new(),
            #[cfg(feature = "mdns")]
            mdns: false,
            trusted: TrustedKeys::default(),
            keeps: Keeps::Anybody,
            allowed: None,
            key: None,
            roots: BTreeSet::new(),
            share_fetched: true,
            limits: NodeLimits::default(),
        }
    }

    pub(super) fn check_network(&self) -> Result<(), NodeError> {
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        let is_long = (1..=NETWORK_NAME_BYTES_MAX).contains(&self.network.len());
        if is_long && self.network.bytes().all(is_part) {
            return Ok(());
        }
        Err(NodeError::NetworkName {
            name: self.network.clone(),
            max: NETWORK_NAME_BYTES_MAX,
        })
    }
}
