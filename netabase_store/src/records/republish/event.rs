//! What the events of libp2p's behaviour say of a republisher's queries.

use std::time::Instant;

use libp2p_identity::PeerId;
use libp2p_kad::{
    AddProviderError, AddProviderOk, AddProviderResult, Event, GetClosestPeersError,
    GetClosestPeersResult, PutRecordError, PutRecordResult, QueryId, QueryResult, QueryStats,
    RecordKey,
};

use super::publish::{Outcome, Publish};
use super::schedule::{AnnouncementKind, Schedule};
use super::{RepublishConfig, Republisher};

impl<P: Publish<Id = QueryId>> Republisher<P> {
    /// Takes from an event of libp2p's behaviour what concerns announcements. Hand it every event.
    ///
    /// Announcements of own provider records that the application started itself
    /// (`kad.start_providing(key)`) count too: one that reached a peer is due again after the
    /// interval, one that failed, or was made before any peer was known, after the retry time.
    pub fn on_event(&mut self, now: Instant, schedule: &impl Schedule, event: &Event) {
        let Event::OutboundQueryProgressed {
            id,
            result,
            stats,
            step,
        } = event
        else {
            return;
        };
        if !step.last {
            return;
        }
        if self.is_in_flight(*id) {
            if let Some(outcome) = outcome(result, stats, self.config()) {
                self.on_outcome(now, schedule, *id, outcome);
            }
        } else if let Some((kind, key, reached)) = announced(result, stats, self.config()) {
            self.adopt(now, schedule, kind, key, &reached);
        }
    }
}

/// Returns how a query of a republisher ended, `None` if no such query ends so.
fn outcome(result: &QueryResult, stats: &QueryStats, config: &RepublishConfig) -> Option<Outcome> {
    match result {
        QueryResult::StartProviding(result) => Some(of_provider(result, stats)),
        QueryResult::PutRecord(result) => Some(of_record(result, config)),
        QueryResult::GetClosestPeers(result) => Some(Outcome::Closest(closest(result))),
        _ => None,
    }
}

/// Provider records are not acknowledged, and with nobody to tell the behaviour reports success:
/// the peers that answered on the way are all there is to go by.
fn of_provider(result: &AddProviderResult, stats: &QueryStats) -> Outcome {
    match result {
        Ok(_) => Outcome::Reached(usize::try_from(stats.num_successes()).unwrap_or(usize::MAX)),
        Err(_) => Outcome::Failed,
    }
}

fn of_record(result: &PutRecordResult, config: &RepublishConfig) -> Outcome {
    match result {
        // The quorum was all of them.
        Ok(_) => Outcome::Reached(config.record_peers_min.max(1)),
        Err(
            PutRecordError::QuorumFailed { success, .. } | PutRecordError::Timeout { success, .. },
        ) => Outcome::Reached(success.len()),
    }
}

fn closest(result: &GetClosestPeersResult) -> Vec<PeerId> {
    let peers = match result {
        Ok(found) => &found.peers,
        Err(GetClosestPeersError::Timeout { peers, .. }) => peers,
    };
    peers.iter().map(|peer| peer.peer_id).collect()
}

/// Returns what somebody else announced for this node, and how it ended. Results of `put_record`
/// say nothing: a record that was sent to a few chosen peers looks the same.
fn announced<'e>(
    result: &'e QueryResult,
    stats: &QueryStats,
    config: &RepublishConfig,
) -> Option<(AnnouncementKind, &'e RecordKey, Outcome)> {
    match result {
        QueryResult::StartProviding(result) | QueryResult::RepublishProvider(result) => {
            let (Ok(AddProviderOk { key }) | Err(AddProviderError::Timeout { key })) = result;
            Some((AnnouncementKind::Provider, key, of_provider(result, stats)))
        }
        QueryResult::RepublishRecord(result) => {
            let key = match result {
                Ok(done) => &done.key,
                Err(error) => error.key(),
            };
            Some((AnnouncementKind::Record, key, of_record(result, config)))
        }
        _ => None,
    }
}
