//! A persistent record store for libp2p's Kademlia, beside the typed trees.
//!
//! [`Store::record_store`](crate::Store::record_store) gives a [`KadStore`] that a
//! `libp2p_kad::Behaviour` takes: what other nodes store here and which providers they announce, and
//! what this node itself publishes and when it is announced again. All of it outlives the process, on
//! every engine that does.
//!
//! A [`Republisher`] announces what is due, in place of the behaviour's own jobs, and
//! [`recommended`] is the configuration that goes with it. What others send is judged by
//! [`Validators`] on the threads of an [`Inbound`] before it is stored. Models become records and come
//! back by [`TypedRecord`] and [`TypedDefinition`].

mod behaviour;
mod cache;
mod clock;
mod config;
mod core;
mod duty;
mod handle;
mod hashing;
mod health;
mod inbound;
mod index;
mod iter;
mod kad;
mod load;
mod order;
mod overlay;
mod republish;
mod row;
pub(crate) mod salvage;
mod schedule;
mod state;
mod typed;
mod validate;
mod writer;

pub(crate) use self::core::OpenRecords;
pub use behaviour::recommended;
pub use clock::{Clock, ManualClock, SystemClock};
pub use config::{OnCorrupt, RecordDurability, RecordStoreConfig};
pub use handle::KadStore;
pub use health::{Health, Metrics};
pub use inbound::{Inbound, InboundConfig, InboundMetrics, Offered, Sink};
pub use iter::{Owned, Provided, Records};
pub use republish::{
    Announcement, AnnouncementKind, Outcome, Publish, ReplicaPage, RepublishConfig,
    RepublishMetrics, Republisher, Schedule,
};
pub use typed::{
    Filed, RecordError, TYPED_NAMESPACE, TypedDefinition, TypedRecord, TypedSink, TypedValidator,
};
pub use validate::{
    Found, Invalid, Limits, NAMESPACE_BYTES_MAX, NamespaceError, PROVIDER_KEY_BYTES_MAX,
    RECORD_KEY_BYTES_MAX, RECORD_VALUE_BYTES_MAX, RECORD_VALUE_BYTES_RECOMMENDED, Reason,
    Rejection, Validator, Validators,
};
