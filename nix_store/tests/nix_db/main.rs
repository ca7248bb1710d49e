//! Nix's own database: asked, hostile, written, imported and exported, and beside a real Nix.
#![cfg(all(feature = "nix-db", unix))]
#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

mod hostile;
mod open;
mod real;
mod register;
mod support;
mod transfer;
