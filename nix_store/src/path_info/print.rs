//! Writes path infos as Nix does.

use serde_json::{Value, json};

use crate::{db::models::StorePath, hash::sri_hash};

/// Returns what stands under the path in the map that `nix path-info --json` prints (version 1: full
/// paths, texts for the content address and the signatures).
#[must_use]
pub fn to_json(path: &StorePath) -> Value {
    json!({
        "ca": path.content_address,
        "deriver": path.deriver,
        // A row that this crate did not read in may hold any text: it is shown as it is.
        "narHash": sri_hash(&path.nar_hash).unwrap_or_else(|_| path.nar_hash.clone()),
        "narSize": path.nar_size,
        "references": path.references,
        "registrationTime": (path.registration_time != 0).then_some(path.registration_time),
        "signatures": path.signatures,
        "ultimate": path.ultimate,
    })
}
