//! How a record store behaves, and how much it may hold.

use std::{sync::Arc, time::Duration};

use super::clock::{Clock, SystemClock};

/// How much a record store may hold, and what its writes promise.
///
/// The default keeps what is the node's own apart from what comes from others: own records and
/// provider records are never refused because of those of others. [`strict`](Self::strict) does
/// what libp2p's `MemoryStore` does, to the letter.
///
/// ```
/// use netabase_store::records::RecordStoreConfig;
///
/// let mut config = RecordStoreConfig::default();
/// config.max_records = 1_000_000;
/// assert_eq!(RecordStoreConfig::strict().max_records, 1024);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RecordStoreConfig {
    /// Whether every answer is that of libp2p's `MemoryStore` under the same limits: expired entries
    /// are returned, nothing is evicted, own entries have no precedence, addresses are kept as they
    /// are. Limits that `MemoryStore` does not have are then not looked at.
    pub strict: bool,
    /// The most records of others, by default 65,536; in strict mode of all.
    pub max_records: usize,
    /// The most bytes that the records of others take, by default 256 MiB.
    pub max_record_bytes: u64,
    /// Values of this many bytes or more are refused, by default 65 KiB.
    pub max_value_bytes: usize,
    /// The most records of one publisher that is not this node, by default 4,096.
    pub max_records_per_publisher: usize,
    /// The most records that one peer has sent, by default 8,192; only records that came by
    /// [`put_from`](super::KadStore::put_from) have a sender.
    pub max_records_per_source: usize,
    /// The most keys with providers, by default 262,144, not counting those that this node
    /// provides; in strict mode of all.
    pub max_provided_keys: usize,
    /// The most bytes that provider records of others take, by default 128 MiB.
    pub max_provider_bytes: u64,
    /// The most keys that one other peer may be a provider of, by default 65,536.
    pub max_keys_per_provider: usize,
    /// The most providers of a key, by default 20: answers hold no more.
    pub max_providers_per_key: usize,
    /// The most addresses kept of a provider, by default 8.
    pub max_addresses: usize,
    /// The most bytes of addresses kept of a provider, by default 384.
    pub max_address_bytes: usize,
    /// The most bytes that the providers of one key take in an answer, by default 8 KiB: with the
    /// closer peers that come with them they fit into a packet of 16 KiB.
    pub max_answer_bytes: usize,
    /// The longest life of what comes from others, by default 48 hours; entries without an expiry
    /// get it, and longer ones are cut to it.
    ///
    /// Lives go on while the process is away, by the wall clock. One that was set back meanwhile
    /// makes no life longer after a close, and after a crash by the age of the last commit at most:
    /// while anything expires, the time alone is committed ten minutes after the last commit, and a
    /// second and that commit later it is on disk.
    pub max_ttl: Duration,
    /// What a write promises.
    pub durability: RecordDurability,
    /// The most bytes that wait for the disk, by default 32 MiB. When they are full, writes are
    /// refused; a quarter of them is written without waiting for more.
    pub max_pending_bytes: usize,
    /// The most rows that wait for the disk, by default 16,384; of them the same holds.
    pub max_pending_rows: usize,
    /// How many bytes of records are kept in memory to be read again, by default 4 MiB.
    pub cache_bytes: usize,
    /// What happens when the rows on disk cannot be used at all.
    pub on_corrupt: OnCorrupt,
    /// The clock, by default the system's.
    pub clock: Arc<dyn Clock>,
}

impl Default for RecordStoreConfig {
    fn default() -> Self {
        Self {
            strict: false,
            max_records: 64 * 1024,
            max_record_bytes: 256 << 20,
            max_value_bytes: 65 * 1024,
            max_records_per_publisher: 4096,
            max_records_per_source: 8192,
            max_provided_keys: 256 * 1024,
            max_provider_bytes: 128 << 20,
            max_keys_per_provider: 64 * 1024,
            max_providers_per_key: 20,
            max_addresses: 8,
            max_address_bytes: 384,
            max_answer_bytes: 8 * 1024,
            max_ttl: Duration::from_secs(48 * 60 * 60),
            durability: RecordDurability::default(),
            max_pending_bytes: 32 << 20,
            max_pending_rows: 16 * 1024,
            cache_bytes: 4 << 20,
            on_corrupt: OnCorrupt::default(),
            clock: Arc::new(SystemClock),
        }
    }
}

impl RecordStoreConfig {
    /// Returns the limits and the behaviour of libp2p's `MemoryStore`.
    #[must_use]
    pub fn strict() -> Self {
        Self {
            strict: true,
            max_records: 1024,
            max_provided_keys: 1024,
            ..Self::default()
        }
    }
}

/// What a write of a record promises when it returns.
///
/// Each commit holds the time too, which a wall clock that goes back while the process is away is
/// held to: [`max_ttl`](RecordStoreConfig::max_ttl) says how much longer a crash can make a life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordDurability {
    /// It is on disk. Each write waits for a sync, so this is not for a swarm's task.
    Sync,
    /// It is visible; it is on disk after this time and that of one commit at most, or when
    /// [`flush`](super::KadStore::flush) returns, or on close.
    Batched(Duration),
    /// It is visible; it is on disk on `flush` and on close. A crash may lose all since.
    Volatile,
}

impl Default for RecordDurability {
    /// Batched, 50 ms.
    fn default() -> Self {
        Self::Batched(Duration::from_millis(50))
    }
}

/// What happens when the rows on disk cannot be used at all: in a newer format, or with a damaged
/// description. A single damaged row is always set aside, and the others are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnCorrupt {
    /// The record store does not open.
    #[default]
    Refuse,
    /// It begins anew, with the node's own announcements that can still be read: what others
    /// published will come again.
    Recreate,
}
