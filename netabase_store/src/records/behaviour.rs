//! The configuration of Kademlia that goes with a store that persists.

use std::time::Duration;

use libp2p_kad::{Config, StoreInserts};

/// How long other nodes keep what this one announced, unless it is announced again.
const TTL: Duration = Duration::from_secs(48 * 60 * 60);

/// The largest packet: an answer with one record and twenty peers, each with many addresses.
const PACKET_BYTES_MAX: usize = 64 * 1024;

/// Returns `config` as it should be for a persistent record store and a
/// [`Republisher`](super::Republisher).
///
/// Name the protocol in `config` (`kad::Config::new(protocol)`): a network of its own is out of
/// reach of peers that speak the public one. What is set, and why:
///
/// - The jobs of the behaviour are off. They copy the whole store into memory in one call of
///   `poll`, and forget at a restart when anything was announced; a republisher does neither.
/// - Records and provider records live for 48 hours. Without a limit a received record would never
///   end, whatever its sender asked for.
/// - Nothing inbound is stored before the application has seen it (`FilterBoth`).
/// - Queries take disjoint paths, so that one hostile peer cannot steer all of them.
/// - Packets may have 64 KiB. With the default of 16 KiB, twenty providers with sixteen addresses
///   each make an answer that the asker cannot read. All nodes of a network should agree on it.
///
/// Everything else stays as it is, caching too: a value is written back only when the application
/// says so. What is set here is overwritten, so change it afterwards.
///
/// # Examples
///
/// ```
/// use libp2p_kad::{Behaviour, Config, PROTOCOL_NAME, store::MemoryStore};
/// use netabase_store::records::recommended;
///
/// let id = libp2p_identity::PeerId::random();
/// let config = recommended(Config::new(PROTOCOL_NAME));
/// let kad = Behaviour::with_config(id, MemoryStore::new(id), config);
/// assert_eq!(kad.protocol_names(), [PROTOCOL_NAME]);
/// ```
#[must_use]
pub fn recommended(mut config: Config) -> Config {
    config
        .set_replication_interval(None)
        .set_publication_interval(None)
        .set_provider_publication_interval(None)
        .set_record_ttl(Some(TTL))
        .set_provider_record_ttl(Some(TTL))
        .set_record_filtering(StoreInserts::FilterBoth)
        .disjoint_query_paths(true)
        .set_max_packet_size(PACKET_BYTES_MAX);
    config
}

#[cfg(test)]
mod tests;
