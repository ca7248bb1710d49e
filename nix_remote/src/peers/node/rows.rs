//! What a node keeps in its database beside the records of the DHT.

use netabase_store::{RedbStore, netabase_definition_module};

#[netabase_definition_module(NodeDefinition, NodeKeys)]
mod models {
    use netabase_store::NetabaseModel;

    /// The addresses of a peer.
    #[derive(NetabaseModel, Clone, Debug, PartialEq)]
    #[netabase(NodeDefinition)]
    pub(crate) struct KnownPeer {
        /// Its name, in base 58.
        #[primary_key]
        pub(crate) id: String,
        /// Where it was said to listen.
        pub(crate) addresses: Vec<String>,
        /// When it was last heard of, in seconds since 1970.
        pub(crate) seen: u64,
    }

    /// An object of the store whose archive was hashed, and may be shared.
    #[derive(NetabaseModel, Clone, Debug, PartialEq, Eq)]
    #[netabase(NodeDefinition)]
    pub(crate) struct SharedObject {
        /// The base name of its path.
        #[primary_key]
        pub(crate) path: String,
        /// The root of its archive's BLAKE3 tree.
        pub(crate) root: [u8; 32],
        /// The SHA-256 of its archive.
        pub(crate) nar_hash: [u8; 32],
        /// The size of its archive in bytes.
        pub(crate) nar_size: u64,
    }

    /// Two announcements that contradict each other, each with its key.
    #[derive(NetabaseModel, Clone, Debug, PartialEq, Eq)]
    #[netabase(NodeDefinition)]
    pub(crate) struct Contradicting {
        /// The SHA-256 of both.
        #[primary_key]
        pub(crate) id: [u8; 32],
        /// When they were seen, in seconds since 1970.
        pub(crate) seen: u64,
        /// The key of the first one in the DHT.
        pub(crate) left_key: Vec<u8>,
        /// Its envelope.
        pub(crate) left: Vec<u8>,
        /// The key of the other one.
        pub(crate) right_key: Vec<u8>,
        /// Its envelope.
        pub(crate) right: Vec<u8>,
    }
}
pub(super) use models::{Contradicting, KnownPeer, NodeDefinition, SharedObject};

/// The database of a node.
pub(super) type Database = RedbStore<NodeDefinition>;
