//! Path infos, narinfos, realisations, build results and signatures, as others have written them.

#![expect(clippy::indexing_slicing, reason = "a test may panic")]

mod paths;
mod real_nix;
mod vectors_of_nix;

use serde_json::Value;
use test_data::{missing, shared};

fn parse(text: &[u8]) -> Value {
    nix_core::json::parse_value(text).expect("JSON")
}
