//! Writes path infos as Nix does.

use nix_core::hash::{Hash, HashFormat};
use serde_json::{Value, json};

use crate::db::models::StorePath;

/// Returns what stands under the path in the map that `nix path-info --json` prints (version 1: full
/// paths, texts for the content address and the signatures).
///
/// A row that this crate did not read in may hold any text: it is shown as it is. Of a checked row
/// [`PathInfo::to_json`](nix_core::path_info::PathInfo::to_json) prints every version.
#[must_use]
pub fn to_json(path: &StorePath) -> Value {
    let hash = path
        .nar_hash()
        .map(|hash| Hash::from(hash).to_text(HashFormat::Sri));
    json!({
        "ca": path.content_address,
        "deriver": path.deriver,
        "narHash": hash.unwrap_or_else(|_| path.nar_hash.clone()),
        "narSize": path.nar_size,
        "references": path.references,
        "registrationTime": (path.registration_time != 0).then_some(path.registration_time),
        "signatures": path.signatures,
        "ultimate": path.ultimate,
    })
}
