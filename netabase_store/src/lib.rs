//! An embeddable typed key-value store: structs become typed trees with secondary indexes.
//!
//! What it is: derive macros, ordered keys, one index plan and one query engine over redb, sled or
//! memory, with transactions over several models that mean the same on each. What it is **not**: a
//! server, a query language, or an async runtime.
//!
//! ```
//! # fn main() -> netabase_store::Result<()> {
//! use netabase_store::{MemoryStore, netabase_definition_module};
//!
//! #[netabase_definition_module(BlogDefinition, BlogKeys)]
//! mod blog {
//!     use netabase_store::NetabaseModel;
//!
//!     #[derive(NetabaseModel, Clone, Debug, PartialEq)]
//!     #[netabase(BlogDefinition)]
//!     pub struct User {
//!         #[primary_key]
//!         pub id: u64,
//!         #[secondary_key]
//!         pub age: u32,
//!     }
//! }
//! use blog::*;
//!
//! let store = MemoryStore::<BlogDefinition>::new();
//! let users = store.open_tree::<User>();
//! users.put(User { id: 1, age: 30 })?;
//! let adults = users.index::<UserAgeSecondaryKey>().range(18..);
//! assert_eq!(adults.count()?, 1);
//! # Ok(())
//! # }
//! ```
//!
//! | feature | gives | default |
//! | --- | --- | --- |
//! | `redb` | [`RedbStore`], one file | yes |
//! | `sled` | `SledStore`, a folder | no |
//! | `native` | both | no |
//! | `libp2p` | `records`, a record store for libp2p's Kademlia | no |
//! | `uuid`, `time` | keys and values of those crates | no |
//!
//! How it works is told in ARCHITECTURE.md of the repository.

extern crate self as netabase_store;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
pub mod backends;
mod background;
mod bounds;
mod checksum;
mod codec;
mod computed;
mod copy;
mod definition;
mod dynamic;
mod envelope;
mod error;
mod group;
mod index;
mod inner;
mod key;
mod meta;
mod model;
mod open;
mod options;
mod page;
mod plan;
mod query;
mod raw;
mod reader;
mod rebuild;
#[cfg(feature = "libp2p")]
pub mod records;
#[cfg(test)]
mod schedules;
mod schema;
mod scrub;
#[cfg(any(feature = "redb", feature = "sled"))]
mod seam;
mod store;
mod sync;
mod tables;
mod threads;
mod to_ivec;
mod tree;
mod txn;
mod value;
mod verify;
mod view;
mod write;
mod writer;

pub use backends::Backend;
pub use bounds::{KeyBound, KeyRange, Leading, PrefixOf, TextKey};
pub use definition::NetabaseDefinitionTrait;
pub use dynamic::Value;
pub use error::{
    Difference, EncodingDecodingError, EngineError, NetabaseError, Result, StoreError,
};
pub use index::Index;
pub use inner::Durability;
pub use key::{KEY_BYTES_MAX, KeyError, KeyReader, NetabaseKey, decode_key, encode_key};
pub use meta::FORMAT_VERSION;
pub use model::{IndexOf, KeyNewtype, NetabaseModelTrait, SecondaryKeyOf};
pub use netabase_macros::{NetabaseKey, NetabaseModel, NetabaseValue, netabase_definition_module};
pub use options::{CACHE_BYTES_DEFAULT, StoreOptions, Verify};
pub use page::{Cursor, Page};
pub use query::{Keys, Pairs, Query, Values};
pub use raw::{
    Description, RawLoader, RawModel, RawRecord, RawRecords, RawStore, RecoveredModel,
    RecoveredRecordStore, Recovery, detect_engine,
};
pub use schema::{
    DefinitionSchema, Fields, IndexSchema, ModelSchema, NamedType, Role, Shape, TypeBody, Types,
};
pub use scrub::{Scrub, ScrubOptions, ScrubStep};
pub use store::Store;
pub use sync::NetabaseTreeSync;
pub use to_ivec::ToIVec;
pub use tree::Tree;
pub use txn::{ReadTransaction, WriteTransaction};
pub use value::{
    NetabaseValue, VALUE_BYTES_MAX, VALUE_DEPTH_MAX, ValueError, ValueReader, ValueWriter,
};
pub use verify::Report;
pub use view::{Live, ReadView, View, Writable, WriteView};

/// A store in a redb file.
#[cfg(feature = "redb")]
pub type RedbStore<D> = Store<D, backends::redb::RedbBackend>;

/// A tree of a store in a redb file.
#[cfg(feature = "redb")]
pub type RedbStoreTree<D, M, V = Live<backends::redb::RedbBackend>> = Tree<D, M, V>;

/// A store in a folder of sled.
#[cfg(feature = "sled")]
pub type SledStore<D> = Store<D, backends::sled::SledBackend>;

/// A tree of a store in a folder of sled.
#[cfg(feature = "sled")]
pub type SledStoreTree<D, M, V = Live<backends::sled::SledBackend>> = Tree<D, M, V>;

/// A store in memory.
pub type MemoryStore<D> = Store<D, backends::memory::MemoryBackend>;

/// A tree of a store in memory.
pub type MemoryStoreTree<D, M, V = Live<backends::memory::MemoryBackend>> = Tree<D, M, V>;

#[cfg(all(doctest, feature = "redb"))]
#[doc = include_str!("../../README.md")]
struct ReadmeExamples;
