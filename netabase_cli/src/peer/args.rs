//! Which node is meant, what it belongs to, and whom it believes.

use std::collections::BTreeSet;

use clap::Args;
use libp2p::{Multiaddr, PeerId, multiaddr, multiaddr::Protocol};
use nix_core::signature::SecretKey;
use nix_remote::peers::node::NodeConfig;

use super::{folder::Folder, identity::Identity};
use crate::{error::Result, key::trusted_keys, store::place::StorePlace};

/// The network of who names none.
const NETWORK: &str = "main";

/// Which node is meant, what it belongs to, and whom it believes.
#[derive(Debug, Args)]
pub(super) struct NodeArgs {
    #[command(flatten)]
    pub(super) place: StorePlace,
    /// A peer to begin with: an address with its name, as `peer run` prints it; may be given several
    /// times. Peers of earlier times are known
    #[arg(long, value_name = "ADDR", value_parser = peer_address)]
    bootstrap: Vec<Multiaddr>,
    /// A public key, or a file of public keys, whose announcements are believed; may be given several
    /// times. What is content-addressed needs none
    #[arg(long, value_name = "KEY")]
    trusted_key: Vec<String>,
    /// The network: nodes of others are not understood [default: main]
    #[arg(long, value_name = "NAME")]
    network: Option<String>,
    /// The name of a peer to have anything to do with, and with no other; may be given several times
    #[arg(long, value_name = "ID")]
    allow_peer: Vec<PeerId>,
    /// Look for peers on the local network too, by multicast DNS
    #[cfg(feature = "mdns")]
    #[arg(long)]
    mdns: bool,
}

/// Why a text is no address of a peer.
#[derive(Debug, thiserror::Error)]
enum AddressError {
    #[error("it is no address, such as /ip4/192.0.2.1/tcp/4001/p2p/NAME")]
    Syntax(#[source] multiaddr::Error),
    #[error("it does not end in the name of the peer, /p2p/NAME")]
    NoName,
}

impl NodeArgs {
    /// Returns the configuration of a node that listens nowhere. It believes who announces with the
    /// key that it has itself.
    pub(super) fn config(
        &self,
        folder: &Folder,
        identity: &Identity,
        key: Option<SecretKey>,
    ) -> Result<NodeConfig> {
        let network = self.network.as_deref().unwrap_or(NETWORK);
        let mut config = NodeConfig::new(network, identity.keypair().clone(), folder.path());
        config.bootstrap.clone_from(&self.bootstrap);
        #[cfg(feature = "mdns")]
        {
            config.mdns = self.mdns;
        }
        config.trusted = trusted_keys(&self.trusted_key)?;
        if let Some(key) = key {
            let own = key.public_key();
            if !config.trusted.iter().any(|trusted| trusted == &own) {
                // Where the name stands for another key, the arguments say whom to believe.
                let _ = config.trusted.insert(own);
            }
            config.key = Some(key);
        }
        let allowed: BTreeSet<_> = self.allow_peer.iter().copied().collect();
        config.allowed = (!allowed.is_empty()).then_some(allowed);
        Ok(config)
    }

    /// Tells whether peers are looked for on the local network.
    pub(super) fn finds_local_peers(&self) -> bool {
        #[cfg(feature = "mdns")]
        return self.mdns;
        #[cfg(not(feature = "mdns"))]
        false
    }

    /// Tells whether something is said that a node which runs already does not heed.
    pub(super) fn says_who_to_be(&self) -> bool {
        let said = [
            !self.finds_local_peers(),
            self.bootstrap.is_empty(),
            self.trusted_key.is_empty(),
            self.network.is_none(),
            self.allow_peer.is_empty(),
        ];
        said.contains(&false)
    }
}

fn peer_address(text: &str) -> Result<Multiaddr, AddressError> {
    let address: Multiaddr = text.parse().map_err(AddressError::Syntax)?;
    match address.iter().last() {
        Some(Protocol::P2p(_)) => Ok(address),
        _ => Err(AddressError::NoName),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_a_peer_has_its_name() {
        let name = PeerId::random();
        assert!(peer_address(&format!("/ip4/192.0.2.1/tcp/1/p2p/{name}")).is_ok());
        let refused = peer_address("/ip4/192.0.2.1/tcp/1");
        assert!(matches!(refused, Err(AddressError::NoName)));
        let refused = peer_address("192.0.2.1:1");
        assert!(matches!(refused, Err(AddressError::Syntax(_))));
    }
}
