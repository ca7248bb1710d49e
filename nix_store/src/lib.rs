//! A Nix store's metadata as typed trees: [`db::models`] holds store paths, derivations and
//! realisations as models of one definition, and [`path_info`], [`derivation_show`] and
//! [`realisation_info`] read what the Nix commands of these names print, in every version.
//!
//! Rows are text, as the engine keeps them; their methods return what they say as the checked types
//! of [`nix_core`], and make rows of those.
//!
//! It is **not** a Nix store yet: no file of a store is read or written, and nobody checks the
//! signatures of what is read in but who asks
//! [`PathInfo::check_signatures`](nix_core::path_info::PathInfo::check_signatures).
//!
//! ```
//! use netabase_store::MemoryStore;
//! use nix_store::{StoreDir, db::models::*, path_info};
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
//!
//! let path = paths.get("/nix/store/g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-hello-2.12.1")?;
//! let info = path.expect("it was stored").to_path_info(&StoreDir::default())?;
//! assert_eq!(info.path.name(), "hello-2.12.1");
//! # Ok(())
//! # }
//! ```

pub mod db;
pub mod derivation_show;
mod field;
pub mod path_info;
pub mod realisation_info;

pub use nix_core::store_path::StoreDir;

pub use crate::field::{FieldError, FieldErrorKind};
