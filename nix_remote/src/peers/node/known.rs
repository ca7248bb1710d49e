//! The addresses of peers, which are kept for the next start.

use std::collections::BTreeMap;

use libp2p::{Multiaddr, PeerId};
use netabase_store::NetabaseError;

use super::rows::{Database, KnownPeer};

/// How many peers' addresses are kept.
pub(super) const KNOWN_PEERS_MAX: usize = 1024;

/// How many addresses of a peer are kept.
pub(super) const ADDRESSES_MAX: usize = 8;

/// The peers whose addresses are kept.
#[derive(Debug, Default)]
pub(super) struct Known {
    peers: BTreeMap<PeerId, (u64, Vec<Multiaddr>)>,
    pub(super) has_changed: bool,
}

impl Known {
    /// Reads what was kept. A row that names no peer, or no address, counts for nothing.
    pub(super) fn load(database: &Database) -> Result<Self, NetabaseError> {
        let mut peers = BTreeMap::new();
        for row in database.open_tree::<KnownPeer>().iter() {
            let (_, row) = row?;
            let Ok(id) = row.id.parse::<PeerId>() else {
                continue;
            };
            let addresses = row.addresses.iter().take(ADDRESSES_MAX);
            let addresses = addresses.filter_map(|address| address.parse().ok());
            peers.insert(id, (row.seen, addresses.collect()));
        }
        let has_changed = false;
        Ok(Self { peers, has_changed })
    }

    /// Takes note of where a peer listens; where there are too many peers, the one that was not
    /// heard of for the longest time goes.
    pub(super) fn heard(&mut self, peer: PeerId, addresses: &[Multiaddr], now: u64) {
        if !self.peers.contains_key(&peer) && self.peers.len() >= KNOWN_PEERS_MAX {
            let oldest = self.peers.iter().min_by_key(|(_, (seen, _))| *seen);
            if let Some(oldest) = oldest.map(|(peer, _)| *peer) {
                self.peers.remove(&oldest);
            }
        }
        let addresses = addresses.iter().take(ADDRESSES_MAX).cloned().collect();
        self.peers.insert(peer, (now, addresses));
        self.has_changed = true;
    }

    pub(super) fn forget(&mut self, peer: &PeerId) {
        self.has_changed |= self.peers.remove(peer).is_some();
    }

    pub(super) fn len(&self) -> usize {
        self.peers.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&PeerId, &[Multiaddr])> {
        self.peers.iter().map(|(peer, (_, at))| (peer, &at[..]))
    }

    /// Returns the rows to be kept.
    pub(super) fn rows(&self) -> Vec<KnownPeer> {
        let row = |(peer, (seen, addresses)): (&PeerId, &(u64, Vec<Multiaddr>))| KnownPeer {
            id: peer.to_string(),
            addresses: addresses.iter().map(ToString::to_string).collect(),
            seen: *seen,
        };
        self.peers.iter().map(row).collect()
    }
}

/// Keeps these rows and no others, in one transaction.
pub(super) fn save(database: &Database, rows: Vec<KnownPeer>) -> Result<(), NetabaseError> {
    let txn = database.begin_write()?;
    txn.open_tree::<KnownPeer>().clear()?;
    txn.open_tree::<KnownPeer>().put_many(rows)?;
    txn.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_peers_outlive_the_node_and_the_oldest_make_room() {
        let database = Database::temp().unwrap();
        let mut known = Known::default();
        let address: Multiaddr = "/ip4/127.0.0.1/tcp/1".parse().unwrap();
        let oldest = PeerId::random();
        known.heard(oldest, std::slice::from_ref(&address), 1);
        for _ in 0..KNOWN_PEERS_MAX {
            known.heard(PeerId::random(), std::slice::from_ref(&address), 2);
        }
        assert_eq!(known.len(), KNOWN_PEERS_MAX);
        save(&database, known.rows()).unwrap();

        let loaded = Known::load(&database).unwrap();
        assert_eq!(loaded.peers, known.peers);
        assert!(loaded.iter().all(|(peer, _)| *peer != oldest));
    }
}
