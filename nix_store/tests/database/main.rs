//! The database of a store keeps its promises: on every engine, among processes, after a crash, over
//! damaged files, and beside a real Nix.
#![cfg(all(feature = "store", unix))]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod damage;
mod derivations;
mod laws;
mod model;
mod nix;
mod processes;
mod sharing;
mod support;
