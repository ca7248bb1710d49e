//! A Nix store as a library, synchronous and without a daemon.
//!
//! [`db::models`] holds store paths, derivations and realisations as models of one definition, and
//! [`path_info`], [`derivation_show`] and [`realisation_info`] read what the Nix commands of these
//! names print, in every version. Rows are text, as the engine keeps them; their methods return what
//! they say as the checked types of [`nix_core`], and make rows of those.
//!
//! With the feature `store` there are objects: behind the traits `store::ReadStore` and
//! `store::WriteStore` in memory (`memory`), over another store (`read_only`) and as files
//! (`local`), with garbage collection (`gc`), deduplication (`optimise`), verification
//! (`verify`) and a record of builds (`drv_files`). With `nix-db` Nix's own database is read
//! without importing it, imported and exported (`nix_db`).
//!
//! It is **not** a builder and has no network: who builds registers what came out, and where objects
//! come from is for others to say.
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
//!
//! | feature | gives | default |
//! | --- | --- | --- |
//! | `store` | stores of objects; all but those in memory are for Unix | yes |
//! | `nix-db` | Nix's database, by SQLite, which needs a C compiler | no |
//! | `sled` | databases on sled beside those on redb | no |

mod ahead;
pub mod db;
pub mod derivation_show;
#[cfg(all(feature = "store", unix))]
pub mod drv_files;
mod field;
#[cfg(all(feature = "store", unix))]
mod file_lock;
#[cfg(all(feature = "store", unix))]
pub mod gc;
#[cfg(all(feature = "store", unix))]
pub mod local;
#[cfg(feature = "store")]
pub mod memory;
#[cfg(all(feature = "nix-db", unix))]
pub mod nix_db;
#[cfg(all(feature = "store", unix))]
pub mod optimise;
pub mod path_info;
#[cfg(feature = "store")]
pub mod read_only;
pub mod realisation_info;
#[cfg(feature = "store")]
pub mod store;
#[cfg(all(feature = "store", unix))]
pub mod verify;

pub use nix_core::store_path::StoreDir;

pub use crate::field::{FieldError, FieldErrorKind};
