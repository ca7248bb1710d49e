//! A node: the machines of this module, driven by a swarm of libp2p, beside a store on disk.
//!
//! [`Node::start`] opens the records of the node and begins to listen; the [`NodeHandle`] that it
//! returns asks the node to find, fetch and announce paths. All that the node decides is decided by
//! [`lookup`](super::lookup), [`transfer`](super::transfer) and
//! [`validators`](super::validators); here bytes are moved, files written and times told.
//!
//! The node speaks TCP, encrypted with Noise, and on it yamux, identify, Kademlia and the protocol of
//! [`transfer`](super::transfer). Files in its folder:
//!
//! | file | holds |
//! | --- | --- |
//! | `records.redb` | the records that it keeps for others and its own, the addresses of peers, and what it shares |
//! | `archives/` | the outboards of what it shares, and what it is fetching |
//!
//! What is shared is read from the store, where it is sent. What is there of fetches that did not come
//! to their end is shared too, from the start of the node on.
//!
//! Whatever is fetched is verified group by group as it comes, its NAR hash is checked when it is
//! there, and the store checks it again as it is added. Until then it is in the node's folder alone.

mod adding;
mod addresses;
mod announcer;
mod announcing;
mod behaviour;
mod config;
mod downloading;
mod error;
mod events;
mod evidence;
mod fetching;
mod finding;
mod handle;
mod hearing;
mod known;
mod left;
#[cfg(feature = "mdns")]
mod local;
mod rows;
mod serving;
mod shares;
mod spool;
mod stop;
mod task;
mod totals;
mod views;
mod writer;

use std::{sync::Arc, time::SystemTime};

use libp2p::{PeerId, Swarm};
use netabase_store::{
    NetabaseError,
    records::{Inbound, InboundConfig, RecordStoreConfig, RepublishConfig, Republisher},
};
use nix_store::local::LocalStore;
use tokio::sync::mpsc;

pub use self::{
    announcing::RoundCounts,
    config::{NETWORK_NAME_BYTES_MAX, NodeConfig, NodeLimits},
    error::{AnnounceError, FetchError, FindError, NodeError, ObjectError, Stopped},
    evidence::{EVIDENCE_MAX, Evidence},
    handle::{DownloadStatus, Fetched, NodeHandle, Status},
    serving::Served,
    totals::{RefusedConnections, Totals},
};
use self::{
    behaviour::Speech,
    evidence::EvidenceBook,
    finding::Finding,
    hearing::HearingCodec,
    known::Known,
    left::share_left,
    rows::{Database, SharedObject},
    shares::{Shared, Shares},
    spool::Spool,
    task::{DONE_MAX, Parts, Task},
};
use super::{
    lookup::Lookups,
    transfer::{GroupSet, Server},
    validators::validators,
};

/// How many wishes wait for a node.
const COMMANDS_MAX: usize = 64;

/// A node that shares the objects of a store.
#[derive(Debug)]
pub struct Node;

impl Node {
    /// Starts a node beside a store, on the runtime of the caller, and returns its handle.
    ///
    /// Opens a database and reads what is shared, which may take a moment.
    ///
    /// # Errors
    /// Fails where its folder cannot be used or is used by another node, and where it cannot listen.
    ///
    /// # Panics
    /// Panics outside of a tokio runtime with time and IO.
    pub fn start(config: NodeConfig, store: LocalStore) -> Result<NodeHandle, NodeError> {
        config.check_network()?;
        let id = config.identity.public().to_peer_id();
        let parts = open(config, store, id)?;
        let (commands, to_do) = mpsc::channel(COMMANDS_MAX);
        let (done, what_is_done) = mpsc::channel(DONE_MAX);
        let task = Task::new(parts, done);
        tokio::spawn(task.run(to_do, what_is_done));
        Ok(NodeHandle { id, commands })
    }
}

fn open(config: NodeConfig, store: LocalStore, id: PeerId) -> Result<Parts, NodeError> {
    let folder = |source| NodeError::Folder {
        path: config.folder.clone(),
        source,
    };
    let spool = Spool::open(config.folder.join("archives")).map_err(folder)?;
    let left = spool.tidy(SystemTime::now()).map_err(folder)?;
    let database = Database::new(config.folder.join("records.redb"));
    let database = database.map_err(NodeError::Records)?;
    let known = Known::load(&database).map_err(NodeError::Records)?;
    let evidence = EvidenceBook::load(&database).map_err(NodeError::Records)?;
    let records = database.record_store(id, RecordStoreConfig::default());
    let records = records.map_err(NodeError::Records)?;

    let dir = store.layout().store_dir.clone();
    let rules = validators(&dir, config.keeps.clone()).map_err(NodeError::Namespaces)?;
    let inbound = Inbound::start(records.clone(), Arc::new(rules), InboundConfig::default());
    let inbound = inbound.map_err(NodeError::Threads)?;
    let codec = HearingCodec::default();
    let buffers = codec.inner.buffers.clone();
    let mut swarm = behaviour::swarm(&config, records.clone(), codec)?;
    listen(&mut swarm, &config)?;

    let mut server = Server::new(config.limits.serve);
    let mut shares = Shares::default();
    for shared in remembered(&database).map_err(NodeError::Records)? {
        let blob = shared.blob;
        if spool.has_outboard(&blob) && shares.add(shared) {
            server.share(blob, GroupSet::full(blob.groups()));
        }
    }
    let (is_shared, own) = (config.share_fetched, (&records, id));
    share_left(left, is_shared, own, &mut shares, &mut server);
    let lookups = Lookups::new(dir, config.trusted.clone(), config.limits.lookups);
    Ok(Parts {
        swarm,
        config,
        store,
        spool,
        records,
        republisher: Republisher::new(id, RepublishConfig::default()),
        inbound,
        database,
        known,
        server,
        shares,
        evidence,
        finding: Finding::new(lookups),
        buffers,
    })
}

/// Reads what may be shared. A row that is of no object counts for nothing.
fn remembered(database: &Database) -> Result<Vec<Shared>, NetabaseError> {
    let rows = database.open_tree::<SharedObject>();
    let shared = rows
        .iter()
        .map(|row| row.map(|(_, row)| Shared::from_row(&row)));
    shared.filter_map(Result::transpose).collect()
}

fn listen(swarm: &mut Swarm<Speech>, config: &NodeConfig) -> Result<(), NodeError> {
    for address in &config.listen {
        let listening = swarm.listen_on(address.clone());
        listening.map_err(|source| NodeError::Listen {
            address: address.clone(),
            source,
        })?;
    }
    Ok(())
}
