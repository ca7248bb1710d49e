//! What is measured of the Nix crates: archives, derivations, references, graphs, signatures and
//! stores, each beside what one would take instead.

pub mod archive;
pub mod child;
pub mod database;
pub mod decode;
pub mod derivation;
pub mod graph;
pub mod million;
pub mod objects;
pub mod options;
pub mod process;
pub mod race;
pub mod scan;
pub mod signatures;
pub mod tree;

use std::path::{Path, PathBuf};

/// Returns a file or folder of the test data that lie beside the workspace (`NETABASE_SHARED`).
#[must_use]
pub fn shared(path: &str) -> PathBuf {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let shared = std::env::var_os("NETABASE_SHARED").map_or(beside, PathBuf::from);
    shared.join(path)
}

/// Says why a part was left out.
#[must_use]
pub fn skipped(what: &str, path: &Path) -> String {
    format!("{what}: skipped, there is no {}\n", path.display())
}
