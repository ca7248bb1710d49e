//! What a node has done since it started.

use std::collections::BTreeMap;

use libp2p::{
    PeerId,
    allow_block_list::{Blocked, NotAllowed},
    connection_limits::Exceeded,
    swarm::ConnectionDenied,
};

use super::{addresses::TooMany, handle::DownloadStatus};
use crate::peers::{lookup::Outcome, transfer::Received};

/// How many peers' bytes are told apart; those of others count as nobody's.
const SOURCES_MAX: usize = 4096;

/// What a node has done since it started.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Totals {
    /// Bytes of archives that were verified and written, by downloads that have ended.
    pub verified_bytes: u64,
    /// Bytes that those downloads received in vain.
    pub wasted_bytes: u64,
    /// Downloads that have ended with the archive.
    pub downloads_done: u64,
    /// Downloads that have ended without it.
    pub downloads_failed: u64,
    /// Lookups that have found something.
    pub lookups_found: u64,
    /// Lookups after which it is known that nobody announces the path.
    pub lookups_absent: u64,
    /// Lookups that were not answered.
    pub lookups_unanswered: u64,
    /// Connections that others opened and that were closed at once.
    pub refused: RefusedConnections,
    /// Bytes of proofs by the peers that sent them, those apart that were banned.
    pub received_bytes: BTreeMap<PeerId, u64>,
}

/// Connections that were refused, by the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct RefusedConnections {
    /// There were as many of one address as it may have.
    pub of_address: u64,
    /// There were as many of one peer, or in all, as there may be.
    pub of_limits: u64,
    /// The peer is banned, or not among those that are allowed.
    pub of_peer: u64,
}

impl Totals {
    /// Takes note that a connection was refused.
    pub(super) fn refused(&mut self, cause: &ConnectionDenied) {
        let refused = &mut self.refused;
        if cause.downcast_ref::<TooMany>().is_some() {
            refused.of_address += 1;
        } else if cause.downcast_ref::<Exceeded>().is_some() {
            refused.of_limits += 1;
        } else if cause.downcast_ref::<Blocked>().is_some()
            || cause.downcast_ref::<NotAllowed>().is_some()
        {
            refused.of_peer += 1;
        }
    }

    pub(super) fn received(&mut self, peer: PeerId, groups: &Received) {
        let has_room = self.received_bytes.len() < SOURCES_MAX;
        if has_room || self.received_bytes.contains_key(&peer) {
            let bytes = u64::try_from(groups.bytes()).unwrap_or(u64::MAX);
            *self.received_bytes.entry(peer).or_default() += bytes;
        }
    }

    pub(super) fn banned(&mut self, peer: &PeerId) {
        self.received_bytes.remove(peer);
    }

    /// Takes note of a download that has ended; it has no status where it had not begun.
    pub(super) fn ended(&mut self, download: Option<DownloadStatus>, is_done: bool) {
        if let Some(download) = download {
            self.verified_bytes += download.counts.verified_bytes;
            self.wasted_bytes += download.counts.wasted_bytes + download.counts.late_bytes;
        }
        if is_done {
            self.downloads_done += 1;
        } else {
            self.downloads_failed += 1;
        }
    }

    pub(super) fn looked_up<P>(&mut self, outcome: &Outcome<P>) {
        match outcome {
            Outcome::Found(_) | Outcome::Realised(_) => self.lookups_found += 1,
            Outcome::Absent => self.lookups_absent += 1,
            Outcome::Unanswered => self.lookups_unanswered += 1,
        }
    }
}
