//! Path infos, narinfos, realisations, build results and signatures, as others have written them.

#![expect(clippy::indexing_slicing, reason = "a test may panic")]

mod paths;
mod real_nix;
mod vectors_of_nix;

use std::path::{Path, PathBuf};

use serde_json::Value;

/// Returns a file beside the workspace, or nothing, having said so, where it may be missing.
fn shared(name: &str) -> Option<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folder = std::env::var_os("NETABASE_SHARED")
        .map_or_else(|| workspace.join("../shared"), PathBuf::from);
    let path = folder.join(name);
    if path.exists() {
        return Some(path);
    }
    missing(&format!("there is no {}", path.display()));
    None
}

/// Says why a test is skipped, or fails where nothing may be missing.
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn missing(why: &str) {
    assert!(std::env::var_os("NETABASE_REQUIRE_ALL").is_none(), "{why}");
    eprintln!("skipped: {why}");
}

fn parse(text: &[u8]) -> Value {
    nix_core::json::parse_value(text).expect("JSON")
}
