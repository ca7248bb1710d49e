//! The four queries that republishing needs of a Kademlia behaviour.

use std::hash::Hash;

use libp2p_identity::PeerId;
use libp2p_kad::store::{self, RecordStore};
use libp2p_kad::{Behaviour, QueryId, Quorum, Record, RecordKey};

/// Starts queries; implemented for libp2p's behaviour, and by models in tests.
///
/// Each query ends with an [`Outcome`] for its id, sooner or later, or is given up.
pub trait Publish {
    /// Names a query.
    type Id: Copy + Eq + Hash;

    /// Says whether any peer is known to whom a query could go.
    fn is_ready(&mut self) -> bool;

    /// Announces the local node as a provider of `key`.
    ///
    /// # Errors
    ///
    /// What the record store answers.
    fn start_providing(&mut self, key: RecordKey) -> Result<Self::Id, store::Error>;

    /// Publishes a record of the local node at all peers that are closest to its key.
    ///
    /// # Errors
    ///
    /// What the record store answers.
    fn put_record(&mut self, record: Record) -> Result<Self::Id, store::Error>;

    /// Looks for the peers that are closest to `key`.
    fn get_closest_peers(&mut self, key: &RecordKey) -> Self::Id;

    /// Stores a record at `peers`, with the publisher it has.
    fn put_record_to(&mut self, record: Record, peers: Vec<PeerId>) -> Self::Id;
}

/// How a query ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// So many peers were told; with none of them the query has failed.
    Reached(usize),
    /// These peers are closest to the key.
    Closest(Vec<PeerId>),
    /// The query failed or timed out.
    Failed,
}

/// Records go out with [`Quorum::All`]: with a smaller quorum the behaviour ends the query as soon
/// as it is met and drops what it has yet to send to peers that it is dialling. Whether enough
/// peers answered is judged by [`RepublishConfig`](super::RepublishConfig) instead.
impl<S: RecordStore + Send + 'static> Publish for Behaviour<S> {
    type Id = QueryId;

    fn is_ready(&mut self) -> bool {
        self.kbuckets().next().is_some()
    }

    fn start_providing(&mut self, key: RecordKey) -> Result<QueryId, store::Error> {
        Behaviour::start_providing(self, key)
    }

    fn put_record(&mut self, record: Record) -> Result<QueryId, store::Error> {
        Behaviour::put_record(self, record, Quorum::All)
    }

    fn get_closest_peers(&mut self, key: &RecordKey) -> QueryId {
        Behaviour::get_closest_peers(self, key.to_vec())
    }

    fn put_record_to(&mut self, record: Record, peers: Vec<PeerId>) -> QueryId {
        Behaviour::put_record_to(self, record, peers.into_iter(), Quorum::All)
    }
}
