//! A Nix store's metadata as typed trees: [`db::models`] holds store paths, derivations and
//! realisations as models of one definition, and [`path_info`], [`derivation_show`] and
//! [`realisation_info`] read what the Nix commands of these names print, in every version.
//!
//! It is **not** a Nix store yet: texts are checked for their shape alone. No hash is recomputed, no
//! signature verified, and no file of a store is read or written.
//!
//! ```
//! use netabase_store::MemoryStore;
//! use nix_store::{db::models::*, path_info};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let json = r#"[{"path": "/nix/store/g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-hello-2.12.1",
//!     "narHash": "sha256-FePFYIlMuycIXPZbWi7LGEiMmZSX9FMbaQenWBzm1Sc=", "narSize": 120,
//!     "references": []}]"#;
//! let store = MemoryStore::<StoreDefinition>::new();
//! let paths = store.open_tree::<StorePath>();
//! for path in path_info::Reader::new(json.as_bytes()) {
//!     paths.put(path?)?;
//! }
//! let found = paths.index::<StorePathByNameSecondaryKey>().prefix("hello-").count()?;
//! assert_eq!(found, 1);
//! # Ok(())
//! # }
//! ```

mod base;
mod content_address;
pub mod db;
pub mod derivation_show;
mod hash;
mod json;
pub mod path_info;
pub mod realisation_info;
mod shape;
mod signature;
mod store_dir;

pub use crate::{
    content_address::canonical_content_address,
    hash::{canonical_hash, canonical_nar_hash, sri_hash},
    shape::ShapeError,
    signature::check_signature,
    store_dir::StoreDir,
};
