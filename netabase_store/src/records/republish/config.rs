//! How often, how fast and how stubbornly a republisher announces.

use std::time::Duration;

const HOUR: Duration = Duration::from_secs(60 * 60);
const MINUTE: Duration = Duration::from_secs(60);

/// Says how often a [`Republisher`](super::Republisher) announces, how fast at most, and what it
/// does after failures.
///
/// The defaults are those of libp2p's Kademlia where it has any: records every 22 hours, provider
/// records every 12 hours, against a life of 48 hours at other nodes.
///
/// A node keeps up with `new_per_second` times the interval, 432,000 provider records by default,
/// if a query ends within `in_flight_max / new_per_second` seconds. Beyond that the oldest
/// announcements still come first, and [`RepublishMetrics::behind`](super::RepublishMetrics) grows.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use netabase_store::records::RepublishConfig;
///
/// let config = RepublishConfig {
///     provider_interval: Duration::from_secs(6 * 60 * 60),
///     ..RepublishConfig::default()
/// };
/// assert_eq!(config.record_interval, Duration::from_secs(22 * 60 * 60));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepublishConfig {
    /// Time from one announcement of an own record to the next; well below the life of a record.
    pub record_interval: Duration,
    /// Time from one announcement of an own provider record to the next; well below its life.
    pub provider_interval: Duration,
    /// Time from one pass over the records of other nodes to the next. `None`, the default, leaves
    /// them where they are: their publishers announce them. The first pass begins with the first
    /// poll.
    pub replication_interval: Option<Duration>,
    /// How far an interval may be off, either way, in hundredths of itself; 10 by default, and
    /// never more than 50. It keeps what was announced together from staying together.
    pub jitter_percent: u32,
    /// Queries that run at the same time at most; 64 by default. None start while it is 0.
    pub in_flight_max: usize,
    /// Queries that one call of `poll` starts at most, and how far `new_per_second` may be ahead
    /// of itself; 10 by default. None start while it is 0.
    pub new_per_poll: u32,
    /// Queries that start within a second, on average, at most; 10 by default. None start while
    /// it is 0.
    pub new_per_second: u32,
    /// Wait after the first failure of an announcement; doubled with each further one.
    pub retry_min: Duration,
    /// Longest wait after a failure.
    pub retry_max: Duration,
    /// Peers that must have stored an own record for it to count as published; 1 by default, and
    /// never less. All peers closest to the key are asked in any case.
    pub record_peers_min: usize,
    /// Time after which a query that nothing was heard of counts as failed; 5 minutes by default.
    /// It must be more than twice the query timeout of the behaviour, as a query has two phases.
    pub query_deadline: Duration,
}

impl Default for RepublishConfig {
    fn default() -> Self {
        Self {
            record_interval: 22 * HOUR,
            provider_interval: 12 * HOUR,
            replication_interval: None,
            jitter_percent: 10,
            in_flight_max: 64,
            new_per_poll: 10,
            new_per_second: 10,
            retry_min: MINUTE,
            retry_max: HOUR,
            record_peers_min: 1,
            query_deadline: 5 * MINUTE,
        }
    }
}
